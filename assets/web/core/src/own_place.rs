//! Where the own entity is shown: between its last two predicted ticks, less what is still eased out of a correction.

use crate::place::Place;
use crate::screen::us;
use fracas_protocol::client::Client;
use fracas_protocol::game::rules::Rules;

/// How long a correction is eased out, in milliseconds.
const EASE_MS: f64 = 100.0;
/// A correction of more than this is a jump that shall be seen, in units: it was placed anew.
const EASE_MAX_UNITS: f64 = 90.0;

/// What is left of a correction that is being eased out, and when that was so.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct OwnPlace {
    error: (f64, f64),
    error_at_ms: f64,
}

impl OwnPlace {
    /// Where the own entity is to be shown. None before the server has told of it.
    pub(crate) fn at<R: Rules>(&self, client: &Client<R>, now_ms: f64) -> Option<Place> {
        let prediction = client.prediction();
        let (newest, _) = prediction.newest()?;
        let to = R::position(newest);
        let from = prediction.one_before().map_or(to, R::position);
        let (_, fraction) = client.input_clock().tick_and_fraction(us(now_ms));
        Some(Place::on_the_way(from, to, fraction).moved(self.error_left(now_ms)))
    }

    /// The prediction was corrected. The entity is seen to move from where it was shown to where it is. Returns how far
    /// that is, in units.
    pub(crate) fn ease(&mut self, before: Place, after: Place, now_ms: f64) -> f64 {
        let (dx, dy) = (before.x - after.x, before.y - after.y);
        let left = self.error_left(now_ms);
        let error = (left.0 + dx, left.1 + dy);
        let has_jumped = error.0.abs() + error.1.abs() > EASE_MAX_UNITS;
        self.error = if has_jumped { (0.0, 0.0) } else { error };
        self.error_at_ms = now_ms;
        (dx * dx + dy * dy).sqrt()
    }

    fn error_left(&self, now_ms: f64) -> (f64, f64) {
        let left = (1.0 - (now_ms - self.error_at_ms) / EASE_MS).clamp(0.0, 1.0);
        (self.error.0 * left, self.error.1 * left)
    }
}
