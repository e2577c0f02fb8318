//! Eight clients in one thread, as light as they can be: they seal what they send, count what they
//! receive, and open one packet in sixteen to read when it was sent.

use std::io::ErrorKind;
use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use palabre_ids::Seat;
use palabre_sfu_core::media::rtp::Header;
use palabre_sfu_core::transport::demux::{Kind, classify};
use palabre_sfu_core::transport::srtp::{SrtpInbound, SrtpOutbound};
use rustix::event::{PollFd, PollFlags, Timespec};

use crate::support::{IDS, Packet, Page};

/// How many are in the room.
pub(crate) const SEATS: u8 = 8;
const AUDIO_PAUSE: Duration = Duration::from_millis(20);
const AUDIO_BYTES: usize = 100;
const VIDEO_BYTES: usize = 1_100;
/// One packet in so many is opened.
const SAMPLE: u64 = 16;
/// What comes later than this after the last packet was sent is lost.
const LATE: Duration = Duration::from_millis(200);
/// Far more than anything here takes.
const NEVER: Duration = Duration::from_secs(10);

/// The video of one sender.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Rate {
    /// Bursts a second.
    pub(crate) bursts: u32,
    /// Packets in a burst.
    pub(crate) burst: u16,
}

/// One participant.
pub(crate) struct Client {
    page: Page,
    socket: UdpSocket,
    audio: u16,
    video: u16,
    received: u64,
}

impl Client {
    /// Someone who will talk to `to`.
    pub(crate) fn new(seat: Seat, to: SocketAddr) -> Self {
        let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
        socket.connect(to).expect("a route");
        socket.set_read_timeout(Some(NEVER)).expect("a timeout");
        // As far as the system lets who runs this; what does not fit is a loss that is told.
        let _ = rustix::net::sockopt::set_socket_recv_buffer_size_force(&socket, 4 << 20);
        let page = Page::new(Instant::now(), seat, 1);
        Self { page, socket, audio: 0, video: 0, received: 0 }
    }

    pub(crate) fn offer(&self) -> String {
        self.page.offer(false, SEATS - 1)
    }

    pub(crate) fn address(&self) -> SocketAddr {
        self.socket.local_addr().expect("bound")
    }

    /// Uses keys that were agreed otherwise.
    pub(crate) fn set_keys(&mut self, keys: (SrtpInbound, SrtpOutbound)) {
        self.page.keys = Some(keys);
        self.socket.set_nonblocking(true).expect("a mode");
    }

    /// A check and a handshake.
    pub(crate) fn connect(&mut self, answer: &str) {
        self.page.take_answer(answer);
        self.socket.send(&self.page.check(true)).expect("sent");
        let mut bytes = [0; 2_048];
        while self.page.keys.is_none() {
            while let Some(transmit) = self.page.dtls.poll_transmit() {
                self.socket.send(&transmit.message).expect("sent");
            }
            let len = self.socket.recv(&mut bytes).expect("an answer");
            if classify(&bytes[..len]) == Kind::Dtls {
                self.page.take(Instant::now(), &bytes[..len]);
            }
        }
        while let Some(transmit) = self.page.dtls.poll_transmit() {
            self.socket.send(&transmit.message).expect("sent");
        }
        self.socket.set_nonblocking(true).expect("a mode");
    }

    fn send(&mut self, mut packet: Packet, size: usize, origin: Instant) {
        packet.payload.resize(size - 8, 7);
        packet.payload.extend_from_slice(&(origin.elapsed().as_nanos() as u64).to_be_bytes());
        let datagram = self.page.seal(&packet);
        // What the kernel refuses is lost, and told as that.
        let _ = self.socket.send(&datagram);
    }

    fn send_audio(&mut self, origin: Instant) {
        self.send(Packet::audio(self.page.seat, self.audio), AUDIO_BYTES, origin);
        self.audio += 1;
    }

    fn send_video(&mut self, burst: u16, origin: Instant) {
        let frame = u32::from(self.video / burst);
        for _ in 0..burst {
            let packet = Packet::video(self.page.seat, None, self.video, self.video == 0);
            let packet = Packet { timestamp: frame * 3_000, ..packet };
            self.send(packet, VIDEO_BYTES, origin);
            self.video += 1;
        }
    }

    /// Reads what waits.
    fn receive(&mut self, origin: Instant, figures: &mut Figures) {
        let mut bytes = [0; 2_048];
        loop {
            let len = match self.socket.recv(&mut bytes) {
                Ok(len) => len,
                Err(error) if error.kind() == ErrorKind::WouldBlock => return,
                Err(error) => panic!("a socket of the loopback interface reads: {error}"),
            };
            if classify(&bytes[..len]) != Kind::Rtp {
                continue;
            }
            self.received += 1;
            figures.received += 1;
            if !self.received.is_multiple_of(SAMPLE) {
                continue;
            }
            let now = origin.elapsed();
            let header = Header::read(&bytes[..len], &IDS).expect("a header");
            let (inbound, _) = self.page.keys.as_mut().expect("connected");
            let opened = inbound
                .open_rtp(&mut bytes[..len], header.len, header.ssrc, header.sequence)
                .expect("authentic");
            let sent = u64::from_be_bytes(*bytes[..opened.len].last_chunk().expect("its time"));
            figures.latencies.push(now.saturating_sub(Duration::from_nanos(sent)));
        }
    }
}

/// What the clients saw.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    pub(crate) received: u64,
    expected: u64,
    latencies: Vec<Duration>,
}

impl Figures {
    pub(crate) fn loss(&self) -> f64 {
        1.0 - self.received as f64 / self.expected as f64
    }

    /// From before a packet was sealed to after it was read again by the same thread.
    pub(crate) fn latency(&self, quantile: f64) -> Duration {
        let at = (self.latencies.len() as f64 * quantile) as usize;
        self.latencies.get(at).copied().unwrap_or_default()
    }
}

/// Everybody sends; nobody at the same moment as another.
pub(crate) struct Load {
    rate: Rate,
    origin: Instant,
}

impl Load {
    pub(crate) fn new(rate: Rate) -> Self {
        Self { rate, origin: Instant::now() }
    }

    /// Sends and receives for `time`, and receives what is still under way.
    pub(crate) fn run(&mut self, clients: &mut [Client], time: Duration) -> Figures {
        let mut figures = Figures::default();
        let start = Instant::now();
        let end = start + time;
        let pause = Duration::from_secs(1) / self.rate.bursts;
        let mut due: Vec<(Instant, Instant)> = (0..u32::from(SEATS))
            .map(|n| (start + pause * n / 8, start + AUDIO_PAUSE * n / 8 + pause / 16))
            .collect();
        loop {
            for (client, (video, audio)) in clients.iter_mut().zip(&mut due) {
                let now = Instant::now();
                if *video <= now.min(end) {
                    client.send_video(self.rate.burst, self.origin);
                    figures.expected += u64::from(self.rate.burst) * u64::from(SEATS - 1);
                    *video += pause;
                }
                if *audio <= now.min(end) {
                    client.send_audio(self.origin);
                    figures.expected += u64::from(SEATS - 1);
                    *audio += AUDIO_PAUSE;
                }
            }
            let next = due.iter().flat_map(|(video, audio)| [*video, *audio]).min();
            let next = next.filter(|next| *next <= end).unwrap_or(end + LATE);
            let complete = next > end && figures.received >= figures.expected;
            let now = Instant::now();
            if complete || now >= end + LATE {
                break;
            }
            let patience = Timespec::try_from(next.saturating_duration_since(now)).ok();
            let mut sockets: Vec<_> =
                clients.iter().map(|client| PollFd::new(&client.socket, PollFlags::IN)).collect();
            rustix::event::poll(&mut sockets, patience.as_ref()).expect("sockets to wait for");
            for client in clients.iter_mut() {
                client.receive(self.origin, &mut figures);
            }
        }
        figures.latencies.sort_unstable();
        figures
    }
}

/// Sends more video than is ever kept, and takes what it causes.
pub(crate) fn fill(clients: &mut [Client]) {
    Load::new(Rate { bursts: 100, burst: 1 }).run(clients, Duration::from_secs(2));
}
