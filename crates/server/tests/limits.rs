//! How much is taken on, and how the rest is refused.

mod common;

use std::io::{Read as _, Write as _};
use std::net::{IpAddr, TcpStream};

use common::{PATIENCE, Palabre, room, token};
use serde_json::Value;

#[test]
fn rooms_and_seats_are_bounded() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo", "--max-seats", "3"]);
    assert_eq!(server.post_room("", &room()).0, 201);
    let (status, problem) = server.post_room("", &room());
    assert_eq!(status, 503, "two and two seats are more than three");
    assert_eq!(problem["error"], "the server has as many rooms as it takes");
    assert_eq!(server.metrics().value("palabre_seats_limit"), 3.0);
}

#[tokio::test]
async fn connections_with_a_link_are_bounded() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo", "--max-connections", "1"]);
    let made = server.post_room("", &room()).1;
    let link = |seat: usize| made["links"][seat]["url"].as_str().expect("a link").to_owned();
    let mut first = server.page(token(&link(0))).await;
    first.until("welcome").await;
    assert_eq!(server.metrics().value("palabre_seats_connected"), 1.0);
    let mut second = server.page(token(&link(1))).await;
    assert_eq!(second.until("closing").await["reason"], "full");
}

#[test]
fn connections_that_say_nothing_are_bounded() {
    let data = tempfile::tempdir().expect("dir");
    let server = Palabre::start(data.path(), &["--no-demo", "--max-http-connections", "16"]);
    let connect = || {
        let stream = TcpStream::connect(("127.0.0.1", server.port)).expect("connected");
        stream.set_read_timeout(Some(PATIENCE)).expect("set");
        stream
    };
    let silent: Vec<TcpStream> = (0..16).map(|_| connect()).collect();
    let closed = connect().read(&mut [0]);
    assert!(matches!(closed, Ok(0) | Err(_)), "the seventeenth is closed");
    assert!(server.metrics().value("palabre_http_connections_refused_total") >= 1.0);
    assert_eq!(server.metrics().value("palabre_http_connections"), 16.0);
    assert_eq!(server.ask_private("/readyz", "").0, 200, "the operator comes in all the same");

    drop(silent);
    // Their places come back; how soon is the system's business.
    let answered = || {
        let mut stream = connect();
        let _ =
            write!(stream, "GET /livez HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n");
        let mut answer = String::new();
        stream.read_to_string(&mut answer).is_ok_and(|_| answer.starts_with("HTTP/1.1 200"))
    };
    assert!((0..10_000).any(|_| answered()), "places are given back");
}

/// An address of this machine that is not its loopback one: those have no limit.
fn outer_address() -> Option<IpAddr> {
    palabre_sfu::local_addresses().ok()?.into_iter().find(|ip| ip.is_ipv4() && !ip.is_loopback())
}

#[test]
fn who_asks_too_often_is_told_when_to_come_back() {
    let Some(address) = outer_address() else {
        panic!("this test needs an address of this machine beside 127.0.0.1");
    };
    let data = tempfile::tempdir().expect("dir");
    let listen = format!("{address}:0");
    let more = ["--no-demo", "--rooms-per-minute", "2", "--http", &listen];
    let server = Palabre::start(data.path(), &more);
    let ask = || server.post_room("", &room());
    assert_eq!([ask().0, ask().0], [403, 403], "no key is set, which is asked for outside");
    let (status, head, body) =
        server.ask("POST", "/api/rooms", "Content-Type: application/json\r\n", "{}");
    assert_eq!(status, 429);
    assert!(head.contains("retry-after: "), "{head}");
    let problem: Value = serde_json::from_str(&body).expect("JSON");
    assert_eq!(problem["error"], "too many requests from one network");
    assert_eq!(server.metrics().value("palabre_http_refused_too_often_total"), 1.0);
    assert_eq!(server.get("/api/templates").0, 200, "the rest is not held up");
}
