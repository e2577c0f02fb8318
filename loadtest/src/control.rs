//! Bots that another program drives: JSON lines in, JSON lines out. `README.md` has the whole list.

use std::collections::BTreeMap;
use std::time::Duration;

use anyhow::{Context, Result, bail};
use palabre_ids::Seat;
use palabre_wire::{Command, SeatView};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};
use tokio::io::{AsyncBufReadExt, AsyncRead, AsyncWrite, AsyncWriteExt, BufReader};
use tokio::sync::mpsc;

use crate::bot::listener::HeardReport;
use crate::bot::{Bot, Drop, Microphone, Note, Order, Play, Report, Return};
use crate::hostile::{Attack, Finding, HostileBot};
use crate::ledger::Ledger;
use crate::relay::Network;

/// How often it is looked at who is heard.
const LISTEN_EVERY: Duration = Duration::from_secs(1);

/// How long a bot that plays stays in a phase that does not end by itself, when it holds the chair.
const STAY: Duration = Duration::from_secs(6);

/// A line read from the driver.
#[derive(Debug)]
pub enum Line {
    /// To one bot.
    Bot(Seat, Box<Order>),
    /// To one hostile bot.
    Attack(Seat, Attack),
    /// Every bot says what it found.
    Report(Option<Seat>),
    /// The end: every bot leaves.
    Quit,
}

#[derive(Debug, Deserialize)]
#[serde(tag = "do", rename_all = "snake_case", deny_unknown_fields)]
enum Action {
    Drop { how: Drop },
    Return { how: Return },
    RestartIce,
    Network { how: Network },
    Microphone { when: Microphone },
    Camera { on: bool },
    Screen { on: bool },
    View { seats: Vec<SeatView> },
    Play { on: bool },
    Command { command: Command },
    Attack { how: Attack },
    Report,
    Quit,
}

/// Reads a line.
///
/// # Errors
/// When it is not one of the README's.
pub fn parse(line: &str) -> Result<Line> {
    const ACTIONS: [&str; 13] = [
        "drop",
        "return",
        "restart_ice",
        "network",
        "microphone",
        "camera",
        "screen",
        "view",
        "play",
        "command",
        "attack",
        "report",
        "quit",
    ];
    let mut fields: Map<String, Value> =
        serde_json::from_str(line).context("a line is one JSON object")?;
    let seat = match fields.remove("seat") {
        None => None,
        Some(seat) => {
            Some(serde_json::from_value::<Seat>(seat).context("\"seat\" is the bot's, a number")?)
        }
    };
    let name = fields.get("do").and_then(Value::as_str).context("a line says what to \"do\"")?;
    if !ACTIONS.contains(&name) {
        // A command of the wire. Its own seat is `to` here, since `seat` is the bot; one command has a
        // `to` of its own.
        let to_is_own = name == "yield_floor";
        if !to_is_own && let Some(to) = fields.remove("to") {
            fields.insert("seat".to_owned(), to);
        }
        let command: Command =
            serde_json::from_value(Value::Object(fields)).context("a command of the wire")?;
        return Ok(Line::Bot(
            seat.context("which \"seat\" is to do it")?,
            Box::new(Order::Ask(command)),
        ));
    }
    let order =
        match serde_json::from_value(Value::Object(fields)).context("an action of the README")? {
            Action::Report => return Ok(Line::Report(seat)),
            Action::Attack { how } => {
                return Ok(Line::Attack(seat.context("which \"seat\" is to do it")?, how));
            }
            Action::Quit => return Ok(Line::Quit),
            Action::Drop { how } => Order::Drop(how),
            Action::Return { how } => Order::Return(how),
            Action::RestartIce => Order::RestartIce,
            Action::Network { how } => Order::Network(how),
            Action::Microphone { when } => Order::Microphone(when),
            Action::Camera { on } => Order::Camera(on),
            Action::Screen { on } => Order::Screen(on),
            Action::View { seats } => Order::View(seats),
            Action::Play { on } => Order::Play(on.then_some(Play { stay: STAY })),
            Action::Command { command } => Order::Ask(command),
        };
    Ok(Line::Bot(seat.context("which \"seat\" is to do it")?, Box::new(order)))
}

#[derive(Serialize)]
#[serde(tag = "event", rename_all = "snake_case")]
enum Said<'a> {
    Report(&'a Report),
    Hears { slots: &'a BTreeMap<Seat, HeardReport> },
    Attacked { how: Attack, findings: &'a [Finding], forbidden_sent: usize },
    Error { detail: String },
}

#[derive(Serialize)]
struct Tagged<T> {
    #[serde(skip_serializing_if = "Option::is_none")]
    seat: Option<Seat>,
    #[serde(flatten)]
    said: T,
}

async fn say<T: Serialize>(
    out: &mut (impl AsyncWrite + Unpin),
    seat: Option<Seat>,
    said: T,
) -> Result<()> {
    let mut line = serde_json::to_vec(&Tagged { seat, said })?;
    line.push(b'\n');
    out.write_all(&line).await?;
    Ok(out.flush().await?)
}

/// Bots that do what no client may, and the record of what they sent.
#[derive(Default)]
pub struct Hostiles {
    /// By seat.
    pub bots: BTreeMap<Seat, HostileBot>,
    /// Where they enter what nobody may receive; the listeners look it up there.
    pub ledger: Ledger,
}

/// Attacks that were carried out, and are yet to be told.
const ATTACKED: usize = 16;

type Attacked = mpsc::Sender<(Seat, Attack, Vec<Finding>)>;

/// Drives `bots` by the lines of `input`, and tells on `output` what they notice, until `quit` or the
/// end of the input.
///
/// # Errors
/// When the output cannot be written.
pub async fn drive(
    bots: Vec<(Bot, mpsc::Receiver<Note>)>,
    hostiles: Hostiles,
    input: impl AsyncRead + Unpin,
    mut output: impl AsyncWrite + Unpin,
) -> Result<()> {
    let mut lines = BufReader::new(input).lines();
    let (all, mut notes) = mpsc::channel(1_024);
    let mut by_seat = BTreeMap::new();
    for (bot, mut own) in bots {
        let (seat, all) = (bot.seat, all.clone());
        tokio::spawn(async move {
            while let Some(note) = own.recv().await {
                if all.send((seat, note)).await.is_err() {
                    return;
                }
            }
        });
        by_seat.insert(seat, bot);
    }
    drop(all);
    let (attacked, mut over) = mpsc::channel(ATTACKED);
    let mut heard: BTreeMap<Seat, BTreeMap<Seat, HeardReport>> = BTreeMap::new();
    let mut listen = tokio::time::interval(LISTEN_EVERY);
    loop {
        tokio::select! {
            line = lines.next_line() => match line? {
                None => break,
                Some(line) if line.trim().is_empty() => {}
                Some(line) => match obey(&line, &by_seat, &hostiles, &attacked, &mut output).await {
                    Ok(true) => {}
                    Ok(false) => break,
                    Err(error) => say(&mut output, None, Said::Error { detail: format!("{error:#}") }).await?,
                },
            },
            Some((seat, note)) = notes.recv() => say(&mut output, Some(seat), note).await?,
            Some((seat, how, findings)) = over.recv() => {
                let forbidden_sent = hostiles.ledger.forbidden_count();
                say(&mut output, Some(seat), Said::Attacked { how, findings: &findings, forbidden_sent }).await?;
            }
            _ = listen.tick() => {
                for (seat, bot) in &by_seat {
                    let Ok(report) = bot.report().await else { continue };
                    let now = voices(&report);
                    if heard.get(seat).is_none_or(|before| !alike(before, &now)) {
                        say(&mut output, Some(*seat), Said::Hears { slots: &now }).await?;
                        heard.insert(*seat, now);
                    }
                }
            }
        }
    }
    for hostile in hostiles.bots.into_values() {
        hostile.end().await;
    }
    for bot in by_seat.into_values() {
        bot.end().await;
    }
    Ok(())
}

async fn obey(
    line: &str,
    bots: &BTreeMap<Seat, Bot>,
    hostiles: &Hostiles,
    attacked: &Attacked,
    output: &mut (impl AsyncWrite + Unpin),
) -> Result<bool> {
    match parse(line)? {
        Line::Quit => return Ok(false),
        Line::Report(seat) => {
            for (_, bot) in bots.iter().filter(|(of, _)| seat.is_none_or(|seat| seat == **of)) {
                say(output, Some(bot.seat), Said::Report(&bot.report().await?)).await?;
            }
        }
        Line::Attack(seat, how) => {
            let hostile = hostiles.bots.get(&seat);
            let hostile = hostile.with_context(|| format!("no hostile bot has seat {seat}"))?;
            let over = hostile.attack_until_over(how).await?;
            let attacked = attacked.clone();
            tokio::spawn(async move {
                if let Ok(findings) = over.await {
                    // Nobody is told once the input has ended.
                    let _ = attacked.send((seat, how, findings)).await;
                }
            });
        }
        Line::Bot(seat, order) => {
            let bot = bots.get(&seat).with_context(|| format!("no bot has seat {seat}"))?;
            if !bot.order(*order).await {
                bail!("the bot of seat {seat} has ended");
            }
        }
    }
    Ok(true)
}

/// What is heard in each seat's slot.
fn voices(report: &Report) -> BTreeMap<Seat, HeardReport> {
    report.slots.iter().filter_map(|slot| Some((slot.seat?, slot.heard?))).collect()
}

/// Whether two hearings are the same but for their scores.
fn alike(a: &BTreeMap<Seat, HeardReport>, b: &BTreeMap<Seat, HeardReport>) -> bool {
    let kind = |heard: &HeardReport| match heard {
        HeardReport::Voice { seat, .. } => (4, Some(*seat)),
        HeardReport::Unknown { .. } => (3, None),
        HeardReport::Silence => (2, None),
        HeardReport::TooShort => (1, None),
        HeardReport::NotListenedTo => (5, None),
        HeardReport::Nothing => (0, None),
    };
    a.len() == b.len() && a.iter().zip(b).all(|(a, b)| a.0 == b.0 && kind(a.1) == kind(b.1))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn commands_of_the_wire_and_actions_are_told_apart() {
        let Line::Bot(Seat(3), order) = parse(r#"{"seat":3,"do":"request_floor"}"#).expect("valid")
        else {
            panic!()
        };
        assert!(matches!(*order, Order::Ask(Command::RequestFloor)));
        let Line::Bot(Seat(0), order) =
            parse(r#"{"seat":0,"do":"grant_floor","to":2}"#).expect("valid")
        else {
            panic!()
        };
        assert!(matches!(*order, Order::Ask(Command::GrantFloor { seat: Seat(2) })));
        let Line::Bot(_, order) =
            parse(r#"{"seat":0,"do":"drop","how":"everything"}"#).expect("valid")
        else {
            panic!()
        };
        assert!(matches!(*order, Order::Drop(Drop::Everything)));
        assert!(matches!(
            parse(r#"{"seat":6,"do":"attack","how":"forge_ssrc"}"#).expect("valid"),
            Line::Attack(Seat(6), Attack::ForgeSsrc)
        ));
        let asked = |line: &str| match parse(line).expect("valid") {
            Line::Bot(_, order) => match *order {
                Order::Ask(command) => command,
                other => panic!("{other:?}"),
            },
            other => panic!("{other:?}"),
        };
        let line = r#"{"seat":1,"do":"yield_floor","to":4}"#;
        assert_eq!(asked(line), Command::YieldFloor { to: Some(Seat(4)) });
        let line = r#"{"seat":1,"do":"cast_ballot","ballot":{"ballot":"for","option":1}}"#;
        assert_eq!(asked(line).name(), "cast_ballot");
        let line = r#"{"seat":1,"do":"add_entry","entry":{"kind":"note","text":"x"}}"#;
        assert_eq!(asked(line).name(), "add_entry");
        let line = r#"{"seat":0,"do":"command","command":{"do":"name_client","seat":4}}"#;
        assert_eq!(asked(line), Command::NameClient { seat: Seat(4) });
        assert!(matches!(parse(r#"{"do":"report"}"#).expect("valid"), Line::Report(None)));
        assert!(matches!(parse(r#"{"do":"quit"}"#).expect("valid"), Line::Quit));
    }

    #[test]
    fn anything_else_is_refused() {
        for line in [
            "",
            "[]",
            r#"{"seat":3}"#,
            r#"{"do":"request_floor"}"#,
            r#"{"seat":3,"do":"fly"}"#,
            r#"{"seat":3,"do":"drop"}"#,
            r#"{"do":"attack","how":"forge_ssrc"}"#,
            r#"{"seat":6,"do":"attack","how":"ask_nicely"}"#,
        ] {
            assert!(parse(line).is_err(), "{line}");
        }
    }
}
