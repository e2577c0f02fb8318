//! A page makes a new transport: the old one carries until the new one does, and never both. With the tunnel
//! between them there are three ways for one voice.
//!
//! `PALABRE_SCHEDULES` says how many random orders of all that are tried (64 without it).

use palabre_ids::{MediaSession, Seat};
use palabre_sfu_core::MediaEvent;
use palabre_sfu_core::engine::tunnel::Voice;
use proptest::prelude::{Just, ProptestConfig, Strategy, prop_oneof, proptest};

use crate::support::{ALL, Packet, World};

/// The seat that changes its transport; the other one listens and speaks to it.
const SEAT: Seat = Seat(1);
const OTHER: Seat = Seat(0);
/// The places of its pages: with the old transport, and with the new one.
const OLD: usize = 1;
const NEW: usize = 2;

/// Two people, of whom one has offered a new transport.
fn changing() -> World {
    let mut world = World::new(2, false);
    world.open_gate();
    let page = world.open_page(SEAT, false);
    world.pages.push(page);
    world.events.clear();
    world
}

fn says(world: &mut World, at: usize, n: u16) {
    let seat = world.pages[at].seat;
    let mut packet = Packet::audio(seat, n);
    packet.payload = format!("by {at}: {n}").into_bytes();
    world.send_packet(at, &packet);
}

/// What the other one heard since the last call.
fn heard(world: &mut World) -> Vec<(u64, String)> {
    let slot = world.pages[0].slot(SEAT, false);
    let all = world.pages[0].drain(&slot).into_iter();
    all.map(|packet| (packet.index, String::from_utf8(packet.payload).expect("text"))).collect()
}

fn words(world: &mut World) -> Vec<String> {
    heard(world).into_iter().map(|(_, words)| words).collect()
}

fn lost(world: &World) -> Vec<MediaSession> {
    let events = world.events.iter();
    events
        .filter_map(|event| match event {
            MediaEvent::PeerLost { session, .. } => Some(*session),
            _ => None,
        })
        .collect()
}

#[test]
fn the_old_transport_carries_both_ways_until_the_new_one_is_up() {
    let mut world = changing();
    for n in 0..50 {
        says(&mut world, OLD, n);
        world.send_packet(0, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    assert_eq!(words(&mut world).len(), 50, "while the new one is being set up");
    assert_eq!(world.pages[OLD].received.len(), 50);
    world.connect(NEW);
    world.drain_all();
    // What goes to the page goes by the new one at once, and by it alone.
    for n in 50..60 {
        world.send_packet(0, &Packet::audio(OTHER, n));
    }
    assert_eq!(world.pages[NEW].received.len(), 10);
    assert!(world.pages[OLD].received.is_empty());
    let up: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::PeerUp { session, .. } => Some(*session),
            _ => None,
        })
        .collect();
    assert_eq!(up, [world.pages[NEW].session]);
    assert_eq!(lost(&world), []);
}

#[test]
fn a_packet_comes_by_one_or_by_the_other() {
    let mut world = changing();
    says(&mut world, OLD, 10);
    world.connect(NEW);
    // What the page said by the old one until it knew of the new one.
    says(&mut world, OLD, 11);
    says(&mut world, OLD, 12);
    says(&mut world, NEW, 500);
    says(&mut world, OLD, 13);
    says(&mut world, NEW, 501);
    let heard = heard(&mut world);
    let said: Vec<_> = heard.iter().map(|(_, words)| words.as_str()).collect();
    assert_eq!(said, ["by 1: 10", "by 1: 11", "by 1: 12", "by 2: 500", "by 2: 501"]);
    assert!(heard.windows(2).all(|pair| pair[1].0 == pair[0].0 + 1), "one stream, without a hole");
    world.advance(1);
    assert!(world.pages[OLD].closed, "the old one is told that it is over");
    assert_eq!(world.engine.stats().peers, 2);
}

#[test]
fn a_page_that_says_nothing_lets_go_of_the_old_one_soon() {
    let mut world = changing();
    says(&mut world, OLD, 0);
    world.connect(NEW);
    assert_eq!(world.engine.stats().peers, 3);
    world.advance(600);
    assert_eq!(world.engine.stats().peers, 2);
    assert!(world.pages[OLD].closed);
    world.drain_all();
    says(&mut world, OLD, 1);
    assert_eq!(words(&mut world), [""; 0]);
    assert_eq!(lost(&world), [], "nobody lost anything");
}

#[test]
fn an_old_transport_that_is_dead_is_not_waited_for() {
    let mut world = changing();
    world.advance(2_000);
    world.connect(NEW);
    assert_eq!(world.engine.stats().peers, 2);
}

#[test]
fn a_new_transport_that_never_is_up_is_given_up_and_the_old_one_goes_on() {
    let mut world = changing();
    for n in 0..600 {
        says(&mut world, OLD, n);
        says(&mut world, 0, n);
        world.advance(20);
        assert!(world.engine.stats().peers == 2 || n < 510, "{n}");
    }
    assert_eq!(words(&mut world).len(), 600);
    assert_eq!(lost(&world), [world.pages[NEW].session]);
    assert!(world.has_session(SEAT));
    assert_eq!(world.engine.stats().peers, 2);
}

#[test]
fn however_often_a_page_offers_it_has_two_at_most() {
    let mut world = changing();
    for _ in 0..50 {
        world.pages[NEW] = world.open_page(SEAT, false);
        assert_eq!(world.engine.stats().peers, 3);
    }
    says(&mut world, OLD, 0);
    world.connect(NEW);
    // One more while the old one is still heard.
    let next = world.open_page(SEAT, false);
    world.pages.push(next);
    assert_eq!(world.engine.stats().peers, 3);
    says(&mut world, OLD, 1);
    says(&mut world, NEW, 0);
    assert_eq!(words(&mut world), ["by 1: 0", "by 2: 0"]);
    world.connect(3);
    says(&mut world, 3, 0);
    assert_eq!(words(&mut world), ["by 3: 0"]);
    let room = world.room.clone();
    world.engine.close_seat(world.now, &room, SEAT);
    assert_eq!(world.engine.stats().peers, 1);
}

#[test]
fn when_the_old_one_says_goodbye_the_new_one_has_the_place() {
    let mut world = changing();
    let now = world.now;
    world.pages[OLD].dtls.close(now).expect("a goodbye");
    while let Some(transmit) = world.pages[OLD].dtls.poll_transmit() {
        world.send(OLD, transmit.message.to_vec());
    }
    assert_eq!(world.engine.stats().peers, 2);
    // It is no newcomer beside another any more: nothing ends it after ten seconds of trying.
    world.connect(NEW);
    says(&mut world, NEW, 0);
    assert_eq!(words(&mut world), ["by 2: 0"]);
}

#[test]
fn a_revoked_seat_is_heard_by_neither() {
    let mut world = changing();
    says(&mut world, OLD, 0);
    world.connect(NEW);
    world.gate(&[(0, ALL)]);
    world.drain_all();
    for n in 1..20 {
        says(&mut world, OLD, n);
        says(&mut world, NEW, n);
        world.advance(20);
    }
    assert_eq!(words(&mut world), [""; 0]);
}

#[derive(Debug, Clone, Copy)]
enum Step {
    OldSpeaks,
    NewSpeaks,
    Connects,
    OffersAgain,
    OpensTunnel,
    TunnelSpeaks,
    ClosesTunnel,
    Gate { open: bool },
    Pass { ms: u64 },
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let step = prop_oneof![
        5 => Just(Step::OldSpeaks),
        4 => Just(Step::NewSpeaks),
        1 => Just(Step::Connects),
        1 => Just(Step::OffersAgain),
        1 => Just(Step::OpensTunnel),
        4 => Just(Step::TunnelSpeaks),
        1 => Just(Step::ClosesTunnel),
        1 => proptest::bool::ANY.prop_map(|open| Step::Gate { open }),
        2 => (1_u64..400).prop_map(|ms| Step::Pass { ms }),
    ];
    proptest::collection::vec(step, 1..60)
}

fn cases() -> u32 {
    std::env::var("PALABRE_SCHEDULES").ok().and_then(|text| text.parse().ok()).unwrap_or(64)
}

/// What may be heard, by the words in front of it, as the page goes from one way to another.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Carries {
    /// The old transport, until something is heard by the new one.
    Old,
    /// The tunnel; the old transport has ended.
    Tunnel,
    /// The new transport alone.
    New,
}

impl Carries {
    fn may_be_heard(self, words: &str) -> bool {
        let by_new = words.starts_with("by 2");
        match self {
            Self::Old => by_new || words.starts_with("by 1"),
            Self::Tunnel => by_new || words.starts_with("by tunnel"),
            Self::New => by_new,
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: cases(), failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn whatever_the_order_it_is_one_voice_behind_one_gate(steps in steps()) {
        let mut world = changing();
        let room = world.room.clone();
        let (mut old, mut new, mut spoken, mut open, mut last) = (0, 0, 0, true, None);
        let (mut carries, mut tunnel) = (Carries::Old, None);
        // Whether the page has a new transport that is not known to have ended.
        let mut has_new = true;
        for step in steps {
            match step {
                Step::OldSpeaks => {
                    old += 1;
                    says(&mut world, OLD, old);
                }
                Step::NewSpeaks if world.pages[NEW].keys.is_some() => {
                    new += 1;
                    says(&mut world, NEW, new);
                }
                Step::Connects if world.pages[NEW].keys.is_none() => world.connect(NEW),
                Step::OffersAgain if world.pages[NEW].keys.is_none() || !has_new => {
                    world.pages[NEW] = world.open_page(SEAT, false);
                    has_new = true;
                }
                Step::OpensTunnel => {
                    let opened = world.engine.open_tunnel(world.now, &room, SEAT).expect("a seat");
                    has_new &= opened.coming == Some(world.pages[NEW].session);
                    (tunnel, carries) = (Some(opened.tunnel), Carries::Tunnel);
                }
                Step::TunnelSpeaks => {
                    if let Some(tunnel) = tunnel {
                        spoken += 1;
                        let opus = format!("by tunnel: {spoken}").into_bytes();
                        let voice = Voice { sequence: spoken, timestamp: u32::from(spoken) * 960, opus };
                        let (by, now) = ((SEAT, tunnel), world.now);
                        world.engine.handle_voice(now, &room, by, &voice, 20, &mut world.out);
                        world.advance(1);
                    }
                }
                Step::ClosesTunnel => world.engine.close_tunnel(&room, SEAT),
                Step::Gate { open: now_open } => {
                    open = now_open;
                    if open { world.open_gate() } else { world.gate(&[(0, ALL)]) }
                }
                Step::Pass { ms } => {
                    says(&mut world, 0, 0);
                    world.advance(ms);
                }
                _ => {}
            }
            for (index, words) in heard(&mut world) {
                assert!(open, "{words} past a closed gate");
                assert!(last.is_none_or(|last| index > last), "{words} again, or late");
                assert!(carries.may_be_heard(&words), "{words} where {carries:?} carries");
                last = Some(index);
                if words.starts_with("by 2") {
                    carries = Carries::New;
                }
            }
            assert!(world.engine.stats().peers <= 3);
        }
    }
}
