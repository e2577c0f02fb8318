//! Measured values, kept as counts in narrow classes: a run of eight hours takes no more room than one
//! of a minute, and what several processes measured adds up.
//!
//! A class is half a percent wide, so that every percentile is within half a percent of the value
//! that a sorted list would give; the largest value is kept as it is.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};

/// Values up to this are one class: a microsecond where milliseconds are counted.
const SMALLEST: f64 = 0.001;

/// The upper end of a class over its lower end. Nearer to 1: finer percentiles, larger files.
const WIDTH: f64 = 1.005;

/// Measured values of one kind, in whatever unit its user says.
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Samples {
    /// How many values lie in each class; class 0 ends at [`SMALLEST`].
    classes: BTreeMap<u16, u64>,
    max: f64,
}

/// What a person reads of [`Samples`].
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize)]
pub struct Distribution {
    /// The median.
    pub p50: f64,
    /// 95 of 100 are no more.
    pub p95: f64,
    /// 99 of 100 are no more.
    pub p99: f64,
    /// The most.
    pub max: f64,
    /// How many were measured.
    pub count: u64,
}

impl Samples {
    /// Takes a value. What is no number, or below 0, counts as 0.
    pub fn add(&mut self, value: f64) {
        self.add_times(value, 1);
    }

    /// Takes a value that was measured so many times.
    pub fn add_times(&mut self, value: f64, times: u64) {
        if times > 0 {
            *self.classes.entry(class_of(value)).or_default() += times;
            self.max = self.max.max(value);
        }
    }

    /// Takes everything that `other` has.
    pub fn merge(&mut self, other: &Self) {
        for (class, count) in &other.classes {
            *self.classes.entry(*class).or_default() += count;
        }
        self.max = self.max.max(other.max);
    }

    /// How many values there are.
    #[must_use]
    pub fn count(&self) -> u64 {
        self.classes.values().sum()
    }

    /// The value that `percent` of 100 do not exceed, by nearest rank; 0 without values.
    #[must_use]
    pub fn percentile(&self, percent: f64) -> f64 {
        let count = self.count();
        let rank = ((count as f64 * percent / 100.0).ceil() as u64).clamp(1, count.max(1));
        if rank == count {
            return self.max;
        }
        let mut before = 0;
        for (class, count) in &self.classes {
            before += count;
            if before >= rank {
                return middle_of(*class).min(self.max);
            }
        }
        0.0
    }

    /// The usual percentiles.
    #[must_use]
    pub fn distribution(&self) -> Distribution {
        Distribution {
            p50: self.percentile(50.0),
            p95: self.percentile(95.0),
            p99: self.percentile(99.0),
            max: self.max,
            count: self.count(),
        }
    }

    /// Each class that is not empty: about where it lies, and how many values it has.
    pub fn classes(&self) -> impl Iterator<Item = (f64, u64)> + '_ {
        self.classes.iter().map(|(class, count)| (middle_of(*class).min(self.max), *count))
    }
}

impl Extend<f64> for Samples {
    fn extend<T: IntoIterator<Item = f64>>(&mut self, values: T) {
        values.into_iter().for_each(|value| self.add(value));
    }
}

impl FromIterator<f64> for Samples {
    fn from_iter<T: IntoIterator<Item = f64>>(values: T) -> Self {
        let mut samples = Self::default();
        samples.extend(values);
        samples
    }
}

fn class_of(value: f64) -> u16 {
    if value > SMALLEST {
        // A number too large for the type becomes its largest one.
        1 + ((value / SMALLEST).ln() / WIDTH.ln()) as u16
    } else {
        0
    }
}

fn middle_of(class: u16) -> f64 {
    if class == 0 { 0.0 } else { SMALLEST * WIDTH.powf(f64::from(class) - 0.5) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::{prop_assert, prop_assert_eq, proptest};

    proptest! {
        #[test]
        fn percentiles_are_those_of_the_sorted_list(mut values in proptest::collection::vec(0.002_f64..1e7, 1..400), percent in 1_u32..=100) {
            let samples: Samples = values.iter().copied().collect();
            values.sort_by(f64::total_cmp);
            let rank = (values.len() * percent as usize).div_ceil(100).max(1);
            let exact = values[rank - 1];
            let found = samples.percentile(f64::from(percent));
            prop_assert!((found - exact).abs() <= exact * 0.005, "{found} for {exact}");
            prop_assert_eq!(samples.distribution().max, values[values.len() - 1]);
        }

        #[test]
        fn what_two_measured_adds_up(a in proptest::collection::vec(0.0_f64..1e4, 0..50), b in proptest::collection::vec(0.0_f64..1e4, 0..50)) {
            let mut merged: Samples = a.iter().copied().collect();
            merged.merge(&b.iter().copied().collect());
            prop_assert_eq!(merged, a.into_iter().chain(b).collect::<Samples>());
        }
    }

    #[test]
    fn nothing_and_nonsense_are_zero() {
        assert_eq!(Samples::default().distribution(), Distribution::default());
        let odd: Samples = [f64::NAN, -3.0, 0.0].into_iter().collect();
        assert_eq!((odd.count(), odd.percentile(50.0), odd.distribution().max), (3, 0.0, 0.0));
    }

    #[test]
    fn a_file_gives_them_back() {
        let samples: Samples = [0.4, 17.0, 17.01, 2_000.0].into_iter().collect();
        let json = serde_json::to_string(&samples).expect("numbers");
        assert_eq!(serde_json::from_str::<Samples>(&json).expect("as written"), samples);
    }
}
