//! The lines of a scenario's script: what happens at a time, what must be true then.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use palabre_ids::Seat;

use crate::bot::Order;
use crate::control::{self, Line};
use crate::hostile::Attack;

/// Something at a time.
#[derive(Debug)]
pub(in crate::run) struct Step {
    /// When, from the start.
    pub(in crate::run) at: Duration,
    /// What.
    pub(in crate::run) what: Act,
    /// Where it stands in the file.
    pub(in crate::run) line: usize,
}

/// What can happen.
#[derive(Debug)]
pub(in crate::run) enum Act {
    /// A bot is told something, as by `bots --control`.
    Tell(Seat, String),
    /// A hostile bot attacks.
    Attack(Seat, Attack),
    /// A bot's address changes, again and again.
    Rebind(Rebinding),
    /// The gaps in what is heard are measured from here.
    Mark,
    /// What was heard without since the last mark is a gap with that cause.
    Gap(String),
    /// Something must be true now.
    Check(Check),
}

/// Changes of a bot's address, as by a translator at home.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) struct Rebinding {
    /// Whose.
    pub(in crate::run) seat: Seat,
    /// How often.
    pub(in crate::run) times: u32,
    /// From one to the next.
    pub(in crate::run) every: Duration,
}

/// What must be true of every listener at a time.
#[derive(Debug, Default, Clone)]
pub(in crate::run) struct Check {
    /// Who is heard, and nobody else.
    pub(in crate::run) heard: Option<Whom>,
    /// Whose camera comes, and nobody else's.
    pub(in crate::run) seen: Option<Whom>,
    /// The room's stage.
    pub(in crate::run) stage: Option<String>,
    /// Who has the turn.
    pub(in crate::run) holder: Option<Seat>,
}

/// Some seats.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(in crate::run) enum Whom {
    /// Those that may, as the listener's own view of the room says.
    Allowed,
    /// These.
    Seats(Vec<Seat>),
}

impl Step {
    /// Parses the table of an `[[at]]`; `people` are in a room.
    pub(super) fn parse(mut table: toml::Table, line: usize, people: u8) -> Result<Self> {
        let second = match table.remove("second") {
            Some(toml::Value::Float(second)) => second,
            Some(toml::Value::Integer(second)) => second as f64,
            _ => bail!("a step says at which `second` it happens"),
        };
        let at = seconds(second)?;
        let seat = match table.get("seat") {
            None => None,
            Some(seat) => {
                let seat: u8 = seat.clone().try_into().context("`seat` is a number")?;
                ensure!(seat < people, "seat {seat} has nobody");
                Some(Seat(seat))
            }
        };
        let what = if let Some(attack) = table.remove("attack") {
            let attack: Attack = attack.try_into().context("an unknown attack")?;
            Act::Attack(seat.context("which `seat` attacks")?, attack)
        } else if let Some(fault) = table.remove("fault") {
            Act::Rebind(parse_fault(&fault, seat, table)?)
        } else if table.remove("mark").is_some() {
            Act::Mark
        } else if let Some(cause) = table.remove("gap") {
            Act::Gap(cause.try_into().context("`gap` names its cause")?)
        } else if table.contains_key("do") {
            let line = serde_json::to_string(&table)?;
            // Parsed for its errors here; told again to each room's bot.
            match control::parse(&line)? {
                Line::Bot(seat, _) => Act::Tell(seat, line),
                Line::Attack(seat, attack) => Act::Attack(seat, attack),
                Line::Report(_) | Line::Quit => bail!("a scenario reports and ends by itself"),
            }
        } else {
            Act::Check(parse_check(table)?)
        };
        Ok(Self { at, what, line })
    }
}

/// A length in seconds, as a file says it.
pub(super) fn seconds(value: f64) -> Result<Duration> {
    ensure!(
        value.is_finite() && (0.0..=86_400.0).contains(&value),
        "seconds are between 0 and 86,400"
    );
    Ok(Duration::from_secs_f64(value))
}

fn parse_fault(
    fault: &toml::Value,
    seat: Option<Seat>,
    mut table: toml::Table,
) -> Result<Rebinding> {
    ensure!(fault.as_str() == Some("rebinding"), "an unknown fault {fault} (one of: rebinding)");
    table.remove("seat");
    let times = table.remove("times").map_or(Ok(1), toml::Value::try_into);
    let times: u32 = times.context("`times` is a whole number")?;
    ensure!((1..=100_000).contains(&times), "`times` is 1 to 100,000");
    let every = match table.remove("every") {
        None => 1.0,
        Some(every) => every.try_into().context("`every` is in seconds")?,
    };
    if let Some(key) = table.keys().next() {
        bail!("unknown key `{key}` (one of: fault, seat, times, every)");
    }
    let seat = seat.context("which `seat` is struck")?;
    Ok(Rebinding { seat, times, every: seconds(every)? })
}

fn parse_check(mut table: toml::Table) -> Result<Check> {
    let mut whom = |key: &str| -> Result<Option<Whom>> {
        match table.remove(key) {
            None => Ok(None),
            Some(toml::Value::String(word)) if word == "allowed" => Ok(Some(Whom::Allowed)),
            Some(seats) => {
                let seats: Vec<Seat> = seats
                    .try_into()
                    .with_context(|| format!("`{key}` is \"allowed\" or a list of seats"))?;
                Ok(Some(Whom::Seats(seats)))
            }
        }
    };
    let (heard, seen) = (whom("heard")?, whom("seen")?);
    let stage = table
        .remove("stage")
        .map(toml::Value::try_into)
        .transpose()
        .context("`stage` is a name")?;
    let holder = table
        .remove("holder")
        .map(toml::Value::try_into)
        .transpose()
        .context("`holder` is a seat")?;
    if let Some(key) = table.keys().next() {
        bail!(
            "unknown key `{key}` (one of: do, attack, fault, mark, gap, heard, seen, stage, holder)"
        );
    }
    let check = Check { heard, seen, stage, holder };
    ensure!(
        check.heard.is_some()
            || check.seen.is_some()
            || check.stage.is_some()
            || check.holder.is_some(),
        "a step does something"
    );
    Ok(check)
}

/// The order of a step.
///
/// # Errors
/// Never for the text of a parsed step.
pub(in crate::run) fn order(line: &str) -> Result<Order> {
    match control::parse(line)? {
        Line::Bot(_, order) => Ok(*order),
        Line::Attack(..) | Line::Report(_) | Line::Quit => bail!("no order to a bot"),
    }
}
