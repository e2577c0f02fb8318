//! The beginning and the end of a session are told to another server, signed, until it takes them.

mod common;

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use aws_lc_rs::hmac;
use axum::Router;
use axum::http::{HeaderMap, StatusCode};
use axum::routing::post;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use common::{PATIENCE, Palabre, room, token};
use serde_json::{Value, json};
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

const SECRET: &str = "a secret of some length";

type Messages = mpsc::UnboundedReceiver<(HeaderMap, String)>;

/// A place for a receiver, at which nobody is yet: who connects waits.
async fn place() -> (TcpListener, String) {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("bound");
    let url = format!("http://{}/palabre", listener.local_addr().expect("bound"));
    (listener, url)
}

/// A receiver that refuses so many messages, and takes the others.
fn receive(listener: TcpListener, refused: usize) -> Messages {
    let (heard, messages) = mpsc::unbounded_channel();
    let taken = Arc::new(AtomicUsize::new(0));
    let take = post(async move |headers: HeaderMap, body: String| {
        heard.send((headers, body)).expect("the test goes on");
        if taken.fetch_add(1, Ordering::SeqCst) < refused {
            StatusCode::BAD_GATEWAY
        } else {
            StatusCode::NO_CONTENT
        }
    });
    let app = Router::new().route("/palabre", take);
    tokio::spawn(async move { axum::serve(listener, app).await.expect("serves") });
    messages
}

/// The id and the body of the next message, whose signature is checked.
async fn next(messages: &mut Messages) -> (String, Value) {
    let (headers, body) = timeout(PATIENCE, messages.recv()).await.expect("in time").expect("open");
    let header = |name: &str| headers[name].to_str().expect("text").to_owned();
    let (id, time) = (header("webhook-id"), header("webhook-timestamp"));
    let signature = header("webhook-signature");
    let tag = STANDARD.decode(signature.strip_prefix("v1,").expect("version 1")).expect("base64");
    let key = hmac::Key::new(hmac::HMAC_SHA256, SECRET.as_bytes());
    hmac::verify(&key, format!("{id}.{time}.{body}").as_bytes(), &tag).expect("signed");
    (id, serde_json::from_str(&body).expect("JSON"))
}

/// A server with a webhook at `url`, whose rooms are in `data`.
fn server(data: &Path, url: &str) -> Palabre {
    let secret = data.join("webhook-secret");
    std::fs::write(&secret, SECRET).expect("written");
    let secret = secret.to_str().expect("a path");
    let settings = ["--no-demo", "--webhook", url, "--webhook-secret-file", secret];
    Palabre::start(&data.join("rooms"), &settings)
}

/// What waits on the disk.
fn spooled(data: &Path) -> Vec<String> {
    let files = std::fs::read_dir(data.join("rooms/webhook")).expect("a directory");
    let name = |entry: std::io::Result<std::fs::DirEntry>| entry.expect("read").file_name();
    let mut names: Vec<String> =
        files.map(|entry| name(entry).into_string().expect("text")).collect();
    names.sort();
    names
}

async fn until_nothing_is_spooled(data: &Path) {
    let nothing = async {
        while !spooled(data).is_empty() {
            sleep(Duration::from_millis(20)).await;
        }
    };
    timeout(PATIENCE, nothing).await.expect("what is delivered is forgotten");
}

#[tokio::test(flavor = "multi_thread")]
async fn the_beginning_and_end_of_a_session_are_told_and_nobodys_name() {
    let (listener, url) = place().await;
    let mut messages = receive(listener, 1);
    let data = tempfile::tempdir().expect("dir");
    let server = server(data.path(), &url);

    let (_, made) = server.post_room("", &room());
    let link = made["links"][0]["url"].as_str().expect("a link");
    let mut chair = server.page(token(link)).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    let (first, body) = next(&mut messages).await;
    assert_eq!(body["type"], "room.started");
    let of = json!({
        "room": made["room"], "template": "codev-1h15", "seats": 2, "started_at": body["at"],
    });
    assert_eq!(body["data"], of);

    // It was refused, and comes again as it was.
    assert_eq!(next(&mut messages).await, (first.clone(), body));
    assert_eq!(chair.command(2, json!({"do": "end_session"})).await["result"], "done");
    let (second, body) = next(&mut messages).await;
    assert_eq!((&body["type"], &body["data"]), (&json!("room.ended"), &of));
    assert_ne!(first, second);

    until_nothing_is_spooled(data.path()).await;
    let metrics = server.metrics();
    for (name, expected) in [
        ("palabre_webhook_attempts_failed_total", 1.0),
        ("palabre_webhook_messages_delivered_total", 2.0),
        ("palabre_webhook_messages_not_kept_total", 0.0),
        ("palabre_webhook_messages_waiting", 0.0),
    ] {
        assert_eq!(metrics.value(name), expected, "{name}");
    }
    let (clean, log) = server.terminate();
    assert!(clean && !log.contains(SECRET) && !log.contains("/palabre\""), "{log}");
}

#[tokio::test(flavor = "multi_thread")]
async fn a_session_that_never_began_ends_too() {
    let (listener, url) = place().await;
    let mut messages = receive(listener, 0);
    let data = tempfile::tempdir().expect("dir");
    let server = server(data.path(), &url);
    let (_, made) = server.post_room("", &room());
    let mut chair = server.page(token(made["links"][0]["url"].as_str().expect("a link"))).await;
    assert_eq!(chair.command(1, json!({"do": "end_session"})).await["result"], "done");
    let (_, body) = next(&mut messages).await;
    assert_eq!(body["type"], "room.ended");
    assert_eq!(body["data"]["room"], made["room"]);
    assert_eq!(body["data"].get("started_at"), Some(&Value::Null), "it is said, and not left out");
}

/// The receiver is gone while a session begins and ends, and the server is killed before it is back.
#[tokio::test(flavor = "multi_thread")]
async fn what_was_not_delivered_when_the_server_was_killed_is_delivered_by_the_next() {
    // It lets nobody in, and answers nobody.
    let (listener, url) = place().await;
    let data = tempfile::tempdir().expect("dir");
    let first = server(data.path(), &url);
    let (_, made) = first.post_room("", &room());
    let mut chair = first.page(token(made["links"][0]["url"].as_str().expect("a link"))).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    assert_eq!(chair.command(2, json!({"do": "end_session"})).await["result"], "done");
    let room_id = made["room"].as_str().expect("an identifier");
    // An answer is given once the news are kept.
    let expected = ["ended", "started"].map(|what| format!("msg_{what}_{room_id}.message"));
    assert_eq!(spooled(data.path()), expected);
    let log = first.kill();
    assert!(!log.contains(room_id), "no log holds a room");

    let mut messages = receive(listener, 0);
    let second = server(data.path(), &url);
    let mut told = Vec::new();
    // The first server's own attempt, which nobody answered, may be among them.
    while told.len() < 2 {
        let (id, body) = next(&mut messages).await;
        if !told.contains(&id) {
            assert_eq!(body["data"]["room"], made["room"]);
            assert!(id == format!("msg_{}_{room_id}", &body["type"].as_str().expect("text")[5..]));
            told.push(id);
        }
    }
    until_nothing_is_spooled(data.path()).await;
    let second = second.kill();
    assert!(!second.contains(room_id));

    // What is delivered is delivered: the room, whose record is still read, tells nothing again.
    let third = server(data.path(), &url);
    assert_eq!(third.metrics().value("palabre_rooms"), 1.0);
    sleep(Duration::from_millis(500)).await;
    assert!(messages.try_recv().is_err());
}

/// A disk that takes no message holds up no session, and none is lost while the server lives.
#[tokio::test(flavor = "multi_thread")]
async fn a_spool_that_cannot_be_written_costs_no_room_and_no_message() {
    let (listener, url) = place().await;
    let mut messages = receive(listener, 0);
    let data = tempfile::tempdir().expect("dir");
    std::fs::create_dir(data.path().join("rooms")).expect("made");
    // Where messages would wait is something else.
    std::fs::write(data.path().join("rooms/webhook"), "").expect("written");
    let server = server(data.path(), &url);
    let (_, made) = server.post_room("", &room());
    let mut chair = server.page(token(made["links"][0]["url"].as_str().expect("a link"))).await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");
    assert_eq!(next(&mut messages).await.1["type"], "room.started");
    assert!(server.metrics().value("palabre_webhook_messages_not_kept_total") >= 1.0);
    assert!(server.terminate().0);
}
