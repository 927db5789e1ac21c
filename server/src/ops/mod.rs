//! Metrics and the operators' port: names in [`metric_names`], the handles that count, and the port in [`server`].

pub mod metric_names;
mod metrics;
pub mod server;

pub use metrics::{FrontMetrics, LoopMetrics, Telemetry, TickMetrics};
