//! The beginning and the end of a session are told to another server, signed, until it takes them.

mod common;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};

use aws_lc_rs::hmac;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{PATIENCE, Palabre, room, token};
use serde_json::{Value, json};
use tokio::sync::mpsc;

const SECRET: &str = "a secret of some length";

/// A server that refuses the first message it gets, and takes the others.
async fn receiver() -> (String, mpsc::UnboundedReceiver<(HeaderMap, String)>) {
    let (heard, messages) = mpsc::unbounded_channel();
    let refused = Arc::new(AtomicBool::new(false));
    let take = post(async move |headers: HeaderMap, body: String| {
        heard.send((headers, body)).expect("the test goes on");
        if refused.swap(true, Ordering::SeqCst) {
            StatusCode::NO_CONTENT
        } else {
            StatusCode::BAD_GATEWAY
        }
    });
    let listener = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/palabre", listener.local_addr().expect("bound"));
    let app = Router::new().route("/palabre", take);
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    (url, messages)
}

/// The id and the body of the next message, whose signature is checked.
async fn next(messages: &mut mpsc::UnboundedReceiver<(HeaderMap, String)>) -> (String, Value) {
    let (headers, body) =
        tokio::time::timeout(PATIENCE, messages.recv()).await.expect("in time").expect("open");
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature");
    let tag = STANDARD.decode(signature.strip_prefix("v1,").expect("version 1")).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &tag).expect("signed");
    (id, serde_json::from_str(&body).expect("JSON"))
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_and_end_of_a_session_are_told_and_nobodys_name() {
    let (url, mut messages) = receiver().await;
    let data = tempfile::tempdir().expect("dir");
    let secret = data.path().join("webhook-secret");
    std::fs::write(&secret, SECRET).expect("written");
    let secret = secret.to_str().expect("a path");
    let settings = ["--no-demo", "--webhook", &url, "--webhook-secret-file", secret];
    let server = Palabre::start(&data.path().join("rooms"), &settings);

    let (_, made) = server.post_room("", &room());
    let link = made["links"][0]["url"].as_str().expect("a link");
    let mut chair = server.page(token(link)).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    let (first, body) = next(&mut messages).await;
    assert_eq!(body["type"], "room.started");
    let of = json!({"room": made["room"], "template": "codev-1h15", "seats": 2});
    assert_eq!(body["data"], of);

    // It was refused, and comes again as it was.
    assert_eq!(next(&mut messages).await, (first.clone(), body));
    assert_eq!(chair.command(2, json!({"do": "end_session"})).await["result"], "done");
    let (second, body) = next(&mut messages).await;
    assert_eq!((&body["type"], &body["data"]), (&json!("room.ended"), &of));
    assert_ne!(first, second);

    assert_eq!(server.metrics().value("palabre_webhook_attempts_failed_total"), 1.0);
    let (clean, log) = server.terminate();
    assert!(clean && !log.contains(SECRET) && !log.contains("/palabre\""), "{log}");
}
