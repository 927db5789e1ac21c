//! Asks another server for its health, as a container's probe does.

use anyhow::{Context, anyhow, ensure};
use axum::body::{Body, to_bytes};
use axum::http::Uri;
use hyper_util::client::legacy::Client;
use hyper_util::rt::TokioExecutor;
use std::time::Duration;

/// Time for the answer, and its size in bytes.
const DEADLINE: Duration = Duration::from_secs(10);
const ANSWER_BYTES_MAX: usize = 1024 * 1024;

/// Asks a server for its health. `url` is one of its health endpoints.
///
/// # Errors
/// In words, if it is not or does not say.
pub fn healthcheck(url: &str) -> anyhow::Result<()> {
    let usage = || anyhow!("{url}: write it like http://127.0.0.1:8080/readyz");
    let uri: Uri = url.parse().map_err(|_| usage())?;
    ensure!(uri.scheme_str() == Some("http") && uri.authority().is_some(), usage());
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let answer = runtime.block_on(async { tokio::time::timeout(DEADLINE, ask(uri)).await });
    // Do not wait for a name that is still being looked up.
    runtime.shutdown_background();
    answer.unwrap_or_else(|_| Err(anyhow!("no answer in time"))).with_context(|| url.to_owned())
}

async fn ask(uri: Uri) -> anyhow::Result<()> {
    let answer = Client::builder(TokioExecutor::new()).build_http::<Body>().get(uri).await?;
    let status = answer.status();
    let body = to_bytes(Body::new(answer.into_body()), ANSWER_BYTES_MAX).await?;
    let words = String::from_utf8_lossy(&body);
    let first = words.lines().next().unwrap_or_default();
    ensure!(status.is_success(), "the server refused with status {}: {first}", status.as_u16());
    Ok(())
}
