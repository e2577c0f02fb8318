//! What a person does when it occurs to them.

use palabre_facilitation::{Answerer, FloorPolicy, Phase, Rounds};
use palabre_ids::{Millis, Role, Seat, TurnId, UnixMillis};
use palabre_room::{Command, Room};
use palabre_vocabulary::{
    Ballot, EntryDraft, EntryKind, Firmness, FloorKind, Stage, TurnPart, TurnView,
};

use crate::dice::Dice;

/// A person: how they are, and what they are about to do.
#[derive(Debug, Clone)]
pub(crate) struct Person {
    pub(crate) seat: Seat,
    /// When something occurs to them next; never for who is gone for good.
    pub(crate) wakes: Option<UnixMillis>,
    pub(crate) connected: bool,
    /// How readily they ask for the floor, in thousandths each time they think of it.
    talkative: u64,
    /// How readily they let a turn go by.
    shy: u64,
    /// How often they speak past their time.
    overruns: u64,
    /// What they mean to do with the turn they have.
    turn: Option<Speech>,
    /// How much they did in the phase going on.
    phase: Option<u16>,
    asked: u64,
    wrote: u64,
    rounds: u64,
}

#[derive(Debug, Clone, Copy)]
struct Speech {
    turn: TurnId,
    until: UnixMillis,
    overruns: bool,
}

/// What a person does, and when something occurs to them again.
pub(crate) struct Deed {
    pub(crate) commands: Vec<Command>,
    pub(crate) next: UnixMillis,
}

impl Person {
    pub(crate) fn new(seat: Seat, arrives: UnixMillis, dice: &mut Dice) -> Self {
        Self {
            seat,
            wakes: Some(arrives),
            connected: false,
            talkative: dice.between(20, 400),
            shy: dice.between(0, 250),
            overruns: dice.between(0, 300),
            turn: None,
            phase: None,
            asked: 0,
            wrote: 0,
            rounds: 0,
        }
    }

    /// What occurs to them now.
    pub(crate) fn act(&mut self, room: &Room, dice: &mut Dice) -> Deed {
        let now = room.now();
        let mut deed =
            Deed { commands: Vec::new(), next: now + Millis(dice.between(3_000, 15_000)) };
        let view = room.phase();
        let Stage::Running { index } = view.stage else { return deed };
        if self.phase != Some(index) {
            (self.phase, self.asked, self.wrote, self.rounds) = (Some(index), 0, 0, 0);
        }
        let phase = &room.template().phases[usize::from(index)];
        let Some(me) = room.person(self.seat) else { return deed };
        let floor = room.floor();

        if let Some(turn) = floor.turn.as_ref().filter(|turn| turn.seat == self.seat) {
            let policy = policy_of(room, phase);
            self.speak(room, turn, policy, floor.firmness, dice, &mut deed);
            return deed;
        }
        if let Some(vote) = &room.votes().open
            && vote.awaited.contains(&self.seat)
            && dice.chance(700)
        {
            let last = u64::try_from(vote.options.len()).unwrap_or(1).saturating_sub(1);
            let option = u8::try_from(dice.between(0, last)).unwrap_or(0);
            let ballot = if dice.chance(100) { Ballot::Abstain } else { Ballot::For { option } };
            deed.commands.push(Command::CastBallot { ballot });
        }
        if phase.takes_contract {
            if view.contract.is_none() && me.role == Role::Client && dice.chance(500) {
                let text = "J'aimerais que vous m'aidiez à déléguer.".to_owned();
                deed.commands.push(Command::ProposeContract { text });
            } else if view.contract_awaits.contains(&self.seat) && dice.chance(600) {
                deed.commands.push(Command::AcceptContract);
            }
        }
        if let Some(policy) = policy_of(room, phase)
            && floor.upcoming.contains(&self.seat)
            && self.lets_it_go_by(room, policy, dice)
            && dice.chance(300)
        {
            deed.commands.push(Command::Pass);
        }
        if floor.circle.contains(&self.seat) && dice.chance(120) {
            deed.commands.push(Command::ReleaseFloor);
        }
        let asks = phase.steps.iter().any(|step| step.floor.takes_request_of(me.role));
        let hand = floor.hands.iter().any(|hand| hand.seat == self.seat);
        if asks && !hand && self.asked < 4 && dice.chance(self.talkative) {
            self.asked += 1;
            deed.commands.push(Command::RequestFloor);
        } else if hand && dice.chance(10) {
            deed.commands.push(Command::CancelRequest);
        }
        if self.wrote < 3
            && dice.chance(60)
            && let Some(kind) = dice.one_of(&written_by(phase, me.role))
        {
            self.wrote += 1;
            deed.commands.push(Command::AddEntry { entry: draft(kind) });
        }
        if me.role == Role::Client && phase.out_of_contract && dice.chance(3) {
            deed.commands.push(Command::OutOfContract);
        }
        if room.runs_by_itself() && view.clock.remaining(now).0 < view.total.0 / 3 {
            deed.commands.push(Command::WantNext { wanted: true });
        }
        if dice.chance(5) {
            deed.commands.push(Command::SetMuted { muted: !me.muted });
        }
        deed
    }

    fn speak(
        &mut self,
        room: &Room,
        turn: &TurnView,
        policy: Option<&FloorPolicy>,
        firmness: Firmness,
        dice: &mut Dice,
        deed: &mut Deed,
    ) {
        let now = room.now();
        let speech = match self.turn.filter(|speech| speech.turn == turn.turn_id) {
            Some(speech) => speech,
            None => {
                if let Some(policy) = policy.filter(|policy| policy.round().is_some())
                    && turn.part != TurnPart::Answer
                    && self.lets_it_go_by(room, policy, dice)
                {
                    self.rounds += 1;
                    deed.commands.push(Command::Pass);
                    return;
                }
                self.rounds += 1;
                let overruns = dice.chance(self.overruns);
                // Without a limit a person speaks for most of the phase.
                let whole = turn.total.unwrap_or(Millis(room.phase().total.0 * 3 / 4));
                let length = Millis(whole.0 * dice.between(200, 1_000) / 1_000 + 1_000);
                Speech { turn: turn.turn_id, until: now + length, overruns }
            }
        };
        self.turn = Some(speech);
        // Where nothing cuts, people end all the same, later.
        let patience = Millis::from_secs(40);
        let until = match (speech.overruns, firmness, turn.clock) {
            (true, Firmness::Enforce, Some(clock)) => clock.deadline().map(|at| at + patience),
            (true, _, _) => Some(speech.until + patience),
            (false, ..) => Some(speech.until),
        };
        match until {
            Some(until) if now >= until => {
                deed.commands.push(self.give_back(room, turn, policy, dice))
            }
            Some(until) => deed.next = until,
            None => {}
        }
    }

    fn give_back(
        &self,
        room: &Room,
        turn: &TurnView,
        policy: Option<&FloorPolicy>,
        dice: &mut Dice,
    ) -> Command {
        match (turn.part, policy) {
            (TurnPart::Ask, Some(FloorPolicy::Pair { answer: Answerer::Named(roles), .. }))
                if !dice.chance(50) =>
            {
                let people = room.people();
                let others: Vec<Seat> = people
                    .iter()
                    .filter(|other| other.seat != self.seat && roles.contains(other.role))
                    .map(|other| other.seat)
                    .collect();
                Command::YieldFloor { to: dice.one_of(&others) }
            }
            (TurnPart::Ask, Some(_)) if dice.chance(500) => Command::YieldFloor { to: None },
            _ => Command::ReleaseFloor,
        }
    }

    fn lets_it_go_by(&self, room: &Room, policy: &FloorPolicy, dice: &mut Dice) -> bool {
        let shy = match policy {
            // Of those who could pitch, a few do.
            FloorPolicy::RoundRobin { volunteers: Some(count), .. } => {
                let people = u64::try_from(room.people().len()).unwrap_or(1).max(1);
                1_000_u64.saturating_sub(u64::from(*count) * 1_000 / people)
            }
            FloorPolicy::RoundRobin { rounds: Rounds::UntilSilent, .. } => match self.rounds {
                0 => self.shy,
                1 => 600,
                _ => 950,
            },
            _ => self.shy,
        };
        dice.chance(shy)
    }
}

/// The policy of the phase's floor now, as far as its name tells.
fn policy_of<'a>(room: &Room, phase: &'a Phase) -> Option<&'a FloorPolicy> {
    let kind: FloorKind = room.floor().policy;
    phase.steps.iter().map(|step| &step.floor).find(|floor| floor.kind() == kind)
}

fn written_by(phase: &Phase, role: Role) -> Vec<EntryKind> {
    phase.writes.iter().filter(|(_, by)| by.contains(role)).map(|(kind, _)| *kind).collect()
}

fn draft(kind: EntryKind) -> EntryDraft {
    let text = "Une idée".to_owned();
    match kind {
        EntryKind::Subject => EntryDraft::Subject { text },
        EntryKind::Suggestion => EntryDraft::Suggestion { text },
        EntryKind::Action => EntryDraft::Action {
            what: text,
            when: "avant vendredi".to_owned(),
            first_step: String::new(),
        },
        EntryKind::Learning => EntryDraft::Learning { text },
        EntryKind::Rating => EntryDraft::Rating { stars: 4, comment: String::new() },
        EntryKind::Note => EntryDraft::Note { text },
    }
}
