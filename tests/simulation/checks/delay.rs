//! A spectator is shown nothing newer than the delay while there are people whom that would help.

use crate::annals::Annals;
use fracas_protocol::tick::Tick;

/// Checks a body of `tick` that a spectator has just been told, whose delay is so many ticks. Whether it was late.
pub(crate) fn check(tick: Tick, delay: u32, annals: &Annals) -> Result<bool, String> {
    let Some(last) = annals.last() else { return Ok(false) };
    if last.tick.since(tick) >= i64::from(delay) {
        return Ok(delay > 0);
    }
    // It was told as it happened. Where there are people now they may have come since; on that tick, and for the delay before,
    // there must have been none.
    match annals.back_from(tick).take(1 + delay as usize).find(|record| record.has_people) {
        Some(record) => Err(format!(
            "on tick {} a spectator is shown tick {tick}, {delay} ticks are its delay, and there were people on tick {}",
            last.tick, record.tick
        )),
        None => Ok(false),
    }
}
