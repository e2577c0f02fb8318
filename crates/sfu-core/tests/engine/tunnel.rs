//! Voices without WebRTC: behind the same gate, in the same slots, to the same ears.

use palabre_ids::{MediaRights, MediaSession, Seat};
use palabre_sfu_core::MediaEvent;
use palabre_sfu_core::engine::tunnel::{MAX_VOICE, Voice};
use proptest::prelude::{any, prop_assert, proptest};

use crate::support::{ALL, Packet, World};

/// The seat whose page has no WebRTC.
const APART: Seat = Seat(0);
const OTHER: Seat = Seat(1);

fn voice(n: u16) -> Voice {
    let timestamp = u32::from(n) * 960;
    Voice { sequence: n, timestamp, opus: format!("tunnel {n}").into_bytes() }
}

/// A room of three in which the first has a tunnel, and the tunnel.
fn world() -> (World, MediaSession) {
    let mut world = World::new(3, false);
    world.open_gate();
    let tunnel = opened(&mut world);
    world.advance(100);
    world.drain_all();
    world.events.clear();
    (world, tunnel)
}

/// Opens it when the session that it replaces has long been up.
fn opened(world: &mut World) -> MediaSession {
    world.advance(1_000);
    let room = world.room.clone();
    world.engine.open_tunnel(world.now, &room, APART).expect("a seat").tunnel
}

fn says(world: &mut World, by: (Seat, MediaSession), voice: &Voice, level: u8) -> bool {
    let room = world.room.clone();
    let taken = world.engine.handle_voice(world.now, &room, by, voice, level, &mut world.out);
    // What it caused is handed out.
    world.advance(1);
    taken
}

fn sounds(world: &mut World, at: usize) -> Vec<Vec<u8>> {
    let slot = world.pages[at].slot(APART, false);
    world.pages[at].drain(&slot).into_iter().map(|packet| packet.payload).collect()
}

#[test]
fn what_it_says_is_one_stream_in_its_slot_and_what_others_say_comes_out() {
    let (mut world, tunnel) = world();
    for n in 0..3 {
        assert!(says(&mut world, (APART, tunnel), &voice(n), 20));
        world.send_packet(1, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    let spoken: Vec<_> = (0..3).map(|n| voice(n).opus).collect();
    assert_eq!(sounds(&mut world, 1), spoken);
    assert_eq!(sounds(&mut world, 2), spoken);
    let out = std::mem::take(&mut world.voices);
    assert!(out.iter().all(|heard| (heard.tunnel, heard.speaker) == (tunnel, OTHER)), "{out:?}");
    let bodies: Vec<_> = out.iter().map(|heard| heard.voice.opus.clone()).collect();
    assert_eq!(bodies, (0..3).map(|n| Packet::audio(OTHER, n).payload).collect::<Vec<_>>());
    let steps: Vec<_> = out
        .windows(2)
        .map(|pair| {
            let [a, b] = [&pair[0].voice, &pair[1].voice];
            (b.sequence.wrapping_sub(a.sequence), b.timestamp.wrapping_sub(a.timestamp))
        })
        .collect();
    assert_eq!(steps, [(1, 960), (1, 960)]);
}

#[test]
fn the_stream_goes_on_where_the_session_before_it_left_off() {
    let mut world = World::new(2, false);
    world.open_gate();
    for n in 0..3 {
        world.send_packet(0, &Packet::audio(APART, n));
        world.advance(20);
    }
    let tunnel = opened(&mut world);
    for n in 500..503 {
        assert!(says(&mut world, (APART, tunnel), &voice(n), 20));
        world.advance(19);
    }
    let slot = world.pages[1].slot(APART, false);
    let stream = world.pages[1].drain(&slot);
    assert_eq!(stream.len(), 6);
    assert!(stream.windows(2).all(|pair| pair[1].index == pair[0].index + 1), "no gap, no repeat");
    assert!(stream.windows(2).all(|pair| pair[1].timestamp > pair[0].timestamp));
    assert!(stream.iter().all(|packet| packet.ssrc == stream[0].ssrc));
}

#[test]
fn a_closed_gate_lets_nothing_in_and_nothing_out() {
    let (mut world, tunnel) = world();
    let silent = MediaRights { audio: false, ..ALL };
    world.gate(&[(0, silent), (1, silent), (2, ALL)]);
    for n in 0..5 {
        assert!(says(&mut world, (APART, tunnel), &voice(n), 0), "understood, and stopped");
        world.send_packet(1, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    assert!(sounds(&mut world, 1).is_empty() && sounds(&mut world, 2).is_empty());
    assert_eq!(world.voices, []);
    assert!(world.engine.stats().packets_gated >= 10);
}

#[test]
fn another_group_hears_nothing_and_is_not_heard() {
    let (mut world, tunnel) = world();
    world.split(&[1, 2, 1]);
    assert!(says(&mut world, (APART, tunnel), &voice(0), 20));
    world.send_packet(1, &Packet::audio(OTHER, 0));
    world.send_packet(2, &Packet::audio(Seat(2), 0));
    world.advance(20);
    assert!(sounds(&mut world, 1).is_empty());
    assert_eq!(sounds(&mut world, 2), [voice(0).opus]);
    let speakers: Vec<_> =
        std::mem::take(&mut world.voices).iter().map(|heard| heard.speaker).collect();
    assert_eq!(speakers, [Seat(2)]);
}

/// The sessions that signaling was told are up, since the last call.
fn up(world: &mut World) -> Vec<MediaSession> {
    let events = std::mem::take(&mut world.events);
    events
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::PeerUp { session, .. } => Some(session),
            _ => None,
        })
        .collect()
}

#[test]
fn media_by_a_session_end_the_tunnel_and_a_handshake_alone_does_not() {
    let (mut world, tunnel) = world();
    let page = world.open_page(APART, false);
    world.pages[0] = page;
    assert!(says(&mut world, (APART, tunnel), &voice(0), 20), "until then it goes on");
    world.connect(0);
    // A firewall may let a handshake pass and nothing behind it.
    for n in 1..=50 {
        assert!(says(&mut world, (APART, tunnel), &voice(n), 20));
        world.send_packet(1, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    assert_eq!((world.voices.len(), world.engine.stats().tunnels), (50, 1));
    assert_eq!(up(&mut world), []);
    world.drain_all();
    world.voices.clear();
    world.send_packet(0, &Packet::audio(APART, 900));
    assert_eq!(sounds(&mut world, 1), [Packet::audio(APART, 900).payload], "once, and by media");
    assert_eq!(up(&mut world), [world.pages[0].session]);
    assert_eq!(world.engine.stats().tunnels, 0);
    assert!(!says(&mut world, (APART, tunnel), &voice(60), 20));
    world.advance(20);
    world.events.clear();
    world.send_packet(1, &Packet::audio(OTHER, 60));
    world.advance(20);
    assert_eq!(world.voices, []);
    let slot = world.pages[0].slot(OTHER, false);
    assert_eq!(world.pages[0].drain(&slot).len(), 1);
}

#[test]
fn a_session_that_is_being_set_up_goes_on_beside_a_tunnel_and_one_that_is_up_ends() {
    let mut world = World::new(3, false);
    world.open_gate();
    world.advance(1_000);
    let coming = world.open_page(APART, false);
    world.pages.push(coming);
    let at = world.pages.len() - 1;
    let room = world.room.clone();
    let opened = world.engine.open_tunnel(world.now, &room, APART).expect("a seat");
    assert_eq!(opened.coming, Some(world.pages[at].session));
    assert_eq!(world.engine.stats().peers, 3, "the one that was up has ended");
    world.events.clear();
    world.connect(at);
    assert!(says(&mut world, (APART, opened.tunnel), &voice(0), 20));
    world.send_packet(at, &Packet::audio(APART, 0));
    assert_eq!(up(&mut world), [world.pages[at].session]);
    // One by which media came for a while is ended by a tunnel that is asked for again.
    world.advance(1_000);
    let again = world.engine.open_tunnel(world.now, &room, APART).expect("a seat");
    assert_eq!((again.coming, world.engine.stats().peers), (None, 2));
}

#[test]
fn a_session_that_came_up_while_its_page_asked_for_a_tunnel_goes_on() {
    let mut world = World::new(2, false);
    world.open_gate();
    let session = world.pages[0].session;
    assert_eq!(up(&mut world).first(), Some(&session));
    let room = world.room.clone();
    let opened = world.engine.open_tunnel(world.now, &room, APART).expect("a seat");
    assert_eq!((opened.coming, world.engine.stats().peers), (Some(session), 2));
    assert!(says(&mut world, (APART, opened.tunnel), &voice(0), 20));
    world.send_packet(0, &Packet::audio(APART, 0));
    assert_eq!(up(&mut world), [session]);
    assert_eq!(world.engine.stats().tunnels, 0);
    assert_eq!(sounds(&mut world, 1).len(), 2, "one voice, by the one and then by the other");
}

#[test]
fn the_session_that_its_page_makes_last_is_the_one_that_goes_on_beside_a_tunnel() {
    let mut world = World::new(2, false);
    world.open_gate();
    let coming = world.open_page(APART, false).session;
    let room = world.room.clone();
    let opened = world.engine.open_tunnel(world.now, &room, APART).expect("a seat");
    assert_eq!((opened.coming, world.engine.stats().peers), (Some(coming), 2));
}

#[test]
fn a_tunnel_that_is_given_up_leaves_the_session_that_is_up() {
    let (mut world, _) = world();
    let page = world.open_page(APART, false);
    world.pages[0] = page;
    world.connect(0);
    assert_eq!(up(&mut world), []);
    let room = world.room.clone();
    world.engine.close_tunnel(&room, APART);
    world.advance(1);
    assert_eq!(up(&mut world), [world.pages[0].session]);
}

#[test]
fn hostile_frames_reach_nobody() {
    let (mut world, tunnel) = world();
    assert!(says(&mut world, (APART, tunnel), &voice(100), 20));
    world.drain_all();
    let too_large = Voice { opus: vec![0; MAX_VOICE + 1], ..voice(101) };
    let empty = Voice { opus: Vec::new(), ..voice(101) };
    for (what, seat, sent, level) in [
        ("a replay", APART, voice(100), 20),
        ("an older one", APART, voice(99), 20),
        ("from a lap behind", APART, voice(101_u16.wrapping_add(0x8000)), 20),
        ("too large", APART, too_large, 20),
        ("empty", APART, empty, 20),
        ("louder than there is", APART, voice(101), 128),
        ("of a seat without a tunnel", OTHER, voice(1), 20),
        ("of no seat", Seat(200), voice(1), 20),
    ] {
        assert!(!says(&mut world, (seat, tunnel), &sent, level), "{what}");
    }
    let all = world.drain_all();
    assert!(all.is_empty(), "{all:?}");
    // A flood is policed as any microphone's is: two seconds at once, then 200 a second.
    for n in 101..3_101 {
        says(&mut world, (APART, tunnel), &voice(n), 20);
    }
    let through = sounds(&mut world, 1).len();
    assert!(through < 1_100, "{through} of 3000 in three seconds");
    assert!(world.engine.stats().packets_policed > 1_000);
    let room = world.room.clone();
    world.engine.close_tunnel(&room, APART);
    assert!(!says(&mut world, (APART, tunnel), &voice(4_000), 20), "a closed one");
    let next = opened(&mut world);
    assert!(!says(&mut world, (APART, tunnel), &voice(4_001), 20), "one that was replaced");
    assert!(says(&mut world, (APART, next), &voice(4_001), 20));
}

proptest! {
    #[test]
    fn random_frames_never_panic_and_pass_no_closed_gate(
        frames in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..500)),
            1..60,
        ),
    ) {
        let (mut world, tunnel) = world();
        world.gate(&[(1, ALL), (2, ALL)]);
        for (sequence, timestamp, level, opus) in frames {
            says(&mut world, (APART, tunnel), &Voice { sequence, timestamp, opus }, level);
        }
        world.advance(50);
        prop_assert!(sounds(&mut world, 1).is_empty() && sounds(&mut world, 2).is_empty());
    }
}
