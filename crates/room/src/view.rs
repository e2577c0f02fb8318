//! What can be read of a room. Everything is a value, so that two moments can be compared.

use palabre_facilitation::{Clock, Firmness, FloorKind, Need};
use palabre_ids::{DisplayName, MediaRights, Millis, Role, Seat, TurnId, UnixMillis};
use serde::{Deserialize, Serialize};

/// The part of the session.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Stage {
    /// People arrive; everyone may speak.
    Lobby,
    /// A phase is on.
    Running {
        /// Its index in the template.
        index: u16,
    },
    /// Over.
    Ended,
}

/// Whether a person is here.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Presence {
    /// The link has not been opened yet.
    Expected,
    /// Here.
    Here,
    /// Dropped; the place is kept.
    Away {
        /// Since when.
        since: UnixMillis,
        /// Until when the place (turn, client's clock, chair) is held, if something is.
        held_until: Option<UnixMillis>,
    },
    /// Left by their own wish; the link still works.
    Left,
}

/// A person and their seat.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PersonView {
    /// Their seat.
    pub seat: Seat,
    /// Their name.
    pub name: DisplayName,
    /// Their part.
    pub role: Role,
    /// Whether they are here.
    pub presence: Presence,
    /// Whether they muted their microphone.
    pub muted: bool,
    /// Whether their camera is on.
    pub camera: bool,
    /// Whether they hold the chair.
    pub chair: bool,
}

/// Where the session is.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseView {
    /// Before, in, or after the phases.
    pub stage: Stage,
    /// The phase's clock; outside of the phases it stands still at zero.
    pub clock: Clock,
    /// How much the phase was lengthened so far.
    pub extended: Millis,
    /// When the session ends if every later phase takes its target; unknown while the clock stands.
    pub session_ends_at: Option<UnixMillis>,
    /// The contract sentence, once proposed.
    pub contract: Option<String>,
    /// The seats that accept it, ascending.
    pub contract_accepted_by: Vec<Seat>,
    /// What must happen before the next phase can begin.
    pub blocked: Option<Need>,
}

/// Who has the floor, and who wants it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct FloorView {
    /// The policy now.
    pub policy: FloorKind,
    /// How firm the ends of turns are.
    pub firmness: Firmness,
    /// Whether requests for the floor are taken.
    pub takes_requests: bool,
    /// The turn going on.
    pub turn: Option<TurnView>,
    /// What each seat may send now, ascending by seat: microphones as if nobody were muted, the
    /// screen as whether the seat may share (or shares) it.
    pub rights: Vec<(Seat, MediaRights)>,
    /// The hands, in the one order.
    pub hands: Vec<HandView>,
    /// Who is still to speak in this round, in order.
    pub upcoming: Vec<Seat>,
    /// Whether chat is open.
    pub chat_open: bool,
}

/// A turn.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct TurnView {
    /// Which turn.
    pub turn_id: TurnId,
    /// Who speaks.
    pub seat: Seat,
    /// In a pair: who is asked or answered.
    pub partner: Option<Seat>,
    /// The turn's clock; absent in a turn without limit.
    pub clock: Option<Clock>,
    /// The warning comes this long before the deadline.
    pub warning: Millis,
    /// After the deadline the speaker has this long until the cut.
    pub grace: Millis,
    /// Why the clock stands still, when it does.
    pub waiting: Option<Waiting>,
}

/// Why a turn's clock stands still.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
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
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct HandView {
    /// Whose.
    pub seat: Seat,
    /// Since when.
    pub since: UnixMillis,
    /// What is left of a turn that a drop cut short.
    pub remaining: Option<Millis>,
}

/// What concerns everybody at once.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct StateView {
    /// Who shares a screen.
    pub screen: Option<Seat>,
    /// Who holds the chair; nobody while the room runs by itself.
    pub chair: Option<Seat>,
    /// The phase is paused because this person, whom it cannot go on without, dropped.
    pub paused_for: Option<Seat>,
}
