//! What happened, to read.

use std::fmt;

use palabre_ids::{Millis, Role, Seat, TurnId, UnixMillis};
use palabre_room::Room;
use palabre_vocabulary::{Pause, Presence, Stage, VoteOption};

/// A length of time as people write it: `1 h 02 min 03 s`.
pub(crate) struct Span(pub(crate) Millis);

impl fmt::Display for Span {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.0.0 / 1_000;
        match (seconds / 3_600, seconds / 60 % 60, seconds % 60) {
            (0, 0, s) => write!(f, "{s} s"),
            (0, min, 0) => write!(f, "{min} min"),
            (0, min, s) => write!(f, "{min} min {s:02} s"),
            (h, min, s) => write!(f, "{h} h {min:02} min {s:02} s"),
        }
    }
}

/// A line of the timeline.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Line {
    /// When, from the moment the room opened.
    pub at: Millis,
    /// What.
    pub text: String,
}

impl fmt::Display for Line {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let seconds = self.at.0 / 1_000;
        let (h, min, s) = (seconds / 3_600, seconds / 60 % 60, seconds % 60);
        write!(f, "{h}:{min:02}:{s:02}  {}", self.text)
    }
}

/// How long a phase was to last, and lasted.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct PhaseUse {
    /// Its id.
    pub id: String,
    /// Its target.
    pub target: Millis,
    /// How long it was on, over all times it was.
    pub took: Millis,
    /// How many turns were had in it.
    pub turns: u32,
}

/// What is seen of a room at a moment, as far as the timeline tells it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Seen {
    pub(crate) stage: Stage,
    pub(crate) turn: Option<(TurnId, Seat)>,
    chair: Option<Seat>,
    pause: Option<&'static str>,
    vote: bool,
    results: usize,
    accepted: bool,
    extended: Millis,
    groups: Vec<Vec<Seat>>,
    circle: Vec<Seat>,
    in_writing: bool,
    presence: Vec<(Seat, &'static str)>,
    client: Option<Seat>,
}

impl Seen {
    pub(crate) fn of(room: &Room) -> Self {
        let (phase, floor, state, votes) = (room.phase(), room.floor(), room.state(), room.votes());
        let people = room.people();
        let presence = |presence: &Presence| match presence {
            Presence::Expected => "expected",
            Presence::Entering => "waits to enter",
            Presence::Here => "is here",
            Presence::Away { .. } => "drops",
            Presence::Left => "leaves",
        };
        Self {
            stage: phase.stage,
            turn: floor.turn.map(|turn| (turn.turn_id, turn.seat)),
            chair: state.chair,
            pause: state.pause.map(|pause| match pause {
                Pause::ByChair => "the chair pauses",
                Pause::ForClient { .. } => "the phase stands for the client",
                Pause::ForEverybody { .. } => "the room waits for its people",
            }),
            vote: votes.open.is_some(),
            results: votes.results.len(),
            accepted: phase.contract.is_some() && phase.contract_awaits.is_empty(),
            extended: phase.extended,
            groups: floor.groups.into_iter().map(|group| group.seats).collect(),
            circle: floor.circle,
            in_writing: state.in_writing,
            presence: people
                .iter()
                .map(|person| (person.seat, presence(&person.presence)))
                .collect(),
            client: people
                .iter()
                .find(|person| person.role == Role::Client)
                .map(|person| person.seat),
        }
    }
}

/// The timeline as it grows.
#[derive(Debug)]
pub(crate) struct Timeline {
    began: UnixMillis,
    pub(crate) lines: Vec<Line>,
    pub(crate) phases: Vec<PhaseUse>,
    /// The phase going on, and since when.
    since: Option<(usize, UnixMillis)>,
}

impl Timeline {
    pub(crate) fn new(room: &Room, began: UnixMillis) -> Self {
        let phases = room.template().phases.iter().map(|phase| PhaseUse {
            id: phase.id.clone(),
            target: phase.target,
            took: Millis::ZERO,
            turns: 0,
        });
        Self { began, lines: Vec::new(), phases: phases.collect(), since: None }
    }

    pub(crate) fn say(&mut self, now: UnixMillis, text: impl Into<String>) {
        self.lines.push(Line { at: now.since(self.began), text: text.into() });
    }

    /// Tells how the room changed.
    pub(crate) fn tell(&mut self, room: &Room, before: &Seen, after: &Seen) {
        let now = room.now();
        let name = |seat: Seat| {
            room.person(seat).map_or_else(String::new, |person| person.name.as_str().to_owned())
        };
        let names =
            |seats: &[Seat]| seats.iter().map(|seat| name(*seat)).collect::<Vec<_>>().join(", ");
        for ((seat, was), (_, is)) in before.presence.iter().zip(&after.presence) {
            if was != is {
                self.say(now, format!("{} {is}", name(*seat)));
            }
        }
        if before.results != after.results {
            let result = room.votes().results.last().cloned();
            let chosen = result.and_then(|result| {
                let option = result.options.get(usize::from(result.chosen?)).copied();
                option.map(|option| match option {
                    VoteOption::Person { seat } => name(seat),
                    VoteOption::Continue => "to stay".to_owned(),
                    VoteOption::Next => "to go on".to_owned(),
                    VoteOption::Answer { index } => format!("answer {}", index + 1),
                })
            });
            let chosen = chosen.unwrap_or_else(|| "nobody and nothing".to_owned());
            self.say(now, format!("the vote closes: {chosen}"));
        }
        if before.stage != after.stage {
            self.turn_the_page(room, after.stage);
        }
        if before.client != after.client
            && let Some(client) = after.client
        {
            self.say(now, format!("the client is {}", name(client)));
        }
        if before.chair != after.chair {
            let chair = after.chair.map_or_else(
                || "nobody has the chair: the room runs by itself".to_owned(),
                |seat| format!("{} has the chair", name(seat)),
            );
            self.say(now, chair);
        }
        if before.pause != after.pause {
            self.say(now, after.pause.unwrap_or("the clocks run again"));
        }
        if before.in_writing != after.in_writing && after.in_writing {
            self.say(now, "the group goes on in writing");
        }
        if after.vote && !before.vote {
            self.say(now, "a vote opens");
        }
        if after.accepted && !before.accepted {
            self.say(now, "the contract is accepted");
        }
        if after.extended > before.extended && before.stage == after.stage {
            let by = after.extended.saturating_sub(before.extended);
            self.say(now, format!("the phase is extended by {}", Span(by)));
        }
        if before.groups != after.groups && !after.groups.is_empty() {
            let groups: Vec<String> = after.groups.iter().map(|seats| names(seats)).collect();
            self.say(now, format!("groups: {}", groups.join(" · ")));
        }
        if before.circle != after.circle && !after.circle.is_empty() {
            self.say(now, format!("in the circle: {}", names(&after.circle)));
        }
        if before.turn != after.turn
            && let Some((_, seat)) = after.turn
        {
            if let Some((index, _)) = self.since {
                self.phases[index].turns += 1;
            }
            let turn = room.floor().turn;
            let length = turn.as_ref().and_then(|turn| turn.clock).map(|c| c.remaining(now));
            let length = length.map_or_else(String::new, |left| format!(" ({})", Span(left)));
            let asked = turn
                .and_then(|turn| turn.partner)
                .map_or_else(String::new, |partner| format!(", with {}", name(partner)));
            self.say(now, format!("{} has the floor{asked}{length}", name(seat)));
        }
    }

    fn turn_the_page(&mut self, room: &Room, stage: Stage) {
        let now = room.now();
        if let Some((index, since)) = self.since.take() {
            let took = now.since(since);
            self.phases[index].took = self.phases[index].took + took;
        }
        match stage {
            Stage::Lobby => {}
            Stage::Running { index } => {
                let index = usize::from(index);
                self.since = Some((index, now));
                let phase = &room.template().phases[index];
                let text = format!("— {} ({}) —", phase.title.en, Span(phase.target));
                self.say(now, text);
            }
            Stage::Ended => self.say(now, "the session is over"),
        }
    }
}
