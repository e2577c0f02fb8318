//! One server takes over from another on the same machine, while people are in its rooms.
//!
//! The running one listens on a socket in the data directory. A new one asks there, gets the sockets
//! on which pages arrive, and from then on takes what comes; the old one lets its rooms go one by one
//! (`palabre_signaling`'s part: the journal's locks decide whose a room is). When either dies, the
//! other learns it by the end of the connection and goes on with all rooms.
//!
//! What is said is JSON, one line each; see [`Words`].

mod fds;
mod successor;

use std::collections::VecDeque;
use std::io;
use std::net::TcpListener;
use std::os::fd::OwnedFd;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use palabre_ids::{Millis, RoomId, UnixMillis};
use palabre_signaling::Service;
use serde::{Deserialize, Serialize};
use tokio::io::AsyncWriteExt as _;
use tokio::net::{UnixListener, UnixStream};
use tokio::sync::mpsc::UnboundedReceiver;
use tokio::sync::watch;
use tokio::time::{Instant, sleep, timeout};

pub(crate) use successor::{Drain, Order, Successor};

/// The socket's name in the data directory.
const SOCKET: &str = "take-over.sock";

/// What the two say, in this version. Servers of other versions do not take over from each other.
const VERSION: u32 = 1;

/// The other one answers at once, or is stuck. Longer keeps a new server waiting for one that was
/// stopped.
const ANSWER_PATIENCE: Duration = Duration::from_secs(10);

/// A new server may take so long to be ready, once it was given the sockets.
const READY_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 30 });

/// A server whose connection ends has died, or ends within this; if not, it has given up waiting, and
/// goes on. Shorter takes one whose last write takes its time for one that goes on: both would end.
const END_PATIENCE: Duration = Duration::from_secs(if cfg!(test) { 1 } else { 10 });

/// Whether the other server is still there is looked at so often.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// The longest line: the longest room's identifier and some words.
const MAX_LINE: usize = 4_096;

/// How long rooms may wait for a moment that interrupts nobody, unless it is said otherwise.
pub(crate) const WITHIN: Duration = Duration::from_secs(60);

/// What two servers say to each other.
#[derive(Debug, Serialize, Deserialize)]
#[serde(tag = "say", rename_all = "snake_case")]
enum Words {
    /// The new one: it wants to take over, and gives rooms so long to come to a good moment.
    TakeOver { version: u32, within: Millis },
    /// The old one: its time, and the names of the sockets that come with this line.
    Sockets { version: u32, now: UnixMillis, names: Vec<SocketName> },
    /// The old one: it cannot, and why.
    Refused { reason: String },
    /// The new one: it serves who comes from now on.
    Ready,
    /// The new one: a page waits for this room.
    Wanted { room: RoomId },
    /// The old one: this room can be taken.
    Gone { room: RoomId },
    /// The old one: there is nothing left, and it ends.
    Done,
}

/// What a socket is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(crate) enum SocketName {
    Http,
    Https,
}

/// The two ends of what is said.
#[derive(Debug)]
struct Talk {
    stream: UnixStream,
    read: Vec<u8>,
    fds: VecDeque<OwnedFd>,
}

impl Talk {
    fn new(stream: UnixStream) -> Self {
        Self { stream, read: Vec::new(), fds: VecDeque::new() }
    }

    async fn say(&mut self, words: &Words) -> io::Result<()> {
        let mut line = serde_json::to_vec(words).expect("plain data encodes");
        line.push(b'\n');
        self.stream.write_all(&line).await
    }

    /// The next words; `None` when the other one is gone. Waiting for them can be given up.
    async fn hear(&mut self) -> Result<Option<Words>> {
        loop {
            if let Some(end) = self.read.iter().position(|byte| *byte == b'\n') {
                let line: Vec<u8> = self.read.drain(..=end).collect();
                return serde_json::from_slice(&line).map(Some).context("words of another version");
            }
            if self.read.len() > MAX_LINE {
                bail!("a line without an end");
            }
            match fds::receive(&self.stream, &mut self.read, &mut self.fds).await {
                Ok(0) => return Ok(None),
                Ok(_) => {}
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => return Ok(None),
                Err(error) => return Err(error.into()),
            }
        }
    }
}

/// The way to the running server, for the one that takes over.
#[derive(Debug)]
pub(crate) struct TakeOver {
    talk: Talk,
    sockets: Vec<(SocketName, TcpListener)>,
    /// The time of the server before.
    pub(crate) now: UnixMillis,
}

impl TakeOver {
    /// Asks the server that runs with `data`; `None` when there is none.
    pub(crate) async fn ask(data: &Path, within: Duration) -> Result<Option<Self>> {
        let stream = match UnixStream::connect(data.join(SOCKET)).await {
            Ok(stream) => stream,
            Err(error)
                if matches!(
                    error.kind(),
                    io::ErrorKind::NotFound | io::ErrorKind::ConnectionRefused
                ) =>
            {
                return Ok(None);
            }
            Err(error) => return Err(error).context("cannot ask the running server"),
        };
        let mut talk = Talk::new(stream);
        let within = Millis(u64::try_from(within.as_millis()).unwrap_or(u64::MAX));
        talk.say(&Words::TakeOver { version: VERSION, within }).await?;
        let answer = timeout(ANSWER_PATIENCE, talk.hear())
            .await
            .context("the running server does not answer; nothing was changed")??;
        match answer {
            Some(Words::Sockets { version: VERSION, now, names }) => {
                let fds = std::mem::take(&mut talk.fds);
                if fds.len() != names.len() {
                    bail!("the running server did not give its sockets");
                }
                let sockets = names.into_iter().zip(fds.into_iter().map(TcpListener::from));
                Ok(Some(Self { talk, sockets: sockets.collect(), now }))
            }
            Some(Words::Refused { reason }) => bail!("the running server refuses: {reason}"),
            _ => bail!("the running server has another version of taking over"),
        }
    }

    /// The socket of this name that the running server had.
    pub(crate) fn socket(&mut self, name: SocketName) -> Option<TcpListener> {
        let at = self.sockets.iter().position(|(other, _)| *other == name)?;
        Some(self.sockets.swap_remove(at).1)
    }

    /// Takes room after room until the server before has ended, or died, and there is nothing left of it;
    /// `is_only` says whether it is no more. An error is a room that this server does not understand, or
    /// that the one before has given up waiting: this one must end, and the other one goes on.
    pub(crate) async fn finish(
        mut self,
        service: &Service,
        wanted: UnboundedReceiver<RoomId>,
        accepts: &watch::Sender<bool>,
        mut is_only: impl FnMut() -> Result<bool>,
    ) -> Result<()> {
        let parted = if self.talk.say(&Words::Ready).await.is_ok() {
            accepts.send_replace(true);
            self.room_after_room(service, wanted).await?
        } else {
            Parted::Silently
        };
        if parted == Parted::Silently {
            // If it goes on, those who come are its own.
            accepts.send_replace(false);
            let until = Instant::now() + END_PATIENCE;
            while !is_only()? {
                if Instant::now() >= until {
                    bail!("the running server has given up waiting for this one, and goes on");
                }
                sleep(LOOK_EVERY).await;
            }
            tracing::warn!("the server before died: its rooms come from the journal");
            accepts.send_replace(true);
        }
        // One that was stopped meanwhile has its rooms until its very end.
        service.take_what_is_left(is_only).await
    }

    async fn room_after_room(
        &mut self,
        service: &Service,
        mut wanted: UnboundedReceiver<RoomId>,
    ) -> Result<Parted> {
        loop {
            let heard = tokio::select! {
                heard = self.talk.hear() => heard?,
                Some(room) = wanted.recv() => {
                    if self.talk.say(&Words::Wanted { room }).await.is_err() {
                        return Ok(Parted::Silently);
                    }
                    continue;
                }
            };
            match heard {
                Some(Words::Gone { room }) => service.take(&room).await?,
                Some(Words::Done) => return Ok(Parted::Done),
                Some(_) => {}
                None => return Ok(Parted::Silently),
            }
        }
    }
}

/// How the server before ended what it had to say.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Parted {
    /// It has nothing left to give, and ends.
    Done,
    /// It died, or has given up.
    Silently,
}

/// Where a running server is asked by the one that takes over.
#[derive(Debug)]
pub(crate) struct Gate(UnixListener);

/// What a running server has to give.
pub(crate) struct Holdings {
    pub(crate) service: Service,
    /// Sockets on which pages arrive.
    pub(crate) sockets: Vec<(SocketName, OwnedFd)>,
    /// Whether pages are taken here.
    pub(crate) accepts: watch::Sender<bool>,
}

impl Gate {
    /// Opens it, as the only server of `data`.
    pub(crate) fn open(data: &Path) -> io::Result<Self> {
        let path = data.join(SOCKET);
        // Of a server that is gone: there is no other one.
        match std::fs::remove_file(&path) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let listener = UnixListener::bind(&path)?;
        std::fs::set_permissions(&path, PermissionsExt::from_mode(0o600))?;
        Ok(Self(listener))
    }

    /// Answers until another server has taken over; gives its process.
    pub(crate) async fn handed_over(&self, holdings: &Holdings) -> Option<i32> {
        loop {
            let Ok((stream, _)) = self.0.accept().await else {
                // Out of files, most likely: some will be closed.
                sleep(Duration::from_secs(1)).await;
                continue;
            };
            // The directory is ours alone; a copy of it may not be.
            let peer = stream.peer_cred().ok();
            let ours = rustix::process::geteuid().as_raw();
            if !peer.as_ref().is_some_and(|peer| peer.uid() == ours || peer.uid() == 0) {
                continue;
            }
            match hand_over(Talk::new(stream), holdings).await {
                Ok(true) => return Some(peer.and_then(|peer| peer.pid()).unwrap_or_default()),
                Ok(false) => {}
                Err(error) => tracing::error!(%error, "nobody took over"),
            }
        }
    }
}

/// Hands everything over to who asks; false when they gave up, and everything is as it was.
async fn hand_over(mut talk: Talk, holdings: &Holdings) -> Result<bool> {
    let Ok(Ok(Some(Words::TakeOver { version, within }))) =
        timeout(ANSWER_PATIENCE, talk.hear()).await
    else {
        return Ok(false);
    };
    if version != VERSION {
        let reason = format!("it speaks version {VERSION} of taking over, not {version}");
        talk.say(&Words::Refused { reason }).await?;
        return Ok(false);
    }
    let names = holdings.sockets.iter().map(|(name, _)| *name).collect();
    let words = Words::Sockets { version, now: holdings.service.time(), names };
    let mut line = serde_json::to_vec(&words).expect("plain data encodes");
    line.push(b'\n');
    fds::send(&talk.stream, &line, holdings.sockets.iter().map(|(_, fd)| fd)).await?;
    let Ok(Ok(Some(Words::Ready))) = timeout(READY_PATIENCE, talk.hear()).await else {
        return Ok(false);
    };
    tracing::info!(rooms = holdings.service.room_count(), "another server takes over");
    holdings.accepts.send_replace(false);
    if let Err(error) = give(&mut talk, &holdings.service, within).await {
        tracing::error!(%error, "the server that took over is gone: this one goes on");
        holdings.accepts.send_replace(true);
        holdings.service.take_back().await?;
        return Ok(false);
    }
    Ok(true)
}

/// Gives room after room. An error is that nobody takes them.
async fn give(talk: &mut Talk, service: &Service, within: Millis) -> Result<()> {
    let mut rooms = service.hand_over(within).await;
    loop {
        tokio::select! {
            gone = rooms.next() => match gone {
                Some(room) => talk.say(&Words::Gone { room }).await?,
                None => return Ok(talk.say(&Words::Done).await?),
            },
            heard = talk.hear() => match heard? {
                Some(Words::Wanted { room }) => rooms.at_once(&room),
                Some(_) => {}
                None => bail!("the connection ended"),
            },
        }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::Arc;

    use palabre_backup::{Journal, LogJournal};
    use palabre_facilitation::Template;
    use palabre_ids::{DisplayName, Language, Role};
    use palabre_room::{PersonConfig, RoomConfig};
    use palabre_sfu::{Sfu, SfuConfig};
    use palabre_signaling::ServiceConfig;

    use super::*;
    use crate::media::SfuPlane;

    fn media() -> Arc<SfuPlane> {
        let bind = "127.0.0.1:0".parse().expect("an address");
        let (sfu, _) =
            Sfu::start(&SfuConfig { shards: 1, bind, advertise: Vec::new() }).expect("starts");
        Arc::new(SfuPlane(sfu))
    }

    fn room() -> RoomConfig {
        let person = |name, role| PersonConfig {
            name: DisplayName::parse(name).expect("a name"),
            role,
            expert: false,
        };
        RoomConfig {
            template: Arc::new(Template::builtin("plain-meeting").expect("ships")),
            language: Language::Fr,
            people: vec![person("Camille", Role::Facilitator), person("Laura", Role::Client)],
        }
    }

    #[tokio::test]
    async fn a_new_server_that_was_not_waited_for_ends_and_the_old_one_serves_on() {
        let data = tempfile::tempdir().expect("dir");
        let within = Duration::ZERO;
        let log = Arc::new(LogJournal::open(data.path()).expect("opens"));
        let old = Service::start(ServiceConfig::default(), log, media()).await.expect("starts");
        old.create_room(room(), false).await.expect("made");
        let (accepts, old_accepts) = watch::channel(true);
        let gate = Gate::open(data.path()).expect("opens");
        let holdings = Holdings { service: old.clone(), sockets: Vec::new(), accepts };
        let gate = tokio::spawn(async move { gate.handed_over(&holdings).await });

        let other = TakeOver::ask(data.path(), within).await.expect("asked").expect("it is there");
        let log = Arc::new(LogJournal::open_beside(data.path()).expect("opens"));
        let journal: Arc<dyn Journal> = Arc::clone(&log) as _;
        let (config, now) = (ServiceConfig::default(), other.now);
        let started = Service::start_beside(config, Arc::clone(&journal), media(), now).await;
        let (new, wanted) = started.expect("starts");
        // It is stopped for longer than it is waited for.
        sleep(READY_PATIENCE * 2).await;
        let (accepts, new_accepts) = watch::channel(false);
        let is_only = || Ok(log.try_become_only()?);
        let error = other.finish(&new, wanted, &accepts, is_only).await.expect_err("it is late");
        assert!(error.to_string().contains("given up waiting"), "{error:#}");
        assert!(!*new_accepts.borrow(), "those who come are the old one's");
        assert!(*old_accepts.borrow() && old.is_ready());
        assert_eq!((old.room_count(), new.room_count()), (1, 0));
        drop(new);

        // It may be tried again.
        let other = TakeOver::ask(data.path(), within).await.expect("asked").expect("it is there");
        let config = ServiceConfig::default();
        let started = Service::start_beside(config, journal, media(), other.now).await;
        let (new, wanted) = started.expect("starts");
        // The old one's process would have ended.
        other.finish(&new, wanted, &accepts, || Ok(true)).await.expect("it takes over");
        assert!(*new_accepts.borrow() && !*old_accepts.borrow());
        assert_eq!((old.room_count(), new.room_count()), (0, 1));
        assert!(gate.await.expect("joined").is_some(), "the old one ends");
    }
}
