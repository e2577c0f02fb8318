//! What is sent to an address on the word of media alone: a participant can write any.

use std::net::SocketAddr;

use palabre_ids::Seat;
use palabre_sfu_core::Path;
use palabre_sfu_core::media::reception::ReportBlock;
use palabre_sfu_core::media::rtcp;
use rtc_rtcp::sender_report::SenderReport;

use crate::support::{Packet, World, mic_ssrc, path};

/// A path from another host than the pages'.
fn elsewhere() -> Path {
    Path { remote: SocketAddr::from(([203, 0, 113, 9], 443)), ..path(1) }
}

/// Seats 0 and 2 send pictures of 50 kB/s each and sound for `frames` times 20 ms.
fn others_send(world: &mut World, from: u16, frames: u16) {
    for n in from..from + frames {
        for at in [0, 2] {
            let seat = Seat(at as u8);
            let mut picture = Packet::video(seat, None, n, n == from);
            picture.payload.resize(1_000, 7);
            world.send_packet(at, &Packet::audio(seat, n));
            world.send_packet(at, &picture);
        }
        world.advance(20);
    }
}

fn world() -> World {
    let mut world = World::new(3, false);
    world.open_gate();
    for at in 0..3 {
        world.send_packet(at, &Packet::audio(Seat(at as u8), 1));
    }
    // A clock, for reports to tell of.
    let mut compound = Vec::new();
    rtcp::write_sender_report(&mut compound, mic_ssrc(Seat(0)), 500 << 32, 96_000, 1, 1);
    let compound = world.pages[0].seal_rtcp(&compound);
    world.send(0, compound);
    world.drain_all();
    world
}

/// Pictures and sounds that a page received since.
fn received(world: &mut World, at: usize) -> (usize, usize) {
    let received = std::mem::take(&mut world.pages[at].received);
    let pictures = received.iter().filter(|packet| packet.payload.len() > 500).count();
    (pictures, received.len() - pictures)
}

/// A report about the microphone of seat 0, as page 1 receives it, that answers `last_report`.
fn answer(world: &mut World, last_report: u32) -> Vec<u8> {
    let slot = world.pages[1].slots[&world.pages[1].slot(Seat(0), false)];
    let block = ReportBlock {
        ssrc: slot.media,
        fraction_lost: 0,
        lost: 0,
        highest: 1,
        jitter: 0,
        last_report,
        delay: 0,
    };
    let mut compound = Vec::new();
    rtcp::write_receiver_report(&mut compound, 1, std::iter::once(block));
    world.pages[1].seal_rtcp(&compound)
}

/// What page 1 was told last of the sender of seat 0's sound, as its reports name it.
fn last_told(world: &mut World) -> u32 {
    let slot = world.pages[1].slots[&world.pages[1].slot(Seat(0), false)];
    let compounds = std::mem::take(&mut world.pages[1].rtcp);
    let reports = compounds
        .iter()
        .flat_map(|compound| rtc_rtcp::packet::unmarshal(&mut &compound[..]).expect("well formed"));
    let clocks: Vec<u64> = reports
        .filter_map(|packet| packet.as_any().downcast_ref::<SenderReport>().cloned())
        .filter(|report| report.ssrc == slot.media)
        .map(|report| report.ntp_time)
        .collect();
    (clocks.last().expect("a report") >> 16) as u32
}

#[test]
fn a_participants_own_packet_is_no_hose_at_another_host() {
    let mut world = world();
    let victim = elsewhere();
    let spoofed = world.pages[1].seal(&Packet::audio(Seat(1), 2));
    world.send_from(victim, spoofed);
    others_send(&mut world, 10, 390);
    let first = world.strays[&victim];
    assert!(first > 200_000, "whoever is there has pictures until they can answer: {first}");
    assert!(first < 350_000, "and no more than so: {first}");
    // Home and back at once: that gets sound, and no pictures any more.
    world.send_packet(1, &Packet::audio(Seat(1), 3));
    let spoofed = world.pages[1].seal(&Packet::audio(Seat(1), 4));
    world.send_from(victim, spoofed);
    others_send(&mut world, 400, 100);
    let second = world.strays[&victim] - first;
    assert!(second < 20_000, "{second}");
}

#[test]
fn whoever_answers_from_another_host_has_everything() {
    let mut world = world();
    others_send(&mut world, 10, 60);
    let before = last_told(&mut world);
    // It is known by its reports, too.
    let report = answer(&mut world, before);
    world.send(1, report);
    world.pages[1].path = elsewhere();
    // What was told at the old place is known to whoever was there: it proves nothing.
    let old = answer(&mut world, before);
    world.send(1, old);
    others_send(&mut world, 70, 20);
    let told = last_told(&mut world);
    assert_ne!(told, before, "a report leaves at once");
    let new = answer(&mut world, told);
    world.send(1, new);
    received(&mut world, 1);
    others_send(&mut world, 90, 300);
    assert_eq!(received(&mut world, 1), (600, 600));
}

#[test]
fn sound_waits_for_no_proof() {
    let mut world = world();
    world.pages[1].path = elsewhere();
    world.send_packet(1, &Packet::audio(Seat(1), 2));
    others_send(&mut world, 10, 380);
    let (pictures, sounds) = received(&mut world, 1);
    assert_eq!(sounds, 760);
    assert!((150..350).contains(&pictures), "{pictures}");
}

#[test]
fn another_port_of_the_same_host_is_trusted_as_before() {
    let mut world = world();
    world.pages[1].path = path(5_555);
    world.send_packet(1, &Packet::audio(Seat(1), 2));
    others_send(&mut world, 10, 380);
    assert_eq!(received(&mut world, 1), (760, 760));
}
