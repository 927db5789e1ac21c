//! Serves HTTP on one connection, with deadlines for slow requests and slow readers.

use crate::front::guarded_stream::Guarded;
use crate::front::http::PeerAddr;
use crate::front::http_connections::{Answering, HttpConnection};
use crate::io::socket::set_up_http;
use axum::Router;
use axum::body::{Body, Bytes};
use hyper::body::{Frame, Incoming, SizeHint};
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use std::convert::Infallible;
use std::net::IpAddr;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;
use tokio::net::TcpStream;

/// Time for a request's header, and for another request on the same connection.
pub(crate) const HEADER_DEADLINE: Duration = Duration::from_secs(5);
/// A request's header in bytes.
const HEADER_BYTES_MAX: usize = 16 * 1024;
/// An HTTP connection ends after so long, even if an answer is not finished. The whole page has 70 KB.
const HTTP_DEADLINE: Duration = Duration::from_secs(30);

/// Serves `router` to `peer` until the connection ends or has to make room.
pub(crate) async fn serve_connection(stream: TcpStream, peer: IpAddr, router: Router, connection: HttpConnection) {
    if let Err(error) = set_up_http(&stream) {
        return tracing::debug!(%error, %peer, "an HTTP connection could not be set up");
    }
    let activity = connection.activity();
    let service = service_fn(move |request: hyper::Request<Incoming>| {
        let answering = activity.begin_answer();
        let mut request = request.map(Body::new);
        request.extensions_mut().insert(PeerAddr(peer));
        let response = tower_service::Service::call(&mut router.clone(), request);
        async move { Ok::<_, Infallible>(response.await?.map(|body| Answer { body, _answering: answering })) }
    });
    let exchange = hyper::server::conn::http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEADER_DEADLINE)
        .max_buf_size(HEADER_BYTES_MAX)
        .serve_connection(TokioIo::new(Guarded::new(stream, connection.activity())), service)
        .with_upgrades();
    tokio::select! {
        ended = tokio::time::timeout(HTTP_DEADLINE, exchange) => match ended {
            Ok(Ok(())) => {}
            Ok(Err(error)) => tracing::debug!(%error, %peer, "an HTTP connection ended"),
            Err(_) => tracing::debug!(%peer, "an HTTP connection took too long"),
        },
        () = connection.shed() => tracing::debug!(%peer, "an HTTP connection made room for another"),
    }
}

/// An answer's body. The connection counts as being answered until hyper has taken all of it.
struct Answer {
    body: Body,
    _answering: Answering,
}

impl hyper::body::Body for Answer {
    type Data = Bytes;
    type Error = axum::Error;

    fn poll_frame(
        mut self: Pin<&mut Self>,
        context: &mut Context<'_>,
    ) -> Poll<Option<Result<Frame<Bytes>, axum::Error>>> {
        Pin::new(&mut self.body).poll_frame(context)
    }

    fn is_end_stream(&self) -> bool {
        self.body.is_end_stream()
    }

    fn size_hint(&self) -> SizeHint {
        self.body.size_hint()
    }
}
