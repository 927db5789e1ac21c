//! Accepts connections and serves HTTP on them, with a deadline for whoever is slow to say what it wants.

use super::http::Peer;
use axum::Router;
use axum::body::Body;
use hyper::body::Incoming;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::io;
use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;
use tokio::net::{TcpListener, TcpSocket, TcpStream};
use tokio::sync::Semaphore;

/// Time for a request's header.
const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// A request's header in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// HTTP connections served at the same time, those of joined players not counted. More wait in the kernel's queue.
const HTTP_CONNECTIONS_MAX: usize = 2048;
/// Connections that may wait in that queue.
const BACKLOG: u32 = 4096;
/// Pause after an error of accept, which is nearly always that the process has no descriptors left.
const ACCEPT_BACKOFF: Duration = Duration::from_millis(100);

/// Opens a listening socket.
pub fn bind(address: SocketAddr) -> io::Result<TcpListener> {
    let socket = if address.is_ipv4() { TcpSocket::new_v4()? } else { TcpSocket::new_v6()? };
    socket.set_reuseaddr(true)?;
    socket.bind(address)?;
    socket.listen(BACKLOG)
}

/// Serves `router` on everything that comes to `listener`, until the task is dropped.
pub async fn serve(listener: TcpListener, router: Router) {
    let places = Arc::new(Semaphore::new(HTTP_CONNECTIONS_MAX));
    loop {
        let Ok(place) = Arc::clone(&places).acquire_owned().await else { return };
        match listener.accept().await {
            Ok((stream, peer)) => {
                let router = router.clone();
                tokio::spawn(async move {
                    serve_connection(stream, peer.ip(), router).await;
                    drop(place);
                });
            }
            Err(error) => {
                tracing::warn!(%error, "accept failed; trying again in a moment");
                tokio::time::sleep(ACCEPT_BACKOFF).await;
            }
        }
    }
}

async fn serve_connection(stream: TcpStream, peer: IpAddr, router: Router) {
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(Peer(peer));
        tower_service::Service::call(&mut router.clone(), request)
    });
    let connection = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    if let Err(error) = connection.await {
        tracing::debug!(%error, %peer, "an HTTP connection ended");
    }
}
