//! The way to the shards from everywhere else.

use std::collections::HashMap;
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use palabre_ids::{MediaSession, OpenedTunnel, RoomId, Seat};
use palabre_sfu_core::engine::tunnel::Voice;
use palabre_sfu_core::engine::{self, Engine, EngineConfig, Negotiated};
use palabre_sfu_core::negotiate::Offer;
use palabre_sfu_core::transport::dtls::Certificate;
use palabre_sfu_core::{GateTable, MediaEvent, ViewSize};
use socket2::Socket;
use tokio::sync::{mpsc, oneshot};

use crate::ears::Ear;
use crate::shard::{Mailbox, Shard, listen, mailbox};
use crate::tcp::{self, Tcp};
use crate::{SfuConfig, ShardStats, StartError, sys};

/// How many ports of the system's choice are tried until one is free for UDP and for TCP.
const PORT_TRIES: usize = 16;

/// How many events wait for who listens. Each room makes a few a second; a shard keeps what does
/// not fit.
const EVENTS: usize = 1_024;

/// The media plane has ended.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
#[error("the media plane has stopped")]
pub struct Stopped;

/// Why an offer got no answer.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum NegotiateError {
    /// The media plane has ended.
    #[error(transparent)]
    Stopped(#[from] Stopped),
    /// It is refused.
    #[error(transparent)]
    Refused(#[from] engine::NegotiateError),
    /// It cannot be read, for a reason that nobody has thought of.
    #[error("session: the offer cannot be read")]
    Unreadable,
}

/// Talks to the shards. Clones talk to the same ones.
#[derive(Clone)]
pub struct SfuHandle {
    inner: Arc<Inner>,
}

impl std::fmt::Debug for SfuHandle {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SfuHandle")
            .field("shards", &self.inner.shards.len())
            .finish_non_exhaustive()
    }
}

struct Inner {
    shards: Vec<Mailbox>,
    ports: Vec<u16>,
    /// Where each room is. Held for a look-up, never across a wait.
    rooms: Mutex<HashMap<RoomId, Place>>,
    /// Hears from each thread when it ends.
    ends: Mutex<Vec<oneshot::Receiver<()>>>,
}

/// Where a room is.
struct Place {
    shard: usize,
    /// When it ends by itself, once it was left.
    until: Option<Instant>,
}

impl Drop for Inner {
    /// The last handle is gone: what it left open is closed, and the threads end behind that.
    fn drop(&mut self) {
        let rooms = self.rooms.get_mut().unwrap_or_else(PoisonError::into_inner);
        for (room, Place { shard, .. }) in rooms.drain() {
            if let Some(mailbox) = self.shards.get(shard) {
                mailbox.post(Box::new(move |shard, now| shard.engine.close_room(now, &room)));
            }
        }
    }
}

pub(crate) fn start(
    config: &SfuConfig,
) -> Result<(SfuHandle, mpsc::Receiver<MediaEvent>), StartError> {
    let shards = u16::try_from(config.shards).map_err(|_| StartError::Shards)?;
    let last = config.bind.port().checked_add(shards.saturating_sub(1));
    if shards == 0 || last.is_none() {
        return Err(StartError::Shards);
    }
    let certificate = Certificate::generate()?;
    let addresses = advertised(config).map_err(StartError::Thread)?;
    let (events, listener) = mpsc::channel(EVENTS);
    let mut inner = Inner {
        shards: Vec::new(),
        ports: Vec::new(),
        rooms: Mutex::default(),
        ends: Mutex::default(),
    };
    for shard in 0..shards {
        let port = if config.bind.port() == 0 { 0 } else { config.bind.port() + shard };
        let (socket, listener, bound) = bind(config.bind.ip(), port)?;
        let tcp = Tcp::new(listener, tcp::Limits::default(), Instant::now())
            .map_err(StartError::Thread)?;
        let (mailbox, jobs) = mailbox().map_err(StartError::Thread)?;
        let (end, ended) = oneshot::channel();
        let candidates: Vec<_> =
            addresses.iter().map(|ip| SocketAddr::new(*ip, bound.port())).collect();
        let engine_config = EngineConfig {
            certificate: certificate.clone(),
            tcp_candidates: candidates.clone(),
            candidates,
        };
        let events = events.clone();
        std::thread::Builder::new()
            .name(format!("media-{shard}"))
            .spawn(move || {
                let shard =
                    Shard::new(Engine::new(engine_config), socket, tcp, bound, jobs, events);
                if let Err(error) = shard.run() {
                    tracing::error!(%error, "a media thread ended");
                }
                // Whoever waits for the end may be gone.
                let _nobody = end.send(());
            })
            .map_err(StartError::Thread)?;
        inner.shards.push(mailbox);
        inner.ports.push(bound.port());
        inner.ends.get_mut().unwrap_or_else(PoisonError::into_inner).push(ended);
    }
    Ok((SfuHandle { inner: Arc::new(inner) }, listener))
}

/// A shard's sockets, on one port: one for UDP, and one that accepts TCP connections.
fn bind(ip: IpAddr, port: u16) -> Result<(Socket, Socket, SocketAddr), StartError> {
    let tries = if port == 0 { PORT_TRIES } else { 1 };
    let mut refusal = StartError::Shards;
    for _ in 0..tries {
        let refused = |protocol| move |error| StartError::Bind { protocol, port, error };
        let socket = listen(SocketAddr::new(ip, port)).map_err(refused("UDP"))?;
        let bound =
            socket.local_addr().map_err(refused("UDP"))?.as_socket().ok_or(StartError::Shards)?;
        match tcp::listen(bound) {
            Ok(listener) => return Ok((socket, listener, bound)),
            Err(error) => {
                refusal = StartError::Bind { protocol: "TCP", port: bound.port(), error };
            }
        }
    }
    Err(refusal)
}

/// The addresses that answers name: the configured ones, or this machine's that the socket hears.
fn advertised(config: &SfuConfig) -> std::io::Result<Vec<IpAddr>> {
    if !config.advertise.is_empty() {
        return Ok(config.advertise.clone());
    }
    if !config.bind.ip().is_unspecified() {
        return Ok(vec![config.bind.ip()]);
    }
    let mut addresses = sys::local_addresses()?;
    addresses.retain(|ip| config.bind.is_ipv6() || ip.is_ipv4());
    Ok(addresses)
}

impl SfuHandle {
    /// The ports, one a shard, each for UDP and TCP.
    #[must_use]
    pub fn ports(&self) -> &[u16] {
        &self.inner.ports
    }

    /// Opens a room on the shard that has the fewest; its gate is closed. Opening it again changes
    /// nothing.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn open_room(&self, room: &RoomId, seats: u8) -> Result<(), Stopped> {
        let shard = {
            let mut rooms = self.rooms();
            let now = Instant::now();
            rooms.retain(|id, place| id == room || place.until.is_none_or(|until| until > now));
            let counts =
                rooms.values().fold(vec![0_usize; self.inner.shards.len()], |mut counts, place| {
                    counts[place.shard] += 1;
                    counts
                });
            let emptiest = (0..counts.len()).min_by_key(|shard| counts[*shard]).unwrap_or(0);
            let place = rooms.entry(room.clone()).or_insert(Place { shard: emptiest, until: None });
            place.until = None;
            place.shard
        };
        let id = room.clone();
        self.on(shard, move |shard, now| shard.engine.open_room(now, &id, seats)).await
    }

    /// Closes a room and all its sessions.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn close_room(&self, room: &RoomId) -> Result<(), Stopped> {
        let Some(Place { shard, .. }) = self.rooms().remove(room) else { return Ok(()) };
        let id = room.clone();
        self.on(shard, move |shard, now| shard.engine.close_room(now, &id)).await
    }

    /// Lets a room go on as it is until `until`, closed to whoever asks for it: see
    /// [`Engine::leave_room`].
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn leave_room(&self, room: &RoomId, until: Instant) -> Result<(), Stopped> {
        let id = room.clone();
        // It keeps its shard meanwhile: opened again, it ends there.
        if let Some(place) = self.rooms().get_mut(room) {
            place.until = Some(until);
        }
        self.in_room(room, move |shard, now| shard.engine.leave_room(now, &id, until)).await
    }

    /// Answers a seat's offer. Called within a tokio runtime, whose blocking threads read it.
    ///
    /// # Errors
    /// See [`NegotiateError`].
    pub async fn negotiate(
        &self,
        room: &RoomId,
        seat: Seat,
        offer: String,
    ) -> Result<Negotiated, NegotiateError> {
        let unknown = NegotiateError::Refused(engine::NegotiateError::UnknownRoom);
        let shard = self.shard_of(room).ok_or(unknown)?;
        // It takes long by the measure of a shard, and what is wrong with an offer, or with how it is
        // read, is its page's affair: no room waits for it.
        let parsed = tokio::task::spawn_blocking(move || Offer::parse(&offer)).await;
        let offer = parsed
            .map_err(|_| NegotiateError::Unreadable)?
            .map_err(engine::NegotiateError::from)?;
        let id = room.clone();
        let answer =
            self.on(shard, move |shard, now| shard.engine.negotiate(now, &id, seat, offer));
        answer.await?.map_err(NegotiateError::Refused)
    }

    /// Replaces a room's gate. When it returns, what the table forbids is forwarded no more.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_gate(&self, room: &RoomId, table: GateTable) -> Result<(), Stopped> {
        let id = room.clone();
        self.in_room(room, move |shard, now| shard.engine.set_gate(now, &id, table)).await
    }

    /// How large `receiver` shows the cameras of the seats named; the others stay as they were.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_views(
        &self,
        room: &RoomId,
        receiver: Seat,
        views: Vec<(Seat, ViewSize)>,
    ) -> Result<(), Stopped> {
        let id = room.clone();
        self.in_room(room, move |shard, now| shard.engine.set_views(now, &id, receiver, &views))
            .await
    }

    /// Whose shared screen feeds everybody's screen slot.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn set_screen(&self, room: &RoomId, seat: Option<Seat>) -> Result<(), Stopped> {
        let id = room.clone();
        self.in_room(room, move |shard, now| shard.engine.set_screen(now, &id, seat)).await
    }

    /// Ends a seat's session.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn close_seat(&self, room: &RoomId, seat: Seat) -> Result<(), Stopped> {
        let id = room.clone();
        self.in_room(room, move |shard, now| shard.engine.close_seat(now, &id, seat)).await
    }

    /// Opens a seat's tunnel in place of its session, one that is being set up excepted; `ear` takes what it hears. `None` when there is no
    /// such seat.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn open_tunnel(
        &self,
        room: &RoomId,
        seat: Seat,
        ear: Ear,
    ) -> Result<Option<OpenedTunnel>, Stopped> {
        let Some(shard) = self.shard_of(room) else { return Ok(None) };
        let id = room.clone();
        self.on(shard, move |shard, now| shard.open_tunnel(now, id, seat, ear)).await
    }

    /// Ends a seat's tunnel.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn close_tunnel(&self, room: &RoomId, seat: Seat) -> Result<(), Stopped> {
        let id = room.clone();
        self.in_room(room, move |shard, _| shard.engine.close_tunnel(&id, seat)).await
    }

    /// What a seat says through its tunnel; `level` is how loud it claims to be (RFC 6464). It is not
    /// waited for, and nothing where that tunnel is not open.
    pub fn say(&self, room: &RoomId, by: (Seat, MediaSession), voice: Voice, level: u8) {
        let Some(shard) = self.shard_of(room).and_then(|shard| self.inner.shards.get(shard)) else {
            return;
        };
        let id = room.clone();
        shard.post(Box::new(move |shard, now| shard.say(now, &id, by, &voice, level)));
    }

    /// How long nothing came by a seat's session; none without one that is not lost.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn silence(&self, room: &RoomId, seat: Seat) -> Result<Option<Duration>, Stopped> {
        let Some(shard) = self.shard_of(room) else { return Ok(None) };
        let id = room.clone();
        self.on(shard, move |shard, now| shard.engine.silence(now, &id, seat)).await
    }

    /// What passed through each shard.
    ///
    /// # Errors
    /// [`Stopped`].
    pub async fn stats(&self) -> Result<Vec<ShardStats>, Stopped> {
        let mut stats = Vec::new();
        for shard in 0..self.inner.shards.len() {
            stats.push(self.on(shard, |shard, _| shard.stats()).await?);
        }
        Ok(stats)
    }

    /// Says goodbye to every peer and waits for the threads to end. Calls that come later find the
    /// media plane stopped.
    pub async fn shutdown(&self) {
        let rooms: Vec<RoomId> = self.rooms().keys().cloned().collect();
        for room in rooms {
            // A shard that has ended has closed its rooms.
            let _ended = self.close_room(&room).await;
        }
        for shard in &self.inner.shards {
            shard.post(Box::new(|shard, _| shard.stop()));
        }
        let ends =
            std::mem::take(&mut *self.inner.ends.lock().unwrap_or_else(PoisonError::into_inner));
        for end in ends {
            // A thread that panicked has ended too.
            let _panicked = end.await;
        }
    }

    fn rooms(&self) -> std::sync::MutexGuard<'_, HashMap<RoomId, Place>> {
        // A map cannot be left half changed by a panic.
        self.inner.rooms.lock().unwrap_or_else(PoisonError::into_inner)
    }

    fn shard_of(&self, room: &RoomId) -> Option<usize> {
        self.rooms().get(room).map(|place| place.shard)
    }

    /// Does `job` where the room is; nothing when it is not open.
    async fn in_room(
        &self,
        room: &RoomId,
        job: impl FnOnce(&mut Shard, Instant) + Send + 'static,
    ) -> Result<(), Stopped> {
        match self.shard_of(room) {
            Some(shard) => self.on(shard, job).await,
            None => Ok(()),
        }
    }

    /// Does `job` on a shard's thread and waits for its result.
    async fn on<T: Send + 'static>(
        &self,
        shard: usize,
        job: impl FnOnce(&mut Shard, Instant) -> T + Send + 'static,
    ) -> Result<T, Stopped> {
        let (reply, result) = oneshot::channel();
        let posted = self.inner.shards.get(shard).is_some_and(|mailbox| {
            mailbox.post(Box::new(move |shard, now| {
                // Whoever asked may have stopped waiting; the job is done all the same.
                let _nobody = reply.send(job(shard, now));
            }))
        });
        if posted { result.await.map_err(|_| Stopped) } else { Err(Stopped) }
    }
}

#[cfg(test)]
mod tests {
    use std::sync::mpsc;

    use super::*;

    /// Nothing takes so long.
    const NEVER: Duration = Duration::from_secs(20);

    fn on_loopback() -> (SfuHandle, tokio::sync::mpsc::Receiver<MediaEvent>) {
        let bind = SocketAddr::from(([127, 0, 0, 1], 0));
        start(&SfuConfig { bind, ..SfuConfig::default() }).expect("it starts")
    }

    #[tokio::test]
    async fn a_room_that_was_left_and_has_ended_is_forgotten() {
        let (sfu, _events) = on_loopback();
        let room = |id| RoomId::parse(id).expect("a room");
        let (ended, again) = (room("an-ended-room"), room("the-same-room"));
        let (left, next) = (room("a-left-room"), room("the-next-room"));
        for room in [&ended, &again, &left] {
            sfu.open_room(room, 9).await.expect("running");
        }
        let now = Instant::now();
        for (room, until) in [(&ended, now), (&again, now), (&left, now + NEVER)] {
            sfu.leave_room(room, until).await.expect("running");
        }
        sfu.open_room(&again, 9).await.expect("running");
        sfu.open_room(&next, 9).await.expect("running");
        let known = [&ended, &again, &left, &next].map(|room| sfu.shard_of(room));
        assert_eq!(known, [None, Some(0), Some(0), Some(0)]);
        sfu.shutdown().await;
    }

    #[tokio::test]
    async fn no_shard_reads_an_offer() {
        let (sfu, _events) = on_loopback();
        let room = RoomId::parse("the-only-room").expect("a room");
        sfu.open_room(&room, 9).await.expect("running");
        let (release, held) = mpsc::channel::<()>();
        // Without a release it ends by itself, and the test fails.
        let busy = sfu.inner.shards[0].post(Box::new(move |_, _| {
            let _released = held.recv_timeout(NEVER);
        }));
        assert!(busy);
        let refused = tokio::time::timeout(
            NEVER / 2,
            sfu.negotiate(&room, Seat(0), "v=0\r\nnothing".to_owned()),
        );
        let refused = refused.await.expect("nobody waits for the shard");
        assert!(matches!(refused, Err(NegotiateError::Refused(engine::NegotiateError::Offer(_)))));
        release.send(()).expect("the shard waits");
        sfu.shutdown().await;
    }
}
