//! What is due at a peer by the clock: the handshake's retransmissions, reports, requests for lost
//! packets and keyframes, and the beacon by which a page tells a dead path.

use std::time::{Duration, Instant};

use palabre_ids::MediaKind;

use crate::engine::peer::{Link, Peer};
use crate::engine::room::Room;
use crate::media::publication::clock_rate;
use crate::media::reception::SenderInfo;
use crate::media::rtcp;
use crate::outbox::{Outbox, Urgency};
use crate::transport::srtp::RTCP_TAIL;

/// How often a peer is looked after. Shorter asks for lost packets sooner and costs CPU by the peer.
pub(super) const TICK: Duration = Duration::from_millis(50);
/// The same while packets are missing.
pub(super) const TICK_REPAIRING: Duration = Duration::from_millis(20);
/// How often arrival times are reported. A page's estimate lags by it; each report is a datagram.
const FEEDBACK: Duration = Duration::from_millis(100);
/// How often reports are sent (RFC 3550 would allow 360 ms at 1 Mbit/s).
const REPORT: Duration = Duration::from_secs(1);
/// The longest silence towards a peer: its page judges a dead path by three that do not come
/// (`DEAD_AFTER` in `web-client/src/media/pathwatch.ts`). Longer makes every way back longer, by three times
/// as much; shorter costs each idle peer more datagrams.
pub(super) const BEACON: Duration = Duration::from_millis(160);
/// A compound stays below this.
const MAX_COMPOUND: usize = 1_180;
/// The largest arrival report.
const MAX_FEEDBACK: usize = 760;
/// How many lost packets of one source are asked for at once.
const MAX_NACKED: usize = 64;

/// When each kind of thing is next due at a peer.
pub(super) struct Schedule {
    feedback: Instant,
    report: Instant,
    beacon: Instant,
}

impl Schedule {
    pub(super) fn new(now: Instant) -> Self {
        Self { feedback: now, report: now, beacon: now }
    }

    /// Has a whole report leave with the next look.
    pub(super) fn report_at(&mut self, now: Instant) {
        self.report = now;
    }

    /// When the next beacon leaves at the latest.
    pub(super) fn beacon(&self) -> Instant {
        self.beacon
    }
}

/// What a compound did.
#[derive(Default)]
pub(super) struct Composed {
    pub(super) keyframe_requests: u64,
    pub(super) packets_nacked: u64,
    pub(super) feedback_reports: u64,
}

/// Builds and sends the peer's RTCP that is due, in one datagram. `scratch` is storage.
pub(super) fn send_rtcp(
    room: &mut Room,
    seat: usize,
    now: Instant,
    scratch: &mut Vec<u8>,
    out: &mut Outbox,
) -> Composed {
    let mut composed = Composed::default();
    scratch.clear();
    let reporting = match room.peers.get(seat) {
        Some(Some(peer)) if peer.is_up() => now >= peer.schedule.report,
        _ => return composed,
    };
    if reporting {
        write_sender_reports(room, seat, now, scratch);
    }
    let Some(Some(peer)) = room.peers.get_mut(seat) else { return composed };
    let local = peer.local_ssrc();
    if reporting {
        peer.schedule.report = now + REPORT;
        write_reception(peer, local, now, scratch);
        rtcp::write_description(scratch, local, peer.canonical_name.as_bytes());
    } else {
        rtcp::write_receiver_report(scratch, local, std::iter::empty());
    }
    let bare = scratch.len();
    write_requests(peer, local, now, scratch, &mut composed);
    if now >= peer.schedule.feedback && peer.arrivals.is_pending() {
        let media = peer.publication.ssrcs().first().copied();
        if let Some(media) = media.filter(|_| scratch.len() + MAX_FEEDBACK < MAX_COMPOUND) {
            peer.schedule.feedback = now + FEEDBACK;
            peer.arrivals.report(local, media, scratch);
            composed.feedback_reports += 1;
        }
    }
    if reporting || scratch.len() > bare || now >= peer.schedule.beacon {
        peer.schedule.beacon = now + BEACON;
        seal(peer, scratch, out);
    }
    composed
}

fn seal(peer: &mut Peer, scratch: &mut Vec<u8>, out: &mut Outbox) {
    let Some(path) = peer.paths.spend(scratch.len() + RTCP_TAIL, Urgency::Vital) else { return };
    let Link::Up { outbound, .. } = &mut peer.link else { return };
    scratch.reserve(RTCP_TAIL);
    if outbound.seal_rtcp(scratch).is_ok() {
        out.push(*path, scratch);
    }
}

/// A sender report for each stream whose source has told its own clock: the receiver's lips and
/// voices meet by the publisher's clock, not by ours.
fn write_sender_reports(room: &mut Room, seat: usize, now: Instant, scratch: &mut Vec<u8>) {
    let count = room.peers[seat].as_ref().map_or(0, |peer| peer.downlinks.len());
    for at in 0..count {
        let Some((kind, source)) = room.peers[seat].as_ref().and_then(|peer| {
            let downlink = &peer.downlinks[at];
            Some((downlink.slot.kind, downlink.forwarder.current()?))
        }) else {
            continue;
        };
        let Some(info) = room.sender_info(kind, source) else { continue };
        let Some(Some(peer)) = room.peers.get_mut(seat) else { return };
        let downlink = &mut peer.downlinks[at];
        let (ntp, rtp) = extrapolate(info, now, kind);
        let Some(rtp) = downlink.forwarder.translate(rtp) else { continue };
        let (packets, octets) = downlink.forwarder.sent();
        if scratch.len() + 28 > MAX_COMPOUND / 2 {
            return;
        }
        downlink.reported = Some(((ntp >> 16) as u32, now));
        rtcp::write_sender_report(scratch, downlink.slot.ssrc, ntp, rtp, packets, octets);
    }
}

/// A sender's clock now, by its last report.
fn extrapolate(info: SenderInfo, now: Instant, kind: MediaKind) -> (u64, u32) {
    let elapsed = now.saturating_duration_since(info.at);
    let fraction = (u128::from(elapsed.subsec_nanos()) << 32) / 1_000_000_000;
    let ntp = info.ntp.wrapping_add(elapsed.as_secs() << 32).wrapping_add(fraction as u64);
    let ticks = elapsed.as_micros() * u128::from(clock_rate(kind)) / 1_000_000;
    (ntp, info.rtp.wrapping_add(ticks as u32))
}

fn write_reception(peer: &mut Peer, local: u32, now: Instant, scratch: &mut Vec<u8>) {
    let layers = peer.publication.sections.iter_mut().flat_map(|section| &mut section.layers);
    let blocks = layers.filter_map(|layer| {
        let ssrc = layer.ssrc()?;
        layer.reception().report(now, ssrc)
    });
    rtcp::write_receiver_report(scratch, local, blocks);
}

/// Lost packets and keyframes that are to be asked for.
fn write_requests(
    peer: &mut Peer,
    local: u32,
    now: Instant,
    scratch: &mut Vec<u8>,
    composed: &mut Composed,
) {
    let round_trip = peer.round_trip;
    for layer in peer.publication.sections.iter_mut().flat_map(|section| &mut section.layers) {
        let Some(ssrc) = layer.ssrc() else { continue };
        // A request takes at most four bytes for each packet, and a keyframe request twelve.
        if scratch.len() + 12 + 4 * MAX_NACKED + 12 > MAX_COMPOUND {
            return;
        }
        let mut lost = [0; MAX_NACKED];
        let mut count = 0;
        layer.reception().due(now, round_trip, MAX_NACKED, |sequence| {
            lost[count] = sequence;
            count += 1;
        });
        if count > 0 {
            rtcp::write_nack(scratch, local, ssrc, &lost[..count]);
            composed.packets_nacked += count as u64;
        }
        if layer.reception().take_cut() {
            layer.want_keyframe();
        }
        if let Some(ssrc) = layer.take_keyframe_request(now) {
            rtcp::write_keyframe_request(scratch, local, ssrc);
            composed.keyframe_requests += 1;
        }
    }
}
