//! The setting `--idle`: a time with its unit, or 0.

use crate::sim::idle::IdleLimit;
use serde::{Deserialize, Deserializer};
use std::str::FromStr;
use std::time::Duration;

/// The shortest and the longest time: who looks up to drink something must not be sent away.
const LEAST: Duration = Duration::from_secs(5);
const MOST: Duration = Duration::from_secs(24 * 3600);

/// How long a player may do nothing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct IdleTime(pub(super) IdleLimit);

impl Default for IdleTime {
    fn default() -> Self {
        Self(IdleLimit::after(Duration::from_secs(300)))
    }
}

impl FromStr for IdleTime {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "0" {
            return Ok(Self(IdleLimit::NEVER));
        }
        let (number, unit_s) = match text.as_bytes().last() {
            Some(b's') => (&text[..text.len() - 1], 1),
            Some(b'm') => (&text[..text.len() - 1], 60),
            Some(b'h') => (&text[..text.len() - 1], 3600),
            _ => ("", 0),
        };
        let seconds = number.parse::<u32>().ok().map(|number| Duration::from_secs(u64::from(number) * unit_s));
        let time = seconds.filter(|time| (LEAST..=MOST).contains(time));
        time.map(|time| Self(IdleLimit::after(time)))
            .ok_or_else(|| "write it like 90s, 5m or 2h, from 5s to 24h, or 0 for ever".into())
    }
}

impl<'de> Deserialize<'de> for IdleTime {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        #[derive(Deserialize)]
        #[serde(untagged)]
        enum Given {
            Text(String),
            Number(u32),
        }
        let text = match Given::deserialize(deserializer)? {
            Given::Text(text) => text,
            Given::Number(number) => number.to_string(),
        };
        text.parse().map_err(|words| serde::de::Error::custom(format!("idle = {text:?}: {words}")))
    }
}
