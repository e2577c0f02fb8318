//! A shard's TCP connections, for pages whose network lets no UDP through (RFC 6544): accepted,
//! bounded, read in frames and written from queues, all without waiting. A connection of which the
//! engine knows nothing after a few seconds, or that takes nothing, is closed.

use std::collections::HashMap;
use std::io::{self, Read};
use std::net::{IpAddr, SocketAddr};
use std::os::fd::OwnedFd;
use std::time::{Duration, Instant};

use palabre_sfu_core::engine::Engine;
use palabre_sfu_core::outbox::Outbox;
use palabre_sfu_core::transport::framing::{FrameQueue, FrameReader, Queued};
use palabre_sfu_core::{Carrier, Path};
use rustix::event::{Timespec, epoll};
use socket2::{Domain, Protocol, Socket, Type};

use crate::TcpStats;

/// How long a connection may stay without an authentic check. A browser's first comes at once: less
/// cuts off a slow network, more gives strangers' connections longer.
const TO_PROVE: Duration = Duration::from_secs(5);
/// A page checks what it may still want every few seconds, or every 25 s where it hardly does: what
/// is silent for longer is nobody's.
const IDLE: Duration = Duration::from_secs(60);
/// How often all of that is looked at.
const SWEEP: Duration = Duration::from_secs(1);
/// What the kernel may keep unsent of one connection: more makes sound wait behind it, less costs
/// wake-ups.
const UNSENT: u32 = 16 << 10;
/// When the far end has confirmed nothing of what was sent for so long, the kernel ends it.
const UNCONFIRMED: Duration = Duration::from_secs(10);
/// How many connections wait for us to accept them.
const BACKLOG: i32 = 256;
/// How many are accepted, how many events are taken and how often one is read before others have
/// their turn.
const ACCEPTS: usize = 32;
const EVENTS: usize = 64;
const READS: usize = 4;
/// The listener's number; no connection has it.
const LISTENER: u64 = u64::MAX;

/// How many connections a shard keeps.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Limits {
    /// In all: each costs a file and up to 100 KiB.
    pub(crate) all: usize,
    /// Unproven ones, and of those the ones of one network: as many people as may come at once from
    /// behind one address, and a fraction of all.
    pub(crate) unproven: usize,
    pub(crate) unproven_of_network: usize,
}

impl Default for Limits {
    fn default() -> Self {
        Self { all: 2_000, unproven: 1_000, unproven_of_network: 200 }
    }
}

/// Who shares a limit: one IPv4 address, or the 64 bits that one household has of IPv6.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
struct Network(u128);

impl Network {
    fn of(ip: IpAddr) -> Self {
        match ip.to_canonical() {
            IpAddr::V4(ip) => Self(u128::from(ip.to_bits())),
            IpAddr::V6(ip) => Self(ip.to_bits() >> 64 << 64),
        }
    }
}

/// What vouches for a connection.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Standing {
    /// Nothing yet, or no more.
    Unproven { until: Instant },
    /// The engine knows its path.
    Proven,
}

struct Connection {
    socket: Socket,
    path: Path,
    standing: Standing,
    reader: FrameReader,
    queue: FrameQueue,
    heard: Instant,
    /// Whether the kernel tells when there is room.
    awaits_room: bool,
}

/// Why a connection is closed.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum End {
    /// Its other end, or the network, ended it.
    Gone,
    /// What came is no frames.
    Unframed,
    /// It did not prove itself, was silent, or took nothing.
    Useless,
}

/// A shard's TCP connections.
pub(crate) struct Tcp {
    listener: Socket,
    watch: OwnedFd,
    connections: HashMap<u32, Connection>,
    unproven: HashMap<Network, usize>,
    unproven_count: usize,
    limits: Limits,
    next: u32,
    /// The system had nothing left for another connection: none is accepted until the next sweep.
    resting: bool,
    sweep: Instant,
    /// Connections that were given something in a batch.
    touched: Vec<u32>,
    pub(crate) stats: TcpStats,
}

/// Opens a shard's listener.
pub(crate) fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::STREAM, Some(Protocol::TCP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    // Connections of an earlier life of ours may still be fading away.
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.bind(&address.into())?;
    socket.listen(BACKLOG)?;
    Ok(socket)
}

impl Tcp {
    pub(crate) fn new(listener: Socket, limits: Limits, now: Instant) -> io::Result<Self> {
        let watch = epoll::create(epoll::CreateFlags::CLOEXEC)?;
        let number = epoll::EventData::new_u64(LISTENER);
        epoll::add(&watch, &listener, number, epoll::EventFlags::IN)?;
        Ok(Self {
            listener,
            watch,
            connections: HashMap::new(),
            unproven: HashMap::new(),
            unproven_count: 0,
            limits,
            next: 0,
            resting: false,
            sweep: now,
            touched: Vec::new(),
            stats: TcpStats::default(),
        })
    }

    /// Readable when there is something for [`Self::serve`].
    pub(crate) fn watch(&self) -> &OwnedFd {
        &self.watch
    }

    /// When [`Self::look_after`] is to be called, at the latest.
    pub(crate) fn due(&self) -> Option<Instant> {
        (self.resting || !self.connections.is_empty()).then_some(self.sweep)
    }

    /// Does what sockets are ready for: accepts, gives the engine the frames that came, writes.
    pub(crate) fn serve(&mut self, now: Instant, engine: &mut Engine, outbox: &mut Outbox) {
        let at_once = Timespec { tv_sec: 0, tv_nsec: 0 };
        let nothing =
            epoll::Event { flags: epoll::EventFlags::empty(), data: epoll::EventData::new_u64(0) };
        let mut events = [nothing; EVENTS];
        // A signal, or nothing: the watch stays readable if there is something.
        let count = epoll::wait(&self.watch, &mut events, Some(&at_once)).unwrap_or(0);
        for epoll::Event { flags, data } in events.into_iter().take(count) {
            let number = data.u64();
            if number == LISTENER {
                self.accept(now);
                continue;
            }
            let Ok(number) = u32::try_from(number) else { continue };
            let mut end = None;
            if flags
                .intersects(epoll::EventFlags::IN | epoll::EventFlags::HUP | epoll::EventFlags::ERR)
            {
                end = self.read(number, now, engine, outbox).err();
            }
            if end.is_none() && flags.contains(epoll::EventFlags::OUT) {
                end = self.write(number, now).err();
            }
            if let Some(end) = end {
                self.close(number, end, engine);
            }
        }
    }

    fn accept(&mut self, now: Instant) {
        for _ in 0..ACCEPTS {
            let (socket, remote) = match self.listener.accept() {
                Ok((socket, remote)) => (socket, remote.as_socket()),
                Err(error) => match error.raw_os_error() {
                    Some(libc::EMFILE | libc::ENFILE | libc::ENOBUFS | libc::ENOMEM) => {
                        self.rest(now);
                        return;
                    }
                    _ if error.kind() == io::ErrorKind::WouldBlock => return,
                    // Its other end was faster, or a signal.
                    _ => continue,
                },
            };
            let taken = remote.is_some_and(|remote| self.take(socket, remote, now).is_ok());
            if taken {
                self.stats.accepted += 1;
            } else {
                self.stats.refused += 1;
            }
        }
    }

    /// Accepts nothing until the next sweep: the listener would stay ready all the time.
    fn rest(&mut self, now: Instant) {
        if epoll::delete(&self.watch, &self.listener).is_ok() {
            self.resting = true;
            self.sweep = now + SWEEP;
        }
    }

    fn take(&mut self, socket: Socket, remote: SocketAddr, now: Instant) -> io::Result<()> {
        let network = Network::of(remote.ip());
        let of_network = self.unproven.get(&network).copied().unwrap_or(0);
        if self.connections.len() >= self.limits.all
            || self.unproven_count >= self.limits.unproven
            || of_network >= self.limits.unproven_of_network
        {
            return Err(io::ErrorKind::ConnectionRefused.into());
        }
        socket.set_nonblocking(true)?;
        socket.set_tcp_nodelay(true)?;
        socket.set_tcp_notsent_lowat(UNSENT)?;
        socket.set_tcp_user_timeout(Some(UNCONFIRMED))?;
        let local = socket.local_addr()?.as_socket().ok_or(io::ErrorKind::AddrNotAvailable)?;
        let number = self.next;
        let data = epoll::EventData::new_u64(u64::from(number));
        epoll::add(&self.watch, &socket, data, epoll::EventFlags::IN)?;
        self.next = self.next.wrapping_add(1);
        let path = Path {
            local: local.ip().to_canonical(),
            remote: SocketAddr::new(remote.ip().to_canonical(), remote.port()),
            carrier: Carrier::Tcp(number),
        };
        let connection = Connection {
            socket,
            path,
            standing: Standing::Unproven { until: now + TO_PROVE },
            reader: FrameReader::default(),
            queue: FrameQueue::new(now),
            heard: now,
            awaits_room: false,
        };
        if self.connections.is_empty() && !self.resting {
            self.sweep = now + SWEEP;
        }
        self.connections.insert(number, connection);
        self.count_unproven(network, true);
        Ok(())
    }

    fn count_unproven(&mut self, network: Network, more: bool) {
        let count = self.unproven.entry(network).or_default();
        if more {
            *count += 1;
            self.unproven_count += 1;
            return;
        }
        *count -= 1;
        self.unproven_count -= 1;
        if *count == 0 {
            self.unproven.remove(&network);
        }
    }

    fn read(
        &mut self,
        number: u32,
        now: Instant,
        engine: &mut Engine,
        outbox: &mut Outbox,
    ) -> Result<(), End> {
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        let mut came = false;
        for _ in 0..READS {
            let space = connection.reader.space();
            let room = space.len();
            let len = match (&connection.socket).read(space) {
                Ok(0) => return Err(End::Gone),
                Ok(len) => len,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(_) => return Err(End::Gone),
            };
            connection.reader.filled(len);
            while let Some(frame) = connection.reader.next_frame().map_err(|_| End::Unframed)? {
                self.stats.datagrams_in += 1;
                self.stats.bytes_in += frame.len() as u64;
                engine.handle_datagram(now, connection.path, frame, outbox);
                came = true;
            }
            if len < room {
                break;
            }
        }
        if !came {
            return Ok(());
        }
        connection.heard = now;
        if connection.standing != Standing::Proven && engine.knows(&connection.path) {
            connection.standing = Standing::Proven;
            let network = Network::of(connection.path.remote.ip());
            self.count_unproven(network, false);
        }
        Ok(())
    }

    /// Puts what the outbox holds for connections in their queues, and writes.
    pub(crate) fn send(&mut self, now: Instant, engine: &mut Engine, outbox: &Outbox) {
        let mut touched = std::mem::take(&mut self.touched);
        for datagram in outbox.framed() {
            let Carrier::Tcp(number) = datagram.path.carrier else { continue };
            let Some(connection) = self.connections.get_mut(&number) else {
                self.stats.dropped += 1;
                continue;
            };
            match connection.queue.push(now, datagram.urgency, datagram.bytes) {
                Queued::Kept => {
                    self.stats.datagrams_out += 1;
                    self.stats.bytes_out += datagram.bytes.len() as u64;
                }
                Queued::Dropped => self.stats.dropped += 1,
            }
            if !connection.awaits_room && !touched.contains(&number) {
                touched.push(number);
            }
        }
        for number in touched.drain(..) {
            if let Err(end) = self.write(number, now) {
                self.close(number, end, engine);
            }
        }
        self.touched = touched;
    }

    fn write(&mut self, number: u32, now: Instant) -> Result<(), End> {
        let Some(connection) = self.connections.get_mut(&number) else { return Ok(()) };
        let mut full = false;
        while !full {
            let waiting = connection.queue.waiting(now);
            if waiting.is_empty() {
                break;
            }
            match connection.socket.send_with_flags(waiting, libc::MSG_NOSIGNAL) {
                Ok(len) => connection.queue.sent(now, len),
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => full = true,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(_) => return Err(End::Gone),
            }
        }
        self.stats.dropped += connection.queue.take_outdated();
        if connection.awaits_room != full {
            let data = epoll::EventData::new_u64(u64::from(number));
            let room = if full { epoll::EventFlags::OUT } else { epoll::EventFlags::empty() };
            let wanted = epoll::EventFlags::IN | room;
            epoll::modify(&self.watch, &connection.socket, data, wanted).map_err(|_| End::Gone)?;
            connection.awaits_room = full;
        }
        Ok(())
    }

    /// Closes what is of no use, and accepts again after a rest.
    pub(crate) fn look_after(&mut self, now: Instant, engine: &mut Engine) {
        if self.due().is_none_or(|due| now < due) {
            return;
        }
        self.sweep = now + SWEEP;
        if self.resting {
            let number = epoll::EventData::new_u64(LISTENER);
            let awake =
                epoll::add(&self.watch, &self.listener, number, epoll::EventFlags::IN).is_ok();
            self.resting = !awake;
        }
        let mut disowned = Vec::new();
        let mut useless = Vec::new();
        for (number, connection) in &mut self.connections {
            let known = engine.knows(&connection.path);
            match connection.standing {
                Standing::Proven if !known => {
                    connection.standing = Standing::Unproven { until: now + TO_PROVE };
                    disowned.push(Network::of(connection.path.remote.ip()));
                }
                Standing::Unproven { until } if now >= until => useless.push(*number),
                _ => {}
            }
            if now.saturating_duration_since(connection.heard) >= IDLE
                || connection.queue.is_stuck(now)
            {
                useless.push(*number);
            }
        }
        for network in disowned {
            self.count_unproven(network, true);
        }
        for number in useless {
            self.close(number, End::Useless, engine);
        }
    }

    fn close(&mut self, number: u32, end: End, engine: &mut Engine) {
        let Some(connection) = self.connections.remove(&number) else { return };
        if connection.standing != Standing::Proven {
            self.count_unproven(Network::of(connection.path.remote.ip()), false);
        }
        engine.forget_path(connection.path);
        match end {
            End::Gone => {}
            End::Unframed => self.stats.unframed += 1,
            End::Useless => self.stats.useless += 1,
        }
    }

    /// What was counted, and how many there are.
    pub(crate) fn stats(&self) -> TcpStats {
        let queued = self.connections.values().map(|connection| connection.queue.len() as u64);
        let connections = self.connections.len() as u64;
        TcpStats { connections, queued_bytes: queued.sum(), ..self.stats }
    }
}

#[cfg(test)]
#[path = "tcp_test.rs"]
mod tests;
