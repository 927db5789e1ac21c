//! How a panic reaches the page: as text, before the core stops for good.
#![cfg_attr(target_arch = "wasm32", expect(unsafe_code, reason = "what the page gives to the core is foreign"))]

#[cfg(target_arch = "wasm32")]
#[link(wasm_import_module = "page")]
unsafe extern "C" {
    /// Tells the page why the core stopped: a text of `len` bytes at `text`.
    fn panicked(text: *const u8, len: usize);
}

/// Lets the page know of panics from now on.
pub(crate) fn report() {
    #[cfg(target_arch = "wasm32")]
    std::panic::set_hook(Box::new(|info| {
        let text = info.to_string();
        // SAFETY: the page reads `len` bytes at `text` before it returns, and `text` lives until then.
        unsafe { panicked(text.as_ptr(), text.len()) }
    }));
}
