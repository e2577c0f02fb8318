//! What the server does with its time is told to a collector, and nothing of whom it does it for.

mod common;

use axum::Router;
use axum::body::Bytes;
use axum::http::HeaderMap;
use axum::routing::post;
use common::{Palabre, room, token};
use serde_json::json;
use tokio::sync::mpsc;

/// A collector that takes everything.
async fn collector() -> (String, mpsc::UnboundedReceiver<Bytes>) {
    let (heard, batches) = mpsc::unbounded_channel();
    let take = post(async move |headers: HeaderMap, body: Bytes| {
        assert_eq!(headers["content-type"], "application/x-protobuf");
        heard.send(body).expect("the test goes on");
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}", listener.local_addr().expect("bound"));
    let app = Router::new().route("/v1/traces", take);
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    (url, batches)
}

#[tokio::test(flavor = "multi_thread")]
async fn spans_are_sent_to_the_collector_and_name_nobody() {
    let (url, mut batches) = collector().await;
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo", "--otlp", &url]);
    let (_, made) = server.post_room("", &room());
    let links = made["links"].as_array().expect("links");
    let link = links[0]["url"].as_str().expect("a link").to_owned();
    let mut chair = server.page(token(&link)).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    let (clean, log) = server.terminate();
    assert!(clean, "{log}");

    // Everything is sent before the process ends.
    let mut sent = Vec::new();
    while let Ok(batch) = batches.try_recv() {
        sent.extend_from_slice(&batch);
    }
    let holds = |text: &str| sent.windows(text.len()).any(|window| window == text.as_bytes());
    for span in ["palabre", "join", "command", "next_phase", "journal", "set_gate"] {
        assert!(holds(span), "no {span} among {} bytes", sent.len());
    }
    let names = links.iter().filter_map(|link| link["name"].as_str());
    let secrets = names.chain([made["room"].as_str().expect("a room"), token(&link), "127.0.0.1"]);
    for secret in secrets {
        assert!(!holds(secret), "traces say {secret}");
    }
    assert!(!log.contains("span"), "spans stay out of the log: {log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_collector_that_is_not_there_holds_nobody_up() {
    let data = tempfile::tempdir().expect("dir");
    let gone = std::net::TcpListener::bind("127.0.0.1:0").expect("bound");
    let url = format!("http://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let server = Palabre::start(data.path(), &["--no-demo", "--otlp", &url]);
    let (_, made) = server.post_room("", &room());
    let link = made["links"][0]["url"].as_str().expect("a link");
    let mut chair = server.page(token(link)).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    let (clean, log) = server.terminate();
    assert!(clean && log.contains("the collector takes no traces"), "{log}");
}
