//! A disk that is full, under a real server: rooms go on, the operator is told, and nothing is lost once there is
//! room again.

mod common;

use std::fs::File;
use std::io::Write as _;
use std::path::Path;
use std::process::Command;
use std::time::{Duration, Instant};

use common::{PATIENCE, Palabre, token};
use serde_json::{Value, json};

/// A small file system of its own, where one can be mounted.
struct Mounted<'a>(&'a Path);

impl<'a> Mounted<'a> {
    fn new(at: &'a Path) -> Option<Self> {
        let mut mount = Command::new("mount");
        mount.args(["-t", "tmpfs", "-o", "size=4m", "tmpfs"]).arg(at);
        mount.output().is_ok_and(|output| output.status.success()).then_some(Self(at))
    }
}

impl Drop for Mounted<'_> {
    fn drop(&mut self) {
        // Lazily: what is still open goes with its last user.
        let _ = Command::new("umount").arg("-l").arg(self.0).status();
    }
}

fn meeting() -> Value {
    json!({"template": "plain-meeting", "language": "fr", "people": [{"name": "Gwenaëlle", "role": "facilitator"}]})
}

/// Waits for a metric to say something.
fn until_metric(server: &Palabre, series: &str, is: impl Fn(f64) -> bool) {
    let until = Instant::now() + PATIENCE;
    while !is(server.metrics().value(series)) {
        assert!(Instant::now() < until, "{series} is {}", server.metrics().value(series));
        std::thread::sleep(Duration::from_millis(50));
    }
}

#[tokio::test]
async fn rooms_go_on_while_the_disk_is_full_and_outlive_the_server_afterwards() {
    let data = tempfile::tempdir().expect("dir");
    let Some(_mounted) = Mounted::new(data.path()) else {
        eprintln!("no file system can be mounted here: the journal's own tests fill a faulty disk");
        return;
    };
    let journal = data.path().join("data");
    let server = Palabre::start(&journal, &["--no-demo"]);
    let (status, made) = server.post_room("", &meeting());
    assert_eq!(status, 201, "{made}");
    let link = token(made["links"][0]["url"].as_str().expect("a link")).to_owned();
    let mut chair = server.page(&link).await;
    chair.until("welcome").await;
    assert_eq!(chair.command(1, json!({"do": "next_phase"})).await["result"], "done");

    let filler = data.path().join("filler");
    let fill = || {
        let mut filler = File::options().create(true).append(true).open(&filler).expect("made");
        let full = filler.write_all(&vec![1; 8 << 20]).expect_err("it is smaller");
        assert_eq!(full.kind(), std::io::ErrorKind::StorageFull);
    };
    fill();
    // The session goes on, and what is done in it is done.
    let mut last = 1;
    // More than the journal has reserved for the room.
    for note in ["a", "b", "c", "d", "e", "f", "g", "h"] {
        last += 1;
        let notes = json!({"do": "set_notes", "text": note.repeat(7_000)});
        let answer = chair.command(last, notes).await;
        assert_eq!(answer["result"], "done", "{answer}");
    }
    // The operator is told: by a metric with an alert, and in the log.
    until_metric(&server, "palabre_journal_refusals_total", |refusals| refusals >= 1.0);
    // A room that could not be kept is not made; what the journal gave back meanwhile is taken, too.
    fill();
    let (status, refused) = server.post_room("", &meeting());
    assert!((500..600).contains(&status), "{status} {refused}");
    assert!(refused["error"].as_str().is_some_and(|words| !words.is_empty()), "{refused}");
    assert_eq!(server.metrics().value("palabre_rooms"), 1.0);

    std::fs::remove_file(&filler).expect("removed");
    until_metric(&server, "palabre_journal_waiting_rooms", |rooms| rooms == 0.0);
    assert_eq!(server.post_room("", &meeting()).0, 201);
    let log = server.kill();
    assert!(log.contains("the disk refuses the journal"), "nobody was told");

    let server = Palabre::start(&journal, &["--no-demo"]);
    let mut chair = server.page(&link).await;
    let welcome = chair.until("welcome").await;
    assert_eq!(welcome["last_command"], last, "all that was done on the full disk is there");
    assert_eq!(server.metrics().value("palabre_journal_damaged_total"), 0.0);
}
