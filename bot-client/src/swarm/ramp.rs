//! How fast bots come, and how such times are written on the command line.

use std::str::FromStr;
use std::time::Duration;

/// So many bots a second.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Ramp {
    per_second: f64,
}

impl Ramp {
    /// When the bot with this number is to start.
    pub fn start_of(&self, bot: usize) -> Duration {
        Duration::from_secs_f64(bot as f64 / self.per_second)
    }

    /// When so many have started.
    pub fn time_for(&self, bots: usize) -> Duration {
        self.start_of(bots)
    }
}

impl FromStr for Ramp {
    type Err = String;

    /// Reads `200/s`.
    fn from_str(text: &str) -> Result<Self, String> {
        let number = text.strip_suffix("/s").and_then(|number| number.parse::<f64>().ok());
        match number.filter(|number| (0.01..=1e6).contains(number)) {
            Some(per_second) => Ok(Self { per_second }),
            None => Err("write it as bots a second, like 200/s".into()),
        }
    }
}

/// Reads `20s`, `1500ms` or `10m`.
pub fn parse_duration(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|_| "write it with a unit, like 20s, 1500ms or 10m".into())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn durations_and_rates_are_read_or_refused_with_words() {
        assert_eq!(parse_duration("20s"), Ok(Duration::from_secs(20)));
        assert_eq!(parse_duration("1.5m"), Ok(Duration::from_secs(90)));
        assert_eq!(parse_duration("250ms"), Ok(Duration::from_millis(250)));
        for wrong in ["20", "s", "", "20 x", "-3s", "1e3s"] {
            assert!(parse_duration(wrong).is_err(), "{wrong}");
        }
        let ramp: Ramp = "200/s".parse().expect("a rate");
        assert_eq!(ramp.time_for(500), Duration::from_millis(2500));
        assert!("200".parse::<Ramp>().is_err() && "0/s".parse::<Ramp>().is_err());
    }
}
