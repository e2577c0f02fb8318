//! How long each seat was heard, counted from the media plane's word on who speaks. The room is told
//! in sums, so that its journal grows by little however lively the talk is.

use palabre_ids::{MAX_SEATS, Millis, Seat, UnixMillis};
use palabre_wire::Command;

/// The room is told at most this often while somebody speaks. Shorter makes the journal grow; longer
/// shows everyone an older share of speech.
const EVERY: Millis = Millis::from_secs(5);

/// Before something that may end a turn it is told earlier, but no earlier than this after the last
/// time: whoever presses a button without end adds nothing to the journal.
const LEAST: Millis = Millis::from_secs(1);

/// So long before the room does something by itself it is told too. Shorter than a thread may be
/// late, and the turn is given before its last words are counted.
const AHEAD: Millis = Millis(100);

/// Who speaks, and how long each was heard since the room was last told.
#[derive(Debug)]
pub(crate) struct Voices {
    speaking: Vec<Seat>,
    heard: [Millis; MAX_SEATS as usize],
    counted_until: UnixMillis,
    told_at: UnixMillis,
}

impl Voices {
    pub(crate) fn new(now: UnixMillis) -> Self {
        Self { speaking: Vec::new(), heard: Default::default(), counted_until: now, told_at: now }
    }

    /// Forgets what was heard so far; who speaks goes on speaking.
    pub(crate) fn restart(&mut self, now: UnixMillis) {
        *self = Self { speaking: std::mem::take(&mut self.speaking), ..Self::new(now) };
    }

    /// Who speaks.
    pub(crate) fn speaking(&self) -> &[Seat] {
        &self.speaking
    }

    /// From `now` on these speak, and nobody else.
    pub(crate) fn hear(&mut self, now: UnixMillis, speaking: Vec<Seat>) {
        self.count(now);
        self.speaking = speaking;
    }

    fn count(&mut self, now: UnixMillis) {
        let length = now.since(self.counted_until);
        self.counted_until = self.counted_until.max(now);
        for seat in &self.speaking {
            if let Some(heard) = self.heard.get_mut(seat.index()) {
                *heard = *heard + length;
            }
        }
    }

    /// When the room is to be told, if it does something by itself at `next`; not as long as there
    /// is nothing to tell.
    pub(crate) fn due(&self, next: Option<UnixMillis>) -> Option<UnixMillis> {
        if self.speaking.is_empty() && self.heard.iter().all(|heard| *heard == Millis::ZERO) {
            return None;
        }
        let ahead = next.map(|next| UnixMillis(next.0.saturating_sub(AHEAD.0)));
        let ahead = ahead.filter(|ahead| self.may_be_told(*ahead));
        Some(ahead.map_or(self.told_at + EVERY, |ahead| ahead.min(self.told_at + EVERY)))
    }

    /// Whether the last time is long enough ago.
    pub(crate) fn may_be_told(&self, now: UnixMillis) -> bool {
        now >= self.told_at + LEAST
    }

    /// How long each was heard since the last call; those who were not are left out.
    pub(crate) fn take(&mut self, now: UnixMillis) -> Vec<(Seat, Millis)> {
        self.count(now);
        self.told_at = now;
        let heard = std::mem::take(&mut self.heard);
        (0..MAX_SEATS).map(Seat).zip(heard).filter(|(_, heard)| *heard != Millis::ZERO).collect()
    }
}

/// Whether a command may end a turn or a phase: who comes next may depend on who spoke how long.
pub(crate) fn may_end_a_turn(command: &Command) -> bool {
    match command {
        Command::ReleaseFloor
        | Command::Pass
        | Command::YieldFloor { .. }
        | Command::GrantFloor { .. }
        | Command::RevokeFloor
        | Command::SkipTurn
        | Command::GoOn
        | Command::NextPhase
        | Command::PreviousPhase
        | Command::WantNext { .. }
        | Command::NameClient { .. }
        | Command::AfterClientDrop { .. } => true,
        Command::RequestFloor
        | Command::CancelRequest
        | Command::SetMuted { .. }
        | Command::SetCamera { .. }
        | Command::SetScreen { .. }
        | Command::Chat { .. }
        | Command::CannotHear
        | Command::Help { .. }
        | Command::CastBallot { .. }
        | Command::AddEntry { .. }
        | Command::ChangeEntry { .. }
        | Command::RemoveEntry { .. }
        | Command::KeepEntry { .. }
        | Command::SetNotes { .. }
        | Command::DecideRecord { .. }
        | Command::OutOfContract
        | Command::ProposeContract { .. }
        | Command::AcceptContract
        | Command::ExtendPhase { .. }
        | Command::Stay
        | Command::PausePhase
        | Command::ResumePhase
        | Command::OpenVote
        | Command::CloseVote
        | Command::NameBackup { .. }
        | Command::StartDrill
        | Command::EndDrill
        | Command::VisitGroup { .. }
        | Command::TakeChair
        // What was said is forgotten with the session.
        | Command::EndSession => false,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const START: UnixMillis = UnixMillis(1_000_000);

    fn at(millis: u64) -> UnixMillis {
        START + Millis(millis)
    }

    #[test]
    fn everyone_is_counted_while_they_speak() {
        let mut voices = Voices::new(START);
        assert_eq!(voices.due(None), None, "nobody spoke");
        voices.hear(at(1_000), vec![Seat(1)]);
        voices.hear(at(1_700), vec![Seat(1), Seat(3)]);
        voices.hear(at(2_000), vec![Seat(3)]);
        let heard = [(Seat(1), Millis(1_000)), (Seat(3), Millis(800))];
        assert_eq!(voices.take(at(2_500)), heard);
        voices.hear(at(2_600), vec![]);
        assert_eq!(voices.take(at(9_000)), [(Seat(3), Millis(100))], "nothing counts twice");
        assert_eq!(voices.take(at(10_000)), []);
        assert_eq!(voices.due(None), None);
    }

    #[test]
    fn the_room_is_told_every_five_seconds_and_ahead_of_its_own_time() {
        let mut voices = Voices::new(START);
        voices.hear(at(10), vec![Seat(0)]);
        assert_eq!(voices.due(None), Some(at(5_000)));
        assert_eq!(voices.due(Some(at(60_000))), Some(at(5_000)));
        assert_eq!(voices.due(Some(at(3_000))), Some(at(2_900)));
        assert_eq!(voices.due(Some(at(500))), Some(at(5_000)), "too soon after the last time");
        voices.take(at(2_900));
        assert_eq!(voices.due(Some(at(3_000))), Some(at(7_900)), "once ahead of each");
    }

    #[test]
    fn it_is_not_told_more_often_than_once_a_second_whatever_is_pressed() {
        let mut voices = Voices::new(START);
        voices.hear(START, vec![Seat(0)]);
        let told = (0..10_000).step_by(10).filter(|millis| {
            let may = voices.may_be_told(at(*millis));
            if may {
                voices.take(at(*millis));
            }
            may
        });
        assert_eq!(told.count(), 9);
    }

    #[test]
    fn what_was_said_before_the_session_does_not_count() {
        let mut voices = Voices::new(START);
        voices.hear(START, vec![Seat(2)]);
        voices.restart(at(4_000));
        assert_eq!(voices.speaking(), [Seat(2)]);
        assert_eq!(voices.take(at(4_500)), [(Seat(2), Millis(500))]);
    }
}
