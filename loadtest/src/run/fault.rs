//! A fault in one room: how everybody was before, what breaks, when everybody is back, and whether the
//! room is the same.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use palabre_ids::Seat;
use serde_json::Value;

use super::compare::differences;
use super::scenario::fault::{Fault, What};
use super::server::SharedServer;
use crate::bot::{Bot, Drop, Order, Return, RoomState};
use crate::media::stream::Silence;
use crate::relay::Network;

/// Everybody is back within this, or never.
const PATIENCE: Duration = Duration::from_secs(30);

/// The room is settled so long after everybody is back: people who were away are no longer waited for.
const SETTLING: Duration = Duration::from_secs(6);

/// How often it is looked whether everybody is back. What is measured comes from the bots' own times.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// Who was last heard longer ago does not speak.
const STILL: Duration = Duration::from_millis(500);

/// Differences told of one repetition.
const TOLD: usize = 6;

/// What faults showed in a room.
#[derive(Debug, Default)]
pub(super) struct FaultResults {
    /// From the end of a fault to the last of all hearing all again, by cause, in seconds.
    pub(super) hear_again: Vec<(String, f64)>,
    /// From the end of a fault to the welcome, by who comes first, in seconds.
    pub(super) welcomes: Vec<(String, f64)>,
    /// Packets lost by all listeners from before a fault to after it, by cause.
    pub(super) lost: Vec<(String, f64)>,
    /// What differed after a fault, said in words.
    differences: Vec<String>,
    /// Faults that were got over.
    compared: u32,
}

impl FaultResults {
    /// What the room's comparisons showed since the last call: how many, and what differed.
    pub(super) fn take_verdict(&mut self) -> (u32, Vec<String>) {
        (std::mem::take(&mut self.compared), std::mem::take(&mut self.differences))
    }
}

/// A room's bots, as a fault sees them.
pub(super) struct Struck<'a> {
    pub(super) bots: &'a BTreeMap<Seat, Bot>,
    pub(super) server: Option<&'a SharedServer>,
    /// Whether bots change the room by themselves meanwhile: it is not compared then.
    pub(super) plays: bool,
    /// Whether bots have media.
    pub(super) media: bool,
}

/// How everybody was before a fault.
struct Before {
    states: BTreeMap<Seat, RoomState>,
    /// Whom each hears.
    hears: BTreeMap<Seat, BTreeSet<Seat>>,
    /// Who speaks or conducts, and comes back first.
    first: BTreeSet<Seat>,
    lost: u64,
    began: Instant,
}

/// When a fault was over.
#[derive(Debug, Clone, Copy)]
struct Mended {
    /// What is measured is measured from here.
    from: Instant,
    /// Whoever is heard after it is heard again.
    over: Instant,
}

/// Silences to be reported, by cause, in milliseconds.
type Gaps = Vec<(String, f64)>;

impl Struck<'_> {
    /// A fault, as often as it says.
    ///
    /// # Errors
    /// When it cannot be made, or somebody does not come back.
    pub(super) async fn suffer(
        &self,
        fault: &Fault,
        results: &mut FaultResults,
        gaps: &mut Gaps,
    ) -> Result<()> {
        let named = |repetition| format!("{} number {repetition}", fault.what.cause());
        for repetition in 1..=fault.times {
            let next = Instant::now() + fault.every;
            let before = self.before(fault).await;
            // All rooms meet at a fault of the server, whatever each has found.
            let mended = self.strike(fault).await.with_context(|| named(repetition))?;
            let outcome = match before {
                Ok(before) => self.after(fault, &before, mended, results, gaps).await,
                Err(error) => Err(error),
            };
            if let Err(error) = outcome {
                let error = error.context(named(repetition));
                if let Some(server) = self.server
                    && fault.what.is_of_the_server()
                {
                    server.failed(&format!("{error:#}"));
                    if repetition < fault.times {
                        // The other rooms are told at the next meeting, which waits for this one.
                        let _ = server.strike(fault).await;
                    }
                }
                return Err(error);
            }
            tokio::time::sleep_until(next.into()).await;
        }
        Ok(())
    }

    async fn after(
        &self,
        fault: &Fault,
        before: &Before,
        mended: Mended,
        results: &mut FaultResults,
        gaps: &mut Gaps,
    ) -> Result<()> {
        self.back(fault, before, mended.over).await?;
        let back = Instant::now();
        self.measure(fault, before, mended, results, gaps).await?;
        if !self.plays {
            let states = before.states.iter().map(|(seat, state)| (*seat, state.json())).collect();
            let comparison = Comparison::begin(states, before.began, back);
            let found = self.compare(&comparison).await?;
            results.compared += 1;
            results.differences.extend(found.into_iter().take(TOLD));
        }
        Ok(())
    }

    async fn before(&self, fault: &Fault) -> Result<Before> {
        let mut before = Before {
            states: BTreeMap::new(),
            hears: BTreeMap::new(),
            first: BTreeSet::new(),
            lost: 0,
            began: Instant::now(),
        };
        let mut speaking = BTreeSet::new();
        for (seat, bot) in self.bots {
            let report = bot.report().await?;
            if report.microphone {
                speaking.insert(*seat);
            }
            before.first.extend(report.holder.into_iter().chain(report.chair));
            before.lost += report.lost;
        }
        for (seat, bot) in self.bots {
            let state = bot.state().await?;
            let state = state.with_context(|| format!("seat {seat} is away before the fault"))?;
            before.states.insert(*seat, state);
            // What was before is not this fault's.
            bot.gaps().await?;
            let now = Instant::now();
            let heard = bot.heard().await?.into_iter().filter(|(of, at)| {
                speaking.contains(of) && now.saturating_duration_since(*at) < STILL
            });
            before.hears.insert(*seat, heard.map(|(of, _)| of).collect());
        }
        let struck = |seat: &Seat| fault.seats.contains(seat);
        let pairs = before
            .hears
            .iter()
            .flat_map(|(seat, heard)| heard.iter().filter(move |of| struck(seat) || struck(of)));
        ensure!(
            !self.media || pairs.count() > 0,
            "nobody hears anybody before the fault: nothing to measure"
        );
        before.began = Instant::now();
        Ok(before)
    }

    /// Breaks it and mends it.
    async fn strike(&self, fault: &Fault) -> Result<Mended> {
        if fault.what.is_of_the_server() {
            let server = self.server.context("there is no server of the scenario's own")?;
            let up = server.strike(fault).await?.at;
            return Ok(Mended { from: up, over: up });
        }
        let began = Instant::now();
        let tell = async |order: fn() -> Order| -> Result<()> {
            for seat in &fault.seats {
                let bot = self.bots.get(seat);
                let bot = bot.with_context(|| format!("seat {seat} is not a full bot's"))?;
                ensure!(bot.order(order()).await, "the bot of seat {seat} has ended");
            }
            Ok(())
        };
        match fault.what {
            What::Rebinding => {
                tell(|| Order::Network(Network::Rebind)).await?;
                // What was past the relay already is not heard by the new way.
                tokio::time::sleep(fault.away).await;
            }
            What::SignalingLost => {
                tell(|| Order::Drop(Drop::Signaling)).await?;
                tokio::time::sleep(fault.away).await;
                tell(|| Order::Return(Return::Resume)).await?;
            }
            What::Rejoin => {
                tell(|| Order::Drop(Drop::Everything)).await?;
                tokio::time::sleep(fault.away).await;
                tell(|| Order::Return(Return::Anew)).await?;
            }
            What::UdpBlocked => {
                tell(|| Order::Network(Network::Block)).await?;
                tokio::time::sleep(fault.away).await;
                tell(|| Order::Network(Network::Open)).await?;
            }
            What::Storm => {
                tell(|| Order::Drop(Drop::Everything)).await?;
                tokio::time::sleep(fault.away).await;
                let from = Instant::now();
                tell(|| Order::ReturnByItself).await?;
                return Ok(Mended { from, over: from });
            }
            What::ServerKill | What::ServerRestart | What::ServerStop | What::Drain => {
                bail!("a fault of the server")
            }
        }
        let over = Instant::now();
        Ok(match fault.what {
            // They are to find another way while it lasts.
            What::UdpBlocked => Mended { from: began, over },
            _ => Mended { from: over, over },
        })
    }

    /// Waits until everybody is in the room, and hears whom they heard before.
    async fn back(&self, fault: &Fault, before: &Before, up: Instant) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let missing = self.missing(fault, before, up).await?;
            let Some(missing) = missing else { return Ok(()) };
            ensure!(Instant::now() < deadline, "{PATIENCE:?} after the fault {missing}");
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    async fn missing(&self, fault: &Fault, before: &Before, up: Instant) -> Result<Option<String>> {
        for (seat, bot) in self.bots {
            let struck = fault.seats.contains(seat);
            if struck && fault.what.breaks_signaling() {
                let back_at = bot.report().await?.back_at;
                if back_at.is_none_or(|at| at < before.began) {
                    return Ok(Some(format!("seat {seat} is not back")));
                }
            }
            if bot.state().await?.is_none() {
                return Ok(Some(format!("seat {seat} is not in the room")));
            }
            let heard: BTreeMap<Seat, Instant> = bot.heard().await?.into_iter().collect();
            let hears = before.hears.get(seat).into_iter().flatten();
            for of in hears.filter(|of| struck || fault.seats.contains(of)) {
                if heard.get(of).is_none_or(|at| *at <= up) {
                    return Ok(Some(format!("seat {seat} does not hear seat {of}")));
                }
            }
        }
        Ok(None)
    }

    async fn measure(
        &self,
        fault: &Fault,
        before: &Before,
        mended: Mended,
        results: &mut FaultResults,
        gaps: &mut Gaps,
    ) -> Result<()> {
        let cause = fault.what.cause();
        let mut last_back = mended.from;
        let mut lost = 0;
        let mut heard_of_struck = None;
        for (seat, bot) in self.bots {
            let report = bot.report().await?;
            lost += report.lost;
            let struck = fault.seats.contains(seat);
            if struck
                && fault.what.breaks_signaling()
                && let Some(at) = report.back_at
            {
                let who = if before.first.contains(seat) { "first" } else { "others" };
                let took = at.saturating_duration_since(mended.from).as_secs_f64();
                results.welcomes.push((who.to_owned(), took));
            }
            let expected = before.hears.get(seat).cloned().unwrap_or_default();
            let silences: Vec<Silence> = bot
                .gaps()
                .await?
                .into_iter()
                .filter(|(of, _)| expected.contains(of) && (struck || fault.seats.contains(of)))
                .map(|(_, gap)| gap)
                .collect();
            last_back = heard_again(&silences, last_back);
            let Some(longest) = silences.into_iter().max_by_key(longer) else { continue };
            match fault.what {
                // What the struck one hears, and what the others hear of them, break apart.
                What::Rebinding if struck => gaps.push((format!("{cause}_hears"), longest.ms())),
                What::Rebinding => {
                    heard_of_struck =
                        heard_of_struck.into_iter().chain([longest]).max_by_key(longer);
                }
                _ => gaps.push((cause.to_owned(), longest.ms())),
            }
        }
        gaps.extend(heard_of_struck.map(|gap| (format!("{cause}_heard"), gap.ms())));
        if self.media {
            // Where nobody is interrupted there is no again.
            if !matches!(fault.what, What::Rebinding | What::SignalingLost) {
                let all = last_back.saturating_duration_since(mended.from).as_secs_f64();
                results.hear_again.push((cause.to_owned(), all));
            }
            results.lost.push((cause.to_owned(), lost.saturating_sub(before.lost) as f64));
        }
        Ok(())
    }

    /// What still differs from before once the room is settled.
    async fn compare(&self, comparison: &Comparison<'_>) -> Result<Vec<String>> {
        loop {
            let mut now = BTreeMap::new();
            for (seat, bot) in self.bots {
                now.insert(*seat, bot.state().await?);
            }
            let seen = now.iter().map(|(seat, state)| (*seat, state.as_ref().map(RoomState::json)));
            if let Some(found) = comparison.look(Instant::now(), seen) {
                return Ok(found);
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }
}

/// A room is compared with what it was before a fault, until it is the same or should be.
struct Comparison<'a> {
    before: BTreeMap<Seat, &'a Value>,
    /// Only so long may clocks have stood: what they do later has no excuse.
    lasted: Duration,
    until: Instant,
}

impl<'a> Comparison<'a> {
    /// Everybody is back at `now`.
    fn begin(before: BTreeMap<Seat, &'a Value>, began: Instant, now: Instant) -> Self {
        Self { before, lasted: now.saturating_duration_since(began), until: now + SETTLING }
    }

    /// What differs, once that is certain. Who is away has no state.
    fn look<'b>(
        &self,
        now: Instant,
        states: impl Iterator<Item = (Seat, Option<&'b Value>)>,
    ) -> Option<Vec<String>> {
        let mut found = Vec::new();
        for (seat, state) in states {
            let Some(old) = self.before.get(&seat) else { continue };
            match state {
                None => found.push(format!("seat {seat} is away")),
                Some(new) => {
                    let seen = differences(old, new, self.lasted);
                    found.extend(seen.into_iter().map(|what| format!("seat {seat}: {what}")));
                }
            }
        }
        (found.is_empty() || now >= self.until).then_some(found)
    }
}

/// When the last of all was heard again; `from` when nobody was interrupted after it.
fn heard_again(silences: &[Silence], from: Instant) -> Instant {
    silences.iter().filter_map(|gap| gap.heard_again).fold(from, Instant::max)
}

fn longer(gap: &Silence) -> Duration {
    gap.length
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    #[test]
    fn all_hear_again_when_the_last_interruption_of_anybody_ends() {
        let start = Instant::now();
        let at = |ms| start + Duration::from_millis(ms);
        let silence = |length, ended, again: Option<u64>| Silence {
            length: Duration::from_millis(length),
            ended: Some(at(ended)),
            heard_again: again.map(at),
        };
        // The longest ended first.
        let silences = [silence(900, 1_000, Some(1_500)), silence(300, 1_800, Some(1_800))];
        assert_eq!(heard_again(&silences, at(400)), at(1_800));
        assert_eq!(heard_again(&[silence(40, 900, None)], at(400)), at(400), "not interrupted");
        assert_eq!(heard_again(&[silence(300, 300, Some(300))], at(400)), at(400));
    }

    #[test]
    fn a_deadline_that_moved_by_more_than_the_fault_is_not_excused_by_looking_again() {
        let at = |deadline: u64| json!({"clock": {"deadline": deadline}});
        let (before, began) = (at(100_000), Instant::now());
        let back = began + Duration::from_secs(2);
        for (deadline, ends, differs) in [(102_900, 0, false), (103_100, 6, true)] {
            let comparison = Comparison::begin(BTreeMap::from([(Seat(1), &before)]), began, back);
            let after = at(deadline);
            let looks = (0..=6).map(|second| {
                let now = back + Duration::from_secs(second);
                comparison.look(now, [(Seat(1), Some(&after))].into_iter())
            });
            let looks: Vec<_> = looks.collect();
            let first = looks.iter().position(Option::is_some);
            assert_eq!(first, Some(ends), "{deadline}: {looks:?}");
            let found = looks[ends].as_ref().expect("it ends there");
            assert_eq!(!found.is_empty(), differs, "{deadline}: {found:?}");
        }
    }
}
