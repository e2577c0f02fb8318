//! What may not be sent reaches nobody, whatever its sender does.

use palabre_ids::{Epoch, GateEntry, Group, MediaRights, Seat};
use palabre_sfu_core::media::rtcp;
use palabre_sfu_core::{GateTable, MediaEvent};
use proptest::prelude::{any, proptest};

use crate::support::{
    ALL, OPUS, Packet, VP8, World, camera_ssrc, mic_ssrc, path, read_vp8, screen_ssrc,
};

const VIDEO_ONLY: MediaRights = MediaRights { audio: false, video: true, screen: false };
const AUDIO_ONLY: MediaRights = MediaRights { audio: true, video: false, screen: false };

fn send_everything(world: &mut World, at: usize, n: u16) {
    let seat = Seat(at as u8);
    world.send_packet(at, &Packet::audio(seat, n));
    world.send_packet(at, &Packet::video(seat, None, n, true));
    world.send_packet(at, &Packet::screen(seat, n, true));
}

#[test]
fn closed_by_default() {
    let mut world = World::new(3, false);
    for n in 0..20 {
        send_everything(&mut world, 0, n);
        world.advance(20);
    }
    assert_eq!(world.drain_all(), []);
    assert_eq!(world.engine.stats().packets_gated, 60);
    assert!(!world.events.iter().any(|e| matches!(e, MediaEvent::Speaking { .. })));
}

#[test]
fn each_kind_has_its_own_right() {
    let mut world = World::new(3, false);
    world.engine.set_screen(world.now, &world.room, Some(Seat(0)));
    for (rights, expected) in [(AUDIO_ONLY, OPUS), (VIDEO_ONLY, VP8)] {
        world.gate(&[(0, rights)]);
        let start = world.now;
        for _ in 0..10 {
            let n = world.engine.stats().packets_in as u16;
            send_everything(&mut world, 0, n);
        }
        assert_eq!(world.now, start);
        let got = world.drain_all();
        assert_eq!(got.len(), 20, "two receivers");
        assert!(got.iter().all(|packet| packet.payload_type == expected));
    }
}

#[test]
fn who_has_the_floor_cannot_drown_the_others_with_it() {
    let mut world = World::new(3, false);
    world.open_gate();
    for n in 0..2_000 {
        let flood = Packet { payload: vec![7; 1_100], ..Packet::audio(Seat(0), n) };
        world.send_packet(0, &flood);
    }
    let heard = world.drain_all().len();
    assert!((2..=200).contains(&heard), "{heard}");
    assert_eq!(world.engine.stats().packets_policed, 2_000 - heard as u64 / 2);
    // Silence earns it back.
    world.advance(3_000);
    world.send_packet(0, &Packet::audio(Seat(0), 2_001));
    assert_eq!(world.drain_all().len(), 2);
}

#[test]
fn a_revoke_is_in_force_when_it_returns() {
    let mut world = World::new(3, false);
    world.open_gate();
    for n in 0..10 {
        send_everything(&mut world, 0, n);
    }
    let mid = world.pages[1].slot(Seat(0), true);
    let media = world.pages[1].slots[&mid].media;
    let sent: Vec<_> = world.pages[1].drain(&mid).iter().map(|p| p.index as u16).collect();
    let ask = |world: &mut World| {
        let mut nack = Vec::new();
        rtcp::write_nack(&mut nack, 1, media, &sent);
        let nack = world.pages[1].seal_rtcp(&nack);
        world.send(1, nack);
    };
    ask(&mut world);
    assert_eq!(world.engine.stats().packets_resent, 10);
    world.drain_all();
    world.gate(&[(1, ALL), (2, ALL)]);
    for n in 10..40 {
        send_everything(&mut world, 0, n);
        world.advance(7);
        // Nor by asking for what was sent before.
        ask(&mut world);
    }
    assert_eq!(world.drain_all(), []);
    assert_eq!(world.engine.stats().packets_resent, 10);
}

#[test]
fn what_comes_back_continues_without_a_gap_and_asks_for_a_keyframe() {
    let mut world = World::new(2, false);
    world.open_gate();
    let slot = (world.pages[1].slot(Seat(0), false), world.pages[1].slot(Seat(0), true));
    for n in 0..10 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.send_packet(0, &Packet::video(Seat(0), None, n, n == 0));
        world.advance(20);
    }
    let received = world.pages[1].received.clone();
    let audio = world.pages[1].drain(&slot.0);
    world.pages[1].received = received;
    let video = world.pages[1].drain(&slot.1);
    world.gate(&[]);
    for n in 10..500 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.send_packet(1, &Packet::audio(Seat(1), n));
        world.send_packet(0, &Packet::video(Seat(0), None, n, false));
        world.advance(20);
    }
    assert_eq!(world.drain_all(), []);
    let asked = world.engine.stats().keyframe_requests;
    world.open_gate();
    world.advance(1);
    assert_eq!(world.engine.stats().keyframe_requests, asked + 1, "asked at once");
    for n in 500..510 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.send_packet(0, &Packet::video(Seat(0), None, n, n == 503));
        world.advance(20);
    }
    let received = world.pages[1].received.clone();
    let more_audio = world.pages[1].drain(&slot.0);
    world.pages[1].received = received;
    let more_video = world.pages[1].drain(&slot.1);
    assert_eq!((more_audio.len(), more_video.len()), (10, 7), "video from its keyframe on");
    assert_eq!(more_audio[0].index, audio[9].index + 1);
    assert_eq!(more_video[0].index, video[9].index + 1);
    assert_eq!(read_vp8(&more_video[0].payload).0, read_vp8(&video[9].payload).0 + 1);
    let elapsed = more_audio[0].timestamp.wrapping_sub(audio[9].timestamp);
    assert!((48 * 9_800..48 * 9_900).contains(&elapsed), "{elapsed}");
}

#[test]
fn a_hostile_page_is_heard_by_nobody() {
    let mut world = World::new(3, false);
    // Everybody may be seen; only seat 1 may be heard.
    world.gate(&[(0, VIDEO_ONLY), (1, ALL), (2, VIDEO_ONLY)]);
    let (seat, other) = (Seat(0), Seat(1));
    world.send_packet(0, &Packet::video(seat, None, 1, true));
    world.send_packet(1, &Packet::audio(other, 1));
    world.drain_all();
    let hostile = |n: u16| {
        let audio = Packet::audio(seat, n);
        let loud = Packet { level: Some(0x80), ..audio.clone() };
        let as_other = Packet { ssrc: mic_ssrc(other), ..audio.clone() };
        let as_slot = Packet { mid: Some("3"), ssrc: 77, ..audio.clone() };
        let as_camera = Packet { ssrc: camera_ssrc(seat), ..audio.clone() };
        let as_screen = Packet { ssrc: screen_ssrc(seat), mid: Some("2"), ..audio.clone() };
        let camera_type = Packet { payload_type: VP8, ..audio.clone() };
        let named_camera = Packet { ssrc: 78, mid: Some("1"), ..audio.clone() };
        let named_layer = Packet { ssrc: 79, mid: Some("1"), rid: Some("f"), ..audio.clone() };
        let named_repair =
            Packet { ssrc: 80, mid: Some("1"), repaired_rid: Some("f"), ..audio.clone() };
        let repair = Packet { ssrc: camera_ssrc(seat) + 5, ..audio.clone() };
        [
            audio,
            loud,
            as_other,
            as_slot,
            as_camera,
            as_screen,
            camera_type,
            named_camera,
            named_layer,
            named_repair,
            repair,
        ]
    };
    let mut recorded = Vec::new();
    for n in 2..40 {
        for packet in hostile(n) {
            let datagram = world.pages[0].seal(&packet);
            recorded.push(datagram.clone());
            world.send(0, datagram);
        }
        world.advance(20);
    }
    assert_eq!(world.drain_all(), []);
    assert!(
        !world
            .events
            .iter()
            .any(|e| matches!(e, MediaEvent::Speaking { seats, .. } if seats.contains(&seat)))
    );
    // With the floor, what was sent without it stays unheard.
    world.open_gate();
    for datagram in recorded {
        world.send(0, datagram.clone());
        world.send_from(path(9_999), datagram);
    }
    assert_eq!(world.drain_all(), [], "replayed");
    world.send_packet(0, &Packet::audio(seat, 100));
    assert_eq!(world.drain_all().len(), 2, "the room is unharmed");
}

#[test]
fn another_pages_packets_are_nobodys() {
    let mut world = World::new(3, false);
    world.open_gate();
    world.send_packet(1, &Packet::audio(Seat(1), 1));
    world.drain_all();
    // Protected with page 1's keys, sent from page 0's address; and the other way round.
    let stolen = world.pages[1].seal(&Packet::audio(Seat(1), 2));
    world.send(0, stolen);
    let forged = world.pages[0].seal(&Packet::audio(Seat(1), 3));
    world.send(1, forged);
    assert_eq!(world.drain_all(), []);
    assert_eq!(world.engine.stats().datagrams_refused, 2);
}

#[test]
fn an_older_table_changes_nothing() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.gate(&[]);
    let entry = GateEntry { seat: Seat(0), rights: ALL, group: Group::PLENARY };
    let table = GateTable { epoch: Epoch(1), entries: vec![entry] };
    world.engine.set_gate(world.now, &world.room, table);
    send_everything(&mut world, 0, 1);
    assert_eq!(world.drain_all(), []);
}

#[test]
fn speech_is_what_was_forwarded() {
    let mut world = World::new(3, false);
    world.open_gate();
    for n in 0..50 {
        world.send_packet(1, &Packet::audio(Seat(1), n));
        world.send_packet(2, &Packet { level: Some(120), ..Packet::audio(Seat(2), n) });
        world.advance(20);
    }
    world.advance(1_000);
    let told: Vec<_> = world
        .events
        .iter()
        .filter_map(|event| match event {
            MediaEvent::Speaking { seats, .. } => Some(seats.clone()),
            _ => None,
        })
        .collect();
    assert_eq!(told, [vec![Seat(1)], vec![]]);
}

#[test]
fn a_voice_that_the_gate_stops_is_told_of_and_is_no_speech() {
    let mut world = World::new(4, false);
    world.gate(&[(0, ALL), (1, VIDEO_ONLY), (2, VIDEO_ONLY)]);
    for n in 0..600 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.send_packet(1, &Packet::audio(Seat(1), n));
        world.send_packet(2, &Packet { level: Some(127), ..Packet::audio(Seat(2), n) });
        world.send_packet(3, &Packet { level: None, ..Packet::audio(Seat(3), n) });
        world.advance(20);
    }
    let blocked = world.events.iter().filter_map(|event| match event {
        MediaEvent::Blocked { seat, .. } => Some(*seat),
        _ => None,
    });
    assert_eq!(blocked.collect::<Vec<_>>(), [Seat(1); 3], "once in five of twelve seconds");
    let spoke = world.events.iter().filter_map(|event| match event {
        MediaEvent::Speaking { seats, .. } => Some(seats.clone()),
        _ => None,
    });
    assert_eq!(spoke.collect::<Vec<_>>(), [vec![Seat(0)]]);
}

#[test]
fn what_reaches_nobody_is_no_speech() {
    let mut world = World::new(2, false);
    world.split(&[1, 2]);
    for n in 0..50 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.advance(20);
    }
    let spoke = |world: &World| {
        world.events.iter().any(|event| matches!(event, MediaEvent::Speaking { .. }))
    };
    assert!(!spoke(&world), "alone in its group");
    // Above what it may send.
    world.split(&[1, 1]);
    for n in 50..2_000 {
        let quiet = Packet { level: Some(127), ..Packet::audio(Seat(0), n) };
        world.send_packet(0, &quiet);
    }
    for n in 2_000..2_040 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
    }
    world.advance(60);
    assert!(!spoke(&world), "policed");
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(24))]
    #[test]
    fn mutated_and_random_datagrams_harm_nobody(
        mutations in proptest::collection::vec((any::<u16>(), any::<u8>(), any::<bool>()), 40),
        random in proptest::collection::vec(proptest::collection::vec(any::<u8>(), 0..300), 40),
    ) {
        let mut world = World::new(2, false);
        world.open_gate();
        world.send_packet(0, &Packet::audio(Seat(0), 1));
        for (n, ((at, byte, rtcp), mut bytes)) in mutations.into_iter().zip(random).enumerate() {
            let mut datagram = if rtcp {
                let mut compound = Vec::new();
                rtcp::write_nack(&mut compound, 1, 2, &[1, 2, 3]);
                let len = compound.len();
                compound[usize::from(at) % len] ^= byte;
                world.pages[0].seal_rtcp(&compound)
            } else {
                let mut sealed = world.pages[0].seal(&Packet::audio(Seat(0), n as u16 + 2));
                let len = sealed.len();
                sealed[usize::from(at) % len] ^= byte;
                sealed
            };
            world.send(0, datagram.clone());
            datagram.truncate(usize::from(at) % (datagram.len() + 1));
            world.send_from(path(9_000), datagram);
            world.send(0, bytes.clone());
            if let Some(first) = bytes.first_mut() {
                *first = 0x80 | *first & 0x3f;
            }
            world.send(0, bytes);
            world.advance(3);
        }
        world.drain_all();
        world.send_packet(0, &Packet::audio(Seat(0), 500));
        proptest::prop_assert_eq!(world.drain_all().len(), 1);
    }
}
