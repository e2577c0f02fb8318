//! What a person asks for.

use palabre_facilitation::{FloorRefusal, Member, Need, speaks};
use palabre_ids::{Millis, Role, Seat};
use palabre_vocabulary::{Blocked, ChatLine, Command, FloorKind, Refusal};

use crate::Effect;
use crate::people::Chair;
use crate::room::{Progress, Room};
use crate::session::{Contract, Session};

/// The longest line of chat, in characters.
const CHAT_CHARS: usize = 2_000;
/// The longest contract sentence, in characters.
const CONTRACT_CHARS: usize = 500;
/// How many lines of chat are kept for who comes later, and how many bytes in all: they travel in
/// one message with the whole room.
const CHAT_LINES: usize = 50;
const CHAT_BYTES: usize = 16 * 1024;

impl Room {
    /// Carries a command out; answers what was said, if it said something.
    pub(crate) fn command(
        &mut self,
        seat: Seat,
        command: Command,
    ) -> Result<Option<Effect>, Refusal> {
        let person = self.people.get(seat)?;
        if self.progress == Progress::Ended {
            return Err(Refusal::Ended);
        }
        if !person.is_here() {
            return Err(Refusal::NotEligible);
        }
        match command {
            Command::RequestFloor => {
                let member = self.member(seat)?;
                self.on_floor(|session, scene| session.floor.request(member, scene))?;
            }
            Command::CancelRequest => self.on_floor(|session, _| session.floor.cancel(seat))?,
            Command::ReleaseFloor => {
                self.on_floor(|session, scene| session.floor.release(seat, scene))?
            }
            Command::Pass => self.on_floor(|session, scene| session.floor.pass(seat, scene))?,
            Command::YieldFloor { to } => {
                self.on_floor(|session, scene| session.floor.yield_floor(seat, to, scene))?
            }
            Command::SetMuted { muted } => self.people.get_mut(seat)?.muted = muted,
            Command::SetCamera { on } => self.people.get_mut(seat)?.camera = on,
            Command::SetScreen { on } => self.set_screen(seat, on)?,
            Command::Chat { text } => return self.say(seat, &text).map(Some),
            Command::CannotHear => return Ok(Some(Effect::CannotHear { seat })),
            Command::OutOfContract => return self.out_of_contract(seat).map(Some),
            Command::ProposeContract { text } => self.propose_contract(seat, &text)?,
            Command::AcceptContract => self.accept_contract(seat)?,
            Command::TakeChair => self.take_chair(seat)?,
            Command::Help { .. }
            | Command::CastBallot { .. }
            | Command::AddEntry { .. }
            | Command::ChangeEntry { .. }
            | Command::RemoveEntry { .. }
            | Command::KeepEntry { .. }
            | Command::SetNotes { .. }
            | Command::DecideRecord { .. }
            | Command::WantNext { .. } => return Err(Refusal::NotInThisPhase),
            Command::GoOn
            | Command::Stay
            | Command::OpenVote
            | Command::CloseVote
            | Command::NameBackup { .. }
            | Command::AfterClientDrop { .. }
            | Command::StartDrill
            | Command::EndDrill
            | Command::VisitGroup { .. }
            | Command::NextPhase
            | Command::PreviousPhase
            | Command::ExtendPhase { .. }
            | Command::PausePhase
            | Command::ResumePhase
            | Command::GrantFloor { .. }
            | Command::RevokeFloor
            | Command::SkipTurn
            | Command::NameClient { .. }
            | Command::EndSession => {
                if self.chair.seat() != Some(seat) {
                    return Err(Refusal::NotFacilitator);
                }
                self.chair_command(command)?;
            }
        }
        Ok(None)
    }

    /// What only whoever holds the chair may ask for.
    fn chair_command(&mut self, command: Command) -> Result<(), Refusal> {
        match command {
            Command::NextPhase => self.next_phase(),
            Command::PreviousPhase => self.previous_phase(),
            Command::ExtendPhase { by } => self.extend_phase(by),
            Command::PausePhase => self.pause_phase(),
            Command::ResumePhase => self.resume_phase(),
            Command::GrantFloor { seat } => {
                let member = self.member(seat)?;
                self.on_floor(|session, scene| session.floor.grant(member, scene))
            }
            Command::RevokeFloor => self.on_floor(|session, scene| session.floor.revoke(scene)),
            Command::SkipTurn => self.on_floor(|session, scene| session.floor.skip(scene)),
            Command::NameClient { seat } => self.name_client(seat),
            Command::EndSession => {
                self.end();
                Ok(())
            }
            _ => Err(Refusal::NotFacilitator),
        }
    }

    fn member(&self, seat: Seat) -> Result<Member, Refusal> {
        self.people.cast().into_iter().find(|member| member.seat == seat).ok_or(Refusal::NoSuchSeat)
    }

    fn on_floor(
        &mut self,
        act: impl FnOnce(&mut Session, palabre_facilitation::Scene<'_>) -> Result<(), FloorRefusal>,
    ) -> Result<(), Refusal> {
        self.with_session(act)?.map_err(|refusal| match refusal {
            FloorRefusal::NotYourTurn => Refusal::NotYourTurn,
            FloorRefusal::NotInThisPhase => Refusal::NotInThisPhase,
            FloorRefusal::AlreadyAsked => Refusal::AlreadyAsked,
            FloorRefusal::NothingToCancel => Refusal::NothingToCancel,
            FloorRefusal::NotEligible => Refusal::NotEligible,
            FloorRefusal::NoChange => Refusal::NoChange,
        })
    }

    fn next_phase(&mut self) -> Result<(), Refusal> {
        let next = match &self.progress {
            Progress::Lobby => 0,
            Progress::Running(session) if session.is_last() => return Err(Refusal::NoSuchPhase),
            Progress::Running(session) => session.index + 1,
            Progress::Ended => return Err(Refusal::Ended),
        };
        if self.blocked().is_some() {
            return Err(Refusal::GateClosed);
        }
        if self.progress == Progress::Lobby {
            self.progress = Progress::Running(Box::new(Session::new(self.now, &self.template)));
        }
        self.enter_phase(next);
        Ok(())
    }

    fn previous_phase(&mut self) -> Result<(), Refusal> {
        let session = self.session().ok_or_else(|| self.not_running())?;
        let before = session.index.checked_sub(1).ok_or(Refusal::NoSuchPhase)?;
        self.enter_phase(before);
        Ok(())
    }

    fn extend_phase(&mut self, by: Millis) -> Result<(), Refusal> {
        if !(Millis::from_secs(1)..=Millis::from_secs(3_600)).contains(&by) {
            return Err(Refusal::OutOfRange);
        }
        let template = std::sync::Arc::clone(&self.template);
        match self.with_session(|session, _| session.extend(by, &template))? {
            Millis::ZERO => Err(Refusal::AtMaximum),
            _ => Ok(()),
        }
    }

    fn pause_phase(&mut self) -> Result<(), Refusal> {
        self.with_session(|session, scene| {
            if session.pauses.by_chair {
                return Err(Refusal::NoChange);
            }
            session.pauses.by_chair = true;
            session.stop_clocks(scene.now);
            Ok(())
        })?
    }

    /// Lets the clocks run, whatever they stood for: the chair has the last word. A turn whose holder
    /// is away goes on waiting for them, as for any speaker.
    fn resume_phase(&mut self) -> Result<(), Refusal> {
        if !self.with_session(|session, _| session.pauses.any())? {
            return Err(Refusal::NoChange);
        }
        self.if_running(|session, _| session.pauses.by_chair = false);
        self.end_recovery();
        self.if_running(|session, scene| {
            session.wait_for_client_no_longer(scene.now);
            session.run_clocks(scene.now);
        });
        self.if_running(|session, scene| session.floor.settle(scene));
        Ok(())
    }

    fn name_client(&mut self, seat: Seat) -> Result<(), Refusal> {
        let person = self.people.get(seat)?;
        if person.role() == Role::Client {
            return Err(Refusal::NoChange);
        }
        if person.role() != Role::Consultant || !person.is_here() {
            return Err(Refusal::NotEligible);
        }
        for (_, person) in self.people.iter_mut() {
            if person.role() == Role::Client {
                person.config.role = Role::Consultant;
            }
        }
        let person = self.people.get_mut(seat)?;
        person.config.role = Role::Client;
        // The one who brings the subject is not held to an expert's limits.
        person.config.expert = false;
        self.if_running(|session, scene| {
            session.contract = None;
            session.wait_for_client_no_longer(scene.now);
            session.run_clocks(scene.now);
        });
        self.if_running(|session, scene| session.floor.settle(scene));
        let may_share =
            |seat| self.people.get(seat).is_ok_and(|person| self.rights_of(seat, person).screen);
        self.screen = self.screen.filter(|seat| may_share(*seat));
        Ok(())
    }

    fn set_screen(&mut self, seat: Seat, on: bool) -> Result<(), Refusal> {
        match (on, self.screen) {
            (true, Some(sharing)) if sharing != seat => Err(Refusal::ScreenTaken),
            (true, _) if !self.rights_of(seat, self.people.get(seat)?).screen => {
                Err(Refusal::NotInThisPhase)
            }
            (true, _) => {
                self.screen = Some(seat);
                Ok(())
            }
            (false, Some(sharing)) if sharing == seat => {
                self.screen = None;
                Ok(())
            }
            (false, _) => Ok(()),
        }
    }

    fn say(&mut self, seat: Seat, text: &str) -> Result<Effect, Refusal> {
        if self.people.get(seat)?.role() == Role::Observer {
            return Err(Refusal::NotEligible);
        }
        if !self.chat_open() {
            return Err(Refusal::ChatOff);
        }
        let line = ChatLine { seat, at: self.now, text: clean(text, CHAT_CHARS)? };
        self.chat.push_back(line.clone());
        let too_much = |chat: &std::collections::VecDeque<ChatLine>| {
            chat.len() > CHAT_LINES
                || chat.iter().map(|line| line.text.len()).sum::<usize>() > CHAT_BYTES
        };
        while too_much(&self.chat) {
            self.chat.pop_front();
        }
        Ok(Effect::Chat(line))
    }

    fn out_of_contract(&mut self, seat: Seat) -> Result<Effect, Refusal> {
        let taken = self.with_session(|_, scene| scene.phase.out_of_contract)?;
        match (taken, self.people.client() == Some(seat)) {
            (false, _) => Err(Refusal::NotInThisPhase),
            (true, false) => Err(Refusal::NotEligible),
            (true, true) => Ok(Effect::OutOfContract { seat }),
        }
    }

    fn propose_contract(&mut self, seat: Seat, text: &str) -> Result<(), Refusal> {
        if !self.with_session(|_, scene| scene.phase.takes_contract)? {
            return Err(Refusal::NotInThisPhase);
        }
        if self.people.client() != Some(seat) && self.chair.seat() != Some(seat) {
            return Err(Refusal::NotEligible);
        }
        let sentence = clean(text, CONTRACT_CHARS)?;
        self.if_running(|session, _| {
            // Another sentence is accepted anew; whoever words it accepts it.
            session.contract = Some(Contract { sentence, accepted: [seat].into() });
        });
        Ok(())
    }

    fn accept_contract(&mut self, seat: Seat) -> Result<(), Refusal> {
        if !speaks(self.people.get(seat)?.role()) {
            return Err(Refusal::NotEligible);
        }
        self.with_session(|session, scene| match &mut session.contract {
            Some(contract) if scene.phase.takes_contract => {
                if contract.accepted.insert(seat) {
                    Ok(())
                } else {
                    Err(Refusal::NoChange)
                }
            }
            _ => Err(Refusal::NotInThisPhase),
        })?
    }

    /// Whether chat is open: in a phase that has it, while nobody holds the floor. While the client
    /// is away, suggestions go on in writing.
    pub(crate) fn chat_open(&self) -> bool {
        match &self.progress {
            Progress::Lobby => true,
            Progress::Ended => false,
            Progress::Running(session) => {
                let phase = session.phase(&self.template);
                // In an open phase a turn only points at somebody.
                let open = session.floor.step(phase).floor.kind() == FloorKind::Open;
                let held = !open && session.floor.turn().is_some();
                phase.chat && (!held || session.pauses.for_client.is_some())
            }
        }
    }

    /// What the next phase waits for.
    pub(crate) fn blocked(&self) -> Option<Blocked> {
        let next = match &self.progress {
            Progress::Lobby => 0,
            Progress::Running(session) => session.index + 1,
            Progress::Ended => return None,
        };
        let needs = &self.template.phases.get(next)?.needs;
        needs.iter().find_map(|need| match need {
            Need::Client => self.people.client().is_none().then_some(Blocked::ClientNotNamed),
            Need::Contract => (!self.contract_accepted()).then_some(Blocked::ContractNotAccepted),
        })
    }

    fn contract_accepted(&self) -> bool {
        let Some(contract) = self.session().and_then(|session| session.contract.as_ref()) else {
            return false;
        };
        let mut asked = self
            .people
            .iter()
            .filter(|(_, person)| person.is_here() && speaks(person.role()))
            .peekable();
        asked.peek().is_some() && asked.all(|(seat, _)| contract.accepted.contains(&seat))
    }

    /// Whether the room runs by itself.
    #[must_use]
    pub fn runs_by_itself(&self) -> bool {
        self.chair == Chair::Nobody && self.session().is_some()
    }
}

/// A text of 1 to `most` characters, trimmed, without control characters but line breaks and tabs.
fn clean(text: &str, most: usize) -> Result<String, Refusal> {
    let text = text.trim();
    let control = |c: char| c.is_control() && !matches!(c, '\n' | '\t');
    if text.is_empty() || text.chars().count() > most || text.chars().any(control) {
        return Err(Refusal::BadText);
    }
    Ok(text.to_owned())
}
