//! What can be wrong with a template that is well written.

use std::fmt;

use palabre_facilitation::{FloorPolicy, Phase, RoleSet, Template, Transition, speaks};
use palabre_ids::{Millis, Role};

use crate::timeline::Span;

/// What is wrong with a template, for a group of some size.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Fault {
    /// One full round does not fit the longest that the phase can last.
    DoesNotFit {
        /// The phase's id.
        phase: String,
        /// What it takes.
        takes: Millis,
        /// What it has at most.
        most: Millis,
    },
    /// A clock ends the phase, and one full round takes longer than its time.
    ClockCutsRound {
        /// The phase's id.
        phase: String,
        /// What it takes.
        takes: Millis,
        /// What it has.
        target: Millis,
    },
    /// In a floor of the phase, that is no silence, nobody of this group could speak.
    NobodySpeaks {
        /// The phase's id.
        phase: String,
        /// The floor, from 1.
        floor: usize,
    },
    /// Nobody could leave the phase.
    DeadEnd {
        /// The phase's id; none in the lobby.
        phase: Option<String>,
        /// When the simulation gave up, from the start of the session.
        after: Millis,
    },
    /// Somebody's turn in a round was cut by the end of the phase, with a facilitator present.
    TurnCut {
        /// The phase's id.
        phase: String,
        /// When, from the start of the session.
        after: Millis,
    },
    /// The room did what it must never do.
    Broken {
        /// What.
        what: String,
        /// When, from the start of the session.
        after: Millis,
    },
}

impl Fault {
    /// The phase it is about, by its id.
    #[must_use]
    pub fn phase(&self) -> Option<&str> {
        match self {
            Self::DoesNotFit { phase, .. }
            | Self::ClockCutsRound { phase, .. }
            | Self::NobodySpeaks { phase, .. }
            | Self::TurnCut { phase, .. } => Some(phase),
            Self::DeadEnd { phase, .. } => phase.as_deref(),
            Self::Broken { .. } => None,
        }
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::DoesNotFit { phase, takes, most } => write!(
                f,
                "phase `{phase}`: one full round takes {}, the phase lasts {} at most",
                Span(*takes),
                Span(*most)
            ),
            Self::ClockCutsRound { phase, takes, target } => write!(
                f,
                "phase `{phase}`: its clock ends it after {}, and one full round takes {}",
                Span(*target),
                Span(*takes)
            ),
            Self::NobodySpeaks { phase, floor } => {
                write!(f, "phase `{phase}`: nobody of this group could speak in its floor {floor}")
            }
            Self::DeadEnd { phase: Some(phase), after } => {
                write!(f, "phase `{phase}`: nobody could leave it ({} in)", Span(*after))
            }
            Self::DeadEnd { phase: None, after } => {
                write!(f, "the session could not start ({} in)", Span(*after))
            }
            Self::TurnCut { phase, after } => write!(
                f,
                "phase `{phase}`: its end cut somebody's turn in the round ({} in)",
                Span(*after)
            ),
            Self::Broken { what, after } => write!(f, "the room: {what} ({} in)", Span(*after)),
        }
    }
}

/// What is wrong as far as it can be seen without playing, for a group of `people`: one facilitator,
/// one client, consultants.
#[must_use]
pub fn look(template: &Template, people: u8) -> Vec<Fault> {
    template.phases.iter().flat_map(|phase| of_phase(phase, people)).collect()
}

fn of_phase(phase: &Phase, people: u8) -> Vec<Fault> {
    let mut faults = Vec::new();
    let takes = phase.least_for(people);
    if takes > phase.max {
        faults.push(Fault::DoesNotFit { phase: phase.id.clone(), takes, most: phase.max });
    } else if takes > phase.target && phase.transition == Transition::Timer {
        let target = phase.target;
        faults.push(Fault::ClockCutsRound { phase: phase.id.clone(), takes, target });
    }
    let group: RoleSet = match people {
        0..=1 => [Role::Facilitator].into_iter().collect(),
        2 => [Role::Facilitator, Role::Client].into_iter().collect(),
        _ => [Role::Facilitator, Role::Client, Role::Consultant].into_iter().collect(),
    };
    for (index, step) in phase.steps.iter().enumerate() {
        if !somebody_speaks(&step.floor, group) {
            faults.push(Fault::NobodySpeaks { phase: phase.id.clone(), floor: index + 1 });
        }
    }
    faults
}

/// Whether somebody of these roles could speak, where somebody is meant to.
pub(crate) fn somebody_speaks(floor: &FloorPolicy, group: RoleSet) -> bool {
    let any = |who: RoleSet| group.iter().any(|role| who.contains(role));
    match floor {
        FloorPolicy::Silence => true,
        FloorPolicy::Breakout { .. } => {
            group.iter().any(|role| speaks(role) && !role.facilitates())
        }
        FloorPolicy::Open { who, .. }
        | FloorPolicy::Queue { who, .. }
        | FloorPolicy::ChairQueue { who, .. }
        | FloorPolicy::QuietFirst { who, .. }
        | FloorPolicy::RoundRobin { who, .. } => any(*who),
        FloorPolicy::Holder { who, .. } => group.contains(*who),
        FloorPolicy::Pair { ask, answer, .. } => {
            any(*ask) && group.iter().any(|role| answer.may_be(role))
        }
    }
}
