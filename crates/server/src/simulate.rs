//! `palabre template simulate`: whole sessions of a template in virtual time.

use std::fmt::Write as _;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use anyhow::{Context as _, Result, bail};
use palabre_facilitation::Template;
use palabre_sim::{Fault, Plan, Played, look, play};

/// What to play.
#[derive(clap::Args)]
pub(crate) struct Simulate {
    /// The template (TOML)
    file: PathBuf,
    /// How many people speak, the facilitator included (2 to 9); as the template is sized without it
    #[arg(long, value_parser = clap::value_parser!(u8).range(2..=9))]
    people: Option<u8>,
    /// Where chance begins: the same seed plays the same session
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// How many sessions, each with the next seed; the timeline is printed for a single one
    #[arg(long, default_value_t = 1, value_parser = clap::value_parser!(u64).range(1..=100_000))]
    sessions: u64,
    /// Nobody drops, comes late or leaves, and the server stays up
    #[arg(long)]
    calm: bool,
}

/// Plays the sessions and prints them; an error if the template has a fault.
pub(crate) fn run(what: &Simulate) -> Result<()> {
    let text = std::fs::read_to_string(&what.file)
        .with_context(|| format!("cannot read {}", what.file.display()))?;
    let template = parse(&what.file, &text)?;
    let people = what.people.unwrap_or(template.people);
    let template = Arc::new(template);
    let mut wrong: Vec<(Option<u64>, Fault)> =
        look(&template, people).into_iter().map(|fault| (None, fault)).collect();
    let mut longest = 0;
    for seed in (0..what.sessions).map(|index| what.seed.wrapping_add(index)) {
        let played = play(&template, Plan { people, seed, mishaps: !what.calm });
        longest = longest.max(played.lasted.0);
        if what.sessions == 1 {
            print(&timeline(&template, &played))?;
        }
        wrong.extend(played.faults.into_iter().map(|fault| (Some(seed), fault)));
    }
    let minutes = longest.div_ceil(60_000);
    print(&format!(
        "{}: {} session(s) with {people} people, the longest {minutes} min, {} fault(s)\n",
        template.id,
        what.sessions,
        wrong.len()
    ))?;
    if wrong.is_empty() {
        return Ok(());
    }
    let mut report = String::new();
    for (seed, fault) in &wrong {
        let line = fault.phase().map_or(1, |phase| line_of(&text, phase));
        let seed = seed.map_or_else(String::new, |seed| format!(" (--seed {seed})"));
        write!(report, "\n{}:{line}: {fault}{seed}", what.file.display())?;
    }
    bail!("{} fault(s):{report}", wrong.len())
}

/// The template of a file, or the line that is wrong and why.
pub(crate) fn parse(file: &Path, text: &str) -> Result<Template> {
    Template::parse(text)
        .map_err(|error| anyhow::anyhow!("{}:{}: {}", file.display(), error.line, error.reason))
}

fn print(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write")
}

fn timeline(template: &Template, played: &Played) -> String {
    let mut text = String::new();
    for line in &played.lines {
        text.push_str(&line.to_string());
        text.push('\n');
    }
    text.push('\n');
    for (phase, used) in template.phases.iter().zip(&played.phases) {
        let clock = |length: palabre_ids::Millis| {
            let seconds = length.0 / 1_000;
            format!("{}:{:02}", seconds / 60, seconds % 60)
        };
        let row = format!(
            "{:<32} planned {:>6}   took {:>6}   {:>3} turns\n",
            phase.title.en,
            clock(used.target),
            clock(used.took),
            used.turns
        );
        text.push_str(&row);
    }
    text.push('\n');
    text
}

/// The line of a phase's id.
fn line_of(text: &str, phase: &str) -> usize {
    let names = |line: &str| {
        let value = line.trim_start().strip_prefix("id")?.trim_start().strip_prefix('=')?.trim();
        let quote = value.chars().next().filter(|c| matches!(c, '"' | '\''))?;
        let (id, _comment) = value[1..].split_once(quote)?;
        (id == phase).then_some(())
    };
    let lines = text.lines().enumerate();
    // The template's own id may be the same word; phases come after it.
    lines.filter(|(_, line)| names(line).is_some()).last().map_or(1, |(index, _)| index + 1)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_fault_names_the_line_of_its_phase() {
        let text = "id = \"one\"\n[[phase]]\nid=\"one\"\n[[phase]]\n  id = 'two' # note\n";
        assert_eq!(line_of(text, "one"), 3);
        assert_eq!(line_of(text, "two"), 5);
        assert_eq!(line_of(text, "three"), 1);
    }
}
