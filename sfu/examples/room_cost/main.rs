//! What a room of eight costs on real sockets of the loopback interface, beside the floor of
//! receiving, opening, sealing and sending the same packets, in one run.
//!
//! `cargo run --release -p palabre-sfu --example room_cost [-- SECONDS]`: everybody sends audio (50
//! packets/s of 100 bytes) and video (1,100 bytes), and all of it goes to the seven others. The cost
//! is the processor time of the server's thread alone, user and system, by the thread's own clock.

#[expect(dead_code, unused_imports, reason = "the engine's tests use the rest")]
#[path = "../../../crates/sfu-core/tests/engine/support/mod.rs"]
mod support;
#[expect(dead_code, unreachable_pub, reason = "the shard uses the rest, the crate exports some")]
#[path = "../../src/sys.rs"]
mod sys;

mod floor;
mod heap;
mod load;

use std::net::{Ipv4Addr, SocketAddr};
use std::time::Duration;

use palabre_ids::{Epoch, GateEntry, Group, RoomId, Seat};
use palabre_sfu::{Sfu, SfuConfig, SfuHandle};
use palabre_sfu_core::GateTable;

use floor::Floor;
use load::{Client, Figures, Rate, SEATS};
use support::ALL;

/// What is thrown away of each measurement: caches warm up, and the kernel's buffers.
const WARM_UP: Duration = Duration::from_secs(1);
/// Floor and shard take turns, so that both meet the same machine.
const ROUNDS: usize = 3;

/// What one server did with a load.
struct Outcome {
    nanos_per_packet: f64,
    figures: Figures,
}

/// Opens a room in `sfu`, with a client in each seat.
async fn join(sfu: &SfuHandle, name: &str) -> Vec<Client> {
    let room = RoomId::parse(name).expect("a room's name");
    let to = SocketAddr::from((Ipv4Addr::LOCALHOST, sfu.ports()[0]));
    sfu.open_room(&room, SEATS).await.expect("running");
    let entry = |seat| GateEntry { seat: Seat(seat), rights: ALL, group: Group::PLENARY };
    let entries = (0..SEATS).map(entry).collect();
    sfu.set_gate(&room, GateTable { epoch: Epoch(1), entries }).await.expect("running");
    let mut clients = Vec::new();
    for seat in (0..SEATS).map(Seat) {
        let mut client = Client::new(seat, to);
        let answer = sfu.negotiate(&room, seat, client.offer()).await.expect("an answer").answer;
        client.connect(&answer);
        clients.push(client);
    }
    clients
}

fn start() -> SfuHandle {
    let bind = SocketAddr::from((Ipv4Addr::LOCALHOST, 0));
    let (sfu, _nobody) =
        Sfu::start(&SfuConfig { shards: 1, bind, advertise: Vec::new() }).expect("it starts");
    sfu
}

/// The engine and its shell under `rate`.
async fn shard(rate: Rate, time: Duration) -> Outcome {
    let sfu = start();
    let mut clients = join(&sfu, "bench-room").await;
    let mut load = load::Load::new(rate);
    load.run(&mut clients, WARM_UP);
    let before = sfu.stats().await.expect("running")[0];
    let figures = load.run(&mut clients, time);
    let after = sfu.stats().await.expect("running")[0];
    sfu.shutdown().await;
    let forwarded = after.engine.packets_out - before.engine.packets_out;
    let busy = after.busy_nanos - before.busy_nanos;
    Outcome { nanos_per_packet: busy as f64 / forwarded as f64, figures }
}

/// The floor under `rate`, with segmentation or without.
fn least(rate: Rate, time: Duration, segmentation: bool) -> Outcome {
    let (floor, mut clients) = Floor::start(segmentation);
    let mut load = load::Load::new(rate);
    load.run(&mut clients, WARM_UP);
    let before = floor.read();
    let figures = load.run(&mut clients, time);
    let after = floor.stop();
    let nanos = (after.busy_nanos - before.busy_nanos) as f64;
    Outcome { nanos_per_packet: nanos / (after.sent - before.sent) as f64, figures }
}

fn median(outcomes: &[Outcome], pick: impl Fn(&Outcome) -> f64) -> f64 {
    let mut figures: Vec<_> = outcomes.iter().map(pick).collect();
    figures.sort_by(f64::total_cmp);
    figures[figures.len() / 2]
}

fn cost(outcome: &Outcome) -> f64 {
    outcome.nanos_per_packet / 1e3
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn tell(name: &str, outcomes: &[Outcome], floor: Option<&[Outcome]>) {
    let cost_here = median(outcomes, cost);
    let ratio =
        floor.map_or(String::new(), |floor| format!("{:.2}", cost_here / median(floor, cost)));
    let received: u64 = outcomes.iter().map(|outcome| outcome.figures.received).sum();
    let millis = |quantile| {
        median(outcomes, |outcome| outcome.figures.latency(quantile).as_secs_f64() * 1e3)
    };
    println!(
        "{name:28} {cost_here:8.2} {ratio:>6} {received:8} {:8.3} {:8.2} {:8.2}",
        100.0 * median(outcomes, |outcome| outcome.figures.loss()),
        millis(0.5),
        millis(0.99),
    );
}

#[expect(clippy::print_stdout, reason = "the figures are what it is for")]
fn main() {
    heap::not_counted();
    let seconds = std::env::args().nth(1).and_then(|n| n.parse().ok()).unwrap_or(3);
    let time = Duration::from_secs(seconds);
    let runtime =
        tokio::runtime::Builder::new_current_thread().build().expect("a runtime without drivers");
    println!(
        "{:28} {:>8} {:>6} {:>8} {:>8} {:>8} {:>8}",
        "", "µs/pkt", "ratio", "received", "lost %", "p50 ms", "p99 ms"
    );
    let rates = [
        ("100/s", Rate { bursts: 100, burst: 1 }),
        ("600/s", Rate { bursts: 600, burst: 1 }),
        ("300/s by tens", Rate { bursts: 30, burst: 10 }),
    ];
    for (name, rate) in rates {
        let (mut plain, mut segmented, mut complete) = (vec![], vec![], vec![]);
        for _ in 0..ROUNDS {
            plain.push(least(rate, time, false));
            segmented.push(least(rate, time, true));
            complete.push(runtime.block_on(shard(rate, time)));
        }
        tell(&format!("{name}: floor"), &plain, None);
        tell(&format!("{name}: floor, GSO"), &segmented, None);
        tell(&format!("{name}: shard"), &complete, Some(&segmented));
    }
    let (bytes, rooms) = runtime.block_on(memory());
    println!(
        "heap of a room of eight, caches full: {:.2} MiB",
        bytes / f64::from(rooms) / 1048576.0
    );
}

/// What the media thread holds of a few rooms whose caches are full.
async fn memory() -> (f64, u32) {
    const ROOMS: u32 = 4;
    let sfu = start();
    let mut all: Vec<_> = vec![join(&sfu, "bench-room").await];
    load::fill(&mut all[0]);
    sfu.stats().await.expect("running");
    let before = heap::bytes();
    for n in 0..ROOMS {
        let mut clients = join(&sfu, &format!("bench-room-{n}")).await;
        load::fill(&mut clients);
        all.push(clients);
    }
    sfu.stats().await.expect("running");
    let after = heap::bytes();
    sfu.shutdown().await;
    ((after - before) as f64, ROOMS)
}
