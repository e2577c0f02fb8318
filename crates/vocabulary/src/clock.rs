//! A clock as a deadline or a stand-still.

use palabre_ids::{Millis, UnixMillis};
use serde::{Deserialize, Serialize};

/// A clock that counts down. It never ticks: it runs to a deadline, or stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "clock", rename_all = "snake_case")]
pub enum Clock {
    /// Runs to a deadline; past it, it counts overtime.
    Running {
        /// When it reaches zero.
        deadline: UnixMillis,
    },
    /// Stands still.
    Paused {
        /// What is left.
        remaining: Millis,
    },
}

impl Clock {
    /// A clock over `length` that runs from `now`, or stands still when `paused`.
    #[must_use]
    pub fn start(now: UnixMillis, length: Millis, paused: bool) -> Self {
        if paused {
            Self::Paused { remaining: length }
        } else {
            Self::Running { deadline: now + length }
        }
    }

    /// The clock, standing still since `at`.
    #[must_use]
    pub fn paused_at(self, at: UnixMillis) -> Self {
        Self::Paused { remaining: self.remaining(at) }
    }

    /// The clock, running from `at`.
    #[must_use]
    pub fn running_from(self, at: UnixMillis) -> Self {
        match self {
            Self::Running { .. } => self,
            Self::Paused { remaining } => Self::Running { deadline: at + remaining },
        }
    }

    /// What is left at `now`; zero once it has run out.
    #[must_use]
    pub fn remaining(self, now: UnixMillis) -> Millis {
        match self {
            Self::Running { deadline } => deadline.left(now),
            Self::Paused { remaining } => remaining,
        }
    }

    /// When it runs out; `None` while it stands still.
    #[must_use]
    pub fn deadline(self) -> Option<UnixMillis> {
        match self {
            Self::Running { deadline } => Some(deadline),
            Self::Paused { .. } => None,
        }
    }

    /// The clock with `by` more.
    #[must_use]
    pub fn lengthened(self, by: Millis) -> Self {
        match self {
            Self::Running { deadline } => Self::Running { deadline: deadline + by },
            Self::Paused { remaining } => Self::Paused { remaining: remaining + by },
        }
    }

    /// The clock of something that ends `by` earlier.
    #[must_use]
    pub fn shortened(self, by: Millis) -> Self {
        match self {
            Self::Running { deadline } => {
                Self::Running { deadline: UnixMillis(deadline.0.saturating_sub(by.0)) }
            }
            Self::Paused { remaining } => Self::Paused { remaining: remaining.saturating_sub(by) },
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_pause_keeps_what_is_left_to_the_millisecond() {
        let clock =
            Clock::start(UnixMillis(1_000), Millis(500), false).paused_at(UnixMillis(1_123));
        assert_eq!(clock, Clock::Paused { remaining: Millis(377) });
        assert_eq!(clock.running_from(UnixMillis(9_000)).deadline(), Some(UnixMillis(9_377)));
    }

    #[test]
    fn time_left_is_never_negative() {
        let clock = Clock::start(UnixMillis(0), Millis(10), false);
        assert_eq!(clock.remaining(UnixMillis(99)), Millis::ZERO);
        assert_eq!(clock.paused_at(UnixMillis(99)).remaining(UnixMillis(0)), Millis::ZERO);
        assert_eq!(clock.shortened(Millis(50)).deadline(), Some(UnixMillis(0)));
    }
}
