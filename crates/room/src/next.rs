//! What comes next: one function decides it, for the facilitator's one key, for phases that end by
//! themselves, and for a group without a chair.

use palabre_facilitation::{Need, Transition};
use palabre_ids::UnixMillis;
use palabre_vocabulary::{Advance, Blocked, NextStep, Refusal};
use serde::{Deserialize, Serialize};

use crate::people::Chair;
use crate::room::{Progress, Room};
use crate::session::Session;
use crate::timers::Timer;
use crate::votes::PhaseVote;

/// Whether a phase ends by itself.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum Ending {
    /// There is more to come.
    #[default]
    Open,
    /// It is done: what comes next comes at `at`.
    Announced { at: UnixMillis },
    /// It was done, and the chair stays: only the chair goes on.
    Stayed,
}

/// When a phase is done: announced from a moment on, and not over before another.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
struct Done {
    from: UnixMillis,
    until: UnixMillis,
}

impl Ending {
    /// The ending of a phase that was about to end and was given more time.
    pub(crate) fn extended(transition: Transition) -> Self {
        match transition {
            Transition::Timer | Transition::Manual => Self::Open,
            Transition::AllSpoken | Transition::Vote | Transition::Artefact => Self::Stayed,
        }
    }
}

impl Room {
    /// What the facilitator's one key does now.
    pub(crate) fn next_step(&self) -> NextStep {
        let session = match &self.progress {
            Progress::Over(_) => return NextStep::Over,
            Progress::Lobby { .. } if self.blocked().is_some() => return NextStep::Wait,
            Progress::Lobby { .. } => return NextStep::Start,
            Progress::Running(session) => session,
        };
        if session.vote.is_open() {
            NextStep::CloseVote
        } else if self.vote_is_due(session) {
            NextStep::OpenVote
        } else if session.is_last() {
            NextStep::End
        } else if self.blocked().is_some() {
            NextStep::Wait
        } else {
            NextStep::Phase { index: u16::try_from(session.index + 1).unwrap_or(u16::MAX) }
        }
    }

    /// A vote about a client or a question is held before the phase is left. One about staying is
    /// held at the end of its time, or when the chair asks for it.
    fn vote_is_due(&self, session: &Session) -> bool {
        session.vote == PhaseVote::NotHeld
            && !session.asks_to_stay(&self.template)
            && !self.vote_options().is_empty()
    }

    /// Does what comes next.
    pub(crate) fn go_on(&mut self) -> Result<(), Refusal> {
        match self.next_step() {
            NextStep::Start | NextStep::Phase { .. } => self.next_phase(),
            NextStep::OpenVote => self.open_vote(),
            NextStep::CloseVote => self.close_vote(),
            NextStep::End => {
                self.end();
                Ok(())
            }
            NextStep::Wait => Err(Refusal::GateClosed),
            NextStep::Over => Err(Refusal::Ended),
        }
    }

    pub(crate) fn next_phase(&mut self) -> Result<(), Refusal> {
        let next = match &self.progress {
            Progress::Lobby { .. } => 0,
            Progress::Running(session) if session.is_last() => return Err(Refusal::NoSuchPhase),
            Progress::Running(session) => session.index + 1,
            Progress::Over(_) => return Err(Refusal::Ended),
        };
        if self.blocked().is_some() {
            return Err(Refusal::GateClosed);
        }
        if matches!(self.progress, Progress::Lobby { .. }) {
            self.progress = Progress::Running(Box::new(Session::new(self.now, &self.template)));
        }
        self.enter_phase(next);
        Ok(())
    }

    pub(crate) fn previous_phase(&mut self) -> Result<(), Refusal> {
        let session = self.session().ok_or_else(|| self.not_running())?;
        let before = session.index.checked_sub(1).ok_or(Refusal::NoSuchPhase)?;
        self.enter_phase(before);
        Ok(())
    }

    /// Enters a phase; whatever stood before runs again.
    pub(crate) fn enter_phase(&mut self, index: usize) {
        let now = self.now;
        if let Progress::Running(session) = &mut self.progress {
            session.enter(index, now);
        }
        self.pass_the_client_role(index);
        self.if_running(|session, scene| session.floor.begin(scene));
        self.keep_screen_where_it_may_be();
    }

    /// What the next phase waits for.
    pub(crate) fn blocked(&self) -> Option<Blocked> {
        let (next, undecided) = match &self.progress {
            Progress::Lobby { .. } => (0, false),
            Progress::Running(session) => (session.index + 1, session.vote.client_is_undecided()),
            Progress::Over(_) => return None,
        };
        let phase = self.template.phases.get(next)?;
        phase.needs.iter().find_map(|need| match need {
            Need::Client => {
                let named = !undecided
                    && (self.people.client().is_some() || self.somebody_is_next(phase.client));
                (!named).then_some(Blocked::ClientNotNamed)
            }
            Need::Contract => (!self.contract_accepted()).then_some(Blocked::ContractNotAccepted),
        })
    }

    // ---- phases that end by themselves

    /// The chair stays in a phase that is about to end.
    pub(crate) fn stay(&mut self) -> Result<(), Refusal> {
        self.with_session(|session, _| match session.ending {
            Ending::Announced { .. } => {
                session.ending = Ending::Stayed;
                Ok(())
            }
            Ending::Open | Ending::Stayed => Err(Refusal::NoChange),
        })?
    }

    pub(crate) fn advance_view(&self) -> Option<Advance> {
        match self.session()?.ending {
            Ending::Announced { at } => Some(Advance { at }),
            Ending::Open | Ending::Stayed => None,
        }
    }

    /// When the phase is done, as things are; `None` if it does not end by itself. It does not while
    /// the clocks stand, while the chair is kept for somebody who is away, during a vote, before a
    /// closed gate, and when the chair said to stay.
    fn done(&self) -> Option<Done> {
        let session = self.session()?;
        let phase = session.phase(&self.template);
        let holds = session.pauses.any()
            || session.ending == Ending::Stayed
            || session.vote.is_open()
            || !self.may_go_on_by_itself();
        let next = self.next_step();
        if holds || matches!(next, NextStep::Wait | NextStep::Over) {
            return None;
        }
        let at_once = |is: bool| is.then_some(Done { from: session.began, until: session.began });
        // The clock's end is announced before it comes.
        let in_time = || {
            let until = session.clock.deadline().filter(|_| self.asks_to_stay_at().is_none())?;
            let from = UnixMillis(until.0.saturating_sub(phase.linger.0)).max(session.began);
            Some(Done { from, until })
        };
        let votes = next == NextStep::OpenVote;
        let ways = match phase.transition {
            Transition::Manual => [None, None],
            Transition::Timer => [in_time(), None],
            Transition::AllSpoken => [at_once(self.floor_is_over()), None],
            Transition::Vote if votes || session.asks_to_stay(&self.template) => [in_time(), None],
            Transition::Vote => [at_once(session.vote == PhaseVote::Decided), None],
            Transition::Artefact => {
                [at_once(phase.takes_contract && self.contract_accepted()), None]
            }
        };
        let by_vote =
            [at_once(votes && self.floor_is_over()), at_once(session.vote == PhaseVote::Leave)];
        let by_nobody = in_time().filter(|_| self.chair == Chair::Nobody);
        ways.into_iter().chain(by_vote).chain([by_nobody]).flatten().min()
    }

    pub(crate) fn floor_is_over(&self) -> bool {
        self.in_scene(|session, scene| session.floor.is_over(scene)).unwrap_or(false)
    }

    /// Whether anything goes on without the chair's word: not while it is kept for who is away.
    pub(crate) fn may_go_on_by_itself(&self) -> bool {
        match self.chair {
            Chair::Nobody => true,
            Chair::Held { seat, .. } => self.people.get(seat).is_ok_and(|person| person.is_here()),
        }
    }

    /// When the end of the phase is to be announced, or comes.
    pub(crate) fn end_timer(&self) -> Option<(UnixMillis, Timer)> {
        match self.session()?.ending {
            Ending::Open => self.done().map(|done| (done.from, Timer::PhaseDone)),
            Ending::Announced { at } => Some((at, Timer::PhaseEnd)),
            Ending::Stayed => None,
        }
    }

    /// A phase that is done is announced to end; one that no longer is, is not.
    pub(crate) fn announce(&mut self) {
        let now = self.now;
        let done = self.done().filter(|done| done.from <= now);
        let template = std::sync::Arc::clone(&self.template);
        self.if_running(|session, _| match (session.ending, done) {
            (Ending::Open, Some(done)) => {
                let at = done.until.max(now + session.phase(&template).linger);
                session.ending = Ending::Announced { at };
            }
            (Ending::Announced { .. }, None) => session.ending = Ending::Open,
            _ => {}
        });
    }

    /// What was announced happens.
    pub(crate) fn phase_over(&mut self) {
        self.if_running(|session, _| session.ending = Ending::Open);
        // What was announced is what comes next; a gate that closed since took the announcement back.
        let _waits = self.go_on_by_itself();
    }

    /// Does what comes next without the chair's word: a phase that stands for the client does not
    /// begin behind their back.
    pub(crate) fn go_on_by_itself(&mut self) -> Result<(), Refusal> {
        let before = self.session().map(|session| session.index);
        self.go_on()?;
        if self.session().map(|session| session.index) != before {
            self.wait_for_the_client_who_is_away();
        }
        Ok(())
    }
}
