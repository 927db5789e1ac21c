//! What operators see: every metric's name in [`metric_names`], the handles that count, and the operators' port in [`server`].

pub mod metric_names;
mod metrics;
pub mod server;

pub use metrics::{FrontMetrics, LoopMetrics, Telemetry, TickMetrics};
