//! A scenario: who comes, what they do when, what must be true. Parsed once; past that nothing is
//! checked again. Errors name the line.

pub(super) mod fault;
pub(super) mod step;

use std::ops::Range;
use std::time::Duration;

use anyhow::{Context, Result, anyhow, ensure};
use palabre_ids::{MAX_SEATS, Role, Seat};
use serde::{Deserialize, Serialize};
use toml::Spanned;

use self::step::{Act, Step, seconds};
use super::load::{Load, LoadTable};
use crate::bot::{Microphone, Stack};

/// A whole scenario.
#[derive(Debug)]
pub struct Scenario {
    /// Its name in reports.
    pub name: String,
    /// The template of its rooms.
    pub template: String,
    /// The language of its rooms.
    pub language: String,
    /// How many rooms at once.
    pub rooms: u16,
    /// Who comes to each, by seat.
    pub roles: Vec<Role>,
    /// Durations are divided by it.
    pub speed: Option<u32>,
    /// How long it lasts, from the first bot's start.
    pub length: Duration,
    /// When the bots send sound.
    pub microphone: Microphone,
    /// How many in each room, by seat, have a microphone at all.
    pub speakers: u8,
    /// Whether they send their cameras.
    pub cameras: bool,
    /// Whether the bots play their parts by themselves, and how long the chair stays in a phase.
    pub play: Option<Duration>,
    /// What carries the bots' media.
    pub bots: Stack,
    /// How many rooms have somebody who decodes what they hear, when the bots are light.
    pub sampled: u16,
    /// Whether each bot's UDP goes through a relay of its own.
    pub relay: bool,
    /// Whether it starts a server of its own, which its faults may strike.
    pub own_server: bool,
    /// The seats taken by hostile bots, which join only when a step says so.
    pub hostile: Vec<Seat>,
    /// How rooms come.
    pub load: Load,
    /// What happens, in order of time.
    pub(super) steps: Vec<Step>,
    /// What must be true of the report in the end.
    pub expectations: Vec<Expectation>,
}

/// A bound on a number of the report.
#[derive(Debug, Clone, PartialEq, Deserialize, Serialize)]
#[serde(deny_unknown_fields)]
pub struct Expectation {
    /// Its path, such as `audio_latency_ms.p95`.
    pub metric: String,
    /// The most it may be.
    pub at_most: Option<f64>,
    /// The least it may be.
    pub at_least: Option<f64>,
    /// Whether it is a room's share of the number that is bounded.
    #[serde(default)]
    pub each_room: bool,
}

/// Whose server.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Place {
    /// One that is started for the scenario.
    Own,
}

#[derive(Deserialize)]
#[serde(deny_unknown_fields)]
struct File {
    name: String,
    template: String,
    #[serde(default = "french")]
    language: String,
    #[serde(default = "one")]
    rooms: u16,
    #[serde(default = "eight")]
    people: Spanned<u8>,
    #[serde(default)]
    roles: Vec<Spanned<String>>,
    speed: Option<u32>,
    seconds: f64,
    #[serde(default)]
    microphone: Microphone,
    speakers: Option<u8>,
    #[serde(default = "yes")]
    cameras: bool,
    play: Option<f64>,
    #[serde(default)]
    bots: Stack,
    #[serde(default = "four")]
    sampled: u16,
    #[serde(default)]
    relay: bool,
    server: Option<Place>,
    #[serde(default)]
    hostile: Vec<Seat>,
    load: Option<Spanned<toml::Table>>,
    #[serde(default)]
    at: Vec<Spanned<toml::Table>>,
    #[serde(default)]
    expect: Vec<Spanned<toml::Table>>,
}

fn french() -> String {
    "fr".to_owned()
}
fn one() -> u16 {
    1
}
fn four() -> u16 {
    4
}
fn eight() -> Spanned<u8> {
    Spanned::new(0..0, 8)
}
fn yes() -> bool {
    true
}

/// What the command line says over the file.
#[derive(Debug, Default, Clone, Copy)]
pub struct Overrides {
    /// Rooms at once.
    pub rooms: Option<u16>,
    /// People in each.
    pub people: Option<u8>,
    /// How long.
    pub length: Option<Duration>,
    /// What carries the bots' media.
    pub bots: Option<Stack>,
    /// How often each fault is repeated.
    pub repeat: Option<u32>,
}

impl Scenario {
    /// So long it may take, with all its faults: a server of its own ends after that.
    #[must_use]
    pub fn at_most(&self) -> Duration {
        /// From a fault to everybody being back and the room compared, and what a start takes.
        const MENDED: Duration = Duration::from_secs(80);
        let faults = self.steps.iter().filter_map(|step| match &step.what {
            Act::Fault(fault) => Some((fault.every + fault.away + MENDED) * fault.times),
            _ => None,
        });
        self.length + faults.sum::<Duration>() + 2 * MENDED
    }

    /// Parses a scenario file.
    ///
    /// # Errors
    /// What is wrong, and in which line.
    pub fn parse(text: &str, over: Overrides) -> Result<Self> {
        // The TOML error shows the line itself.
        let file: File = toml::from_str(text).map_err(|error| anyhow!("{error}"))?;
        let at = |span: Range<usize>| format!("line {}", line_of(text, span.start));
        let people = over.people.unwrap_or(*file.people.get_ref());
        ensure!(
            (2..=MAX_SEATS).contains(&people),
            "{}: 2 to {MAX_SEATS} people",
            at(file.people.span())
        );
        let mut roles = Vec::new();
        for role in &file.roles {
            roles.push(role.get_ref().parse::<Role>().with_context(|| at(role.span()))?);
        }
        while roles.len() < usize::from(people) {
            roles.push(match roles.len() {
                0 => Role::Facilitator,
                1 => Role::Client,
                _ => Role::Consultant,
            });
        }
        roles.truncate(usize::from(people));
        let length = over.length.unwrap_or(seconds(file.seconds).context("seconds")?);
        let mut steps = Vec::new();
        for step in file.at {
            let span = step.span();
            let line = line_of(text, span.start);
            let mut step = Step::parse(step.into_inner(), line, people)
                .with_context(|| format!("line {line}"))?;
            match &mut step.what {
                Act::Fault(fault) => {
                    let what = fault.what;
                    let relay = !what.takes_a_relay() || file.relay;
                    ensure!(relay, "line {line}: this fault takes `relay = true`");
                    let own = !what.is_of_the_server() || file.server.is_some();
                    ensure!(own, "line {line}: this fault takes `server = \"own\"`");
                    let media =
                        !what.takes_media() || over.bots.unwrap_or(file.bots) != Stack::Signaling;
                    ensure!(media, "line {line}: this fault takes bots with media");
                    fault.times = over.repeat.unwrap_or(fault.times);
                }
                Act::Network(..) => {
                    ensure!(file.relay, "line {line}: a network takes `relay = true`");
                }
                _ => {}
            }
            ensure!(step.at <= length, "line {line}: after the end of the scenario");
            steps.push(step);
        }
        steps.sort_by_key(|step| step.at);
        let mut expectations = Vec::new();
        for expectation in file.expect {
            let line = at(expectation.span());
            let expectation: Expectation =
                expectation.into_inner().try_into().with_context(|| line.clone())?;
            ensure!(
                expectation.at_most.is_some() || expectation.at_least.is_some(),
                "{line}: at_most or at_least"
            );
            expectations.push(expectation);
        }
        let load = match file.load {
            None => Load::parse(LoadTable::default(), over.rooms)?,
            Some(table) => {
                let line = at(table.span());
                let table = table.into_inner().try_into().with_context(|| line.clone())?;
                Load::parse(table, over.rooms).context(line)?
            }
        };
        ensure!(
            !load.is_planned() || steps.is_empty(),
            "[[at]]: rooms that come and go by a plan have no script"
        );
        ensure!(
            !load.is_planned() || file.server.is_none(),
            "`server`: rooms that come and go by a plan take a server that is there"
        );
        ensure!(
            !load.is_planned() || over.bots.unwrap_or(file.bots) != Stack::Signaling,
            "`bots`: rooms that come and go by a plan are watched by their media"
        );
        for seat in &file.hostile {
            ensure!(seat.0 < people, "hostile: seat {seat} has nobody");
        }
        ensure!((1..=500).contains(&over.rooms.unwrap_or(file.rooms)), "1 to 500 rooms");
        Ok(Self {
            name: file.name,
            template: file.template,
            language: file.language,
            rooms: over.rooms.unwrap_or(file.rooms),
            roles,
            speed: file.speed,
            length,
            microphone: file.microphone,
            speakers: file.speakers.unwrap_or(MAX_SEATS),
            cameras: file.cameras,
            play: file.play.map(seconds).transpose().context("play")?,
            bots: over.bots.unwrap_or(file.bots),
            sampled: file.sampled,
            relay: file.relay,
            own_server: file.server.is_some(),
            hostile: file.hostile,
            load,
            steps,
            expectations,
        })
    }
}

fn line_of(text: &str, offset: usize) -> usize {
    text.as_bytes().iter().take(offset).filter(|byte| **byte == b'\n').count() + 1
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bot::Order;

    const HEAD: &str = "name = \"x\"\ntemplate = \"plain-meeting\"\nseconds = 20\n";

    fn parse(rest: &str) -> Result<Scenario> {
        Scenario::parse(&format!("{HEAD}{rest}"), Overrides::default())
    }

    #[test]
    fn the_shipped_scenarios_are_valid() {
        for text in [
            include_str!("../../../scenarios/smoke.toml"),
            include_str!("../../../scenarios/server-stopped.toml"),
            include_str!("../../../scenarios/hostile.toml"),
            include_str!("../../../scenarios/crowd.toml"),
            include_str!("../../../scenarios/codev.toml"),
            include_str!("../../../scenarios/groups.toml"),
            include_str!("../../../scenarios/rebinding.toml"),
            include_str!("../../../scenarios/codev-day.toml"),
            include_str!("../../../scenarios/soak-8h.toml"),
            include_str!("../../../scenarios/find-limit.toml"),
            include_str!("../../../scenarios/growth.toml"),
            include_str!("../../../scenarios/server-crash.toml"),
            include_str!("../../../scenarios/signaling-lost.toml"),
            include_str!("../../../scenarios/udp-blocked.toml"),
            include_str!("../../../scenarios/storm.toml"),
            include_str!("../../../scenarios/drain.toml"),
            include_str!("../../../scenarios/bad-network.toml"),
            include_str!("../../../tests/crash.toml"),
        ] {
            Scenario::parse(text, Overrides::default()).expect("valid");
        }
    }

    #[test]
    fn a_plan_takes_bots_with_media() {
        let error = parse("bots = \"signaling\"\n[load]\nmode = \"ramp\"\n").expect_err("no media");
        assert!(format!("{error:#}").contains("media"), "{error:#}");
    }

    #[test]
    fn a_day_demands_that_its_sessions_moved_and_reached_their_end() {
        let text = include_str!("../../../scenarios/codev-day.toml");
        let scenario = Scenario::parse(text, Overrides::default()).expect("valid");
        for wanted in ["floor_grant_ms.count", "floor_revoke_ms.count"] {
            let mut bounds = scenario.expectations.iter().filter(|one| one.each_room);
            assert!(bounds.any(|one| one.metric == wanted && one.at_least >= Some(100.0)));
        }
        let ended = |step: &Step| match &step.what {
            Act::Check(check) => check.stage.as_deref() == Some("ended"),
            _ => false,
        };
        assert!(scenario.steps.iter().any(ended));
    }

    #[test]
    fn growth_bounds_what_its_levels_lose() {
        let text = include_str!("../../../scenarios/growth.toml");
        let load = Scenario::parse(text, Overrides::default()).expect("valid").load;
        let crate::run::load::Mode::Ramp { bounds, .. } = load.mode else { panic!("a ramp") };
        assert_eq!(bounds.loss_percent, Some(0.5));
    }

    #[test]
    fn steps_are_in_order_of_time() {
        let scenario =
            parse("[[at]]\nsecond = 9\nmark = true\n[[at]]\nsecond = 1.5\nseat = 0\ndo = \"next_phase\"\n").expect("valid");
        assert!(matches!(&scenario.steps[0].what, Act::Tell(seats, _) if *seats == [Seat(0)]));
        assert_eq!(scenario.roles[..3], [Role::Facilitator, Role::Client, Role::Consultant]);
        assert_eq!(scenario.roles.len(), 8);
    }

    #[test]
    fn a_fault_strikes_seats_or_the_server_as_often_as_asked() {
        let text = "relay = true\nserver = \"own\"\n\
            [[at]]\nsecond = 1\nfault = \"server_kill\"\naway = 2\ntimes = 3\n\
            [[at]]\nsecond = 2\nseats = [1, 4]\nfault = \"udp_blocked\"\n\
            [[at]]\nsecond = 3\nseats = \"all\"\nfault = \"network\"\nloss = 0.05\nway = \"up\"\n\
            [[at]]\nsecond = 4\nseats = [2, 3]\ndo = \"drop\"\nhow = \"signaling\"\n";
        let scenario = parse(text).expect("valid");
        assert!(scenario.own_server);
        let Act::Fault(kill) = &scenario.steps[0].what else { panic!("a fault") };
        assert_eq!((kill.times, kill.away.as_secs(), kill.seats.len()), (3, 2, 8));
        let Act::Fault(blocked) = &scenario.steps[1].what else { panic!("a fault") };
        assert_eq!((blocked.times, &blocked.seats[..]), (1, &[Seat(1), Seat(4)][..]));
        let Act::Network(seats, conditions) = &scenario.steps[2].what else { panic!("a network") };
        assert_eq!((seats.len(), conditions.loss), (8, 0.05));
        let Act::Tell(seats, line) = &scenario.steps[3].what else { panic!("an order") };
        assert_eq!(seats[..], [Seat(2), Seat(3)]);
        assert!(matches!(step::order(line, Seat(3)), Ok(Order::Drop(_))));
        let over = Overrides { repeat: Some(100), ..Overrides::default() };
        let scenario = Scenario::parse(&format!("{HEAD}{text}"), over).expect("valid");
        let Act::Fault(kill) = &scenario.steps[0].what else { panic!("a fault") };
        assert_eq!(kill.times, 100);
        assert!(scenario.at_most() > Duration::from_secs(300), "a server must outlive its faults");
    }

    #[test]
    fn errors_name_their_line() {
        for (rest, line, word) in [
            ("[[at]]\nsecond = 1\nseat = 0\ndo = \"fly\"\n", "line 4", "wire"),
            ("[[at]]\nsecond = 1\nseat = 9\ndo = \"pass\"\n", "line 4", "nobody"),
            ("[[at]]\nsecond = 21\nmark = true\n", "line 4", "after the end"),
            ("\n[[at]]\nsecond = 1\nheard = \"all\"\n", "line 5", "list of seats"),
            ("[[at]]\nsecond = 1\nherad = [1]\n", "line 4", "unknown key"),
            ("[[expect]]\nmetric = \"x\"\n", "line 4", "at_most"),
            ("[[expect]]\nmetric = \"x\"\nat_most = 1\neach_room = 2\n", "line 4", "bool"),
            ("[[at]]\nsecond = 1\nseat = 1\nfault = \"rebinding\"\n", "line 4", "relay"),
            ("relay = true\n[[at]]\nsecond = 1\nfault = \"rebinding\"\n", "line 5", "struck"),
            (
                "relay = true\n[[at]]\nsecond = 1\nseat = 1\nfault = \"rain\"\n",
                "line 5",
                "unknown fault",
            ),
            ("[[at]]\nsecond = 1\nfault = \"server_kill\"\n", "line 4", "own"),
            (
                "server = \"own\"\n[[at]]\nsecond = 1\nseat = 1\nfault = \"drain\"\n",
                "line 5",
                "everybody",
            ),
            (
                "relay = true\n[[at]]\nsecond = 1\nseat = 1\nfault = \"network\"\nloss = 2.0\n",
                "line 5",
                "loss",
            ),
            (
                "bots = \"signaling\"\nrelay = true\n[[at]]\nsecond = 1\nseat = 1\nfault = \"rebinding\"\n",
                "line 6",
                "media",
            ),
            ("[[at]]\nsecond = 1\nseat = 1\nseats = [2]\ndo = \"pass\"\n", "line 4", "both"),
            ("server = \"mine\"\n", "line 4", "mine"),
            ("people = 1\n", "line 4", "people"),
            ("play = \"yes\"\n", "line 4", "play"),
            ("peeple = 8\n", "line 4", "peeple"),
        ] {
            let error = format!("{:#}", parse(rest).expect_err(rest));
            assert!(error.contains(line) && error.contains(word), "{rest}: {error}");
        }
    }
}
