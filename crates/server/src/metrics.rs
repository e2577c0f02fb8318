//! Metrics for Prometheus, in the OpenMetrics text format: totals, without rooms or people.
//!
//! What is counted as it happens is registered once; what others keep (the media plane, the journal,
//! the process) is sampled when it is asked for.

mod process;
mod sampled;
#[cfg(test)]
mod table;

use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use axum::extract::{Request, State};
use axum::http::{StatusCode, header};
use axum::middleware::Next;
use axum::response::{IntoResponse, Response};
use palabre_signaling::{Counter, CountersBy, Durations, Exported as _, Label, Service};
use prometheus_client::encoding::text::encode;
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::Registry;

use crate::listen::Connections;
use crate::media::SfuPlane;
use crate::private::Private;
use crate::tls::Standing;
use crate::webhooks::WebhookMetrics;
use sampled::Sampled;

const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Everything that is exported.
pub(crate) struct Metrics {
    registry: Registry,
    sampled: Arc<Mutex<Sampled>>,
    certificate: Arc<Standing>,
    service: Service,
    sfu: Arc<SfuPlane>,
}

impl Metrics {
    pub(crate) fn new(service: Service, sfu: Arc<SfuPlane>, http: &HttpMetrics) -> Self {
        process::begin();
        let sampled = Arc::new(Mutex::new(Sampled::default()));
        let registry = registry(service.metrics(), http, Arc::clone(&sampled));
        Self { registry, sampled, certificate: Arc::clone(&http.certificate), service, sfu }
    }

    async fn text(&self) -> Result<String, std::fmt::Error> {
        let sampled = Sampled::take(&self.service, &self.sfu, &self.certificate).await;
        *self.sampled.lock().unwrap_or_else(PoisonError::into_inner) = sampled;
        let mut text = String::new();
        encode(&mut text, &self.registry)?;
        #[cfg(feature = "planted")]
        let text = crate::planted::exported(text);
        Ok(text)
    }
}

/// Everything under its name; what is sampled is the last sample.
fn registry(
    signaling: &palabre_signaling::Metrics,
    http: &HttpMetrics,
    sampled: Arc<Mutex<Sampled>>,
) -> Registry {
    let mut registry = Registry::default();
    let build = [("version", env!("CARGO_PKG_VERSION"))];
    registry.register("palabre_build", "Which server this is", Info::new(build));
    signaling.export(&mut registry);
    http.export(&mut registry);
    registry.register_collector(Box::new(sampled::Collected(sampled)));
    registry
}

/// Answers a scrape, in the OpenMetrics text format.
#[utoipa::path(
    get, path = "/metrics", operation_id = "metrics", tag = "private listener",
    responses(
        (status = 200, description = "Every metric", content_type = "application/openmetrics-text"),
        (status = 403, description = "A page of a browser asked"),
    ),
)]
pub(crate) async fn answer(State(private): State<Arc<Private>>) -> Response {
    match private.metrics.text().await {
        Ok(text) => ([(header::CONTENT_TYPE, CONTENT_TYPE)], text).into_response(),
        Err(_) => StatusCode::INTERNAL_SERVER_ERROR.into_response(),
    }
}

/// What the public listener counts.
#[derive(Debug)]
pub(crate) struct HttpMetrics {
    responses: CountersBy<Code>,
    took: Durations,
    pub(crate) connections: Arc<Connections>,
    pub(crate) certificate: Arc<Standing>,
    /// Refused because somebody asked too often.
    pub(crate) too_often: Counter,
    pub(crate) webhooks: WebhookMetrics,
}

/// An HTTP status code.
#[derive(Debug)]
struct Code(StatusCode);

impl Label for Code {
    const NAME: &'static str = "code";

    fn value(&self) -> String {
        self.0.as_str().to_owned()
    }
}

impl HttpMetrics {
    /// Counts for a listener of at most so many connections.
    pub(crate) fn of(http_connections: u32) -> Self {
        Self {
            responses: CountersBy::default(),
            took: Durations::default(),
            connections: Arc::new(Connections::at_most(http_connections)),
            certificate: Arc::default(),
            too_often: Counter::default(),
            webhooks: WebhookMetrics::default(),
        }
    }

    fn export(&self, registry: &mut Registry) {
        let connections = &self.connections;
        let help = "TCP connections to the public listener that are open, WebSockets apart";
        connections.open.export("palabre_http_connections", help, registry);
        let help = "TCP connections closed because there were as many as are taken";
        connections.refused.export("palabre_http_connections_refused_total", help, registry);
        let help = "TLS handshakes that failed";
        connections.failed_handshakes.export("palabre_tls_handshakes_failed_total", help, registry);
        let help = "Times that a new certificate could not be had or read";
        self.certificate.failures.export("palabre_tls_certificate_failures_total", help, registry);
        self.responses.export("palabre_http_responses_total", "HTTP answers, by status", registry);
        let help = "How long the head of an HTTP answer took";
        self.took.export("palabre_http_response_seconds", help, registry);
        let help = "HTTP requests refused because one network made too many";
        self.too_often.export("palabre_http_refused_too_often_total", help, registry);
        self.webhooks.export(registry);
    }
}

/// Counts what is answered.
pub(crate) async fn count(
    State(http): State<Arc<HttpMetrics>>,
    request: Request,
    next: Next,
) -> Response {
    let started = Instant::now();
    let response = next.run(request).await;
    http.took.add(started.elapsed());
    http.responses.add(&Code(response.status()));
    response
}
