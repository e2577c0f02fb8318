//! `palabre`: signaling, SFU and web client in one binary.

mod api;
mod config;
mod demo;
mod http;
mod listen;
mod media;
mod metrics;
mod openapi;
mod outgoing;
mod page;
#[cfg(feature = "planted")]
mod planted;
mod private;
mod rate;
mod serve;
mod settings;
mod simulate;
mod supervisor;
mod takeover;
mod tls;
mod traces;
mod webhooks;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

use crate::config::{Config, Log};
use crate::settings::{Flags, LogFormat};
use crate::traces::Traces;

/// Video meetings in which everyone is heard in turn.
#[derive(Parser)]
#[command(name = "palabre", version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Serves rooms
    Serve(Flags),
    /// Says with what a server would run, or what is wrong with its settings
    Config {
        /// Prints the table of all settings (Markdown) instead
        #[arg(long)]
        table: bool,
        #[command(flatten)]
        flags: Flags,
    },
    /// Has the server that runs with these settings hand over to a new one, which it starts
    Drain(Flags),
    /// Looks at facilitation templates
    Template {
        #[command(subcommand)]
        command: TemplateCommand,
    },
}

#[derive(Subcommand)]
enum TemplateCommand {
    /// Says whether a template is valid, or which line is wrong and why
    Check {
        /// The template (TOML)
        file: PathBuf,
    },
    /// Plays whole sessions in virtual time, prints what happens, and names what is wrong
    Simulate(simulate::Simulate),
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            // Standard error may be closed: the exit code says it too.
            let _ = writeln!(std::io::stderr(), "palabre: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Serve(flags) => {
            let config = Config::load(flags)?;
            let traces = config.otlp.as_deref().map(Traces::to).transpose()?;
            log(&config.log, traces.as_ref());
            let served = tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .context("cannot start the runtime")?
                .block_on(serve::serve(config));
            if let Some(traces) = traces {
                traces.end();
            }
            served
        }
        Command::Config { table: true, .. } => say(&settings::table()),
        Command::Config { table: false, flags } => say(&Config::show(flags)?),
        Command::Drain(flags) => say(&private::ask_to_drain(&Config::load(flags)?)?),
        Command::Template { command: TemplateCommand::Check { file } } => check(&file),
        Command::Template { command: TemplateCommand::Simulate(what) } => simulate::run(&what),
    }
}

fn check(file: &std::path::Path) -> Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let template = simulate::parse(file, &text)?;
    let minutes = template.target().0 / 60_000;
    say(&format!("{}: {} phases, {minutes} min\n", template.id, template.phases.len()))
}

fn say(text: &str) -> Result<()> {
    std::io::stdout().write_all(text.as_bytes()).context("cannot write")
}

/// Logs to standard error. Of the libraries beneath only warnings are let through, whatever the filter
/// says: at their finer levels they write down messages and addresses.
fn log(log: &Log, traces: Option<&Traces>) {
    let filter = EnvFilter::new(&log.filter);
    let ours = filter_fn(|record| {
        record.target().starts_with("palabre") || *record.level() <= tracing::Level::WARN
    });
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let layer = match log.format {
        LogFormat::Json => layer.json().boxed(),
        LogFormat::Text => layer.boxed(),
    };
    // Spans are for the collector: without one they are never made.
    let events = filter_fn(|record| record.is_event());
    let spans = filter_fn(|record| record.is_span() && record.target().starts_with("palabre"));
    let traces = traces.map(|traces| {
        tracing_opentelemetry::layer()
            .with_tracer(traces.tracer())
            .with_location(false)
            .with_threads(false)
            .with_target(false)
            .with_filter(spans)
    });
    let layer = layer.with_filter(filter).with_filter(ours).with_filter(events);
    tracing_subscriber::registry().with(layer).with(traces).init();
    for name in &log.unknown_variables {
        tracing::warn!(name, "no setting is given by this variable");
    }
}
