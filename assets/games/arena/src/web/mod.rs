//! The arena in a browser: what its page shows, what its controls mean, and the exports of its core.

mod beams;
mod scene;
mod screen;
mod steering;
mod texts;
mod trial;

pub use screen::ArenaScreen;

use crate::rules::Arena;

fracas_web::core!(Arena, ArenaScreen);
