//! The HTTP side: who may open a WebSocket.

use std::net::SocketAddr;

use axum::extract::ws::WebSocketUpgrade;
use axum::extract::{ConnectInfo, State};
use axum::http::{HeaderMap, StatusCode, header};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use axum::{Extension, Json, Router};
use palabre_wire::MAX_MESSAGE_BYTES;

use crate::connection;
use crate::service::Service;

/// Frames beyond this end the connection; between the wire's limit and this they are refused in
/// words.
const MAX_FRAME_BYTES: usize = 2 * MAX_MESSAGE_BYTES;

/// What is read at once. Most of what pages say is a fraction of it; the library's own 128 KiB would be kept
/// for every connection, and written over with zeros at every read.
const READ_BYTES: usize = 4 * 1_024;

/// The name a client may ask for as subprotocol; none is fine too.
const SUBPROTOCOL: &str = "palabre.v3";

/// The service's one route, `/ws`. Served with the peer's address
/// (`into_make_service_with_connect_info`), it bounds how many sockets one network may hold open
/// without a link.
pub fn router(service: Service) -> Router {
    Router::new().route("/ws", get(upgrade)).with_state(service)
}

async fn upgrade(
    State(service): State<Service>,
    peer: Option<Extension<ConnectInfo<SocketAddr>>>,
    headers: HeaderMap,
    upgrade: WebSocketUpgrade,
) -> Response {
    if !origin_allowed(&headers, &service.config().allowed_origins) {
        service.metrics().wrong_origin.add();
        return refused(StatusCode::FORBIDDEN, "this origin may not connect");
    }
    let address = peer.map(|Extension(ConnectInfo(peer))| peer.ip());
    let Some(place) = service.door().enter(address) else {
        service.metrics().rejected.add();
        return refused(StatusCode::SERVICE_UNAVAILABLE, "too many connections");
    };
    upgrade
        .protocols([SUBPROTOCOL])
        .max_message_size(MAX_FRAME_BYTES)
        .max_frame_size(MAX_FRAME_BYTES)
        .read_buffer_size(READ_BYTES)
        .on_upgrade(async move |socket| connection::serve(service, socket, place).await)
}

fn refused(status: StatusCode, reason: &str) -> Response {
    (status, Json(serde_json::json!({ "error": reason }))).into_response()
}

/// A browser always says which page connects. It must be ours: of the very host it connects to, or of
/// one the operator named. Other programs say nothing; they have no user whose trust they could
/// abuse, and need a link like everybody.
fn origin_allowed(headers: &HeaderMap, allowed: &[String]) -> bool {
    let Some(origin) = headers.get(header::ORIGIN) else { return true };
    let Ok(origin) = origin.to_str() else { return false };
    if allowed.iter().any(|allowed| allowed == origin) {
        return true;
    }
    let authority = origin.strip_prefix("https://").or_else(|| origin.strip_prefix("http://"));
    let host = headers.get(header::HOST).and_then(|host| host.to_str().ok());
    authority.is_some() && authority == host
}

#[cfg(test)]
mod tests {
    use axum::http::HeaderValue;

    use super::*;

    #[test]
    fn only_our_own_pages_connect() {
        let allowed = ["https://salle.example".to_owned()];
        for (origin, expected) in [
            (None, true),
            (Some("http://localhost:8080"), true),
            (Some("https://localhost:8080"), true),
            (Some("https://salle.example"), true),
            (Some("http://localhost:8081"), false),
            (Some("http://localhost"), false),
            (Some("http://localhost:8080.evil.example"), false),
            (Some("http://evil.example"), false),
            (Some("https://salle.example.evil"), false),
            (Some("ftp://localhost:8080"), false),
            (Some("localhost:8080"), false),
            (Some("null"), false),
            (Some(""), false),
        ] {
            let mut headers = HeaderMap::new();
            headers.insert(header::HOST, HeaderValue::from_static("localhost:8080"));
            if let Some(origin) = origin {
                headers.insert(header::ORIGIN, HeaderValue::from_static(origin));
            }
            assert_eq!(origin_allowed(&headers, &allowed), expected, "{origin:?}");
        }
    }
}
