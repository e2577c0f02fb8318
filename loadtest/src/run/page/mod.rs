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
         <th class=\"n\">server CPU</th><th class=\"n\">per packet</th><th class=\"n\">memory</th>\
         <th class=\"n\">sound, 99 of 100</th><th class=\"n\">lost</th><th>what broke</th></tr></thead><tbody>",
    );
    let dash = || "–".to_owned();
    for level in &run.levels {
        let _ = write!(
            out,
            "<tr><td class=\"n\">{}</td><td class=\"n\">{}</td><td class=\"n\">{}</td>\
             <td class=\"n\">{}</td><td class=\"n\">{} ms</td><td class=\"n\">{} %</td><td>{}</td></tr>",
            level.rooms,
            level.server_cpus.map_or_else(dash, |cpus| format!("{} %", number(cpus * 100.0))),
            level
                .server_cpu_ns_per_forwarded_packet
                .map_or_else(dash, |ns| format!("{} µs", number(ns / 1_000.0))),
            level.server_rss_bytes.map_or_else(dash, words::mebibytes),
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
    use crate::run::raw::Tested;
    use crate::run::series::Second;

    fn page(found: &str) -> String {
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
        html(&run, &Summary::of(&run))
    }

    #[test]
    fn the_page_needs_nothing_else() {
        let page = page("");
        for outside in ["<link", "<script", "src=", "url(", "@import", "http:", "https:", "<x>"] {
            assert!(!page.contains(outside), "{outside}");
        }
        assert!(page.contains("class=\"verdict passed\""));
        assert!(page.contains("<svg"));
    }

    #[test]
    fn what_failed_is_said_first() {
        let page = page("seat 3: nothing");
        let at = |text: &str| page.find(text).unwrap_or_else(|| panic!("no {text}"));
        assert!(at("class=\"verdict failed\"") < at("seat 3: nothing"));
        assert!(at("seat 3: nothing") < at("How it went"));
    }
}
