//! A setting that is a time, such as `5s`.

use serde::Deserialize;
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// A time in whole milliseconds, written with its unit: `1500ms`, `5s`, `2m`, `1h`; `0` needs none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Deserialize)]
#[serde(try_from = "String")]
pub(super) struct TimeSpan(pub(super) Duration);

impl FromStr for TimeSpan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let split = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
        let (number, unit) = text.split_at(split);
        let wrong = || format!("\"{text}\" is no time: write a whole number and its unit, such as 5s, 1500ms or 2m");
        let number: u64 = number.parse().map_err(|_| wrong())?;
        let unit_ms = match unit {
            "ms" => 1,
            "s" => 1000,
            "m" => 60_000,
            "h" => 3_600_000,
            "" if number == 0 => 1,
            _ => return Err(wrong()),
        };
        Ok(Self(Duration::from_millis(number.checked_mul(unit_ms).ok_or_else(wrong)?)))
    }
}

impl TryFrom<String> for TimeSpan {
    type Error = String;

    fn try_from(text: String) -> Result<Self, String> {
        text.parse()
    }
}

impl fmt::Display for TimeSpan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0.as_millis() {
            ms if ms % 1000 == 0 => write!(f, "{}s", ms / 1000),
            ms => write!(f, "{ms}ms"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_has_its_unit() {
        let read = |text: &str| text.parse::<TimeSpan>().map(|span| span.0.as_millis());
        assert_eq!(["5s", "1500ms", "2m", "1h", "0", "0s"].map(read), [5000, 1500, 120_000, 3_600_000, 0, 0].map(Ok));
        for wrong in ["", "5", "s", "-5s", "5 s", "1.5s", "5d", "99999999999999999999s", "18446744073709551615h"] {
            assert!(read(wrong).is_err_and(|words| words.contains("such as 5s")), "{wrong}");
        }
        assert_eq!(TimeSpan(Duration::from_millis(1500)).to_string(), "1500ms");
        assert_eq!(TimeSpan(Duration::from_secs(60)).to_string(), "60s");
    }
}
