//! What is lost on the way, and what senders are told.

use palabre_ids::Seat;
use palabre_sfu_core::ViewSize;
use palabre_sfu_core::media::rtcp;
use rtc_rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc_rtcp::receiver_report::ReceiverReport;
use rtc_rtcp::sender_report::SenderReport;
use rtc_rtcp::transport_feedbacks::transport_layer_cc::TransportLayerCc;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use crate::support::{Packet, VP8_RTX, World, camera_ssrc, mic_ssrc, read_vp8};

/// Packets of one kind in everything a page was told, read by another implementation.
fn told<T: Clone + 'static>(world: &mut World, at: usize) -> Vec<T> {
    std::mem::take(&mut world.pages[at].rtcp)
        .iter()
        .flat_map(|compound| rtc_rtcp::packet::unmarshal(&mut &compound[..]).expect("well formed"))
        .filter_map(|packet| packet.as_any().downcast_ref::<T>().cloned())
        .collect()
}

#[test]
fn a_publishers_loss_is_asked_for_and_its_repair_forwarded() {
    let mut world = World::new(2, false);
    world.open_gate();
    for n in [0_u16, 1, 2, 5] {
        world.send_packet(0, &Packet::video(Seat(0), None, n, n == 0));
        world.advance(5);
    }
    world.advance(40);
    let nacks: Vec<TransportLayerNack> = told(&mut world, 0);
    assert_eq!(nacks[0].media_ssrc, camera_ssrc(Seat(0)));
    let lost: Vec<_> = nacks[0].nacks.iter().flat_map(|pair| pair.packet_list()).collect();
    assert_eq!(lost, [3, 4]);
    for n in [3_u16, 4] {
        let original = Packet::video(Seat(0), None, n, false);
        let mut payload = n.to_be_bytes().to_vec();
        payload.extend_from_slice(&original.payload);
        let ssrc = camera_ssrc(Seat(0)) + 5;
        world.send_packet(0, &Packet { ssrc, payload_type: VP8_RTX, payload, ..original });
    }
    let slot = world.pages[1].slot(Seat(0), true);
    let mut got = world.pages[1].drain(&slot);
    got.sort_by_key(|packet| packet.index);
    let bodies: Vec<_> = got.iter().map(|packet| read_vp8(&packet.payload).1.to_vec()).collect();
    let expected: Vec<_> = (0..6).map(|n| format!("frame 0 0 {n}").into_bytes()).collect();
    assert_eq!(bodies, expected);
    assert!(got.windows(2).all(|w| w[1].index == w[0].index + 1));
}

#[test]
fn a_receivers_loss_is_answered_from_the_cache_and_a_flood_is_not() {
    let mut world = World::new(2, false);
    world.open_gate();
    for n in 0..100_u16 {
        world.send_packet(0, &Packet::video(Seat(0), None, 700 + n, n == 0));
        world.advance(10);
    }
    let mid = world.pages[1].slot(Seat(0), true);
    let slot = world.pages[1].slots[&mid];
    let sent = world.pages[1].drain(&mid);
    let wanted = [sent[40].index as u16, sent[42].index as u16, sent[99].index as u16];
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, slot.media, &wanted);
    for _ in 0..50 {
        let nack = world.pages[1].seal_rtcp(&nack);
        world.send(1, nack);
    }
    let rtx = slot.rtx.expect("video has retransmissions");
    let repairs: Vec<_> =
        world.pages[1].received.iter().filter(|p| p.ssrc == rtx).cloned().collect();
    assert_eq!(repairs.len(), 3, "each once");
    for (repair, original) in repairs.iter().zip([&sent[40], &sent[42], &sent[99]]) {
        assert_eq!(repair.payload[..2], (original.index as u16).to_be_bytes());
        assert_eq!(repair.payload[2..], original.payload[..]);
        assert_eq!((repair.timestamp, repair.marker), (original.timestamp, original.marker));
        assert_eq!(repair.payload_type, VP8_RTX);
    }
    world.pages[1].received.clear();
    let everything: Vec<_> = (0..=u16::MAX).step_by(17).collect();
    for chunk in everything.chunks(200) {
        let mut nack = Vec::new();
        rtcp::write_nack(&mut nack, 1, slot.media, chunk);
        let nack = world.pages[1].seal_rtcp(&nack);
        world.send(1, nack);
    }
    assert!(world.pages[1].received.len() <= 100, "never more than was kept");
    // Another slot, and one that is not the page's, have nothing.
    world.pages[1].received.clear();
    let mut nack = Vec::new();
    rtcp::write_nack(&mut nack, 1, slot.media.wrapping_add(1), &wanted);
    let nack = world.pages[1].seal_rtcp(&nack);
    world.advance(1_000);
    world.send(1, nack);
    assert_eq!(world.pages[1].received, []);
}

#[test]
fn senders_learn_when_and_whether_their_packets_came() {
    let mut world = World::new(2, false);
    world.open_gate();
    for n in 0..150_u16 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.send_packet(0, &Packet::video(Seat(0), None, n, n == 0));
        world.advance(20);
    }
    let compounds = world.pages[0].rtcp.clone();
    let feedback: Vec<TransportLayerCc> = told(&mut world, 0);
    let own = [camera_ssrc(Seat(0)), mic_ssrc(Seat(0))];
    assert!(feedback.iter().all(|f| own.contains(&f.media_ssrc)), "its own source");
    let reported: u32 = feedback.iter().map(|f| u32::from(f.packet_status_count)).sum();
    assert!((285..=300).contains(&reported), "{reported}");
    assert!((20..=35).contains(&feedback.len()), "about ten a second: {}", feedback.len());
    world.pages[0].rtcp = compounds;
    let reports: Vec<ReceiverReport> = told(&mut world, 0);
    let blocks: Vec<_> = reports.iter().flat_map(|report| &report.reports).collect();
    assert!(own.iter().all(|ssrc| blocks.iter().any(|block| block.ssrc == *ssrc)));
    assert!(blocks.iter().all(|block| block.total_lost == 0));
}

#[test]
fn a_receivers_report_follows_the_publishers_clock() {
    let mut world = World::new(2, false);
    world.open_gate();
    let mut compound = Vec::new();
    rtcp::write_sender_report(&mut compound, mic_ssrc(Seat(0)), 500 << 32, 96_000, 1, 1);
    let compound = world.pages[0].seal_rtcp(&compound);
    world.send_packet(0, &Packet::audio(Seat(0), 100));
    world.send(0, compound);
    world.advance(1_200);
    let slot = world.pages[1].slots[&world.pages[1].slot(Seat(0), false)];
    let reports: Vec<SenderReport> = told(&mut world, 1);
    let report = reports.iter().find(|report| report.ssrc == slot.media).expect("a report");
    let elapsed = (report.ntp_time - (500 << 32)) as f64 / 2_f64.powi(32);
    assert!((0.0..1.3).contains(&elapsed), "{elapsed}");
    let ticks = f64::from(report.rtp_time.wrapping_sub(96_000));
    assert!((ticks / 48_000.0 - elapsed).abs() < 0.001, "the first segment keeps timestamps");
    assert_eq!((report.packet_count, report.octet_count), (1, 10));
}

#[test]
fn keyframe_requests_are_coalesced_whoever_makes_them() {
    let mut world = World::new(8, false);
    world.open_gate();
    world.send_packet(0, &Packet::video(Seat(0), None, 0, true));
    world.advance(1_000);
    world.pages[0].rtcp.clear();
    for n in 1..=10 {
        world.send_packet(0, &Packet::video(Seat(0), None, n, false));
        for at in 1..8 {
            let media = world.pages[at].slots[&world.pages[at].slot(Seat(0), true)].media;
            let mut compound = Vec::new();
            rtcp::write_keyframe_request(&mut compound, 1, media);
            let compound = world.pages[at].seal_rtcp(&compound);
            world.send(at, compound);
        }
        world.advance(10);
    }
    let requests: Vec<PictureLossIndication> = told(&mut world, 0);
    assert_eq!(requests.len(), 1);
    assert_eq!(requests[0].media_ssrc, camera_ssrc(Seat(0)));
}

/// Sends ten seconds of seat 0's pictures, with a keyframe whenever one is asked for, and gives how
/// many were.
fn ten_seconds(world: &mut World, mut each: impl FnMut(&mut World, u16)) -> usize {
    let (mut asked, mut key) = (0, true);
    for n in 0..500 {
        world.send_packet(0, &Packet::video(Seat(0), None, n, key));
        each(world, n);
        world.advance(20);
        let requests: Vec<PictureLossIndication> = told(world, 0);
        asked += requests.len();
        key = !requests.is_empty();
    }
    asked
}

fn ask_for_a_keyframe(world: &mut World, at: usize) {
    let media = world.pages[at].slots[&world.pages[at].slot(Seat(0), true)].media;
    let mut compound = Vec::new();
    rtcp::write_keyframe_request(&mut compound, 1, media);
    let compound = world.pages[at].seal_rtcp(&compound);
    world.send(at, compound);
}

#[test]
fn one_receiver_costs_the_others_a_keyframe_a_second_at_most() {
    let mut world = World::new(3, false);
    world.open_gate();
    let asked = ten_seconds(&mut world, |world, _| ask_for_a_keyframe(world, 1));
    assert!((9..=11).contains(&asked), "by asking: {asked}");
    let mut world = World::new(3, false);
    world.open_gate();
    let slot = world.pages[1].slot(Seat(0), true);
    let media = world.pages[1].slots[&slot].media;
    let asked = ten_seconds(&mut world, |world, _| {
        let newest = world.pages[1].drain(&slot).last().map(|packet| packet.index as u16);
        let mut nack = Vec::new();
        rtcp::write_nack(&mut nack, 1, media, newest.as_slice());
        let nack = world.pages[1].seal_rtcp(&nack);
        world.send(1, nack);
        ask_for_a_keyframe(world, 1);
    });
    assert!((11..=14).contains(&asked), "with losses: {asked}");
    let mut world = World::new(3, false);
    world.open_gate();
    let asked = ten_seconds(&mut world, |world, n| {
        let size = if n % 2 == 0 { ViewSize::Hidden } else { ViewSize::Large };
        world.engine.set_views(world.now, &world.room, Seat(1), &[(Seat(0), size)]);
    });
    assert!((9..=15).contains(&asked), "by looking away: {asked}");
}

#[test]
fn who_lost_a_keyframe_has_another_at_once_and_so_has_everybody_else() {
    let mut world = World::new(3, false);
    world.open_gate();
    let slot = world.pages[1].slot(Seat(0), true);
    let media = world.pages[1].slots[&slot].media;
    let mut at = Vec::new();
    let asked = ten_seconds(&mut world, |world, n| {
        let newest = world.pages[1].drain(&slot).last().map(|packet| packet.index as u16);
        if n == 200 || n == 220 {
            let mut nack = Vec::new();
            rtcp::write_nack(&mut nack, 1, media, newest.as_slice());
            let nack = world.pages[1].seal_rtcp(&nack);
            world.send(1, nack);
            ask_for_a_keyframe(world, 1);
        }
        if n == 240 {
            ask_for_a_keyframe(world, 2);
        }
        at.push(world.engine.stats().keyframe_requests);
    });
    assert_eq!(asked, 3);
    assert_eq!(at[202] - at[199], 1);
    assert_eq!(at[222] - at[219], 1, "before a second has passed");
    assert_eq!(at[242] - at[239], 1, "another receiver has its own");
}

#[test]
fn a_latecomer_sees_everybody_after_one_round() {
    let mut world = World::new(4, false);
    world.open_gate();
    for n in 0..20 {
        for at in 0..3_u8 {
            world.send_packet(usize::from(at), &Packet::video(Seat(at), None, n, n == 0));
        }
        world.advance(33);
    }
    let page = world.open_page(Seat(3), false);
    world.pages[3] = page;
    world.connect(3);
    world.pages.iter_mut().for_each(|page| page.rtcp.clear());
    world.advance(1);
    for at in 0..3_u8 {
        let asked: Vec<PictureLossIndication> = told(&mut world, usize::from(at));
        assert_eq!(asked.len(), 1, "seat {at}");
        world.send_packet(usize::from(at), &Packet::video(Seat(at), None, 20, true));
        let mid = world.pages[3].slot(Seat(at), true);
        let ssrc = world.pages[3].slots[&mid].media;
        assert!(world.pages[3].received.iter().any(|packet| packet.ssrc == ssrc));
    }
}

#[test]
fn the_layer_follows_the_view_at_keyframes_and_falls_back() {
    let mut world = World::new(2, true);
    world.open_gate();
    let mid = world.pages[1].slot(Seat(0), true);
    let mut n = 0;
    let mut got = Vec::new();
    let mut run = |world: &mut World, frames: u16, rids: &[&'static str], answers: bool| {
        for _ in 0..frames {
            n += 1;
            let asked: Vec<u32> =
                told::<PictureLossIndication>(world, 0).iter().map(|pli| pli.media_ssrc).collect();
            for rid in rids {
                let mut packet = Packet::video(Seat(0), Some(rid), n, n == 1);
                packet.timestamp = packet.timestamp.wrapping_add(packet.ssrc * 1_000_003);
                if answers && asked.contains(&packet.ssrc) {
                    packet.payload[6] = 0;
                }
                world.send_packet(0, &packet);
            }
            world.advance(33);
        }
        let last = got.len();
        got.extend(world.pages[1].drain(&mid));
        let layers: Vec<u8> =
            got[last..].iter().map(|packet| read_vp8(&packet.payload).1[8]).collect();
        (layers, got.clone())
    };
    let show = |world: &mut World, size| {
        let (now, room) = (world.now, world.room.clone());
        world.engine.set_views(now, &room, Seat(1), &[(Seat(0), size)]);
    };
    assert_eq!(run(&mut world, 10, &["q", "h", "f"], true).0, [b'0'; 10], "a thumbnail");
    show(&mut world, ViewSize::Large);
    let (layers, _) = run(&mut world, 20, &["q", "h", "f"], false);
    assert_eq!(layers, [b'0'; 20], "no keyframe, no switch");
    let (layers, _) = run(&mut world, 20, &["q", "h", "f"], true);
    assert_eq!(layers.iter().rev().take(10).collect::<Vec<_>>(), [&b'2'; 10]);
    // In the frame of the switch, the old layer's packet had passed already.
    assert_eq!(layers.len(), 21);
    let (layers, _) = run(&mut world, 80, &["q", "h"], true);
    assert_eq!(layers.last(), Some(&b'1'), "the next lower one");
    show(&mut world, ViewSize::Hidden);
    assert!(run(&mut world, 10, &["q", "h", "f"], true).0.is_empty());
    show(&mut world, ViewSize::Medium);
    let (layers, all) = run(&mut world, 30, &["q", "h", "f"], true);
    assert_eq!(layers.last(), Some(&b'1'));
    for pair in all.windows(2) {
        assert_eq!(pair[1].index, pair[0].index + 1);
        assert_eq!(read_vp8(&pair[1].payload).0, read_vp8(&pair[0].payload).0 + 1);
        let passed = pair[1].timestamp.wrapping_sub(pair[0].timestamp);
        assert!(passed > 0 && passed < 90_000 * 5, "{passed}");
    }
}

#[test]
fn a_shared_screen_reaches_everybody_but_its_owner() {
    let mut world = World::new(3, false);
    world.open_gate();
    let mid = "7".to_owned();
    world.send_packet(0, &Packet::screen(Seat(0), 0, true));
    assert_eq!(world.drain_all(), [], "nobody shares");
    for (turn, seat) in [Seat(0), Seat(2)].into_iter().enumerate() {
        let (now, room) = (world.now, world.room.clone());
        world.engine.set_screen(now, &room, Some(seat));
        for n in 1..5_u16 {
            for at in [0, 2_u8] {
                let n = n + 10 * turn as u16;
                world.send_packet(usize::from(at), &Packet::screen(Seat(at), n, n % 10 == 1));
            }
            world.advance(33);
        }
        for page in &mut world.pages {
            let got = page.drain(&mid);
            let expected = if page.seat == seat { 0 } else { 4 };
            assert_eq!(got.len(), expected);
            assert!(got.iter().all(|p| read_vp8(&p.payload).1[6] == b'0' + seat.0));
        }
    }
}

#[test]
fn a_screen_that_is_shared_no_more_is_not_sent_again() {
    let mut world = World::new(3, false);
    world.open_gate();
    let room = world.room.clone();
    world.engine.set_screen(world.now, &room, Some(Seat(0)));
    for n in 0..10 {
        world.send_packet(0, &Packet::screen(Seat(0), n, n == 0));
    }
    let slot = world.pages[1].slots["7"];
    let sequences: Vec<_> = world.pages[1].drain("7").iter().map(|p| p.index as u16).collect();
    let resent = |world: &mut World, asked: &[u16]| {
        let mut compound = Vec::new();
        rtcp::write_receiver_report(&mut compound, 1, std::iter::empty());
        rtcp::write_nack(&mut compound, 1, slot.media, asked);
        let datagram = world.pages[1].seal_rtcp(&compound);
        world.send(1, datagram);
        std::mem::take(&mut world.pages[1].received).len()
    };
    assert_eq!(resent(&mut world, &sequences[..5]), 5);
    for seat in [Some(Seat(2)), None] {
        world.engine.set_screen(world.now, &room, seat);
        assert_eq!(resent(&mut world, &sequences[5..]), 0);
    }
}
