//! Every bound of the wire in one place: what a decoder refuses, how much a buffer holds, how long a peer may be
//! silent.
//!
//! A bound that follows from others is computed from them.

/// Version in the hello. A server refuses any other with close code 4500.
pub const PROTOCOL_VERSION: u16 = 2;

/// The last tick of a server's clock, after more than two years at 60 Hz. Then all clients are asked to reconnect, and
/// ticks restart at 0. Stamps ahead of the present still fit in 32 bits.
pub const TICK_LAST: u32 = u32::MAX - (1 << 20);

/// The WebSocket subprotocol both ends name in the handshake.
pub const SUBPROTOCOL: &str = "fracas.1";

/// The HTTP header of the handshake with which a load generator declares that its player is idle on purpose. A server
/// believes it only from addresses that are exempt from its limits.
pub const IDLE_HEADER: &str = "x-fracas-idle";

/// Largest WebSocket message a client may send, in bytes. A larger one is closed with 1009.
pub const CLIENT_MESSAGE_BYTES_MAX: usize = 1024;

/// Largest control message a server sends, in bytes. A game's largest news must fit.
pub const SERVER_MESSAGE_BYTES_MAX: usize = 8 * 1024;

/// Most entities on one client's known list. Beyond it the nearest are kept.
pub const VISIBLE_MAX: usize = 8 * 1024;

/// Most tick bodies in one frame. Also how many ticks an event loop may be late before its players start afresh.
pub const BODIES_MAX: usize = 16;

/// Bytes of entries a body may carry. What does not fit comes with the next tick, nearest first.
pub const ENTRY_BUDGET_BYTES: usize = 2 * 1024;

/// Most bits one entity's delta may take.
pub const DELTA_BITS_MAX: usize = 256;

/// Largest frame, in bytes. Law 5 allows one frame per player in memory, so this bounds that memory too.
///
/// It covers one body with a full known list and a full budget of entries. Every entity has a flag, and an eighth of
/// them a whole delta. A frame takes another body only while it is below half of this.
pub const FRAME_BYTES_MAX: usize = 128 * 1024;

const _: () = assert!(
    VISIBLE_MAX / 8 + VISIBLE_MAX / 8 * DELTA_BITS_MAX / 8 + VISIBLE_MAX * 2 + 2 * ENTRY_BUDGET_BYTES
        <= FRAME_BYTES_MAX / 2 + FRAME_BYTES_MAX / 4,
    "a body of a full known list must fit in a frame"
);

/// Fewest and most characters (Unicode scalar values) of a player's name.
pub const NAME_CHARS_MAX: usize = 20;

/// Most bytes of a player's name in UTF-8. Six bits carry the length less one.
pub const NAME_BYTES_MAX: usize = 64;

/// Names a client remembers; the oldest is overwritten. Both ends count the same way, so only an index is sent.
pub const NAME_TABLE_LEN: usize = 128;

/// Most bytes of a room's name.
pub const ROOM_NAME_BYTES_MAX: usize = 32;

/// Name of the room a client asks for when it asks for none.
pub const DEFAULT_ROOM: &str = "main";

/// How many ticks ahead of the server's an input may be stamped and still be kept.
pub const INPUTS_AHEAD_MAX: u32 = 64;

/// How far behind the newest body a client shows others, in ticks: usually, and at most.
pub const DISPLAY_DELAY_TICKS: u32 = 2;
/// See [`DISPLAY_DELAY_TICKS`].
pub const DISPLAY_DELAY_TICKS_MAX: u32 = 3;

/// How far back a shot may be judged. The sum has these milliseconds of network, the longest display delay, and the
/// ticks of slack below. It is never more than [`REWIND_MS_MAX`].
pub const REWIND_NETWORK_MS: u32 = 250;
/// See [`REWIND_NETWORK_MS`].
pub const REWIND_SLACK_TICKS: u32 = 2;
/// See [`REWIND_NETWORK_MS`].
pub const REWIND_MS_MAX: u32 = 450;

/// How long the least lag of a player's acknowledgements counts, in milliseconds.
pub const REWIND_MEMORY_MS: u32 = 2000;
/// How fast a player's judged lag may rise, in ticks a second. It falls at once.
pub const REWIND_RISE_TICKS_PER_S: u32 = 1;
/// How many ticks of an input's lead count. More lead is ignored.
pub const REWIND_LEAD_TICKS: u32 = 2;
/// How far beyond the screen's edge entities are made known, in units. So an entity is known before it flies into view,
/// also for a client that predicts its own entity some ticks ahead.
pub const VIEW_MARGIN: i32 = 48;

/// How far a shot's view may be from what the server expects of that player, in ticks.
pub const VIEW_TOLERANCE_TICKS: u32 = 2;

/// A client sends a message at least this often, if only the last tick it received.
pub const CLIENT_SILENCE_MAX_MS: u32 = 200;

/// A client may ask for one fresh start in this time.
pub const FRESH_START_INTERVAL_MS: u32 = 1000;
