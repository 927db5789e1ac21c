//! The functions that the page calls. They only move bytes; what they do is in [`crate::page`].
#![expect(
    unsafe_code,
    reason = "an export needs `no_mangle`, which counts as unsafe; and the page's import is foreign"
)]

use crate::net::NET_LEN;
use crate::page::{HUD_LEN, Page};
use crate::{parity, texts};
use fracas_protocol::wire::limits::FRAME_BYTES_MAX;
use std::cell::RefCell;

/// What the page writes for us: one message, or the texts of [`start`].
const INBOX_LEN: usize = FRAME_BYTES_MAX;
/// What we write for the page: one message or one text.
const OUTBOX_LEN: usize = 64 * 1024;

struct Core {
    inbox: Vec<u8>,
    outbox: Vec<u8>,
    page: Option<Page>,
}

thread_local! {
    static CORE: RefCell<Core> = RefCell::new(Core {
        inbox: vec![0; INBOX_LEN],
        outbox: Vec::with_capacity(OUTBOX_LEN),
        page: None,
    });
}

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Tells the page why the core stopped: a text of `len` bytes at `text`.
    fn panicked(text: *const u8, len: usize);
}

fn with<T>(run: impl FnOnce(&mut Core) -> T) -> T {
    CORE.with_borrow_mut(run)
}

fn with_page<T: Default>(run: impl FnOnce(&mut Page) -> T) -> T {
    with(|core| core.page.as_mut().map_or_else(T::default, run))
}

/// Puts a text or message into the outbox. Returns its length; -1 for none.
fn put(core: &mut Core, bytes: Option<&[u8]>) -> i32 {
    core.outbox.clear();
    let Some(bytes) = bytes.filter(|bytes| bytes.len() <= OUTBOX_LEN) else { return -1 };
    core.outbox.extend_from_slice(bytes);
    bytes.len() as i32
}

/// Call once, before anything else: a panic then reaches the page as text.
#[unsafe(no_mangle)]
extern "C" fn init() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        // SAFETY: the page reads `len` bytes at `text` before it returns, and `text` lives until then.
        unsafe { panicked(text.as_ptr(), text.len()) }
    }));
}

/// Where the page writes.
#[unsafe(no_mangle)]
extern "C" fn inbox() -> *mut u8 {
    with(|core| core.inbox.as_mut_ptr())
}

/// How much fits there.
#[unsafe(no_mangle)]
extern "C" fn inbox_len() -> usize {
    INBOX_LEN
}

/// Where the page reads.
#[unsafe(no_mangle)]
extern "C" fn outbox() -> *const u8 {
    with(|core| core.outbox.as_ptr())
}

/// Begins a connection. The inbox holds the game's start-up data, the name, a token if there is one, and the
/// room's name. Returns 0, or a fault's number.
#[unsafe(no_mangle)]
extern "C" fn start(data_len: usize, name_len: usize, token_len: usize, room_len: usize, aspect: u32) -> i32 {
    with(|core| {
        core.page = None;
        let text = |from: usize, len: usize| core.inbox.get(from..from + len).and_then(|b| std::str::from_utf8(b).ok());
        let token = core.inbox.get(data_len + name_len..data_len + name_len + token_len);
        let token = token.and_then(|bytes| <[u8; 16]>::try_from(bytes).ok());
        let room = text(data_len + name_len + token_len, room_len);
        let (Some(data), Some(name), Some(room)) = (core.inbox.get(..data_len), text(data_len, name_len), room) else {
            return 1;
        };
        match Page::new(data, name, room, aspect, token) {
            Ok(page) => {
                core.page = Some(page);
                0
            }
            Err(fault) => fault as i32,
        }
    })
}

/// Takes the message of `len` bytes in the inbox. Returns 0, or a fault's number.
#[unsafe(no_mangle)]
extern "C" fn receive(len: usize, now_ms: f64) -> i32 {
    with(|core| {
        let (Some(page), Some(message)) = (&mut core.page, core.inbox.get(..len)) else { return 2 };
        page.receive(message, now_ms).map_or_else(|fault| fault as i32, |()| 0)
    })
}

/// What the player wants: thrust and aim in turns clockwise from the right, thrust below 0 for none; what is pressed, in
/// bits: 1 fire, which is held, and once a dash (2) and a rail (4).
#[unsafe(no_mangle)]
extern "C" fn set_input(now_ms: f64, thrust: f32, aim: f32, pressed: u32) {
    with_page(|page| page.set_input(now_ms, (thrust, aim), pressed));
}

/// Nobody looks at the page any more (1), or somebody looks again (0).
#[unsafe(no_mangle)]
extern "C" fn set_hidden(hidden: u32, now_ms: f64) {
    with_page(|page| page.set_hidden(hidden != 0, now_ms));
}

/// Plays the ticks that have come.
#[unsafe(no_mangle)]
extern "C" fn advance(now_ms: f64) {
    with_page(|page| page.advance(now_ms));
}

/// Acknowledges the last tick received, if that was not done yet.
#[unsafe(no_mangle)]
extern "C" fn acknowledge(now_ms: f64) {
    with_page(|page| page.acknowledge(now_ms));
}

/// Says that the player leaves.
#[unsafe(no_mangle)]
extern "C" fn leave(now_ms: f64) {
    with_page(|page| page.leave(now_ms));
}

/// Puts the next message to send into the outbox. Returns its length; -1 for none.
#[unsafe(no_mangle)]
extern "C" fn take_outgoing() -> i32 {
    with(|core| {
        let message = core.page.as_mut().and_then(Page::take_outgoing);
        put(core, message.as_deref())
    })
}

/// Puts the next event's text into the outbox. Returns its length; -1 for none.
#[unsafe(no_mangle)]
extern "C" fn take_event() -> i32 {
    with(|core| {
        let text = core.page.as_mut().and_then(Page::take_event);
        put(core, text.as_deref().map(str::as_bytes))
    })
}

/// Puts the name of the ship with this id into the outbox. Returns its length; -1 for none.
#[unsafe(no_mangle)]
extern "C" fn name_of(id: u32) -> i32 {
    with(|core| {
        let name = core.page.as_ref().and_then(|page| page.name_of(id)).map(String::from);
        put(core, name.as_deref().map(str::as_bytes))
    })
}

/// Puts the name that others see at the own ship into the outbox. Returns its length; -1 for none.
#[unsafe(no_mangle)]
extern "C" fn own_name() -> i32 {
    with(|core| {
        let name = core.page.as_ref().and_then(Page::own_name).map(String::from);
        put(core, name.as_deref().map(str::as_bytes))
    })
}

/// Puts into the outbox what a player reads after a close with this code. Returns its length.
#[unsafe(no_mangle)]
extern "C" fn words_for_close(code: u32) -> i32 {
    with(|core| put(core, Some(texts::describe_close(code as u16).as_bytes())))
}

/// Makes the picture of this moment.
#[unsafe(no_mangle)]
extern "C" fn draw(now_ms: f64, half_width: f64, half_height: f64) {
    with_page(|page| page.draw(now_ms, half_width, half_height));
}

macro_rules! array {
    ($pointer:ident, $len:ident, $field:ident) => {
        /// Where the array of the last picture is.
        #[unsafe(no_mangle)]
        extern "C" fn $pointer() -> *const f32 {
            with(|core| core.page.as_ref().map_or(std::ptr::null(), |page| page.scene.$field.pointer()))
        }

        /// How many floats it has.
        #[unsafe(no_mangle)]
        extern "C" fn $len() -> usize {
            with(|core| core.page.as_ref().map_or(0, |page| page.scene.$field.len()))
        }
    };
}

array!(ships, ships_len, ships);
array!(bolts, bolts_len, bolts);
array!(pickups, pickups_len, pickups);
array!(walls, walls_len, walls);
array!(beams, beams_len, beams);

/// Where the numbers for the heads-up display are.
#[unsafe(no_mangle)]
extern "C" fn hud() -> *const f32 {
    with(|core| core.page.as_ref().map_or(std::ptr::null(), |page| page.hud.as_ptr()))
}

/// How many there are.
#[unsafe(no_mangle)]
extern "C" fn hud_len() -> usize {
    HUD_LEN
}

/// Where the numbers for the net graph are.
#[unsafe(no_mangle)]
extern "C" fn net() -> *const f32 {
    with(|core| core.page.as_ref().map_or(std::ptr::null(), |page| page.net.as_ptr()))
}

/// How many there are.
#[unsafe(no_mangle)]
extern "C" fn net_len() -> usize {
    NET_LEN
}

/// Where the server has the own ship, in units: x for 0, y for 1; not a number if it has none.
#[unsafe(no_mangle)]
extern "C" fn recorded_place(axis: u32) -> f64 {
    with(|core| {
        let place = core.page.as_ref().and_then(Page::recorded_place);
        place.map_or(f64::NAN, |place| if axis == 0 { place.x } else { place.y })
    })
}

/// The tile that opens after `rank` others: its column for 0, its row for 1; -1 if there is none.
#[unsafe(no_mangle)]
extern "C" fn tile_of_rank(rank: u32, axis: u32) -> i32 {
    with(|core| {
        let tile = core.page.as_ref().and_then(|page| page.tile_of_rank(rank));
        tile.map_or(-1, |(column, row)| if axis == 0 { column as i32 } else { row as i32 })
    })
}

/// A hash of what the core holds; 0 before [`start`]. A build for another machine must hold the same after the same calls.
#[unsafe(no_mangle)]
extern "C" fn digest() -> u32 {
    with_page(|page| page.digest())
}

/// A hash of so many steps of ships that are flown at random, likewise.
#[unsafe(no_mangle)]
extern "C" fn steps_digest(seed: u32, steps: u32) -> u32 {
    parity::steps(seed, steps)
}
