//! One server under one load, from its start to its end.

use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};

use crate::client::camera::Rate;
use crate::client::load::Load;
use crate::client::person::Person;
use crate::figures::Run;
use crate::peer::{Peer, Running};
use crate::process::{Berth, Usage, resident};

/// How many are in the room.
pub(crate) const PEOPLE: u8 = 8;

/// A stream that did not begin in so many warm-ups will not.
const WARM_UPS: usize = 5;

/// How long things take.
#[derive(Debug, Clone, Copy)]
pub(crate) struct Times {
    /// What is thrown away of each measurement: caches fill, buffers and estimates settle.
    pub(crate) warm_up: Duration,
    /// What is measured.
    pub(crate) measured: Duration,
}

/// Starts a server, fills a room, measures, stops it.
///
/// # Errors
/// When the server does not do what it was asked to.
pub(crate) async fn measure(
    peer: &dyn Peer,
    berth: &Berth,
    rate: Rate,
    times: Times,
) -> Result<Run> {
    let mut running = peer.start(berth).await.context("starting it")?;
    let run = room(running.as_mut(), rate, times).await;
    match run {
        Ok(run) => {
            running.stop().await?;
            Ok(run)
        }
        Err(error) => {
            let words = running.server().last_words();
            // It may have ended, which is then why; it is killed with this value anyway.
            let _ = running.stop().await;
            Err(error.context(format!("its last words: {words}")))
        }
    }
}

async fn room(running: &mut dyn Running, rate: Rate, times: Times) -> Result<Run> {
    let pid = running.server().pid();
    running.open_room(PEOPLE).await.context("opening a room")?;
    let (mut people, mut joins) = (Vec::new(), Vec::new());
    for seat in 0..PEOPLE {
        let started = Instant::now();
        people.push(running.join(seat).await.with_context(|| format!("joining, seat {seat}"))?);
        joins.push(started.elapsed());
    }
    joins.sort_unstable();
    for (person, seat) in people.iter_mut().zip(0..) {
        let subscribed = running.subscribe(seat, person).await;
        subscribed.with_context(|| format!("subscribing, seat {seat}"))?;
    }
    let mut load = Load::new(rate, &mut people)?;
    let all = 2 * (usize::from(PEOPLE) - 1);
    let warm = move || -> Result<(Load, Vec<Person>)> {
        // On a busy machine a stream may be late to begin.
        for _ in 0..WARM_UPS {
            load.run(&mut people, times.warm_up)?;
            if people.iter().all(|person| person.streams() == all) {
                break;
            }
        }
        Ok((load, people))
    };
    let (mut load, mut people) = tokio::task::spawn_blocking(warm).await??;
    for (person, seat) in people.iter().zip(0_u8..) {
        let streams = person.streams();
        ensure!(streams == all, "seat {seat} receives {streams} streams of {all}");
    }
    let told = running.forwarded().await.context("asking what it forwarded")?;
    let measured = move || -> Result<_> {
        let before = Usage::read(pid)?;
        let figures = load.run(&mut people, times.measured)?;
        let busy = Usage::read(pid)?.since(before)?;
        // People stay until what they did is counted.
        Ok((figures, busy, people))
    };
    let (figures, busy, people) = tokio::task::spawn_blocking(measured).await??;
    let forwarded = running.forwarded().await.context("asking what it forwarded")? - told;
    let resident = resident(pid)?;
    let terms = people.first().context("a room of nobody")?.terms();
    drop(people);
    Ok(Run {
        busy,
        time: figures.time,
        clients: figures.clients,
        sent: figures.sent,
        expected: figures.expected,
        received: figures.taken.packets,
        forwarded,
        rtx: figures.taken.rtx,
        compounds: figures.taken.compounds,
        nacks: figures.taken.nacks,
        latencies: figures.latencies,
        joins,
        resident,
        terms,
    })
}
