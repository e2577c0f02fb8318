//! A room as a person sees it. Every part is replaced whole by an event.

use palabre_ids::{DisplayName, MediaRights, Millis, Role, Seat, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};

/// The whole room.
#[derive(Debug, Clone, PartialEq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RoomView {
    /// What is being followed.
    pub template: TemplateInfo,
    /// Its phases, in order, with the texts for this person's role and language.
    pub phases: Vec<PhaseInfo>,
    /// Where the session is.
    pub phase: PhaseView,
    /// Who has the floor, and who wants it.
    pub floor: FloorView,
    /// Everyone with a seat, ascending by seat.
    pub people: Vec<Person>,
    /// What concerns everybody at once.
    pub state: RoomState,
    /// The last lines of chat, oldest first.
    pub chat: Vec<crate::ChatLine>,
}

/// The template in use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct TemplateInfo {
    /// Its name in links and files, such as `codev-1h15`.
    pub id: String,
    /// Its title in the person's language.
    pub title: String,
    /// The sum of its phases' targets.
    pub target: Millis,
}

/// A phase as the template has it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PhaseInfo {
    /// Its name in the template.
    pub id: String,
    /// Its title in the person's language.
    pub title: String,
    /// What it is for, in a sentence.
    pub purpose: String,
    /// What this person's role is to do in it.
    pub prompt: String,
    /// How long it should last.
    pub target: Millis,
    /// Its floor policy.
    pub floor: FloorPolicyKind,
}

/// A floor policy's name.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum FloorPolicyKind {
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

/// Where the session is.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct PhaseView {
    /// Before, in, or after the phases.
    pub stage: SessionStage,
    /// The phase's clock; in the lobby and after the end it stands still at zero.
    pub clock: ClockView,
    /// How much the phase was lengthened so far.
    pub extended: Millis,
    /// When the session ends if every later phase takes its target.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub session_ends_at: Option<UnixMillis>,
    /// The contract sentence, once proposed, and who accepts it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub contract: Option<String>,
    /// The seats that accept the contract sentence.
    pub contract_accepted_by: Vec<Seat>,
    /// What must happen before the next phase can begin.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub blocked: Option<Blocked>,
}

/// What keeps the next phase from beginning.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Blocked {
    /// Nobody has been named client.
    ClientNotNamed,
    /// The group has not accepted the contract sentence.
    ContractNotAccepted,
}

/// The part of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "stage", rename_all = "snake_case")]
pub enum SessionStage {
    /// People arrive; everyone may speak.
    Lobby,
    /// A phase is on.
    Running {
        /// Its index in `RoomView::phases`.
        index: u16,
    },
    /// Over.
    Ended,
}

/// A clock as a deadline or a stand-still: it never ticks on the wire.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "clock", rename_all = "snake_case")]
pub enum ClockView {
    /// Runs to a deadline; past it, it counts overtime.
    Running {
        /// When it reaches zero, by the server's clock.
        deadline: UnixMillis,
    },
    /// Stands still.
    Paused {
        /// What is left.
        remaining: Millis,
    },
}

/// Who has the floor, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct FloorView {
    /// The policy of the phase.
    pub policy: FloorPolicyKind,
    /// How firm the ends of turns are.
    pub firmness: Firmness,
    /// Whether the phase takes requests for the floor.
    pub takes_requests: bool,
    /// The turn going on, in the policies that have turns.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub turn: Option<GrantView>,
    /// What each seat may send now, whoever holds the floor; muted microphones left aside.
    pub rights: Vec<(Seat, MediaRights)>,
    /// The hands, in the one order.
    pub hands: Vec<HandView>,
    /// Who is still to speak in this round, in order.
    pub upcoming: Vec<Seat>,
    /// Whether chat is open.
    pub chat_open: bool,
}

/// A turn: a lease on the floor.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct GrantView {
    /// Which turn.
    pub turn_id: TurnId,
    /// Who speaks.
    pub seat: Seat,
    /// In a pair: who is asked or answered.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub partner: Option<Seat>,
    /// The turn's clock; absent in a turn without limit.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub clock: Option<ClockView>,
    /// The warning comes this long before the deadline.
    pub warning: Millis,
    /// After the deadline the speaker has this long until the cut.
    pub grace: Millis,
    /// Why the clock stands still, when it does.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub waiting: Option<WaitReason>,
}

/// Why a turn's clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "reason", rename_all = "snake_case")]
pub enum WaitReason {
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

/// A person and their seat.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct Person {
    /// Their seat.
    pub seat: Seat,
    /// Their name, for the screen.
    pub name: DisplayName,
    /// Their part.
    pub role: Role,
    /// Whether they are here.
    pub presence: Presence,
    /// Whether they muted their microphone.
    pub muted: bool,
    /// Whether their camera is on.
    pub camera: bool,
    /// Whether they hold the chair: the facilitator's rights.
    pub chair: bool,
}

/// Whether a person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "presence", rename_all = "snake_case")]
pub enum Presence {
    /// The link has not been opened yet.
    Expected,
    /// Here.
    Here,
    /// Dropped; the place is kept.
    Away {
        /// Since when.
        since: UnixMillis,
        /// Until when the place (turn, chair, client's clock) is held, if something is.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        held_until: Option<UnixMillis>,
    },
    /// Left by their own wish; the link still works.
    Left,
}

/// What concerns everybody at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
pub struct RoomState {
    /// Who shares a screen: the last receive slot shows it.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub screen: Option<Seat>,
    /// Who holds the chair; nobody while the room runs by itself.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub chair: Option<Seat>,
    /// The phase is paused because this person, whom it cannot go on without, dropped.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[cfg_attr(feature = "ts", ts(optional))]
    pub paused_for: Option<Seat>,
}
