//! Which plots a run deserves.

use super::super::limit::Level;
use super::super::raw::RawRun;
use super::super::report::{Distribution, Summary};
use super::super::series::Second;
use super::plot::{Axis, POINTS, Plot, Shape, number};
use super::words::{self, mebibytes, rung_name};
use crate::samples::Samples;

/// A plot with its words.
pub(crate) struct Figure {
    pub(crate) title: String,
    /// How to read it, in a sentence.
    pub(crate) says: String,
    pub(crate) plot: Plot,
}

impl Figure {
    fn new(title: &str, says: &str, x: Axis, y: Axis) -> Self {
        let about = format!("{title}. {says}");
        Self { title: title.to_owned(), says: says.to_owned(), plot: Plot::new(&about, x, y) }
    }
}

/// A run's seconds with the time they are at, few enough to draw.
struct Timeline {
    /// In units of `unit`.
    at: Vec<f64>,
    seconds: Vec<Second>,
    /// How many seconds one point stands for.
    width: f64,
    unit: &'static str,
}

impl Timeline {
    fn of(run: &RawRun) -> Self {
        let step = run.series.len().div_ceil(POINTS).max(1);
        let began = run.began_at_ms as f64 / 1_000.0;
        let (unit, divisor) = match run.seconds {
            length if length > 7_200.0 => ("h", 3_600.0),
            length if length > 300.0 => ("min", 60.0),
            _ => ("s", 1.0),
        };
        let (mut at, mut seconds) = (Vec::new(), Vec::new());
        for chunk in run.series.chunks(step) {
            let Some((first, rest)) = chunk.split_first() else { continue };
            at.push((first.at as f64 - began).max(0.0) / divisor);
            seconds.push(rest.iter().fold(first.clone(), |mut sum, next| {
                sum.then(next);
                sum
            }));
        }
        Self { at, seconds, width: step as f64, unit }
    }

    fn x(&self) -> Axis {
        Axis::linear(&format!("time ({})", self.unit))
    }

    fn points(&self, value: impl Fn(&Second) -> Option<f64>) -> Vec<(f64, f64)> {
        let both = self.at.iter().zip(&self.seconds);
        both.filter_map(|(at, second)| Some((*at, value(second)?))).collect()
    }

    fn told(&self, text: impl Fn(&Second) -> String) -> Vec<(f64, String)> {
        let both = self.at.iter().zip(&self.seconds);
        both.map(|(at, second)| (*at, format!("{} {}: {}", number(*at), self.unit, text(second))))
            .collect()
    }
}

/// Every plot of a run that has something to show.
pub(super) fn all(run: &RawRun, summary: &Summary) -> Vec<Figure> {
    let time = Timeline::of(run);
    let mut figures: Vec<Figure> = growth(run).into_iter().map(|(_, figure)| figure).collect();
    figures.extend([
        latency(&time),
        distribution(&run.totals.audio_latency_ms, &run.totals.video_latency_ms),
        rooms_and_cpu(run, &time),
        people(&time),
        cpu(&time),
        memory(&time),
        losses(&time),
        returns(summary),
        lateness(&time),
    ]);
    figures.retain(|figure| !figure.plot.is_empty());
    figures
}

fn latency(time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "Latency of sound over time",
        "From one person to another, each second. Each gridline is ten times the one below.",
        time.x(),
        Axis::log("latency (ms)"),
    );
    let of = |percent: f64| {
        time.points(move |second| {
            (second.audio_latency_ms.count() > 0)
                .then(|| second.audio_latency_ms.percentile(percent).max(0.01))
        })
    };
    let plot = &mut figure.plot;
    plot.add("99 of 100", 2, Shape::Line, of(99.0));
    plot.add("95 of 100", 3, Shape::Line, of(95.0));
    plot.add("half", 1, Shape::Line, of(50.0));
    plot.told = time.told(|second| {
        let of = second.audio_latency_ms.distribution();
        format!(
            "half within {} ms, 95 of 100 within {} ms, 99 of 100 within {} ms, longest {} ms",
            number(of.p50),
            number(of.p95),
            number(of.p99),
            number(of.max)
        )
    });
    figure
}

/// How many of 100 took no longer.
fn cumulated(samples: &Samples) -> Vec<(f64, f64)> {
    let all = samples.count() as f64;
    let step = samples.classes().count().div_ceil(POINTS).max(1);
    let (mut sum, mut points) = (0, Vec::new());
    let classes: Vec<_> = samples.classes().collect();
    for (index, (value, count)) in classes.iter().enumerate() {
        sum += count;
        if index % step == 0 || index + 1 == classes.len() {
            points.push((value.max(0.01), sum as f64 / all * 100.0));
        }
    }
    points
}

fn distribution(audio: &Samples, video: &Samples) -> Figure {
    let mut figure = Figure::new(
        "Distribution of latency",
        "How many of 100 packets arrived within this time. The steeper and further left, the better.",
        Axis::log("latency (ms)"),
        Axis::linear("packets within it (%)"),
    );
    let plot = &mut figure.plot;
    for (name, colour, samples) in [("sound", 1, audio), ("pictures", 2, video)] {
        if samples.count() > 0 {
            plot.add(name, colour, Shape::Line, cumulated(samples));
        }
    }
    let steps = [1, 2, 5];
    for at in (-2..5).flat_map(|power| steps.map(|step| f64::from(step) * 10_f64.powi(power))) {
        let within = |samples: &Samples| {
            let count: u64 = samples.classes().filter(|(v, _)| *v <= at).map(|(_, n)| n).sum();
            number(count as f64 / samples.count().max(1) as f64 * 100.0)
        };
        plot.told.push((
            at,
            format!(
                "within {} ms: {} % of sound, {} % of pictures",
                number(at),
                within(audio),
                within(video)
            ),
        ));
    }
    let drawn = plot.points.iter().flat_map(|points| points.at.iter().map(|at| at.0));
    let (low, high) =
        drawn.fold((f64::INFINITY, 0.0_f64), |(low, high), at| (low.min(at), high.max(at)));
    plot.told.retain(|(at, _)| (low..=high).contains(at));
    figure
}

/// What a dot is when so many seconds are put together in one.
fn dots(width: f64) -> String {
    if width > 1.0 {
        format!("Each dot is {width} seconds: the busiest of them, and the rooms in the last.")
    } else {
        "Each dot is a second.".to_owned()
    }
}

fn rooms_and_cpu(run: &RawRun, time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "Rooms against the server’s CPU",
        &format!("{} 100 % is one processor.", dots(time.width)),
        Axis::linear("rooms"),
        Axis::linear("server CPU (% of one processor)"),
    );
    let rooms = || time.seconds.iter().map(|second| second.rooms);
    // Rooms that only begin and end together tell nothing.
    let varied = rooms().max().zip(rooms().min()).is_some_and(|(most, least)| most - least >= 3);
    // A plan's levels show it better.
    if varied && run.levels.is_empty() {
        let cpu = |second: &Second| Some((second.rooms as f64, second.server_cpus? * 100.0));
        figure.plot.add("seconds", 1, Shape::Dots, time.seconds.iter().filter_map(cpu).collect());
    }
    figure
}

fn people(time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "People connected",
        "Bots whose sound and pictures flow.",
        time.x(),
        Axis::linear("people"),
    );
    figure.plot.add(
        "connected",
        1,
        Shape::Line,
        time.points(|second| Some(second.connected as f64)),
    );
    figure.plot.told = time.told(|second| {
        format!(
            "{} people connected in {} rooms, {} joined, {} came back",
            second.connected, second.rooms, second.counts.joins, second.counts.reconnections
        )
    });
    figure
}

fn cpu(time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "CPU",
        "100 % is one processor kept busy.",
        time.x(),
        Axis::linear("CPU (% of one processor)"),
    );
    let server = time.points(|second| Some(second.server_cpus? * 100.0));
    if !server.is_empty() {
        figure.plot.add("server", 1, Shape::Line, server);
    }
    let generators = time.points(|second| Some(second.generator_cpus * 100.0));
    figure.plot.add("load generator", 2, Shape::Line, generators);
    figure.plot.told = time.told(|second| {
        let percent = |cpus: f64| format!("{} %", number(cpus * 100.0));
        format!(
            "server {}, load generator {}",
            second.server_cpus.map_or_else(|| "unknown".to_owned(), percent),
            percent(second.generator_cpus)
        )
    });
    figure
}

fn memory(time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "Memory of the server",
        "What its process holds.",
        time.x(),
        Axis::linear("memory (MiB)"),
    );
    let memory = time.points(|second| Some(second.server_rss_bytes? as f64 / 1_048_576.0));
    figure.plot.add("server", 1, Shape::Line, memory);
    figure.plot.told =
        time.told(|second| second.server_rss_bytes.map_or_else(|| "unknown".to_owned(), mebibytes));
    figure
}

fn losses(time: &Timeline) -> Figure {
    let says = "Packets that were sent to people and never came, and pictures that stood still.";
    let width = time.width;
    let each = if width > 1.0 { format!("in {} s", number(width)) } else { "a second".to_owned() };
    let mut figure =
        Figure::new("Losses", says, time.x(), Axis::linear(&format!("packets lost {each}")));
    let lost = time.points(|second| Some(second.counts.lost.max(0) as f64));
    // That there was none is said in words: an empty plot shows nothing.
    let none = lost.iter().all(|(_, lost)| *lost == 0.0);
    figure.plot.add("lost", 2, Shape::Bars, if none { Vec::new() } else { lost });
    figure.plot.told = time.told(|second| {
        format!(
            "{} lost of {}, {} pictures stood still",
            second.counts.lost.max(0),
            second.counts.expected,
            second.counts.freezes
        )
    });
    figure
}

/// One column for each rung: where half, 95 of 100 and the last one lie.
fn returns(summary: &Summary) -> Figure {
    let mut figure = Figure::new(
        "Coming back after a drop",
        "From the drop to being back, by the way taken and how often it was.",
        Axis::linear(""),
        Axis::linear("time (s)"),
    );
    let name = |(index, (rung, of)): (usize, (&String, &Distribution))| {
        ((index + 1) as f64, format!("{} ({}×)", rung_name(rung), of.count))
    };
    figure.plot.x.names = summary.reconnect_seconds.iter().enumerate().map(name).collect();
    let of = |pick: fn(&Distribution) -> f64| {
        let each = summary.reconnect_seconds.values().enumerate();
        each.map(|(index, of)| ((index + 1) as f64, pick(of))).collect::<Vec<_>>()
    };
    let plot = &mut figure.plot;
    plot.add("longest", 2, Shape::Bars, of(|of| of.max));
    plot.add("95 of 100", 3, Shape::Dots, of(|of| of.p95));
    plot.add("half", 1, Shape::Dots, of(|of| of.p50));
    plot.told = summary
        .reconnect_seconds
        .iter()
        .enumerate()
        .map(|(index, (rung, of))| {
            let text = format!(
                "{}: half within {} s, 95 of 100 within {} s, longest {} s",
                rung_name(rung),
                number(of.p50),
                number(of.p95),
                number(of.max)
            );
            ((index + 1) as f64, text)
        })
        .collect();
    figure
}

fn lateness(time: &Timeline) -> Figure {
    let mut figure = Figure::new(
        "Was the load generator in time?",
        "How late bots sent. When this rises while the server is not full, latency above is the generator’s.",
        time.x(),
        Axis::log("lateness (ms)"),
    );
    let late = time.points(|second| {
        (second.send_late_ms.count() > 0).then(|| second.send_late_ms.percentile(99.0).max(0.01))
    });
    figure.plot.add("99 of 100", 2, Shape::Line, late);
    figure.plot.told = time.told(|second| {
        format!("99 of 100 within {} ms", number(second.send_late_ms.percentile(99.0)))
    });
    figure
}

/// What more rooms cost, with the name of each plot's file.
pub(super) fn growth(run: &RawRun) -> Vec<(&'static str, Figure)> {
    let each = |value: &dyn Fn(&Level) -> Option<f64>| {
        let levels = run.levels.iter();
        let mut at: Vec<(f64, f64)> =
            levels.filter_map(|level| Some((f64::from(level.rooms), value(level)?))).collect();
        // A search goes up and down.
        at.sort_by(|a, b| a.0.total_cmp(&b.0));
        at
    };
    let rooms = || Axis::log("rooms");
    let mut cpu = Figure::new(
        "Server CPU by number of rooms",
        "100 % is one processor kept busy.",
        Axis::linear("rooms"),
        Axis::linear("server CPU (% of one processor)"),
    );
    cpu.plot.add("server", 1, Shape::Marked, each(&|level| Some(level.server_cpus? * 100.0)));
    let mut packet = Figure::new(
        "Server CPU for each packet forwarded",
        "Its fixed costs are shared by more packets as rooms are added.",
        rooms(),
        Axis::linear("processor time (µs)"),
    );
    let ns = each(&|level| Some(level.server_cpu_ns_per_forwarded_packet? / 1_000.0));
    packet.plot.add("server", 1, Shape::Marked, ns);
    let mut latency = Figure::new(
        "Latency of sound by number of rooms",
        "From one person to another.",
        rooms(),
        Axis::log("latency (ms)"),
    );
    let heard = |level: &Level| (level.audio_latency_ms.count > 0).then_some(());
    let p99 = each(&|level| heard(level).map(|()| level.audio_latency_ms.p99.max(0.01)));
    let p50 = each(&|level| heard(level).map(|()| level.audio_latency_ms.p50.max(0.01)));
    latency.plot.add("99 of 100", 2, Shape::Marked, p99);
    latency.plot.add("half", 1, Shape::Marked, p50);
    let mut memory = Figure::new(
        "Server memory by number of rooms",
        "What its process holds, where there had not been more rooms before.",
        Axis::linear("rooms"),
        Axis::linear("memory (MiB)"),
    );
    let rss = each(&|level| {
        level.server_rss_bytes_per_room?;
        Some(level.server_rss_bytes? as f64 / 1_048_576.0)
    });
    memory.plot.add("server", 1, Shape::Marked, rss);
    let mut each_room = Figure::new(
        "Server memory for each room",
        "What rooms added to it since there was none, shared out.",
        rooms(),
        Axis::linear("memory (KiB)"),
    );
    let kib = each(&|level| Some(level.server_rss_bytes_per_room? / 1_024.0));
    each_room.plot.add("server", 1, Shape::Marked, kib);
    let mut per_processor = Figure::new(
        "Rooms that one processor carries",
        "If what they cost grows with their number.",
        rooms(),
        Axis::linear("rooms"),
    );
    let carries = each(&|level| level.rooms_per_processor);
    per_processor.plot.add("server", 1, Shape::Marked, carries);
    let mut all = vec![
        ("load-cpu", cpu),
        ("load-cpu-per-packet", packet),
        ("load-latency", latency),
        ("load-memory", memory),
        ("load-memory-per-room", each_room),
        ("load-rooms-per-processor", per_processor),
    ];
    all.retain(|(_, figure)| !figure.plot.is_empty());
    for (_, figure) in &mut all {
        // What was refused was not watched.
        let watched = run.levels.iter().filter(|level| level.opened == level.rooms);
        let told = watched.map(|level| (f64::from(level.rooms), words::level(level)));
        figure.plot.told = told.collect();
        figure.plot.told.sort_by(|a, b| a.0.total_cmp(&b.0));
    }
    all
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_dot_of_many_seconds_is_not_called_one() {
        assert_eq!(dots(1.0), "Each dot is a second.");
        assert!(dots(72.0).contains("72 seconds"));
    }
}
