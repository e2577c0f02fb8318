//! The private listener: what the operator's own machines ask and nobody else should.
//!
//! It is bound to this machine unless it is told otherwise. Whatever makes the server do something
//! (not only say something) belongs here too, behind the same guard against pages of a browser.

use std::sync::Arc;

use axum::Router;
use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::{self, Next};
use axum::response::{IntoResponse as _, Response};
use axum::routing::get;
use palabre_signaling::Service;

use crate::http::{host, is_local, readiness};
use crate::metrics::{self, Metrics};

/// What the private routes know.
pub(crate) struct Private {
    pub(crate) service: Service,
    pub(crate) metrics: Metrics,
    /// Bound to a loopback address.
    pub(crate) loopback: bool,
}

/// Every private route.
pub(crate) fn router(private: Private) -> Router {
    let private = Arc::new(private);
    Router::new()
        .route("/livez", get(async || "alive\n"))
        .route(
            "/readyz",
            get(async |State(private): State<Arc<Private>>| readiness(&private.service)),
        )
        .route("/metrics", get(metrics::answer))
        .with_state(Arc::clone(&private))
        .layer(middleware::from_fn_with_state(private, no_browser))
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
