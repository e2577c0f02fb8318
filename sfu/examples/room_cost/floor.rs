//! The least a forwarder can do: receive, open, copy and seal for each of seven, send. It keeps
//! nothing, decides nothing and answers nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr, UdpSocket};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use std::thread::JoinHandle;
use std::time::Duration;

use palabre_ids::Seat;
use palabre_sfu_core::Path;
use palabre_sfu_core::media::rtp::Header;
use palabre_sfu_core::transport::srtp::{
    MasterKey, RTP_TAIL, SrtpInbound, SrtpKeys, SrtpOutbound, SrtpPair, SrtpProfile,
};
use rustix::event::{PollFd, PollFlags, Timespec};
use rustix::time::{ClockId, clock_gettime};

use crate::load::{Client, SEATS};
use crate::support::IDS;
use crate::sys::{BATCH, Incoming, Outgoing, Sent, tell_local_address};

/// How long the thread waits before it looks whether it is to end.
const PATIENCE: Timespec = Timespec { tv_sec: 0, tv_nsec: 100_000_000 };
const SLOT: usize = 1_600;

/// What the floor did so far.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Done {
    pub(crate) busy_nanos: u64,
    pub(crate) sent: u64,
}

#[derive(Default)]
struct Counters {
    busy_nanos: AtomicU64,
    sent: AtomicU64,
    end: AtomicBool,
}

/// A running floor.
pub(crate) struct Floor {
    counters: Arc<Counters>,
    thread: JoinHandle<()>,
}

struct Peer {
    path: Path,
    inbound: SrtpInbound,
    outbound: SrtpOutbound,
}

fn keys(seat: u8, server: bool) -> (SrtpInbound, SrtpOutbound) {
    let key = |byte| MasterKey::new(&[byte; 16], &[byte; 12]);
    let (up, down) = (key(2 * seat), key(2 * seat + 1));
    let (local, remote) = if server { (down, up) } else { (up, down) };
    let keys = SrtpKeys { profile: SrtpProfile::AeadAes128Gcm, local, remote };
    SrtpPair::new(&keys).expect("keys of the right length")
}

impl Floor {
    /// Starts one, and its clients.
    pub(crate) fn start(segmentation: bool) -> (Self, Vec<Client>) {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.set_nonblocking(true).expect("a mode");
        tell_local_address(&socket, false).expect("an option");
        // As the shard does.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 4 << 20);
        let _ = rustix::net::sockopt::set_socket_send_buffer_size_force(&socket, 4 << 20);
        let to = socket.local_addr().expect("bound");
        let (mut clients, mut peers) = (Vec::new(), Vec::new());
        for seat in 0..SEATS {
            let mut client = Client::new(Seat(seat), to);
            client.set_keys(keys(seat, false));
            let (inbound, outbound) = keys(seat, true);
            peers.push(Peer { path: path(client.address()), inbound, outbound });
            clients.push(client);
        }
        let counters = Arc::new(Counters::default());
        let shared = Arc::clone(&counters);
        let thread =
            std::thread::spawn(move || forward(&socket, &mut peers, segmentation, &shared));
        (Self { counters, thread }, clients)
    }

    /// What it did so far.
    pub(crate) fn read(&self) -> Done {
        Done {
            busy_nanos: self.counters.busy_nanos.load(Ordering::Relaxed),
            sent: self.counters.sent.load(Ordering::Relaxed),
        }
    }

    /// Ends it, and tells what it did.
    pub(crate) fn stop(self) -> Done {
        let done = self.read();
        self.counters.end.store(true, Ordering::Relaxed);
        self.thread.join().expect("it does not panic");
        done
    }
}

fn path(remote: SocketAddr) -> Path {
    Path::udp(IpAddr::V4(Ipv4Addr::LOCALHOST), remote)
}

fn forward(socket: &UdpSocket, peers: &mut [Peer], segmentation: bool, counters: &Counters) {
    let mut incoming = Incoming::new(IpAddr::V4(Ipv4Addr::LOCALHOST));
    let mut outgoing = Outgoing::default();
    // For each destination, its datagrams of this batch and their lengths.
    let mut bytes = vec![vec![0; BATCH * SLOT]; peers.len()];
    let mut lens: Vec<Vec<usize>> = vec![Vec::with_capacity(BATCH); peers.len()];
    while !counters.end.load(Ordering::Relaxed) {
        let mut watched = [PollFd::new(socket, PollFlags::IN)];
        rustix::event::poll(&mut watched, Some(&PATIENCE)).expect("a socket to wait for");
        let count = incoming.receive(socket).unwrap_or(0);
        for at in 0..count {
            let Some((from, datagram)) = incoming.get(at) else { continue };
            let Some(source) = peers.iter().position(|peer| peer.path == from) else { continue };
            let header = Header::read(datagram, &IDS).expect("a header");
            let opened = peers[source]
                .inbound
                .open_rtp(datagram, header.len, header.ssrc, header.sequence)
                .expect("authentic");
            let packet = &datagram[..opened.len];
            for (to, peer) in peers.iter_mut().enumerate().filter(|(to, _)| *to != source) {
                let place = &mut bytes[to][lens[to].len() * SLOT..][..SLOT];
                place[..packet.len()].copy_from_slice(packet);
                let room = &mut place[..packet.len() + RTP_TAIL];
                let (ssrc, index) = (header.ssrc, opened.index);
                let len = peer
                    .outbound
                    .seal_rtp(room, header.len, packet.len(), ssrc, index)
                    .expect("room for a tag");
                lens[to].push(len);
            }
        }
        let sent = send(socket, peers, &bytes, &lens, &mut outgoing, segmentation);
        lens.iter_mut().for_each(Vec::clear);
        let busy = clock_gettime(ClockId::ThreadCPUTime);
        let busy = Duration::new(busy.tv_sec as u64, busy.tv_nsec as u32).as_nanos() as u64;
        counters.busy_nanos.store(busy, Ordering::Relaxed);
        counters.sent.fetch_add(sent, Ordering::Relaxed);
    }
}

/// Sends each destination's datagrams, those of one size in one message where that is asked for.
fn send(
    socket: &UdpSocket,
    peers: &[Peer],
    bytes: &[Vec<u8>],
    lens: &[Vec<usize>],
    outgoing: &mut Outgoing,
    segmentation: bool,
) -> u64 {
    let mut sizes = Vec::new();
    let mut messages = outgoing.begin();
    for ((peer, bytes), lens) in peers.iter().zip(bytes).zip(lens) {
        let mut datagrams =
            lens.iter().zip(bytes.chunks_exact(SLOT)).map(|(len, slot)| &slot[..*len]);
        let mut left = &lens[..];
        while let Some(&len) = left.first() {
            let alike = left.iter().take_while(|other| **other == len).count();
            let together = if segmentation { alike.min(50) } else { 1 };
            messages.push(peer.path, len, datagrams.by_ref().take(together));
            sizes.push(together as u64);
            left = &left[together..];
        }
    }
    let mut sent = 0;
    messages.send(socket, false, |at, told| {
        if matches!(told, Sent::Done) {
            sent += sizes[at];
        }
    });
    sent
}
