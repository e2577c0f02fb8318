//! Metrics in Prometheus' text format, on a listener of their own: totals, without rooms or people.

use std::fmt::Write as _;
use std::sync::Arc;

use axum::extract::State;
use axum::http::header;
use axum::response::IntoResponse;

use crate::media;
use crate::private::Private;

pub(crate) async fn answer(State(private): State<Arc<Private>>) -> impl IntoResponse {
    let mut text = String::new();
    let service = &private.service;
    gauge(&mut text, "palabre_rooms", "Rooms there are.", service.room_count() as u64);
    gauge(&mut text, "palabre_connections", "WebSockets open.", service.open_connections());
    let health = service.journal_health();
    let help = "Rooms of which something waits for the disk.";
    gauge(&mut text, "palabre_journal_waiting_rooms", help, health.waiting_rooms);
    for (name, help, value) in [
        ("palabre_journal_refusals_total", "Writes that the disk refused.", health.refusals),
        ("palabre_journal_torn_total", "Rooms whose last write a crash cut off.", health.torn),
        ("palabre_journal_damaged_total", "Rooms found damaged and set aside.", health.damaged),
    ] {
        sample(&mut text, name, help, "counter", value as f64);
    }
    for (name, help, value) in service.metrics().table() {
        sample(&mut text, name, help, "counter", value);
    }
    for (name, help, kind, value) in media::samples(&private.sfu).await {
        sample(&mut text, name, help, kind, value);
    }
    ([(header::CONTENT_TYPE, "text/plain; version=0.0.4")], text)
}

fn gauge(text: &mut String, name: &str, help: &str, value: u64) {
    sample(text, name, help, "gauge", value as f64);
}

fn sample(text: &mut String, name: &str, help: &str, kind: &str, value: f64) {
    // Writing to a string cannot fail.
    let _ = writeln!(text, "# HELP {name} {help}\n# TYPE {name} {kind}\n{name} {value}");
}
