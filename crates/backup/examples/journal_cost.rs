//! What the journal costs on a disk: `cargo run --release -p palabre-backup --example journal_cost DIR`.
//!
//! Appends are of 300 bytes, each durable before the next of its room; snapshots are real rooms' and
//! each room comes back with a hundred inputs, replayed.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use palabre_backup::{
    About, Change, Entry, Journal, LogJournal, Milestones, Snapshot, ValueName, load, restore,
};
use palabre_facilitation::Template;
use palabre_ids::{DisplayName, Language, Millis, Role, RoomId, Seat, UnixMillis};
use palabre_room::{Input, PersonConfig, Room, RoomConfig};

const START: UnixMillis = UnixMillis(1_789_000_000_000);

type Failure = Box<dyn std::error::Error>;

fn main() -> Result<(), Failure> {
    let place = std::env::args_os().nth(1).map_or_else(std::env::temp_dir, PathBuf::from);
    let directory = place.join(format!("journal-cost-{}", std::process::id()));
    let runtime = tokio::runtime::Builder::new_multi_thread().build()?;
    let measured = runtime.block_on(measure(&directory));
    std::fs::remove_dir_all(&directory)?;
    measured
}

async fn measure(directory: &Path) -> Result<(), Failure> {
    let journal = Arc::new(LogJournal::open(directory)?);
    let key = Change::Put { name: ValueName::LinkKey, value: vec![0; 32] };
    journal.commit(key).await?;
    let snapshot = snapshot()?;

    for (rooms, each) in [(1, 500), (8, 300), (100, 50), (1_000, 20)] {
        let started = Instant::now();
        let tasks: Vec<_> = (0..rooms)
            .map(|index| {
                let first = snapshot.change(room(rooms, index), 0);
                tokio::spawn(life(Arc::clone(&journal), room(rooms, index), first, each))
            })
            .collect();
        let (mut made, mut appended) = (Vec::new(), Vec::new());
        for task in tasks {
            let (creation, waits) = task.await??;
            made.push(creation);
            appended.extend(waits);
        }
        let seconds = started.elapsed().as_secs_f64();
        let rate = (rooms * (each + 1)) as f64 / seconds;
        say(&format!("{rooms} rooms at once, make one"), &mut made);
        say(&format!("{rooms} rooms at once, append ({rate:.0} changes/s)"), &mut appended);
    }

    let mut snapshots = Vec::new();
    let mut beats = Vec::new();
    for turn in 0..100_u64 {
        let started = Instant::now();
        journal.commit(snapshot.change(room(1, 0), 500)).await?;
        snapshots.push(started.elapsed());
        let started = Instant::now();
        let value = turn.to_be_bytes().to_vec();
        journal.commit(Change::Put { name: ValueName::Alive, value }).await?;
        beats.push(started.elapsed());
    }
    say("snapshot of one room", &mut snapshots);
    say("heartbeat", &mut beats);

    for stored in load(journal.as_ref()).await?.rooms {
        journal.commit(Change::Erase { room: stored.room }).await?;
    }
    for index in 0..1_000 {
        journal.commit(snapshot.change(room(1_000, index), 0)).await?;
        for number in 1..=100 {
            let resumed = number > 1;
            let input = Input::Connected { seat: Seat((number % 8) as u8), resumed };
            let entry = Entry { at: START + Millis(number * 500), command: None, input };
            // Not awaited: the files are what is wanted here.
            drop(journal.commit(entry.change(room(1_000, index), number)));
        }
    }
    drop(journal);
    let started = Instant::now();
    let journal = LogJournal::open(directory)?;
    let loaded = load(&journal).await?;
    let read = started.elapsed();
    let bytes: usize = loaded.rooms.iter().map(|stored| stored.state.len()).sum();
    let mut inputs = 0;
    for stored in &loaded.rooms {
        inputs += restore(stored)?.1;
    }
    let all = started.elapsed();
    let rooms = loaded.rooms.len();
    print(&format!(
        "{rooms} rooms of {} bytes and {inputs} inputs: read in {read:.0?}, back in {all:.0?}",
        bytes / rooms.max(1)
    ));
    Ok(())
}

async fn life(
    journal: Arc<LogJournal>,
    room: RoomId,
    first: Change,
    appends: usize,
) -> Result<(Duration, Vec<Duration>), palabre_backup::JournalError> {
    let started = Instant::now();
    journal.commit(first).await?;
    let made = started.elapsed();
    let mut waits = Vec::new();
    for number in 1..=appends as u64 {
        let started = Instant::now();
        journal
            .commit(Change::Append { room: room.clone(), number, entry: vec![b'x'; 300] })
            .await?;
        waits.push(started.elapsed());
    }
    Ok((made, waits))
}

fn room(of: usize, index: usize) -> RoomId {
    RoomId::parse(&format!("room-{of}-{index}-measured")).expect("letters, digits and hyphens")
}

fn snapshot() -> Result<Snapshot, Failure> {
    let template = Template::builtin("codev-1h15").ok_or("a template that ships")?;
    let roles = [Role::Facilitator, Role::Client].into_iter();
    let people = roles
        .chain(std::iter::repeat_n(Role::Consultant, 6))
        .map(|role| {
            let name = DisplayName::parse(role.as_str())?;
            Ok(PersonConfig { name, role, expert: false })
        })
        .collect::<Result<Vec<_>, Failure>>()?;
    let about = About {
        created_at: START,
        links_expire_at: START + Millis::from_secs(86_400),
        invited: people.iter().map(|person| (person.name.clone(), person.role)).collect(),
        demo: false,
        telephone: None,
        milestones: Milestones::default(),
    };
    let config = RoomConfig { template: Arc::new(template), language: Language::Fr, people };
    let room = Room::new(START, config)?;
    Ok(Snapshot { room, about, last_commands: Vec::new(), last_input_at: START })
}

fn say(what: &str, waits: &mut [Duration]) {
    waits.sort();
    let at = |share: f64| waits[((waits.len() - 1) as f64 * share) as usize].as_secs_f64() * 1e3;
    print(&format!("{what}: p50 {:.2} ms, p99 {:.2} ms", at(0.5), at(0.99)));
}

#[expect(clippy::print_stdout, reason = "what it is for")]
fn print(line: &str) {
    println!("{line}");
}
