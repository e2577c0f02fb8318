//! The time of a session: what an extension gives and costs, and when everything ends.
//!
//! What is shown before an extension and what is done by it come from one function.

use palabre_facilitation::{Overtime, Template};
use palabre_ids::{Millis, UnixMillis};
use palabre_vocabulary::{Clock, ExtensionQuote, Refusal};

use crate::next::Ending;
use crate::room::Room;
use crate::session::Session;
use crate::votes::PhaseVote;

/// The extensions that are offered.
const OFFERED: [Millis; 3] =
    [Millis::from_secs(60), Millis::from_secs(120), Millis::from_secs(300)];

/// What an extension gives the phase, and what it takes from later ones.
struct Extension {
    gets: Millis,
    /// By phase, those that lose nothing left out.
    costs: Vec<(usize, Millis)>,
}

impl Session {
    /// What asking for `by` more comes to.
    fn extension(&self, by: Millis, template: &Template) -> Extension {
        let phase = self.phase(template);
        let most = phase.max.saturating_sub(self.targets[self.index] + self.extended).min(by);
        match phase.overtime {
            Overtime::Hard => Extension { gets: Millis::ZERO, costs: Vec::new() },
            Overtime::Soft => Extension { gets: most, costs: Vec::new() },
            Overtime::Borrow => {
                let mut owed = most;
                let mut costs = Vec::new();
                for later in self.index + 1..self.targets.len() {
                    let spare = self.targets[later].saturating_sub(template.phases[later].min);
                    let taken = owed.min(spare);
                    if taken > Millis::ZERO {
                        costs.push((later, taken));
                        owed = owed.saturating_sub(taken);
                    }
                }
                Extension { gets: most.saturating_sub(owed), costs }
            }
        }
    }

    /// Lengthens the phase by `by` at most; says by how much.
    pub(crate) fn extend(&mut self, by: Millis, template: &Template) -> Millis {
        let Extension { gets, costs } = self.extension(by, template);
        for (later, cost) in costs {
            self.targets[later] = self.targets[later].saturating_sub(cost);
        }
        self.extended = self.extended + gets;
        self.clock = self.clock.lengthened(gets);
        gets
    }

    /// Whether the phase can be lengthened by all of `by`.
    pub(crate) fn can_extend(&self, by: Millis, template: &Template) -> bool {
        self.extension(by, template).gets == by
    }

    /// When the session ends if every later phase takes what is planned; while the clocks stand, as
    /// of the moment when they stopped.
    pub(crate) fn ends_at(&self) -> UnixMillis {
        let phase_ends = match self.clock {
            Clock::Running { deadline } => deadline,
            Clock::Paused { remaining } => self.turned_at + remaining,
        };
        let later = &self.targets[self.index + 1..];
        phase_ends + later.iter().fold(Millis::ZERO, |sum, target| sum + *target)
    }

    fn quote(&self, by: Millis, template: &Template) -> ExtensionQuote {
        let Extension { gets, costs } = self.extension(by, template);
        let cost = costs.iter().fold(Millis::ZERO, |sum, (_, cost)| sum + *cost);
        ExtensionQuote {
            by,
            gets,
            session_ends_at: Some(self.ends_at() + gets.saturating_sub(cost)),
            costs: costs
                .into_iter()
                .map(|(later, cost)| (u16::try_from(later).unwrap_or(u16::MAX), cost))
                .collect(),
        }
    }
}

impl Room {
    /// What each offered extension costs; nothing is offered outside the phases.
    pub(crate) fn quotes(&self) -> Vec<ExtensionQuote> {
        self.session().map_or_else(Vec::new, |session| {
            OFFERED.iter().map(|by| session.quote(*by, &self.template)).collect()
        })
    }

    pub(crate) fn extend_phase(&mut self, by: Millis) -> Result<(), Refusal> {
        if !(Millis::from_secs(1)..=Millis::from_secs(3_600)).contains(&by) {
            return Err(Refusal::OutOfRange);
        }
        let template = std::sync::Arc::clone(&self.template);
        self.with_session(|session, _| {
            if session.extend(by, &template) == Millis::ZERO {
                return Err(Refusal::AtMaximum);
            }
            // Whoever asks for more time wants to stay: where the clock ends the phase it ends it at
            // the new time, elsewhere the chair goes on.
            if matches!(session.ending, Ending::Announced { .. }) {
                session.ending = Ending::extended(session.phase(&template).transition);
            }
            if session.vote == PhaseVote::Leave {
                session.vote = PhaseVote::NotHeld;
            }
            Ok(())
        })?
    }
}
