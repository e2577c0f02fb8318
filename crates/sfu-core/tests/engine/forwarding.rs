//! What one sends, the others receive.

use palabre_ids::Seat;
use palabre_sfu_core::MediaEvent;
use rtc_rtcp::transport_feedbacks::transport_layer_nack::TransportLayerNack;

use crate::support::{OPUS, Packet, VP8, VP8_RTX, World, camera_ssrc, read_vp8};

#[test]
fn three_peers_hear_and_see_each_other() {
    let mut world = World::new(3, false);
    let up = world.events.iter().filter(|e| matches!(e, MediaEvent::PeerUp { .. })).count();
    assert_eq!(up, 3);
    world.open_gate();
    for n in 0..50_u16 {
        for at in 0..3 {
            let seat = Seat(at as u8);
            let packet = Packet::audio(seat, 65_500_u16.wrapping_add(n));
            let datagram = world.pages[at].seal_at(&packet, 65_500 + u64::from(n));
            world.send(at, datagram);
            world.send_packet(at, &Packet::video(seat, None, 1_000 + n, n == 0));
        }
        world.advance(20);
    }
    for receiver in 0..3_u8 {
        for sender in (0..3_u8).filter(|sender| *sender != receiver) {
            let page = &mut world.pages[usize::from(receiver)];
            let kept = page.received.clone();
            let mid = page.slot(Seat(sender), false);
            let audio = page.drain(&mid);
            page.received = kept.clone();
            let video_mid = page.slot(Seat(sender), true);
            let video = page.drain(&video_mid);
            page.received = kept;
            assert_eq!((audio.len(), video.len()), (50, 50), "{sender} to {receiver}");
            for (n, packet) in audio.iter().enumerate() {
                let sequence = 65_500_u16.wrapping_add(n as u16);
                assert_eq!(packet.payload, format!("opus {sender} {sequence}").into_bytes());
                assert_eq!((packet.payload_type, packet.audio_level), (OPUS, Some(20)));
                assert_eq!(packet.mid, mid);
                assert_eq!(packet.index, audio[0].index + n as u64);
                assert_eq!(packet.marker, n == 0, "a talk spurt begins");
            }
            for (n, packet) in video.iter().enumerate() {
                let (picture, body) = read_vp8(&packet.payload);
                assert_eq!(body, format!("frame {sender} 0 {}", 1_000 + n).as_bytes());
                assert_eq!(picture, 1_000 + n as u16);
                assert_eq!((packet.payload_type, packet.marker), (VP8, true));
                assert_eq!(packet.index, video[0].index + n as u64);
            }
        }
        let page = &mut world.pages[usize::from(receiver)];
        let numbers: Vec<_> =
            page.received.iter().map(|p| p.transport_cc.expect("stamped")).collect();
        assert!(
            numbers.windows(2).all(|w| w[1] == w[0].wrapping_add(1)),
            "one count for a transport"
        );
    }
}

#[test]
fn payload_types_are_the_receivers_and_redundancy_is_for_those_who_have_it() {
    let mut world = World::new(3, false);
    let types = [(111, Some(63)), (109, Some(50)), (96 + 5, None)];
    for (at, audio) in types.into_iter().enumerate() {
        let page = world.open_page_with(Seat(at as u8), false, audio);
        world.pages[at] = page;
        world.connect(at);
    }
    world.open_gate();
    let payload = vec![0x80 | 111, 0x0f, 0x00, 3, 111, b'o', b'l', b'd', b'n', b'e', b'w'];
    let red = Packet { payload_type: 63, payload, ..Packet::audio(Seat(0), 1) };
    world.send_packet(0, &red);
    world.send_packet(0, &Packet::audio(Seat(0), 2));
    let smuggled = Packet { payload: vec![96, 1, 2], ..Packet { sequence: 3, ..red } };
    world.send_packet(0, &smuggled);
    let got = |world: &World, at: usize| -> Vec<(u8, Vec<u8>)> {
        let received = &world.pages[at].received;
        received.iter().map(|packet| (packet.payload_type, packet.payload.clone())).collect()
    };
    let plain = b"opus 0 2".to_vec();
    let relabelled = [&[0x80 | 109, 0x0f, 0x00, 3, 109], &b"oldnew"[..]].concat();
    assert_eq!(got(&world, 1), [(50, relabelled), (109, plain.clone())]);
    assert_eq!(got(&world, 2)[..2], [(101, b"new".to_vec()), (101, plain)]);
}

#[test]
fn what_probes_a_path_is_neither_forwarded_nor_asked_for() {
    let mut world = World::new(2, false);
    world.open_gate();
    let (seat, ssrc) = (Seat(0), camera_ssrc(Seat(0)) + 5);
    let mut probe = 0;
    for n in 0..100_u16 {
        let original = Packet::video(seat, None, n, n == 0);
        world.send_packet(0, &original);
        for kept in [n.saturating_sub(3), n] {
            let kept = Packet::video(seat, None, kept, kept == 0);
            let mut payload = kept.sequence.to_be_bytes().to_vec();
            payload.extend_from_slice(&kept.payload);
            probe += 1;
            let sent_as = Packet { ssrc, payload_type: VP8_RTX, sequence: probe, payload, ..kept };
            world.send_packet(0, &sent_as);
        }
        world.advance(10);
    }
    let slot = world.pages[1].slot(seat, true);
    let got: Vec<_> = world.pages[1].drain(&slot).iter().map(|packet| packet.timestamp).collect();
    assert_eq!(got.len(), 100);
    assert!(got.windows(2).all(|w| w[1] == w[0] + 3_000), "each once, in order");
    let stats = world.engine.stats();
    assert_eq!((stats.packets_repeated, stats.packets_refused, stats.packets_out), (200, 0, 100));
    let asked = world.pages[0]
        .rtcp
        .iter()
        .flat_map(|compound| rtc_rtcp::packet::unmarshal(&mut &compound[..]).expect("well formed"));
    let mut kinds = asked.map(|packet| packet.as_any().is::<TransportLayerNack>());
    assert!(!kinds.any(|asks_again| asks_again), "nothing was lost");
}
