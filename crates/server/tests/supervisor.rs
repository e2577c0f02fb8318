//! What a supervisor is told, as systemd listens: that the server serves, lives, and ends.

mod common;

use std::os::unix::net::UnixDatagram;
use std::time::{Duration, Instant};

use common::{PATIENCE, Palabre};

/// How long this supervisor waits for a sign of life.
const WATCHDOG: Duration = Duration::from_millis(900);

fn next(socket: &UnixDatagram) -> Option<String> {
    let mut words = [0; 64];
    let length = socket.recv(&mut words).ok()?;
    Some(String::from_utf8(words[..length].to_vec()).expect("text"))
}

#[test]
fn it_hears_of_the_start_of_life_and_of_the_end() {
    let data = tempfile::tempdir().expect("dir");
    let path = data.path().join("notify.sock");
    let socket = UnixDatagram::bind(&path).expect("bound");
    socket.set_read_timeout(Some(PATIENCE)).expect("set");
    let patience = WATCHDOG.as_micros().to_string();
    let path = path.to_str().expect("text");
    let supervisor = [("NOTIFY_SOCKET", path), ("WATCHDOG_USEC", &patience)];
    let server = Palabre::start_with(&data.path().join("rooms"), &["--no-demo"], &supervisor);
    assert_eq!(next(&socket).as_deref(), Some("READY=1"));
    let begun = Instant::now();
    for _ in 0..4 {
        assert_eq!(next(&socket).as_deref(), Some("WATCHDOG=1"));
    }
    assert!(begun.elapsed() >= WATCHDOG / 2, "it is no storm");

    // One that stands says nothing.
    server.signal("-STOP");
    // What it said before it stood is read.
    std::thread::sleep(WATCHDOG / 3);
    socket.set_nonblocking(true).expect("set");
    while next(&socket).is_some() {}
    std::thread::sleep(WATCHDOG * 2);
    assert_eq!(next(&socket), None);
    socket.set_nonblocking(false).expect("set");
    server.signal("-CONT");
    assert_eq!(next(&socket).as_deref(), Some("WATCHDOG=1"), "it goes on");

    let (well, log) = server.terminate();
    assert!(well, "{log}");
    socket.set_nonblocking(true).expect("set");
    let last = std::iter::from_fn(|| next(&socket)).last();
    assert_eq!(last.as_deref(), Some("STOPPING=1"));
}
