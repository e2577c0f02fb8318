//! The faults of a scenario's script.

use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use palabre_ids::Seat;
use serde::Deserialize;

use super::step::seconds;
use crate::relay::path::Conditions;

/// Something breaks, is mended, and is judged: who hears again, and whether the room is the same.
#[derive(Debug, Clone, PartialEq)]
pub(in crate::run) struct Fault {
    /// What breaks.
    pub(in crate::run) what: What,
    /// Whom it strikes; of a fault of the server, everybody.
    pub(in crate::run) seats: Vec<Seat>,
    /// How long it lasts.
    pub(in crate::run) away: Duration,
    /// How often.
    pub(in crate::run) times: u32,
    /// From one to the next, at least.
    pub(in crate::run) every: Duration,
}

/// What breaks.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub(in crate::run) enum What {
    /// The scenario's own server: `kill -9`, and a start after `away`.
    ServerKill,
    /// It is told to end, and starts again after `away`.
    ServerRestart,
    /// It stands still for `away`.
    ServerStop,
    /// It starts another one, which takes over from it; a room may wait `away` for a good moment.
    Drain,
    /// A seat's address changes.
    Rebinding,
    /// A seat's WebSocket is away for so long; media go on.
    SignalingLost,
    /// A seat's page is killed, and opened again after `away`.
    Rejoin,
    /// No UDP of a seat passes for `away`.
    UdpBlocked,
    /// Everybody's page loses everything at once and comes back by itself.
    Storm,
}

impl What {
    const NAMES: &str = "server_kill, server_restart, server_stop, drain, rebinding, \
        signaling_lost, rejoin, udp_blocked, storm, network";

    /// Whether it is the server that breaks.
    pub(in crate::run) fn is_of_the_server(self) -> bool {
        matches!(self, Self::ServerKill | Self::ServerRestart | Self::ServerStop | Self::Drain)
    }

    /// Whether it takes a relay before the bot.
    pub(super) fn takes_a_relay(self) -> bool {
        matches!(self, Self::Rebinding | Self::UdpBlocked)
    }

    /// Whether it takes bots with media.
    pub(super) fn takes_media(self) -> bool {
        matches!(self, Self::Rebinding | Self::UdpBlocked)
    }

    /// Whether who is struck loses the WebSocket, and is let in again.
    pub(in crate::run) fn breaks_signaling(self) -> bool {
        !matches!(self, Self::ServerStop | Self::Rebinding | Self::UdpBlocked)
    }

    /// The name in the report: the wire's, where it has one.
    pub(in crate::run) fn cause(self) -> &'static str {
        match self {
            Self::ServerKill | Self::ServerRestart | Self::Drain => "server_restarted",
            Self::ServerStop => "server_stopped",
            Self::Rebinding => "rebinding",
            Self::SignalingLost => "signaling_lost",
            Self::Rejoin => "page_reloaded",
            Self::UdpBlocked => "udp_blocked",
            Self::Storm => "storm",
        }
    }

    fn lasts(self) -> Duration {
        match self {
            Self::ServerKill | Self::ServerRestart | Self::Drain | Self::Storm => Duration::ZERO,
            Self::Rebinding => Duration::from_millis(500),
            Self::Rejoin => Duration::from_secs(1),
            Self::ServerStop | Self::UdpBlocked => Duration::from_secs(10),
            Self::SignalingLost => Duration::from_secs(60),
        }
    }
}

/// A line's `seat`, `seats` or `seats = "all"`; none when it names nobody.
pub(super) fn take_seats(table: &mut toml::Table, people: u8) -> Result<Vec<Seat>> {
    let of = |seat: u8| {
        ensure!(seat < people, "seat {seat} has nobody");
        Ok(Seat(seat))
    };
    let one = table.remove("seat");
    Ok(match (one, table.remove("seats")) {
        (Some(_), Some(_)) => bail!("`seat` or `seats`, not both"),
        (Some(seat), None) => vec![of(seat.try_into().context("`seat` is a number")?)?],
        (None, Some(toml::Value::String(word))) if word == "all" => (0..people).map(Seat).collect(),
        (None, Some(seats)) => {
            let seats: Vec<u8> =
                seats.try_into().context("`seats` is \"all\" or a list of numbers")?;
            ensure!(!seats.is_empty(), "`seats` names nobody");
            seats.into_iter().map(of).collect::<Result<_>>()?
        }
        (None, None) => Vec::new(),
    })
}

/// A fault, or how the network of some is from now on.
pub(super) enum Parsed {
    Fault(Fault),
    Network(Vec<Seat>, Conditions),
}

/// Parses the rest of a line that has a `fault`.
pub(super) fn parse(name: toml::Value, mut table: toml::Table, people: u8) -> Result<Parsed> {
    let seats = take_seats(&mut table, people)?;
    if name.as_str() == Some("network") {
        ensure!(!seats.is_empty(), "which `seat`, or `seats`, it strikes");
        let conditions: Conditions = table.try_into().context("a network")?;
        conditions.check()?;
        return Ok(Parsed::Network(seats, conditions));
    }
    let what: What = name
        .clone()
        .try_into()
        .map_err(|_| anyhow::anyhow!("an unknown fault {name} (one of: {})", What::NAMES))?;
    let seats = match what {
        _ if what.is_of_the_server() => {
            ensure!(seats.is_empty(), "a fault of the server strikes everybody: no `seat`");
            (0..people).map(Seat).collect()
        }
        What::Storm if seats.is_empty() => (0..people).map(Seat).collect(),
        _ => seats,
    };
    ensure!(!seats.is_empty(), "which `seat`, or `seats`, is struck");
    let times: u32 = match table.remove("times") {
        None => 1,
        Some(times) => times.try_into().context("`times` is a whole number")?,
    };
    ensure!((1..=100_000).contains(&times), "`times` is 1 to 100,000");
    let mut length = |key: &str, default: Duration| match table.remove(key) {
        None => Ok(default),
        Some(toml::Value::Integer(whole)) => seconds(whole as f64),
        Some(value) => seconds(value.try_into().with_context(|| format!("`{key}` is in seconds"))?),
    };
    let every = length("every", Duration::from_secs(1))?;
    let away = length("away", what.lasts())?;
    if let Some(key) = table.keys().next() {
        bail!("unknown key `{key}` (one of: fault, seat, seats, away, times, every)");
    }
    Ok(Parsed::Fault(Fault { what, seats, away, times, every }))
}
