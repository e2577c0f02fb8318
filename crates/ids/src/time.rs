//! Times that pure cores are told. They come from one clock of the server's, so that a deadline
//! survives the process that set it.

use serde::{Deserialize, Serialize};

/// A moment: milliseconds since the Unix epoch, by the server's clock.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct UnixMillis(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u64);

/// A length of time in milliseconds; never negative.
#[derive(
    Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Default, Serialize, Deserialize,
)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(transparent)]
pub struct Millis(#[cfg_attr(feature = "ts", ts(type = "number"))] pub u64);

impl UnixMillis {
    /// How long after `earlier` this is; zero when it is not after it.
    #[must_use]
    pub fn since(self, earlier: Self) -> Millis {
        Millis(self.0.saturating_sub(earlier.0))
    }

    /// How long is left from `now` until this moment; zero once it has passed.
    #[must_use]
    pub fn left(self, now: Self) -> Millis {
        self.since(now)
    }
}

impl Millis {
    /// No time.
    pub const ZERO: Self = Self(0);

    /// Whole seconds as milliseconds.
    #[must_use]
    pub const fn from_secs(seconds: u64) -> Self {
        Self(seconds.saturating_mul(1_000))
    }

    /// The difference, zero when `other` is longer.
    #[must_use]
    pub const fn saturating_sub(self, other: Self) -> Self {
        Self(self.0.saturating_sub(other.0))
    }
}

impl std::ops::Add<Millis> for UnixMillis {
    type Output = Self;
    fn add(self, length: Millis) -> Self {
        Self(self.0.saturating_add(length.0))
    }
}

impl std::ops::Add for Millis {
    type Output = Self;
    fn add(self, other: Self) -> Self {
        Self(self.0.saturating_add(other.0))
    }
}

impl From<Millis> for std::time::Duration {
    fn from(length: Millis) -> Self {
        Self::from_millis(length.0)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn time_left_is_never_negative() {
        assert_eq!(UnixMillis(5).left(UnixMillis(9)), Millis::ZERO);
        assert_eq!(UnixMillis(9).left(UnixMillis(5)), Millis(4));
        assert_eq!(UnixMillis(u64::MAX) + Millis(1), UnixMillis(u64::MAX));
    }
}
