//! What must hold after every input.

use std::collections::BTreeSet;

use palabre_facilitation::{Answerer, FloorPolicy, Step};
use palabre_ids::{Epoch, GateEntry, Group, MediaKind, MediaRights, Role, Seat, UnixMillis};
use palabre_room::{Command, Effect, Effects, Input, Part, Refusal, Room};
use palabre_vocabulary::{
    Ballot, Clock, Entry, EntryKind, FloorKind, NextStep, Pause, PersonView, Presence, Stage,
    VoteOption, Waiting,
};
use proptest::prelude::{prop_assert, prop_assert_eq};
use proptest::test_runner::TestCaseError;

use crate::inputs::SEATS;
use crate::run::Run;

type Checked = Result<(), TestCaseError>;

fn seats() -> impl Iterator<Item = Seat> {
    (0..SEATS).map(Seat)
}

fn who(room: &Room, seat: Seat) -> PersonView {
    room.person(seat).expect("seated")
}

fn facilitates(person: &PersonView) -> bool {
    matches!(person.role, Role::Facilitator | Role::CoFacilitator)
}

fn may_speak_at_all(person: &PersonView) -> bool {
    !matches!(person.role, Role::Scribe | Role::Observer)
        && matches!(person.presence, Presence::Here | Presence::Away { .. })
}

/// Everything that everybody is shown, as text.
pub(crate) fn public(room: &Room) -> String {
    let chat: Vec<_> = room.chat().collect();
    let entries: Vec<_> = room.entries().collect();
    serde_json::to_string(&(
        room.phase(),
        room.floor(),
        room.people(),
        room.state(),
        room.votes(),
        entries,
        chat,
    ))
    .expect("plain data")
}

// ---- the gate

fn entry(table: &[GateEntry], seat: Seat) -> GateEntry {
    let nothing = GateEntry { seat, rights: MediaRights::NONE, group: Group::PLENARY };
    table.iter().copied().find(|entry| entry.seat == seat).unwrap_or(nothing)
}

/// Who is heard or seen by whom, and how.
fn reaches(table: &[GateEntry]) -> BTreeSet<(Seat, Seat, MediaKind)> {
    let mut reached = BTreeSet::new();
    for from in seats() {
        for to in seats().filter(|to| *to != from) {
            for kind in MediaKind::ALL {
                let (one, other) = (entry(table, from), entry(table, to));
                if one.rights.allows(kind) && one.group == other.group {
                    reached.insert((from, to, kind));
                }
            }
        }
    }
    reached
}

/// Tables follow each other with growing epochs; none lets anybody hear whom they will not hear in
/// the end, and nothing is given before everything is taken. Answers the last epoch.
pub(crate) fn gate_effects(
    before: &Room,
    room: &Room,
    effects: &Effects,
    epoch: Epoch,
) -> Result<Epoch, TestCaseError> {
    let mut epoch = epoch;
    let mut table = before.gate_table().table;
    let end = room.gate_table().table;
    let may_reach = reaches(&end);
    let mut given = false;
    for effect in effects {
        let Effect::Rights(change) = effect else { continue };
        prop_assert!(change.epoch > epoch, "epochs grow");
        epoch = change.epoch;
        prop_assert!(
            reaches(&change.table).is_subset(&may_reach),
            "no table on the way lets anybody hear across groups"
        );
        let (mut takes, mut gives) = (false, false);
        for seat in seats() {
            for kind in MediaKind::ALL {
                let was = entry(&table, seat).rights.allows(kind);
                let is = entry(&change.table, seat).rights.allows(kind);
                takes |= was && !is;
                gives |= !was && is;
            }
        }
        prop_assert!(!(takes && gives), "one table never takes and gives");
        prop_assert!(!(takes && given), "what is taken is taken first");
        given |= gives;
        table.clone_from(&change.table);
    }
    prop_assert_eq!(table, end, "the effects tell the whole gate");
    Ok(epoch)
}

/// Whether the policy of the step that is on lets somebody speak, as the view tells it.
fn policy_allows(room: &Room, person: &PersonView) -> bool {
    let Stage::Running { index } = room.phase().stage else { return false };
    let phase = &room.template().phases[usize::from(index)];
    let floor = room.floor();
    let holds = floor.turn.as_ref().is_some_and(|turn| turn.seat == person.seat);
    // A right is worth nothing where no policy of the phase has one for the role.
    // The rest of a floor that was theirs alone waits for them in the steps behind it.
    let kept =
        |step: &Step| matches!(step.floor, FloorPolicy::Holder { who, .. } if who == person.role);
    let by_turns =
        !matches!(floor.policy, FloorKind::Open | FloorKind::Breakout | FloorKind::Silence);
    phase.steps.iter().any(|step| match &step.floor {
        _ if holds && by_turns && kept(step) => true,
        _ if step.floor.kind() != floor.policy => false,
        FloorPolicy::Open { seats: Some(seats), who, .. } => {
            floor.circle.contains(&person.seat)
                && floor.circle.len() <= usize::from(*seats)
                && who.contains(person.role)
        }
        FloorPolicy::Open { who, .. } => who.contains(person.role),
        FloorPolicy::Silence => false,
        FloorPolicy::Breakout { .. } => {
            !facilitates(person) && floor.groups.iter().any(|one| one.seats.contains(&person.seat))
        }
        FloorPolicy::Holder { who, .. } => holds && *who == person.role,
        FloorPolicy::Queue { who, .. }
        | FloorPolicy::ChairQueue { who, .. }
        | FloorPolicy::QuietFirst { who, .. }
        | FloorPolicy::RoundRobin { who, .. } => holds && who.contains(person.role),
        FloorPolicy::Pair { ask, answer, .. } => {
            let answers = match answer {
                Answerer::Role(role) => *role == person.role,
                Answerer::Named(roles) => roles.contains(person.role),
            };
            holds && (ask.contains(person.role) || answers)
        }
    })
}

/// Who may be heard and seen, from the template and the view alone.
fn allowed(room: &Room, seat: Seat) -> MediaRights {
    let person = who(room, seat);
    let leads = facilitates(&person) || person.chair;
    let sharing = room.state().screen == Some(seat);
    match room.phase().stage {
        _ if !may_speak_at_all(&person) => MediaRights::NONE,
        Stage::Ended => MediaRights::NONE,
        Stage::Lobby => MediaRights { audio: !person.muted, video: true, screen: sharing && leads },
        Stage::Running { index } => {
            let phase = &room.template().phases[usize::from(index)];
            let speaks = policy_allows(room, &person) && !room.state().in_writing;
            let apart = room.floor().groups.iter().any(|group| group.seats.contains(&seat));
            MediaRights {
                audio: (leads || speaks) && !person.muted,
                video: leads || apart || phase.video.contains(person.role),
                screen: sharing && (leads || phase.screen.contains(person.role)),
            }
        }
    }
}

pub(crate) fn rights(room: &Room) -> Checked {
    let gate = room.gate_table().table;
    for seat in seats() {
        prop_assert_eq!(entry(&gate, seat).rights, allowed(room, seat), "seat {}", seat);
    }
    let policy = room.floor().policy;
    let heard = seats().filter(|seat| {
        let person = who(room, *seat);
        entry(&gate, *seat).rights.audio && !facilitates(&person) && !person.chair
    });
    let many = matches!(policy, FloorKind::Open | FloorKind::Breakout);
    if matches!(room.phase().stage, Stage::Running { .. }) && !many {
        prop_assert!(heard.count() <= 1, "never two holders");
    }
    Ok(())
}

pub(crate) fn groups(room: &Room) -> Checked {
    let floor = room.floor();
    let gate = room.gate_table().table;
    let mut seen = BTreeSet::new();
    for view in &floor.groups {
        for seat in &view.seats {
            prop_assert!(seen.insert(*seat), "nobody is in two groups");
            prop_assert_eq!(entry(&gate, *seat).group, view.group);
            let role = who(room, *seat).role;
            prop_assert!(
                !matches!(role, Role::Scribe | Role::Observer),
                "they stay in the plenary"
            );
        }
    }
    for seat in seats().filter(|seat| !seen.contains(seat)) {
        prop_assert_eq!(entry(&gate, seat).group, Group::PLENARY);
    }
    prop_assert!(
        floor.policy == FloorKind::Breakout || floor.groups.is_empty(),
        "everyone is back when the breakout is over"
    );
    if let Some(most) = floor.circle_seats {
        prop_assert!(floor.circle.len() <= usize::from(most), "the circle has its seats");
    }
    Ok(())
}

// ---- what is told

pub(crate) fn told(before: &Room, room: &Room, effects: &Effects) -> Checked {
    let says = |part: Part| effects.contains(&Effect::Changed(part));
    prop_assert_eq!(says(Part::Phase), room.phase() != before.phase());
    prop_assert_eq!(says(Part::Floor), room.floor() != before.floor());
    prop_assert_eq!(says(Part::State), room.state() != before.state());
    prop_assert_eq!(says(Part::Votes), room.votes() != before.votes());
    for seat in seats() {
        prop_assert_eq!(says(Part::Person(seat)), room.person(seat) != before.person(seat));
        let mine = effects.iter().filter(|effect| **effect == Effect::Personal(seat)).count();
        let changed = room.personal(seat) != before.personal(seat);
        prop_assert_eq!(mine, usize::from(changed), "each is told of what is theirs, once");
    }
    let ids = room.entries().chain(before.entries()).map(|entry| entry.id).collect::<BTreeSet<_>>();
    for id in ids {
        prop_assert_eq!(says(Part::Entry(id)), room.entry(id) != before.entry(id));
    }
    let ended = |room: &Room| room.phase().stage == Stage::Ended;
    prop_assert_eq!(effects.contains(&Effect::Ended), ended(room) && !ended(before));
    prop_assert_eq!(effects.contains(&Effect::Erase), room.is_erased() && !before.is_erased());
    Ok(())
}

// ---- time

pub(crate) fn clocks(before: &Room, run: &Run) -> Checked {
    let room = &run.room;
    prop_assert!(room.now() >= before.now(), "time never goes back");
    prop_assert!(room.poll_timeout().is_none_or(|at| at > run.now), "nothing due is left undone");
    let phase = room.phase();
    if let Stage::Running { index } = phase.stage {
        let left = phase.clock.remaining(run.now);
        let most = room.template().phases[usize::from(index)].max;
        prop_assert!(left <= most, "clocks are bounded");
        prop_assert!(phase.total <= most);
        for (planned, phase) in phase.planned.iter().zip(&room.template().phases) {
            prop_assert!(*planned >= phase.min, "nothing is borrowed below the least");
        }
        if phase.stage == before.phase().stage && before.phase().clock != phase.clock {
            let was = before.phase();
            let more = phase.extended.saturating_sub(was.extended);
            let most = was.clock.remaining(before.now()) + more + room.template().drops.debounce;
            let entered_again = phase.extended < was.extended || left == phase.total;
            prop_assert!(
                left <= most || entered_again,
                "a clock never grows but by what it is given"
            );
        }
    }
    prop_assert_eq!(phase.session_ends_at.is_some(), matches!(phase.stage, Stage::Running { .. }));
    if let Some(advance) = phase.advance {
        prop_assert!(advance.at > run.now, "what was announced has happened");
        prop_assert!(!matches!(phase.clock, Clock::Paused { .. }), "a pause takes it back");
        prop_assert!(room.votes().open.is_none());
        prop_assert!(!matches!(phase.next, NextStep::Wait | NextStep::Over));
    }
    let chat: usize = room.chat().map(|line| line.text.len()).sum();
    prop_assert!(room.chat().count() <= 50 && chat <= 16 * 1024);
    Ok(())
}

/// Nobody is waited for and gone on without at once.
pub(crate) fn client(room: &Room) -> Checked {
    let state = room.state();
    let waits = matches!(state.pause, Some(Pause::ForClient { .. }));
    prop_assert!(!(waits && state.in_writing), "the group waits, or it writes");
    if state.in_writing {
        let client = room.people().into_iter().find(|one| one.role == Role::Client);
        let here = client.is_none_or(|one| one.presence == Presence::Here);
        prop_assert!(!here, "it writes for a client who is not here, and whose link still works");
    }
    Ok(())
}

pub(crate) fn turn(before: &Room, run: &Run) -> Checked {
    let room = &run.room;
    let Some(turn) = room.floor().turn else { return Ok(()) };
    let person = who(room, turn.seat);
    prop_assert!(may_speak_at_all(&person));
    match before.floor().turn {
        Some(was) if was.turn_id == turn.turn_id => {
            prop_assert_eq!(was.seat, turn.seat, "a turn never changes hands");
            if let (Some(was), Some(is)) = (was.clock, turn.clock) {
                // It stands since the connection was lost, which is known one debounce later.
                let most = was.remaining(before.now()) + room.template().drops.debounce;
                prop_assert!(is.remaining(run.now) <= most, "a turn never grows");
            }
        }
        was => {
            // They may have dropped since, when the tick came late.
            let here = |person: &PersonView| person.presence == Presence::Here;
            let was_here = before.person(turn.seat).as_ref().is_some_and(here);
            prop_assert!(was_here || here(&person), "nothing is granted to the absent");
            prop_assert!(
                was.is_none_or(|was| was.turn_id < turn.turn_id),
                "no turn's number comes twice"
            );
        }
    }
    let stands = matches!(turn.clock, Some(Clock::Paused { .. }));
    prop_assert!(!stands || turn.waiting.is_some(), "a clock that stands says why");
    if turn.waiting == Some(Waiting::PhasePaused) {
        let phase_stands =
            room.state().in_writing || matches!(room.phase().clock, Clock::Paused { .. });
        prop_assert!(phase_stands, "no turn waits for a pause that is over");
    }
    Ok(())
}

// ---- hands

/// Two hands that were up and still are have not changed places.
pub(crate) fn hands(before: &Room, run: &Run, input: &Input) -> Checked {
    let room = &run.room;
    let after = room.floor().hands;
    for (index, hand) in after.iter().enumerate() {
        prop_assert!(after[..index].iter().all(|other| other.seat != hand.seat), "one hand a seat");
    }
    let was = before.floor().hands;
    let still: Vec<Seat> =
        was.iter().filter(|hand| after.contains(hand)).map(|hand| hand.seat).collect();
    let now: Vec<Seat> =
        after.iter().filter(|hand| was.contains(hand)).map(|hand| hand.seat).collect();
    // A gate that opens for who comes may let the phase end: its hands end with it, and those of the
    // next may be raised in the same moment.
    let same_phase = before.phase().stage == room.phase().stage;
    if same_phase {
        prop_assert_eq!(still, now, "hands keep their order");
    }
    let returned = matches!(input, Input::Connected { .. } | Input::Disconnected { .. });
    if returned && same_phase && before.now() == run.now {
        for hand in &was {
            let has_turn = room.floor().turn.is_some_and(|turn| turn.seat == hand.seat);
            let sits = room.floor().circle.contains(&hand.seat);
            // The step that had a turn for who is away is over.
            let away = who(room, hand.seat).presence != Presence::Here;
            prop_assert!(
                after.contains(hand) || has_turn || sits || (away && hand.remaining.is_some()),
                "nobody loses a hand by reconnecting"
            );
        }
    }
    Ok(())
}

/// A free floor is given to whoever asked for it and can have it.
pub(crate) fn nobody_starves(run: &Run) -> Checked {
    let room = &run.room;
    let (floor, phase) = (room.floor(), room.phase());
    let Stage::Running { index } = phase.stage else { return Ok(()) };
    let recovering = matches!(room.state().pause, Some(Pause::ForEverybody { .. }));
    if recovering || room.state().in_writing || run.resting {
        return Ok(());
    }
    let template = &room.template().phases[usize::from(index)];
    let mut takers = template.steps.iter().filter(|step| step.floor.kind() == floor.policy);
    let Some(step) = takers.next().filter(|_| takers.next().is_none()) else { return Ok(()) };
    let asks = |role: Role| step.floor.takes_request_of(role);
    let waits = floor.hands.iter().find(|hand| {
        let person = who(room, hand.seat);
        person.presence == Presence::Here && asks(person.role)
    });
    match floor.policy {
        FloorKind::Queue | FloorKind::QuietFirst => {
            prop_assert!(
                waits.is_none() || floor.turn.is_some(),
                "somebody asked and nobody speaks"
            );
        }
        FloorKind::ChairQueue if room.runs_by_itself() => {
            prop_assert!(waits.is_none() || floor.turn.is_some(), "with nobody to pick, in order");
        }
        FloorKind::Open if floor.circle_seats.is_some() => {
            let full = floor.circle.len() == floor.circle_seats.map_or(0, usize::from);
            prop_assert!(waits.is_none() || full, "a free seat in the circle is taken");
        }
        FloorKind::RoundRobin => {
            let waits =
                floor.upcoming.iter().any(|seat| who(room, *seat).presence == Presence::Here);
            prop_assert!(!waits || floor.turn.is_some(), "whoever is next in the round speaks");
        }
        _ => {}
    }
    Ok(())
}

// ---- votes and the record

pub(crate) fn votes(before: &Room, run: &Run) -> Checked {
    let room = &run.room;
    if let Some(vote) = room.votes().open {
        let speaks = |seat: &Seat| {
            let person = who(room, *seat);
            person.presence == Presence::Here && may_speak_at_all(&person)
        };
        prop_assert!(vote.awaited.iter().all(|seat| !vote.voted.contains(seat)));
        prop_assert!(vote.awaited.iter().all(speaks), "only those here are awaited");
        prop_assert!(
            seats()
                .filter(speaks)
                .all(|seat| vote.voted.contains(&seat) || vote.awaited.contains(&seat))
        );
        let waits = matches!(room.state().pause, Some(Pause::ForEverybody { .. }));
        prop_assert!(
            waits || !vote.awaited.is_empty() || vote.voted.is_empty(),
            "it closes when all voted, and nobody is waited for"
        );
        prop_assert!(!vote.options.is_empty());
    }
    let (was, is) = (before.votes(), room.votes());
    let same_vote = was.open.as_ref().map(|vote| &vote.options);
    if is.results.len() == was.results.len() + 1
        && let (Some(result), Some(options)) = (is.results.last(), same_vote)
        && *options == result.options
    {
        let count = |option: usize| {
            run.ballots
                .values()
                .filter(|ballot| match ballot {
                    Ballot::For { option: of } => usize::from(*of) == option,
                    Ballot::Abstain => false,
                })
                .count()
        };
        for (option, ballots) in result.ballots.iter().enumerate() {
            prop_assert_eq!(usize::from(*ballots), count(option), "each ballot counts once");
        }
        let abstained = run.ballots.values().filter(|ballot| **ballot == Ballot::Abstain).count();
        prop_assert_eq!(usize::from(result.abstained), abstained);
        if let Some(chosen) = result.chosen {
            let most = result.ballots.iter().max().copied();
            let next = result.options.get(usize::from(chosen));
            let ties = matches!(next, Some(VoteOption::Next));
            let fallback = room.runs_by_itself() || room.phase().stage == Stage::Ended;
            prop_assert!(
                ties || fallback || result.ballots.get(usize::from(chosen)).copied() == most
            );
        }
    }
    Ok(())
}

/// What everybody sees after a ballot is the same whatever was on it, as long as the vote is open.
pub(crate) fn ballots_are_secret(
    before: &Room,
    room: &Room,
    now: UnixMillis,
    seat: Seat,
    ballot: Ballot,
) -> Checked {
    let mut other = before.clone();
    let another = match ballot {
        Ballot::For { option: 0 } => Ballot::Abstain,
        Ballot::For { .. } | Ballot::Abstain => Ballot::For { option: 0 },
    };
    let input = Input::Command { seat, command: Command::CastBallot { ballot: another } };
    if other.handle(now, input).is_ok() && room.votes().open.is_some() {
        prop_assert_eq!(public(&other), public(room), "a ballot shows");
    }
    Ok(())
}

pub(crate) fn record(room: &Room) -> Checked {
    prop_assert!(room.entries().count() <= 200);
    for seat in seats() {
        let own: Vec<_> = room.entries().filter(|entry| entry.seat == seat).collect();
        let rates = |entry: &&&Entry| entry.entry.kind() == EntryKind::Rating;
        let ratings = own.iter().filter(rates);
        prop_assert!(own.len() <= 40 && ratings.count() <= 1);
    }
    if room.is_erased() {
        prop_assert_eq!(room.entries().count(), 0);
    }
    Ok(())
}

// ---- the one key

/// The chair's one key does what the view says, and nothing else.
pub(crate) fn next_is_what_happens(run: &Run) -> Checked {
    let mut room = run.room.clone();
    let phase = room.phase();
    let Some(seat) = room.state().chair else { return Ok(()) };
    if who(&room, seat).presence != Presence::Here {
        return Ok(());
    }
    let before = room.votes();
    let done = room.handle(run.now, Input::Command { seat, command: Command::GoOn });
    let (is, votes) = (room.phase(), room.votes());
    match phase.next {
        NextStep::Start => prop_assert_eq!(is.stage, Stage::Running { index: 0 }),
        NextStep::Phase { index } => prop_assert_eq!(is.stage, Stage::Running { index }),
        NextStep::OpenVote => prop_assert!(before.open.is_none() && votes.open.is_some()),
        NextStep::CloseVote => {
            prop_assert!(before.open.is_some() && votes.open.is_none());
            prop_assert_eq!(votes.results.len(), (before.results.len() + 1).min(64));
        }
        NextStep::End => prop_assert_eq!(is.stage, Stage::Ended),
        NextStep::Wait => prop_assert_eq!(done, Err(Refusal::GateClosed)),
        NextStep::Over => prop_assert_eq!(done, Err(Refusal::Ended)),
    }
    prop_assert_eq!(
        matches!(phase.next, NextStep::Wait),
        phase.blocked.is_some() && matches!(phase.next, NextStep::Wait),
        "whatever waits says for what"
    );
    Ok(())
}
