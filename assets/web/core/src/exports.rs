//! The functions that the page calls. They only move numbers; what they do is in [`crate::Core`].

/// Makes the exports of a game's core, in the game's crate: `core!(Tag)` for a game with a
/// [`Look`](fracas_protocol::game::look::Look), `core!(Tag, TagScreen)` for one with a [`Screen`](crate::Screen) of its own.
/// One call in a crate.
#[macro_export]
macro_rules! core {
    ($rules:ty) => {
        $crate::core!($rules, $crate::Stock);
    };
    ($rules:ty, $screen:ty) => {
        /// The functions that the page calls.
        #[doc(hidden)]
        #[allow(unsafe_code, missing_docs, reason = "an export needs `no_mangle`, which counts as unsafe")]
        pub mod fracas_exports {
            use super::*;

            std::thread_local! {
                static CORE: std::cell::RefCell<$crate::Core<$rules, $screen>> = std::cell::RefCell::default();
            }

            $crate::exports! {
                CORE:
                fn init();
                fn inbox(len: usize) -> *mut u8;
                fn outbox() -> *const u8;
                fn start(data: usize, name: usize, token: usize, room: usize, aspect: u32) -> i32;
                fn receive(len: usize, now_ms: f64) -> i32;
                fn set_input(
                    now_ms: f64,
                    direction: f32,
                    aim: f32,
                    pointer_x: f64,
                    pointer_y: f64,
                    primary: u32,
                    secondary: u32,
                    boost: u32,
                );
                fn set_hidden(hidden: u32, now_ms: f64);
                fn advance(now_ms: f64);
                fn acknowledge(now_ms: f64);
                fn leave(now_ms: f64);
                fn draw(now_ms: f64, half_width: f64, half_height: f64);
                fn take_outgoing() -> i32;
                fn take_event() -> i32;
                fn name_of(id: u32) -> i32;
                fn status() -> i32;
                fn explain() -> i32;
                fn words_for_close(code: u32) -> i32;
                fn describe() -> i32;
                fn array(index: usize) -> *const f32;
                fn array_len(index: usize) -> usize;
                fn recorded_place(axis: u32) -> f64;
                fn digest() -> u32;
                fn trial(seed: u32, steps: u32) -> u32;
            }
        }
    };
}

/// The functions of [`core!`]. In a program that is no page they are plain functions, so that one may hold several games.
#[doc(hidden)]
#[macro_export]
macro_rules! exports {
    ($core:ident: $(fn $name:ident($($arg:ident: $kind:ty),* $(,)?) $(-> $result:ty)?;)+) => {
        $(
            #[cfg_attr(target_arch = "wasm32", unsafe(no_mangle))]
            pub extern "C" fn $name($($arg: $kind),*) $(-> $result)? {
                $core.with_borrow_mut(|core| core.$name($($arg),*))
            }
        )+
    };
}
