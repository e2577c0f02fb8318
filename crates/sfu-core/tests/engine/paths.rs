//! Where a peer is, and how long it is there.

use std::time::Duration;

use palabre_ids::Seat;
use palabre_sfu_core::media::rtcp;
use palabre_sfu_core::session::PEER_SILENCE;
use palabre_sfu_core::{MediaEvent, Path};

use crate::support::{ALL, Packet, World, path};

fn report(world: &mut World, at: usize) -> Vec<u8> {
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 1, std::iter::empty());
    world.pages[at].seal_rtcp(&compound)
}

/// Whether page 1 receives what page 0 sends.
fn arrives(world: &mut World, n: u16) -> bool {
    world.drain_all();
    world.send_packet(0, &Packet::audio(Seat(0), n));
    !world.pages[1].received.is_empty()
}

#[test]
fn media_from_a_new_address_moves_the_peer_at_once() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.send_packet(1, &Packet::audio(Seat(1), 1));
    world.pages[1].path = path(5_555);
    world.send_packet(1, &Packet::audio(Seat(1), 2));
    assert_eq!(world.pages[0].received.len(), 2, "what moved it is forwarded too");
    assert!(arrives(&mut world, 1));
    assert_eq!(world.engine.stats().address_changes, 1);
}

#[test]
fn a_listeners_report_moves_it_too() {
    let mut world = World::new(3, false);
    world.open_gate();
    // All report as the same source, as pages that send nothing do.
    for at in 0..3 {
        let report = report(&mut world, at);
        world.send(at, report);
    }
    world.pages[1].path = path(5_555);
    let report = report(&mut world, 1);
    world.send(1, report);
    assert!(arrives(&mut world, 1));
}

#[test]
fn a_port_that_was_anothers_leads_to_whoever_has_it_now() {
    let mut world = World::new(3, false);
    world.open_gate();
    for at in 0..3 {
        world.send_packet(at, &Packet::audio(Seat(at as u8), 1));
    }
    // A router was restarted: page 2 has another port, and page 1 the one that was page 2's.
    let was = world.pages[2].path;
    world.pages[2].path = path(5_555);
    world.send_packet(2, &Packet::audio(Seat(2), 2));
    world.pages[1].path = was;
    world.send_packet(1, &Packet::audio(Seat(1), 2));
    assert!(arrives(&mut world, 2), "at once, and not with its next check");
    assert_eq!(world.engine.stats().address_changes, 2);
}

#[test]
fn a_flood_from_nowhere_is_tried_no_more_than_so_and_hides_nobody() {
    let mut world = World::new(9, false);
    world.open_gate();
    for at in 0..9 {
        let report = report(&mut world, at);
        world.send(at, report);
    }
    // Every listener reports as source 1: each such packet could be anybody's.
    let mut forged = report(&mut world, 1);
    *forged.last_mut().expect("a tag") ^= 1;
    let (start, before) = (world.now, world.engine.stats().trials);
    for n in 0..50_000_u32 {
        let remote = std::net::SocketAddr::from(((0x0b00_0000 + n).to_be_bytes(), 9));
        let from = Path { remote, ..path(1) };
        world.engine.handle_datagram(world.now, from, &mut forged.clone(), &mut world.out);
        world.now = start + std::time::Duration::from_micros(20) * n;
    }
    let tried = world.engine.stats().trials - before;
    assert!((100..=1_600).contains(&tried), "{tried} trials in a second");
    // Another port of the same host is found in the middle of it.
    world.pages[1].path = path(5_555);
    let report = report(&mut world, 1);
    world.send(1, report);
    assert!(arrives(&mut world, 1));
}

#[test]
fn so_does_a_check_without_a_choice() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.pages[1].path = path(5_555);
    let check = world.pages[1].check(false);
    world.send(1, check);
    assert!(arrives(&mut world, 1));
}

/// Seats 0 and 2 send pictures and sound for a while.
fn others_send(world: &mut World, from: u16, frames: u16, mut between: impl FnMut(&mut World)) {
    for n in from..from + frames {
        for at in [0, 2] {
            let seat = Seat(at as u8);
            let mut video = Packet::video(seat, None, n, n == from);
            video.payload.resize(1_000, 7);
            world.send_packet(at, &Packet::audio(seat, n));
            world.send_packet(at, &video);
        }
        between(world);
        world.advance(20);
    }
}

#[test]
fn a_check_points_no_hose_at_another() {
    let mut world = World::new(3, false);
    world.open_gate();
    world.send_packet(1, &Packet::audio(Seat(1), 1));
    let victim = path(443);
    let mut checked = 0;
    others_send(&mut world, 0, 200, |world| {
        let check = world.pages[1].check(true);
        checked += check.len();
        world.send_from(victim, check);
    });
    let reflected = world.strays[&victim];
    assert!(reflected <= 3 * checked, "{reflected} bytes for {checked}");
    let slot = world.pages[1].slot(Seat(0), true);
    let kept = world.pages[1].drain(&slot).len();
    assert!(kept > 150, "the rest goes where the peer was: {kept}");
    // After a long silence, as the next look finds it, there is no such place, and the bound is the same.
    world.advance(PEER_SILENCE.as_millis() as u64 + 100);
    world.drain_all();
    others_send(&mut world, 200, 200, |world| {
        let check = world.pages[1].check(true);
        checked += check.len();
        world.send_from(victim, check);
    });
    let reflected = world.strays[&victim];
    assert!(reflected <= 3 * checked, "{reflected} bytes for {checked}");
    assert!(world.pages[1].received.is_empty(), "somebody else may be there");
}

#[test]
fn a_listener_behind_a_dead_path_has_all_as_soon_as_it_answers() {
    let mut world = World::new(3, false);
    world.open_gate();
    others_send(&mut world, 0, 20, |_| {});
    world.restart_ice(1, 5_555, false);
    let check = world.pages[1].check(true);
    world.drain_all();
    world.send(1, check);
    others_send(&mut world, 20, 2, |_| {});
    let first = world.pages[1].received.len();
    assert!((1..8).contains(&first), "something to answer, and little: {first}");
    let report = report(&mut world, 1);
    world.send(1, report);
    world.pages[1].received.clear();
    others_send(&mut world, 22, 20, |_| {});
    assert_eq!(world.pages[1].received.iter().filter(|p| p.payload.len() < 100).count(), 40);
    assert!(world.pages[1].received.len() > 40, "pictures too, from their keyframe");
}

#[test]
fn a_check_takes_no_path_from_another() {
    let mut world = World::new(3, false);
    world.open_gate();
    let refused = world.engine.stats().datagrams_refused;
    // Authentic, by the peer at 2, as if from where the peer at 0 is.
    let (theirs, check) = (world.pages[0].path, world.pages[2].check(true));
    world.send_from(theirs, check);
    assert_eq!(world.engine.stats().datagrams_refused, refused + 1);
    assert!(arrives(&mut world, 1), "the peer at 0 is heard");
    world.drain_all();
    world.send_packet(0, &Packet::audio(Seat(0), 2));
    assert_eq!(world.pages[2].received.len(), 1, "and the one at 2 is where it was");
}

#[test]
fn replayed_older_and_forged_packets_move_nobody() {
    let mut world = World::new(2, false);
    world.open_gate();
    let first = world.pages[1].seal(&Packet::audio(Seat(1), 1));
    let held_back = world.pages[1].seal(&Packet::audio(Seat(1), 2));
    let old_report = report(&mut world, 1);
    let new_report = report(&mut world, 1);
    world.send(1, first.clone());
    world.send_packet(1, &Packet::audio(Seat(1), 3));
    world.send(1, new_report.clone());
    let mut forged = world.pages[1].seal(&Packet::audio(Seat(1), 9));
    *forged.last_mut().expect("a tag") ^= 1;
    for datagram in [first, new_report, forged, held_back, old_report] {
        world.send_from(path(6_666), datagram);
    }
    assert!(arrives(&mut world, 1));
    assert_eq!(world.engine.stats().address_changes, 0);
}

#[test]
fn a_restart_keeps_streams_keys_and_the_old_path_until_the_new_one_carries() {
    let mut world = World::new(2, true);
    world.open_gate();
    assert!(arrives(&mut world, 1));
    let old = world.pages[1].path;
    world.restart_ice(1, 5_555, true);
    let new = std::mem::replace(&mut world.pages[1].path, old);
    assert!(arrives(&mut world, 2), "the old path goes on");
    world.pages[1].path = new;
    let check = world.pages[1].check(true);
    world.send(1, check);
    assert!(arrives(&mut world, 3), "the new one carries, with the same keys");
    let up = world.events.iter().filter(|e| matches!(e, MediaEvent::PeerUp { .. })).count();
    assert_eq!(up, 2, "no new session");
    for port in 6_000..6_020 {
        world.restart_ice(1, port, true);
        let check = world.pages[1].check(true);
        world.send(1, check);
    }
    assert!(arrives(&mut world, 4));
}

#[test]
fn a_restart_with_both_paths_alive_loses_nothing() {
    let mut world = World::new(3, false);
    world.open_gate();
    let mut sent = 0_u16;
    // Everybody speaks, page 1 from the paths named in turn, and time passes.
    let mut speak = |world: &mut World, times: u16, from: &[Path]| {
        for _ in 0..times {
            for at in 0..3 {
                let seat = Seat(at as u8);
                let packets =
                    [Packet::audio(seat, sent), Packet::video(seat, None, sent, sent == 0)];
                for (packet, turn) in packets.iter().zip(usize::from(sent)..) {
                    let datagram = world.pages[at].seal(packet);
                    let path = if at == 1 { from[turn % from.len()] } else { world.pages[at].path };
                    world.send_from(path, datagram);
                }
            }
            sent += 1;
            world.advance(7);
        }
        sent
    };
    let old = world.pages[1].path;
    let old_check = world.pages[1].check(false);
    speak(&mut world, 20, &[old]);
    world.restart_ice(1, 5_555, false);
    world.pages[1].old_path = Some(old);
    let new = world.pages[1].path;
    speak(&mut world, 20, &[old]);
    for (nominate, from) in
        [(false, &[old][..]), (false, &[old, new]), (true, &[old, new]), (true, &[new])]
    {
        let check = world.pages[1].check(nominate);
        world.send_from(new, check);
        speak(&mut world, 20, from);
        world.send_from(old, old_check.clone());
        speak(&mut world, 20, from);
    }
    let sent = usize::from(speak(&mut world, 0, &[]));
    for at in 0..3 {
        let others = (0..3).filter(|other| *other != at).map(|other| Seat(other as u8));
        let slots: Vec<_> = others
            .flat_map(|seat| [false, true].map(|video| world.pages[at].slot(seat, video)))
            .map(|mid| world.pages[at].slots[&mid].media)
            .collect();
        for ssrc in slots {
            let got = world.pages[at].received.iter().filter(|packet| packet.ssrc == ssrc);
            let indices: Vec<_> = got.map(|packet| packet.index).collect();
            assert_eq!(indices.len(), sent, "page {at}");
            assert!(indices.windows(2).all(|w| w[1] == w[0] + 1), "page {at}");
        }
    }
}

#[test]
fn a_page_opened_again_replaces_the_session() {
    let mut world = World::new(2, false);
    world.open_gate();
    assert!(arrives(&mut world, 1));
    world.send_packet(1, &Packet::audio(Seat(1), 7));
    let before = world.pages[0].drain("3");
    let page = world.open_page(Seat(1), false);
    let old = std::mem::replace(&mut world.pages[1], page);
    world.pages.push(old);
    world.connect(1);
    world.advance(600);
    assert!(world.pages[2].closed, "the old page is told");
    assert!(arrives(&mut world, 2));
    assert!(world.pages[2].received.is_empty());
    world.pages[0].received.clear();
    world.send_packet(1, &Packet::audio(Seat(1), 1));
    let after = world.pages[0].drain("3");
    assert_eq!(after[0].index, before[0].index + 1, "the others see one stream");
    assert!(after[0].timestamp > before[0].timestamp);
    assert_eq!(world.engine.stats().peers, 2);
}

#[test]
fn silence_is_a_loss_and_a_word_a_return() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.events.clear();
    for n in 0..PEER_SILENCE.as_millis() as u16 / 100 + 2 {
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.advance(100);
    }
    let (room, seat, session) = (world.room.clone(), Seat(1), world.pages[1].session);
    assert!(world.events.contains(&MediaEvent::PeerLost { room: room.clone(), seat, session }));
    let lost = world.events.iter().filter(|e| matches!(e, MediaEvent::PeerLost { .. })).count();
    assert_eq!(lost, 1, "told once, and of nobody else");
    assert!(!arrives(&mut world, 200), "nothing is sent where nobody is");
    assert!(!world.has_session(seat), "nothing to come back to by itself");
    world.events.clear();
    let report = report(&mut world, 1);
    world.send(1, report);
    assert_eq!(
        world.events,
        [MediaEvent::PeerUp { room: room.clone(), seat, session, tunnel: None }]
    );
    assert!(world.has_session(seat));
    assert!(arrives(&mut world, 201));
}

#[test]
fn a_session_that_never_comes_up_is_a_loss() {
    let mut world = World::new(2, false);
    let room = world.room.clone();
    world.engine.close_seat(world.now, &room, Seat(1));
    world.events.clear();
    let page = world.open_page(Seat(1), false);
    world.pages[1] = page;
    let mut n = 0;
    let deadline = world.now + PEER_SILENCE + std::time::Duration::from_millis(200);
    while world.now < deadline {
        n += 1;
        world.send_packet(0, &Packet { level: None, ..Packet::audio(Seat(0), n) });
        world.advance(100);
    }
    let (room, seat, session) = (world.room.clone(), Seat(1), world.pages[1].session);
    assert_eq!(world.events, [MediaEvent::PeerLost { room, seat, session }]);
    world.connect(1);
    assert!(matches!(world.events.last(), Some(MediaEvent::PeerUp { seat: Seat(1), .. })));
}

#[test]
fn any_stream_of_a_peer_leads_to_it() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.send_packet(1, &Packet::audio(Seat(1), 1));
    world.send_packet(1, &Packet::video(Seat(1), None, 1, true));
    world.pages[1].path = path(5_555);
    world.send_packet(1, &Packet::video(Seat(1), None, 2, false));
    assert!(arrives(&mut world, 1), "its camera moved it");
}

#[test]
fn a_beacon_never_pauses() {
    let mut world = World::new(2, false);
    world.advance(1_000);
    for _ in 0..20 {
        let report = report(&mut world, 1);
        world.send(1, report);
        let before = world.pages[1].rtcp.len();
        world.advance(200);
        assert!(world.pages[1].rtcp.len() > before);
    }
}

#[test]
fn closing_says_goodbye_and_leaves_nothing() {
    let mut world = World::new(3, false);
    let (room, now) = (world.room.clone(), world.now);
    world.engine.close_seat(now, &room, Seat(1));
    assert!(!world.has_session(Seat(1)));
    world.advance(1);
    assert!(world.pages[1].closed && !world.pages[0].closed);
    world.engine.close_room(now, &room);
    world.advance(1);
    assert!(world.pages.iter().all(|page| page.closed));
    assert_eq!((world.engine.stats().rooms, world.engine.stats().peers), (0, 0));
    let refused = world.engine.stats().datagrams_refused;
    world.send_packet(0, &Packet::audio(Seat(0), 1));
    let check = world.pages[0].check(true);
    world.send(0, check);
    assert_eq!(world.engine.stats().datagrams_refused, refused + 2);
    world.advance(100);
    assert_eq!(world.engine.poll_timeout(), None, "no timer is left");
}

#[test]
fn a_session_tells_for_how_long_nothing_came() {
    let mut world = World::new(2, false);
    world.gate(&[(0, ALL)]);
    world.send_packet(0, &Packet::audio(Seat(0), 1));
    let silence = |millis, seat| {
        let now = world.now + Duration::from_millis(millis);
        world.engine.silence(now, &world.room, Seat(seat))
    };
    assert_eq!(silence(0, 0), Some(Duration::ZERO));
    assert_eq!(silence(700, 0), Some(Duration::from_millis(700)));
    assert_eq!(silence(0, 2), None);
}
