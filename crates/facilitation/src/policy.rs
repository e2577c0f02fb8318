//! Floor policies: who may speak, and in what order.

use palabre_ids::{Millis, Role};
use palabre_vocabulary::FloorKind;
use serde::{Deserialize, Serialize};

use crate::RoleSet;

/// Who may speak.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum FloorPolicy {
    /// Everyone of some roles may speak.
    Open {
        /// Whether hands can be raised; the facilitator then points at who is next. In a circle
        /// they always can.
        hands: bool,
        /// Who may speak at all.
        who: RoleSet,
        /// A circle: at most this many speak at once, others wait for a seat in the order of hands.
        seats: Option<u8>,
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
    /// The chair picks among the hands; without a chair they come in order.
    ChairQueue {
        /// Who may ask for the floor.
        who: RoleSet,
        /// The limits of a turn.
        turn: TurnLimits,
    },
    /// Whoever spoke least, for what they were entitled to, comes first.
    QuietFirst {
        /// Who may ask for the floor.
        who: RoleSet,
        /// The limits of a turn.
        turn: TurnLimits,
    },
    /// Everyone in turn.
    RoundRobin {
        /// Who has a turn.
        who: RoleSet,
        /// The limits of a turn.
        turn: TurnLimits,
        /// In what order.
        order: RoundOrder,
        /// How often it goes round.
        rounds: Rounds,
        /// How many are expected to speak in a round, where most let it go by; `None` for all.
        volunteers: Option<u8>,
    },
    /// One asks, one answers.
    Pair {
        /// Who asks.
        ask: RoleSet,
        /// The limits of a question.
        ask_turn: TurnLimits,
        /// Who answers.
        answer: Answerer,
        /// The limits of an answer.
        answer_turn: TurnLimits,
        /// How the next to ask is found.
        by: PairBy,
    },
    /// Nobody speaks but the facilitator.
    Silence,
    /// Small groups apart, each open.
    Breakout {
        /// How many in a group (2 to 4); one more or fewer where the number does not divide.
        size: u8,
        /// Who comes together.
        mix: Mix,
    },
}

/// Who answers in a pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Answerer {
    /// The one person of a role: the client or the facilitator.
    Role(Role),
    /// Whom the asker names, of these roles.
    Named(RoleSet),
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

/// How often a round goes round.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Rounds {
    /// Everyone once.
    #[default]
    Once,
    /// Again and again, until everyone lets it go by in one round.
    UntilSilent,
}

/// Who comes together in a breakout.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Mix {
    /// The groups of the breakout before; the first time, neighbours.
    #[default]
    Keep,
    /// Groups of the breakout before join: pairs become fours.
    Join,
    /// Company as new as can be.
    Rotate,
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

impl Answerer {
    /// Whether somebody of `role` may be the one who answers.
    #[must_use]
    pub fn may_be(self, role: Role) -> bool {
        match self {
            Self::Role(only) => only == role,
            Self::Named(roles) => roles.contains(role),
        }
    }
}

impl FloorPolicy {
    /// The policy's name.
    #[must_use]
    pub fn kind(&self) -> FloorKind {
        match self {
            Self::Open { .. } => FloorKind::Open,
            Self::Holder { .. } => FloorKind::Holder,
            Self::Queue { .. } => FloorKind::Queue,
            Self::ChairQueue { .. } => FloorKind::ChairQueue,
            Self::QuietFirst { .. } => FloorKind::QuietFirst,
            Self::RoundRobin { .. } => FloorKind::RoundRobin,
            Self::Pair { .. } => FloorKind::Pair,
            Self::Silence => FloorKind::Silence,
            Self::Breakout { .. } => FloorKind::Breakout,
        }
    }

    /// Whether `role` may hold a turn under the policy.
    #[must_use]
    pub fn turn_for(&self, role: Role) -> bool {
        match self {
            Self::Open { hands, who, seats } => *hands && seats.is_none() && who.contains(role),
            Self::Holder { who, .. } => *who == role,
            Self::Queue { who, .. }
            | Self::ChairQueue { who, .. }
            | Self::QuietFirst { who, .. }
            | Self::RoundRobin { who, .. } => who.contains(role),
            Self::Pair { ask, answer, .. } => ask.contains(role) || answer.may_be(role),
            Self::Silence | Self::Breakout { .. } => false,
        }
    }

    /// Whether `role` may raise a hand under the policy.
    #[must_use]
    pub fn takes_request_of(&self, role: Role) -> bool {
        match self {
            Self::Open { hands, who, .. } => *hands && who.contains(role),
            Self::Queue { who, .. }
            | Self::ChairQueue { who, .. }
            | Self::QuietFirst { who, .. } => who.contains(role),
            Self::Pair { ask, by: PairBy::Queue, .. } => ask.contains(role),
            Self::Holder { .. }
            | Self::RoundRobin { .. }
            | Self::Pair { .. }
            | Self::Silence
            | Self::Breakout { .. } => false,
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

    /// How many speak at once in the policy's circle, when it is one.
    #[must_use]
    pub fn circle(&self) -> Option<usize> {
        match self {
            Self::Open { seats, .. } => seats.map(usize::from),
            _ => None,
        }
    }

    /// How long one round takes in a group of `people`, one facilitator, one client and consultants;
    /// nothing where there is no round.
    pub(crate) fn one_round(&self, people: u8) -> Millis {
        let heads = |who: RoleSet| {
            let count = |role: Role| u64::from(who.contains(role));
            count(Role::Facilitator)
                + count(Role::Client)
                + count(Role::Consultant) * u64::from(people.saturating_sub(2))
        };
        Millis(match self {
            Self::RoundRobin { who, turn, volunteers, .. } => {
                volunteers.map_or(heads(*who), u64::from) * turn.length.0
            }
            Self::Pair { ask, ask_turn, answer_turn, by: PairBy::Round(_), .. } => {
                heads(*ask) * (ask_turn.length.0 + answer_turn.length.0)
            }
            _ => 0,
        })
    }

    /// Whether the policy comes to an end of its own: a round when everyone had their place, a
    /// holder when they release.
    #[must_use]
    pub fn ends_by_itself(&self) -> bool {
        self.round().is_some() || matches!(self, Self::Holder { .. })
    }

    pub(crate) fn limits_mut(&mut self) -> Vec<&mut TurnLimits> {
        match self {
            Self::Open { .. } | Self::Silence | Self::Breakout { .. } => Vec::new(),
            Self::Holder { turn, .. } => turn.iter_mut().collect(),
            Self::Queue { turn, .. }
            | Self::ChairQueue { turn, .. }
            | Self::QuietFirst { turn, .. }
            | Self::RoundRobin { turn, .. } => vec![turn],
            Self::Pair { ask_turn, answer_turn, .. } => vec![ask_turn, answer_turn],
        }
    }
}
