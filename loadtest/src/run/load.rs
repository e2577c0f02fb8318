//! How rooms come in a run: the `[load]` table of a scenario.

use std::time::Duration;

use anyhow::{Result, ensure};
use serde::Deserialize;

/// The most rooms that one run has.
pub(super) const MOST_ROOMS: u16 = 500;

/// How rooms come.
#[derive(Debug, Clone, PartialEq)]
pub struct Load {
    /// By which plan.
    pub mode: Mode,
    /// From the start of one room to the start of the next: they do not all join in the same instant.
    pub stagger: Duration,
}

/// The plan.
#[derive(Debug, Clone, PartialEq)]
pub enum Mode {
    /// All rooms, for as long as the scenario says.
    Steady,
    /// The same, and the server may neither grow nor slow down.
    Soak,
    /// More and more rooms, each number of them for a while.
    Ramp {
        /// The numbers of rooms.
        levels: Vec<u16>,
        /// How long each lasts.
        every: Duration,
        /// What each must keep to.
        bounds: Bounds,
    },
    /// Rooms are added until an objective breaks; the most that hold are confirmed.
    FindLimit(Search),
}

/// How the limit is searched for.
#[derive(Debug, Clone, PartialEq)]
pub struct Search {
    /// The first number of rooms.
    pub from: u16,
    /// The most rooms that are tried.
    pub most: u16,
    /// How long each number of rooms is watched.
    pub hold: Duration,
    /// How long the result is watched.
    pub confirm: Duration,
    /// What must hold.
    pub objective: Objective,
}

/// What holds when a scenario says nothing else; of the levels of a ramp it is told, and fails nothing.
pub(super) const USUAL: Objective = Objective { audio_latency_p99_ms: 50.0, loss_percent: 0.5 };

/// What a server that is not at its limit keeps to.
#[derive(Debug, Clone, Copy, PartialEq)]
pub struct Objective {
    /// 99 of 100 pieces of sound arrive within it, in milliseconds.
    pub audio_latency_p99_ms: f64,
    /// No more packets are lost, in per cent.
    pub loss_percent: f64,
}

/// Of this, what a scenario bounds.
#[derive(Debug, Clone, Copy, Default, PartialEq)]
pub struct Bounds {
    /// 99 of 100 pieces of sound arrive within it, in milliseconds.
    pub audio_latency_p99_ms: Option<f64>,
    /// No more packets are lost, in per cent.
    pub loss_percent: Option<f64>,
}

impl Bounds {
    /// The usual, where it bounds nothing.
    pub(super) fn or_usual(self) -> Objective {
        Objective {
            audio_latency_p99_ms: self.audio_latency_p99_ms.unwrap_or(USUAL.audio_latency_p99_ms),
            loss_percent: self.loss_percent.unwrap_or(USUAL.loss_percent),
        }
    }
}

/// The table as it is written.
#[derive(Debug, Default, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct LoadTable {
    mode: Name,
    stagger_seconds: Option<f64>,
    levels: Vec<u16>,
    from: Option<u16>,
    to: Option<u16>,
    step: Option<u16>,
    every_seconds: Option<f64>,
    hold_seconds: Option<f64>,
    confirm_seconds: Option<f64>,
    audio_latency_p99_ms: Option<f64>,
    loss_percent: Option<f64>,
}

#[derive(Debug, Default, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Name {
    #[default]
    Steady,
    Soak,
    Ramp,
    FindLimit,
}

impl Load {
    /// From the table; `rooms` is what the command line wants at most.
    ///
    /// # Errors
    /// Names what is wrong.
    pub(super) fn parse(table: LoadTable, rooms: Option<u16>) -> Result<Self> {
        let seconds = |name: &str, value: Option<f64>, usual: f64| {
            let value = value.unwrap_or(usual);
            ensure!(
                value.is_finite() && (0.0..=86_400.0).contains(&value),
                "{name} is 0 to 86,400 seconds"
            );
            Ok(Duration::from_secs_f64(value))
        };
        let ramp = table.mode == Name::Ramp;
        let search = table.mode == Name::FindLimit;
        for (given, name, fits) in [
            (!table.levels.is_empty(), "levels", ramp),
            (table.from.is_some(), "from", ramp || search),
            (table.to.is_some(), "to", ramp || search),
            (table.step.is_some(), "step", ramp),
            (table.every_seconds.is_some(), "every_seconds", ramp),
            (table.hold_seconds.is_some(), "hold_seconds", search),
            (table.confirm_seconds.is_some(), "confirm_seconds", search),
            (table.audio_latency_p99_ms.is_some(), "audio_latency_p99_ms", ramp || search),
            (table.loss_percent.is_some(), "loss_percent", ramp || search),
        ] {
            ensure!(!given || fits, "`{name}` means nothing in this mode");
        }
        let bounds = Bounds {
            audio_latency_p99_ms: table.audio_latency_p99_ms,
            loss_percent: table.loss_percent,
        };
        let stagger = seconds("stagger_seconds", table.stagger_seconds, 0.15)?;
        let from = table.from.unwrap_or(1);
        let to = rooms.or(table.to).unwrap_or(MOST_ROOMS);
        let mode = match table.mode {
            Name::Steady => Mode::Steady,
            Name::Soak => Mode::Soak,
            Name::Ramp => {
                let mut levels = table.levels;
                if levels.is_empty() {
                    let step = table.step.unwrap_or(1).max(1);
                    levels = (from..=to).step_by(usize::from(step)).collect();
                }
                levels.retain(|level| *level <= to);
                ensure!(
                    levels.first().is_some_and(|first| *first > 0)
                        && levels.is_sorted_by(|a, b| a < b),
                    "the numbers of rooms of a ramp go up from 1 or more"
                );
                let every = seconds("every_seconds", table.every_seconds, 10.0)?;
                Mode::Ramp { levels, every, bounds }
            }
            Name::FindLimit => Mode::FindLimit(Search {
                from: from.min(to),
                most: to,
                hold: seconds("hold_seconds", table.hold_seconds, 8.0)?,
                confirm: seconds("confirm_seconds", table.confirm_seconds, 20.0)?,
                objective: bounds.or_usual(),
            }),
        };
        ensure!((1..=MOST_ROOMS).contains(&to) && from >= 1, "1 to {MOST_ROOMS} rooms");
        Ok(Self { mode, stagger })
    }

    /// Whether rooms go by the plan rather than by the scenario's script and length.
    #[must_use]
    pub fn is_planned(&self) -> bool {
        matches!(self.mode, Mode::Ramp { .. } | Mode::FindLimit(_))
    }

    /// The mode's name, as it is written.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self.mode {
            Mode::Steady => "steady",
            Mode::Soak => "soak",
            Mode::Ramp { .. } => "ramp",
            Mode::FindLimit(_) => "find_limit",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn parse(text: &str, rooms: Option<u16>) -> Result<Load> {
        Load::parse(toml::from_str(text)?, rooms)
    }

    #[test]
    fn a_ramp_goes_up_by_steps_or_by_a_list() {
        let levels = |text: &str, rooms| match parse(text, rooms).expect("valid").mode {
            Mode::Ramp { levels, .. } => levels,
            other => panic!("{other:?}"),
        };
        assert_eq!(levels("mode = \"ramp\"\nfrom = 2\nto = 8\nstep = 3", None), [2, 5, 8]);
        assert_eq!(levels("mode = \"ramp\"\nlevels = [1, 5, 20]", Some(10)), [1, 5]);
    }

    #[test]
    fn a_ramp_fails_by_what_it_bounds_alone() {
        let text = "mode = \"ramp\"\nlevels = [1]\nloss_percent = 0.25";
        let Mode::Ramp { bounds, .. } = parse(text, None).expect("valid").mode else {
            panic!("a ramp")
        };
        assert_eq!(bounds, Bounds { loss_percent: Some(0.25), audio_latency_p99_ms: None });
        let told = bounds.or_usual();
        assert_eq!((told.loss_percent, told.audio_latency_p99_ms), (0.25, 50.0));
    }

    #[test]
    fn what_means_nothing_is_refused() {
        for wrong in [
            "hold_seconds = 3",
            "mode = \"ramp\"\nlevels = [5, 2]",
            "mode = \"soak\"\nloss_percent = 1.0",
            "mode = \"fast\"",
            "stagger_seconds = -1.0",
            "mode = \"find_limit\"\nlevels = [1]",
        ] {
            assert!(parse(wrong, None).is_err(), "{wrong}");
        }
    }

    #[test]
    fn without_a_table_all_rooms_come_at_once() {
        let load = parse("", None).expect("valid");
        assert_eq!((load.mode, load.stagger), (Mode::Steady, Duration::from_millis(150)));
    }
}
