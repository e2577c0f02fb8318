//! What a page says in words.

use super::super::limit::Level;
use super::super::raw::RawRun;
use super::super::report::{Assertion, Distribution, Summary};
use super::plot::number;

pub(super) const FOOTER: &str = "Bots joined by the public wire protocol with real ICE, DTLS and SRTP, spoke \
     recorded speech and sent moving pictures. Latency is from the moment one bot hands a packet to its network until another \
     has received it: all share one clock. A picture stood still when the next one came later than three \
     times the usual interval, and 150 ms more than it, as browsers count it. “99 of 100” is the 99th percentile.";

/// 17 May 2027, 14:05 UTC · the rest.
pub(super) fn when_and_what(run: &RawRun, summary: &Summary) -> String {
    let mut parts = vec![date(run.began_at_ms)];
    parts.push(format!(
        "{} of {} people in {}",
        count(summary.rooms as u64, "room", "rooms"),
        summary.people,
        duration(summary.seconds)
    ));
    if !run.tested.template.is_empty() {
        parts.push(format!("template {}", run.tested.template));
    }
    parts.push(match summary.mode.as_str() {
        "ramp" => "rooms added step by step".to_owned(),
        "soak" => "long run".to_owned(),
        "find_limit" => "search for the most rooms".to_owned(),
        _ => "steady load".to_owned(),
    });
    if summary.generators > 1 {
        parts.push(format!("{} generators", summary.generators));
    }
    parts.join(" · ")
}

pub(super) fn verdict(summary: &Summary) -> String {
    let failed = summary.assertions.iter().filter(|one| !one.held).count();
    let of = summary.assertions.len();
    match (&summary.limit, failed) {
        (Some(limit), 0) => limit.says.clone(),
        (None, 0) if of > 0 => format!("Passed: all {of} checks held"),
        (None, 0) => "Failed: nothing was checked".to_owned(),
        (Some(limit), failed) => {
            format!("Failed: {failed} of {of} checks did not hold. {}", limit.says)
        }
        (None, failed) => format!("Failed: {failed} of {of} checks did not hold"),
    }
}

pub(super) fn failure(one: &Assertion) -> String {
    let found = one.found.trim_start_matches('(').trim_end_matches(')');
    if found.is_empty() { one.what.clone() } else { format!("{} — {found}", one.what) }
}

/// The most rooms that a search found to hold, as they were when watched for longest: what a search measures
/// beyond them says what a server does that has too many.
fn at_the_limit(summary: &Summary) -> Option<&Level> {
    let limit = summary.limit.as_ref()?;
    let held = summary.levels.iter().filter(|level| level.broke.is_none());
    held.filter(|level| level.rooms == limit.rooms).max_by_key(|level| level.seconds)
}

/// What happened, for whoever reads one paragraph.
pub(super) fn story(summary: &Summary) -> String {
    let mut says = Vec::new();
    if let Some(level) = at_the_limit(summary) {
        says.push(format!(
            "With {} people in {}, 99 of 100 pieces of sound reached the others within {} ms, and {} % of packets \
             were lost.",
            level.people,
            count(u64::from(level.rooms), "room", "rooms"),
            number(level.audio_latency_ms.p99),
            number(level.lost_percent),
        ));
        says.push(leaks(summary));
        return says.join(" ");
    }
    if summary.audio_latency_ms.count > 0 {
        says.push(format!(
            "99 of 100 pieces of sound reached the others within {} ms.",
            number(summary.audio_latency_ms.p99)
        ));
    }
    if summary.packets_expected > 0 {
        says.push(match summary.packets_lost {
            0 => format!(
                "Of {} packets sent to people, none was lost.",
                number(summary.packets_expected as f64)
            ),
            lost => format!(
                "Of {} packets sent to people, {} were lost ({} %).",
                number(summary.packets_expected as f64),
                number(lost as f64),
                number(lost_percent(summary))
            ),
        });
        says.push(leaks(summary));
    }
    let returns: u64 = summary.reconnect_seconds.values().map(|of| of.count).sum();
    if returns > 0 {
        let longest = summary.reconnect_seconds.values().map(|of| of.max).fold(0.0, f64::max);
        says.push(format!(
            "People dropped and came back {}, after {} s at most.",
            match returns {
                1 => "once".to_owned(),
                2 => "twice".to_owned(),
                more => format!("{more} times"),
            },
            number(longest)
        ));
    }
    says.join(" ")
}

fn leaks(summary: &Summary) -> String {
    match summary.leaked_packets {
        0 => "Nobody was heard or seen who had no right to be.".to_owned(),
        leaked => format!("{} packets reached people they were not for.", number(leaked as f64)),
    }
}

pub(super) fn lost_percent(summary: &Summary) -> f64 {
    if summary.packets_expected == 0 {
        return 0.0;
    }
    summary.packets_lost as f64 / summary.packets_expected as f64 * 100.0
}

/// The figures that matter most.
pub(super) fn tiles(summary: &Summary) -> Vec<(String, String)> {
    let mut tiles = Tiles::default();
    if let Some(limit) = &summary.limit {
        tiles.add(limit.rooms.to_string(), "rooms of this kind at most");
    }
    match at_the_limit(summary) {
        Some(level) => tiles.of_the_limit(level),
        None => tiles.of_the_run(summary),
    }
    tiles.add(number(summary.leaked_packets as f64), "packets that reached the wrong people");
    if summary.refused_share > 0.0 {
        tiles.add(
            format!("{} %", number(summary.refused_share * 100.0)),
            "of attempts to get in were turned away",
        );
    }
    // Of the most rooms that held: what a few cost is for the most part fixed.
    let most = summary.limit.as_ref().map_or(u16::MAX, |limit| limit.rooms);
    let held = |level: &&Level| level.broke.is_none() && level.rooms <= most;
    let of_most = |value: fn(&Level) -> Option<f64>| {
        let held = summary.levels.iter().filter(held);
        let known = held.filter_map(|level| Some((level.rooms, value(level)?)));
        known.max_by_key(|(rooms, _)| *rooms).map(|(_, value)| value)
    };
    if let Some(rooms) = of_most(|level| level.rooms_per_processor) {
        tiles.add(number(rooms), "rooms of this kind on one processor");
    }
    if let Some(bytes) = of_most(|level| level.server_rss_bytes_per_room) {
        tiles.add(kibibytes(bytes), "server memory for each room");
    }
    tiles.0
}

#[derive(Default)]
struct Tiles(Vec<(String, String)>);

impl Tiles {
    fn add(&mut self, value: String, what: &str) {
        self.0.push((value, what.to_owned()));
    }

    fn sound(&mut self, latency: &Distribution) {
        if latency.count > 0 {
            let value = format!("{} ms", number(latency.p99));
            self.add(value, "sound from one to the other, 99 of 100");
        }
    }

    fn cpu_of_a_packet(&mut self, ns: Option<f64>) {
        if let Some(ns) = ns {
            self.add(
                format!("{} µs", number(ns / 1_000.0)),
                "server CPU for each packet forwarded",
            );
        }
    }

    fn of_the_limit(&mut self, level: &Level) {
        self.add(number(level.people as f64), "people at once");
        self.sound(&level.audio_latency_ms);
        self.add(format!("{} %", number(level.lost_percent)), "packets lost");
        if let Some(cpus) = level.server_cpus {
            self.add(format!("{} %", number(cpus * 100.0)), "server CPU (100 %: one processor)");
        }
        self.cpu_of_a_packet(level.server_cpu_ns_per_forwarded_packet);
    }

    fn of_the_run(&mut self, summary: &Summary) {
        self.sound(&summary.audio_latency_ms);
        self.add(format!("{} %", number(lost_percent(summary))), "packets lost");
        if summary.join_seconds.count > 0 {
            self.add(format!("{} s", number(summary.join_seconds.p95)), "to join, 95 of 100");
        }
        if summary.floor_revoke_ms.count > 0 {
            self.add(
                format!("{} ms", number(summary.floor_revoke_ms.p99)),
                "to cut a microphone, 99 of 100",
            );
        }
        if summary.speech.windows > 0 {
            self.add(
                format!("{} %", number(summary.speech.recognised_share * 100.0)),
                "of speech recognised by listeners",
            );
        }
        if summary.video_latency_ms.count > 0 {
            self.add(number(summary.freezes as f64), "times a picture stood still");
        }
        self.cpu_of_a_packet(summary.server_cpu_ns_per_forwarded_packet);
        if let Some(rss) = summary.server_rss_bytes {
            self.add(mebibytes(rss), "server memory in the end");
        }
    }
}

pub(super) fn measured(summary: &Summary) -> Vec<(String, &'static str, &Distribution)> {
    let mut all = vec![
        ("Joining, until sound and pictures flow".to_owned(), "s", &summary.join_seconds),
        ("Sound, from one person to another".to_owned(), "ms", &summary.audio_latency_ms),
        ("Pictures, from one person to another".to_owned(), "ms", &summary.video_latency_ms),
        ("Floor given: until the first sound is heard".to_owned(), "ms", &summary.floor_grant_ms),
        ("Floor taken: until the last sound is heard".to_owned(), "ms", &summary.floor_revoke_ms),
    ];
    for (cause, of) in &summary.media_gap_ms {
        all.push((format!("Silence: {}", cause.replace('_', " ")), "ms", of));
    }
    for (rung, of) in &summary.reconnect_seconds {
        all.push((format!("Coming back: {}", rung_name(rung)), "s", of));
    }
    for (cause, of) in &summary.hear_again_seconds {
        let cause = cause.replace('_', " ");
        all.push((format!("All hear all again after: {cause}"), "s", of));
    }
    for (who, of) in &summary.welcome_seconds {
        let who = match who.as_str() {
            "first" => "who speaks or conducts",
            who => who,
        };
        all.push((format!("Let in again: {who}"), "s", of));
    }
    for (cause, of) in &summary.packets_lost_to {
        let cause = cause.replace('_', " ");
        all.push((format!("Lost by a room’s listeners in one fault: {cause}"), "packets", of));
    }
    all.retain(|(_, _, of)| of.count > 0);
    all
}

/// How many rooms there were, and how many there should have been where the server refused some.
pub(super) fn rooms(level: &Level) -> String {
    if level.opened == level.rooms {
        level.rooms.to_string()
    } else {
        format!("{} of {}", level.opened, level.rooms)
    }
}

/// What a number of rooms showed.
pub(super) fn level(level: &Level) -> String {
    let mut says = format!(
        "{}: sound half within {} ms, 99 of 100 within {} ms",
        count(u64::from(level.rooms), "room", "rooms"),
        number(level.audio_latency_ms.p50),
        number(level.audio_latency_ms.p99)
    );
    if let Some(cpus) = level.server_cpus {
        says += &format!(", server CPU {} %", number(cpus * 100.0));
    }
    if let Some(rss) = level.server_rss_bytes {
        says += &format!(", {}", mebibytes(rss));
    }
    says
}

pub(super) fn rung_name(rung: &str) -> String {
    match rung {
        "resume" => "same session".to_owned(),
        "new_transport" => "new session".to_owned(),
        other => other.replace('_', " "),
    }
}

pub(super) fn mebibytes(bytes: u64) -> String {
    format!("{} MiB", number(bytes as f64 / 1_048_576.0))
}

pub(super) fn kibibytes(bytes: f64) -> String {
    format!("{} KiB", number(bytes / 1_024.0))
}

fn count(n: u64, one: &str, many: &str) -> String {
    if n == 1 { format!("1 {one}") } else { format!("{n} {many}") }
}

pub(super) fn duration(seconds: f64) -> String {
    let whole = seconds.round() as u64;
    match whole {
        0..=119 => format!("{whole} s"),
        120..=7_199 => format!("{} min", (whole + 30) / 60),
        _ => format!("{} h", number(seconds / 3_600.0)),
    }
}

/// Of the Gregorian calendar, from milliseconds since 1970.
fn date(ms: u64) -> String {
    const MONTHS: [&str; 12] = [
        "January",
        "February",
        "March",
        "April",
        "May",
        "June",
        "July",
        "August",
        "September",
        "October",
        "November",
        "December",
    ];
    let minutes = ms / 60_000;
    let (mut days, minute) = (minutes / 1_440, minutes % 1_440);
    let leap = |year: u64| {
        year.is_multiple_of(4) && (!year.is_multiple_of(100) || year.is_multiple_of(400))
    };
    let mut year = 1_970;
    while days >= 365 + u64::from(leap(year)) {
        days -= 365 + u64::from(leap(year));
        year += 1;
    }
    let lengths = [31, 28 + u64::from(leap(year)), 31, 30, 31, 30, 31, 31, 30, 31, 30, 31];
    let mut month = 0;
    while days >= lengths[month] {
        days -= lengths[month];
        month += 1;
    }
    format!("{} {} {year}, {:02}:{:02} UTC", days + 1, MONTHS[month], minute / 60, minute % 60)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_search_is_told_by_the_most_that_held_and_not_by_what_was_too_much() {
        use super::super::super::limit::Limit;
        use super::super::super::raw::Tested;
        let level = |rooms, seconds, p99, lost_percent, rss: Option<f64>| Level {
            rooms,
            seconds,
            people: u64::from(rooms) * 8,
            audio_latency_ms: Distribution { p99, count: 100, ..Distribution::default() },
            lost_percent,
            server_rss_bytes_per_room: rss,
            rooms_per_processor: Some(f64::from(rooms) * 1.1),
            ..Level::default()
        };
        let broke = Some("it broke".to_owned());
        let too_many = Level { broke, rooms_per_processor: None, ..level(20, 8, 99.0, 14.0, None) };
        let levels = vec![
            level(10, 8, 9.0, 0.0, Some(1_572_864.0)),
            too_many,
            level(13, 8, 15.0, 0.1, None),
            level(12, 20, 17.0, 0.2, None),
        ];
        let limit = Some(Limit { rooms: 12, ..Limit::default() });
        let mut run = RawRun::new(Tested::default(), 0);
        (run.levels, run.limit) = (levels, limit);
        let summary = Summary { packets_expected: 100, packets_lost: 14, ..Summary::of(&run) };
        let told = story(&summary);
        assert!(told.starts_with("With 96 people in 12 rooms, 99 of 100"), "{told}");
        assert!(told.contains("within 17 ms, and 0.2 % of"), "{told}");
        let tiles: Vec<String> = tiles(&summary).into_iter().map(|(value, _)| value).collect();
        assert_eq!(tiles, ["12", "96", "17 ms", "0.2 %", "0", "13.2", "1536 KiB"]);
    }

    #[test]
    fn a_verdict_says_the_limit_whatever_else_failed() {
        use super::super::super::limit::Limit;
        use super::super::super::raw::Tested;
        let mut run = RawRun::new(Tested::default(), 0);
        run.limit = Some(Limit {
            rooms: 12,
            says: "12 rooms. With 13, it broke".to_owned(),
            ..Limit::default()
        });
        assert_eq!(verdict(&Summary::of(&run)), "12 rooms. With 13, it broke");
        run.assert(Assertion {
            what: "every bot sent".to_owned(),
            held: false,
            found: String::new(),
        });
        let said = verdict(&Summary::of(&run));
        assert!(said.starts_with("Failed: 1 of 3") && said.contains("12 rooms"), "{said}");
    }

    #[test]
    fn dates_are_those_of_the_calendar() {
        assert_eq!(date(0), "1 January 1970, 00:00 UTC");
        assert_eq!(date(951_827_696_000), "29 February 2000, 12:34 UTC");
        assert_eq!(date(1_800_000_000_000), "15 January 2027, 08:00 UTC");
    }

    #[test]
    fn durations_are_rounded() {
        let said = [36.2, 119.0, 600.0, 28_800.0].map(duration);
        assert_eq!(said, ["36 s", "119 s", "10 min", "8 h"]);
    }
}
