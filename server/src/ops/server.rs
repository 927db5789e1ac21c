//! The operators' port: metrics, health, version, and the request to stop, with its access rules.

use crate::config::Secret;
use crate::front::http::{Front, health_routes};
use crate::front::origin::{Host, HostNames};
use crate::ops::Telemetry;
use crate::run::shutdown::Shutdown;
use axum::Router;
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap};
use axum::http::{StatusCode, Uri};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse, Response};
use axum::routing::{get, post};
use std::sync::Arc;
use std::time::Duration;

/// How often histograms are compacted.
const UPKEEP: Duration = Duration::from_secs(5);

/// The access rules of the operators' port.
#[derive(Clone, Debug)]
pub struct Gate {
    /// The token. Without one, nothing can be changed, and every client that reaches the port may read.
    pub token: Option<Secret>,
    /// Names by which the port may be reached, beside addresses and localhost.
    pub hosts: HostNames,
}

/// Why a request is refused.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum OpsRejection {
    /// It was meant for another host. A foreign page whose name points here (DNS rebinding) sends such requests.
    Host,
    /// It has no token, or a wrong one.
    Token,
    /// It would change something, and no token is set.
    NoToken,
}

impl IntoResponse for OpsRejection {
    fn into_response(self) -> Response {
        match self {
            Self::Host => {
                (StatusCode::MISDIRECTED_REQUEST, "This port is not reached by that name; --ops-host NAME allows it.\n")
                    .into_response()
            }
            Self::Token => {
                let how = [(header::WWW_AUTHENTICATE, "Bearer")];
                (StatusCode::UNAUTHORIZED, how, "Show the token: Authorization: Bearer TOKEN.\n").into_response()
            }
            Self::NoToken => {
                (StatusCode::FORBIDDEN, "Nothing can be changed here without --ops-token.\n").into_response()
            }
        }
    }
}

impl Gate {
    fn check_host(&self, uri: &Uri, headers: &HeaderMap) -> Result<(), OpsRejection> {
        let host = Host::of(uri, headers).filter(|host| self.hosts.know(host));
        host.map(|_| ()).ok_or(OpsRejection::Host)
    }

    fn check_token(&self, headers: &HeaderMap, changes: bool) -> Result<(), OpsRejection> {
        let Some(token) = &self.token else { return if changes { Err(OpsRejection::NoToken) } else { Ok(()) } };
        let shown = headers.get(header::AUTHORIZATION).and_then(|value| value.to_str().ok()?.strip_prefix("Bearer "));
        if shown.is_some_and(|shown| token.is(shown)) { Ok(()) } else { Err(OpsRejection::Token) }
    }
}

/// The operators' routes. Health needs no token, as on the game port.
pub fn router(gate: Gate, telemetry: Arc<Telemetry>, shutdown: Arc<Shutdown>, front: Arc<Front>) -> Router {
    let gate = Arc::new(gate);
    Router::new()
        .route("/metrics", get(metrics))
        .with_state(telemetry)
        .route("/version", get(version))
        .route("/drain", post(drain))
        .with_state(shutdown)
        .route_layer(middleware::from_fn_with_state(Arc::clone(&gate), check_token))
        .layer(middleware::from_fn_with_state(Arc::clone(&gate), check_host))
        .merge(health_routes().with_state(front).layer(middleware::from_fn_with_state(gate, check_health_host)))
}

async fn check_host(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.check_host(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

/// Health is answered without a `Host`, too. HTTP/1.0 probes send none, and a browser always does.
async fn check_health_host(gate: State<Arc<Gate>>, request: Request, next: Next) -> Response {
    if request.headers().contains_key(header::HOST) {
        check_host(gate, request, next).await
    } else {
        next.run(request).await
    }
}

async fn check_token(State(gate): State<Arc<Gate>>, request: Request, next: Next) -> Response {
    match gate.check_token(request.headers(), !request.method().is_safe()) {
        Ok(()) => next.run(request).await,
        Err(refused) => refused.into_response(),
    }
}

async fn metrics(State(telemetry): State<Arc<Telemetry>>) -> impl IntoResponse {
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4; charset=utf-8")], telemetry.render())
}

async fn version() -> impl IntoResponse {
    let version = serde_json::json!({
        "name": "fracas",
        "version": env!("CARGO_PKG_VERSION"),
        "commit": env!("FRACAS_COMMIT"),
        "protocol": fracas_protocol::wire::limits::PROTOCOL_VERSION,
    });
    ([(header::CONTENT_TYPE, "application/json")], format!("{version}\n"))
}

/// Stops the server as a signal does.
async fn drain(State(shutdown): State<Arc<Shutdown>>) -> impl IntoResponse {
    shutdown.ask();
    (StatusCode::ACCEPTED, "stopping: everybody is told\n")
}

/// Compacts the histograms regularly until the task is dropped.
pub async fn upkeep(telemetry: Arc<Telemetry>) {
    let mut interval = tokio::time::interval(UPKEEP);
    interval.set_missed_tick_behavior(tokio::time::MissedTickBehavior::Delay);
    loop {
        interval.tick().await;
        telemetry.upkeep();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_port_is_reached_by_addresses_localhost_and_names_that_are_allowed() {
        let hosts = HostNames::new(vec!["ops.example".into()]);
        let gate = Gate { token: None, hosts };
        let check = |host: &str| {
            let headers = HeaderMap::from_iter([(header::HOST, host.parse().expect("a header"))]);
            gate.check_host(&Uri::from_static("/metrics"), &headers)
        };
        for host in ["127.0.0.1:8081", "localhost", "LOCALHOST:8081", "[::1]:8081", "10.1.2.3", "Ops.Example:9000"] {
            assert_eq!(check(host), Ok(()), "{host}");
        }
        for host in
            ["evil.example", "ops.example.evil:8081", "localhost.evil", "", "127.0.0.1.evil", "a b", "@", "a@localhost"]
        {
            assert_eq!(check(host), Err(OpsRejection::Host), "{host}");
        }
        assert_eq!(gate.check_host(&Uri::from_static("/metrics"), &HeaderMap::new()), Err(OpsRejection::Host));
    }
}
