//! Lets a brain play through a client that looks: it thinks before each tick, and sees what a screen shows if it wants to.

use fracas_protocol::client::Client;
use fracas_protocol::game::brain::{Brain, Sight};
use fracas_protocol::game::rules::Rules;
use fracas_protocol::tick::Tick;

/// Snapshots a client must keep for a brain that looks at the screen: enough for its delay, and some lateness.
pub const DISPLAY_TICKS: usize = 8;

/// Most ticks of which a brain is told that they were played: after a jump of the clock, those in between were not.
const PLAYED_MAX: u32 = 64;

/// Snapshots that a client must keep for a kind of brain.
pub fn display_ticks<R: Rules, B: Brain<R>>(kind: usize) -> usize {
    if B::KINDS[kind].looks_at_screen { DISPLAY_TICKS } else { 0 }
}

/// Thinks if a tick is due, and lets the client play what is.
pub fn advance<R: Rules>(brain: &mut impl Brain<R>, client: &mut Client<R>, now_us: u64) {
    let before = client.input_clock().tick_and_fraction(now_us).0;
    if client.is_tick_due(now_us)
        && let Some(input) = decide(brain, client, now_us)
    {
        client.set_input(input);
    }
    client.advance(now_us);
    let after = client.input_clock().tick_and_fraction(now_us).0;
    let (rules, aspect) = (client.replica().rules(), client.aspect());
    for tick in ticks_between(before, after) {
        if let Some(own) = client.prediction().on(tick) {
            brain.played(tick, rules, own, aspect);
        }
    }
}

/// What the brain wants on the tick that is due; none if the client has nothing to play yet.
fn decide<R: Rules>(brain: &mut impl Brain<R>, client: &mut Client<R>, now_us: u64) -> Option<R::Input> {
    let (own_id, rate, aspect) = (client.own_id()?, client.rate(), client.aspect());
    let tick = client.input_clock().tick_and_fraction(now_us).0.next();
    let (own, state) = client.prediction().newest()?;
    let input = brain.think(&Sight { replica: client.replica(), own, own_id, state, tick, rate, aspect });
    // It looks at the screen when its input goes out: who says little must not act on what was shown some ticks ago.
    if !brain.wants_screen() || !client.speaks_on(tick) {
        return Some(input);
    }
    let Some((screen, replica, prediction)) = client.moment_and_state(now_us) else { return Some(input) };
    let (own, state) = prediction.newest()?;
    Some(brain.aim(&Sight { replica, own, own_id, state, tick, rate, aspect }, &screen, input))
}

/// The ticks after `before` up to `after`, the last [`PLAYED_MAX`] of them: the server says what tick it is, and may lie.
fn ticks_between(before: Tick, after: Tick) -> impl Iterator<Item = Tick> {
    (before.0.max(after.0.saturating_sub(PLAYED_MAX))..after.0).map(|tick| Tick(tick + 1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_that_says_it_is_at_the_end_of_time_keeps_no_bot_busy_until_then() {
        let ticks = |before: u32, after: u32| ticks_between(Tick(before), Tick(after)).collect::<Vec<_>>();
        assert_eq!(ticks(5, 8), [Tick(6), Tick(7), Tick(8)]);
        assert_eq!(ticks(8, 8), []);
        assert_eq!(ticks(9, 8), []);
        assert_eq!(ticks(u32::MAX, u32::MAX), []);
        let after_jump = ticks(0, u32::MAX);
        assert_eq!((after_jump.len(), after_jump.last()), (PLAYED_MAX as usize, Some(&Tick(u32::MAX))));
    }
}
