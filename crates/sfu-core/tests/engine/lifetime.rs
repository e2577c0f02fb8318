//! A room that is left goes on as it is for a moment, whatever happens, and not a packet longer.

use std::time::Duration;

use palabre_ids::Seat;
use palabre_sfu_core::engine::NegotiateError;
use palabre_sfu_core::negotiate::Offer;
use proptest::collection::vec;
use proptest::prelude::{ProptestConfig, any, prop_assert_eq, proptest};

use crate::support::{ALL, Packet, World};

const LINGER: u64 = 1_500;

/// Three people of whom the first may speak, in a room that was left just now.
fn left() -> World {
    let mut world = World::new(3, false);
    world.gate(&[(0, ALL)]);
    let until = world.now + Duration::from_millis(LINGER);
    world.engine.leave_room(world.now, &world.room, until);
    world.drain_all();
    world
}

/// How many heard what a seat says.
fn says(world: &mut World, seat: u8, n: u16) -> usize {
    world.send_packet(usize::from(seat), &Packet::audio(Seat(seat), n));
    world.drain_all().len()
}

#[test]
fn a_room_that_was_left_goes_on_as_it_is_and_ends_in_time() {
    let mut world = left();
    let frames = u16::try_from(LINGER / 20).expect("few");
    for n in 0..frames {
        assert_eq!(says(&mut world, 0, n), 2, "frame {n}");
        assert_eq!(says(&mut world, 1, n), 0, "who may not speak still may not");
        world.advance(20);
    }
    assert_eq!(says(&mut world, 0, frames), 0, "its time is over");
    let stats = world.engine.stats();
    assert_eq!((stats.rooms, stats.peers), (0, 0));
}

#[test]
fn a_process_that_was_stopped_forwards_nothing_of_it_afterwards() {
    let mut world = left();
    assert_eq!(says(&mut world, 0, 0), 2);
    // No timer ran meanwhile: the packet is the first thing that it sees.
    world.now += Duration::from_secs(10);
    assert_eq!(says(&mut world, 0, 1), 0);
    assert_eq!(world.engine.stats().rooms, 0);
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    /// Whoever took it over gives others rights [`LINGER`] after that, which was later.
    #[test]
    fn however_its_process_is_stopped_it_forwards_until_its_time_and_never_after_it(
        pauses in vec((any::<bool>(), 0_u64..700), 1..12),
    ) {
        let mut world = left();
        let (start, mut n) = (world.now, 0);
        let since = |world: &World| (world.now - start).as_millis() as u64;
        for (stopped, pause) in pauses {
            if stopped {
                // What came meanwhile waits in the socket, and is the first thing that it sees.
                world.now += Duration::from_millis(pause);
            } else {
                world.advance(pause);
            }
            n += 1;
            prop_assert_eq!(says(&mut world, 0, n) > 0, since(&world) < LINGER);
        }
    }
}

#[test]
fn nothing_changes_a_room_that_was_left() {
    let mut world = left();
    world.open_gate();
    assert_eq!(says(&mut world, 1, 0), 0, "nobody is let in");
    world.gate(&[]);
    assert_eq!(says(&mut world, 0, 0), 2, "nor out");
    world.engine.close_seat(world.now, &world.room, Seat(0));
    assert_eq!(says(&mut world, 0, 1), 2);
    assert!(!world.has_session(Seat(0)));
    assert_eq!(world.engine.open_tunnel(world.now, &world.room, Seat(1)), None);
    let offer = world.pages[0].offer(false, 2);
    let offer = Offer::parse(&offer).expect("an offer");
    let answer = world.engine.negotiate(world.now, &world.room, Seat(0), offer);
    assert_eq!(answer, Err(NegotiateError::UnknownRoom));
}

#[test]
fn what_begins_anew_ends_what_was_left() {
    for closed in [false, true] {
        let mut world = left();
        if closed {
            world.engine.close_room(world.now, &world.room);
        } else {
            world.engine.open_room(world.now, &world.room, 3);
        }
        assert_eq!(says(&mut world, 0, 0), 0, "closed: {closed}");
        assert_eq!(world.engine.stats().peers, 0);
        assert_eq!(world.engine.stats().rooms, u64::from(!closed));
    }
}

#[test]
fn a_room_whose_time_is_over_already_ends_at_once() {
    let mut world = World::new(3, false);
    world.gate(&[(0, ALL)]);
    world.engine.leave_room(world.now, &world.room, world.now);
    assert_eq!(says(&mut world, 0, 0), 0);
    assert_eq!(world.engine.stats().rooms, 0);
}

#[test]
fn tunnels_end_with_their_connections() {
    let mut world = World::new(3, false);
    world.gate(&[(0, ALL)]);
    // A session that has just come up would go on beside it.
    world.advance(2_000);
    world.engine.open_tunnel(world.now, &world.room, Seat(1)).expect("a seat");
    let until = world.now + Duration::from_millis(LINGER);
    world.engine.leave_room(world.now, &world.room, until);
    assert_eq!(says(&mut world, 0, 0), 1, "who has none");
    assert!(world.voices.is_empty());
    assert_eq!(world.engine.stats().tunnels, 0);
}
