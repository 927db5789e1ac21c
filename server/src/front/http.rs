//! The game port's HTTP side: the page, the game's name and start-up data, health, and the upgrade that turns a request
//! into a game connection.

use crate::admission::control::{AdmissionControl, AdmissionPermit};
use crate::front::guarded_stream::Guarded;
use crate::front::page::Page;
use crate::front::rejection::{Rejection, RejectionResponse};
use crate::front::upgrade;
use crate::ids::PlayerKind;
use crate::io::event_loop::Newcomer;
use crate::io::socket::set_up;
use crate::ops::FrontMetrics;
use axum::Router;
use axum::body::{Body, Bytes};
use axum::extract::{Request, State};
use axum::http::header::{self, HeaderMap, HeaderName, HeaderValue};
use axum::http::{Response, StatusCode, Uri};
use axum::middleware::{Next, from_fn_with_state, map_response};
use axum::routing::{any, get};
use fracas_protocol::wire::limits::IDLE_HEADER;
use hyper::upgrade::{OnUpgrade, Upgraded};
use hyper_util::rt::TokioIo;
use std::net::{IpAddr, TcpStream};
use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::{Duration, Instant};

/// The header in which a built-in bot shows its secret.
pub const HOUSE_HEADER: &str = "x-fracas-house";

/// Where the listener leaves the peer's address for the handlers.
#[derive(Clone, Copy, Debug)]
pub(crate) struct PeerAddr(pub(crate) IpAddr);

/// The entrance to one event loop.
#[derive(Clone, Debug)]
pub struct LoopEntrance {
    /// Where its newcomers wait.
    pub newcomers: flume::Sender<Newcomer<TcpStream>>,
    /// How many connections it has.
    pub connections: Arc<AtomicUsize>,
}

/// What the handlers share.
#[derive(Debug)]
pub struct Front {
    /// Who may connect.
    pub admission: Arc<AdmissionControl>,
    /// Where connections go.
    pub loops: Vec<LoopEntrance>,
    /// What counts refusals.
    pub metrics: FrontMetrics,
    /// The game's name, which `GET /game` answers.
    pub game: &'static str,
    /// The game's start-up data, which `GET /data` answers.
    pub data: Bytes,
    /// The subprotocol that a handshake must offer. None for a service without one.
    pub subprotocol: Option<&'static str>,
    /// The secret of the built-in bots.
    pub house_secret: String,
    /// Whether the game runs.
    pub health: Health,
}

/// Answers whether the game runs.
#[derive(Clone)]
pub struct Health(pub Arc<dyn Fn() -> bool + Send + Sync>);

impl std::fmt::Debug for Health {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Health")
    }
}

/// The game port's routes. Files of the folder `web` come before the page's own.
///
/// # Errors
/// If the folder is none.
pub fn router(front: Arc<Front>, page: &Page, web: Option<&Path>) -> std::io::Result<Router> {
    let page = page.router(web)?.layer(from_fn_with_state(Arc::clone(&front), check_page));
    let game = Router::new().route("/game", get(game)).route("/data", get(data));
    let game = game.merge(health_routes()).with_state(Arc::clone(&front));
    Ok(game.merge(upgrade_route(front)).merge(page).layer(map_response(secure)))
}

/// Only `/ws`, the way into the event loops, whatever they serve.
pub fn upgrade_route(front: Arc<Front>) -> Router {
    // For any method: the handshake's check says what is wrong with a request.
    Router::new().route("/ws", any(upgrade)).with_state(front)
}

/// Refuses the page under a name that is not the server's. Otherwise [`upgrade`] would refuse the browser later, where
/// no one sees why. The start-up data and health are for programs, which may use any name.
async fn check_page(State(front): State<Arc<Front>>, request: Request, next: Next) -> Response<Body> {
    match front.admission.origins().check_page(request.uri(), request.headers()) {
        Ok(()) => next.run(request).await,
        Err(refused) => {
            front.metrics.rejected(refused.why);
            refuse(&refused, None)
        }
    }
}

/// `/livez` and `/readyz`, for either port.
pub fn health_routes() -> Router<Arc<Front>> {
    Router::new().route("/livez", get(livez)).route("/readyz", get(readyz))
}

async fn livez(State(front): State<Arc<Front>>) -> (StatusCode, &'static str) {
    if (front.health.0)() {
        (StatusCode::OK, "ok\n")
    } else {
        (StatusCode::SERVICE_UNAVAILABLE, "the tick stands still\n")
    }
}

/// Ready also when full. New clients are told to wait then, and health checks must not remove the server.
async fn readyz(State(front): State<Arc<Front>>) -> (StatusCode, &'static str) {
    if front.admission.is_draining() {
        return (StatusCode::SERVICE_UNAVAILABLE, "stopping\n");
    }
    livez(State(front)).await
}

/// What a page has to know of the game before it joins.
async fn game(State(front): State<Arc<Front>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    let game = serde_json::json!({ "name": front.game });
    readable_elsewhere(&front, &uri, &headers, "application/json", format!("{game}\n").into())
}

/// The game's start-up data.
async fn data(State(front): State<Arc<Front>>, uri: Uri, headers: HeaderMap) -> Response<Body> {
    readable_elsewhere(&front, &uri, &headers, "application/octet-stream", front.data.clone().into())
}

/// An answer that a page of another origin may read, if it may connect: the browser lets it only if the answer names it.
fn readable_elsewhere(
    front: &Front,
    uri: &Uri,
    headers: &HeaderMap,
    content_type: &'static str,
    body: Body,
) -> Response<Body> {
    let mut response = Response::new(body);
    let reader = front.admission.origins().reader(uri, headers);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static(content_type));
    headers.insert(header::CACHE_CONTROL, HeaderValue::from_static("no-cache"));
    headers.insert(header::VARY, HeaderValue::from_static("Origin"));
    if let Some(reader) = reader {
        headers.insert(header::ACCESS_CONTROL_ALLOW_ORIGIN, reader);
    }
    response
}

async fn upgrade(State(front): State<Arc<Front>>, request: Request) -> Response<Body> {
    let mut from = IpAddr::from([0, 0, 0, 0]);
    match accept(&front, request, &mut from) {
        Ok(response) => response,
        Err(refused) => {
            front.metrics.rejected(refused.why);
            let retry_after = front.admission.retry_after(refused.why, from, Instant::now());
            refuse(&refused, retry_after)
        }
    }
}

/// Checks a handshake and answers it. The socket goes to an event loop once the answer is sent. `from` is the client's
/// address, as far as it is known.
fn accept(front: &Arc<Front>, request: Request, from: &mut IpAddr) -> Result<Response<Body>, RejectionResponse> {
    let (mut request, _) = request.into_parts();
    let response = upgrade::answer(&request, front.subprotocol)?;
    let headers = &request.headers;
    front.admission.origins().check_handshake(&request.uri, headers)?;
    let peer = request.extensions.get::<PeerAddr>().map_or(IpAddr::from([0, 0, 0, 0]), |peer| peer.0);
    let kind = kind_of(front, headers);
    let is_ours = kind == PlayerKind::Bot;
    // Built-in bots use no proxy, also from the address of a trusted one.
    let client = if is_ours { peer.into() } else { front.admission.client(peer, headers)? };
    *from = client.address;
    let mut permit = front.admission.enter(client, is_ours, Instant::now())?;
    if headers.contains_key(IDLE_HEADER) {
        permit.declare_idle();
    }
    let upgraded = request.extensions.remove::<OnUpgrade>().ok_or(Rejection::Handshake)?;
    tokio::spawn(hand_over(Arc::clone(front), upgraded, kind, permit));
    Ok(response)
}

fn kind_of(front: &Front, headers: &HeaderMap) -> PlayerKind {
    let shown = headers.get(HOUSE_HEADER).map(HeaderValue::as_bytes);
    let is_ours =
        shown.is_some_and(|secret| subtle::ConstantTimeEq::ct_eq(secret, front.house_secret.as_bytes()).into());
    if is_ours { PlayerKind::Bot } else { PlayerKind::Person }
}

async fn hand_over(front: Arc<Front>, upgraded: OnUpgrade, kind: PlayerKind, permit: AdmissionPermit) {
    let Ok(upgraded) = upgraded.await else { return };
    let Some((socket, leftover)) = into_socket(upgraded) else { return };
    let Some(entrance) = front.loops.iter().min_by_key(|entrance| entrance.connections.load(Ordering::Relaxed)) else {
        return;
    };
    // Counted here at once, so that a burst is spread. The loop sets the true number with its next round.
    entrance.connections.fetch_add(1, Ordering::Relaxed);
    let newcomer = Newcomer { socket, leftover, kind, permit: Some(permit) };
    if entrance.newcomers.try_send(newcomer).is_err() {
        front.metrics.rejected(Rejection::Full);
    }
}

/// The plain socket of an upgraded connection, set up for the game, and the bytes that were read from it already.
fn into_socket(upgraded: Upgraded) -> Option<(TcpStream, Vec<u8>)> {
    let parts = upgraded.downcast::<TokioIo<Guarded>>().ok()?;
    let socket = parts.io.into_inner().into_inner().into_std().ok()?;
    if let Err(error) = set_up(&socket) {
        tracing::debug!(%error, "a game socket could not be set up");
        return None;
    }
    Some((socket, parts.read_buf.to_vec()))
}

fn refuse(refused: &RejectionResponse, retry_after: Option<Duration>) -> Response<Body> {
    let mut response = Response::new(Body::from(format!("{}\n", refused.message)));
    *response.status_mut() = StatusCode::from_u16(refused.status).unwrap_or(StatusCode::SERVICE_UNAVAILABLE);
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_TYPE, HeaderValue::from_static("text/plain; charset=utf-8"));
    // Otherwise it keeps a descriptor and 14 KiB until its next request is due, and these may be just what is missing.
    headers.insert(header::CONNECTION, HeaderValue::from_static("close"));
    for (name, value) in &refused.headers {
        headers.insert(name, HeaderValue::from_static(value));
    }
    if let Some(pause) = retry_after {
        headers.insert(header::RETRY_AFTER, whole_seconds(pause).into());
    }
    response
}

/// Whole seconds for `Retry-After`, rounded up.
pub(crate) fn whole_seconds(pause: Duration) -> u64 {
    pause.as_millis().div_ceil(1000) as u64
}

/// Headers of every answer: no inline code, no framing, no guessing of types.
async fn secure(mut response: Response<Body>) -> Response<Body> {
    const HEADERS: [(HeaderName, &str); 4] = [
        (
            header::CONTENT_SECURITY_POLICY,
            "default-src 'none'; script-src 'self' 'wasm-unsafe-eval'; style-src 'self'; img-src 'self' data:; \
             connect-src 'self'; manifest-src 'self'; base-uri 'none'; form-action 'none'; frame-ancestors 'none'",
        ),
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
    ];
    for (name, value) in HEADERS {
        response.headers_mut().insert(name, HeaderValue::from_static(value));
    }
    response
}
