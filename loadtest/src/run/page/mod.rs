//! A report for people: one page that needs nothing else, the verdict first.

mod charts;
pub(crate) mod plot;
mod words;

use std::fmt::Write as _;

use super::raw::RawRun;
use super::report::{Assertion, Distribution, Summary};
use plot::number;

/// The page of a run, as HTML.
#[must_use]
pub fn html(run: &RawRun, summary: &Summary) -> String {
    let mut out = String::new();
    let title = format!("{}: load test of Palabre", summary.scenario);
    // Writing to a string cannot fail.
    let _ = write!(
        out,
        "<!doctype html><html lang=\"en\"><head><meta charset=\"utf-8\">\
         <meta name=\"viewport\" content=\"width=device-width,initial-scale=1\">\
         <title>{}</title><style>{}</style></head><body><main>\
         <header><h1>Load test “{}”</h1><p>{}</p></header>{}{}",
        escape(&title),
        include_str!("style.css"),
        escape(&summary.scenario),
        escape(&words::when_and_what(run, summary)),
        verdict(summary),
        tiles(summary)
    );
    let figures = charts::all(run, summary);
    if !figures.is_empty() {
        out.push_str("<h2>How it went</h2><div class=\"plots\">");
        for figure in figures {
            let _ = write!(
                out,
                "<figure><figcaption><h3>{}</h3><p>{}</p>{}</figcaption>{}</figure>",
                escape(&figure.title),
                escape(&figure.says),
                figure.plot.legend(),
                figure.plot.svg()
            );
        }
        out.push_str("</div>");
    }
    checks(&mut out, &summary.assertions);
    measured(&mut out, summary);
    levels(&mut out, run);
    agreement(&mut out, summary);
    let _ = write!(out, "<footer><p>{}</p></footer></main></body></html>", escape(words::FOOTER));
    out
}

/// The plots of what more rooms cost, each as a file of its own: name and SVG.
#[must_use]
pub fn growth_files(run: &RawRun) -> Vec<(String, String)> {
    let files = charts::growth(run).into_iter();
    files.map(|(name, figure)| (format!("{name}.svg"), figure.plot.file(&figure.title))).collect()
}

fn verdict(summary: &Summary) -> String {
    let mut out = String::new();
    let class = if summary.held { "passed" } else { "failed" };
    let _ = write!(
        out,
        "<section class=\"verdict {class}\"><strong>{}</strong>",
        escape(&words::verdict(summary))
    );
    let failed: Vec<_> = summary.assertions.iter().filter(|one| !one.held).collect();
    if !failed.is_empty() {
        out.push_str("<ul>");
        for one in failed.iter().take(6) {
            let _ = write!(out, "<li>{}</li>", escape(&words::failure(one)));
        }
        if failed.len() > 6 {
            let _ = write!(out, "<li>and {} more, below</li>", failed.len() - 6);
        }
        out.push_str("</ul>");
    }
    let _ = write!(out, "<p>{}</p></section>", escape(&words::story(summary)));
    out
}

fn tiles(summary: &Summary) -> String {
    let mut out = String::from("<section class=\"tiles\">");
    for (value, what) in words::tiles(summary) {
        let _ = write!(
            out,
            "<div class=\"tile\"><b>{}</b><span>{}</span></div>",
            escape(&value),
            escape(&what)
        );
    }
    out.push_str("</section>");
    out
}

fn checks(out: &mut String, assertions: &[Assertion]) {
    let (held, failed): (Vec<_>, Vec<_>) = assertions.iter().partition(|one| one.held);
    out.push_str("<h2>What had to be true</h2><div class=\"card\">");
    if !failed.is_empty() {
        out.push_str("<table><tbody>");
        failed.iter().for_each(|one| check(out, one));
        out.push_str("</tbody></table>");
    }
    let _ = write!(
        out,
        "<details{}><summary>{} of {} checks held</summary><table><tbody>",
        if failed.is_empty() && held.len() <= 20 { " open" } else { "" },
        held.len(),
        assertions.len()
    );
    held.iter().for_each(|one| check(out, one));
    out.push_str("</tbody></table></details></div>");
}

fn check(out: &mut String, one: &Assertion) {
    let (class, mark) = if one.held { ("yes", "✓ held") } else { ("no", "✗ failed") };
    let _ = write!(
        out,
        "<tr><td class=\"mark {class}\">{mark}</td><td>{}<small>{}</small></td></tr>",
        escape(&one.what),
        escape(one.found.trim_start_matches('(').trim_end_matches(')'))
    );
}

fn measured(out: &mut String, summary: &Summary) {
    out.push_str(
        "<h2>What was measured</h2><div class=\"card scroll\"><table><thead><tr><th>what</th>\
         <th class=\"n\">half within</th><th class=\"n\">95 of 100</th><th class=\"n\">99 of 100</th>\
         <th class=\"n\">longest</th><th class=\"n\">times</th></tr></thead><tbody>",
    );
    for (what, unit, of) in words::measured(summary) {
        row(out, &what, unit, of);
    }
    out.push_str("</tbody></table></div>");
}

fn row(out: &mut String, what: &str, unit: &str, of: &Distribution) {
    let _ = write!(out, "<tr><td>{}</td>", escape(what));
    for value in [of.p50, of.p95, of.p99, of.max] {
        let _ = write!(out, "<td class=\"n\">{} {unit}</td>", number(value));
    }
    let _ = write!(out, "<td class=\"n\">{}</td></tr>", number(of.count as f64));
}

fn levels(out: &mut String, run: &RawRun) {
    if run.levels.is_empty() {
        return;
    }
    out.push_str(
        "<h2>Step by step</h2><div class=\"card scroll\"><table><thead><tr><th class=\"n\">rooms</th>\
         <th class=\"n\">server CPU</th><th class=\"n\">per packet</th>\
         <th class=\"n\">rooms a processor</th><th class=\"n\">memory</th><th class=\"n\">a room</th>\
         <th class=\"n\">load test, full</th><th class=\"n\">sound, 99 of 100</th><th class=\"n\">lost</th><th>what broke</th></tr></thead><tbody>",
    );
    let dash = || "–".to_owned();
    for level in &run.levels {
        let _ = write!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{} %</td><td class=\"n\">{} ms</td><td class=\"n\">{} %</td><td>{}</td></tr>",
            words::rooms(level),
            level.server_cpus.map_or_else(dash, |cpus| format!("{} %", number(cpus * 100.0))),
            level
                .server_cpu_ns_per_forwarded_packet
                .map_or_else(dash, |ns| format!("{} µs", number(ns / 1_000.0))),
            level.rooms_per_processor.map_or_else(dash, number),
            level.server_rss_bytes.map_or_else(dash, words::mebibytes),
            level.server_rss_bytes_per_room.map_or_else(dash, words::kibibytes),
            number((level.generator_full * 100.0).round()),
            number(level.audio_latency_ms.p99),
            number(level.lost_percent),
            escape(level.broke.as_deref().unwrap_or(""))
        );
    }
    out.push_str("</tbody></table></div>");
}

fn agreement(out: &mut String, summary: &Summary) {
    if summary.agreement.is_empty() {
        return;
    }
    out.push_str(
        "<h2>The server’s own figures</h2><div class=\"card scroll\"><table><thead><tr><th>what both \
         count</th><th class=\"n\">bots</th><th class=\"n\">server</th><th class=\"n\">apart</th>\
         </tr></thead><tbody>",
    );
    for both in &summary.agreement {
        let apart = both.server.map(|server| {
            let most = both.bots.max(server);
            if most > 0.0 { (both.bots - server).abs() / most * 100.0 } else { 0.0 }
        });
        let _ = write!(
            out,
            "<tr><td>{}<small><code>{}</code></small></td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td></tr>",
            escape(&both.what),
            escape(&both.series),
            number(both.bots),
            both.server.map_or_else(|| "missing".to_owned(), number),
            apart.map_or_else(|| "–".to_owned(), |apart| format!("{} %", number(apart)))
        );
    }
    out.push_str("</tbody></table></div>");
}

/// Text that stays text.
pub(crate) fn escape(text: &str) -> String {
    let mut out = String::with_capacity(text.len());
    for c in text.chars() {
        match c {
            '&' => out.push_str("&amp;"),
            '<' => out.push_str("&lt;"),
            '>' => out.push_str("&gt;"),
            '"' => out.push_str("&quot;"),
            c => out.push(c),
        }
    }
    out
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::run::limit::Level;
    use crate::run::raw::Tested;
    use crate::run::series::Second;

    fn page(found: &str) -> String {
        let run = run(found);
        html(&run, &Summary::of(&run))
    }

    fn run(found: &str) -> RawRun {
        let tested = Tested { scenario: "<x>".to_owned(), people: 8, ..Tested::default() };
        let mut run = RawRun::new(tested, 1_800_000_000_000);
        run.rooms = 2;
        run.totals.audio_latency_ms.extend([1.0, 2.0, 40.0]);
        run.totals.reconnect_seconds.entry("signaling".to_owned()).or_default().add(1.5);
        run.series = (0..3)
            .map(|second| Second {
                at: 1_800_000_000 + second,
                rooms: 2,
                server_cpus: Some(0.1),
                audio_latency_ms: [1.0, 2.0].into_iter().collect(),
                ..Second::default()
            })
            .collect();
        run.assert(Assertion {
            what: "every bot sent".to_owned(),
            held: found.is_empty(),
            found: found.to_owned(),
        });
        run
    }

    /// A run that measured everything there is.
    fn everything() -> RawRun {
        let mut run = run("");
        let one = |name: &str| (name.to_owned(), [2.0].into_iter().collect());
        let totals = &mut run.totals;
        totals.join_seconds.add(0.3);
        totals.video_latency_ms.add(2.0);
        totals.floor_grant_ms.add(20.0);
        totals.floor_revoke_ms.add(20.0);
        totals.media_gap_ms = [one("storm")].into();
        totals.hear_again_seconds = [one("server_restarted")].into();
        totals.welcome_seconds = [one("first"), one("others")].into();
        totals.packets_lost_to = [one("signaling_lost")].into();
        (totals.refused, totals.let_in) = (1, 99);
        for (second, rooms) in run.series.iter_mut().zip(1..) {
            second.rooms = 4 * rooms;
            second.connected = 8;
            second.counts.lost = 1;
            second.server_rss_bytes = Some(20 << 20);
            second.send_late_ms = [0.2].into_iter().collect();
        }
        run
    }

    /// The same, by a ramp.
    fn grown() -> RawRun {
        let mut run = everything();
        let level = |rooms: u16| Level {
            rooms,
            opened: rooms,
            audio_latency_ms: Distribution {
                count: 1,
                p50: 1.0,
                p99: 2.0,
                ..Distribution::default()
            },
            server_cpus: Some(0.02),
            server_cpu_ns_per_forwarded_packet: Some(4_000.0),
            rooms_per_processor: Some(47.0),
            server_rss_bytes: Some(30 << 20),
            server_rss_bytes_per_room: Some(123.0 * 1_024.0),
            ..Level::default()
        };
        run.levels = vec![level(1), level(3)];
        run.levels.push(Level {
            opened: 7,
            broke: Some("the server took 7 of 9 rooms".to_owned()),
            ..level(9)
        });
        run
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page("");
        for outside in ["<link", "<script", "src=", "url(", "@import", "http:", "https:", "<x>"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("class=\"verdict passed\""));
    }

    /// Titles of plots, each with a drawing right after it.
    fn drawn(page: &str) -> Vec<&str> {
        let figures = page.split("<figure>").skip(1);
        figures
            .filter(|figure| figure.contains("<svg"))
            .filter_map(|figure| figure.split_once("<h3>")?.1.split_once("</h3>"))
            .map(|(title, _)| title)
            .collect()
    }

    #[test]
    fn every_plot_and_table_is_there_that_has_something_to_show() {
        let of = |run: &RawRun| html(run, &Summary::of(run));
        let (steady, ramp) = (of(&everything()), of(&grown()));
        let always = [
            "Latency of sound over time",
            "Distribution of latency",
            "People connected",
            "CPU",
            "Memory of the server",
            "Losses",
            "Coming back after a drop",
            "Was the load generator in time?",
        ];
        for title in always {
            assert!(drawn(&steady).contains(&title) && drawn(&ramp).contains(&title), "{title}");
        }
        assert!(drawn(&steady).contains(&"Rooms against the server’s CPU"));
        assert_eq!(drawn(&steady).len(), always.len() + 1);
        let grows = [
            "Server CPU by number of rooms",
            "Server CPU for each packet forwarded",
            "Latency of sound by number of rooms",
            "Server memory by number of rooms",
            "Server memory for each room",
            "Rooms that one processor carries",
        ];
        for title in grows {
            assert!(drawn(&ramp).contains(&title), "{title}");
        }
        assert_eq!(drawn(&ramp).len(), always.len() + grows.len());
        let (what, measured) = ("What had to be true", "What was measured");
        for page in [&steady, &ramp] {
            for title in [what, measured, "How it went"] {
                assert!(page.contains(&format!("<h2>{title}</h2>")), "{title}");
            }
        }
        assert!(!steady.contains("<h2>Step by step</h2>"));
        assert!(ramp.contains("<h2>Step by step</h2>"));
    }

    #[test]
    fn what_faults_cost_and_what_rooms_cost_is_told_where_there_is_any() {
        let of = |run: &RawRun| html(run, &Summary::of(run));
        let (nothing, page) = (page(""), of(&grown()));
        for told in [
            "All hear all again after: server restarted",
            "Let in again: who speaks or conducts",
            "Let in again: others",
            "Lost by a room’s listeners in one fault: signaling lost",
            "of attempts to get in were turned away",
            "rooms of this kind on one processor",
            "server memory for each room",
        ] {
            assert!(page.contains(told), "{told}");
            assert!(!nothing.contains(told), "{told}");
        }
        for (value, times) in [("<b>1 %</b>", 1), ("<b>47</b>", 1), ("<b>123 KiB</b>", 1)] {
            assert_eq!(page.matches(value).count(), times, "{value}");
        }
        // One for each level.
        assert_eq!(page.matches("<td class=\"n\">47</td>").count(), 3);
        assert_eq!(page.matches("<td class=\"n\">123 KiB</td>").count(), 3);
        assert!(page.contains("<td class=\"n\">7 of 9</td>"));
    }

    #[test]
    fn what_failed_is_said_first() {
        let page = page("seat 3: nothing");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(at("class=\"verdict failed\"") < at("seat 3: nothing"));
        assert!(at("seat 3: nothing") < at("How it went"));
    }
}
