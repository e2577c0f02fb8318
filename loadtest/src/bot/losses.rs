//! What a bot lost that nobody told it to give up. Whether a fault explains it is for whoever knows the
//! script.

use std::fmt;
use std::time::{Duration, Instant};

use palabre_wire::ClosingReason;

/// A session that ends takes its media with it, and the event that says so comes by another way: up to so
/// much later.
const TOGETHER: Duration = Duration::from_secs(2);

/// What was lost.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Lost {
    /// The signaling connection broke, or the server said nothing by it.
    Signaling,
    /// The server closed it.
    Closed(ClosingReason),
    /// The media session is connected no longer.
    Media,
}

impl fmt::Display for Lost {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Signaling => f.write_str("its signaling connection was lost"),
            Self::Closed(reason) => {
                let reason = serde_json::to_value(reason).unwrap_or_default();
                let reason = reason.as_str().unwrap_or("unknown");
                write!(f, "the server closed its connection ({reason})")
            }
            Self::Media => f.write_str("its media were lost"),
        }
    }
}

/// A loss, and when it was seen.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Loss {
    /// When.
    pub at: Instant,
    /// Of what.
    pub what: Lost,
}

/// All losses of a bot.
#[derive(Debug, Default)]
pub(super) struct Losses {
    all: Vec<Loss>,
    /// Since when its session is over.
    over: Option<Instant>,
}

impl Losses {
    pub(super) fn add(&mut self, at: Instant, what: Lost) {
        self.all.push(Loss { at, what });
    }

    /// Its session is over: what is lost from here on goes with it.
    pub(super) fn over(&mut self, now: Instant) {
        self.over.get_or_insert(now);
    }

    /// Those that the end of the session does not explain.
    pub(super) fn unexplained(&self) -> Vec<Loss> {
        let explained = |loss: &Loss| self.over.is_some_and(|over| loss.at + TOGETHER >= over);
        self.all.iter().copied().filter(|loss| !explained(loss)).collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_end_of_a_session_explains_what_goes_with_it_and_nothing_before() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut losses = Losses::default();
        for second in [1, 9, 12] {
            losses.add(at(second), Lost::Media);
        }
        assert_eq!(losses.unexplained().len(), 3);
        losses.over(at(10));
        losses.over(at(20));
        assert_eq!(losses.unexplained(), [Loss { at: at(1), what: Lost::Media }]);
    }

    #[test]
    fn the_wire_s_own_word_says_why() {
        let said = Lost::Closed(ClosingReason::TakenOver).to_string();
        assert_eq!(said, "the server closed its connection (taken_over)");
    }
}
