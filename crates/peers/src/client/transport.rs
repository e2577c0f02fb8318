//! A socket for a peer connection of the load test's light stack, so that nothing but it and the
//! server under test is measured.

use std::collections::HashMap;
use std::io::ErrorKind;
use std::net::{Ipv4Addr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use palabre_loadtest::light::connection::{Connection, Identity, Input, RETRY};
use palabre_loadtest::light::packet::{Seen, Stream, see};
use palabre_loadtest::light::rtcp::{Block, feedback, receiver_report};
use palabre_loadtest::light::sdp::{Description, Own};
use palabre_loadtest::light::stun::Role;
use palabre_loadtest::media::stream::Counter;
use rustix::net::sockopt::set_socket_recv_buffer_size_force;

use crate::place::CLIENTS;

/// A connection takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// The largest datagram.
const MTU: usize = 2_048;
/// So much may wait for a client: it is the server that is measured.
const RECEIVE_BUFFER: usize = 8 << 20;
/// One packet in so many is opened, to read when it was sent.
const SAMPLE: u64 = 16;

/// A peer connection of a client.
pub(crate) struct Transport {
    connection: Connection,
    socket: UdpSocket,
    /// What the other end said of itself.
    remote: Option<Remote>,
    received: HashMap<u32, Received>,
    count: u64,
    transport_cc: u16,
    packet: Vec<u8>,
}

struct Remote {
    /// Payload types of retransmissions.
    rtx: Vec<u8>,
    /// What was agreed, section by section, and whether media is received in it.
    terms: Vec<(bool, String)>,
}

/// A stream that is received.
#[derive(Default)]
struct Received {
    counter: Counter,
    /// The highest sequence number with its laps.
    highest: u32,
}

/// What a transport took in.
#[derive(Debug, Default, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Taken {
    /// Packets of media, each once.
    pub(crate) packets: u64,
    /// Packets that came again.
    pub(crate) repeated: u64,
    /// Retransmissions, and probing in their name.
    pub(crate) rtx: u64,
    /// Compounds of RTCP.
    pub(crate) compounds: u64,
    /// Packets that were asked for again.
    pub(crate) nacks: u64,
    pub(crate) arrivals: u64,
    pub(crate) key_frame: bool,
}

impl Transport {
    /// A transport that knows nobody yet.
    ///
    /// # Errors
    /// When the clients' address is not there.
    pub(crate) fn new() -> Result<Self> {
        Self::on(CLIENTS)
    }

    /// The same, on an address of this machine.
    ///
    /// # Errors
    /// When it is not there.
    pub(crate) fn on(address: Ipv4Addr) -> Result<Self> {
        let socket = UdpSocket::bind((address, 0)).context("the clients' address")?;
        set_socket_recv_buffer_size_force(&socket, RECEIVE_BUFFER)
            .context("a large receive buffer takes CAP_NET_ADMIN")?;
        let identity = Identity::new()?;
        let connection = Connection::new(identity, socket.local_addr()?, Instant::now());
        Ok(Self {
            connection,
            socket,
            remote: None,
            received: HashMap::new(),
            count: 0,
            transport_cc: 0,
            packet: Vec::with_capacity(MTU),
        })
    }

    /// How it describes itself.
    pub(crate) fn own(&self) -> &Own {
        self.connection.own()
    }

    /// What to wait for.
    pub(crate) fn socket(&self) -> &UdpSocket {
        &self.socket
    }

    /// Checks the path, and shakes hands.
    ///
    /// # Errors
    /// When that does not end well, or in time.
    pub(crate) fn connect(&mut self, remote: &Description, role: Role) -> Result<()> {
        self.socket.connect(remote.address)?;
        self.socket.set_nonblocking(false)?;
        self.socket.set_read_timeout(Some(RETRY / 4))?;
        self.remote = Some(Remote {
            rtx: remote.sections.iter().filter_map(|section| section.rtx).collect(),
            terms: remote.sections.iter().map(|s| (s.sends, s.terms())).collect(),
        });
        let end = Instant::now() + PATIENCE;
        self.connection.describe(remote, role, Instant::now());
        let mut buffer = [0; MTU];
        while !self.connection.is_connected() {
            let now = Instant::now();
            ensure!(
                now < end,
                "no connection to {} in {PATIENCE:?}: {}",
                remote.address,
                if self.connection.is_checked() {
                    "the handshake did not end"
                } else {
                    "no check was answered"
                }
            );
            self.keep(now)?;
            match self.socket.recv(&mut buffer) {
                Ok(length) => {
                    self.connection.handle(Instant::now(), &buffer[..length])?;
                }
                Err(error) if is_pause(error.kind()) => {}
                Err(error) => return Err(error.into()),
            }
            self.flush();
        }
        self.socket.set_nonblocking(true)?;
        Ok(())
    }

    /// Sends the connectivity checks that are due, which are signs of life, too.
    ///
    /// # Errors
    /// When the handshake fails.
    pub(crate) fn keep(&mut self, now: Instant) -> Result<()> {
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now)?;
            self.flush();
        }
        Ok(())
    }

    fn flush(&mut self) {
        while let Some(datagram) = self.connection.poll_transmit() {
            // What the kernel refuses is sent again.
            let _ = self.socket.send(&datagram);
        }
    }

    /// Sends the next packet of `stream`.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(crate) fn send(
        &mut self,
        stream: &mut Stream,
        timestamp: u32,
        marker: bool,
        payload: &[&[u8]],
    ) -> Result<()> {
        stream.next(timestamp, marker, self.transport_cc, payload, &mut self.packet);
        self.transport_cc = self.transport_cc.wrapping_add(1);
        let sealed = self.connection.seal_rtp(&self.packet)?;
        // What the kernel refuses is lost, and told as that.
        let _ = self.socket.send(&sealed);
        Ok(())
    }

    /// Tells the server what is received, and what is sent by `streams` since `since`.
    ///
    /// # Errors
    /// When it cannot be sealed.
    pub(crate) fn report(&mut self, streams: &[&Stream], since: Instant) -> Result<()> {
        let mut blocks = Vec::new();
        for (ssrc, received) in &self.received {
            // Nothing is lost that a fraction would tell more about, and no round trip is measured.
            let (lost, highest) = (received.counter.lost(), received.highest);
            Block { ssrc: *ssrc, lost, highest, ..Block::default() }.write(&mut blocks);
        }
        let mut compound = Vec::new();
        let seconds = since.elapsed();
        // Any epoch does, as long as it is one for all.
        let fraction = (u64::from(seconds.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = ((seconds.as_secs() + 3_900_000_000) << 32) | fraction;
        for (at, stream) in streams.iter().enumerate() {
            let blocks = if at == 0 { &blocks[..] } else { &[] };
            stream.report(ntp, Some(seconds.as_secs_f64()), blocks, &mut compound);
        }
        if streams.is_empty() {
            receiver_report(1, &blocks, &mut compound);
        }
        let sealed = self.connection.seal_rtcp(&compound)?;
        let _ = self.socket.send(&sealed);
        Ok(())
    }

    /// Reads what waits. `sampled` is given the time at the end of some packets' payloads.
    ///
    /// # Errors
    /// When something comes that the server cannot have meant, or it hangs up.
    pub(crate) fn receive(&mut self, mut sampled: impl FnMut(u64)) -> Result<Taken> {
        let mut taken = Taken::default();
        let mut buffer = [0; MTU];
        loop {
            let length = match self.socket.recv(&mut buffer) {
                Ok(length) => length,
                Err(error) if is_pause(error.kind()) => return Ok(taken),
                Err(error) => return Err(error).context("the server cannot be reached"),
            };
            let datagram = &buffer[..length];
            match self.connection.handle(Instant::now(), datagram)? {
                Input::Rtp => {
                    let Some(seen) = see(datagram) else { continue };
                    self.media(seen, datagram, &mut taken, &mut sampled)?;
                }
                Input::Rtcp(clear) => {
                    let feedback = feedback(&clear);
                    taken.compounds += 1;
                    taken.key_frame |= !feedback.key_frames.is_empty();
                    taken.nacks += feedback.nacks.len() as u64;
                    taken.arrivals += u64::from(feedback.arrivals);
                }
                Input::Closed => bail!("the server hung up"),
                Input::Nothing | Input::Connected => {}
            }
            self.flush();
        }
    }

    fn media(
        &mut self,
        seen: Seen,
        datagram: &[u8],
        taken: &mut Taken,
        sampled: &mut impl FnMut(u64),
    ) -> Result<()> {
        if self.remote.as_ref().is_some_and(|remote| remote.rtx.contains(&seen.payload_type)) {
            taken.rtx += 1;
            return Ok(());
        }
        let received = self.received.entry(seen.ssrc).or_default();
        if !received.counter.take(seen.sequence) {
            taken.repeated += 1;
            return Ok(());
        }
        let step = seen.sequence.wrapping_sub(received.highest as u16) as i16;
        if received.counter.received() == 1 {
            received.highest = u32::from(seen.sequence);
        } else if step > 0 {
            received.highest = received.highest.wrapping_add(step as u32);
        }
        taken.packets += 1;
        self.count += 1;
        if self.count.is_multiple_of(SAMPLE) {
            let clear = self.connection.open_rtp(datagram)?;
            let time = clear.last_chunk().context("a packet without a time")?;
            sampled(u64::from_be_bytes(*time));
        }
        Ok(())
    }

    /// What was agreed for one sound and one picture that are received, or sent.
    pub(crate) fn terms(&self, received: bool) -> String {
        let all = self.remote.iter().flat_map(|remote| &remote.terms);
        let these = all.filter(|(receives, _)| *receives == received);
        these.take(2).map(|(_, terms)| terms.as_str()).collect::<Vec<_>>().join("; ")
    }

    /// How many streams ever came.
    pub(crate) fn streams(&self) -> usize {
        self.received.len()
    }
}

/// Nothing to read, for now.
fn is_pause(kind: ErrorKind) -> bool {
    // A server that is not listening yet is told by ICMP, and asked again.
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::TimedOut | ErrorKind::Interrupted)
}
