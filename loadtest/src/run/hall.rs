//! The rooms of a run as they come and go: all at once, or as many as a plan wants.

use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result};
use tokio::sync::watch;
use tokio::task::JoinSet;
use tokio::time::sleep;

use super::Setting;
use super::limit::{Bisection, Level, Limit, Next};
use super::load::{Mode, Objective};
use super::report::{Assertion, RoomResult};
use super::room::RoomRun;
use super::scenario::Scenario;
use super::series::{Roster, Seconds};
use super::server::SharedServer;
use crate::link::Refused;
use crate::media::speech::Voice;

/// People who are not in by then will not be: a level is watched as it is.
const JOINING: Duration = Duration::from_secs(15);

/// What is measured right after the last one joined is of joining.
const SETTLING: Duration = Duration::from_secs(2);

/// The rooms of a run.
pub(super) struct Hall<'a> {
    scenario: Arc<Scenario>,
    setting: &'a Setting,
    own: Option<Arc<SharedServer>>,
    voices: Vec<Arc<Voice>>,
    roster: Roster,
    seconds: Seconds,
    running: JoinSet<(u16, RoomResult)>,
    /// The rooms that play, and what ends them.
    open: Vec<watch::Sender<bool>>,
    next: u16,
    results: Vec<(u16, RoomResult)>,
    /// The server's memory without rooms.
    empty_rss: Option<u64>,
    /// The most rooms that there were so far.
    most: u16,
}

/// What the whole showed, besides its rooms.
#[derive(Debug, Default)]
pub(super) struct Found {
    /// What ended it before its time.
    pub(super) ended_by: Option<&'static str>,
    /// What a plan watched.
    pub(super) levels: Vec<Level>,
    /// What the levels of a ramp had to show.
    pub(super) assertions: Vec<Assertion>,
    /// What a search came to.
    pub(super) limit: Option<Limit>,
}

impl<'a> Hall<'a> {
    pub(super) fn new(
        scenario: Arc<Scenario>,
        setting: &'a Setting,
        own: Option<Arc<SharedServer>>,
        voices: Vec<Arc<Voice>>,
        (roster, seconds): (Roster, Seconds),
        empty_rss: Option<u64>,
    ) -> Self {
        Self {
            scenario,
            setting,
            own,
            voices,
            roster,
            seconds,
            running: JoinSet::new(),
            open: Vec::new(),
            next: 0,
            results: Vec::new(),
            empty_rss,
            most: 0,
        }
    }

    /// Lets rooms come and go as the scenario's load says, and gives what each gave. When the run is told
    /// to end, those there are give what they have so far.
    ///
    /// # Errors
    /// When a room cannot be opened.
    pub(super) async fn play(mut self) -> Result<(Vec<(u16, RoomResult)>, Found)> {
        let mut found = Found::default();
        let mut end = self.setting.end.clone();
        let told = async { end.wait_for(Option::is_some).await.map(|what| *what) };
        tokio::select! {
            played = self.play_through(&mut found) => played?,
            Ok(what) = told => {
                found.ended_by = what;
                self.become_so_many(0).await?;
                self.gather().await?;
            }
        }
        self.results.sort_by_key(|(index, _)| *index);
        Ok((self.results, found))
    }

    /// Follows the load until every room is over.
    async fn play_through(&mut self, found: &mut Found) -> Result<()> {
        let scenario = self.scenario.clone();
        match &scenario.load.mode {
            Mode::Steady | Mode::Soak => {
                let opened = self.become_so_many(scenario.rooms).await;
                let there_are = self.open.len();
                opened.with_context(|| format!("{there_are} of {} rooms", scenario.rooms))?;
            }
            Mode::Ramp { levels, every, bounds } => {
                for rooms in levels {
                    let mut level = self.level(*rooms, *every).await?;
                    level.judge(bounds.or_usual());
                    found.assertions.extend(level.assertions(*bounds));
                    found.levels.push(level);
                }
                self.become_so_many(0).await?;
            }
            Mode::FindLimit(search) => {
                let mut bisection = Bisection::new(search);
                let limit = loop {
                    let (rooms, watched) = match bisection.next() {
                        Next::Try(rooms) => (rooms, search.hold),
                        Next::Confirm(rooms) => (rooms, search.confirm),
                        Next::Found(limit) => break limit,
                    };
                    let mut level = self.level(rooms, watched).await?;
                    level.judge(search.objective);
                    self.tell(&level, &search.objective);
                    if level.is_doubtful() {
                        // Both are told, and the second one counts.
                        found.levels.push(level);
                        level = self.level(rooms, watched).await?;
                        level.judge(search.objective);
                        self.tell(&level, &search.objective);
                    }
                    bisection.showed(&level);
                    found.levels.push(level);
                };
                (self.setting.progress)(&limit.says);
                found.limit = Some(limit);
                self.become_so_many(0).await?;
            }
        }
        self.gather().await
    }

    /// Waits for the rooms that are on.
    async fn gather(&mut self) -> Result<()> {
        while let Some(result) = self.running.join_next().await {
            self.results.push(result?);
        }
        Ok(())
    }

    fn tell(&self, level: &Level, objective: &Objective) {
        (self.setting.progress)(&format!(
            "{} rooms: sound {:.1} ms (99 of 100; {} at most), {:.2} % lost: {}",
            level.rooms,
            level.audio_latency_ms.p99,
            objective.audio_latency_p99_ms,
            level.lost_percent,
            level.broke.as_deref().unwrap_or("held")
        ));
    }

    /// Has so many rooms, and watches them.
    async fn level(&mut self, rooms: u16, watched: Duration) -> Result<Level> {
        (self.setting.progress)(&format!("{rooms} rooms"));
        let before = self.most;
        let became = self.become_so_many(rooms).await;
        self.most = before.max(u16::try_from(self.open.len()).unwrap_or(rooms));
        if let Err(error) = became {
            let Some(broke) = refused(&error, self.open.len(), rooms) else { return Err(error) };
            (self.setting.progress)(&broke);
            let opened = u16::try_from(self.open.len()).unwrap_or(rooms);
            return Ok(Level { rooms, opened, broke: Some(broke), ..Level::default() });
        }
        let people = u64::from(rooms) * self.scenario.roles.len() as u64;
        let last = Instant::now() + JOINING;
        while self.seconds.last().is_none_or(|last| last.connected < people)
            && Instant::now() < last
        {
            sleep(Duration::from_millis(200)).await;
        }
        sleep(SETTLING).await;
        let from = self.seconds.len();
        sleep(watched).await;
        let seconds = self.seconds.since(from);
        let empty_rss = self.empty_rss.filter(|_| rooms >= before);
        Ok(Level::of(rooms, self.scenario.roles.len(), &seconds, empty_rss))
    }

    /// Opens or ends rooms until there are so many.
    async fn become_so_many(&mut self, rooms: u16) -> Result<()> {
        while self.open.len() > usize::from(rooms) {
            if let Some(end) = self.open.pop() {
                // A room that ended by itself needs no end.
                let _ = end.send(true);
            }
        }
        while self.open.len() < usize::from(rooms) {
            if !self.open.is_empty() {
                sleep(self.scenario.load.stagger).await;
            }
            self.open_one().await?;
        }
        Ok(())
    }

    async fn open_one(&mut self) -> Result<()> {
        let index = self.next;
        let room = RoomRun::open(
            index,
            self.scenario.clone(),
            &self.setting.server,
            self.own.clone(),
            &self.voices,
            self.setting.progress.clone(),
        )
        .await?;
        self.next += 1;
        self.roster.enter(index, room.playing());
        let (end, ended) = watch::channel(false);
        self.open.push(end);
        let roster = self.roster.clone();
        self.running.spawn(async move {
            let result = room.run(ended).await;
            roster.leave(index);
            (index, result)
        });
        Ok(())
    }
}

/// What broke when the server took no more rooms than there are; none when it was something else.
fn refused(error: &anyhow::Error, there_are: usize, wanted: u16) -> Option<String> {
    let refusal = error.downcast_ref::<Refused>()?;
    let status = refusal.status;
    Some(format!("the server took {there_are} of {wanted} rooms and no more ({status})"))
}

#[cfg(test)]
mod tests {
    use anyhow::anyhow;

    use super::*;

    #[test]
    fn a_room_that_is_refused_is_a_limit_and_any_other_error_is_none() {
        for (status, limit) in [(503, true), (429, true), (500, false), (404, false)] {
            let error = Refused::or_error("/api/rooms", status, "no");
            let found = refused(&error, 7, 20);
            assert_eq!(found.is_some(), limit, "{status}: {found:?}");
            assert!(found.is_none_or(|found| found.contains("7 of 20 rooms")));
            assert!(format!("{error:#}").contains(&status.to_string()), "{error:#}");
        }
        assert_eq!(refused(&anyhow!("no connection"), 7, 20), None);
    }
}
