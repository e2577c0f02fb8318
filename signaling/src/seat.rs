//! What a room's task knows of each seat's page.

use std::collections::VecDeque;
use std::time::Duration;

use base64::Engine as _;
use base64::prelude::BASE64_URL_SAFE_NO_PAD;
use palabre_ids::{Language, MAX_SEATS, Millis, Role, Seat, UnixMillis};
use palabre_wire::{Answer, CommandId, SeatView, ViewSize};
use rand::Rng as _;
use subtle::ConstantTimeEq as _;

use crate::limits::Bucket;
use crate::outbox::Outbox;
use crate::seat_media::SeatMedia;

/// Answers kept for commands that are sent again. A page has a few waiting; what is older was seen.
const ANSWERS: usize = 64;

/// How far ahead of the last answered command a page may number. Pages count by one; refused
/// commands for speed leave gaps. Without a bound one message could use up all numbers of the seat.
const COMMANDS_AHEAD: u64 = 1_000;

/// A page that is lost while its media go on is waited for so long at most: signaling alone may be lost.
/// Longer keeps a place for somebody who hears nothing of the room's rules; shorter interrupts a speaker
/// who is heard by everyone.
const HOLD: Millis = Millis::from_secs(60);

/// Media of which nothing came for so long do not go on: pages answer the beacon several times a second.
const DEAD_AFTER: Duration = Duration::from_secs(1);

/// Media sessions that a seat may ask for at once, and the time in which it gets one more: each is
/// a handshake. A page whose network changes restarts ICE a few times in a row.
const OFFERS_AT_ONCE: u32 = 10;
const SECONDS_PER_OFFER: u32 = 2;

/// Reports of a seat's page (how it came back, how its media travel) at once, and the time in which it
/// may make one more. A path that comes and goes makes two in some seconds.
const REPORTS_AT_ONCE: u32 = 8;
const SECONDS_PER_REPORT: u32 = 10;
/// What its browser estimates is told apart from these, each half minute: it must crowd out none of them.
const ESTIMATES_AT_ONCE: u32 = 2;
const SECONDS_PER_ESTIMATE: u32 = 20;

/// Media without a page's connection are left alone for so long. Signaling may be lost for a minute
/// without anybody noticing it in the sound; past that, whoever kept them would go on hearing a room
/// that shows them as away.
pub(crate) const MEDIA_ALONE: Millis = Millis::from_secs(75);

/// Identifies a connection within its process; of two, who said hello later has the higher one.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub(crate) struct ConnectionId(pub(crate) u64);

/// A seat's line to its page.
#[derive(Debug, Default)]
pub(crate) enum Line {
    /// No page, and the room knows.
    #[default]
    None,
    /// A page.
    Open {
        /// Which connection.
        connection: ConnectionId,
        /// Where its messages go.
        outbox: Outbox,
        /// What the person reads.
        language: Language,
        /// The role whose prompts the page shows.
        shown_role: Role,
    },
    /// The page was lost; the room is told at `due`, unless it comes back first.
    Lost {
        /// Since when.
        since: UnixMillis,
        /// When to look again.
        due: UnixMillis,
    },
}

impl Line {
    pub(crate) fn is_open(&self) -> bool {
        matches!(self, Self::Open { .. })
    }
}

/// A secret that gives a connection's place back, once: until the page has shown that it has the next one.
pub(crate) struct ResumeToken([u8; 16]);

impl std::fmt::Debug for ResumeToken {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("ResumeToken(…)")
    }
}

impl ResumeToken {
    fn new() -> Self {
        let mut bytes = [0; 16];
        rand::rng().fill_bytes(&mut bytes);
        Self(bytes)
    }

    fn text(&self) -> String {
        BASE64_URL_SAFE_NO_PAD.encode(self.0)
    }

    fn is(&self, text: &str) -> bool {
        let mut bytes = [0; 16];
        match BASE64_URL_SAFE_NO_PAD.decode_slice(text, &mut bytes) {
            Ok(16) => self.0.ct_eq(&bytes).into(),
            Ok(_) | Err(_) => false,
        }
    }
}

/// What to do with a command.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum Numbered {
    /// It is new.
    New,
    /// It was answered: answer so again.
    Answered(Answer),
    /// Its number is out of all order.
    Absurd,
}

/// A seat.
#[derive(Debug)]
pub(crate) struct SeatState {
    pub(crate) line: Line,
    pub(crate) media: SeatMedia,
    offers: Bucket,
    reports: Bucket,
    estimates: Bucket,
    /// Since when no page is connected, while its media may still flow.
    alone_since: Option<UnixMillis>,
    resume: Option<ResumeToken>,
    /// The one that the page came back with last, until it says something on its new connection: the
    /// answer, with the next one in it, may have been lost with that connection.
    resumed_by: Option<ResumeToken>,
    views: [Option<ViewSize>; MAX_SEATS as usize],
    last_command: CommandId,
    answers: VecDeque<(CommandId, Answer)>,
}

impl SeatState {
    /// A seat whose commands up to `last_command` were carried out in an earlier life.
    pub(crate) fn new(last_command: CommandId, now: UnixMillis) -> Self {
        Self {
            line: Line::None,
            media: SeatMedia::None,
            offers: Bucket::new(OFFERS_AT_ONCE * SECONDS_PER_OFFER, 1, now),
            reports: Bucket::new(REPORTS_AT_ONCE * SECONDS_PER_REPORT, 1, now),
            estimates: Bucket::new(ESTIMATES_AT_ONCE * SECONDS_PER_ESTIMATE, 1, now),
            alone_since: None,
            resume: None,
            resumed_by: None,
            views: Default::default(),
            last_command,
            answers: VecDeque::new(),
        }
    }

    /// Whether one more media offer may be answered now, whichever connection it comes by.
    pub(crate) fn may_offer(&mut self, now: UnixMillis) -> bool {
        self.offers.take(SECONDS_PER_OFFER, now)
    }

    /// Whether one more report of the page counts.
    pub(crate) fn may_report(&mut self, now: UnixMillis) -> bool {
        self.reports.take(SECONDS_PER_REPORT, now)
    }

    /// Whether one more estimate of the page counts.
    pub(crate) fn may_estimate(&mut self, now: UnixMillis) -> bool {
        self.estimates.take(SECONDS_PER_ESTIMATE, now)
    }

    /// A new resume token for a page that starts anew: no older one is good.
    pub(crate) fn renew_resume(&mut self) -> String {
        self.resumed_by = None;
        self.resume.insert(ResumeToken::new()).text()
    }

    /// A new resume token for a page that came back with `token`, which is good until the page is
    /// [known](Self::has_come_back) to have the new one.
    pub(crate) fn resumed_with(&mut self, token: &str) -> String {
        if self.resume.as_ref().is_some_and(|resume| resume.is(token)) {
            self.resumed_by = self.resume.take();
        }
        self.resume.insert(ResumeToken::new()).text()
    }

    /// The page says something: the answer to its hello has reached it.
    pub(crate) fn has_come_back(&mut self) {
        self.resumed_by = None;
    }

    /// The place cannot be resumed any more.
    pub(crate) fn forget_resume(&mut self) {
        self.resume = None;
        self.resumed_by = None;
    }

    /// Whether `token` gives the seat's place back.
    pub(crate) fn resumes_with(&self, token: &str) -> bool {
        self.resume.iter().chain(&self.resumed_by).any(|resume| resume.is(token))
    }

    /// The highest command answered.
    pub(crate) fn last_command(&self) -> CommandId {
        self.last_command
    }

    /// Looks at a command's number.
    pub(crate) fn numbered(&self, id: CommandId) -> Numbered {
        if id.0 == 0 || id.0 > self.last_command.0.saturating_add(COMMANDS_AHEAD) {
            return Numbered::Absurd;
        }
        if id > self.last_command {
            return Numbered::New;
        }
        // What is not kept was answered long ago, or in an earlier life: a page that asks again
        // does not keep to the welcome it was given, and nothing true can be said of its command.
        let kept = self.answers.iter().find(|(answered, _)| *answered == id);
        kept.map_or(Numbered::Absurd, |(_, answer)| Numbered::Answered(*answer))
    }

    /// Remembers that a command was carried out, whatever becomes of its answer.
    pub(crate) fn carried_out(&mut self, id: CommandId) {
        self.last_command = self.last_command.max(id);
    }

    /// Remembers an answer.
    pub(crate) fn answered(&mut self, id: CommandId, answer: Answer) {
        self.carried_out(id);
        if self.answers.len() >= ANSWERS {
            self.answers.pop_front();
        }
        self.answers.push_back((id, answer));
    }

    /// Remembers what a page shows, for a media session to come; gives what concerns the room's
    /// `seats`, each seat once, the last word counting.
    pub(crate) fn show(&mut self, seats: usize, views: &[SeatView]) -> Vec<SeatView> {
        for view in views {
            if view.seat.index() < seats
                && let Some(size) = self.views.get_mut(view.seat.index())
            {
                *size = Some(view.size);
            }
        }
        self.views()
    }

    /// All that the page said it shows.
    pub(crate) fn views(&self) -> Vec<SeatView> {
        (0..MAX_SEATS)
            .zip(self.views)
            .filter_map(|(seat, size)| Some(SeatView { seat: Seat(seat), size: size? }))
            .collect()
    }

    /// A new page shows nothing yet.
    pub(crate) fn forget_views(&mut self) {
        self.views = Default::default();
    }

    /// The page is lost.
    pub(crate) fn lose(&mut self, now: UnixMillis) {
        self.line = Line::Lost { since: now, due: now };
        self.alone_since = Some(now);
    }

    /// A page is connected.
    pub(crate) fn open(&mut self, line: Line) {
        self.line = line;
        self.alone_since = None;
    }

    /// When to end the media of a page that did not come back.
    pub(crate) fn media_due(&self) -> Option<UnixMillis> {
        self.alone_since.map(|since| since + MEDIA_ALONE)
    }

    /// Whether the media are to be ended now: `true` once.
    pub(crate) fn end_media(&mut self, now: UnixMillis) -> bool {
        let due = self.media_due().is_some_and(|due| due <= now);
        if due {
            self.alone_since = None;
        }
        due
    }

    /// Decides about a lost page at `now`, knowing how long nothing came from its media, where its person
    /// takes part by them: `true` when the room, which has a debounce of its own, is to be told.
    pub(crate) fn give_up(&mut self, now: UnixMillis, silence: Option<Duration>) -> bool {
        let Line::Lost { since, due } = &mut self.line else { return false };
        let until = *since + HOLD;
        if now < *due {
            return false;
        }
        let goes_on = silence.and_then(|silence| DEAD_AFTER.checked_sub(silence));
        if let Some(rest) = goes_on.filter(|rest| !rest.is_zero() && now < until) {
            let rest = Millis(rest.as_millis().try_into().unwrap_or(u64::MAX)).max(Millis(1));
            *due = until.min(now + rest);
            return false;
        }
        self.line = Line::None;
        true
    }

    /// The media of a lost page are lost too: nothing holds its place any more.
    pub(crate) fn media_lost(&mut self, now: UnixMillis) {
        if let Line::Lost { due, .. } = &mut self.line {
            *due = now;
        }
    }

    /// When to decide about a lost page.
    pub(crate) fn due(&self) -> Option<UnixMillis> {
        match &self.line {
            Line::Lost { due, .. } => Some(*due),
            Line::None | Line::Open { .. } => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use palabre_wire::Refusal;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_000_000);
    const LATER: UnixMillis = UnixMillis(NOW.0 + 1_000);

    #[test]
    fn a_resume_token_works_once_and_for_itself_alone() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        assert!(!seat.resumes_with(""));
        let first = seat.renew_resume();
        assert!(seat.resumes_with(&first));
        for wrong in ["", "a", &first[1..], &format!("{first}A"), &"A".repeat(22)] {
            assert!(!seat.resumes_with(wrong), "{wrong}");
        }
        let second = seat.renew_resume();
        assert!(!seat.resumes_with(&first) && seat.resumes_with(&second));
        seat.forget_resume();
        assert!(!seat.resumes_with(&second));
    }

    #[test]
    fn the_token_before_is_good_until_the_page_has_the_next_one() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        let good = |seat: &SeatState, tokens: [&String; 4]| tokens.map(|t| seat.resumes_with(t));
        let first = seat.renew_resume();
        // Each answer is lost: the page comes with the one it has.
        let (second, third) = (seat.resumed_with(&first), seat.resumed_with(&first));
        let none = String::new();
        assert_eq!(good(&seat, [&first, &second, &third, &none]), [true, false, true, false]);
        // It has the third: the first is over.
        let fourth = seat.resumed_with(&third);
        assert_eq!(good(&seat, [&first, &second, &third, &fourth]), [false, false, true, true]);
        seat.has_come_back();
        assert_eq!(good(&seat, [&first, &second, &third, &fourth]), [false, false, false, true]);
        let fifth = seat.resumed_with(&fourth);
        seat.forget_resume();
        assert_eq!(good(&seat, [&fourth, &fifth, &none, &none]), [false; 4]);
        let sixth = seat.renew_resume();
        let seventh = seat.resumed_with(&sixth);
        let eighth = seat.renew_resume();
        assert_eq!(good(&seat, [&sixth, &seventh, &eighth, &none]), [false, false, true, false]);
    }

    #[test]
    fn commands_are_carried_out_once() {
        let mut seat = SeatState::new(CommandId(5), NOW);
        let refused = Answer::Refused { code: Refusal::NotYourTurn };
        assert_eq!(seat.numbered(CommandId(0)), Numbered::Absurd);
        assert_eq!(seat.numbered(CommandId(5)), Numbered::Absurd, "from another life");
        assert_eq!(seat.numbered(CommandId(6)), Numbered::New);
        seat.answered(CommandId(6), refused);
        assert_eq!(seat.numbered(CommandId(6)), Numbered::Answered(refused));
        assert_eq!(seat.numbered(CommandId(u64::MAX)), Numbered::Absurd);
        for id in 7..500 {
            assert_eq!(seat.numbered(CommandId(id)), Numbered::New);
            seat.answered(CommandId(id), Answer::Done);
        }
        assert!(seat.answers.len() <= ANSWERS);
        assert_eq!(seat.last_command(), CommandId(499));
    }

    #[test]
    fn offers_come_in_a_burst_and_then_slowly() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        assert_eq!((0..100).filter(|_| seat.may_offer(NOW)).count(), 10);
        assert!(!seat.may_offer(LATER));
        assert!(seat.may_offer(UnixMillis(NOW.0 + 2_000)));
        assert!(!seat.may_offer(UnixMillis(NOW.0 + 2_000)));
    }

    #[test]
    fn a_lost_page_keeps_its_place_while_its_media_go_on() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        let heard = |millis| Some(Duration::from_millis(millis));
        seat.lose(NOW);
        assert_eq!(seat.due(), Some(NOW));
        for second in 0..60 {
            let now = NOW + Millis::from_secs(second);
            assert!(!seat.give_up(now, heard(0)), "{second} s");
            assert_eq!(seat.due(), Some(now + Millis::from_secs(1)), "it is looked at again");
        }
        assert!(seat.give_up(NOW + HOLD, heard(0)), "not for ever");
        assert_eq!(seat.due(), None);
    }

    #[test]
    fn a_lost_page_is_given_up_when_nothing_comes_from_it() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        seat.lose(NOW);
        assert!(seat.give_up(NOW, None), "without media there is nothing to wait for");

        // A page that was killed said something just before.
        seat.lose(NOW);
        assert!(!seat.give_up(NOW, Some(Duration::from_millis(300))));
        assert_eq!(seat.due(), Some(NOW + Millis(700)));
        assert!(seat.give_up(NOW + Millis(700), Some(DEAD_AFTER)));

        seat.lose(NOW);
        assert!(!seat.give_up(NOW, Some(Duration::ZERO)));
        seat.media_lost(LATER);
        assert!(seat.give_up(LATER, None));
    }

    #[test]
    fn views_are_kept_for_seats_that_exist() {
        let mut seat = SeatState::new(CommandId(0), NOW);
        let view = |seat, size| SeatView { seat: Seat(seat), size };
        let given = [
            view(1, ViewSize::Large),
            view(1, ViewSize::Hidden),
            view(8, ViewSize::Large),
            view(255, ViewSize::Large),
        ];
        assert_eq!(seat.show(8, &given), [view(1, ViewSize::Hidden)]);
        seat.forget_views();
        assert_eq!(seat.views(), []);
    }
}
