//! A room in virtual time: real DTLS and SRTP on both ends, no socket and no clock.

mod packet;
mod page;

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, SocketAddr};
use std::time::{Duration, Instant};

use palabre_ids::{Epoch, GateEntry, Group, MediaRights, RoomId, Seat};
use palabre_sfu_core::engine::{Engine, EngineConfig, HeardVoice};
use palabre_sfu_core::negotiate::Offer;
use palabre_sfu_core::outbox::Outbox;
use palabre_sfu_core::session::ExtensionIds;
use palabre_sfu_core::transport::dtls::Certificate;
use palabre_sfu_core::{Carrier, GateTable, MediaEvent, Path};

pub(crate) use packet::{Packet, camera_ssrc, mic_ssrc, read_vp8, screen_ssrc, vp8};
pub(crate) use page::{Page, Received};

/// The extension numbers every test peer offers.
pub(crate) const IDS: ExtensionIds = ExtensionIds {
    audio_level: Some(1),
    mid: Some(4),
    rid: Some(10),
    repaired_rid: Some(11),
    transport_cc: Some(3),
};
/// Payload types every test peer offers.
pub(crate) const OPUS: u8 = 111;
pub(crate) const VP8: u8 = 96;
pub(crate) const VP8_RTX: u8 = 97;
/// All rights.
pub(crate) const ALL: MediaRights = MediaRights { audio: true, video: true, screen: true };
const SERVER: SocketAddr = SocketAddr::new(IpAddr::V4(Ipv4Addr::new(192, 0, 2, 2)), 8081);

/// The path of a page at `port`.
pub(crate) fn path(port: u16) -> Path {
    let remote = SocketAddr::new(IpAddr::from([198, 51, 100, 7]), port);
    Path::udp(IpAddr::from([192, 0, 2, 2]), remote)
}

/// The path of a page that comes from `port` by the TCP connection of a number.
pub(crate) fn tcp_path(port: u16, number: u32) -> Path {
    Path { carrier: Carrier::Tcp(number), ..path(port) }
}

/// An engine with one room, and the pages in it.
pub(crate) struct World {
    pub(crate) engine: Engine,
    pub(crate) room: RoomId,
    pub(crate) now: Instant,
    pub(crate) pages: Vec<Page>,
    pub(crate) events: Vec<MediaEvent>,
    /// What came out of tunnels.
    pub(crate) voices: Vec<HeardVoice>,
    pub(crate) out: Outbox,
    /// Bytes that were sent to where no page is.
    pub(crate) strays: HashMap<Path, usize>,
    pub(crate) seats: u8,
    epoch: u64,
    next_port: u16,
}

impl World {
    /// A room of `seats`, all present, with simulcast or without; the gate is closed.
    pub(crate) fn new(seats: u8, simulcast: bool) -> Self {
        let certificate = Certificate::generate().expect("a certificate");
        let mut engine = Engine::new(EngineConfig {
            certificate,
            candidates: vec![SERVER],
            tcp_candidates: vec![SERVER],
        });
        let room = RoomId::parse("test-room").expect("a room");
        let now = Instant::now();
        engine.open_room(now, &room, seats);
        let mut world = Self {
            engine,
            room,
            now,
            pages: Vec::new(),
            events: Vec::new(),
            voices: Vec::new(),
            out: Outbox::new(),
            strays: HashMap::new(),
            seats,
            epoch: 0,
            next_port: 4_000,
        };
        for seat in 0..seats {
            let page = world.open_page(Seat(seat), simulcast);
            world.pages.push(page);
            world.connect(usize::from(seat));
        }
        world
    }

    /// A page that has negotiated and is not connected.
    pub(crate) fn open_page(&mut self, seat: Seat, simulcast: bool) -> Page {
        self.open_page_with(seat, simulcast, (OPUS, None))
    }

    /// The same with other payload types for audio.
    pub(crate) fn open_page_with(
        &mut self,
        seat: Seat,
        simulcast: bool,
        audio: (u8, Option<u8>),
    ) -> Page {
        let port = self.next_port;
        self.next_port += 1;
        let mut page = Page::new(self.now, seat, port);
        page.audio = audio;
        let offer = Offer::parse(&page.offer(simulcast, self.seats - 1)).expect("an offer");
        let answer = self.engine.negotiate(self.now, &self.room, seat, offer).expect("an answer");
        page.take_answer(&answer.answer);
        (page.next_ice, page.session) = (Some(answer.next_ice), answer.session);
        page
    }

    /// Restarts ICE from `port`.
    pub(crate) fn restart_ice(&mut self, at: usize, port: u16, simulcast: bool) {
        let page = &mut self.pages[at];
        page.ufrag = format!("page{port}");
        let offer = Offer::parse(&page.offer(simulcast, self.seats - 1)).expect("an offer");
        let before = page.slots.clone();
        let answer =
            self.engine.negotiate(self.now, &self.room, page.seat, offer).expect("an answer");
        page.take_answer(&answer.answer);
        page.next_ice = Some(answer.next_ice);
        assert_eq!(answer.session, page.session, "a restart keeps the session");
        assert_eq!(page.slots, before, "a restart keeps the streams");
        page.path = path(port);
    }

    /// The page begins the path generation that was issued ahead, by itself and from `path`.
    pub(crate) fn restart_alone(&mut self, at: usize, path: Path) {
        let page = &mut self.pages[at];
        page.begin(page.next_ice.clone().expect("issued ahead"), path);
    }

    /// Brings a page up: a nominating check, then DTLS.
    pub(crate) fn connect(&mut self, at: usize) {
        let check = self.pages[at].check(true);
        self.send(at, check);
        for _ in 0..40 {
            while let Some(transmit) = self.pages[at].dtls.poll_transmit() {
                self.send(at, transmit.message.to_vec());
            }
            if self.pages[at].keys.is_some() {
                break;
            }
            self.advance(5);
        }
        assert!(self.pages[at].keys.is_some(), "the handshake ends");
    }

    /// Gives the engine a datagram of a page, and everybody what it causes.
    pub(crate) fn send(&mut self, at: usize, datagram: Vec<u8>) {
        let path = self.pages[at].path;
        self.send_from(path, datagram);
    }

    /// Gives the engine a datagram, and everybody what it causes.
    pub(crate) fn send_from(&mut self, path: Path, mut datagram: Vec<u8>) {
        self.engine.handle_datagram(self.now, path, &mut datagram, &mut self.out);
        self.deliver();
    }

    /// Sends a packet of a page.
    pub(crate) fn send_packet(&mut self, at: usize, packet: &Packet) {
        let datagram = self.pages[at].seal(packet);
        self.send(at, datagram);
    }

    /// Lets `ms` milliseconds pass.
    pub(crate) fn advance(&mut self, ms: u64) {
        let end = self.now + Duration::from_millis(ms);
        loop {
            let due = self.engine.poll_timeout().filter(|due| *due <= end);
            self.now = due.map_or(end, |due| due.max(self.now));
            self.engine.handle_timeout(self.now, &mut self.out);
            self.deliver();
            if due.is_none() {
                return;
            }
        }
    }

    fn deliver(&mut self) {
        for (path, datagram) in self.out.iter() {
            let here = |page: &&mut Page| page.path == path || page.old_path == Some(path);
            let mut stray = true;
            for page in self.pages.iter_mut().filter(here) {
                page.take(self.now, datagram);
                stray = false;
            }
            if stray {
                *self.strays.entry(path).or_default() += datagram.len();
            }
        }
        self.out.clear();
        while let Some(voice) = self.engine.poll_voice() {
            self.voices.push(voice);
        }
        while let Some(event) = self.engine.poll_event() {
            self.events.push(event);
        }
    }

    /// Sets the gate: what each seat may send; seats left out may send nothing.
    pub(crate) fn gate(&mut self, rights: &[(u8, MediaRights)]) {
        self.epoch += 1;
        let entry = |&(seat, rights)| GateEntry { seat: Seat(seat), rights, group: Group::PLENARY };
        self.set_table(self.epoch, rights.iter().map(entry).collect());
    }

    /// Opens the gate for everybody, with each seat in its group.
    pub(crate) fn split(&mut self, groups: &[u8]) {
        self.epoch += 1;
        let entry =
            |(&group, seat)| GateEntry { seat: Seat(seat), rights: ALL, group: Group(group) };
        self.set_table(self.epoch, groups.iter().zip(0..).map(entry).collect());
    }

    /// Gives the engine a table as it is.
    pub(crate) fn set_table(&mut self, epoch: u64, entries: Vec<GateEntry>) {
        let table = GateTable { epoch: Epoch(epoch), entries };
        self.engine.set_gate(self.now, &self.room, table);
    }

    /// Opens the gate for everybody.
    pub(crate) fn open_gate(&mut self) {
        let everybody: Vec<_> = (0..self.seats).map(|seat| (seat, ALL)).collect();
        self.gate(&everybody);
    }

    /// Everything anybody received, forgotten.
    /// Whether a seat has a session that is not lost.
    pub(crate) fn has_session(&self, seat: Seat) -> bool {
        self.engine.silence(self.now, &self.room, seat).is_some()
    }

    pub(crate) fn drain_all(&mut self) -> Vec<Received> {
        self.pages.iter_mut().flat_map(|page| std::mem::take(&mut page.received)).collect()
    }
}
