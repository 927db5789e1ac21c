//! Settings that are times, such as `5s`.

use crate::sim::idle::IdleLimit;
use std::time::Duration;

/// The shortest and the longest idle time: who looks up to drink something must not be sent away.
const IDLE_LEAST: Duration = Duration::from_secs(5);
const IDLE_MOST: Duration = Duration::from_secs(24 * 3600);
/// What spectators are shown later is kept in memory meanwhile.
const SPECTATOR_DELAY_MOST: Duration = Duration::from_secs(60);

/// For how long a player may do nothing; 0 for ever.
pub(super) fn idle(text: &str) -> Result<IdleLimit, String> {
    if text == "0" {
        return Ok(IdleLimit::NEVER);
    }
    let time = humantime::parse_duration(text).ok().filter(|time| (IDLE_LEAST..=IDLE_MOST).contains(time));
    let wrong = || "write it like 90s, 5m or 2h, from 5s to 24h, or 0 for ever".into();
    time.map(IdleLimit::after).ok_or_else(wrong)
}

/// How late spectators are shown a room.
pub(super) fn spectator_delay(text: &str) -> Result<Duration, String> {
    let wrong = |_| format!("\"{text}\" is no time: write a number and its unit, such as 5s, 1500ms or 2m");
    let delay = humantime::parse_duration(text).map_err(wrong)?;
    if delay > SPECTATOR_DELAY_MOST {
        return Err(format!("it is {text}; it must be 0s to 60s"));
    }
    Ok(delay)
}
