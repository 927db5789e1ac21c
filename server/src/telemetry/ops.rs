//! The operators' port: metrics, health and version.

use super::Telemetry;
use crate::net::http::{Front, health_routes};
use axum::Router;
use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;
use axum::routing::get;
use std::sync::Arc;
use std::time::Duration;

/// How often histograms are tidied up.
const UPKEEP: Duration = Duration::from_secs(5);

/// The operators' routes.
pub fn router(telemetry: Arc<Telemetry>, front: Arc<Front>) -> Router {
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(telemetry)
        .route("/version", get(version))
        .merge(health_routes().with_state(front))
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry.render())
}

async fn version() -> impl IntoResponse {
    let version = serde_json::json!({
        "name": "fracas",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("FRACAS_COMMIT"),
        "protocol": fracas_protocol::limits::PROTOCOL_VERSION,
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{version}\n"))
}

/// Keeps the metrics tidy until the task is dropped.
pub async fn upkeep(telemetry: Arc<Telemetry>) {
    let mut interval = tokio::time::interval(UPKEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        telemetry.upkeep();
    }
}
