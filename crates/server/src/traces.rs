//! Spans for an OpenTelemetry collector, by OTLP over HTTP: how long people wait to get in, and where a
//! command's time goes. They name no room, person or content, as the log does not.
//!
//! How much is sampled and how it is batched follows the specification's own variables
//! (`OTEL_TRACES_SAMPLER`, `OTEL_BSP_…`).

use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

use anyhow::{Context as _, Result};
use axum::body::Bytes;
use axum::http::{Request, Response};
use opentelemetry::trace::TracerProvider as _;
use opentelemetry_http::{HttpClient, HttpError};
use opentelemetry_otlp::{SpanExporter, WithExportConfig as _, WithHttpConfig as _};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::{SdkTracer, SdkTracerProvider};

use crate::outgoing;

/// A collector that has not answered by then loses a batch.
const PATIENCE: Duration = Duration::from_secs(5);

/// What goes to the collector. It blocks only its own thread.
#[derive(Debug)]
pub(crate) struct Traces(SdkTracerProvider);

impl Traces {
    /// Begins to send to `collector`, such as `http://127.0.0.1:4318`.
    ///
    /// # Errors
    /// When it is no address of a collector.
    pub(crate) fn to(collector: &str) -> Result<Self> {
        let exporter = SpanExporter::builder()
            .with_http()
            .with_http_client(Client {
                agent: outgoing::agent(PATIENCE),
                failing: AtomicBool::new(false),
            })
            .with_endpoint(format!("{}/v1/traces", collector.trim_end_matches('/')))
            .build()
            .context("cannot send traces")?;
        let resource = Resource::builder_empty()
            .with_service_name("palabre")
            .with_attribute(opentelemetry::KeyValue::new(
                "service.version",
                env!("CARGO_PKG_VERSION"),
            ))
            .build();
        let provider = SdkTracerProvider::builder()
            .with_batch_exporter(exporter)
            .with_resource(resource)
            .build();
        Ok(Self(provider))
    }

    /// What spans are recorded by.
    pub(crate) fn tracer(&self) -> SdkTracer {
        self.0.tracer("palabre")
    }

    /// Sends what waits, and ends.
    pub(crate) fn end(self) {
        // What it could not send is in the log already.
        let _ = self.0.shutdown();
    }
}

/// Our own way of making requests, for the exporter's thread.
#[derive(Debug)]
struct Client {
    agent: ureq::Agent,
    /// Whether the last batch was lost: the log has a line when that begins and when it ends.
    failing: AtomicBool,
}

impl Client {
    fn send(&self, request: Request<Bytes>) -> Result<Response<Bytes>, ureq::Error> {
        let (head, body) = request.into_parts();
        let answer = self.agent.run(Request::from_parts(head, body.to_vec()))?;
        let (head, mut body) = answer.into_parts();
        Ok(Response::from_parts(head, body.read_to_vec()?.into()))
    }
}

#[async_trait::async_trait]
impl HttpClient for Client {
    async fn send_bytes(&self, request: Request<Bytes>) -> Result<Response<Bytes>, HttpError> {
        let answer = self.send(request);
        let failed = !answer.as_ref().is_ok_and(|answer| answer.status().is_success());
        match (self.failing.swap(failed, Ordering::Relaxed), failed) {
            (false, true) => tracing::warn!("the collector takes no traces: they are lost"),
            (true, false) => tracing::info!("the collector takes traces again"),
            _ => {}
        }
        Ok(answer?)
    }
}
