//! The ways back when a path dies: a generation that the page begins by itself, and TCP.

use std::time::Duration;

use palabre_ids::Seat;
use palabre_sfu_core::MediaEvent;
use palabre_sfu_core::media::rtcp;
use palabre_sfu_core::outbox::Urgency;
use palabre_sfu_core::session::IceCredentials;

use crate::support::{Packet, World, path, tcp_path};

/// Whether page 1 receives what page 0 sends.
fn arrives(world: &mut World, n: u16) -> bool {
    world.drain_all();
    world.send_packet(0, &Packet::audio(Seat(0), n));
    !world.pages[1].received.is_empty()
}

fn report(world: &mut World, at: usize) {
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 1, std::iter::empty());
    let report = world.pages[at].seal_rtcp(&compound);
    world.send(at, report);
}

/// The credentials that were issued when those before were used.
fn issued(world: &mut World) -> Vec<(Seat, IceCredentials)> {
    let events = std::mem::take(&mut world.events).into_iter();
    events
        .filter_map(|event| match event {
            MediaEvent::NextIce { seat, credentials, .. } => Some((seat, credentials)),
            _ => None,
        })
        .collect()
}

#[test]
fn a_page_whose_path_died_comes_back_without_a_word_to_signaling() {
    let mut world = World::new(2, false);
    world.open_gate();
    assert!(arrives(&mut world, 1));
    world.events.clear();
    let first = world.pages[1].next_ice.clone().expect("issued ahead");
    world.restart_alone(1, path(5_555));
    assert!(!arrives(&mut world, 2), "it has said nothing yet");
    // Without a choice, as Firefox checks.
    let check = world.pages[1].check(false);
    world.send(1, check);
    assert!(arrives(&mut world, 3), "by the same keys");
    let issued_now = issued(&mut world);
    let [(Seat(1), second)] = &issued_now[..] else { panic!("{issued_now:?}") };
    assert_ne!(second, &first);
    let again = world.pages[1].check(true);
    world.send(1, again);
    assert!(issued(&mut world).is_empty(), "used up once");

    // And by these the next time, and by the same ones when it was told of no others.
    world.pages[1].next_ice = Some(second.clone());
    for (port, told) in [(5_556, 1), (5_557, 0)] {
        world.restart_alone(1, path(port));
        let check = world.pages[1].check(false);
        world.send(1, check);
        report(&mut world, 1);
        assert!(arrives(&mut world, port));
        assert_eq!(issued(&mut world).len(), told);
    }
    assert_eq!(world.engine.stats().peers, 2);
}

#[test]
fn the_old_path_is_taken_and_used_until_the_new_one_carries() {
    let mut world = World::new(2, false);
    world.open_gate();
    let old = world.pages[1].path;
    world.pages[1].old_path = Some(old);
    world.restart_alone(1, path(5_555));
    for n in 0..100 {
        let spoken = world.pages[1].seal(&Packet::audio(Seat(1), n));
        world.send_from(old, spoken);
        if n % 7 == 3 {
            let check = world.pages[1].check(false);
            world.send(1, check);
        }
        world.send_packet(0, &Packet::audio(Seat(0), n));
        world.advance(20);
    }
    assert_eq!(world.pages[0].received.len(), 100, "what comes by the old path is forwarded");
    assert_eq!(world.pages[1].received.len(), 100, "by one path or the other, once each");
}

#[test]
fn one_pages_next_generation_is_no_others() {
    let mut world = World::new(3, false);
    world.open_gate();
    assert!(arrives(&mut world, 1));
    world.events.clear();
    let [one, two] = [1, 2].map(|at| world.pages[at].next_ice.clone().expect("issued ahead"));
    assert_ne!(one, two);
    let refused = world.engine.stats().datagrams_refused;
    let mixed = IceCredentials { ufrag: one.ufrag, password: two.password };
    let at_home = world.pages[2].path;
    world.pages[2].begin(mixed, path(6_666));
    let check = world.pages[2].check(true);
    world.send(2, check);
    world.pages[2].path = at_home;
    assert_eq!(world.engine.stats().datagrams_refused, refused + 1);
    assert!(issued(&mut world).is_empty());
    assert!(arrives(&mut world, 2));
    assert!(world.strays.is_empty());
}

#[test]
fn a_recorded_beginning_moves_nobody() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.restart_alone(1, path(5_555));
    let check = world.pages[1].check(true);
    world.send(1, check.clone());
    world.send_from(path(6_666), check.clone());
    world.send_from(tcp_path(6_667, 9), check);
    assert!(arrives(&mut world, 1));
    assert!(world.strays.is_empty(), "not even an answer");
    assert_eq!(issued(&mut world).len(), 1);
}

#[test]
fn a_tcp_connection_carries_everything_as_soon_as_it_is_checked() {
    let mut world = World::new(3, false);
    world.open_gate();
    world.restart_alone(1, tcp_path(5_555, 0));
    let check = world.pages[1].check(false);
    world.send(1, check);
    world.drain_all();
    for n in 0..20 {
        for at in [0, 2] {
            let seat = Seat(at as u8);
            let mut picture = Packet::video(seat, None, n, n == 0);
            picture.payload.resize(1_000, 7);
            world.send_packet(at, &picture);
            world.send_packet(at, &Packet::audio(seat, n));
        }
        world.advance(20);
    }
    assert_eq!(world.pages[1].received.len(), 80, "nobody else can be at its far end");
}

#[test]
fn a_tcp_connection_beside_a_path_that_serves_is_not_followed() {
    let mut world = World::new(2, false);
    world.open_gate();
    let (beside, way) = (tcp_path(5_555, 0), world.pages[1].path);
    report(&mut world, 1);
    let check = world.pages[1].check(false);
    world.send_from(beside, check);
    assert!(arrives(&mut world, 1));
    assert_eq!(world.pages[1].path, way);
    // Until the page chooses it, or its path has gone silent.
    let chosen = world.pages[1].check(true);
    world.pages[1].path = beside;
    world.send(1, chosen);
    assert!(arrives(&mut world, 2));

    world.pages[1].path = way;
    report(&mut world, 1);
    assert!(arrives(&mut world, 3));
    world.advance(1_100);
    world.pages[1].path = beside;
    let check = world.pages[1].check(false);
    world.send(1, check);
    assert!(arrives(&mut world, 4));
}

#[test]
fn a_connection_that_ended_is_sent_nothing_and_another_is_another_path() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.restart_alone(1, tcp_path(5_555, 0));
    let check = world.pages[1].check(true);
    world.send(1, check);
    assert!(arrives(&mut world, 1));
    let ended = world.pages[1].path;
    assert!(world.engine.knows(&ended));
    world.engine.forget_path(ended);
    assert!(!world.engine.knows(&ended));
    assert!(!arrives(&mut world, 2));
    world.advance(1_000);
    // From the same port.
    world.pages[1].path = tcp_path(5_555, 1);
    let check = world.pages[1].check(false);
    world.send(1, check);
    assert!(arrives(&mut world, 3));
    world.engine.forget_path(ended);
    assert!(arrives(&mut world, 4), "its end was told before");
    assert!(world.strays.is_empty());
}

#[test]
fn pictures_are_what_can_be_given_up() {
    let mut world = World::new(2, false);
    world.open_gate();
    world.pages[1].path = tcp_path(5_555, 0);
    let check = world.pages[1].check(true);
    world.send(1, check);
    let urgencies = |world: &mut World, packet: &Packet| {
        let (at, mut datagram) = (world.pages[0].path, world.pages[0].seal(packet));
        world.engine.handle_datagram(world.now, at, &mut datagram, &mut world.out);
        let urgencies: Vec<_> = world.out.framed().map(|datagram| datagram.urgency).collect();
        world.out.clear();
        urgencies
    };
    assert_eq!(urgencies(&mut world, &Packet::audio(Seat(0), 1)), [Urgency::Vital]);
    let picture = Packet::video(Seat(0), None, 1, true);
    assert_eq!(urgencies(&mut world, &picture), [Urgency::Picture]);
}

#[test]
fn whoever_gets_nothing_else_gets_a_beacon_however_late_the_clock_is() {
    for late in [0, 3, 11, 19] {
        let mut world = World::new(8, false);
        let (mut sent, mut gap, mut last) = (0, Duration::ZERO, world.now);
        let end = world.now + Duration::from_secs(10);
        let begin = world.now;
        while world.now < end {
            let due = world.engine.poll_timeout().expect("there are peers");
            world.now = due.max(world.now) + Duration::from_millis(late);
            world.engine.handle_timeout(world.now, &mut world.out);
            sent += world.out.len();
            if world.out.iter().any(|(to, _)| to == world.pages[3].path) {
                gap = gap.max(world.now - last);
                last = world.now;
            }
            world.out.clear();
            if world.now - begin > Duration::from_secs(1) {
                // Somebody is there: a report once in a while.
                for at in 0..8 {
                    let (from, mut report) = (world.pages[at].path, {
                        let mut compound = Vec::new();
                        rtcp::write_receiver_report(&mut compound, 1, std::iter::empty());
                        world.pages[at].seal_rtcp(&compound)
                    });
                    world.engine.handle_datagram(world.now, from, &mut report, &mut world.out);
                }
            }
        }
        assert!(gap <= Duration::from_millis(160 + 2 * late), "{gap:?} at {late} ms");
        // What an idle room of eight costs: six packets a second and a little for each.
        assert!((380..=580).contains(&sent), "{sent} packets in 10 s at {late} ms");
        println!(
            "idle room of eight, clock {late} ms late: {} packets/s, longest silence {gap:?}",
            sent / 10
        );
    }
}
