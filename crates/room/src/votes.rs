//! Votes: who may, what about, and what follows. Ballots are secret: they leave the room as numbers
//! alone, once the vote is closed, and are forgotten then.

use std::collections::BTreeMap;

use palabre_facilitation::{Template, VoteRule, VoteRuleAbout, speaks};
use palabre_ids::{Millis, Role, Seat, UnixMillis};
use palabre_vocabulary::{
    Ballot, Clock, EntryKind, Refusal, VoteAbout, VoteOption, VoteResult, VoteView, VotesView,
};
use serde::{Deserialize, Serialize};

use crate::next::Ending;
use crate::people::Chair;
use crate::room::Room;
use crate::session::Session;

/// How many results are kept: phases can be gone back to, and asked to stay in again and again.
const RESULTS: usize = 64;

/// How far the vote of the phase going on is.
#[derive(Debug, Clone, PartialEq, Eq, Default, Serialize, Deserialize)]
pub(crate) enum PhaseVote {
    /// Still to be held, if there is one.
    #[default]
    NotHeld,
    /// Open.
    Open(OpenVote),
    /// Held, and what it was about is decided.
    Decided,
    /// Held, and nobody was chosen: the chair names the client, or with nobody in the chair the
    /// first of these who can be: by ballots, then by who pitched first.
    Undecided { ranking: Vec<Seat> },
    /// Held, and the group goes on to the next phase.
    Leave,
}

/// A vote that is open.
#[derive(Clone, PartialEq, Eq, Serialize, Deserialize)]
pub(crate) struct OpenVote {
    about: VoteAbout,
    options: Vec<VoteOption>,
    ballots: BTreeMap<Seat, Ballot>,
    /// Runs to its close, and stands when the phase's clock does.
    clock: Clock,
}

impl std::fmt::Debug for OpenVote {
    /// No ballot.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("OpenVote").field("about", &self.about).finish_non_exhaustive()
    }
}

impl PhaseVote {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open(_))
    }

    /// Whether a vote about the client came to nobody.
    pub(crate) fn client_is_undecided(&self) -> bool {
        matches!(self, Self::Undecided { .. })
    }

    fn open(&self) -> Option<&OpenVote> {
        match self {
            Self::Open(vote) => Some(vote),
            _ => None,
        }
    }

    /// When it closes by itself.
    pub(crate) fn closes_at(&self) -> Option<UnixMillis> {
        self.open().and_then(|vote| vote.clock.deadline())
    }

    /// The seat's own ballot.
    pub(crate) fn ballot_of(&self, seat: Seat) -> Option<Ballot> {
        self.open().and_then(|vote| vote.ballots.get(&seat)).copied()
    }

    pub(crate) fn pause(&mut self, at: UnixMillis) {
        if let Self::Open(vote) = self {
            vote.clock = vote.clock.paused_at(at);
        }
    }

    pub(crate) fn resume(&mut self, now: UnixMillis) {
        if let Self::Open(vote) = self {
            vote.clock = vote.clock.running_from(now);
        }
    }
}

impl OpenVote {
    /// How many ballots for each option.
    fn count(&self) -> Vec<u8> {
        let mut ballots = vec![0_u8; self.options.len()];
        for ballot in self.ballots.values() {
            if let Ballot::For { option } = ballot
                && let Some(count) = ballots.get_mut(usize::from(*option))
            {
                *count += 1;
            }
        }
        ballots
    }
}

impl Session {
    /// The vote of the phase going on.
    pub(crate) fn rule<'a>(&self, template: &'a Template) -> Option<&'a VoteRule> {
        self.phase(template).vote.as_ref()
    }

    /// By how much a vote to stay lengthens the phase.
    fn stays_for(&self, template: &Template) -> Option<Millis> {
        match self.rule(template)?.about {
            VoteRuleAbout::Continue { extends } => Some(extends),
            VoteRuleAbout::Client | VoteRuleAbout::Question { .. } => None,
        }
    }

    /// Whether the phase's vote is about staying in it.
    pub(crate) fn asks_to_stay(&self, template: &Template) -> bool {
        self.stays_for(template).is_some()
    }
}

impl Room {
    /// The vote that is open, and the results of those before.
    #[must_use]
    pub fn votes(&self) -> VotesView {
        let session = self.session();
        let open = session.and_then(|session| session.vote.open().map(|vote| (session, vote)));
        VotesView {
            open: open.map(|(session, vote)| VoteView {
                phase: u16::try_from(session.index).unwrap_or(u16::MAX),
                about: vote.about,
                options: vote.options.clone(),
                voted: vote.ballots.keys().copied().collect(),
                awaited: self.awaited(vote),
                closes_at: vote.clock.deadline(),
            }),
            results: self.results.iter().cloned().collect(),
        }
    }

    fn awaited(&self, vote: &OpenVote) -> Vec<Seat> {
        self.present_speakers().filter(|seat| !vote.ballots.contains_key(seat)).collect()
    }

    /// What could be chosen if the phase's vote opened now; nothing if it cannot.
    pub(crate) fn vote_options(&self) -> Vec<VoteOption> {
        let Some(session) = self.session() else { return Vec::new() };
        match session.rule(&self.template).map(|rule| &rule.about) {
            None => Vec::new(),
            Some(VoteRuleAbout::Client) => {
                self.candidates(session).map(|seat| VoteOption::Person { seat }).collect()
            }
            Some(VoteRuleAbout::Continue { extends }) => {
                if session.can_extend(*extends, &self.template) {
                    vec![VoteOption::Continue, VoteOption::Next]
                } else {
                    Vec::new()
                }
            }
            Some(VoteRuleAbout::Question { answers, .. }) => {
                let count = u8::try_from(answers.len()).unwrap_or(u8::MAX);
                (0..count).map(|index| VoteOption::Answer { index }).collect()
            }
        }
    }

    /// Who can be chosen as the client: those here who pitched, in that order, then those who wrote
    /// their subject down in this phase.
    fn candidates<'a>(&'a self, session: &'a Session) -> impl Iterator<Item = Seat> + 'a {
        let wrote = self
            .record
            .entries()
            .filter(|entry| entry.entry.kind() == EntryKind::Subject && entry.at >= session.began)
            .map(|entry| entry.seat)
            .filter(|seat| !session.pitched.contains(seat));
        let mut seats: Vec<Seat> = session.pitched.clone();
        for seat in wrote {
            if !seats.contains(&seat) {
                seats.push(seat);
            }
        }
        seats.into_iter().filter(|seat| self.can_be_client(*seat))
    }

    /// When the group is asked whether it stays: at the end of the phase's time, if it can be
    /// lengthened and was not asked about this time yet.
    pub(crate) fn asks_to_stay_at(&self) -> Option<UnixMillis> {
        let session = self.session()?;
        let extends = session.stays_for(&self.template)?;
        let asks = session.vote == PhaseVote::NotHeld
            && session.ending != Ending::Stayed
            && self.may_go_on_by_itself()
            && session.can_extend(extends, &self.template);
        session.clock.deadline().filter(|_| asks)
    }

    pub(crate) fn open_vote(&mut self) -> Result<(), Refusal> {
        let options = self.vote_options();
        let template = std::sync::Arc::clone(&self.template);
        self.with_session(|session, scene| {
            let Some(rule) = session.rule(&template).filter(|_| !options.is_empty()) else {
                return Err(Refusal::NoVote);
            };
            if session.vote.is_open() {
                return Err(Refusal::NoChange);
            }
            session.ending = Ending::Open;
            session.vote = PhaseVote::Open(OpenVote {
                about: rule.about.kind(),
                options,
                ballots: BTreeMap::new(),
                clock: Clock::start(scene.now, rule.lasts, scene.paused),
            });
            Ok(())
        })?
    }

    pub(crate) fn cast_ballot(&mut self, seat: Seat, ballot: Ballot) -> Result<(), Refusal> {
        if !speaks(self.people.get(seat)?.role()) {
            return Err(Refusal::NotEligible);
        }
        self.with_session(|session, _| {
            let PhaseVote::Open(vote) = &mut session.vote else { return Err(Refusal::NoVote) };
            if let Ballot::For { option } = ballot
                && usize::from(option) >= vote.options.len()
            {
                return Err(Refusal::OutOfRange);
            }
            if vote.ballots.insert(seat, ballot) == Some(ballot) {
                return Err(Refusal::NoChange);
            }
            Ok(())
        })?
    }

    /// A vote for which everybody here has voted closes; not while the room waits for those who were here.
    pub(crate) fn close_full_vote(&mut self) {
        let full = self
            .session()
            .filter(|session| session.pauses.recovery.is_none())
            .and_then(|session| session.vote.open())
            .is_some_and(|vote| !vote.ballots.is_empty() && self.awaited(vote).is_empty());
        if full {
            let _is_open = self.close_vote();
        }
    }

    /// Closes the vote with the ballots that were given, and does what they say.
    pub(crate) fn close_vote(&mut self) -> Result<(), Refusal> {
        let template = std::sync::Arc::clone(&self.template);
        let closed = self.with_session(|session, _| {
            match std::mem::replace(&mut session.vote, PhaseVote::Decided) {
                PhaseVote::Open(vote) => Ok((session.index, session.stays_for(&template), vote)),
                other => {
                    session.vote = other;
                    Err(Refusal::NoVote)
                }
            }
        })?;
        let (index, stays_for, vote) = closed?;
        let ballots = vote.count();
        let most = ballots.iter().copied().max().unwrap_or(0);
        let first: Vec<usize> =
            (0..ballots.len()).filter(|index| ballots[*index] == most).collect();
        let chosen = match (vote.about, first.as_slice()) {
            // As many who would go on as would stay: the group goes on.
            (VoteAbout::Continue, _) => Some(usize::from(ballots[0] <= ballots[1])),
            (_, [only]) if most > 0 => Some(*only),
            _ => None,
        };
        let chosen = match (vote.about, chosen) {
            (VoteAbout::Client, chosen) => {
                let mut ranking: Vec<usize> = (0..ballots.len()).collect();
                ranking.sort_by_key(|index| std::cmp::Reverse(ballots[*index]));
                let seat_of = |index: usize| person_of(vote.options[index]);
                let ranking = ranking.into_iter().filter_map(seat_of).collect();
                let named = self.decide_client(chosen.and_then(seat_of), ranking);
                vote.options
                    .iter()
                    .position(|option| named.is_some() && person_of(*option) == named)
            }
            (VoteAbout::Continue, Some(0)) => {
                self.if_running(|session, _| {
                    session.vote = PhaseVote::NotHeld;
                    if let Some(by) = stays_for {
                        session.extend(by, &template);
                    }
                });
                chosen
            }
            (VoteAbout::Continue, _) => {
                self.if_running(|session, _| session.vote = PhaseVote::Leave);
                chosen
            }
            (VoteAbout::Question, _) => chosen,
        };
        if self.results.len() == RESULTS {
            self.results.pop_front();
        }
        self.results.push_back(VoteResult {
            phase: u16::try_from(index).unwrap_or(u16::MAX),
            about: vote.about,
            abstained: u8::try_from(
                vote.ballots.values().filter(|ballot| **ballot == Ballot::Abstain).count(),
            )
            .unwrap_or(u8::MAX),
            options: vote.options,
            ballots,
            chosen: chosen.and_then(|index| u8::try_from(index).ok()),
        });
        Ok(())
    }

    /// Names the client of a vote: the one who was chosen, or with nobody in the chair the first of
    /// those who come next. Whoever is not here cannot be named.
    fn decide_client(&mut self, chosen: Option<Seat>, ranking: Vec<Seat>) -> Option<Seat> {
        let chosen = chosen.filter(|seat| self.can_be_client(*seat));
        match chosen.or_else(|| self.first_alone(&ranking)) {
            Some(seat) => {
                self.make_client(seat);
                Some(seat)
            }
            None => {
                self.if_running(|session, _| session.vote = PhaseVote::Undecided { ranking });
                None
            }
        }
    }

    /// Whom the group without a chair takes.
    fn first_alone(&self, ranking: &[Seat]) -> Option<Seat> {
        let first = ranking.iter().copied().find(|seat| self.can_be_client(*seat));
        first.filter(|_| self.chair == Chair::Nobody)
    }

    /// With nobody in the chair, what a vote left open is decided.
    pub(crate) fn decide_alone(&mut self) {
        let PhaseVote::Undecided { ranking } = self
            .session()
            .filter(|session| session.pauses.recovery.is_none())
            .map_or(&PhaseVote::NotHeld, |session| &session.vote)
        else {
            return;
        };
        if let Some(seat) = self.first_alone(ranking) {
            self.make_client(seat);
        }
    }

    /// Whether somebody can be named client now.
    pub(crate) fn can_be_client(&self, seat: Seat) -> bool {
        self.people.get(seat).is_ok_and(|person| {
            person.is_here() && matches!(person.role(), Role::Client | Role::Consultant)
        })
    }
}

fn person_of(option: VoteOption) -> Option<Seat> {
    match option {
        VoteOption::Person { seat } => Some(seat),
        VoteOption::Continue | VoteOption::Next | VoteOption::Answer { .. } => None,
    }
}
