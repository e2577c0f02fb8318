//! How speech is balanced: how long each was heard, beside what the floor gave them. Own figures are
//! told to each alone, and bands, not ranks, to whoever holds the chair. Facilitators lead, and are on
//! neither side of the comparison. All of it is forgotten at the end.

use std::collections::BTreeMap;

use palabre_facilitation::{Part, speaks};
use palabre_ids::{Millis, Seat, TurnId, UnixMillis};
use palabre_vocabulary::{Band, Refusal, SpeechBalance, TalkShare};
use serde::{Deserialize, Serialize};

use crate::room::Room;

/// Under this much speech in all nothing can be told of anybody.
const ENOUGH_SPOKEN: Millis = Millis::from_secs(60);
/// Nor of somebody who was entitled to less than this.
const ENOUGH_ENTITLED: Millis = Millis::from_secs(20);
/// Under this part of what is even, in percent, somebody is quiet; over the other they talk much.
/// Closer to 100 would name people at every meeting.
const QUIET: u64 = 50;
const MUCH: u64 = 160;
/// The whole of an entitlement.
const WHOLE: u64 = 1_000;

/// Everyone's speech so far.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) struct Talk {
    people: BTreeMap<Seat, Speech>,
    /// Until when entitlements are counted.
    counted_until: UnixMillis,
    /// When the service last said who was heard.
    heard_until: UnixMillis,
}

/// One person's.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
struct Speech {
    spoke: Millis,
    /// In thousandths of a millisecond, so that it adds up however often it is counted.
    entitled: u64,
    turns: u16,
    unused: Millis,
    longest_wait: Millis,
    blocked: u16,
}

/// What a moment of the floor was, to tell what became of it.
#[derive(Debug, Clone, Default)]
pub(crate) struct FloorBefore {
    turn: Option<(TurnId, Seat, Option<Millis>)>,
    hands: Vec<(Seat, UnixMillis)>,
}

impl Talk {
    fn of(&mut self, seat: Seat) -> &mut Speech {
        self.people.entry(seat).or_default()
    }

    fn get(&self, seat: Seat) -> Speech {
        self.people.get(&seat).copied().unwrap_or_default()
    }
}

impl Room {
    /// Counts what everyone was entitled to up to `to`, before anything changes then.
    pub(crate) fn count_entitlement(&mut self, to: UnixMillis) {
        let length = to.since(self.talk.counted_until);
        self.talk.counted_until = self.talk.counted_until.max(to);
        if length == Millis::ZERO || self.session().is_none_or(|session| session.floor_stands()) {
            return;
        }
        let parts = self.with_session(|session, scene| session.floor.entitlement(scene));
        for (seat, part) in parts.unwrap_or_default() {
            let speech = self.talk.of(seat);
            speech.entitled = speech.entitled.saturating_add(u64::from(part) * length.0);
        }
    }

    /// How long each was heard since the last word of it. Nobody was heard longer than that.
    pub(crate) fn talked(&mut self, voices: &[(Seat, Millis)]) -> Result<(), Refusal> {
        let most = self.now.since(self.talk.heard_until);
        self.talk.heard_until = self.now;
        for (seat, length) in voices {
            self.people.get(*seat)?;
            if self.session().is_some() {
                let speech = self.talk.of(*seat);
                speech.spoke = speech.spoke + (*length).min(most);
            }
        }
        Ok(())
    }

    /// Somebody tried to speak while they could not be heard.
    pub(crate) fn blocked_at(&mut self, seat: Seat) -> Result<(), Refusal> {
        self.people.get(seat)?;
        if self.session().is_some() {
            let speech = self.talk.of(seat);
            speech.blocked = speech.blocked.saturating_add(1);
        }
        Ok(())
    }

    pub(crate) fn floor_before(&self) -> FloorBefore {
        let Some(session) = self.session() else { return FloorBefore::default() };
        FloorBefore {
            turn: session.floor.turn().map(|turn| {
                (turn.id, turn.seat, turn.clock().map(|clock| clock.remaining(self.now)))
            }),
            hands: session
                .floor
                .hands()
                .iter()
                .filter(|hand| hand.resume.is_none())
                .map(|hand| (hand.seat, hand.since))
                .collect(),
        }
    }

    /// Notes what became of the floor: a turn that was given back, one that began, who pitched.
    pub(crate) fn note_floor(&mut self, before: &FloorBefore, given_back: bool) {
        let Some(session) = self.session() else { return };
        let turn = session.floor.turn();
        let began =
            turn.filter(|turn| before.turn.is_none_or(|(id, ..)| id != turn.id)).map(|turn| {
                // One that is resumed has less left than its length, and is no other turn.
                let left = turn.clock().map(|clock| clock.remaining(self.now));
                let resumed = turn.total.zip(left).is_some_and(|(total, left)| left < total);
                let answers = matches!(turn.part, Part::Answer { .. });
                (turn.seat, !resumed && !answers)
            });
        let ended = before.turn.filter(|(id, ..)| turn.is_none_or(|turn| turn.id != *id));
        if let Some((_, seat, Some(left))) = ended.filter(|_| given_back) {
            let speech = self.talk.of(seat);
            speech.unused = speech.unused + left;
        }
        if let Some((seat, counts)) = began {
            let now = self.now;
            let waited =
                before.hands.iter().find(|(of, _)| *of == seat).map(|(_, since)| now.since(*since));
            let speech = self.talk.of(seat);
            speech.turns = speech.turns.saturating_add(u16::from(counts));
            speech.longest_wait = speech.longest_wait.max(waited.unwrap_or_default());
        }
        self.if_running(|session, _| {
            let pitched = session.floor.pitched();
            session.pitched.retain(|seat| pitched.contains(seat));
            let newly = pitched.into_iter().filter(|seat| !session.pitched.contains(seat));
            session.pitched.extend(newly.collect::<Vec<_>>());
        });
    }

    /// Those whose speech is compared: who speaks and does not lead.
    fn compared(&self) -> impl Iterator<Item = (Seat, Speech)> + '_ {
        self.people
            .iter()
            .filter(|(_, person)| speaks(person.role()) && !person.role().facilitates())
            .map(|(seat, _)| (seat, self.talk.get(seat)))
    }

    /// All that was spoken and entitled, in milliseconds and thousandths of them.
    fn in_all(&self) -> (u64, u64) {
        self.compared().fold((0, 0), |(spoke, entitled), (_, speech)| {
            (spoke + speech.spoke.0, entitled + speech.entitled)
        })
    }

    /// One person's own figures, in whole seconds and percent.
    pub(crate) fn talk_share(&self, seat: Seat) -> TalkShare {
        let own = self.talk.get(seat);
        let (spoke, entitled) = self.in_all();
        let compared = self.compared().any(|(of, _)| of == seat);
        let percent = |part: u64, whole: u64| {
            let percent = part.saturating_mul(100).checked_div(whole).unwrap_or(0);
            u8::try_from(percent).unwrap_or(100)
        };
        TalkShare {
            spoke: Millis(own.spoke.0 / 1_000 * 1_000),
            share: if compared { percent(own.spoke.0, spoke) } else { 0 },
            fair: if compared { percent(own.entitled, entitled) } else { 0 },
        }
    }

    /// How everyone's speech compares with what they were entitled to; ascending by seat.
    pub(crate) fn balance(&self) -> Vec<SpeechBalance> {
        let (spoke, entitled) = self.in_all();
        self.compared()
            .map(|(seat, speech)| SpeechBalance {
                seat,
                band: band(speech, spoke, entitled),
                turns: speech.turns,
                unused: speech.unused,
                longest_wait: speech.longest_wait,
                blocked: speech.blocked,
            })
            .collect()
    }

    /// How much each spoke for what they were entitled to, in thousandths: what `quiet_first` goes
    /// by.
    pub(crate) fn talk_ranks(&self) -> Vec<(Seat, u32)> {
        let rank = |speech: Speech| {
            let entitled = (speech.entitled / WHOLE).max(1);
            u32::try_from(speech.spoke.0.saturating_mul(WHOLE) / entitled).unwrap_or(u32::MAX)
        };
        self.compared().map(|(seat, speech)| (seat, rank(speech))).collect()
    }
}

fn band(own: Speech, spoke: u64, entitled: u64) -> Band {
    if spoke < ENOUGH_SPOKEN.0 || own.entitled < ENOUGH_ENTITLED.0 * WHOLE {
        return Band::Unknown;
    }
    // (spoke / entitled) / (all spoken / all entitled), in percent.
    let part = u128::from(own.spoke.0) * u128::from(entitled) * 100;
    let even = u128::from(own.entitled) * u128::from(spoke);
    match part.checked_div(even) {
        Some(percent) if percent < u128::from(QUIET) => Band::Quiet,
        Some(percent) if percent > u128::from(MUCH) => Band::Much,
        Some(_) => Band::Even,
        None => Band::Unknown,
    }
}
