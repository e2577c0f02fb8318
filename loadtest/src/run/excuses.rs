//! What of the script explains that a bot is lost: whose, from when, until when.

use std::collections::BTreeMap;
use std::time::{Duration, Instant};

use palabre_ids::Seat;

use crate::bot::{Drop, Loss, Order, Report};
use crate::relay::Network;

/// What broke is seen up to so long after it is mended: a path is given up after 5 s without a packet.
/// Lower: the script's own faults fail it; higher: what the server does right after one is excused.
const SEEN: Duration = Duration::from_secs(10);

/// What the script does to somebody, each ended apart from the others.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Cause {
    /// It sent them away.
    Away,
    /// None of their UDP passes.
    Blocked,
    /// Their network is bad.
    Network,
    /// A fault strikes them.
    Fault,
    /// It changed something of theirs once.
    Changed,
}

/// Who is excused.
#[derive(Debug, Default)]
pub(super) struct Excuses {
    /// Since when, for what goes on.
    open: BTreeMap<(Seat, Cause), Instant>,
    /// From when to when, for what is over.
    past: Vec<(Seat, Instant, Instant)>,
}

impl Excuses {
    pub(super) fn begin(&mut self, seat: Seat, cause: Cause, now: Instant) {
        self.open.entry((seat, cause)).or_insert(now);
    }

    pub(super) fn end(&mut self, seat: Seat, cause: Cause, now: Instant) {
        if let Some(from) = self.open.remove(&(seat, cause)) {
            self.past.push((seat, from, now + SEEN));
        }
    }

    /// What an order of the script excuses.
    pub(super) fn ordered(&mut self, seat: Seat, order: &Order, now: Instant) {
        match order {
            Order::Drop(Drop::Signaling | Drop::Everything | Drop::Leave) => {
                self.begin(seat, Cause::Away, now);
            }
            Order::Return(_) | Order::ReturnByItself => self.end(seat, Cause::Away, now),
            Order::Network(Network::Block) => self.begin(seat, Cause::Blocked, now),
            Order::Network(Network::Open) => self.end(seat, Cause::Blocked, now),
            Order::Network(Network::Rebind) | Order::RestartIce => {
                self.begin(seat, Cause::Changed, now);
                self.end(seat, Cause::Changed, now);
            }
            _ => {}
        }
    }

    /// Whether something of the script goes on that lets somebody be away.
    pub(super) fn lasts(&self, seat: Seat) -> bool {
        self.open.keys().any(|(of, _)| *of == seat)
    }

    fn explain(&self, seat: Seat, at: Instant) -> bool {
        let goes_on = self.open.iter().any(|((of, _), from)| *of == seat && *from <= at);
        goes_on || self.past.iter().any(|(of, from, to)| *of == seat && (*from..=*to).contains(&at))
    }

    /// What a bot lost and nothing of the script explains, in words. `began` is when its room did.
    pub(super) fn unexplained(&self, seat: Seat, losses: &[Loss], began: Instant) -> Vec<String> {
        let unexplained = losses.iter().filter(|loss| !self.explain(seat, loss.at));
        let told = unexplained.map(|loss| {
            let second = loss.at.saturating_duration_since(began).as_secs_f64();
            format!("{} at second {second:.1}", loss.what)
        });
        told.collect()
    }
}

/// What somebody lacks in the end who should be there. `ends`: the script or the bots' parts may end the
/// session, which leaves nobody in it.
pub(super) fn left_out(report: &Report, ends: bool) -> Option<&'static str> {
    let over = report.stage.as_deref() == Some("ended");
    is_missing(report.online, report.connected || report.signaling_alone, over, ends)
}

fn is_missing(online: bool, connected: bool, over: bool, ends: bool) -> Option<&'static str> {
    match (over, online, connected) {
        (true, ..) if ends => None,
        (true, ..) => Some("its session is over, which nobody asked for"),
        (false, false, _) => Some("it is not in the room in the end"),
        (false, true, false) => Some("its media are not connected in the end"),
        (false, true, true) => None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::{Lost, Return};

    const SEAT: Seat = Seat(3);

    fn lost(excuses: &Excuses, seat: Seat, start: Instant, second: u64) -> usize {
        let at = start + Duration::from_secs(second);
        excuses.unexplained(seat, &[Loss { at, what: Lost::Media }], start).len()
    }

    #[test]
    fn only_what_the_script_does_excuses_and_only_whom_it_is_done_to_while_it_lasts() {
        let start = Instant::now();
        let at = |seconds| start + Duration::from_secs(seconds);
        let mut excuses = Excuses::default();
        excuses.ordered(SEAT, &Order::Drop(Drop::Signaling), at(10));
        assert!(excuses.lasts(SEAT) && !excuses.lasts(Seat(4)));
        excuses.ordered(SEAT, &Order::Return(Return::Resume), at(20));
        assert!(!excuses.lasts(SEAT));
        let found = [5, 10, 19, 25, 40].map(|second| lost(&excuses, SEAT, start, second));
        assert_eq!(found, [1, 0, 0, 0, 1]);
        assert_eq!(lost(&excuses, Seat(4), start, 15), 1, "it was done to another one");
    }

    #[test]
    fn what_ends_one_excuse_ends_no_other() {
        let start = Instant::now();
        let mut excuses = Excuses::default();
        excuses.begin(SEAT, Cause::Network, start);
        excuses.begin(SEAT, Cause::Fault, start);
        excuses.end(SEAT, Cause::Fault, start);
        assert!(excuses.lasts(SEAT));
        assert_eq!(lost(&excuses, SEAT, start, 3_600), 0);
    }

    #[test]
    fn a_loss_says_when_it_was() {
        let start = Instant::now();
        let loss = Loss { at: start + Duration::from_millis(187_240), what: Lost::Media };
        let told = Excuses::default().unexplained(SEAT, &[loss], start);
        assert_eq!(told, ["its media were lost at second 187.2"]);
    }

    #[test]
    fn who_is_not_there_in_the_end_is_left_out_unless_the_session_was_to_end() {
        for (online, connected, over, ends, held) in [
            (true, true, false, false, true),
            (true, false, false, false, false),
            (false, true, false, false, false),
            (false, false, true, true, true),
            (false, false, true, false, false),
        ] {
            let found = is_missing(online, connected, over, ends);
            assert_eq!(found.is_none(), held, "{online} {connected} {over} {ends}: {found:?}");
        }
    }
}
