//! The last events of a room, for pages that come back.

use std::collections::VecDeque;

use palabre_ids::{EventSeq, UnixMillis};
use palabre_wire::{Event, RoomEvent};

/// The most events kept: some minutes of a busy room. A page that missed more gets the whole room.
pub(crate) const MAX_EVENTS: usize = 1_024;

/// The most bytes of events kept: chat can be long. Higher costs memory for every room.
const MAX_BYTES: usize = 512 * 1024;

/// Numbered events, the last ones kept.
#[derive(Debug, Default)]
pub(crate) struct History {
    last: EventSeq,
    kept: VecDeque<(Event, usize)>,
    bytes: usize,
}

impl History {
    /// The number of the last event; 0 before the first.
    pub(crate) fn last(&self) -> EventSeq {
        self.last
    }

    /// Numbers an event.
    pub(crate) fn number(&mut self, at: UnixMillis, event: RoomEvent) -> Event {
        self.last = self.last.next();
        Event { seq: self.last, at, event }
    }

    /// Keeps an event whose message has `bytes`.
    pub(crate) fn keep(&mut self, event: Event, bytes: usize) {
        self.bytes += bytes;
        self.kept.push_back((event, bytes));
        while self.kept.len() > MAX_EVENTS || self.bytes > MAX_BYTES {
            let Some((_, bytes)) = self.kept.pop_front() else { break };
            self.bytes -= bytes;
        }
    }

    /// Forgets what was told; the numbers go on.
    pub(crate) fn forget(&mut self) {
        self.kept.clear();
        self.bytes = 0;
    }

    /// The events after `seq`, when all of them are kept; `None` when some are not, or when the room
    /// never came that far.
    pub(crate) fn since(&self, seq: EventSeq) -> Option<Vec<Event>> {
        if seq > self.last {
            return None;
        }
        let missed = usize::try_from(self.last.0 - seq.0).ok()?;
        let skip = self.kept.len().checked_sub(missed)?;
        Some(self.kept.iter().skip(skip).map(|(event, _)| event.clone()).collect())
    }
}

#[cfg(test)]
mod tests {
    use palabre_ids::Seat;

    use super::*;

    fn history(events: u64, bytes: usize) -> History {
        let mut history = History::default();
        for _ in 0..events {
            let event = history.number(UnixMillis(0), RoomEvent::CannotHear { seat: Seat(0) });
            history.keep(event, bytes);
        }
        history
    }

    #[test]
    fn what_was_missed_follows_without_a_gap() {
        let history = history(10, 1);
        for seq in 0..=10 {
            let numbers: Vec<u64> = history
                .since(EventSeq(seq))
                .expect("all are kept")
                .iter()
                .map(|event| event.seq.0)
                .collect();
            assert_eq!(numbers, (seq + 1..=10).collect::<Vec<_>>());
        }
        assert_eq!(history.since(EventSeq(11)), None, "the room never came that far");
    }

    #[test]
    fn what_is_forgotten_is_missed_by_those_who_were_away() {
        let mut history = history(10, 1);
        history.forget();
        assert_eq!(history.since(EventSeq(10)), Some(Vec::new()));
        assert_eq!(history.since(EventSeq(9)), None);
        let next = history.number(UnixMillis(0), RoomEvent::CannotHear { seat: Seat(0) });
        assert_eq!(next.seq, EventSeq(11));
    }

    #[test]
    fn it_keeps_a_bounded_number_and_size() {
        let many = history(MAX_EVENTS as u64 + 5, 1);
        assert_eq!(many.kept.len(), MAX_EVENTS);
        assert_eq!(many.since(EventSeq(4)), None);
        assert_eq!(many.since(EventSeq(5)).map(|events| events.len()), Some(MAX_EVENTS));

        let large = history(100, MAX_BYTES / 10);
        assert_eq!(large.kept.len(), 10);
        assert_eq!(large.since(EventSeq(89)), None);
        assert!(large.since(EventSeq(90)).is_some());
    }
}
