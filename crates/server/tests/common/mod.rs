//! The binary itself, started and asked.

// Each test file uses its own part of this.
#![allow(dead_code)]

pub(crate) mod exposition;
pub(crate) mod secure;

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use futures_util::{SinkExt as _, StreamExt as _};
use serde_json::{Value, json};
use tokio_tungstenite::tungstenite::Message;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream, connect_async};

/// Nothing takes so long; what does not come fails here.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);

/// A running server.
pub(crate) struct Palabre {
    child: Child,
    host: IpAddr,
    /// Of the public listener.
    pub(crate) port: u16,
    /// Of the one that only sends to the public one, where that is over TLS.
    pub(crate) plain_port: u16,
    /// Of the private one.
    pub(crate) private_port: u16,
    log: Option<std::thread::JoinHandle<String>>,
    /// The first lines on its standard output.
    pub(crate) said: Vec<String>,
}

impl Palabre {
    pub(crate) fn start(data: &Path, more: &[&str]) -> Self {
        Self::start_with(data, more, &[])
    }

    /// Starts it with variables, too.
    pub(crate) fn start_with(data: &Path, more: &[&str], variables: &[(&str, &str)]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_palabre"));
        command.args(["serve", "--media", "127.0.0.1:0", "--shards", "1"]);
        if !more.contains(&"--http") {
            command.args(["--http", "127.0.0.1:0"]);
        }
        let mut child = command
            .args(["--exit-after", "240", "--data"])
            .arg(data)
            .args(more)
            .env("PALABRE_LOG", "trace")
            .envs(variables.iter().copied())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .expect("started");
        let mut stderr = child.stderr.take().expect("piped");
        let log = std::thread::spawn(move || {
            let mut text = String::new();
            stderr.read_to_string(&mut text).expect("a log is text");
            text
        });
        let mut said = Vec::new();
        let stdout = BufReader::new(child.stdout.take().expect("piped"));
        let tls = more.contains(&"--https");
        let lines = if more.contains(&"--no-demo") { 1 } else { 11 } + usize::from(tls);
        for line in stdout.lines().take(lines) {
            said.push(line.expect("text"));
        }
        let address = |before: &str| -> SocketAddr {
            let found = said
                .iter()
                .find_map(|line| line.split_once(before)?.1.split([',', ')']).next()?.parse().ok());
            found.unwrap_or_else(|| panic!("no address behind `{before}` in {said:?}"))
        };
        let public = address("(on ");
        let plain_port = if tls { address("Without TLS, on ").port() } else { public.port() };
        let private_port = address("metrics on ").port();
        let (host, port) = (public.ip(), public.port());
        Self { child, host, port, private_port, plain_port, log: Some(log), said }
    }

    pub(crate) fn links(&self) -> Vec<String> {
        self.said
            .iter()
            .filter_map(|line| Some(line.split_once("http://")?.1.to_owned()))
            .skip(1)
            .collect()
    }

    /// `kill -9`; gives the log.
    pub(crate) fn kill(mut self) -> String {
        self.child.kill().expect("killed");
        self.child.wait().expect("ended");
        self.log.take().expect("read once").join().expect("read")
    }

    /// SIGTERM; gives whether it ended well, and the log.
    pub(crate) fn terminate(mut self) -> (bool, String) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args(["-TERM", &pid]).status().expect("kill").success());
        let ended = self.child.wait().expect("ended").success();
        (ended, self.log.take().expect("read once").join().expect("read"))
    }

    /// Sends it a signal, such as `-STOP`.
    pub(crate) fn signal(&self, name: &str) {
        let pid = self.child.id().to_string();
        assert!(Command::new("kill").args([name, &pid]).status().expect("kill").success());
    }

    /// Waits for its end; gives whether it ended well. Others may still write to its log.
    pub(crate) fn exits(&mut self) -> bool {
        self.child.wait().expect("ended").success()
    }

    /// Waits for its end; gives whether it ended well, and the log.
    pub(crate) fn ended(mut self) -> (bool, String) {
        let ended = self.child.wait().expect("ended").success();
        (ended, self.log.take().expect("read once").join().expect("read"))
    }

    pub(crate) fn ask(&self, method: &str, path: &str, headers: &str, body: &str) -> Answer {
        ask((self.host, self.port), method, path, headers, body)
    }

    /// Its process.
    pub(crate) fn pid(&self) -> u32 {
        self.child.id()
    }

    /// What it exports.
    pub(crate) fn metrics(&self) -> exposition::Exposition {
        let (status, head, body) = self.ask_private("/metrics", "");
        assert_eq!(status, 200);
        assert!(
            head.contains("content-type: application/openmetrics-text; version=1.0.0"),
            "{head}"
        );
        exposition::Exposition::parse(&body)
    }

    /// Asks the one that only sends to the public one.
    pub(crate) fn ask_plain(&self, path: &str, headers: &str) -> Answer {
        ask((self.host, self.plain_port), "GET", path, headers, "")
    }

    /// Asks the private listener.
    pub(crate) fn ask_private(&self, path: &str, headers: &str) -> Answer {
        ask((Ipv4Addr::LOCALHOST.into(), self.private_port), "GET", path, headers, "")
    }

    /// Gives the private listener an order.
    pub(crate) fn post_private(&self, path: &str, body: &str) -> Answer {
        ask((Ipv4Addr::LOCALHOST.into(), self.private_port), "POST", path, "", body)
    }

    pub(crate) fn get(&self, path: &str) -> Answer {
        self.ask("GET", path, "", "")
    }

    pub(crate) fn post_room(&self, headers: &str, room: &Value) -> (u16, Value) {
        let headers = format!("Content-Type: application/json\r\n{headers}");
        let (status, _, body) = self.ask("POST", "/api/rooms", &headers, &room.to_string());
        (status, serde_json::from_str(&body).expect("JSON"))
    }

    pub(crate) async fn page(&self, token: &str) -> Page {
        self.page_with(json!({"token": token})).await
    }

    /// A page whose hello holds this, too.
    pub(crate) async fn page_with(&self, more: Value) -> Page {
        self.try_page_with(more).await.expect("connected")
    }

    /// A page, unless its connection ends before it is one.
    pub(crate) async fn try_page_with(&self, more: Value) -> Option<Page> {
        let url = format!("ws://127.0.0.1:{}/ws", self.port);
        let (mut socket, _) = connect_async(url).await.ok()?;
        let mut hello =
            json!({"type": "hello", "version": palabre_wire::WIRE_VERSION, "language": "fr"});
        for (key, value) in more.as_object().expect("an object") {
            hello[key] = value.clone();
        }
        socket.send(Message::text(hello.to_string())).await.ok()?;
        Some(Page(socket))
    }
}

/// Status, head in small letters, body.
pub(crate) type Answer = (u16, String, String);

fn ask(to: (IpAddr, u16), method: &str, path: &str, headers: &str, body: &str) -> Answer {
    let mut stream = TcpStream::connect(to).expect("connected");
    stream.set_read_timeout(Some(PATIENCE)).expect("set");
    let host = if headers.contains("Host:") {
        String::new()
    } else {
        format!("Host: localhost:{}\r\n", to.1)
    };
    write!(
            stream,
            "{method} {path} HTTP/1.1\r\n{host}{headers}Content-Length: {}\r\nConnection: close\r\n\r\n{body}",
            body.len()
        )
        .expect("sent");
    let mut answer = String::new();
    stream.read_to_string(&mut answer).expect("an answer in text");
    let (head, body) = answer.split_once("\r\n\r\n").expect("head and body");
    let status = head.split(' ').nth(1).and_then(|code| code.parse().ok()).expect("a status");
    (status, head.to_lowercase(), body.to_owned())
}

impl Drop for Palabre {
    fn drop(&mut self) {
        // Ended already, unless the test failed.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

pub(crate) struct Page(pub(crate) WebSocketStream<MaybeTlsStream<tokio::net::TcpStream>>);

impl Page {
    /// The answer to a command; `None` when the connection ends before it comes.
    pub(crate) async fn try_command(&mut self, id: u64, command: Value) -> Option<Value> {
        let message = json!({"type": "command", "id": id, "command": command});
        self.0.send(Message::text(message.to_string())).await.ok()?;
        loop {
            let message = self.next().await?;
            if message["type"] == "answer" {
                return Some(message["answer"].clone());
            }
        }
    }

    /// The next message; `None` when the connection ends without one.
    pub(crate) async fn next(&mut self) -> Option<Value> {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("in time");
            if let Message::Text(text) = message?.ok()? {
                return Some(serde_json::from_str(&text).expect("JSON"));
            }
        }
    }

    pub(crate) async fn until(&mut self, kind: &str) -> Value {
        loop {
            let message = tokio::time::timeout(PATIENCE, self.0.next()).await.expect("in time");
            if let Message::Text(text) = message.expect("open").expect("well") {
                let value: Value = serde_json::from_str(&text).expect("JSON");
                if value["type"] == kind {
                    return value;
                }
            }
        }
    }

    pub(crate) async fn say(&mut self, message: &Value) {
        self.0.send(Message::text(message.to_string())).await.expect("sent");
    }

    pub(crate) async fn command(&mut self, id: u64, command: Value) -> Value {
        self.say(&json!({"type": "command", "id": id, "command": command})).await;
        self.until("answer").await["answer"].clone()
    }
}

pub(crate) fn token(link: &str) -> &str {
    link.split_once('#').expect("a token in the fragment").1
}

pub(crate) fn room() -> Value {
    json!({"template": "codev-1h15", "language": "fr", "people": [
        {"name": "Gwenaëlle", "role": "facilitator"}, {"name": "Théophile", "role": "client"}]})
}
