use std::collections::{BTreeMap, HashSet};
use std::time::Duration;

use palabre_ids::MediaKind;
use proptest::prelude::{Strategy, prop_assert, prop_assert_eq, prop_oneof, proptest};

use super::*;
use crate::media::publication::Origin;
use crate::session::Codec;

const RUN: Run = Run { session: 1, count: 0 };

/// A VP8 source: one packet a frame.
#[derive(Clone, Copy)]
struct Camera {
    layer: u8,
    run: Run,
    base: u64,
    timestamp: u32,
    picture: u16,
}

impl Camera {
    fn frame(&self, n: u64, key: bool) -> Vec<u8> {
        let picture = self.picture.wrapping_add(n as u16) & 0x7fff;
        vec![0x90, 0x80, 0x80 | (picture >> 8) as u8, picture as u8, u8::from(!key), 1, 2, 3]
    }

    fn packet<'a>(&self, n: u64, payload: &'a [u8]) -> Incoming<'a> {
        let vp8 = vp8::Descriptor::read(payload);
        Incoming {
            kind: MediaKind::Video,
            origin: Origin { uplink: 1, layer: self.layer },
            run: self.run,
            index: Index(self.base + n),
            timestamp: self.timestamp.wrapping_add(n as u32 * 3_000),
            marker: true,
            codec: Codec::Vp8,
            starts: vp8.is_some_and(|d| d.starts_keyframe),
            vp8,
            audio_level: None,
            echoes: false,
            payload,
        }
    }
}

fn layers() -> [Camera; 3] {
    let camera =
        |layer: u8, base, timestamp, picture| Camera { layer, run: RUN, base, timestamp, picture };
    [
        camera(0, 65_000, 5, 100),
        camera(1, 20, u32::MAX - 9_000, 32_000),
        camera(2, 9_000_000, 77, 9),
    ]
}

fn picture_of(camera: &Camera, n: u64, key: bool, placement: &Placement) -> u16 {
    let mut payload = camera.frame(n, key);
    let read = vp8::Descriptor::read(&payload).expect("well formed");
    read.rewrite(placement.vp8, &mut payload);
    u16::from_be_bytes([payload[2] & 0x7f, payload[3]])
}

struct Slot {
    forwarder: Forwarder,
    now: Instant,
}

impl Slot {
    fn new() -> Self {
        let mut forwarder = Forwarder::new(90_000, 0xffff);
        forwarder.set_target(Some(0));
        Self { forwarder, now: Instant::now() }
    }

    fn take(&mut self, camera: &Camera, n: u64, key: bool) -> Option<Placement> {
        let payload = camera.frame(n, key);
        self.forwarder.place(self.now, Seat(1), &camera.packet(n, &payload))
    }
}

#[test]
fn a_stream_begins_where_a_decoder_can() {
    let ([q, ..], mut slot) = (layers(), Slot::new());
    assert_eq!(slot.take(&q, 0, false), None);
    let first = slot.take(&q, 1, true).expect("a keyframe");
    assert!(first.begins && first.index == Index(0x7fff));
    let second = slot.take(&q, 2, false).expect("goes on");
    assert_eq!(second.index, first.index.next());
    assert_eq!(second.timestamp, first.timestamp.wrapping_add(3_000));
    assert_eq!(slot.take(&q, 2, false), None, "repeated");
    assert_eq!(slot.take(&q, 0, true), None, "before the beginning");
}

#[test]
fn a_switch_waits_for_a_keyframe_and_continues_the_numbers() {
    let ([q, _, f], mut slot) = (layers(), Slot::new());
    slot.take(&q, 0, true).expect("a keyframe");
    let before = slot.take(&q, 2, false).expect("goes on");
    slot.forwarder.set_target(Some(2));
    assert!(slot.forwarder.awaited(Seat(1), RUN).is_some());
    assert_eq!(slot.take(&f, 0, false), None);
    let still = slot.take(&q, 3, false).expect("the old layer goes on meanwhile");
    slot.now += Duration::from_millis(33);
    let switched = slot.take(&f, 1, true).expect("a keyframe of the wanted layer");
    assert!(switched.begins && slot.forwarder.awaited(Seat(1), RUN).is_none());
    assert_eq!(switched.index, still.index.next());
    assert_eq!(switched.timestamp, still.timestamp.wrapping_add(2_970));
    assert_eq!(picture_of(&f, 1, true, &switched), picture_of(&q, 3, false, &still) + 1);
    assert_eq!(slot.take(&q, 4, false), None, "the old layer has ended");
    let repair = slot.forwarder.find(before.index.wire()).expect("still repaired");
    assert_eq!((repair.source.layer, repair.index), (0, Index(q.base + 2)));
    assert_eq!(
        slot.forwarder.find(before.index.wire().wrapping_sub(1)).map(|r| r.index),
        Some(Index(q.base + 1))
    );
    assert_eq!(slot.forwarder.find(switched.index.wire() + 1), None, "never sent");
}

#[test]
fn hidden_is_nothing_and_shown_again_needs_a_keyframe() {
    let ([q, ..], mut slot) = (layers(), Slot::new());
    let first = slot.take(&q, 0, true).expect("a keyframe");
    slot.forwarder.set_target(None);
    assert_eq!(slot.take(&q, 1, true), None);
    slot.forwarder.set_target(Some(0));
    assert_eq!(slot.take(&q, 2, false), None);
    assert_eq!(slot.take(&q, 3, true).map(|p| p.index), Some(first.index.next()), "no gap");
}

#[test]
fn another_run_or_a_long_gap_begins_anew() {
    let ([q, ..], mut slot) = (layers(), Slot::new());
    let first = slot.take(&q, 0, true).expect("a keyframe");
    let reopened = Camera { run: Run { session: 1, count: 1 }, ..q };
    assert_eq!(slot.take(&reopened, 900, false), None);
    let second = slot.take(&reopened, 901, true).expect("a keyframe");
    assert_eq!(second.index, first.index.next());
    assert_eq!(slot.take(&reopened, 20_000, false), None, "too far to bridge");
    let third = slot.take(&reopened, 20_001, true).expect("a keyframe");
    assert_eq!(third.index, second.index.next());
}

#[test]
fn audio_continues_after_the_gate_was_closed() {
    let mut forwarder = Forwarder::new(48_000, 5);
    forwarder.set_target(Some(0));
    let now = Instant::now();
    let packet = |n: u64, run| Incoming {
        kind: MediaKind::Audio,
        origin: Origin { uplink: 0, layer: 0 },
        run,
        index: Index(n),
        timestamp: n as u32 * 960,
        marker: false,
        codec: Codec::Opus,
        starts: true,
        vp8: None,
        audio_level: Some(3),
        echoes: false,
        payload: &[1],
    };
    let first = forwarder.place(now, Seat(1), &packet(10, RUN)).expect("audio always starts");
    let reopened = Run { session: 1, count: 1 };
    let later = now + Duration::from_secs(10);
    let second = forwarder.place(later, Seat(1), &packet(5_000, reopened)).expect("goes on");
    assert_eq!((second.index, second.begins), (first.index.next(), true));
    assert_eq!(second.timestamp, first.timestamp + 480_000);
}

/// What happens to a slot.
#[derive(Debug, Clone)]
enum Step {
    /// Each layer sends its next frame; the layers marked send a keyframe; those lost do not arrive.
    Frames {
        key: [bool; 3],
        lost: [bool; 3],
    },
    /// A frame of before arrives (again).
    Late {
        layer: usize,
        back: u64,
    },
    Target(Option<u8>),
    /// The gate closes and opens, or the person comes back.
    NewRun,
    Skip(u64),
}

fn step() -> impl Strategy<Value = Step> {
    use proptest::prelude::any;
    prop_oneof![
        10 => (any::<[bool; 3]>(), any::<[bool; 3]>(), any::<[bool; 3]>()).prop_map(|(a, b, lost)| {
            Step::Frames { key: [a[0] && b[0], a[1] && b[1], a[2] && b[2]], lost }
        }),
        3 => (0_usize..3, 1_u64..40).prop_map(|(layer, back)| Step::Late { layer, back }),
        2 => proptest::option::of(0_u8..3).prop_map(Step::Target),
        1 => proptest::strategy::Just(Step::NewRun),
        1 => (1_u64..2_000).prop_map(Step::Skip),
    ]
}

proptest! {
    #[test]
    fn whatever_happens_the_receiver_sees_one_stream(steps in proptest::collection::vec(step(), 1..250)) {
        let (mut cameras, mut slot) = (layers(), Slot::new());
        let mut n = 0;
        let mut keys: HashSet<(usize, u64)> = HashSet::new();
        let mut target = Some(0);
        // By sequence number: timestamp, picture, where it came from.
        let mut sent: BTreeMap<u64, (u32, u16, usize, u64, Run)> = BTreeMap::new();
        for step in steps {
            let mut arrivals = Vec::new();
            match step {
                Step::Frames { key, lost } => {
                    n += 1;
                    slot.now += Duration::from_millis(33);
                    for layer in 0..3 {
                        if key[layer] {
                            keys.insert((layer, n));
                        }
                        if !lost[layer] {
                            arrivals.push((layer, n));
                        }
                    }
                }
                Step::Late { layer, back } => arrivals.extend(n.checked_sub(back).map(|n| (layer, n))),
                Step::Target(to) => {
                    target = to;
                    slot.forwarder.set_target(to);
                }
                Step::NewRun => cameras.iter_mut().for_each(|camera| camera.run.count += 1),
                Step::Skip(frames) => {
                    n += frames;
                    slot.now += Duration::from_millis(33) * frames as u32;
                }
            }
            for (layer, n) in arrivals {
                let camera = cameras[layer];
                let key = keys.contains(&(layer, n));
                let Some(placement) = slot.take(&camera, n, key) else { continue };
                prop_assert!(target.is_some(), "nothing passes while hidden");
                prop_assert!(!placement.begins || key, "a segment begins with a keyframe");
                let picture = picture_of(&camera, n, key, &placement);
                let before = sent.insert(
                    placement.index.0,
                    (placement.timestamp, picture, layer, n, camera.run),
                );
                prop_assert_eq!(before, None, "a sequence number is used once");
                let repair = slot.forwarder.find(placement.index.wire()).expect("just sent");
                prop_assert_eq!((repair.index, repair.source.run), (Index(camera.base + n), camera.run));
            }
        }
        let all: Vec<_> = sent.iter().collect();
        for pair in all.windows(2) {
            let [(i, a), (j, b)] = pair else { continue };
            let (gap, pictures) = (*j - *i, b.1.wrapping_sub(a.1) & 0x7fff);
            prop_assert!(b.0.wrapping_sub(a.0) < 0x8000_0000 && b.0 != a.0, "time goes on");
            prop_assert_eq!(u64::from(pictures), gap, "pictures go on as packets do");
            if gap > 1 {
                prop_assert_eq!((a.2, a.4), (b.2, b.4), "a gap is a loss at one source");
                prop_assert_eq!(gap, b.3 - a.3);
            }
        }
    }
}
