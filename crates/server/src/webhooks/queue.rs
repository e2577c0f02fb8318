//! Which message is sent when, and when one is given up.

use std::collections::VecDeque;
use std::time::Duration;

use palabre_ids::{Millis, UnixMillis};
use tokio::time::Instant;

/// The pauses before each further attempt. A receiver that is down over a night still hears of it.
const PAUSES: [Duration; 7] = [
    Duration::from_secs(2),
    Duration::from_secs(30),
    Duration::from_secs(2 * 60),
    Duration::from_secs(10 * 60),
    Duration::from_secs(3_600),
    Duration::from_secs(4 * 3_600),
    Duration::from_secs(8 * 3_600),
];

/// A message that is older is given up at the next attempt that fails. The pauses begin anew with each
/// start of the server: this bounds what one that starts again and again sends.
const OLDEST: Millis = Millis::from_secs(3 * 86_400);

/// Messages that wait at most: some hundred bytes each. Beyond it the oldest are given up.
pub(super) const MOST: usize = 10_000;

/// When a message is tried again of which so many attempts failed; never, when it is given up.
fn pause(failures: usize, age: Millis) -> Option<Duration> {
    PAUSES.get(failures.checked_sub(1)?).copied().filter(|_| age < OLDEST)
}

/// A message on its way.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(super) struct Message {
    /// The same at every attempt and in every life of the server: a receiver knows by it what it has.
    pub(super) id: String,
    pub(super) body: String,
    /// When what it tells happened.
    pub(super) at: UnixMillis,
}

#[derive(Debug)]
struct Waiting {
    message: Message,
    failures: usize,
    due: Instant,
}

/// A message that is being sent.
#[derive(Debug)]
pub(super) struct Attempt {
    pub(super) message: Message,
    failures: usize,
}

/// What waits to be sent.
#[derive(Debug, Default)]
pub(super) struct Queue(VecDeque<Waiting>);

impl Queue {
    /// Adds one that is due at once, unless it waits already; gives back what is given up for it.
    pub(super) fn add(&mut self, message: Message, now: Instant) -> Option<Message> {
        if self.0.iter().any(|waiting| waiting.message.id == message.id) {
            return None;
        }
        let given_up = if self.0.len() >= MOST { self.0.pop_front() } else { None };
        self.0.push_back(Waiting { message, failures: 0, due: now });
        given_up.map(|waiting| waiting.message)
    }

    pub(super) fn len(&self) -> usize {
        self.0.len()
    }

    /// When the next one is due.
    pub(super) fn next(&self) -> Option<Instant> {
        self.0.iter().map(|waiting| waiting.due).min()
    }

    /// One that is due.
    pub(super) fn take(&mut self, now: Instant) -> Option<Attempt> {
        let due = self.0.iter().position(|waiting| waiting.due <= now)?;
        let Waiting { message, failures, .. } = self.0.remove(due)?;
        Some(Attempt { message, failures })
    }

    /// One was not taken; gives it back when it is given up.
    pub(super) fn failed(
        &mut self,
        attempt: Attempt,
        now: Instant,
        time: UnixMillis,
    ) -> Option<Message> {
        let Attempt { message, failures } = attempt;
        let failures = failures + 1;
        match pause(failures, time.since(message.at)) {
            Some(pause) => {
                self.0.push_back(Waiting { message, failures, due: now + pause });
                None
            }
            None => Some(message),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: UnixMillis = UnixMillis(1_789_000_000_000);

    fn message(id: impl ToString) -> Message {
        Message { id: id.to_string(), body: "{}".to_owned(), at: NOW }
    }

    #[test]
    fn pauses_grow_and_end() {
        let fresh = Millis(0);
        let pauses: Vec<u64> =
            (1..).map_while(|failures| pause(failures, fresh)).map(|p| p.as_secs()).collect();
        assert_eq!(pauses, [2, 30, 120, 600, 3_600, 14_400, 28_800]);
        assert_eq!(pause(1, Millis(OLDEST.0 - 1)), Some(PAUSES[0]));
        assert_eq!(pause(1, OLDEST), None, "one that survived too many starts");
    }

    #[test]
    fn what_is_not_taken_is_tried_again_later_each_time_and_given_up_in_the_end() {
        let (mut queue, start) = (Queue::default(), Instant::now());
        assert_eq!(queue.add(message("a"), start), None);
        let mut now = start;
        for pause in PAUSES {
            let attempt = queue.take(now).expect("it is due");
            assert!(queue.take(now).is_none());
            assert_eq!(queue.failed(attempt, now, NOW), None);
            assert_eq!(queue.next(), Some(now + pause));
            assert!(queue.take(now + pause - Duration::from_millis(1)).is_none(), "not yet");
            now += pause;
        }
        let last = queue.take(now).expect("it is due");
        assert_eq!(queue.failed(last, now, NOW), Some(message("a")));
        assert_eq!(queue.next(), None);
    }

    #[test]
    fn one_that_waits_does_not_hold_up_the_next_and_memory_is_bounded() {
        let (mut queue, now) = (Queue::default(), Instant::now());
        queue.add(message("a"), now);
        let first = queue.take(now).expect("it is due");
        queue.failed(first, now, NOW);
        queue.add(message("b"), now);
        assert_eq!(queue.add(message("b"), now), None);
        assert_eq!(queue.len(), 2, "what waits already waits once");
        assert_eq!(queue.take(now).map(|attempt| attempt.message), Some(message("b")));
        let given_up: Vec<Message> =
            (0..MOST + 2).filter_map(|id| queue.add(message(id), now)).collect();
        assert_eq!(given_up, [message("a"), message(0), message(1)]);
        assert_eq!(queue.len(), MOST);
    }
}
