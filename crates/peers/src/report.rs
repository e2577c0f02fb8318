//! What is printed: what was compared, and tables that `docs/BENCHMARKS.md` can take as they are.

use std::fmt::Write as _;
use std::io::Write as _;

use anyhow::{Context as _, Result};

use crate::Cli;
use crate::client::camera::{AUDIO_BYTES, Rate, Size, VIDEO_BYTES};
use crate::figures::{Run, Spread, ratios};
use crate::measure::PEOPLE;
use crate::peer::Peer;

/// Tells whoever ran this how it goes.
pub(crate) fn say(line: &str) {
    // Nothing is left to tell when standard error itself is gone.
    let _ = writeln!(std::io::stderr(), "{line}");
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("standard output is closed")
}

/// What is compared, on what.
pub(crate) fn about(peers: &[Box<dyn Peer>], cli: &Cli) -> Result<()> {
    let read = |file: &str| std::fs::read_to_string(file).unwrap_or_default();
    let processor = read("/proc/cpuinfo");
    let processor = processor.lines().find_map(|line| line.strip_prefix("model name\t: "));
    let mut text = String::new();
    writeln!(
        text,
        "One room of {PEOPLE}, all sending and all received: {AUDIO_BYTES} bytes of sound 50 times a \
         second, VP8 without simulcast in packets of at most {VIDEO_BYTES} bytes; AES-128-GCM."
    )?;
    writeln!(
        text,
        "Linux {}, {}; load average {}; servers on processor {}, clients on {}, nice {}; {} repeats \
         of {} s after {} s.",
        read("/proc/sys/kernel/osrelease").trim(),
        processor.unwrap_or("unknown processor"),
        load_average(),
        cli.server_processor,
        cli.clients_processor,
        cli.nice,
        cli.repeats,
        cli.seconds,
        cli.warm_up,
    )?;
    let segmentation = if cli.no_segmentation { "cuts no batches" } else { "takes batches (GSO)" };
    writeln!(text, "Two network namespaces joined by veth; the servers' end {segmentation}.")?;
    for peer in peers {
        writeln!(text, "\n{}:", peer.name())?;
        for line in peer.about()? {
            writeln!(text, "  {line}")?;
        }
    }
    text.push('\n');
    print(&text)
}

fn load_average() -> String {
    let text = std::fs::read_to_string("/proc/loadavg").unwrap_or_default();
    text.split(' ').take(3).collect::<Vec<_>>().join(" ")
}

/// One run, as it ends.
pub(crate) fn progress(rate: Rate, name: &str, run: &Run) {
    say(&format!(
        "{:14} {name:14} {:6.2} µs, {:.2} of its processor, {:.3} ms p50, {:.2} p99, {} packets, {} lost; \
         clients {:.2}; load {}",
        rate.name,
        run.cost(),
        run.share(),
        run.latency(0.5),
        run.latency(0.99),
        run.received,
        run.expected.saturating_sub(run.received),
        run.clients_share(),
        load_average(),
    ));
}

/// The tables, as they grow.
#[derive(Debug, Default)]
pub(crate) struct Lines {
    figures: String,
    ratios: String,
    work: String,
    /// What each server agreed to, as long as it is the same at all loads.
    terms: Vec<String>,
}

fn spread(runs: &[Run], digits: usize, pick: impl Fn(&Run) -> f64) -> String {
    Spread::of(runs.iter().map(pick)).map_or_else(String::new, |spread| written(spread, digits))
}

fn written(Spread { median, least, most }: Spread, digits: usize) -> String {
    format!("{median:.digits$} ({least:.digits$}–{most:.digits$})")
}

impl Lines {
    /// Adds what a load gave.
    pub(crate) fn add(&mut self, rate: Rate, peers: &[Box<dyn Peer>], runs: &[Vec<Run>]) {
        let ours = &runs[0];
        for (peer, runs) in peers.iter().zip(runs) {
            let (name, load) = (peer.name(), rate.name);
            let mib = |run: &Run| run.resident as f64 / f64::from(1 << 20);
            let columns = [
                spread(runs, 2, Run::cost),
                spread(runs, 2, |run| run.latency(0.50)),
                spread(runs, 2, |run| run.latency(0.95)),
                spread(runs, 2, |run| run.latency(0.99)),
                spread(runs, 3, |run| 100.0 * run.loss()),
                spread(runs, 1, |run| run.join(0.5)),
                spread(runs, 1, |run| run.join(1.0)),
                spread(runs, 1, mib),
            ];
            // Writing to a string cannot fail.
            let _ = writeln!(self.figures, "| {load} | {name} | {} |", columns.join(" | "));
            let sum = |pick: fn(&Run) -> u64| runs.iter().map(pick).sum::<u64>();
            let work = [
                per_second(rate),
                sum(|run| run.sent).to_string(),
                sum(|run| run.expected).to_string(),
                sum(|run| run.received).to_string(),
                sum(|run| run.forwarded).to_string(),
                sum(|run| run.rtx).to_string(),
                sum(|run| run.compounds).to_string(),
                sum(|run| run.nacks).to_string(),
                spread(runs, 2, Run::share),
                spread(runs, 2, Run::clients_share),
            ];
            let _ = writeln!(self.work, "| {load} | {name} | {} |", work.join(" | "));
            for [up, down] in runs.iter().map(|run| &run.terms) {
                let line = format!("{name}:\n  sent: {up}\n  received: {down}\n");
                if !self.terms.contains(&line) {
                    self.terms.push(line);
                }
            }
            if std::ptr::eq(runs, ours) {
                continue;
            }
            let ratio = |pick: fn(&Run) -> f64| {
                ratios(runs, ours, pick).map_or_else(String::new, |spread| written(spread, 2))
            };
            let columns = [
                ratio(Run::cost),
                ratio(|run| run.latency(0.50)),
                ratio(|run| run.latency(0.99)),
                ratio(|run| run.resident as f64),
            ];
            let _ = writeln!(self.ratios, "| {load} | {name} | {} |", columns.join(" | "));
        }
    }

    /// Prints them.
    ///
    /// # Errors
    /// When standard output is closed.
    pub(crate) fn print(&self) -> Result<()> {
        let text = format!(
            "Medians (least–most).\n\n\
             | video | | cost, µs | p50, ms | p95, ms | p99, ms | lost, % | join p50, ms | the slowest | memory, MiB |\n\
             |---|---|---|---|---|---|---|---|---|---|\n{}\n\
             Theirs ÷ ours, repeat by repeat.\n\n\
             | video | | cost | p50 | p99 | memory |\n|---|---|---|---|---|---|\n{}\n\
             The work, all repeats together: packets, and shares of a processor.\n\n\
             | video | | forwarded each second | sent | expected | received | server's own count | \
             RTX | RTCP | NACK | server | clients |\n|---|---|---|---|---|---|---|---|---|---|---|---|\n{}\n\
             What was agreed, by the descriptions:\n{}\n\
             Load average at the end: {}.\n",
            self.figures,
            self.ratios,
            self.work,
            self.terms.concat(),
            load_average()
        );
        print(&text)
    }
}

/// How many packets a second the servers forward, where that is known beforehand.
fn per_second(rate: Rate) -> String {
    let people = u32::from(PEOPLE);
    match rate.size {
        Size::Fixture => String::new(),
        Size::Packets(count) => {
            let each = 50 + rate.frames * u32::from(count);
            (people * (people - 1) * each).to_string()
        }
    }
}
