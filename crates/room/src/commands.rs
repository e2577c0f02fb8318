//! What a person asks for.

use palabre_facilitation::{FloorRefusal, Member, speaks};
use palabre_ids::{Role, Seat};
use palabre_vocabulary::{ChatLine, Command, FloorKind, Refusal};

use crate::Effect;
use crate::room::{Progress, Room};
use crate::session::Session;
use crate::text::clean;

/// The longest line of chat, in characters.
const CHAT_CHARS: usize = 2_000;
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
        if self.is_over() && !matches!(command, Command::DecideRecord { .. }) {
            return Err(Refusal::Ended);
        }
        let before_entering = matches!(
            command,
            Command::SetMuted { .. }
                | Command::SetCamera { .. }
                | Command::SetNotes { .. }
                | Command::Help { .. }
                | Command::CannotHear
        );
        let may_act = person.is_here() || (person.is_entering() && before_entering);
        if !may_act {
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
            Command::Help { text } => self.ask_for_help(seat, &text)?,
            Command::CastBallot { ballot } => self.cast_ballot(seat, ballot)?,
            Command::AddEntry { entry } => self.add_entry(seat, &entry)?,
            Command::ChangeEntry { id, entry } => self.change_entry(seat, id, &entry)?,
            Command::RemoveEntry { id } => self.remove_entry(seat, id)?,
            Command::KeepEntry { id, kept } => self.keep_entry(seat, id, kept)?,
            Command::SetNotes { text } => self.set_notes(seat, text)?,
            Command::DecideRecord { fate } => self.decide_record(seat, fate)?,
            Command::WantNext { wanted } => self.want_next(seat, wanted)?,
            Command::OutOfContract => return self.out_of_contract(seat).map(Some),
            Command::ProposeContract { text } => self.propose_contract(seat, &text)?,
            Command::AcceptContract => self.accept_contract(seat)?,
            Command::VisitGroup { group } => self.visit_group(seat, group)?,
            Command::TakeChair => self.take_chair(seat)?,
            Command::GoOn
            | Command::Stay
            | Command::OpenVote
            | Command::CloseVote
            | Command::NameBackup { .. }
            | Command::AfterClientDrop { .. }
            | Command::StartDrill
            | Command::EndDrill
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
            Command::GoOn => self.go_on(),
            Command::Stay => self.stay(),
            Command::OpenVote => self.open_vote(),
            Command::CloseVote => self.close_vote(),
            Command::NameBackup { seat } => self.name_backup(seat),
            Command::AfterClientDrop { choice } => self.after_client_drop(choice),
            Command::StartDrill => self.start_drill(),
            Command::EndDrill => self.end_drill(),
            Command::NextPhase => self.next_phase(),
            Command::PreviousPhase => self.previous_phase(),
            Command::ExtendPhase { by } => self.extend_phase(by),
            Command::PausePhase => self.pause_phase(),
            Command::ResumePhase => self.resume_phase(),
            Command::GrantFloor { seat } => self.grant_floor(seat),
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

    fn grant_floor(&mut self, seat: Seat) -> Result<(), Refusal> {
        let member = self.member(seat)?;
        self.on_floor(|session, scene| match session.in_writing {
            // Nobody could use it.
            Some(_) => Err(FloorRefusal::NotInThisPhase),
            None => session.floor.grant(member, scene),
        })
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
        if !self.with_session(|session, _| session.floor_stands())? {
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

    /// Whether chat is open: in a phase that has it, while nobody holds the floor. While the phase
    /// stands for the client suggestions go on in writing, and when the group goes on without them
    /// all does.
    pub(crate) fn chat_open(&self) -> bool {
        match &self.progress {
            Progress::Lobby { .. } => true,
            Progress::Over(_) => false,
            Progress::Running(session) => {
                let phase = session.phase(&self.template);
                // In an open phase a turn only points at somebody.
                let open = session.floor.step(phase).floor.kind() == FloorKind::Open;
                let held = !open && session.floor.turn().is_some();
                session.in_writing.is_some()
                    || (phase.chat && (!held || session.pauses.for_client.is_some()))
            }
        }
    }

    /// Names who takes the chair if its holder drops: somebody who speaks and came.
    fn name_backup(&mut self, seat: Option<Seat>) -> Result<(), Refusal> {
        if self.backup == seat {
            return Err(Refusal::NoChange);
        }
        if let Some(seat) = seat {
            let person = self.people.get(seat)?;
            if !speaks(person.role()) || !person.has_joined() || self.chair.seat() == Some(seat) {
                return Err(Refusal::NotEligible);
            }
        }
        self.backup = seat;
        Ok(())
    }
}
