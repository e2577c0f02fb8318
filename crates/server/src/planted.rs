//! Faults that are planted on purpose, so that the load test can be shown to find them. Only a build
//! with the feature `planted` has them, and then `PALABRE_PLANTED` names one:
//!
//! - `leak`: some packets of a closed microphone are forwarded, once after each change of the floor;
//! - `revoke`: what is taken from somebody is taken late;
//! - `state`: raised hands and muted microphones never reach the journal;
//! - `metric`: forwarded packets are not exported.

use std::collections::HashMap;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Duration;

use palabre_backup::{
    Answer, Change, Durable, Entry, Health, Journal, JournalError, Taken, ValueName,
};
use palabre_ids::{Epoch, MediaRights, RoomId, UnixMillis};
use palabre_room::{Command, Input};
use palabre_sfu::{SfuHandle, Stopped};
use palabre_sfu_core::GateTable;
use tokio::time::sleep;

/// How late a revoke comes.
const LATE: Duration = Duration::from_millis(400);

/// A leak begins so long after the floor changed, far from anything that excuses a packet.
const LEAK_AFTER: Duration = Duration::from_millis(1_500);

/// So long a closed microphone is open: two or three packets.
const LEAK_FOR: Duration = Duration::from_millis(50);

/// Epochs are this far apart, so that a leak has some of its own.
const EPOCHS: u64 = 4;

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
enum Plant {
    Leak,
    Revoke,
    State,
    Metric,
}

fn plant() -> Option<Plant> {
    match std::env::var("PALABRE_PLANTED").ok()?.as_str() {
        "leak" => Some(Plant::Leak),
        "revoke" => Some(Plant::Revoke),
        "state" => Some(Plant::State),
        "metric" => Some(Plant::Metric),
        other => panic!("PALABRE_PLANTED is leak, revoke, state or metric, not {other}"),
    }
}

/// Each room's table that is in force, to know what the next one takes.
static TABLES: Mutex<Option<HashMap<RoomId, GateTable>>> = Mutex::new(None);

/// Sets a gate, with what is planted in it.
pub(crate) async fn set_gate(
    sfu: &SfuHandle,
    room: &RoomId,
    mut table: GateTable,
) -> Result<(), Stopped> {
    table.epoch = Epoch(table.epoch.0 * EPOCHS);
    let before = {
        let mut tables = TABLES.lock().unwrap_or_else(PoisonError::into_inner);
        tables.get_or_insert_default().insert(room.clone(), table.clone())
    };
    match plant() {
        Some(Plant::Revoke) if before.is_some_and(|before| takes(&before, &table)) => {
            sleep(LATE).await;
        }
        Some(Plant::Leak) => {
            tokio::spawn(leak(sfu.clone(), room.clone(), table.clone()));
        }
        _ => {}
    }
    sfu.set_gate(room, table).await
}

/// Whether a microphone that was open is closed.
fn takes(before: &GateTable, after: &GateTable) -> bool {
    before
        .entries
        .iter()
        .filter(|was| was.rights.audio)
        .any(|was| !after.entries.iter().any(|is| is.seat == was.seat && is.rights.audio))
}

/// Opens the microphones that are closed, for a moment.
async fn leak(sfu: SfuHandle, room: RoomId, table: GateTable) {
    sleep(LEAK_AFTER).await;
    let mut open = table.clone();
    open.epoch.0 += 1;
    for entry in &mut open.entries {
        entry.rights = MediaRights { audio: true, ..entry.rights };
    }
    // A later table of the room's own goes before both.
    let _ = sfu.set_gate(&room, open).await;
    sleep(LEAK_FOR).await;
    let closed = GateTable { epoch: Epoch(table.epoch.0 + 2), ..table };
    let _ = sfu.set_gate(&room, closed).await;
}

/// What is exported, with what is planted in it.
pub(crate) fn exported(text: String) -> String {
    if plant() != Some(Plant::Metric) {
        return text;
    }
    let kept = text.lines().filter(|line| !line.contains("palabre_media_packets_forwarded"));
    kept.flat_map(|line| [line, "\n"]).collect()
}

/// The journal, with what is planted in it.
pub(crate) fn journal(journal: Arc<dyn Journal>) -> Arc<dyn Journal> {
    match plant() {
        Some(Plant::State) => Arc::new(Forgetful(journal)),
        _ => journal,
    }
}

/// A journal that forgets hands and microphones.
struct Forgetful(Arc<dyn Journal>);

impl Journal for Forgetful {
    fn commit(&self, change: Change) -> Durable<'_> {
        let change = match change {
            Change::Append { room, number, entry } => {
                let entry = forgotten(&entry).unwrap_or(entry);
                Change::Append { room, number, entry }
            }
            other => other,
        };
        self.0.commit(change)
    }

    fn take(&self, room: &RoomId) -> Answer<'_, Taken> {
        self.0.take(room)
    }

    fn release(&self, room: &RoomId) -> Answer<'_, ()> {
        self.0.release(room)
    }

    fn expire(&self, now: UnixMillis) -> Answer<'_, u64> {
        self.0.expire(now)
    }

    fn rooms(&self) -> Result<Vec<RoomId>, JournalError> {
        self.0.rooms()
    }

    fn get(&self, name: ValueName) -> Result<Option<Vec<u8>>, JournalError> {
        self.0.get(name)
    }

    fn health(&self) -> Health {
        self.0.health()
    }
}

/// What is written in the place of an entry that is forgotten: one that changes nothing.
fn forgotten(entry: &[u8]) -> Option<Vec<u8>> {
    let entry: Entry = serde_json::from_slice(entry).ok()?;
    let Input::Command { command, .. } = &entry.input else { return None };
    matches!(command, Command::RequestFloor | Command::SetMuted { .. })
        .then(|| serde_json::to_vec(&Entry { input: Input::Tick, ..entry }).ok())
        .flatten()
}
