//! A facilitation template: what phases a session has. Every value has been checked by
//! [`Template::parse`] and [`Template::builtin`].

use palabre_ids::{Millis, Role};
use palabre_vocabulary::{EntryKind, Firmness, VoteAbout};
use serde::{Deserialize, Serialize};

use crate::{FloorPolicy, Prompts, RoleSet, Text, TurnLimits};

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
    /// The phase's warnings come this long before its end: the longest first, at least one.
    pub warnings: Vec<Millis>,
    /// What happens to a speaker who goes on at the end of their turn.
    pub firmness: Firmness,
    /// What an extension costs.
    pub overtime: Overtime,
    /// Who ends the phase.
    pub transition: Transition,
    /// A phase that ends by itself is announced to end this long before it does.
    pub linger: Millis,
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
    /// What may be written into the record in the phase, each kind once, and by whom.
    pub writes: Vec<(EntryKind, RoleSet)>,
    /// What the phase votes about.
    pub vote: Option<VoteRule>,
    /// Who is the client of the phase.
    pub client: ClientOf,
    /// What happens when the client drops.
    pub client_drop: ClientDrop,
    /// What everyone does while the client is away.
    pub meanwhile: Text,
}

/// A part of a phase with one floor policy.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct Step {
    /// The policy.
    pub floor: FloorPolicy,
    /// How long it lasts; `None` until it is done, or until the end of the phase.
    pub lasts: Option<Millis>,
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
    /// Everyone had their place in its last step's round, or its last step's holder released.
    AllSpoken,
    /// Its vote is decided.
    Vote,
    /// The contract sentence is accepted by the group.
    Artefact,
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

/// A vote of a phase.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
pub struct VoteRule {
    /// What about.
    pub about: VoteRuleAbout,
    /// How long it stays open at most.
    pub lasts: Millis,
}

/// What a vote of a phase is about.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum VoteRuleAbout {
    /// Whose subject is taken, of those who pitched in the phase: the winner is named client.
    Client,
    /// Whether to stay: asked when the phase's time is over.
    Continue {
        /// How much longer the phase lasts each time, up to its `max`.
        extends: Millis,
    },
    /// A question of the template's own.
    Question {
        /// What is asked.
        question: Text,
        /// What can be answered: 2 to 6.
        answers: Vec<Text>,
    },
}

impl VoteRuleAbout {
    /// Its name, as it is shown.
    #[must_use]
    pub fn kind(&self) -> VoteAbout {
        match self {
            Self::Client => VoteAbout::Client,
            Self::Continue { .. } => VoteAbout::Continue,
            Self::Question { .. } => VoteAbout::Question,
        }
    }
}

/// Who is the client of a phase.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Default, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum ClientOf {
    /// Whoever was.
    #[default]
    Keep,
    /// The next who has not been: the role passes as the phase begins.
    Next,
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

impl Step {
    /// How long `steps` take at the least in a group of `people`, one facilitator, one client and
    /// consultants: everyone's turn in each round, and what has a time of its own.
    pub(crate) fn least_for(steps: &[Self], people: u8) -> Millis {
        steps.iter().fold(Millis::ZERO, |sum, step| {
            sum + step.floor.one_round(people) + step.lasts.unwrap_or(Millis::ZERO)
        })
    }
}

impl Phase {
    /// How long the phase takes at the least in a group of `people`, one facilitator, one client and
    /// consultants: everyone's turn in each round, what has a time of its own, and its vote, if it
    /// is held within its time.
    #[must_use]
    pub fn least_for(&self, people: u8) -> Millis {
        let vote = self.vote.as_ref().filter(|rule| rule.about.kind() != VoteAbout::Continue);
        Step::least_for(&self.steps, people) + vote.map_or(Millis::ZERO, |rule| rule.lasts)
    }

    /// The phase's first floor policy: the one its name is shown with.
    #[must_use]
    pub fn first_floor(&self) -> &FloorPolicy {
        &self.steps.first().expect("parsing refuses a phase without a floor").floor
    }

    /// Whether somebody of `role` may write entries of `kind` in the phase.
    #[must_use]
    pub fn may_write(&self, role: Role, kind: EntryKind) -> bool {
        self.writes.iter().any(|(written, by)| *written == kind && by.contains(role))
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
            for length in [&mut phase.target, &mut phase.min, &mut phase.max, &mut phase.linger] {
                divide(length);
            }
            phase.warnings.iter_mut().for_each(divide);
            if let Some(VoteRule { about, lasts }) = &mut phase.vote {
                divide(lasts);
                if let VoteRuleAbout::Continue { extends } = about {
                    divide(extends);
                }
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
