//! One room of a run.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail};
use palabre_ids::{MediaKind, Seat};
use palabre_wire::Command;
use tokio::sync::watch;

use super::Progress;
use super::excuses::{Cause, Excuses, left_out};
use super::fault::Struck;
use super::report::{Assertion, RoomResult};
use super::scenario::Scenario;
use super::scenario::step::{Act, Check, Whom, order};
use super::series::Playing;
use super::server::SharedServer;
use crate::bot::listener::HeardReport;
use crate::bot::peer::Camera;
use crate::bot::{Bot, BotConfig, Causes, Microphone, Order, Play, Report, Stack};
use crate::hostile::HostileBot;
use crate::ledger::Ledger;
use crate::link::{Invitation, RoomRequest, Server, open_room};
use crate::media::speech::Voice;
use crate::relay::path::Conditions;

/// A check may become true this late: who is heard takes 3 s to tell, and more on a busy machine.
const PATIENCE: Duration = Duration::from_secs(12);

/// How often a check is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(250);

/// A camera whose last packet is older shows nothing.
const STILL: u64 = 1_000;

pub(super) struct RoomRun {
    index: u16,
    scenario: Arc<Scenario>,
    own: Option<Arc<SharedServer>>,
    bots: BTreeMap<Seat, Bot>,
    hostile: BTreeMap<Seat, HostileBot>,
    ledger: Ledger,
    /// Those that the script sent away and has not called back.
    away: BTreeSet<Seat>,
    /// What the script does that explains that somebody is lost.
    excuses: Excuses,
    /// Whether something is broken on purpose.
    strained: Arc<AtomicBool>,
    start: Instant,
    progress: Progress,
}

impl RoomRun {
    /// Opens the room and starts its bots.
    ///
    /// # Errors
    /// When the server opens no room.
    pub(super) async fn open(
        index: u16,
        scenario: Arc<Scenario>,
        server: &Server,
        own: Option<Arc<SharedServer>>,
        voices: &[Arc<Voice>],
        progress: Progress,
    ) -> Result<Self> {
        let people = scenario
            .roles
            .iter()
            .enumerate()
            .map(|(seat, role)| Invitation { name: format!("Bot {seat}"), role: *role })
            .collect();
        let request = RoomRequest {
            template: scenario.template.clone(),
            language: scenario.language.clone(),
            people,
            speed: scenario.speed,
        };
        let links = open_room(server, &request).await?;
        let seats = links.iter().map(|link| link.seat);
        let cast = Arc::new(seats.zip(voices.iter().cloned()).collect::<Vec<_>>());
        let (ledger, causes) = (Ledger::default(), Causes::default());
        let stack = if scenario.hostile.is_empty() { scenario.bots } else { scenario.bots.wary() };
        let sampled = index < scenario.sampled;
        let mut bots = BTreeMap::new();
        let mut hostile = BTreeMap::new();
        for (link, (seat, voice)) in links.into_iter().zip(cast.iter()) {
            if scenario.hostile.contains(seat) {
                hostile.insert(*seat, HostileBot::start(link, ledger.clone()));
                continue;
            }
            let (bot, mut notes) = Bot::start(BotConfig {
                link,
                voice: voice.clone(),
                cast: cast.clone(),
                ledger: ledger.clone(),
                causes: causes.clone(),
                microphone: if seat.0 < scenario.speakers {
                    scenario.microphone
                } else {
                    Microphone::Off
                },
                camera: scenario.cameras.then_some(Camera::Simulcast),
                stack,
                decode: stack == Stack::Full || (sampled && bots.is_empty()),
                play: scenario.play.map(|stay| Play { stay }),
                relay: scenario.relay,
            });
            // The reports say it all; the notes are for those who drive bots by hand.
            tokio::spawn(async move { while notes.recv().await.is_some() {} });
            bots.insert(*seat, bot);
        }
        Ok(Self {
            index,
            scenario,
            own,
            bots,
            hostile,
            ledger,
            away: BTreeSet::new(),
            excuses: Excuses::default(),
            strained: Arc::default(),
            start: Instant::now(),
            progress,
        })
    }

    /// What is watched of it while it plays.
    pub(super) fn playing(&self) -> Playing {
        Playing {
            bots: self.bots.iter().map(|(seat, bot)| (*seat, bot.pulser())).collect(),
            ledger: self.ledger.clone(),
            strained: self.strained.clone(),
        }
    }

    /// Does what the scenario says until it is over, or until `end` says so, and gathers what came of it.
    pub(super) async fn run(mut self, mut end: watch::Receiver<bool>) -> RoomResult {
        let mut result = RoomResult::default();
        let silent = |seat: &Seat| seat.0 >= self.scenario.speakers && !self.scenario.cameras;
        result.silent = self.bots.keys().copied().filter(silent).collect();
        let whole = async {
            self.play(&mut result).await;
            self.settle().await;
        };
        tokio::select! {
            () = whole => {}
            // Whoever could say so is gone with its end.
            _ = end.wait_for(|end| *end) => {}
        }
        self.gather(result).await
    }

    /// Plays the script to its end. With a planned load there is none: rooms end when the plan says so.
    async fn play(&mut self, result: &mut RoomResult) {
        let scenario = self.scenario.clone();
        // The script's clock stands while a fault is repeated.
        let mut stood = Duration::ZERO;
        for step in &scenario.steps {
            tokio::time::sleep_until((self.start + step.at + stood).into()).await;
            let began = Instant::now();
            let outcome = self.step(&step.what, result).await;
            if let Act::Fault(_) = step.what {
                stood += began.elapsed();
                let (compared, differences) = result.faults.take_verdict();
                if compared > 0 {
                    result.assertions.push(Assertion {
                        what: format!(
                            "room {}, line {}: the same room for everybody after {compared} × {}",
                            self.index,
                            step.line,
                            describe(&step.what)
                        ),
                        held: differences.is_empty(),
                        found: differences.join("; "),
                    });
                }
            }
            if let Act::Check(_) = step.what {
                let found =
                    outcome.as_ref().err().map_or_else(String::new, |error| format!("({error:#})"));
                result.assertions.push(Assertion {
                    what: format!(
                        "room {}, line {}: {}",
                        self.index,
                        step.line,
                        describe(&step.what)
                    ),
                    held: outcome.is_ok(),
                    found,
                });
            } else if let Err(error) = outcome {
                result.failures.push(format!(
                    "line {}: {}: {error:#}",
                    step.line,
                    describe(&step.what)
                ));
            }
        }
        if scenario.load.is_planned() {
            std::future::pending().await
        }
        tokio::time::sleep_until((self.start + scenario.length + stood).into()).await;
    }

    /// Waits until everybody is there who should be: some may be on their way back from the script's last
    /// word.
    async fn settle(&self) {
        let deadline = Instant::now() + PATIENCE;
        while Instant::now() < deadline {
            let mut all = true;
            for (seat, bot) in &self.bots {
                let Ok(report) = bot.report().await else { continue };
                all &= self.excuses.lasts(*seat) || self.left_out(&report).is_none();
            }
            if all {
                return;
            }
            tokio::time::sleep(LOOK_EVERY).await;
        }
    }

    fn left_out(&self, report: &Report) -> Option<&'static str> {
        let asks = self.scenario.steps.iter().any(|step| may_end_the_session(&step.what));
        left_out(report, asks || self.scenario.play.is_some())
    }

    /// How somebody was lost, and what they lack in the end, unless the script explains it.
    fn lost(&self, report: &Report) -> Vec<String> {
        let mut lost = self.excuses.unexplained(report.seat, &report.losses, self.start);
        if !self.excuses.lasts(report.seat) {
            lost.extend(self.left_out(report).map(str::to_owned));
        }
        lost
    }

    /// Asks everybody what they measured, and lets them leave.
    async fn gather(self, mut result: RoomResult) -> RoomResult {
        for bot in self.bots.values() {
            match bot.report().await {
                Ok(report) => {
                    let lost = self.lost(&report);
                    result.lost.extend(lost.into_iter().map(|how| (report.seat, how)));
                    result.reports.push(report);
                }
                Err(error) => result.failures.push(format!("{error:#}")),
            }
        }
        for hostile in self.hostile.into_values() {
            result.findings.extend(hostile.end().await);
        }
        // What attacks sent last may still be on its way.
        result.forbidden_sent = self.ledger.forbidden_count();
        for bot in self.bots.into_values() {
            bot.end().await;
        }
        result
    }

    async fn step(&mut self, what: &Act, result: &mut RoomResult) -> Result<()> {
        (self.progress)(&format!(
            "{:5.1} s  room {}  {}",
            self.start.elapsed().as_secs_f64(),
            self.index,
            describe(what)
        ));
        match what {
            Act::Tell(seats, line) => {
                for seat in seats {
                    let order = order(line, *seat)?;
                    match order {
                        Order::Drop(_) => self.away.insert(*seat),
                        Order::Return(_) => self.away.remove(seat),
                        _ => false,
                    };
                    self.excuses.ordered(*seat, &order, Instant::now());
                    self.bot(*seat)?.order(order).await;
                }
            }
            Act::Attack(seat, attack) => {
                let hostile = self.hostile.get(seat);
                hostile
                    .with_context(|| format!("seat {seat} is not among `hostile`"))?
                    .attack(*attack)
                    .await?;
            }
            Act::Fault(fault) => {
                let struck = Struck {
                    bots: &self.bots,
                    server: self.own.as_deref(),
                    plays: self.scenario.play.is_some(),
                    media: self.scenario.bots != Stack::Signaling,
                };
                let strained = self.strained.swap(true, Ordering::Relaxed);
                let began = Instant::now();
                fault.seats.iter().for_each(|seat| self.excuses.begin(*seat, Cause::Fault, began));
                let outcome = struck.suffer(fault, &mut result.faults, &mut result.gaps).await;
                let ended = Instant::now();
                fault.seats.iter().for_each(|seat| self.excuses.end(*seat, Cause::Fault, ended));
                // Whoever was struck came anew, and is not missed at once.
                self.strained.store(strained, Ordering::Relaxed);
                outcome?;
            }
            Act::Network(seats, conditions) => {
                let good = *conditions == Conditions::default();
                for seat in seats {
                    match good {
                        true => self.excuses.end(*seat, Cause::Network, Instant::now()),
                        false => self.excuses.begin(*seat, Cause::Network, Instant::now()),
                    }
                    self.bot(*seat)?.order(Order::Conditions(*conditions)).await;
                }
                self.strained.store(true, Ordering::Relaxed);
            }
            Act::Mark => {
                for bot in self.bots.values() {
                    bot.gaps().await?;
                }
            }
            Act::Gap(cause) => {
                // Who sends nothing leaves no gap.
                let mut speaking = BTreeSet::new();
                for (seat, bot) in &self.bots {
                    if bot.report().await?.microphone {
                        speaking.insert(*seat);
                    }
                }
                for bot in self.bots.values() {
                    let gaps =
                        bot.gaps().await?.into_iter().filter(|(seat, _)| speaking.contains(seat));
                    result.gaps.extend(gaps.map(|(_, gap)| (cause.clone(), gap.ms())));
                }
            }
            Act::Check(check) => self.check(check).await?,
        }
        Ok(())
    }

    fn bot(&self, seat: Seat) -> Result<&Bot> {
        self.bots.get(&seat).with_context(|| format!("seat {seat} is not a full bot's"))
    }

    /// Waits until a check is true.
    async fn check(&self, check: &Check) -> Result<()> {
        let deadline = Instant::now() + PATIENCE;
        loop {
            let mut reports = BTreeMap::new();
            for (seat, bot) in &self.bots {
                reports.insert(*seat, bot.report().await?);
            }
            match judge(check, &reports, &self.away, &self.scenario.hostile) {
                Ok(()) => return Ok(()),
                Err(error) if Instant::now() >= deadline => return Err(error),
                Err(_) => tokio::time::sleep(LOOK_EVERY).await,
            }
        }
    }
}

fn describe(what: &Act) -> String {
    match what {
        Act::Tell(seats, line) => format!("{} {line}", numbers(seats)),
        Act::Attack(seat, attack) => format!("seat {seat} attacks: {attack:?}"),
        Act::Fault(fault) => {
            let whom = match fault.what.is_of_the_server() {
                true => String::new(),
                false => format!(" of {}", numbers(&fault.seats)),
            };
            format!("{:?}{whom}, {} times", fault.what, fault.times)
        }
        Act::Network(seats, conditions) => format!("{} on {conditions:?}", numbers(seats)),
        Act::Mark => "mark".to_owned(),
        Act::Gap(cause) => format!("gap: {cause}"),
        Act::Check(check) => {
            let mut parts = Vec::new();
            if let Some(heard) = &check.heard {
                parts.push(format!("heard: {}", whom(heard)));
            }
            if let Some(seen) = &check.seen {
                parts.push(format!("seen: {}", whom(seen)));
            }
            if let Some(stage) = &check.stage {
                parts.push(format!("stage: {stage}"));
            }
            if let Some(holder) = check.holder {
                parts.push(format!("holder: {holder}"));
            }
            parts.join(", ")
        }
    }
}

fn numbers(seats: &[Seat]) -> String {
    format!("{:?}", seats.iter().map(|seat| seat.0).collect::<Vec<_>>())
}

fn whom(whom: &Whom) -> String {
    match whom {
        Whom::Allowed => "exactly who may".to_owned(),
        Whom::Seats(seats) => numbers(seats),
    }
}

/// Whether a session may be over after it: the last phase is left as any other.
fn may_end_the_session(what: &Act) -> bool {
    let Act::Tell(seats, line) = what else { return false };
    let told = seats.first().and_then(|seat| order(line, *seat).ok());
    matches!(told, Some(Order::Ask(Command::GoOn | Command::NextPhase) | Order::Play(Some(_))))
}

/// What a bot lacks to tell what a check asks, which may be of media.
fn lacks(welcomed: bool, connected: bool, media: bool) -> Option<&'static str> {
    match (welcomed, connected) {
        (false, _) => Some("is not in the room"),
        (true, false) if media => Some("has no media"),
        _ => None,
    }
}

/// Everybody is looked at but those who are `away` by the script.
fn judge(
    check: &Check,
    reports: &BTreeMap<Seat, Report>,
    away: &BTreeSet<Seat>,
    hostile: &[Seat],
) -> Result<()> {
    let mut listeners = 0;
    // A session that is over has no media, and is still seen.
    let media = check.heard.is_some() || check.seen.is_some();
    for (seat, report) in reports.iter().filter(|(seat, _)| !away.contains(seat)) {
        listeners += 1;
        let welcomed = report.online && report.stage.is_some();
        if let Some(lacks) = lacks(welcomed, report.connected, media) {
            bail!("seat {seat} {lacks}");
        }
        if let Some(stage) = &check.stage
            && report.stage.as_ref() != Some(stage)
        {
            bail!("seat {seat} is in stage {:?}", report.stage);
        }
        if check.holder.is_some() && report.holder != check.holder {
            bail!("seat {seat} sees the turn with {:?}", report.holder);
        }
        if let Some(wanted) = &check.heard {
            let expected = expected(wanted, *seat, &report.may_speak, |of| {
                reports.get(&of).is_some_and(|report| report.microphone)
            });
            let heard = heard(report, hostile).with_context(|| format!("seat {seat}"))?;
            if heard != expected {
                bail!("seat {seat} hears {}, not {}", seats(&heard), seats(&expected));
            }
        }
        if let Some(wanted) = &check.seen {
            let expected = expected(wanted, *seat, &report.may_be_seen, |of| {
                reports.get(&of).is_some_and(|report| report.camera)
            });
            let seen = seen(report, hostile);
            if seen != expected {
                bail!("seat {seat} sees {}, not {}", seats(&seen), seats(&expected));
            }
        }
    }
    if listeners == 0 {
        bail!("nobody is in the room");
    }
    Ok(())
}

fn expected(
    whom: &Whom,
    own: Seat,
    allowed: &[Seat],
    sends: impl Fn(Seat) -> bool,
) -> BTreeSet<Seat> {
    let seats = match whom {
        Whom::Allowed => allowed.iter().copied().filter(|seat| sends(*seat)).collect(),
        Whom::Seats(seats) => seats.clone(),
    };
    seats.into_iter().filter(|seat| *seat != own).collect()
}

fn heard(report: &Report, hostile: &[Seat]) -> Result<BTreeSet<Seat>> {
    let mut heard = BTreeSet::new();
    for slot in &report.slots {
        let (Some(seat), Some(what)) = (slot.seat, slot.heard) else { continue };
        if hostile.contains(&seat) {
            continue;
        }
        match what {
            HeardReport::Voice { seat: voice, .. } if voice == seat => {
                heard.insert(seat);
            }
            // Whose it is was looked at packet by packet, in part: the rest is a leak.
            HeardReport::NotListenedTo => {
                heard.insert(seat);
            }
            HeardReport::Nothing | HeardReport::Silence => {}
            HeardReport::Voice { seat: voice, score } => {
                bail!("in the slot of seat {seat} speaks seat {voice} ({score:.2})")
            }
            HeardReport::TooShort => bail!("too little of seat {seat} so far"),
            HeardReport::Unknown { score } => {
                bail!("in the slot of seat {seat} speaks nobody known ({score:.2})")
            }
        }
    }
    Ok(heard)
}

fn seen(report: &Report, hostile: &[Seat]) -> BTreeSet<Seat> {
    let moving = report.slots.iter().filter(|slot| {
        slot.kind == MediaKind::Video
            && slot.key_frames.unwrap_or(0) > 0
            && slot.idle_ms.is_some_and(|idle| idle < STILL)
    });
    moving.filter_map(|slot| slot.seat).filter(|seat| !hostile.contains(seat)).collect()
}

fn seats(seats: &BTreeSet<Seat>) -> String {
    format!("{:?}", seats.iter().map(|seat| seat.0).collect::<Vec<_>>())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_who_moves_the_phases_may_end_a_session() {
        for (line, may) in [
            (r#"{"do":"next_phase"}"#, true),
            (r#"{"do":"go_on"}"#, true),
            (r#"{"do":"play","on":true}"#, true),
            (r#"{"do":"play","on":false}"#, false),
            (r#"{"do":"set_muted","muted":true}"#, false),
        ] {
            let told = Act::Tell(vec![Seat(0)], line.to_owned());
            assert_eq!(may_end_the_session(&told), may, "{line}");
        }
        assert!(!may_end_the_session(&Act::Mark));
    }

    #[test]
    fn one_who_is_not_there_is_not_passed_over() {
        for (welcomed, connected, media, found) in [
            (true, true, true, None),
            // A session that is over has no media, and is still seen.
            (true, false, false, None),
            (true, false, true, Some("has no media")),
            (false, true, false, Some("is not in the room")),
            (false, false, true, Some("is not in the room")),
        ] {
            assert_eq!(lacks(welcomed, connected, media), found, "{welcomed} {connected} {media}");
        }
    }
}
