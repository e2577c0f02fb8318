//! From wherever a session is, it comes to its end, and nothing is left of it.

use palabre_ids::{Millis, Role, Seat};
use palabre_room::{Command, Input};
use palabre_vocabulary::{Blocked, EntryDraft, Presence, RecordFate, Stage};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;

use crate::inputs::SEATS;
use crate::run::Run;

/// Everyone comes back and does their part: the chair goes on with its one key, or nobody is in the
/// chair and time does.
pub(crate) fn session_ends(run: &mut Run, with_chair: bool) -> Result<(), TestCaseError> {
    for seat in (0..SEATS).map(Seat) {
        run.give(Input::Connected { seat, resumed: true })?;
    }
    run.give(Input::Command { seat: Seat(0), command: Command::TakeChair })?;
    run.give(Input::Command { seat: Seat(0), command: Command::ResumePhase })?;
    if run.room.phase().stage == Stage::Lobby {
        run.give(Input::Command { seat: Seat(0), command: Command::GoOn })?;
    }
    if !with_chair {
        run.give(Input::Command { seat: Seat(0), command: Command::NameBackup { seat: None } })?;
        for seat in [2, 0] {
            run.give(Input::Left { seat: Seat(seat) })?;
        }
        prop_assert!(run.room.runs_by_itself() || run.room.phase().stage == Stage::Ended);
    }
    // Each round, everyone who can speaks and lets go, votes, and accepts.
    for _ in 0..600 {
        if run.room.phase().stage == Stage::Ended {
            return Ok(());
        }
        if with_chair {
            let before = run.room.phase();
            run.give(Input::Command { seat: Seat(0), command: Command::GoOn })?;
            if run.room.phase().stage != before.stage || run.room.votes().open.is_some() {
                continue;
            }
        }
        match run.room.phase().blocked {
            Some(Blocked::ClientNotNamed) => {
                let command = Command::NameClient { seat: Seat(3) };
                run.give(Input::Command { seat: Seat(0), command })?;
                let entry = EntryDraft::Subject { text: "canary mine".to_owned() };
                run.give(Input::Command { seat: Seat(3), command: Command::AddEntry { entry } })?;
                if !with_chair {
                    run.everyone(|_| Command::WantNext { wanted: true })?;
                }
            }
            Some(Blocked::ContractNotAccepted) => {
                let client = run.room.people().into_iter().find(|one| one.role == Role::Client);
                if let Some(client) = client {
                    let text = "canary: help me".to_owned();
                    let command = Command::ProposeContract { text };
                    run.give(Input::Command { seat: client.seat, command })?;
                    run.accept()?;
                }
            }
            None => {}
        }
        if run.room.votes().open.is_some() {
            run.vote(1)?;
        }
        if let Some(turn) = run.room.floor().turn {
            run.wait(1_000)?;
            run.give(Input::Command { seat: turn.seat, command: Command::Pass })?;
        } else {
            run.wait(30_000)?;
        }
    }
    let phase = run.room.phase();
    prop_assert!(false, "the session does not end: {:?}, floor {:?}", phase, run.room.floor());
    Ok(())
}

/// The time of the record comes, or the client says so; then nothing that anybody wrote is left.
pub(crate) fn record_is_erased(run: &mut Run) -> Result<(), TestCaseError> {
    prop_assert_eq!(run.room.chat().count(), 0, "the chat is forgotten at the end");
    let client = run.room.people().into_iter().find(|one| one.role == Role::Client);
    let here = client.filter(|client| client.presence == Presence::Here);
    if let Some(client) = here.filter(|_| run.now.0.is_multiple_of(2)) {
        let command = Command::DecideRecord { fate: RecordFate::Erase };
        run.give(Input::Command { seat: client.seat, command })?;
    } else {
        run.wait(Millis::from_secs(24 * 3_600).0)?;
    }
    run.wait(5_000)?;
    prop_assert!(run.room.is_erased());
    prop_assert_eq!(run.room.poll_timeout().is_some(), false, "nothing is left to do");
    let text = serde_json::to_string(&run.room).expect("plain data");
    for mark in ["canary", "privatenote", "privatehelp"] {
        prop_assert!(!text.contains(mark), "{} is left in the room", mark);
    }
    Ok(())
}
