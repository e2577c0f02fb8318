//! Forwarding a packet allocates nothing.

use std::alloc::{GlobalAlloc, Layout, System};
use std::cell::Cell;

use palabre_ids::Seat;

use crate::support::{Packet, World};

thread_local! {
    static COUNT: Cell<u64> = const { Cell::new(0) };
}

/// Counts what a thread allocates.
struct Counting;

fn count() {
    // A thread that is ending has no count any more.
    let _ = COUNT.try_with(|count| count.set(count.get() + 1));
}

// SAFETY: everything is passed on to the system's allocator unchanged.
unsafe impl GlobalAlloc for Counting {
    unsafe fn alloc(&self, layout: Layout) -> *mut u8 {
        count();
        // SAFETY: the caller keeps the contract, which is the system allocator's.
        unsafe { System.alloc(layout) }
    }
    unsafe fn dealloc(&self, pointer: *mut u8, layout: Layout) {
        // SAFETY: as above.
        unsafe { System.dealloc(pointer, layout) }
    }
    unsafe fn realloc(&self, pointer: *mut u8, layout: Layout, size: usize) -> *mut u8 {
        count();
        // SAFETY: as above.
        unsafe { System.realloc(pointer, layout, size) }
    }
}

#[global_allocator]
static ALLOCATOR: Counting = Counting;

#[test]
fn a_forwarded_packet_allocates_nothing() {
    let mut world = World::new(8, true);
    world.open_gate();
    let mut datagrams = Vec::new();
    for n in 0..600_u16 {
        for at in 0..8 {
            let seat = Seat(at as u8);
            let path = world.pages[at].path;
            let audio = world.pages[at].seal(&Packet::audio(seat, n));
            datagrams.push((path, audio));
            for rid in ["q", "h", "f"] {
                let mut packet = Packet::video(seat, Some(rid), n, n % 100 == 0);
                packet.payload.resize(900, 7);
                let video = world.pages[at].seal(&packet);
                datagrams.push((path, video));
            }
        }
    }
    let half = datagrams.len() / 2;
    let (warm, measured) = datagrams.split_at_mut(half);
    let mut run = |datagrams: &mut [(_, Vec<u8>)]| {
        let (before, sent) = (COUNT.get(), world.engine.stats().packets_out);
        for frame in datagrams.chunks_mut(32) {
            world.now += std::time::Duration::from_millis(20);
            for (path, datagram) in frame {
                world.engine.handle_datagram(world.now, *path, datagram, &mut world.out);
            }
            // Reports and requests too.
            world.engine.handle_timeout(world.now, &mut world.out);
            world.out.clear();
            while world.engine.poll_event().is_some() {}
        }
        (COUNT.get() - before, world.engine.stats().packets_out - sent)
    };
    run(warm);
    let (allocations, forwarded) = run(measured);
    assert_eq!(forwarded, 2 * 8 * 7 * 300, "audio and one layer to seven others");
    assert_eq!(allocations, 0, "for {forwarded} packets");
}

#[test]
fn the_count_counts() {
    let before = COUNT.get();
    std::hint::black_box(vec![0_u8; 100]);
    assert_eq!(COUNT.get() - before, 1);
}
