//! The public listener: page, calls and WebSocket, each answer with the headers that keep a page to
//! itself.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Instant;

use axum::extract::{ConnectInfo, DefaultBodyLimit, Request, State};
use axum::http::{HeaderMap, HeaderName, HeaderValue, StatusCode, Uri, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Redirect, Response};
use axum::routing::{get, post};
use axum::{Json, Router};
use palabre_signaling::Service;
use tokio::sync::Mutex;

use crate::metrics::{self, HttpMetrics};
use crate::rate::Rate;
use crate::settings::{PublicUrl, Secret};
use crate::{api, openapi, page};

/// A browser that saw this comes by TLS alone for a year.
const HSTS: HeaderValue = HeaderValue::from_static("max-age=31536000");

/// What the handlers share.
#[derive(Debug)]
pub(crate) struct App {
    pub(crate) service: Service,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) operator_key: Option<Secret>,
    /// Bound to a loopback address and not behind a proxy: who reaches it is on this machine.
    pub(crate) own_machine: bool,
    pub(crate) demo: bool,
    pub(crate) demo_lock: Mutex<()>,
    pub(crate) allow_rehearsal: bool,
    pub(crate) metrics: Arc<HttpMetrics>,
    /// How often one network may ask for rooms.
    pub(crate) rate: Rate,
    /// Pages are served over TLS by this process.
    pub(crate) tls: bool,
}

impl App {
    /// Where links point: the operator's word, or the address that was asked.
    pub(crate) fn base_url(&self, headers: &HeaderMap) -> String {
        match &self.public_url {
            Some(url) => url.as_str().to_owned(),
            None => {
                let scheme = if self.tls { "https" } else { "http" };
                format!("{scheme}://{}", host(headers).unwrap_or("localhost"))
            }
        }
    }
}

/// Every public route.
pub(crate) fn router(app: Arc<App>) -> Router {
    let bearable = middleware::from_fn_with_state(Arc::clone(&app), bearable);
    Router::new()
        .route("/api/rooms", post(api::create_room).layer(bearable))
        .route("/api/demo", get(api::demo))
        .route("/api/templates", get(api::templates))
        .route("/livez", get(livez))
        .route("/readyz", get(ready))
        .fallback(get(page::serve))
        .with_state(Arc::clone(&app))
        .merge(openapi::pages())
        .merge(palabre_signaling::router(app.service.clone()))
        .layer(DefaultBodyLimit::max(api::MAX_BODY_BYTES))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), headers))
        .layer(middleware::from_fn_with_state(Arc::clone(&app), known_host))
        .layer(middleware::from_fn_with_state(Arc::clone(&app.metrics), metrics::count))
}

/// Sends everybody who comes without TLS to where there is TLS: `port` of the same host, or the
/// address that the operator gave.
pub(crate) fn redirect(public_url: Option<PublicUrl>, port: u16) -> Router {
    Router::new().fallback(async move |headers: HeaderMap, uri: Uri| {
        let path = uri.path_and_query().map_or("/", |path| path.as_str());
        let base = match (&public_url, host(&headers)) {
            (Some(url), _) => url.as_str().to_owned(),
            (None, Some(host)) => match (without_port(host), port) {
                (host, 443) => format!("https://{host}"),
                (host, port) => format!("https://{host}:{port}"),
            },
            (None, None) => return StatusCode::BAD_REQUEST.into_response(),
        };
        Redirect::permanent(&format!("{base}{path}")).into_response()
    })
}

/// Refuses who asks too often, whether or not they may ask at all: a key can be tried out.
async fn bearable(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let peer = request.extensions().get::<ConnectInfo<SocketAddr>>().map(|peer| peer.0.ip());
    let Some(Err(wait)) = peer.map(|peer| app.rate.ask(peer, Instant::now())) else {
        return next.run(request).await;
    };
    app.metrics.too_often.add();
    let wait = [(header::RETRY_AFTER, HeaderValue::from(wait.as_secs() + 1))];
    let problem = Json(serde_json::json!({ "error": "too many requests from one network" }));
    (StatusCode::TOO_MANY_REQUESTS, wait, problem).into_response()
}

/// Whether the process answers.
#[utoipa::path(
    get, path = "/livez", tags = ["public listener", "private listener"],
    responses((status = 200, description = "It does")),
)]
pub(crate) async fn livez() -> &'static str {
    "alive\n"
}

/// Whether pages are taken, and how old the last heartbeat is.
#[utoipa::path(
    get, path = "/readyz", tags = ["public listener", "private listener"],
    responses(
        (status = 200, description = "They are"),
        (status = 503, description = "They are not, and why in one line"),
    ),
)]
pub(crate) async fn ready(State(app): State<Arc<App>>) -> Response {
    readiness(&app.service)
}

/// Whether the service takes pages, why not, and how long ago it last said that it lives.
pub(crate) fn readiness(service: &Service) -> Response {
    let age = service.heartbeat_age().0;
    match service.readiness() {
        Ok(()) => format!("ready, last heartbeat {age} ms ago\n").into_response(),
        Err(why) => {
            let words = format!("not ready: {why}, last heartbeat {age} ms ago\n");
            (StatusCode::SERVICE_UNAVAILABLE, words).into_response()
        }
    }
}

/// The request's host, if it is one in form.
pub(crate) fn host(headers: &HeaderMap) -> Option<&str> {
    let host = headers.get(header::HOST)?.to_str().ok()?;
    let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
    (!host.is_empty() && host.len() <= 255 && host.chars().all(plain)).then_some(host)
}

/// A server that knows its name is asked by that name only. Another site could give its name
/// our address (DNS rebinding) and would then be of the same origin as we are.
async fn known_host(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let known = match (host(request.headers()), &app.public_url) {
        (None, _) => false,
        (Some(host), Some(url)) => url.host() == host || is_local(host),
        (Some(host), None) => !app.own_machine || is_local(host),
    };
    if known {
        next.run(request).await
    } else {
        (StatusCode::MISDIRECTED_REQUEST, "this server does not go by that name\n").into_response()
    }
}

pub(crate) fn is_local(host: &str) -> bool {
    matches!(without_port(host), "localhost" | "127.0.0.1" | "[::1]")
}

fn without_port(host: &str) -> &str {
    match host.rsplit_once(':') {
        Some((name, port)) if port.bytes().all(|b| b.is_ascii_digit()) => name,
        _ => host,
    }
}

/// The page loads nothing from elsewhere, tells nobody where it is (its address holds the room), and
/// cannot be framed. Microphone, camera and screen are for it alone.
async fn headers(State(app): State<Arc<App>>, request: Request, next: Next) -> Response {
    let host = host(request.headers()).unwrap_or("localhost").to_owned();
    let mut response = next.run(request).await;
    let policy = format!(
        "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; \
         media-src 'self' blob:; worker-src 'self' blob:; manifest-src 'self'; \
         connect-src 'self' ws://{host} wss://{host}; base-uri 'none'; form-action 'none'; \
         frame-ancestors 'none'"
    );
    let policy = HeaderValue::try_from(policy).expect("a host of plain characters makes a header");
    let fixed = [
        (header::X_CONTENT_TYPE_OPTIONS, "nosniff"),
        (header::REFERRER_POLICY, "no-referrer"),
        (header::X_FRAME_OPTIONS, "DENY"),
        (HeaderName::from_static("cross-origin-opener-policy"), "same-origin"),
        (HeaderName::from_static("cross-origin-resource-policy"), "same-origin"),
        (
            HeaderName::from_static("permissions-policy"),
            "camera=(self), microphone=(self), display-capture=(self), autoplay=(self), \
             fullscreen=(self), screen-wake-lock=(self), geolocation=(), payment=(), usb=()",
        ),
    ];
    let headers = response.headers_mut();
    headers.insert(header::CONTENT_SECURITY_POLICY, policy);
    for (name, value) in fixed {
        headers.insert(name, HeaderValue::from_static(value));
    }
    let has_tls = app.tls || app.public_url.as_ref().is_some_and(PublicUrl::is_https);
    // Not for a local name: it is every server's on that machine.
    if has_tls && !is_local(&host) {
        headers.insert(header::STRICT_TRANSPORT_SECURITY, HSTS);
    }
    headers.entry(header::CACHE_CONTROL).or_insert(HeaderValue::from_static("no-store"));
    response
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn local_names_are_known_and_no_others() {
        for host in ["localhost", "localhost:8080", "127.0.0.1:1", "[::1]:8080", "[::1]"] {
            assert!(is_local(host), "{host}");
        }
        for host in ["localhost.evil.example", "evil.example:8080", "127.0.0.1.evil", "::1", ""] {
            assert!(!is_local(host), "{host}");
        }
    }
}
