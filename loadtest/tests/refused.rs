//! A ramp whose rooms the server refuses fails, and says how many of how many there were.

use std::sync::Arc;

use palabre_loadtest::link::Server;
use palabre_loadtest::run::{self, Overrides, Private, Scenario, Setting, Summary};
use tokio::io::{AsyncReadExt as _, AsyncWriteExt as _};
use tokio::net::TcpListener;
use tokio::sync::watch;

const SCENARIO: &str = r#"
name = "refused"
template = "plain-meeting"
people = 2
seconds = 60
bots = "light"

[load]
mode = "ramp"
levels = [3]
"#;

/// A server that has as many rooms as it takes.
async fn full() -> Server {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    tokio::spawn(async move {
        while let Ok((mut stream, _)) = listener.accept().await {
            let mut request = Vec::new();
            while !request.ends_with(b"}") {
                assert_ne!(stream.read_buf(&mut request).await.expect("it is sent"), 0);
            }
            let answer = "HTTP/1.1 503 No\r\nconnection: close\r\ncontent-length: 0\r\n\r\n";
            stream.write_all(answer.as_bytes()).await.expect("sent");
        }
    });
    Server::parse(&format!("http://{address}")).expect("an address")
}

#[tokio::test]
async fn rooms_that_are_refused_fail_a_ramp() {
    let (_open, end) = watch::channel(None);
    let setting = Setting {
        server: full().await,
        private: Private::None,
        own: None,
        process: None,
        progress: Arc::new(|_| {}),
        each_second: Arc::new(|_| {}),
        end,
    };
    let scenario = Scenario::parse(SCENARIO, Overrides::default()).expect("a scenario");
    let summary = Summary::of(&run::run(scenario, setting).await.expect("it ran"));
    let says = |what: &str| {
        let found = summary.assertions.iter().find(|one| one.what.contains(what));
        found.map(|one| (one.held, one.found.as_str()))
    };
    assert_eq!(says("every room is there"), Some((false, "(0 of 3 rooms)")));
    assert_eq!(summary.rooms, 0);
}
