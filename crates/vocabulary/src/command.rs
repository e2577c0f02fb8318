//! What a person asks for.

use palabre_ids::{Group, Millis, Seat};
use serde::{Deserialize, Serialize};

use crate::{Ballot, EntryDraft, EntryId, RecordFate};

/// What a person can ask of the room. Who may ask is the room's business, at the time it is asked.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
pub enum Command {
    /// Raises the hand: asks for the floor.
    RequestFloor,
    /// Lowers the hand.
    CancelRequest,
    /// Ends one's own turn.
    ReleaseFloor,
    /// Lets one's own turn in a round go by.
    Pass,
    /// The person's own microphone switch. A muted seat's audio is not forwarded.
    SetMuted {
        /// Whether the microphone is off.
        muted: bool,
    },
    /// The person's own camera switch.
    SetCamera {
        /// Whether the camera is on.
        on: bool,
    },
    /// Starts or stops sharing the screen; one seat shares at a time.
    SetScreen {
        /// Whether the screen is shared.
        on: bool,
    },
    /// Writes to everyone. 1 to 2,000 characters.
    Chat {
        /// The text.
        text: String,
    },
    /// Tells the group « je n'entends pas ».
    CannotHear,
    /// In a pair: the answering side gives the word back, or the asking side to the answer.
    YieldFloor {
        /// Where the asker chooses who answers: whom they ask.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        to: Option<Seat>,
    },
    /// Asks the facilitator for help, in private. 1 to 500 characters.
    Help {
        /// The text.
        text: String,
    },
    /// Gives one's ballot in the vote that is open; a later one replaces it. Ballots are secret.
    CastBallot {
        /// For what.
        ballot: Ballot,
    },
    /// Writes into the record, where the phase has a place for it.
    AddEntry {
        /// What.
        entry: EntryDraft,
    },
    /// Rewrites an entry of one's own; the client may rewrite any but others' learnings and ratings.
    ChangeEntry {
        /// Which.
        id: EntryId,
        /// What it says now; of the same kind.
        entry: EntryDraft,
    },
    /// Takes an entry of one's own out of the record.
    RemoveEntry {
        /// Which.
        id: EntryId,
    },
    /// The client: keeps a suggestion, or does not.
    KeepEntry {
        /// Which.
        id: EntryId,
        /// Whether it is kept.
        kept: bool,
    },
    /// Replaces one's private notes, which nobody else is shown. At most 8,000 characters.
    SetNotes {
        /// The text.
        text: String,
    },
    /// The client, or the chair where there is none: what becomes of the record at the end.
    DecideRecord {
        /// What.
        fate: RecordFate,
    },
    /// While nobody holds the chair: wants to go on to the next phase, or no longer; more than half of
    /// those present go on together.
    WantNext {
        /// Whether.
        wanted: bool,
    },
    /// In consultation: the client says the group has left the contract.
    OutOfContract,
    /// In the contract phase: the sentence the client proposes. 1 to 500 characters.
    ProposeContract {
        /// The sentence.
        text: String,
    },
    /// In the contract phase: one's own acceptance of the proposed sentence.
    AcceptContract,
    /// Facilitator: does what comes next, as [`crate::PhaseView::next`] says: the one key of a session.
    GoOn,
    /// Facilitator: leaves the lobby, or goes on to the next phase, whatever is still to be done in
    /// this one.
    NextPhase,
    /// Facilitator: goes back to the phase before.
    PreviousPhase,
    /// Facilitator: lengthens the phase.
    ExtendPhase {
        /// By how much: at least 1 s, at most an hour.
        by: Millis,
    },
    /// Facilitator: stays in a phase that is about to end by itself.
    Stay,
    /// Facilitator: stops the phase's clock.
    PausePhase,
    /// Facilitator: lets the phase's clock run again.
    ResumePhase,
    /// Facilitator: gives the floor.
    GrantFloor {
        /// To whom.
        seat: Seat,
    },
    /// Facilitator: takes the floor from whoever holds it.
    RevokeFloor,
    /// Facilitator: ends this turn and goes on to the next one.
    SkipTurn,
    /// Facilitator: names the client, before the phases that need one.
    NameClient {
        /// Who brings the subject.
        seat: Seat,
    },
    /// Facilitator: opens the phase's vote.
    OpenVote,
    /// Facilitator: closes the vote with the ballots that were given.
    CloseVote,
    /// Facilitator: names who takes the chair if they drop and no co-facilitator is here.
    NameBackup {
        /// Who; nobody any more without one.
        #[serde(default, skip_serializing_if = "Option::is_none")]
        #[cfg_attr(feature = "ts", ts(optional))]
        seat: Option<Seat>,
    },
    /// Facilitator: the client is away and their place was kept long enough.
    AfterClientDrop {
        /// What the group does.
        choice: ClientDropChoice,
    },
    /// Facilitator, in the lobby: plays the loss of the client, for everyone to see the way back.
    StartDrill,
    /// Facilitator: ends the drill.
    EndDrill,
    /// Facilitator: joins a breakout group, or comes back to the plenary.
    VisitGroup {
        /// Which.
        group: Group,
    },
    /// Facilitator who was replaced after a drop: takes the room back.
    TakeChair,
    /// Facilitator: ends the session for everyone.
    EndSession,
}

impl std::fmt::Debug for Command {
    /// The command's name only: no content, no name.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str(self.name())
    }
}

impl Command {
    /// The command's name on the wire.
    #[must_use]
    pub fn name(&self) -> &'static str {
        match self {
            Self::RequestFloor => "request_floor",
            Self::CancelRequest => "cancel_request",
            Self::ReleaseFloor => "release_floor",
            Self::Pass => "pass",
            Self::SetMuted { .. } => "set_muted",
            Self::SetCamera { .. } => "set_camera",
            Self::SetScreen { .. } => "set_screen",
            Self::Chat { .. } => "chat",
            Self::CannotHear => "cannot_hear",
            Self::YieldFloor { .. } => "yield_floor",
            Self::Help { .. } => "help",
            Self::CastBallot { .. } => "cast_ballot",
            Self::AddEntry { .. } => "add_entry",
            Self::ChangeEntry { .. } => "change_entry",
            Self::RemoveEntry { .. } => "remove_entry",
            Self::KeepEntry { .. } => "keep_entry",
            Self::SetNotes { .. } => "set_notes",
            Self::DecideRecord { .. } => "decide_record",
            Self::WantNext { .. } => "want_next",
            Self::GoOn => "go_on",
            Self::Stay => "stay",
            Self::OpenVote => "open_vote",
            Self::CloseVote => "close_vote",
            Self::NameBackup { .. } => "name_backup",
            Self::AfterClientDrop { .. } => "after_client_drop",
            Self::StartDrill => "start_drill",
            Self::EndDrill => "end_drill",
            Self::VisitGroup { .. } => "visit_group",
            Self::OutOfContract => "out_of_contract",
            Self::ProposeContract { .. } => "propose_contract",
            Self::AcceptContract => "accept_contract",
            Self::NextPhase => "next_phase",
            Self::PreviousPhase => "previous_phase",
            Self::ExtendPhase { .. } => "extend_phase",
            Self::PausePhase => "pause_phase",
            Self::ResumePhase => "resume_phase",
            Self::GrantFloor { .. } => "grant_floor",
            Self::RevokeFloor => "revoke_floor",
            Self::SkipTurn => "skip_turn",
            Self::NameClient { .. } => "name_client",
            Self::TakeChair => "take_chair",
            Self::EndSession => "end_session",
        }
    }
}

/// What the group does when the client did not come back in time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum ClientDropChoice {
    /// Waits as long again.
    KeepWaiting,
    /// Goes on in writing: questions and suggestions are written, for the client to read.
    InWriting,
    /// Takes another subject: back to the phase that names a client, who is free to be named again.
    AnotherSubject,
    /// Ends here and meets again: the record is kept for the client.
    Reschedule,
}
