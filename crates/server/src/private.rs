//! The private listener: what the operator's own machines ask and nobody else should.
//!
//! It is bound to this machine unless it is told otherwise. Whatever makes the server do something
//! (not only say something) belongs here too, behind the same guard against pages of a browser.

use std::io::{Read as _, Write as _};
use std::net::TcpStream;
use std::sync::Arc;
use std::time::Duration;

use anyhow::Context as _;
use axum::Router;
use axum::body::Bytes;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::{get, post};
use palabre_signaling::Service;
use tokio::sync::{mpsc, oneshot};

use crate::config::Config;
use crate::http::{host, is_local, livez, readiness};
use crate::metrics::{self, Metrics};
use crate::takeover::{Drain, Order};

/// The server answers an order at once, or is stuck.
const PATIENCE: Duration = Duration::from_secs(10);

/// What the private routes know.
pub(crate) struct Private {
    pub(crate) service: Service,
    pub(crate) metrics: Metrics,
    /// Where the order to end goes.
    pub(crate) drains: mpsc::Sender<(Drain, oneshot::Sender<Drained>)>,
    /// Bound to a loopback address.
    pub(crate) loopback: bool,
}

/// Every private route.
pub(crate) fn router(private: Private) -> Router {
    let private = Arc::new(private);
    Router::new()
        .route("/livez", get(livez))
        .route(
            "/readyz",
            get(async |State(private): State<Arc<Private>>| readiness(&private.service)),
        )
        .route("/metrics", get(metrics::answer))
        .route("/drain", post(drain))
        .with_state(Arc::clone(&private))
        .layer(middleware::from_fn_with_state(private, no_browser))
}

/// What comes of the order to end: words for the operator, or why it is not followed.
pub(crate) type Drained = Result<String, String>;

/// Has another server take over, or this one end with its sessions.
#[utoipa::path(
    post, path = "/drain", tag = "private listener",
    request_body(content = Option<Order>, description = "Nothing: another server takes over within 60 s"),
    responses(
        (status = 202, description = "It is done; in words, what"),
        (status = 400, description = "What is wrong with the order"),
        (status = 403, description = "A page of a browser asked"),
        (status = 409, description = "The server is ending already"),
        (status = 503, description = "Why the next server cannot be started"),
    ),
)]
pub(crate) async fn drain(State(private): State<Arc<Private>>, body: Bytes) -> Response {
    let drain = match Drain::read(&body) {
        Ok(drain) => drain,
        Err(reason) => return (StatusCode::BAD_REQUEST, format!("{reason}\n")).into_response(),
    };
    let (answer, answered) = oneshot::channel();
    // It is followed elsewhere; a server that ends already does not listen any more.
    let ending = (StatusCode::CONFLICT, "the server is ending already\n");
    if private.drains.try_send((drain, answer)).is_err() {
        return ending.into_response();
    }
    match answered.await {
        Ok(Ok(words)) => (StatusCode::ACCEPTED, format!("{words}\n")).into_response(),
        Ok(Err(reason)) => (StatusCode::SERVICE_UNAVAILABLE, format!("{reason}\n")).into_response(),
        Err(_) => ending.into_response(),
    }
}

/// Gives the order to the server that runs with these settings.
pub(crate) fn ask_to_drain(config: &Config) -> anyhow::Result<String> {
    let address = config.private;
    let mut stream =
        TcpStream::connect(address).with_context(|| format!("no server answers on {address}"))?;
    stream.set_read_timeout(Some(PATIENCE))?;
    write!(
        stream,
        "POST /drain HTTP/1.1\r\nHost: {address}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n"
    )?;
    let mut answer = String::new();
    stream.read_to_string(&mut answer).context("the server does not answer")?;
    let (head, body) = answer.split_once("\r\n\r\n").context("that is no answer")?;
    anyhow::ensure!(head.starts_with("HTTP/1.1 202"), "the server refuses: {}", body.trim());
    Ok(body.to_owned())
}

/// A browser on the operator's machine reaches this listener too, with whatever page it shows: pages
/// say their origin, and one whose name was pointed at us (DNS rebinding) asks for that name.
async fn no_browser(State(private): State<Arc<Private>>, request: Request, next: Next) -> Response {
    let headers = request.headers();
    let named = host(headers).is_some_and(|host| !private.loopback || is_local(host));
    if headers.contains_key(header::ORIGIN) || !named {
        return (StatusCode::FORBIDDEN, "this is not for pages\n").into_response();
    }
    next.run(request).await
}
