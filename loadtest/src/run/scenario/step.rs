//! The lines of a scenario's script: what happens at a time, what must be true then.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use palabre_ids::Seat;

use super::fault::{self, Fault, Parsed};
use crate::bot::Order;
use crate::control::{self, Line};
use crate::hostile::Attack;
use crate::relay::path::Conditions;

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
    /// Some bots are told something, as by `bots --control`.
    Tell(Vec<Seat>, String),
    /// A hostile bot attacks.
    Attack(Seat, Attack),
    /// Something breaks, again and again.
    Fault(Fault),
    /// The network of some is like this from now on.
    Network(Vec<Seat>, Conditions),
    /// The gaps in what is heard are measured from here.
    Mark,
    /// What was heard without since the last mark is a gap with that cause.
    Gap(String),
    /// Something must be true now.
    Check(Check),
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
        let what = if let Some(attack) = table.remove("attack") {
            let attack: Attack = attack.try_into().context("an unknown attack")?;
            let seats = fault::take_seats(&mut table, people)?;
            let [seat] = seats[..] else { bail!("which one `seat` attacks") };
            Act::Attack(seat, attack)
        } else if let Some(name) = table.remove("fault") {
            match fault::parse(name, table, people)? {
                Parsed::Fault(fault) => Act::Fault(fault),
                Parsed::Network(seats, conditions) => Act::Network(seats, conditions),
            }
        } else if table.remove("mark").is_some() {
            Act::Mark
        } else if let Some(cause) = table.remove("gap") {
            Act::Gap(cause.try_into().context("`gap` names its cause")?)
        } else if table.contains_key("do") {
            // The seats that a bot shows belong to the order.
            let shows = table.get("do").and_then(toml::Value::as_str) == Some("view");
            let own = if shows { table.remove("seats") } else { None };
            let seats = fault::take_seats(&mut table, people)?;
            table.extend(own.map(|own| ("seats".to_owned(), own)));
            let line = serde_json::to_string(&table)?;
            let first = seats.first().copied();
            ensure!(first.is_some(), "which `seat`, or `seats`, is to do it");
            // Parsed for its errors here; told again to each room's bots.
            match parse_line(&table, first)? {
                Line::Bot(..) => Act::Tell(seats, line),
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

/// What a seat is told by a line's table.
fn parse_line(table: &toml::Table, seat: Option<Seat>) -> Result<Line> {
    let mut line = serde_json::to_value(table)?;
    if let (Some(seat), Some(fields)) = (seat, line.as_object_mut()) {
        fields.insert("seat".to_owned(), seat.0.into());
    }
    control::parse(&line.to_string())
}

/// The order of a step to one seat.
///
/// # Errors
/// Never for the text of a parsed step.
pub(in crate::run) fn order(line: &str, seat: Seat) -> Result<Order> {
    match parse_line(&serde_json::from_str(line)?, Some(seat))? {
        Line::Bot(_, order) => Ok(*order),
        Line::Attack(..) | Line::Report(_) | Line::Quit => bail!("no order to a bot"),
    }
}
