//! One server takes over from another, with real processes: whole, and never two at once.

mod common;

use std::io::Write as _;
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{PATIENCE, Page, Palabre, room, token};
use serde_json::{Value, json};

fn first(data: &Path) -> Palabre {
    Palabre::start(data, &["--no-demo"])
}

/// A server that takes over; rooms may wait so long for a good moment.
fn next(data: &Path, within: &str) -> Palabre {
    Palabre::start(data, &["--no-demo", "--take-over", "--take-over-within", within])
}

/// How long a process is stopped at least: longer than everything that waits for a word of another one.
const STOPPED: Duration = Duration::from_secs(10);

/// A room in which the client has the floor, by their turn: nobody may interrupt them.
struct Session {
    tokens: [String; 2],
    chair: Page,
    client: Page,
    before: Value,
}

impl Session {
    async fn begin(server: &Palabre) -> Self {
        let (status, made) = server.post_room("", &room());
        assert_eq!(status, 201, "{made}");
        let link =
            |seat: usize| token(made["links"][seat]["url"].as_str().expect("a link")).to_owned();
        let tokens = [link(0), link(1)];
        let mut chair = server.page(&tokens[0]).await;
        chair.until("welcome").await;
        let mut client = server.page(&tokens[1]).await;
        client.until("welcome").await;
        for id in 1..=3 {
            assert_eq!(chair.command(id, json!({"do": "next_phase"})).await["result"], "done");
        }
        let muted = json!({"do": "set_muted", "muted": true});
        assert_eq!(client.command(1, muted).await["result"], "done");
        // As a page that has just come sees it.
        let mut chair = server.page(&tokens[0]).await;
        let before = chair.until("welcome").await;
        assert_eq!(before["room"]["floor"]["turn"]["seat"], 1, "{before}");
        Self { tokens, chair, client, before }
    }

    /// Everybody comes to `server` and finds what was. A room that is on its way there takes its pages
    /// along: they come back as pages do.
    async fn is_at(&self, server: &Palabre) {
        let until = Instant::now() + PATIENCE;
        while self.is_lived_in(server).await.is_none() {
            assert!(Instant::now() < until, "never at rest");
        }
    }

    /// `None` when a connection ended meanwhile.
    async fn is_lived_in(&self, server: &Palabre) -> Option<()> {
        let mut client = come(server, &self.tokens[1]).await;
        let mut chair = come(server, &self.tokens[0]).await;
        let (before, after) = (&self.before["room"], &client.1["room"]);
        assert_eq!(after["phase"]["stage"], before["phase"]["stage"]);
        assert_eq!(after["floor"]["turn"]["turn_id"], before["floor"]["turn"]["turn_id"]);
        assert_eq!(after["people"][1]["muted"], true);
        let id = client.1["last_command"].as_u64().expect("a number");
        assert!(id >= 1, "commands are numbered on");
        let by_chair = chair.1["last_command"].as_u64().expect("a number");
        // The room lives: what somebody does is carried out, and once.
        let help = json!({"do": "help", "text": "?"});
        let paused = chair.0.try_command(by_chair + 1, json!({"do": "pause_phase"})).await?;
        // It stands when the room left just behind this, the time before.
        assert!(paused["result"] == "done" || paused["code"] == "no_change", "{paused}");
        assert_eq!(client.0.try_command(id + 1, help).await?["result"], "done");
        let resumed = chair.0.try_command(by_chair + 2, json!({"do": "resume_phase"})).await?;
        assert_eq!(resumed["result"], "done");
        Some(())
    }
}

/// Does what a page does in the meantime: one that is silent counts as lost.
async fn meanwhile(page: &mut Page, work: impl Future<Output = ()>) {
    let mut work = std::pin::pin!(work);
    let mut pings = tokio::time::interval(Duration::from_secs(1));
    loop {
        tokio::select! {
            () = &mut work => return,
            _ = pings.tick() => page.say(&json!({"type": "ping", "at": 0})).await,
        }
    }
}

/// A page that comes back as pages do, until it is let in.
async fn come(server: &Palabre, token: &str) -> (Page, Value) {
    let until = Instant::now() + PATIENCE;
    loop {
        // A connection that the old server took in its last moment ends without a word.
        if let Some(mut page) = server.try_page_with(json!({"token": token})).await
            && let Some(first) = page.next().await
        {
            if first["type"] == "welcome" {
                return (page, first);
            }
            assert_eq!(first["reason"], "restarting", "{first}");
        }
        assert!(Instant::now() < until, "never let in");
        tokio::time::sleep(Duration::from_millis(50)).await;
    }
}

/// Waits until the old server leaves who comes to the next one.
fn hands_over(old: &Palabre) {
    let until = Instant::now() + PATIENCE;
    while old.ask_private("/readyz", "").0 != 503 {
        assert!(Instant::now() < until, "it hands nothing over");
        std::thread::sleep(Duration::from_millis(10));
    }
}

/// Waits until the next server is the only one, and could be asked to hand over itself.
fn is_the_only_one(data: &Path) {
    let until = Instant::now() + PATIENCE;
    while std::os::unix::net::UnixStream::connect(data.join("take-over.sock")).is_err() {
        assert!(Instant::now() < until, "it takes over for ever");
        std::thread::sleep(Duration::from_millis(10));
    }
}

fn alone(data: &Path) -> String {
    let output = Command::new(env!("CARGO_BIN_EXE_palabre"))
        .args(["serve", "--http", "127.0.0.1:0", "--media", "127.0.0.1:0", "--shards", "1"])
        .args(["--exit-after", "1", "--no-demo", "--data"])
        .arg(data)
        .output()
        .expect("ran");
    assert!(!output.status.success(), "a second server is refused");
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[tokio::test]
async fn a_room_goes_over_between_turns_and_the_old_server_ends() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let mut session = Session::begin(&old).await;
    let new = next(data.path(), "3600");
    hands_over(&old);
    assert_eq!(new.port, old.port, "pages find it where they found the old one");
    // Nobody is interrupted: the room stays while the turn goes on, and a new one is made elsewhere.
    let (status, made) = new.post_room("", &room());
    assert_eq!(status, 201, "{made}");
    assert_eq!(
        session.client.command(2, json!({"do": "help", "text": "?"})).await["result"],
        "done"
    );
    assert_eq!(new.metrics().value("palabre_rooms_taken_over_total"), 0.0);
    // The turn ends with the phase: that is the moment.
    let go_on = json!({"type": "command", "id": 4, "command": {"do": "next_phase"}});
    session.chair.say(&go_on).await;
    let closing = session.client.until("closing").await;
    assert_eq!(closing["reason"], "restarting");
    let (well, log) = tokio::task::spawn_blocking(move || old.ended()).await.expect("joined");
    assert!(well, "{log}");

    let (_, after) = come(&new, &session.tokens[1]).await;
    assert_eq!(after["room"]["phase"]["stage"], json!({"stage": "running", "index": 3}));
    assert_eq!(after["room"]["people"][1]["muted"], true);
    assert_eq!(new.metrics().value("palabre_rooms_taken_over_total"), 1.0);
    is_the_only_one(data.path());
    assert!(alone(data.path()).contains("is used by another palabre server"));
    // And on it goes, from server to server.
    let newest = next(data.path(), "0");
    assert_eq!(newest.port, new.port);
    let (_, after) = come(&newest, &session.tokens[0]).await;
    assert_eq!(after["room"]["phase"]["stage"], json!({"stage": "running", "index": 3}));
    let (well, log) = tokio::task::spawn_blocking(move || new.ended()).await.expect("joined");
    assert!(well, "{log}");
}

#[tokio::test]
async fn a_page_that_comes_brings_its_room_along_at_once() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let session = Session::begin(&old).await;
    let new = next(data.path(), "3600");
    hands_over(&old);
    session.is_at(&new).await;
    assert!(tokio::task::spawn_blocking(move || old.ended()).await.expect("joined").0);
}

#[tokio::test]
async fn a_server_that_is_stopped_keeps_its_rooms_and_no_other_has_them() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let session = Session::begin(&old).await;
    let new = next(data.path(), "3600");
    hands_over(&old);
    old.signal("-STOP");
    let stopped = Instant::now();
    // Each page waits some seconds for its room; they come one after the other.
    while stopped.elapsed() < STOPPED {
        let mut page = new.page(&session.tokens[1]).await;
        assert_eq!(
            page.next().await.expect("a word")["reason"],
            "restarting",
            "it is not let in anywhere"
        );
        let metrics = new.metrics();
        assert_eq!(metrics.value("palabre_rooms_taken_over_total"), 0.0);
        assert_eq!(metrics.value("palabre_media_rooms"), 0.0, "nothing is forwarded here");
    }
    old.signal("-CONT");
    session.is_at(&new).await;
    let (well, _) = tokio::task::spawn_blocking(move || old.ended()).await.expect("joined");
    assert!(well);
}

#[tokio::test]
async fn when_the_new_server_is_killed_the_old_one_goes_on() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let (moved, stays) = (Session::begin(&old).await, Session::begin(&old).await);
    let Session { tokens, mut client, .. } = stays;
    let new = next(data.path(), "3600");
    let there_and_back = async {
        hands_over(&old);
        moved.is_at(&new).await;
        new.kill();
        moved.is_at(&old).await;
    };
    meanwhile(&mut client, there_and_back).await;
    let help = json!({"do": "help", "text": "?"});
    assert_eq!(
        client.command(2, help).await["result"],
        "done",
        "who was not moved noticed nothing"
    );
    let (_, welcome) = come(&old, &tokens[0]).await;
    assert_eq!(welcome["room"]["floor"]["turn"]["seat"], 1);
    assert_eq!(old.post_room("", &room()).0, 201, "rooms are made here again");
    // And it may be tried again.
    let new = next(data.path(), "0");
    moved.is_at(&new).await;
    assert!(tokio::task::spawn_blocking(move || old.ended()).await.expect("joined").0);
}

#[tokio::test]
async fn when_the_old_server_is_killed_the_new_one_has_every_room() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let (moved, stays) = (Session::begin(&old).await, Session::begin(&old).await);
    let new = next(data.path(), "3600");
    hands_over(&old);
    moved.is_at(&new).await;
    old.kill();
    stays.is_at(&new).await;
    assert_eq!(new.metrics().value("palabre_rooms"), 2.0);
    is_the_only_one(data.path());
    let newest = next(data.path(), "0");
    stays.is_at(&newest).await;
}

#[tokio::test]
async fn when_the_old_server_is_told_to_stop_meanwhile_the_new_one_has_every_room() {
    let data = tempfile::tempdir().expect("dir");
    let old = first(data.path());
    let (moved, mut stays) = (Session::begin(&old).await, Session::begin(&old).await);
    // It takes its time: pages that read nothing more, and a request that never comes to its end.
    let mut request = std::net::TcpStream::connect(("127.0.0.1", old.port)).expect("connected");
    request.write_all(b"POST /api/rooms HTTP/1.1\r\nHost: localhost\r\n").expect("sent");
    let new = next(data.path(), "3600");
    let half_way = async {
        hands_over(&old);
        moved.is_at(&new).await;
    };
    meanwhile(&mut stays.chair, half_way).await;
    let told = Instant::now();
    old.signal("-TERM");
    // From here on no page brings its room along.
    assert_eq!(stays.chair.until("closing").await["reason"], "restarting");
    // Whoever comes waits, or is sent to come again.
    stays.is_at(&new).await;
    assert!(told.elapsed() > Duration::from_secs(2), "it had them for longer than a moment");
    moved.is_at(&new).await;
    assert_eq!(new.metrics().value("palabre_rooms"), 2.0);
    assert!(tokio::task::spawn_blocking(move || old.ended()).await.expect("joined").0);
    is_the_only_one(data.path());
    let newest = next(data.path(), "0");
    stays.is_at(&newest).await;
}

#[tokio::test]
async fn without_a_server_to_take_over_from_it_serves() {
    let data = tempfile::tempdir().expect("dir");
    let server = next(data.path(), "0");
    let session = Session::begin(&server).await;
    server.kill();
    // What a killed server leaves behind (its socket) is no server.
    let server = next(data.path(), "0");
    session.is_at(&server).await;
}

#[tokio::test]
async fn an_order_to_drain_starts_the_next_server() {
    let data = tempfile::tempdir().expect("dir");
    // As systemd does it: its socket, and who is the main process from then on.
    let supervisor = data.path().join("notify.sock");
    let told = UnixDatagram::bind(&supervisor).expect("bound");
    told.set_read_timeout(Some(PATIENCE)).expect("set");
    let supervisor = [("NOTIFY_SOCKET", supervisor.to_str().expect("text"))];
    let mut old = Palabre::start_with(data.path(), &["--no-demo"], &supervisor);
    let session = Session::begin(&old).await;
    let (status, _, words) = old.post_private("/drain", r#"{"within_seconds":"soon"}"#);
    assert_eq!(status, 400, "{words}");
    let (status, _, words) = old.post_private("/drain", r#"{"within_seconds":0}"#);
    assert_eq!(status, 202, "{words}");
    let pid: u32 = words.split(' ').nth(1).and_then(|pid| pid.parse().ok()).expect("its process");
    assert_ne!(pid, old.pid());
    let (exited, mut old) =
        tokio::task::spawn_blocking(move || (old.exits(), old)).await.expect("joined");
    assert!(exited, "it ends once it has handed over");
    // The first says that it serves, and which one is the main process then; the second one nothing.
    for expected in ["READY=1".to_owned(), format!("MAINPID={pid}\nWATCHDOG=1")] {
        let mut words = [0; 64];
        let length = told.recv(&mut words).expect("the supervisor was told");
        assert_eq!(words[..length], *expected.as_bytes());
    }
    told.set_nonblocking(true).expect("set");
    assert!(told.recv(&mut [0; 64]).is_err(), "the new one has nothing to tell");
    // Who serves the port now was started by the old one: nobody else ends it.
    session.is_at(&old).await;
    assert!(
        Command::new("kill").args(["-TERM", &pid.to_string()]).status().expect("kill").success()
    );
    old.exits();
}

#[tokio::test]
async fn a_server_that_drains_alone_makes_no_rooms_and_ends_when_it_is_empty() {
    let data = tempfile::tempdir().expect("dir");
    let server = first(data.path());
    let Session { mut chair, mut client, .. } = Session::begin(&server).await;
    assert_eq!(server.post_private("/drain", r#"{"successor":false}"#).0, 202);
    assert_eq!(server.post_room("", &room()).0, 503);
    let (status, _, words) = server.ask_private("/readyz", "");
    assert!(status == 503 && words.starts_with("not ready: draining"), "{status} {words}");
    assert_eq!(client.command(2, json!({"do": "help", "text": "?"})).await["result"], "done");
    for page in [&mut chair, &mut client] {
        page.say(&json!({"type": "leave"})).await;
        assert_eq!(page.until("closing").await["reason"], "left");
    }
    let (well, log) = tokio::task::spawn_blocking(move || server.ended()).await.expect("joined");
    assert!(well, "{log}");
}
