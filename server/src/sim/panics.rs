//! Panics of a game's code: they end a room, or a replay, and nothing else.

use std::any::Any;
use std::panic::{AssertUnwindSafe, catch_unwind};

/// Bytes of a panic's message that are kept.
const MESSAGE_BYTES_MAX: usize = 1024;

/// Calls the game's code. Returns what a panic said, if there was one: whatever is half done then
/// is to be thrown away.
pub(super) fn catch<T>(call: impl FnOnce() -> T) -> Result<T, String> {
    catch_unwind(AssertUnwindSafe(call)).map_err(|payload| message(&*payload))
}

fn message(payload: &(dyn Any + Send)) -> String {
    let message = payload.downcast_ref::<&str>().copied();
    let message = message.or_else(|| payload.downcast_ref::<String>().map(String::as_str));
    let message = message.unwrap_or("a panic without message");
    message[..message.floor_char_boundary(MESSAGE_BYTES_MAX)].to_owned()
}
