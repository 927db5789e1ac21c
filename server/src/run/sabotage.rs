//! Where tests break the server on purpose: no test can kill one thread of a process from outside. What breaks is set in
//! the environment as `FAILPOINTS`; a build without the feature `failpoints` of the crate `fail` has none of this.
//!
//! `tick=60*off->return` and `loop-0=60*off->return` have that thread panic after 60 ticks, `first-tick=return(90)` begins 90
//! ticks before the last there can be, and `game-step` has a room's game panic: see `sim/game_tick.rs`.

use fail::{FailScenario, fail_point};
use fracas_protocol::tick::Tick;

/// Reads the environment; it holds as long as what is returned.
pub(super) fn set_up() -> Option<FailScenario<'static>> {
    fail::has_failpoints().then(FailScenario::setup)
}

/// Panics, if the thread that passes here is to.
pub(super) fn pass() {
    fail_point!(std::thread::current().name().unwrap_or_default(), |_| panic!("sabotage"));
}

/// The tick before the first.
pub(super) fn begins_after() -> Tick {
    fail_point!("first-tick", |left| {
        let left = left.and_then(|ticks| ticks.parse().ok()).unwrap_or(0);
        Tick(fracas_protocol::wire::limits::TICK_LAST - left)
    });
    Tick(0)
}
