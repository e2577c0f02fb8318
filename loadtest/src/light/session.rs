//! The media of one light bot: its connection, what it sends, what it hears.

use std::net::{SocketAddr, UdpSocket};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use bytes::{Bytes, BytesMut};
use palabre_ids::MediaKind;
use palabre_wire::IceCredentials;
use rustix::net::sockopt::set_socket_recv_buffer_size;
use tokio::sync::watch;

use super::arrivals::{Arrivals, REPORT_EVERY as ARRIVALS_EVERY};
use super::connection::{Connection, Input};
use super::packet::{Head, Seen, see};
use super::reception::Downlinks;
use super::rtcp::{feedback, key_frame_request, receiver_report};
use super::sdp::Description;
use super::stun::Role;
use super::sys::{Incoming, Outcome, prepare};
use super::uplinks::{CAMERA, Kept, MICROPHONE, SCREEN, Uplinks};
use super::ways::{Way, Ways};
use crate::bot::PeerState;
use crate::bot::listener::Arrival;
use crate::bot::mouth::{Mouth, Outgoing, Uplink};
use crate::bot::peer::PacketHead;
use crate::bot::plan::{Slot, SlotMap};
use crate::bot::senses::{Senses, SharedSenses, lock};
use crate::bot::sent::Failures;

/// From one report to the next, as pages send them.
const REPORT_EVERY: Duration = Duration::from_secs(1);
/// From one look at the pictures that want a key frame to the next.
const CARE_EVERY: Duration = Duration::from_millis(200);
/// A path is lost when so long nothing came.
const LOST_AFTER: Duration = Duration::from_secs(5);
/// A path is dead when so long nothing came, not even the server's beacon; a page says so, too.
const DEAD_AFTER: Duration = Duration::from_millis(500);
/// From the beginning of one path to the beginning of the next, while none is answered.
const TRY_EVERY: Duration = Duration::from_secs(1);
/// TCP is tried beside UDP when so long no check was answered: on a path that was there, and on the first.
const TCP_AFTER: Duration = Duration::from_millis(300);
const FIRST_TCP_AFTER: Duration = Duration::from_secs(1);
/// So much may wait for a turn of the thread.
const RECEIVE_BUFFER: usize = 1 << 20;
/// What a report can say of streams at most (RFC 3550 section 6.4.1).
const MOST_BLOCKS: usize = 31;
/// Seconds from the epoch of NTP to about today: any moment does that is one for all reports.
const NTP_SECONDS: u64 = 3_900_000_000;

/// What a turn needs room for: its thread's, so that it is the same memory for all sessions.
pub(super) struct Scratch {
    incoming: Incoming,
    packet: Vec<u8>,
    outgoing: Vec<Outgoing>,
}

impl Scratch {
    pub(super) fn new() -> Self {
        Self { incoming: Incoming::new(), packet: Vec::new(), outgoing: Vec::new() }
    }
}

/// One bot's media.
pub(super) struct Session {
    ways: Ways,
    pub(super) connection: Connection,
    uplinks: Uplinks,
    layers: usize,
    senses: SharedSenses,
    map: SlotMap,
    downlinks: Downlinks,
    arrivals: Arrivals,
    /// The identifier of the header extension that numbers all packets.
    transport_cc_id: Option<u8>,
    transport_cc: u16,
    state: watch::Sender<PeerState>,
    /// What `state` says: nobody else writes it.
    told: PeerState,
    /// What the next path begins with.
    next_ice: Option<IceCredentials>,
    /// Where the server takes TCP connections.
    server_tcp: Option<SocketAddr>,
    /// Since when a path is looked for.
    trying: Option<Instant>,
    origin: Instant,
    heard: Instant,
    next_report: Instant,
    next_arrivals: Instant,
    next_care: Instant,
    /// What could not be sent since the last turn.
    failures: Failures,
}

impl Session {
    pub(super) fn new(
        socket: UdpSocket,
        connection: Connection,
        layers: usize,
        senses: SharedSenses,
        state: watch::Sender<PeerState>,
        now: Instant,
    ) -> Result<Self> {
        socket.set_nonblocking(true)?;
        prepare(&socket).context("a socket that joins datagrams")?;
        // The kernel gives what it may.
        let _ = set_socket_recv_buffer_size(&socket, RECEIVE_BUFFER);
        let told = *state.borrow();
        Ok(Self {
            ways: Ways::new(socket),
            connection,
            uplinks: Uplinks::new(layers),
            layers,
            senses,
            map: SlotMap::default(),
            downlinks: Downlinks::default(),
            arrivals: Arrivals::new(now),
            transport_cc_id: None,
            transport_cc: 0,
            told,
            state,
            next_ice: None,
            server_tcp: None,
            trying: None,
            origin: now,
            heard: now,
            next_report: now,
            next_arrivals: now,
            next_care: now,
            failures: Failures::default(),
        })
    }

    /// The sources of microphone, screen and the camera's only layer, for the offer.
    pub(super) fn ssrcs(&self) -> [u32; 3] {
        [MICROPHONE, SCREEN, CAMERA].map(|at| self.uplinks.0[at].stream.ssrc)
    }

    /// Takes the server's answer, and begins to check the path that it names.
    pub(super) fn accept(
        &mut self,
        answer: &Description,
        map: SlotMap,
        now: Instant,
    ) -> Result<()> {
        self.uplinks.agree(answer)?;
        self.map = map;
        self.transport_cc_id =
            answer.sections.iter().find_map(|section| section.extensions.transport_cc);
        self.ways.udp.connect(answer.address).context("the server's address")?;
        self.ways.take(Way::Udp);
        self.server_tcp = answer.tcp;
        self.connection.describe(answer, Role::Controlling, now);
        self.trying = Some(now);
        self.heard = now;
        Ok(())
    }

    /// The credentials of the next path, which is begun when this one is dead.
    pub(super) fn next_ice(&mut self, next: IceCredentials) {
        self.next_ice = Some(next);
    }

    /// When something is due. What comes is read apart from it.
    fn due(&self, senses: &Senses) -> Option<Instant> {
        let checks = self.connection.poll_timeout()?;
        if self.ways.has_tcp() || self.trying.is_some() {
            // It is looked at in every turn.
            return Some(self.origin);
        }
        if !self.connection.is_secure() {
            return Some(checks);
        }
        let own = self.next_report.min(self.next_arrivals).min(self.next_care);
        Some(checks.min(own).min(senses.mouth.due()))
    }

    /// Reads what came when `reads`, does what is due, and tells what of it failed. Gives when something is due
    /// again.
    pub(super) fn take_turn(&mut self, reads: bool, scratch: &mut Scratch) -> Option<Instant> {
        let senses = self.senses.clone();
        let mut senses = lock(&senses);
        if reads {
            self.read(&mut scratch.incoming, &mut senses);
        }
        // Having waited, and read, it is later: what is sent now is as late as it is.
        let now = Instant::now();
        if self.due(&senses).is_some_and(|due| due <= now)
            && let Err(error) = self.turn(now, &mut senses, scratch)
        {
            self.failures.add(now, &format!("{error:#}"));
        }
        senses.failures.take(&mut self.failures);
        self.due(&senses)
    }

    fn turn(&mut self, now: Instant, senses: &mut Senses, scratch: &mut Scratch) -> Result<()> {
        self.look_for_a_path(now);
        if self.connection.poll_timeout().is_some_and(|due| due <= now) {
            self.connection.handle_timeout(now)?;
            self.flush();
        }
        if now.saturating_duration_since(self.heard) > LOST_AFTER {
            self.tell(PeerState::Lost);
        }
        if self.ways.has_tcp() {
            for datagram in self.ways.read_tcp() {
                self.take(now, &datagram, Way::Tcp, senses);
            }
            self.flush();
        }
        // An old path goes on while a new one is looked for.
        if !self.connection.is_secure() {
            return Ok(());
        }
        self.speak(now, &mut senses.mouth, scratch)?;
        if self.next_report <= now {
            self.next_report = now + REPORT_EVERY;
            self.report(now)?;
        }
        if self.next_arrivals <= now {
            self.next_arrivals = now + ARRIVALS_EVERY;
            self.tell_arrivals()?;
        }
        if self.next_care <= now {
            self.next_care = now + CARE_EVERY;
            let sender = self.uplinks.0[MICROPHONE].stream.ssrc;
            let mut compound = Vec::new();
            for (_, ssrc) in senses.listener.key_frames_wanted(now) {
                key_frame_request(sender, ssrc, &mut compound);
            }
            self.send_rtcp(&compound)?;
        }
        Ok(())
    }

    fn tell(&mut self, state: PeerState) {
        if std::mem::replace(&mut self.told, state) != state {
            self.state.send_replace(state);
        }
    }

    pub(super) fn flush(&mut self) {
        while let Some(datagram) = self.connection.poll_transmit() {
            if self.trying.is_some() {
                let outcome = self.ways.try_both(&[datagram]);
                self.left(outcome);
            } else {
                self.send(&[datagram]);
            }
        }
    }

    /// Sends by the way that is taken; gives how many left.
    fn send<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) -> usize {
        let outcome = self.ways.send(datagrams);
        self.left(outcome)
    }

    fn left(&mut self, outcome: Outcome) -> usize {
        if let Some(error) = outcome.error {
            self.failures.add(Instant::now(), &error);
        }
        outcome.left
    }

    /// A dead path is followed by a new one without a word to the server (docs/adr/0006): by UDP, and
    /// soon by TCP beside it.
    fn look_for_a_path(&mut self, now: Instant) {
        let since = |at: Instant| now.saturating_duration_since(at);
        let (secure, silent) = (self.connection.is_secure(), since(self.heard));
        if secure
            && silent >= DEAD_AFTER
            && self.trying.is_none_or(|began| since(began) >= TRY_EVERY)
            && let Some(IceCredentials { ufrag, password }) = &self.next_ice
        {
            self.connection.begin_path(ufrag, password, now);
            self.ways.take(Way::Udp);
            self.trying = Some(now);
        }
        let patience = if secure { TCP_AFTER } else { FIRST_TCP_AFTER };
        if self.trying.is_some_and(|began| since(began) >= patience)
            && !self.ways.has_tcp()
            && let Some(server) = self.server_tcp
        {
            self.ways.connect(server);
        }
    }

    /// A check of the path that is looked for was answered by that way.
    fn found(&mut self, at: Instant, heard: Instant, way: Way, senses: &mut Senses) {
        self.trying = None;
        let before = self.ways.current();
        self.ways.take(way);
        let silent = at.saturating_duration_since(heard);
        if self.connection.is_secure() && silent >= DEAD_AFTER {
            let rung = if way == Way::Tcp && before != way { "tcp" } else { "ice_restart" };
            senses.returns.push((rung, silent.as_secs_f64()));
        }
    }

    fn speak(&mut self, now: Instant, mouth: &mut Mouth, scratch: &mut Scratch) -> Result<()> {
        let Scratch { outgoing, packet, .. } = scratch;
        outgoing.clear();
        mouth.speak(now, self.layers, outgoing);
        // The packets of a picture are sent together, as far as they are of one size; each kind apart,
        // so that it is known what of it left.
        let of_one_kind = |one: &Outgoing, next: &Outgoing| {
            std::mem::discriminant(&one.uplink) == std::mem::discriminant(&next.uplink)
        };
        for kind in outgoing.chunk_by(of_one_kind) {
            let sealed = kind.iter().map(|one| self.seal(one, packet));
            let sealed = sealed.collect::<Result<Vec<_>>>()?;
            let left = self.send(&sealed);
            mouth.left(kind[0].uplink, left);
        }
        Ok(())
    }

    fn seal(&mut self, outgoing: &Outgoing, packet: &mut Vec<u8>) -> Result<BytesMut> {
        let Outgoing { uplink, head, level, payload } = outgoing;
        let sent = self.uplinks.get(*uplink).context("an uplink that there is")?;
        let PacketHead { sequence, timestamp, marker } = *head;
        let head = Head { sequence, timestamp, marker, level: *level };
        let transport_cc = self.transport_cc;
        self.transport_cc = transport_cc.wrapping_add(1);
        sent.stream.write(head, transport_cc, &payload.parts(), packet);
        if *uplink != Uplink::Microphone {
            sent.keep(Kept { head, transport_cc, payload: payload.clone() });
        }
        self.connection.seal_rtp(packet)
    }

    /// Says what it received, and what it sends.
    fn report(&mut self, now: Instant) -> Result<()> {
        let mut blocks = Vec::new();
        let received = self.downlinks.iter_mut();
        let received = received.filter_map(|(ssrc, reception)| reception.block(ssrc, now));
        received.take(MOST_BLOCKS).for_each(|block| block.write(&mut blocks));
        let since = now.saturating_duration_since(self.origin);
        let fraction = (u64::from(since.subsec_nanos()) << 32) / 1_000_000_000;
        let ntp = ((since.as_secs() + NTP_SECONDS) << 32) | fraction;
        let mut compound = Vec::new();
        for uplink in self.uplinks.0.iter().filter(|uplink| uplink.stream.packets > 0) {
            uplink.stream.report(ntp, None, &std::mem::take(&mut blocks), &mut compound);
        }
        if compound.is_empty() {
            receiver_report(self.uplinks.0[MICROPHONE].stream.ssrc, &blocks, &mut compound);
        }
        self.send_rtcp(&compound)
    }

    /// Says what came when, and asks for what did not.
    fn tell_arrivals(&mut self) -> Result<()> {
        let sender = self.uplinks.0[MICROPHONE].stream.ssrc;
        let mut compound = Vec::new();
        for (ssrc, reception) in self.downlinks.iter_mut() {
            let stream = self.map.stream(ssrc);
            let asks = stream.is_some_and(|stream| {
                !stream.retransmission && stream.slot.kind() != MediaKind::Audio
            });
            if asks {
                reception.ask(sender, ssrc, &mut compound);
            }
        }
        self.arrivals.report(sender, &mut compound);
        self.send_rtcp(&compound)
    }

    fn send_rtcp(&mut self, compound: &[u8]) -> Result<()> {
        if !compound.is_empty() {
            let sealed = self.connection.seal_rtcp(compound)?;
            self.send(&[sealed]);
        }
        Ok(())
    }

    fn read(&mut self, incoming: &mut Incoming, senses: &mut Senses) {
        loop {
            let socket = self.ways.udp.clone();
            let read = incoming.receive(&*socket, |at, datagram| {
                self.take(at, datagram, Way::Udp, senses);
            });
            match read {
                Ok(true) => {}
                Ok(false) => break,
                // A server that is not there is told by ICMP: what was sent before reached nobody.
                Err(error) => {
                    self.failures.add(Instant::now(), &error);
                    break;
                }
            }
        }
        self.flush();
    }

    fn take(&mut self, at: Instant, datagram: &[u8], way: Way, senses: &mut Senses) {
        let heard = self.heard;
        // What the server cannot have meant is dropped, as a page does.
        if let Err(error) = self.datagram(at, datagram, senses) {
            tracing::debug!(%error, "a datagram was dropped");
        }
        if self.trying.is_some() && self.connection.is_checked() {
            self.found(at, heard, way, senses);
        }
    }

    fn datagram(&mut self, at: Instant, datagram: &[u8], senses: &mut Senses) -> Result<()> {
        self.heard = self.heard.max(at);
        match self.connection.handle(at, datagram)? {
            Input::Nothing => {}
            Input::Connected => {
                senses.mouth.resume(at);
                self.tell(PeerState::Connected);
            }
            Input::Closed => self.tell(PeerState::Lost),
            Input::Rtp => {
                if let Some(seen) = see(datagram) {
                    self.media(at, seen, datagram, senses)?;
                }
            }
            Input::Rtcp(compound) => self.feedback(at, &compound, senses),
        }
        if self.told == PeerState::Lost && self.connection.is_connected() {
            self.tell(PeerState::Connected);
        }
        Ok(())
    }

    fn media(
        &mut self,
        at: Instant,
        seen: Seen,
        datagram: &[u8],
        senses: &mut Senses,
    ) -> Result<()> {
        if let Some(number) = self.transport_cc_id.and_then(|id| seen.transport_cc(datagram, id)) {
            self.arrivals.note(at, number, seen.ssrc);
        }
        self.downlinks.of(seen.ssrc).take(seen.sequence);
        let Seen { ssrc, sequence, timestamp, marker, .. } = seen;
        let arrival = Arrival { at, ssrc, sequence, timestamp, marker };
        let stream = self.map.stream(ssrc);
        let needed = seen.padded || senses.listener.wants(ssrc);
        let payload = if seen.is_empty(datagram) {
            Some(Bytes::new())
        } else if needed && stream.is_some() {
            let packet = self.connection.open_rtp(datagram)?;
            Some(without_padding(packet.freeze().slice(seen.header..), seen.padded))
        } else {
            None
        };
        if let (Some(stream), Some(payload)) = (stream, &payload)
            && stream.retransmission
            && let Some(original) = payload.first_chunk()
            && let Some(media) = self.map.medium(stream.slot)
            && let Some(reception) = self.downlinks.get_mut(media)
        {
            reception.found(u16::from_be_bytes(*original));
        }
        senses.listener.packet(arrival, payload)
    }

    fn feedback(&mut self, at: Instant, compound: &[u8], senses: &mut Senses) {
        let feedback = feedback(compound);
        for ssrc in feedback.key_frames {
            if let Some(uplink) = self.uplinks.which(ssrc) {
                senses.mouth.key_frame_wanted(uplink);
            }
        }
        for (ssrc, middle) in feedback.reports {
            if let Some(reception) = self.downlinks.get_mut(ssrc) {
                reception.reported(middle, at);
            }
        }
        // The same packet again: the server has not seen its number.
        let mut packet = Vec::new();
        let asked = feedback.nacks.iter().filter_map(|(ssrc, sequence)| {
            let kept = self.uplinks.kept(*ssrc, *sequence, &mut packet);
            kept.then(|| self.connection.seal_rtp(&packet).ok())?
        });
        let asked: Vec<BytesMut> = asked.collect();
        self.send(&asked);
    }
}

/// The padding's length is its last byte (RFC 3550 section 5.1).
fn without_padding(payload: Bytes, padded: bool) -> Bytes {
    let padding = payload.last().filter(|_| padded).map_or(0, |last| usize::from(*last));
    payload.slice(..payload.len().saturating_sub(padding))
}

impl Slot {
    fn kind(self) -> MediaKind {
        match self {
            Self::Audio(_) => MediaKind::Audio,
            Self::Video(_) => MediaKind::Video,
            Self::Screen => MediaKind::Screen,
        }
    }
}
