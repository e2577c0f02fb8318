//! Who has the floor, and who wants it.

use palabre_ids::{Group, MediaRights, Millis, Seat, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};

use crate::Clock;

/// A floor policy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FloorKind {
    /// Everyone may speak, or as many at once as there are seats in the circle.
    Open,
    /// One named person.
    Holder,
    /// First come, first served.
    Queue,
    /// The chair picks among the hands.
    ChairQueue,
    /// Whoever spoke least, for what they were entitled to, comes first.
    QuietFirst,
    /// Everyone in turn.
    RoundRobin,
    /// One asks, one answers.
    Pair,
    /// Nobody speaks.
    Silence,
    /// Small groups apart, each open.
    Breakout,
}

/// What happens to somebody who goes on at the end of their turn.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Firmness {
    /// Nothing is cut.
    Advise,
    /// A sound and a banner.
    Chime,
    /// The SFU cuts.
    Enforce,
}

/// Who has the floor, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FloorView {
    /// The policy of the phase's step.
    pub policy: FloorKind,
    /// How firm the ends of turns are.
    pub firmness: Firmness,
    /// Whether the phase takes requests for the floor.
    pub takes_requests: bool,
    /// The turn going on, in the policies that have turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub turn: Option<TurnView>,
    /// What each seat may send now, whoever holds the floor; muted microphones left aside.
    pub rights: Vec<(Seat, MediaRights)>,
    /// The hands, in the one order.
    pub hands: Vec<HandView>,
    /// Who is still to speak in this round, in order.
    pub upcoming: Vec<Seat>,
    /// In a circle (an open floor with few seats): who is in it.
    pub circle: Vec<Seat>,
    /// In a circle: how many seats it has.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub circle_seats: Option<u8>,
    /// The breakout groups; none in the plenary.
    pub groups: Vec<GroupView>,
    /// The clock of this part of the phase, when it has one of its own: a silence, a breakout.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub step_clock: Option<Clock>,
    /// Whether chat is open.
    pub chat_open: bool,
}

/// A breakout group: its people see and hear each other alone.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct GroupView {
    /// Which.
    pub group: Group,
    /// Who is in it, a visiting facilitator included; ascending.
    pub seats: Vec<Seat>,
}

/// A turn: a lease on the floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TurnView {
    /// Which turn.
    pub turn_id: TurnId,
    /// Who speaks.
    pub seat: Seat,
    /// What for.
    pub part: TurnPart,
    /// In a pair: who is asked or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub partner: Option<Seat>,
    /// The turn's clock; absent in a turn without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub clock: Option<Clock>,
    /// The turn's whole length; absent in a turn without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub total: Option<Millis>,
    /// The warning comes this long before the deadline.
    pub warning: Millis,
    /// After the deadline the speaker has this long until the cut.
    pub grace: Millis,
    /// Why the clock stands still, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub waiting: Option<Waiting>,
}

/// What a turn is for.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum TurnPart {
    /// Speaking.
    Speak,
    /// Asking a question.
    Ask,
    /// Answering one.
    Answer,
}

/// Why a turn's clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum Waiting {
    /// The speaker dropped; their place is kept until then.
    SpeakerAway {
        /// When the turn passes on.
        until: UnixMillis,
    },
    /// The phase is paused.
    PhasePaused,
}

/// A raised hand.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct HandView {
    /// Whose.
    pub seat: Seat,
    /// Since when.
    pub since: UnixMillis,
    /// What is left of a turn that a drop cut short, to be given back whole.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub remaining: Option<Millis>,
}
