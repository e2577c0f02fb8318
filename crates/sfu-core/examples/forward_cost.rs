//! What forwarding a packet costs in user mode, beside the floor of copying and sealing it, in one run.
//!
//! `cargo run --release -p palabre-sfu-core --example forward_cost [-- FRAMES]`: one room of eight,
//! everything forwarded. To count instructions, run it under
//! `valgrind --tool=callgrind --toggle-collect='*measured_*'` and divide by the packets forwarded;
//! `cargo xtask bench` does both.

#[expect(dead_code, unused_imports, reason = "the engine's tests use the rest")]
#[path = "../tests/engine/support/mod.rs"]
mod support;

use std::time::Duration;

use palabre_ids::Seat;
use palabre_sfu_core::Path;
use palabre_sfu_core::outbox::Outbox;
use palabre_sfu_core::transport::srtp::{MasterKey, SrtpKeys, SrtpOutbound, SrtpPair, SrtpProfile};
use support::{Packet, World};

const SEATS: usize = 8;
/// Frames before anything is measured.
const WARM_UP: u16 = 40;
/// Engine and floor take turns, so that both meet the same machine.
const ROUNDS: u16 = 9;
/// Packets in a frame of video.
const BURST: u16 = 10;
const PAYLOAD: usize = 1_100;

/// The engine's part of the work.
#[inline(never)]
fn measured_forwarding(world: &mut World, batches: &mut [Vec<(Path, Vec<u8>)>]) {
    forward(world, batches);
}

fn forward(world: &mut World, batches: &mut [Vec<(Path, Vec<u8>)>]) {
    for batch in batches {
        world.now += Duration::from_millis(4);
        for (path, datagram) in batch.iter_mut() {
            world.engine.handle_datagram(world.now, *path, datagram, &mut world.out);
        }
        world.engine.handle_timeout(world.now, &mut world.out);
        std::hint::black_box(world.out.iter().map(|(_, datagram)| datagram.len()).sum::<usize>());
        world.out.clear();
    }
}

/// Copying a payload behind a header and sealing it, and nothing else.
#[inline(never)]
fn floor(packets: u64, payload: &[u8], outbound: &mut SrtpOutbound, out: &mut Outbox, path: Path) {
    for index in 0..packets {
        out.push_with(path, payload.len() + 64, |bytes| {
            bytes[..24].fill(0x90);
            bytes[24..24 + payload.len()].copy_from_slice(payload);
            outbound.seal_rtp(bytes, 24, 24 + payload.len(), 7, index).ok()
        });
        if index % 560 == 559 {
            std::hint::black_box(out.iter().map(|(_, datagram)| datagram.len()).sum::<usize>());
            out.clear();
        }
    }
}

fn batches(world: &mut World, frames: std::ops::Range<u16>) -> Vec<Vec<(Path, Vec<u8>)>> {
    frames
        .map(|frame| {
            let mut batch = Vec::new();
            for at in 0..SEATS {
                let (seat, path) = (Seat(at as u8), world.pages[at].path);
                for part in 0..BURST {
                    let key = frame == 0 && part == 0;
                    let mut packet = Packet::video(seat, None, frame * BURST + part, key);
                    packet.timestamp = u32::from(frame) * 3_000;
                    packet.payload.resize(PAYLOAD, 7);
                    batch.push((path, world.pages[at].seal(&packet)));
                }
                let audio = world.pages[at].seal(&Packet::audio(seat, frame));
                batch.push((path, audio));
            }
            batch
        })
        .collect()
}

/// The processor time of this thread; what else the machine does is not in it.
fn busy() -> Duration {
    let text = std::fs::read_to_string("/proc/thread-self/schedstat").expect("Linux");
    let nanos = text.split(' ').next().and_then(|nanos| nanos.parse().ok());
    Duration::from_nanos(nanos.expect("the first number"))
}

fn median(mut figures: Vec<f64>) -> f64 {
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() {
    let frames: u16 = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(600);
    let each = (frames / ROUNDS).max(1);
    let mut world = World::new(SEATS as u8, false);
    world.open_gate();
    let mut warm = batches(&mut world, 0..WARM_UP);
    forward(&mut world, &mut warm);

    let key = |byte| MasterKey::new(&[byte; 16], &[byte; 12]);
    let keys = SrtpKeys { profile: SrtpProfile::AeadAes128Gcm, local: key(1), remote: key(2) };
    let (_, mut outbound) = SrtpPair::new(&keys).expect("keys of the right length");
    let (payload, mut out) = (vec![7; PAYLOAD], Outbox::new());
    let (mut engine, mut least, mut ratios, mut forwarded) = (vec![], vec![], vec![], 0);
    for round in 0..ROUNDS {
        let first = WARM_UP + round * each;
        let mut work = batches(&mut world, first..first + each);
        let before = world.engine.stats().packets_out;
        let start = busy();
        measured_forwarding(&mut world, &mut work);
        let took = busy() - start;
        let count = world.engine.stats().packets_out - before;
        let expected = u64::from(each) * u64::from(BURST + 1) * (SEATS * (SEATS - 1)) as u64;
        assert_eq!(count, expected, "everything is forwarded");
        let start = busy();
        floor(count, &payload, &mut outbound, &mut out, support::path(1));
        let floor = busy() - start;
        forwarded += count;
        engine.push(took.as_nanos() as f64 / count as f64);
        least.push(floor.as_nanos() as f64 / count as f64);
        ratios.push(took.as_secs_f64() / floor.as_secs_f64());
    }
    println!("forwarded {forwarded} packets; medians of {ROUNDS} rounds, processor time");
    println!("engine {:.0} ns per forwarded packet", median(engine));
    println!("floor  {:.0} ns per packet (copy and seal of {PAYLOAD} bytes)", median(least));
    println!("ratio  {:.2}", median(ratios));
}
