//! What the server's answer says about the slots: which SSRC carries whom.

use anyhow::{Context, Result, ensure};
use palabre_ids::Seat;
use palabre_wire::MediaPlan;

/// What a received stream is.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Slot {
    /// The microphone of a seat.
    Audio(Seat),
    /// The camera of a seat.
    Video(Seat),
    /// The screen, whoever shares it.
    Screen,
}

/// A received stream: the medium of a slot, or its retransmissions.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Stream {
    /// Its slot.
    pub slot: Slot,
    /// Whether it only repeats what was lost (RFC 4588).
    pub retransmission: bool,
}

/// What each SSRC of the answer carries: some twenty, ascending, asked about for every packet.
#[derive(Debug, Clone, Default)]
pub struct SlotMap(Vec<(u32, Stream)>);

/// The sections sent in, before the slots: microphone, camera, screen.
pub const UPLINKS: usize = 3;

impl SlotMap {
    /// Reads the answer to an offer laid out as `plan` says.
    ///
    /// # Errors
    /// When the answer has other sections than the plan, or a slot has no SSRC.
    pub fn from_answer(plan: &MediaPlan, sdp: &str) -> Result<Self> {
        let mut expected = plan
            .slots
            .iter()
            .flat_map(|&seat| [Slot::Audio(seat), Slot::Video(seat)])
            .chain([Slot::Screen]);
        let mut map = Vec::new();
        for (index, section) in sdp.split("\nm=").skip(1).enumerate() {
            if index < UPLINKS {
                continue;
            }
            let slot = expected.next().context("the answer has more sections than the plan")?;
            let mut group = None;
            let mut media = None;
            for line in section.lines() {
                if let Some(rest) = line.strip_prefix("a=ssrc-group:FID ") {
                    group = rest.split_whitespace().nth(1).and_then(|ssrc| ssrc.parse().ok());
                } else if let Some(rest) = line.strip_prefix("a=ssrc:") {
                    let ssrc: u32 =
                        rest.split_whitespace().next().unwrap_or("").parse().context("a=ssrc")?;
                    media = media.or(Some(ssrc));
                }
            }
            let media =
                media.with_context(|| format!("slot {slot:?} of the answer has no SSRC"))?;
            let streams = [(Some(media), false), (group, true)];
            for (ssrc, retransmission) in streams {
                map.extend(ssrc.map(|ssrc| (ssrc, Stream { slot, retransmission })));
            }
        }
        ensure!(expected.next().is_none(), "the answer lacks sections of the plan");
        map.sort_unstable_by_key(|(ssrc, _)| *ssrc);
        let distinct = map.windows(2).all(|pair| pair[0].0 != pair[1].0);
        ensure!(distinct, "two slots of the answer share an SSRC");
        Ok(Self(map))
    }

    /// The SSRC of a slot's medium itself.
    #[must_use]
    pub fn medium(&self, slot: Slot) -> Option<u32> {
        let wanted = Stream { slot, retransmission: false };
        self.0.iter().find(|(_, stream)| *stream == wanted).map(|(ssrc, _)| *ssrc)
    }

    /// What an SSRC carries; nothing the answer spoke of, when `None`.
    #[must_use]
    pub fn stream(&self, ssrc: u32) -> Option<Stream> {
        let at = self.0.binary_search_by_key(&ssrc, |(known, _)| *known).ok()?;
        Some(self.0[at].1)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const ANSWER: &str = "v=0\r\nm=audio 9 x 111\r\na=mid:0\r\nm=video 9 x 96\r\na=mid:1\r\nm=video 9 x 96\r\na=mid:2\r\n\
        m=audio 9 x 111\r\na=mid:3\r\na=ssrc:7 cname:x\r\nm=video 9 x 96\r\na=ssrc-group:FID 8 9\r\na=ssrc:8 cname:x\r\na=ssrc:9 cname:x\r\n\
        m=video 9 x 96\r\na=ssrc:10 cname:x\r\n";

    #[test]
    fn slots_follow_the_plan() {
        let plan = MediaPlan { slots: vec![Seat(4)], ice_servers: vec![] };
        let map = SlotMap::from_answer(&plan, ANSWER).expect("valid");
        let stream = |slot, retransmission| Some(Stream { slot, retransmission });
        assert_eq!(map.stream(7), stream(Slot::Audio(Seat(4)), false));
        assert_eq!(map.stream(8), stream(Slot::Video(Seat(4)), false));
        assert_eq!(map.stream(9), stream(Slot::Video(Seat(4)), true));
        assert_eq!(map.stream(10), stream(Slot::Screen, false));
        assert_eq!(map.stream(11), None);
        assert_eq!(map.medium(Slot::Video(Seat(4))), Some(8));
    }

    #[test]
    fn an_answer_of_another_shape_is_refused() {
        for slots in [vec![], vec![Seat(4), Seat(5)]] {
            assert!(
                SlotMap::from_answer(&MediaPlan { slots, ice_servers: vec![] }, ANSWER).is_err()
            );
        }
        let without = ANSWER.replace("a=ssrc:7 cname:x\r\n", "");
        assert!(
            SlotMap::from_answer(
                &MediaPlan { slots: vec![Seat(4)], ice_servers: vec![] },
                &without
            )
            .is_err()
        );
    }
}
