//! One shard: a thread that owns an engine, a socket and a clock.

use std::io;
use std::net::SocketAddr;
use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::mpsc;
use std::time::{Duration, Instant};

use palabre_ids::{MediaSession, OpenedTunnel, RoomId, Seat};
use palabre_sfu_core::MediaEvent;
use palabre_sfu_core::engine::Engine;
use palabre_sfu_core::engine::tunnel::Voice;
use palabre_sfu_core::outbox::Outbox;
use rustix::event::{EventfdFlags, PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_gettime};
use socket2::{Domain, Protocol, Socket, Type};

use crate::batch::Plan;
use crate::ears::{Ear, Ears};
use crate::sys::{BATCH, Incoming, Outgoing, Sent, tell_local_address};
use crate::tcp::Tcp;
use crate::{IoStats, ShardStats};

/// What the kernel may keep for us of what comes: half a second of 64 Mbit/s. Less loses packets
/// when the thread is late; more only makes them older.
const RECEIVE_BUFFER: usize = 4 << 20;
/// What the kernel may keep of what leaves: a burst to every peer of a few rooms.
const SEND_BUFFER: usize = 4 << 20;
/// How many batches and jobs are taken before the other kind has its turn.
const TURNS: usize = 4;
const JOBS: usize = 256;
/// How long a full queue of events is left alone.
const EVENTS_FULL: Duration = Duration::from_millis(5);

/// Something to do on a shard's thread.
pub(crate) type Job = Box<dyn FnOnce(&mut Shard, Instant) + Send>;

/// A way to a shard's thread.
pub(crate) struct Mailbox {
    jobs: mpsc::Sender<Job>,
    bell: Arc<OwnedFd>,
}

impl Mailbox {
    /// Hands a job over; `false` when the shard has ended.
    pub(crate) fn post(&self, job: Job) -> bool {
        let taken = self.jobs.send(job).is_ok();
        self.ring();
        taken
    }

    fn ring(&self) {
        // The counter is full only after 2⁶⁴ − 1 rings that nobody heard: it rings all the same.
        let _full = rustix::io::write(&self.bell, &1_u64.to_ne_bytes());
    }
}

impl Drop for Mailbox {
    /// Lets the thread see that nobody is there.
    fn drop(&mut self) {
        let (nobody, _) = mpsc::channel();
        self.jobs = nobody;
        self.ring();
    }
}

/// A shard's end of its mailbox.
pub(crate) struct Jobs {
    jobs: mpsc::Receiver<Job>,
    bell: Arc<OwnedFd>,
}

pub(crate) fn mailbox() -> io::Result<(Mailbox, Jobs)> {
    let bell = Arc::new(rustix::event::eventfd(0, EventfdFlags::CLOEXEC | EventfdFlags::NONBLOCK)?);
    let (sender, receiver) = mpsc::channel();
    Ok((Mailbox { jobs: sender, bell: Arc::clone(&bell) }, Jobs { jobs: receiver, bell }))
}

/// What a shard was woken for.
struct Woken {
    datagrams: bool,
    jobs: bool,
    connections: bool,
}

/// Opens a shard's UDP socket.
pub(crate) fn listen(address: SocketAddr) -> io::Result<Socket> {
    let socket = Socket::new(Domain::for_address(address), Type::DGRAM, Some(Protocol::UDP))?;
    if address.is_ipv6() {
        socket.set_only_v6(false)?;
    }
    socket.set_nonblocking(true)?;
    // Beyond the system's limit only for who may; otherwise as far as it goes.
    if rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER).is_err() {
        socket.set_recv_buffer_size(RECEIVE_BUFFER)?;
    }
    if rustix::net::sockopt::set_socket_send_buffer_size_force(&socket, SEND_BUFFER).is_err() {
        socket.set_send_buffer_size(SEND_BUFFER)?;
    }
    tell_local_address(&socket, address.is_ipv6())?;
    socket.bind(&address.into())?;
    Ok(socket)
}

/// A shard, on its thread.
pub(crate) struct Shard {
    pub(crate) engine: Engine,
    pub(crate) io: IoStats,
    pub(crate) tcp: Tcp,
    socket: Socket,
    v6: bool,
    bound: SocketAddr,
    jobs: Jobs,
    events: tokio::sync::mpsc::Sender<MediaEvent>,
    outbox: Outbox,
    ears: Ears,
    plan: Plan,
    outgoing: Outgoing,
    /// The most jobs that waited at once, since it was last told.
    deepest_inbox: u64,
    /// Whether the kernel takes segmented messages.
    segmentation: bool,
    stopping: bool,
}

impl Shard {
    pub(crate) fn new(
        engine: Engine,
        socket: Socket,
        tcp: Tcp,
        bound: SocketAddr,
        jobs: Jobs,
        events: tokio::sync::mpsc::Sender<MediaEvent>,
    ) -> Self {
        Self {
            engine,
            io: IoStats::default(),
            tcp,
            socket,
            v6: bound.is_ipv6(),
            bound,
            jobs,
            events,
            outbox: Outbox::new(),
            ears: Ears::default(),
            plan: Plan::default(),
            outgoing: Outgoing::default(),
            deepest_inbox: 0,
            segmentation: true,
            stopping: false,
        }
    }

    /// What passed through since it started.
    pub(crate) fn stats(&mut self) -> ShardStats {
        ShardStats {
            engine: self.engine.stats(),
            io: self.io,
            tcp: self.tcp.stats(),
            deepest_inbox: std::mem::take(&mut self.deepest_inbox),
            busy_nanos: busy_nanos(),
        }
    }

    /// Makes [`Self::run`] return once what there is to send was sent.
    pub(crate) fn stop(&mut self) {
        self.stopping = true;
    }

    /// Takes what a seat says through its tunnel.
    pub(crate) fn say(
        &mut self,
        now: Instant,
        room: &RoomId,
        by: (Seat, MediaSession),
        voice: &Voice,
        level: u8,
    ) {
        self.engine.handle_voice(now, room, by, voice, level, &mut self.outbox);
    }

    /// Opens a seat's tunnel, out of which `ear` hears.
    pub(crate) fn open_tunnel(
        &mut self,
        now: Instant,
        room: RoomId,
        seat: Seat,
        ear: Ear,
    ) -> Option<OpenedTunnel> {
        let opened = self.engine.open_tunnel(now, &room, seat)?;
        self.ears.add(&self.engine, opened.tunnel, (room, seat), ear);
        Some(opened)
    }

    /// Works until it is told to stop, or until nobody is left to tell it anything.
    pub(crate) fn run(mut self) -> io::Result<()> {
        let mut incoming = Incoming::new(self.bound.ip());
        let mut events_full = false;
        loop {
            let woken = self.wait(events_full)?;
            if woken.jobs {
                self.do_jobs();
            }
            if woken.datagrams {
                self.take_in(&mut incoming)?;
            }
            if woken.connections {
                self.tcp.serve(Instant::now(), &mut self.engine, &mut self.outbox);
                self.ears.deliver(&mut self.engine);
            }
            let now = Instant::now();
            self.tcp.look_after(now, &mut self.engine);
            if self.engine.poll_timeout().is_some_and(|due| due <= now) {
                self.engine.handle_timeout(now, &mut self.outbox);
            }
            self.send_out();
            events_full = !self.tell_events();
            if self.stopping {
                return Ok(());
            }
        }
    }

    /// Waits for a datagram, a job, a connection or a time; tells which of the first three there is.
    fn wait(&self, events_full: bool) -> io::Result<Woken> {
        let due = self.engine.poll_timeout().into_iter().chain(self.tcp.due()).min();
        let until_due = due.map(|due| due.saturating_duration_since(Instant::now()));
        let patience = until_due.into_iter().chain(events_full.then_some(EVENTS_FULL)).min();
        // A length of time too long to be said is as good as for ever.
        let patience = patience.and_then(|patience| Timespec::try_from(patience).ok());
        let mut watched = [
            PollFd::new(&self.socket, PollFlags::IN),
            PollFd::new(&self.jobs.bell, PollFlags::IN),
            PollFd::new(self.tcp.watch(), PollFlags::IN),
        ];
        match rustix::event::poll(&mut watched, patience.as_ref()) {
            Ok(_) | Err(rustix::io::Errno::INTR) => {}
            Err(error) => return Err(error.into()),
        }
        let [datagrams, jobs, connections] = watched.map(|fd| !fd.revents().is_empty());
        Ok(Woken { datagrams, jobs, connections })
    }

    fn do_jobs(&mut self) {
        // Silenced before the mailbox is looked into: what comes later rings again.
        let mut rings = [0; 8];
        // Each job rings once: the bell has counted those that wait.
        if rustix::io::read(&self.jobs.bell, &mut rings).is_ok() {
            self.deepest_inbox = self.deepest_inbox.max(u64::from_ne_bytes(rings));
        }
        for _ in 0..JOBS {
            match self.jobs.jobs.try_recv() {
                Ok(job) => {
                    job(self, Instant::now());
                    // What one job lets through has left before the next one's gate is in force.
                    self.ears.deliver(&mut self.engine);
                    self.send_out();
                }
                Err(mpsc::TryRecvError::Empty) => return,
                Err(mpsc::TryRecvError::Disconnected) => return self.stop(),
            }
        }
        // More wait: their ring was silenced.
        let _full = rustix::io::write(&self.jobs.bell, &1_u64.to_ne_bytes());
    }

    fn take_in(&mut self, incoming: &mut Incoming) -> io::Result<()> {
        for _ in 0..TURNS {
            let count = match incoming.receive(&self.socket) {
                Ok(count) => count,
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => return Ok(()),
                // An earlier datagram's refusal that is reported here, or a signal: neither ends it.
                Err(error)
                    if matches!(
                        error.kind(),
                        io::ErrorKind::Interrupted | io::ErrorKind::ConnectionRefused
                    ) =>
                {
                    continue;
                }
                // The kernel is short of memory: so are others, and it passes.
                Err(error)
                    if matches!(
                        error.raw_os_error(),
                        Some(libc::ENOMEM | libc::ENOBUFS | libc::EAGAIN)
                    ) =>
                {
                    return Ok(());
                }
                Err(error) => return Err(error),
            };
            let now = Instant::now();
            for at in 0..count {
                if let Some((path, datagram)) = incoming.get(at) {
                    self.io.datagrams_in += 1;
                    self.io.bytes_in += datagram.len() as u64;
                    self.engine.handle_datagram(now, path, datagram, &mut self.outbox);
                }
            }
            self.ears.deliver(&mut self.engine);
            self.send_out();
            if count < BATCH {
                break;
            }
        }
        Ok(())
    }

    /// Sends the outbox; what the kernel has no room for is lost, as it would be further on.
    fn send_out(&mut self) {
        if self.outbox.is_empty() {
            return;
        }
        if self.outbox.has_framed() {
            self.tcp.send(Instant::now(), &mut self.engine, &self.outbox);
        }
        self.plan.make(&self.outbox, self.segmentation);
        let Self { plan, outbox, outgoing, io: stats, socket, v6, segmentation, .. } = self;
        let mut messages = outgoing.begin();
        for group in plan.groups() {
            messages.push(group.path, group.segment, plan.datagrams(group, outbox));
        }
        let mut told = 0;
        let mut full = false;
        // Groups that were refused: their segmentation may be all that was.
        let mut whole: Vec<usize> = Vec::new();
        let mut segmentation = *segmentation;
        messages.send(socket, *v6, |at, sent| {
            told = at + 1;
            let Some(group) = plan.groups().get(at) else { return };
            let count = group.len() as u64;
            match sent {
                Sent::Done => {
                    stats.messages_out += 1;
                    stats.datagrams_out += count;
                    stats.bytes_out += plan
                        .datagrams(group, outbox)
                        .map(|datagram| datagram.len() as u64)
                        .sum::<u64>();
                }
                Sent::Refused(error) if error.kind() == io::ErrorKind::WouldBlock => {
                    stats.dropped_full += count;
                    full = true;
                }
                Sent::Refused(error) if count > 1 => {
                    // A device without checksums says so by EIO, and will again. A path that is
                    // too narrow says something else, of itself alone.
                    segmentation &= error.raw_os_error() != Some(libc::EIO);
                    whole.push(at);
                }
                Sent::Refused(_) => stats.dropped_refused += count,
            }
        });
        if full {
            stats.dropped_full +=
                plan.groups().iter().skip(told).map(|group| group.len() as u64).sum::<u64>();
        }
        if !whole.is_empty() {
            self.send_unsegmented(&whole);
        }
        if self.segmentation && !segmentation {
            self.segmentation = false;
            tracing::info!("UDP segmentation is not to be had here; datagrams are sent one by one");
        }
        self.outbox.clear();
    }

    /// Sends refused groups datagram by datagram.
    fn send_unsegmented(&mut self, groups: &[usize]) {
        let Self { plan, outbox, outgoing, io: stats, socket, v6, .. } = self;
        let mut messages = outgoing.begin();
        let mut sizes: Vec<u64> = Vec::new();
        for group in groups.iter().filter_map(|at| plan.groups().get(*at)) {
            for datagram in plan.datagrams(group, outbox) {
                sizes.push(datagram.len() as u64);
                messages.push(group.path, datagram.len(), std::iter::once(datagram));
            }
        }
        let mut taken = 0;
        messages.send(socket, *v6, |at, sent| {
            if let (Sent::Done, Some(size)) = (sent, sizes.get(at)) {
                taken += 1;
                stats.messages_out += 1;
                stats.datagrams_out += 1;
                stats.bytes_out += size;
            }
        });
        stats.dropped_refused += sizes.len() as u64 - taken;
    }

    /// Hands events over as far as there is room; whether all are told.
    fn tell_events(&mut self) -> bool {
        loop {
            match self.events.try_reserve() {
                Ok(room) => match self.engine.poll_event() {
                    Some(event) => room.send(event),
                    None => return true,
                },
                Err(tokio::sync::mpsc::error::TrySendError::Full(())) => return false,
                // Nobody listens any more: they are forgotten.
                Err(tokio::sync::mpsc::error::TrySendError::Closed(())) => {
                    while self.engine.poll_event().is_some() {}
                    return true;
                }
            }
        }
    }
}

/// The processor time of the calling thread.
fn busy_nanos() -> u64 {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    u64::try_from(time.tv_sec).unwrap_or(0) * 1_000_000_000
        + u64::try_from(time.tv_nsec).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use std::net::{IpAddr, UdpSocket};

    use palabre_sfu_core::Path;
    use palabre_sfu_core::engine::EngineConfig;
    use palabre_sfu_core::transport::dtls::Certificate;

    use super::*;
    use crate::tcp::{self, Limits};

    fn shard() -> Shard {
        let socket = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let bound = socket.local_addr().unwrap().as_socket().unwrap();
        let certificate = Certificate::generate().unwrap();
        let engine = Engine::new(EngineConfig {
            certificate,
            candidates: vec![bound],
            tcp_candidates: vec![bound],
        });
        let tcp = Tcp::new(tcp::listen(bound).unwrap(), Limits::default(), Instant::now()).unwrap();
        let (_, jobs) = mailbox().unwrap();
        let (events, _) = tokio::sync::mpsc::channel(1);
        Shard::new(engine, socket, tcp, bound, jobs, events)
    }

    fn fill(shard: &mut Shard, local: IpAddr, remote: SocketAddr) {
        for size in [700, 700, 300] {
            shard.outbox.push(Path::udp(local, remote), &vec![7; size]);
        }
    }

    #[test]
    fn a_group_can_be_sent_one_by_one() {
        let mut shard = shard();
        let receiver = UdpSocket::bind("127.0.0.1:0").unwrap();
        receiver.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
        fill(&mut shard, IpAddr::from([127, 0, 0, 1]), receiver.local_addr().unwrap());
        shard.plan.make(&shard.outbox, true);
        assert_eq!(shard.plan.groups().len(), 1);
        shard.send_unsegmented(&[0]);
        let mut bytes = [0; 2_000];
        assert_eq!([0; 3].map(|_| receiver.recv(&mut bytes).unwrap()), [700, 700, 300]);
        assert_eq!(
            (shard.io.datagrams_out, shard.io.messages_out, shard.io.bytes_out),
            (3, 3, 1_700)
        );
    }

    #[test]
    fn ears_go_with_their_tunnels() {
        let mut shard = shard();
        let room = RoomId::parse("test-room").unwrap();
        let now = Instant::now();
        shard.engine.open_room(now, &room, 3);
        let open = |shard: &mut Shard, seat| {
            shard.open_tunnel(now, room.clone(), Seat(seat), Box::new(|_, _| {}))
        };
        assert_eq!(open(&mut shard, 9), None, "no such seat");
        for _ in 0..100 {
            open(&mut shard, 0).unwrap();
        }
        assert_eq!(shard.ears.len(), 1);
        open(&mut shard, 1).unwrap();
        assert_eq!(shard.ears.len(), 2);
        shard.engine.close_room(now, &room);
        shard.engine.open_room(now, &room, 3);
        open(&mut shard, 2).unwrap();
        assert_eq!(shard.ears.len(), 1);
    }

    #[test]
    fn what_the_kernel_refuses_is_counted_and_segmentation_stays() {
        let mut shard = shard();
        let remote = SocketAddr::from(([127, 0, 0, 1], 9));
        // An address that is not this machine's.
        fill(&mut shard, IpAddr::from([192, 0, 2, 200]), remote);
        shard.send_out();
        assert_eq!((shard.io.dropped_refused, shard.io.datagrams_out), (3, 0));
        assert!(shard.segmentation && shard.outbox.is_empty());
    }
}
