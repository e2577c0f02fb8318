//! A bot that plays its part: it votes, writes, accepts and gives the floor back as the phase asks,
//! and in the chair it presses the one key. It reads what a page shows, and nothing else.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use palabre_ids::{Role, TurnId};
use palabre_wire::{
    Ballot, Command, EntryDraft, EntryId, EntryKind, FloorKind, NextStep, Presence, RecordFate,
    Stage,
};

use super::room::Room;

/// How many suggestions the client keeps.
const KEEPS: usize = 2;

/// Something that is done once.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
enum Deed {
    Write(u16, EntryKind),
    Note(u16),
    RaiseHand(u16),
    WantNext(u16),
    GiveBack(TurnId),
    Keep(EntryId),
    Propose(u16),
    Accept(u16),
    Vote(u16),
    Decide,
}

/// A moment of the session as the one who holds the chair sees it.
type Moment = (Stage, bool);

/// What a bot remembers of its part.
#[derive(Debug)]
pub(super) struct Player {
    /// How long it stays in a phase that does not end by itself, when it holds the chair; it speaks for
    /// half as long.
    stay: Duration,
    done: HashSet<Deed>,
    moment: Option<(Moment, Instant)>,
    turn: Option<(TurnId, Instant)>,
}

impl Player {
    pub(super) fn new(stay: Duration) -> Self {
        Self { stay, done: HashSet::new(), moment: None, turn: None }
    }

    /// What to ask of the room now. A refusal is an answer: nothing is asked twice.
    pub(super) fn next(&mut self, now: Instant, room: &Room) -> Option<Command> {
        let here = room.me().is_some_and(|me| me.presence == Presence::Here);
        if !here {
            return None;
        }
        if let Some(index) = room.index()
            && let Some(command) = self.in_phase(now, room, index)
        {
            return Some(command);
        }
        self.in_chair(now, room)
    }

    fn once(&mut self, deed: Deed) -> bool {
        self.done.insert(deed)
    }

    fn in_phase(&mut self, now: Instant, room: &Room, index: u16) -> Option<Command> {
        let own = room.seat;
        let view = &room.view;
        let role = room.me()?.role;
        let phase = view.phases.get(usize::from(index))?;

        if let Some(vote) = &view.votes.open
            && vote.awaited.contains(&own)
            && self.once(Deed::Vote(index))
        {
            // All for the same, but for the last: a vote that is decided.
            let abstains = vote.awaited.last() == Some(&own) && vote.voted.len() > 2;
            let ballot = if abstains { Ballot::Abstain } else { Ballot::For { option: 0 } };
            return Some(Command::CastBallot { ballot });
        }
        if phase.takes_contract {
            if role == Role::Client
                && view.phase.contract.is_none()
                && self.once(Deed::Propose(index))
            {
                let text = "J'aimerais que vous m'aidiez à y voir clair.".to_owned();
                return Some(Command::ProposeContract { text });
            }
            if view.phase.contract_awaits.contains(&own) && self.once(Deed::Accept(index)) {
                return Some(Command::AcceptContract);
            }
        }
        for kind in &phase.writes {
            if self.once(Deed::Write(index, *kind)) {
                return Some(Command::AddEntry { entry: entry(*kind) });
            }
        }
        if view.floor.policy == FloorKind::Silence && self.once(Deed::Note(index)) {
            return Some(Command::SetNotes { text: format!("Pour la phase {index}") });
        }
        if role == Role::Client {
            let suggestion =
                view.entries.iter().filter(|entry| entry.entry.kind() == EntryKind::Suggestion);
            let next = suggestion
                .take(KEEPS)
                .find(|entry| !entry.kept && !self.done.contains(&Deed::Keep(entry.id)))
                .map(|entry| entry.id);
            if let Some(id) = next {
                self.once(Deed::Keep(id));
                return Some(Command::KeepEntry { id, kept: true });
            }
            let last = usize::from(index) + 1 == view.phases.len();
            if last && self.once(Deed::Decide) {
                return Some(Command::DecideRecord { fate: RecordFate::Keep });
            }
        }
        self.at_the_floor(now, room, index)
    }

    fn at_the_floor(&mut self, now: Instant, room: &Room, index: u16) -> Option<Command> {
        let floor = &room.view.floor;
        let mine = floor.turn.as_ref().filter(|turn| turn.seat == room.seat);
        match (mine.map(|turn| turn.turn_id), self.turn) {
            (Some(id), Some((of, since))) if id == of => {
                let spoken = now.saturating_duration_since(since) >= self.stay / 2;
                if spoken && self.once(Deed::GiveBack(id)) {
                    return Some(Command::ReleaseFloor);
                }
            }
            (turn, _) => self.turn = turn.map(|id| (id, now)),
        }
        let leads = room.view.state.chair == Some(room.seat);
        if floor.takes_requests && mine.is_none() && !leads && self.once(Deed::RaiseHand(index)) {
            return Some(Command::RequestFloor);
        }
        if room.view.state.autopilot.is_some() && self.once(Deed::WantNext(index)) {
            return Some(Command::WantNext { wanted: true });
        }
        None
    }

    /// Whoever holds the chair has one key: they press it when nothing happens by itself any more.
    fn in_chair(&mut self, now: Instant, room: &Room) -> Option<Command> {
        let view = &room.view;
        let moment = (view.phase.stage, view.votes.open.is_some());
        let since = match self.moment {
            Some((of, since)) if of == moment => since,
            _ => self.moment.insert((moment, now)).1,
        };
        let waits = view.phase.advance.is_some()
            || view.state.pause.is_some()
            || matches!(view.phase.next, NextStep::Wait | NextStep::Over)
            || (view.phase.stage == Stage::Lobby
                && view.people.iter().any(|person| person.presence == Presence::Expected));
        if view.state.chair != Some(room.seat)
            || waits
            || now.saturating_duration_since(since) < self.stay
        {
            return None;
        }
        self.moment = Some((moment, now));
        Some(Command::GoOn)
    }
}

fn entry(kind: EntryKind) -> EntryDraft {
    let text = "Une phrase de robot.".to_owned();
    match kind {
        EntryKind::Subject => EntryDraft::Subject { text },
        EntryKind::Suggestion => EntryDraft::Suggestion { text },
        EntryKind::Learning => EntryDraft::Learning { text },
        EntryKind::Note => EntryDraft::Note { text },
        EntryKind::Action => EntryDraft::Action {
            what: text,
            when: "avant lundi".to_owned(),
            first_step: "en parler".to_owned(),
        },
        EntryKind::Rating => EntryDraft::Rating { stars: 4, comment: text },
    }
}

#[cfg(test)]
mod tests {
    use palabre_ids::Seat;
    use palabre_wire::{ServerMessage, VoteAbout, VoteOption, VoteView};

    use super::*;

    const STAY: Duration = Duration::from_secs(6);

    /// The room of the wire's own example.
    fn room() -> Room {
        let text = include_str!("../../../crates/wire/golden/server.welcome.json");
        let message = serde_json::from_str(text).expect("a message of the wire");
        let ServerMessage::Welcome(welcome) = message else { panic!("a welcome") };
        let mut room = Room::new(&welcome);
        room.view.people.iter_mut().for_each(|person| person.presence = Presence::Here);
        room.view.votes.open = None;
        room.view.state.pause = None;
        room.view.phase.advance = None;
        room.view.entries.clear();
        room.view.phases.iter_mut().for_each(|phase| {
            phase.writes.clear();
            phase.takes_contract = false;
        });
        room.view.floor.takes_requests = false;
        room.view.floor.turn = None;
        room.view.floor.policy = FloorKind::Open;
        room.view.phase.stage = Stage::Running { index: 0 };
        room.view.phase.next = NextStep::Phase { index: 1 };
        room.view.state.chair = None;
        room
    }

    #[test]
    fn the_one_key_is_pressed_once_nothing_happens_by_itself() {
        let (mut room, start) = (room(), Instant::now());
        let mut player = Player::new(STAY);
        room.view.state.chair = Some(room.seat);
        assert_eq!(player.next(start, &room), None);
        assert_eq!(player.next(start + STAY, &room), Some(Command::GoOn));
        assert_eq!(player.next(start + STAY, &room), None, "not twice at once");
        room.view.phase.next = NextStep::Wait;
        assert_eq!(player.next(start + 3 * STAY, &room), None);
        room.view.state.chair = None;
        room.view.phase.next = NextStep::End;
        assert_eq!(player.next(start + 9 * STAY, &room), None, "it is the chair's key");
    }

    #[test]
    fn it_votes_once_and_writes_each_kind_once() {
        let (mut room, now) = (room(), Instant::now());
        let mut player = Player::new(STAY);
        let own = room.seat;
        room.view.votes.open = Some(VoteView {
            phase: 0,
            about: VoteAbout::Client,
            options: vec![VoteOption::Person { seat: Seat(1) }],
            voted: vec![],
            awaited: vec![own],
            closes_at: None,
        });
        room.view.phases[0].writes = vec![EntryKind::Subject, EntryKind::Rating];
        let asked: Vec<_> = std::iter::from_fn(|| player.next(now, &room)).collect();
        let ballot = Ballot::For { option: 0 };
        let entry = |kind| Command::AddEntry { entry: entry(kind) };
        let wanted =
            [Command::CastBallot { ballot }, entry(EntryKind::Subject), entry(EntryKind::Rating)];
        assert_eq!(asked, wanted);
    }

    #[test]
    fn whoever_is_not_in_yet_asks_for_nothing() {
        let (mut room, now) = (room(), Instant::now());
        let own = room.seat;
        room.view.phases[0].writes = vec![EntryKind::Subject];
        for person in room.view.people.iter_mut().filter(|person| person.seat == own) {
            person.presence = Presence::Entering;
        }
        assert_eq!(Player::new(STAY).next(now, &room), None);
    }
}
