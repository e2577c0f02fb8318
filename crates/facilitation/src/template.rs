//! A facilitation template, in types that cannot be wrong: the only ways to one are
//! [`Template::parse`] and [`Template::builtin`].

use palabre_ids::{Millis, Role};
use serde::{Deserialize, Serialize};

use crate::{Prompts, RoleSet, Text};

/// What a session follows.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Template {
    /// Its name in links and files, such as `codev-1h15`.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// What it is for.
    pub purpose: Text,
    /// How many people it is sized for, the facilitator included.
    pub people: u8,
    /// What happens when somebody drops.
    pub drops: DropPolicy,
    /// Its phases, in order; at least one.
    pub phases: Vec<Phase>,
}

/// How long a place is kept for somebody who dropped.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct DropPolicy {
    /// A lost connection counts as a drop after this long: shorter makes every reload visible,
    /// longer leaves the group in front of a frozen picture.
    pub debounce: Millis,
    /// The speaker's turn is kept this long in all over one turn, then it passes on.
    pub speaker: Millis,
    /// The phase stands still for the client this long, then the facilitator chooses.
    pub client: Millis,
    /// The chair is kept this long, then a co-facilitator has it, or the timers.
    pub chair: Millis,
    /// After a restart the session goes on with the client, the facilitator and this many others.
    pub quorum: u8,
}

/// A phase of a template.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Phase {
    /// Its name in the template.
    pub id: String,
    /// Its title.
    pub title: Text,
    /// What it is for, in a sentence.
    pub purpose: Text,
    /// What each role is to do in it.
    pub prompts: Prompts,
    /// How long it should last.
    pub target: Millis,
    /// The least it may shrink to when an earlier phase borrows from it; at most the target.
    pub min: Millis,
    /// The most it may be extended to; at least the target.
    pub max: Millis,
    /// The phase's warning comes this long before its end.
    pub warning: Millis,
    /// What happens to a speaker who goes on at the end of their turn.
    pub firmness: Firmness,
    /// What an extension costs.
    pub overtime: Overtime,
    /// Who ends the phase.
    pub transition: Transition,
    /// Its floor policies, one after the other; at least one.
    pub steps: Vec<Step>,
    /// Who may send their camera.
    pub video: RoleSet,
    /// Who may share their screen; facilitators always may.
    pub screen: RoleSet,
    /// Whether chat is open, as long as nobody holds the floor.
    pub chat: bool,
    /// What must have happened before the phase can begin.
    pub needs: Vec<Need>,
    /// Whether the contract sentence is worded and accepted in this phase.
    pub takes_contract: bool,
    /// Whether the client may signal that the group has left the contract.
    pub out_of_contract: bool,
    /// What happens when the client drops.
    pub client_drop: ClientDrop,
}

/// A part of a phase with one floor policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The policy.
    pub floor: FloorPolicy,
    /// How long it lasts; `None` until it is done, or until the end of the phase.
    pub lasts: Option<Millis>,
}

/// Who may speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorPolicy {
    /// Everyone may speak.
    Open {
        /// Whether hands can be raised; the facilitator then points at who is next.
        hands: bool,
    },
    /// One named person.
    Holder {
        /// The client or the facilitator.
        who: Role,
        /// The turn's limits; without them it lasts until it is released or the phase ends.
        turn: Option<TurnLimits>,
    },
    /// First come, first served; a second turn comes after everyone's first.
    Queue {
        /// Who may ask for the floor.
        who: RoleSet,
        /// The limits of a turn.
        turn: TurnLimits,
    },
    /// Everyone in turn, once.
    RoundRobin {
        /// Who has a turn.
        who: RoleSet,
        /// The limits of a turn.
        turn: TurnLimits,
        /// In what order.
        order: RoundOrder,
    },
    /// One asks, one answers.
    Pair {
        /// Who asks.
        ask: RoleSet,
        /// The limits of a question.
        ask_turn: TurnLimits,
        /// Who answers: the client or the facilitator.
        answer: Role,
        /// The limits of an answer.
        answer_turn: TurnLimits,
        /// How the next to ask is found.
        by: PairBy,
    },
    /// Nobody speaks but the facilitator.
    Silence,
}

/// How the next to ask is found.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum PairBy {
    /// Everyone in turn, once.
    Round(RoundOrder),
    /// By raised hands.
    Queue,
}

/// The order of a round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub struct RoundOrder {
    /// Whether it goes from the last seat to the first.
    pub reversed: bool,
    /// Experts come after everyone who is not in `last`.
    pub experts_last: bool,
    /// These roles come at the very end.
    pub last: RoleSet,
}

/// The limits of a turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
pub struct TurnLimits {
    /// How long it lasts.
    pub length: Millis,
    /// The same for an expert; at most `length`.
    pub expert: Millis,
    /// The warning comes this long before the deadline.
    pub warning: Millis,
    /// After the deadline the speaker has this long until the cut.
    pub grace: Millis,
}

impl TurnLimits {
    /// How long a turn lasts.
    #[must_use]
    pub fn for_person(&self, expert: bool) -> Millis {
        if expert { self.expert } else { self.length }
    }
}

/// What happens to a speaker who goes on at the end of their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Firmness {
    /// Nothing is cut.
    Advise,
    /// A sound and a banner.
    Chime,
    /// The turn ends, and the microphone with it.
    Enforce,
}

/// What an extension of a phase costs.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Overtime {
    /// The session ends later.
    Soft,
    /// There is none.
    Hard,
    /// Later phases shrink, never below their `min`: the session ends when it was to end.
    Borrow,
}

/// Who ends a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Transition {
    /// The facilitator.
    Manual,
    /// Its clock.
    Timer,
}

/// What must have happened before a phase can begin.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Need {
    /// Somebody is the client.
    Client,
    /// The contract sentence is accepted by everyone present.
    Contract,
}

/// What happens when the client drops.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientDrop {
    /// The phase stands still for them.
    Pause,
    /// They are treated as anyone else.
    GoOn,
}

/// The name of a [`FloorPolicy`].
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorKind {
    /// Everyone may speak.
    Open,
    /// One named person.
    Holder,
    /// First come, first served.
    Queue,
    /// Everyone in turn.
    RoundRobin,
    /// One asks, one answers.
    Pair,
    /// Nobody speaks.
    Silence,
}

impl FloorPolicy {
    /// The policy's name.
    #[must_use]
    pub fn kind(&self) -> FloorKind {
        match self {
            Self::Open { .. } => FloorKind::Open,
            Self::Holder { .. } => FloorKind::Holder,
            Self::Queue { .. } => FloorKind::Queue,
            Self::RoundRobin { .. } => FloorKind::RoundRobin,
            Self::Pair { .. } => FloorKind::Pair,
            Self::Silence => FloorKind::Silence,
        }
    }

    /// Whether `role` may hold a turn under the policy.
    #[must_use]
    pub fn turn_for(&self, role: Role) -> bool {
        match self {
            Self::Open { hands } => *hands && crate::speaks(role),
            Self::Holder { who, .. } => *who == role,
            Self::Queue { who, .. } | Self::RoundRobin { who, .. } => who.contains(role),
            Self::Pair { ask, answer, .. } => ask.contains(role) || *answer == role,
            Self::Silence => false,
        }
    }

    /// Whether `role` may raise a hand under the policy.
    #[must_use]
    pub fn takes_request_of(&self, role: Role) -> bool {
        match self {
            Self::Open { hands } => *hands && crate::speaks(role),
            Self::Queue { who, .. } => who.contains(role),
            Self::Pair { ask, by: PairBy::Queue, .. } => ask.contains(role),
            Self::Holder { .. } | Self::RoundRobin { .. } | Self::Pair { .. } | Self::Silence => {
                false
            }
        }
    }

    /// The order of the policy's round, when it has one, and who is in it.
    #[must_use]
    pub fn round(&self) -> Option<(RoundOrder, RoleSet)> {
        match self {
            Self::RoundRobin { who, order, .. } => Some((*order, *who)),
            Self::Pair { ask, by: PairBy::Round(order), .. } => Some((*order, *ask)),
            _ => None,
        }
    }
}

impl Phase {
    /// The phase's first floor policy: the one its name is shown with.
    #[must_use]
    pub fn first_floor(&self) -> &FloorPolicy {
        &self.steps.first().expect("parsing refuses a phase without a floor").floor
    }
}

impl Template {
    /// The sum of the phases' targets.
    #[must_use]
    pub fn target(&self) -> Millis {
        self.phases.iter().fold(Millis::ZERO, |sum, phase| sum + phase.target)
    }

    /// The same template for a rehearsal: every duration divided by `factor` (1 to 120), none
    /// shorter than a millisecond where it was not nothing. The debounce stays: a network does not
    /// rehearse.
    #[must_use]
    pub fn sped_up(&self, factor: u32) -> Self {
        let factor = u64::from(factor.clamp(1, 120));
        let divide = |length: &mut Millis| {
            if *length != Millis::ZERO {
                *length = Millis((length.0 / factor).max(1));
            }
        };
        let mut template = self.clone();
        let DropPolicy { debounce: _, speaker, client, chair, quorum: _ } = &mut template.drops;
        for length in [speaker, client, chair] {
            divide(length);
        }
        for phase in &mut template.phases {
            for length in [&mut phase.target, &mut phase.min, &mut phase.max, &mut phase.warning] {
                divide(length);
            }
            for step in &mut phase.steps {
                if let Some(lasts) = &mut step.lasts {
                    divide(lasts);
                }
                for turn in step.floor.limits_mut() {
                    let TurnLimits { length, expert, warning, grace } = turn;
                    for length in [length, expert, warning, grace] {
                        divide(length);
                    }
                }
            }
        }
        template
    }
}

impl FloorPolicy {
    fn limits_mut(&mut self) -> Vec<&mut TurnLimits> {
        match self {
            Self::Open { .. } | Self::Silence => Vec::new(),
            Self::Holder { turn, .. } => turn.iter_mut().collect(),
            Self::Queue { turn, .. } | Self::RoundRobin { turn, .. } => vec![turn],
            Self::Pair { ask_turn, answer_turn, .. } => vec![ask_turn, answer_turn],
        }
    }
}
