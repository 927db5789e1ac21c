//! What operators see: every metric's name in [`names`], the handles that count, and the operators' port in [`ops`].

mod handles;
pub mod names;
pub mod ops;

pub use handles::{FrontMetrics, LoopMetrics, Telemetry, TickMetrics};
