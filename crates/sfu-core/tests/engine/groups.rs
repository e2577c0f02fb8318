//! Breakouts: what is sent in one group reaches nobody in another, by no way.

use std::collections::BTreeSet;

use palabre_ids::{GateEntry, Group, MediaRights, Seat};
use palabre_sfu_core::media::rtcp;
use proptest::prelude::{any, prop_assert_eq, proptest};
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;

use crate::support::{
    ALL, OPUS, Packet, Received, VP8, VP8_RTX, World, camera_ssrc, mic_ssrc, read_vp8,
};

/// The plenary, and people in pairs and in fours.
const PLENARY: [u8; 9] = [0; 9];
const PAIRS: [u8; 9] = [1, 1, 2, 2, 3, 3, 4, 4, 0];
const FOURS: [u8; 9] = [5, 5, 5, 5, 6, 6, 6, 6, 0];

/// Whose sound or picture a packet is, by what it says.
fn author(packet: &Received) -> (char, u8) {
    let body = match packet.payload_type {
        OPUS => &packet.payload[..],
        VP8 => read_vp8(&packet.payload).1,
        VP8_RTX => read_vp8(&packet.payload[2..]).1,
        other => panic!("payload type {other}"),
    };
    let text = std::str::from_utf8(body).expect("what a test page sends is text");
    let mut words = text.split(' ');
    let kind = words.next().and_then(|kind| kind.chars().next()).expect("a word");
    (kind, words.next().and_then(|seat| seat.parse().ok()).expect("a seat"))
}

/// The number in what a packet says.
fn number(packet: &Received) -> u16 {
    let text = String::from_utf8_lossy(&packet.payload).into_owned();
    text.rsplit(' ').next().and_then(|n| n.parse().ok()).expect("a number")
}

fn authors(world: &mut World, at: usize) -> BTreeSet<(char, u8)> {
    std::mem::take(&mut world.pages[at].received).iter().map(author).collect()
}

fn everybody_sends(world: &mut World, n: u16, key: bool) {
    for at in 0..world.pages.len() {
        let seat = Seat(at as u8);
        world.send_packet(at, &Packet::audio(seat, n));
        world.send_packet(at, &Packet::video(seat, None, n, key));
    }
    world.advance(20);
}

/// Asks for every packet of a slot again, some time after others may have been.
fn ask_for_everything(world: &mut World, at: usize, seat: Seat) -> Vec<Received> {
    world.pages[at].received.clear();
    let mid = world.pages[at].slot(seat, true);
    let media = world.pages[at].slots[&mid].media;
    let everything: Vec<_> = (0..=u16::MAX).collect();
    for chunk in everything.chunks(255) {
        let mut nack = Vec::new();
        rtcp::write_nack(&mut nack, 1, media, chunk);
        let nack = world.pages[at].seal_rtcp(&nack);
        world.send(at, nack);
    }
    std::mem::take(&mut world.pages[at].received)
}

fn keyframe_requests(world: &mut World, at: usize) -> Vec<u32> {
    std::mem::take(&mut world.pages[at].rtcp)
        .iter()
        .flat_map(|compound| rtc_rtcp::packet::unmarshal(&mut &compound[..]).expect("well formed"))
        .filter_map(|packet| packet.as_any().downcast_ref::<PictureLossIndication>().cloned())
        .map(|request| request.media_ssrc)
        .collect()
}

#[test]
fn pairs_and_fours_and_the_way_back() {
    let mut world = World::new(9, false);
    let mut n = 0;
    for groups in [PLENARY, PAIRS, FOURS, PAIRS, PLENARY] {
        world.split(&groups);
        for _ in 0..10 {
            everybody_sends(&mut world, n, true);
            n += 1;
        }
        for at in 0..9 {
            let with = (0..9).filter(|&other| other != at && groups[other] == groups[at]);
            let expected: BTreeSet<_> =
                with.flat_map(|o| [('o', o as u8), ('f', o as u8)]).collect();
            assert_eq!(authors(&mut world, at), expected, "seat {at} of {groups:?}");
        }
    }
}

#[test]
fn not_one_packet_more_and_no_older_table() {
    let mut world = World::new(4, false);
    world.split(&[1, 1, 2, 2]);
    for n in 0..5 {
        everybody_sends(&mut world, n, true);
    }
    world.drain_all();
    world.split(&[1, 2, 1, 2]);
    let entry = |(group, seat)| GateEntry { seat: Seat(seat), rights: ALL, group: Group(group) };
    world.set_table(1, [0, 0, 0, 0].into_iter().zip(0..).map(entry).collect());
    for n in 5..15 {
        everybody_sends(&mut world, n, true);
        for (at, other) in [(0, 2), (1, 3), (2, 0), (3, 1)] {
            assert_eq!(authors(&mut world, at), BTreeSet::from([('o', other), ('f', other)]));
        }
    }
}

#[test]
fn who_stays_together_notices_nothing() {
    let mut world = World::new(4, false);
    world.split(&[0; 4]);
    for n in 0..30 {
        if n == 15 {
            world.split(&[1, 1, 2, 2]);
            world.pages[0].rtcp.clear();
        }
        everybody_sends(&mut world, n, n == 0);
    }
    let slot = world.pages[1].slot(Seat(0), true);
    let got = world.pages[1].drain(&slot);
    assert_eq!(got.iter().map(number).collect::<Vec<_>>(), (0..30).collect::<Vec<_>>());
    assert!(got.windows(2).all(|w| w[1].index == w[0].index + 1));
    assert!(keyframe_requests(&mut world, 0).is_empty(), "nobody waits");
}

#[test]
fn nothing_is_sent_again_to_another_group() {
    let mut world = World::new(3, false);
    world.split(&[0, 0, 0]);
    for n in 0..20 {
        everybody_sends(&mut world, n, n == 0);
    }
    assert_eq!(ask_for_everything(&mut world, 2, Seat(0)).len(), 20, "in one group it is");
    world.split(&[1, 1, 2]);
    for n in 20..40 {
        everybody_sends(&mut world, n, false);
        assert_eq!(authors(&mut world, 2), BTreeSet::new());
        assert_eq!(ask_for_everything(&mut world, 2, Seat(0)), []);
    }
    assert!(!ask_for_everything(&mut world, 1, Seat(0)).is_empty());
    // Nor is a keyframe asked for on its word.
    world.pages[0].rtcp.clear();
    let mid = world.pages[2].slot(Seat(0), true);
    let mut request = Vec::new();
    rtcp::write_keyframe_request(&mut request, 1, world.pages[2].slots[&mid].media);
    let request = world.pages[2].seal_rtcp(&request);
    world.send(2, request);
    world.advance(1_000);
    assert!(keyframe_requests(&mut world, 0).is_empty());
}

#[test]
fn what_was_sent_while_away_stays_there() {
    let mut world = World::new(3, false);
    world.split(&[0, 0, 0]);
    let send = |world: &mut World, n, key| {
        world.send_packet(0, &Packet::video(Seat(0), None, n, key));
        world.advance(10);
    };
    // Packet 3 is on its way when seat 2 leaves, and so are keyframe 13 and packet 16 when it
    // comes back: they overtake nothing.
    for n in [0, 1, 2, 4] {
        send(&mut world, n, n == 0);
    }
    world.split(&[1, 1, 2]);
    for n in [3, 5, 6, 7, 8, 9, 10, 11, 12, 14, 15, 17] {
        send(&mut world, n, n == 8);
    }
    world.pages[2].received.clear();
    world.split(&[1, 1, 1]);
    for n in [13, 16, 18, 19, 20, 21] {
        send(&mut world, n, n == 13 || n == 20);
    }
    let slot = world.pages[2].slot(Seat(0), true);
    let got: Vec<_> = world.pages[2].drain(&slot).iter().map(number).collect();
    assert_eq!(got, [20, 21], "from a keyframe that was made for it");
    let again: BTreeSet<_> =
        ask_for_everything(&mut world, 2, Seat(0)).iter().map(number).collect();
    assert_eq!(again, BTreeSet::from([0, 1, 2, 4, 20, 21]), "what it had, and no more");
}

#[test]
fn who_joins_a_group_is_served_at_once_and_goes_on_without_a_gap() {
    let mut world = World::new(3, false);
    world.split(&[0, 0, 0]);
    for n in 0..50 {
        everybody_sends(&mut world, n, n == 0);
    }
    let slots = [false, true].map(|video| world.pages[2].slot(Seat(0), video));
    let both = |world: &mut World| {
        let received = world.pages[2].received.clone();
        let audio = world.pages[2].drain(&slots[0]);
        world.pages[2].received = received;
        (audio, world.pages[2].drain(&slots[1]))
    };
    let before = both(&mut world);
    world.split(&[1, 1, 2]);
    for n in 50..300 {
        everybody_sends(&mut world, n, false);
    }
    let away = both(&mut world);
    assert_eq!(away, (Vec::new(), Vec::new()));
    world.pages[0].rtcp.clear();
    world.split(&[1, 1, 1]);
    world.advance(1);
    assert_eq!(keyframe_requests(&mut world, 0), [camera_ssrc(Seat(0))], "at once");
    for n in 300..310 {
        everybody_sends(&mut world, n, n == 302);
    }
    let (audio, video) = both(&mut world);
    assert_eq!((number(&audio[0]), number(&video[0])), (300, 302));
    let (last_audio, last_video) =
        (before.0.last().expect("audio"), before.1.last().expect("video"));
    assert_eq!(audio[0].index, last_audio.index + 1);
    assert_eq!(video[0].index, last_video.index + 1);
    assert_eq!(read_vp8(&video[0].payload).0, read_vp8(&last_video.payload).0 + 1);
    let elapsed = audio[0].timestamp.wrapping_sub(last_audio.timestamp);
    assert!((48 * 5_000..48 * 5_100).contains(&elapsed), "{elapsed}");
    let elapsed = video[0].timestamp.wrapping_sub(last_video.timestamp);
    assert!((90 * 5_000..90 * 5_100).contains(&elapsed), "{elapsed}");
}

#[test]
fn a_shared_screen_stays_in_its_group() {
    let mut world = World::new(4, false);
    world.engine.set_screen(world.now, &world.room, Some(Seat(0)));
    world.split(&[1, 1, 2, 2]);
    for n in 0..5 {
        world.send_packet(0, &Packet::screen(Seat(0), n, true));
    }
    let received: Vec<_> = world.pages.iter().map(|page| page.received.len()).collect();
    assert_eq!(received, [0, 5, 0, 0]);
}

/// Redundant audio carries what was said before.
#[test]
fn redundant_audio_carries_nothing_over_from_another_group() {
    const RED: u8 = 63;
    let mut world = World::new(3, false);
    for seat in 0..3 {
        world.pages[seat] = world.open_page_with(Seat(seat as u8), false, (OPUS, Some(RED)));
        world.connect(seat);
    }
    world.split(&[1, 1, 2]);
    let send = |world: &mut World, n: u16| {
        let mut payload = vec![0x80 | OPUS, (960_u16 >> 6) as u8, 0, 0, OPUS];
        let [old, new] = [n.wrapping_sub(1), n].map(|n| format!("said {n:05}"));
        payload[2] = ((960_u16 << 2) & 0xfc) as u8 | (old.len() >> 8) as u8;
        payload[3] = old.len() as u8;
        payload.extend_from_slice(old.as_bytes());
        payload.extend_from_slice(new.as_bytes());
        let packet = Packet { payload_type: RED, payload, ..Packet::audio(Seat(0), n) };
        world.send_packet(0, &packet);
        world.advance(20);
    };
    for n in 0..20 {
        send(&mut world, n);
    }
    let redundant = |world: &World, at: usize| {
        world.pages[at].received.iter().filter(|packet| packet.payload_type == RED).count()
    };
    assert_eq!((redundant(&world, 1), redundant(&world, 2)), (20, 0));
    world.split(&[2, 1, 2]);
    for n in 20..60 {
        send(&mut world, n);
    }
    let heard: Vec<String> = world.pages[2]
        .received
        .iter()
        .map(|packet| String::from_utf8_lossy(&packet.payload).into_owned())
        .collect();
    assert_eq!(heard.len(), 40);
    assert_eq!(heard[0], "said 00020", "alone");
    assert!(!heard.iter().any(|text| text.contains("00019")));
    assert_eq!(redundant(&world, 2), 33, "and whole again once it is all theirs");
    assert_eq!(mic_ssrc(Seat(0)), 1_000);
}

proptest! {
    #![proptest_config(proptest::prelude::ProptestConfig::with_cases(12))]
    #[test]
    fn a_packet_arrives_exactly_with_its_right_and_in_its_group(
        tables in proptest::collection::vec(
            (1_u64..12, any::<[([bool; 3], u8); 5]>(), 0_usize..6, 0_u8..7), 1..14,
        ),
    ) {
        let mut world = World::new(5, false);
        let mut newest = 0;
        let mut in_force = [(MediaRights::NONE, 0); 5];
        for ((epoch, entries, listed, screen), n) in tables.into_iter().zip(1_u16..) {
            let entries: Vec<_> = entries
                .into_iter()
                .map(|([audio, video, screen], group)| {
                    (MediaRights { audio, video, screen }, group % 3)
                })
                .take(listed)
                .collect();
            let table = entries.iter().zip(0..).map(|(&(rights, group), seat)| GateEntry {
                seat: Seat(seat),
                rights,
                group: Group(group),
            });
            world.set_table(epoch, table.collect());
            if epoch > newest {
                newest = epoch;
                in_force = [(MediaRights::NONE, 0); 5];
                in_force[..entries.len()].copy_from_slice(&entries);
            }
            let screen = (screen < 5).then_some(Seat(screen));
            world.engine.set_screen(world.now, &world.room, screen);
            for at in 0..5 {
                let seat = Seat(at as u8);
                let screened = Packet {
                    payload: crate::support::vp8(n, true, format!("screen {at} {n}").as_bytes()),
                    ..Packet::screen(seat, n, true)
                };
                world.send_packet(at, &Packet::audio(seat, n));
                world.send_packet(at, &Packet::video(seat, None, n, true));
                world.send_packet(at, &screened);
            }
            world.advance(20);
            for (at, (_, group)) in in_force.iter().enumerate() {
                let mut expected = BTreeSet::new();
                for (from, (rights, other)) in in_force.iter().enumerate() {
                    if from == at || group != other {
                        continue;
                    }
                    let seat = from as u8;
                    expected.extend(rights.audio.then_some(('o', seat)));
                    expected.extend(rights.video.then_some(('f', seat)));
                    let shown = rights.screen && screen == Some(Seat(seat));
                    expected.extend(shown.then_some(('s', seat)));
                }
                prop_assert_eq!(authors(&mut world, at), expected, "seat {}", at);
            }
        }
    }
}
