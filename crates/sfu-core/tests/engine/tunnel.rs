//! Voices without WebRTC: behind the same gate, in the same slots, to the same ears.

use palabre_ids::{MediaRights, Seat};
use palabre_sfu_core::MediaEvent;
use palabre_sfu_core::engine::HeardVoice;
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

fn world() -> World {
    let mut world = World::new(3, false);
    world.open_gate();
    let room = world.room.clone();
    assert!(world.engine.open_tunnel(world.now, &room, APART));
    world.advance(100);
    world.drain_all();
    world.events.clear();
    world
}

fn says(world: &mut World, seat: Seat, voice: &Voice, level: u8) -> bool {
    let room = world.room.clone();
    let taken = world.engine.handle_voice(world.now, &room, seat, voice, level, &mut world.out);
    // What it caused is handed out.
    world.advance(1);
    taken
}

/// What came out of the tunnel.
fn heard(world: &mut World) -> Vec<HeardVoice> {
    let (voices, others) = std::mem::take(&mut world.events)
        .into_iter()
        .partition(|event| matches!(event, MediaEvent::Voice(_)));
    world.events = others;
    let voices: Vec<MediaEvent> = voices;
    voices
        .into_iter()
        .filter_map(|event| match event {
            MediaEvent::Voice(heard) => Some(heard),
            _ => None,
        })
        .collect()
}

fn sounds(world: &mut World, at: usize) -> Vec<Vec<u8>> {
    let slot = world.pages[at].slot(APART, false);
    world.pages[at].drain(&slot).into_iter().map(|packet| packet.payload).collect()
}

#[test]
fn what_it_says_is_one_stream_in_its_slot_and_what_others_say_comes_out() {
    let mut world = world();
    for n in 0..3 {
        assert!(says(&mut world, APART, &voice(n), 20));
        world.send_packet(1, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    let spoken: Vec<_> = (0..3).map(|n| voice(n).opus).collect();
    assert_eq!(sounds(&mut world, 1), spoken);
    assert_eq!(sounds(&mut world, 2), spoken);
    let out = heard(&mut world);
    assert!(out.iter().all(|heard| (heard.to, heard.speaker) == (APART, OTHER)), "{out:?}");
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
    let room = world.room.clone();
    assert!(world.engine.open_tunnel(world.now, &room, APART));
    for n in 500..503 {
        assert!(says(&mut world, APART, &voice(n), 20));
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
    let mut world = world();
    let silent = MediaRights { audio: false, ..ALL };
    world.gate(&[(0, silent), (1, silent), (2, ALL)]);
    for n in 0..5 {
        assert!(says(&mut world, APART, &voice(n), 0), "understood, and stopped");
        world.send_packet(1, &Packet::audio(OTHER, n));
        world.advance(20);
    }
    assert!(sounds(&mut world, 1).is_empty() && sounds(&mut world, 2).is_empty());
    assert_eq!(heard(&mut world), []);
    assert!(world.engine.stats().packets_gated >= 10);
}

#[test]
fn another_group_hears_nothing_and_is_not_heard() {
    let mut world = world();
    world.split(&[1, 2, 1]);
    assert!(says(&mut world, APART, &voice(0), 20));
    world.send_packet(1, &Packet::audio(OTHER, 0));
    world.send_packet(2, &Packet::audio(Seat(2), 0));
    world.advance(20);
    assert!(sounds(&mut world, 1).is_empty());
    assert_eq!(sounds(&mut world, 2), [voice(0).opus]);
    let speakers: Vec<_> = heard(&mut world).iter().map(|heard| heard.speaker).collect();
    assert_eq!(speakers, [Seat(2)]);
}

#[test]
fn a_session_that_is_up_ends_the_tunnel() {
    let mut world = world();
    let page = world.open_page(APART, false);
    world.pages[0] = page;
    assert!(says(&mut world, APART, &voice(0), 20), "until then it goes on");
    world.connect(0);
    assert_eq!(world.engine.stats().tunnels, 0);
    assert!(!says(&mut world, APART, &voice(1), 20));
    world.advance(20);
    world.events.clear();
    world.send_packet(1, &Packet::audio(OTHER, 7));
    world.advance(20);
    assert_eq!(heard(&mut world), []);
    let slot = world.pages[0].slot(OTHER, false);
    assert_eq!(world.pages[0].drain(&slot).len(), 1);
}

#[test]
fn hostile_frames_reach_nobody() {
    let mut world = world();
    assert!(says(&mut world, APART, &voice(100), 20));
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
        assert!(!says(&mut world, seat, &sent, level), "{what}");
    }
    let all = world.drain_all();
    assert!(all.is_empty(), "{all:?}");
    // A flood is policed as any microphone's is: two seconds at once, then 200 a second.
    for n in 101..3_101 {
        says(&mut world, APART, &voice(n), 20);
    }
    let through = sounds(&mut world, 1).len();
    assert!(through < 1_100, "{through} of 3000 in three seconds");
    assert!(world.engine.stats().packets_policed > 1_000);
    let room = world.room.clone();
    world.engine.close_tunnel(&room, APART);
    assert!(!says(&mut world, APART, &voice(4_000), 20), "a closed one");
}

proptest! {
    #[test]
    fn random_frames_never_panic_and_pass_no_closed_gate(
        frames in proptest::collection::vec(
            (any::<u16>(), any::<u32>(), any::<u8>(), proptest::collection::vec(any::<u8>(), 0..500)),
            1..60,
        ),
    ) {
        let mut world = world();
        world.gate(&[(1, ALL), (2, ALL)]);
        for (sequence, timestamp, level, opus) in frames {
            says(&mut world, APART, &Voice { sequence, timestamp, opus }, level);
        }
        world.advance(50);
        prop_assert!(sounds(&mut world, 1).is_empty() && sounds(&mut world, 2).is_empty());
    }
}
