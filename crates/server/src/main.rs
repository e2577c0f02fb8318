//! `palabre`: signaling, SFU and web client in one binary.

mod api;
mod config;
mod demo;
mod http;
mod media;
mod metrics;
mod page;
mod serve;

use std::io::{IsTerminal as _, Write as _};
use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context as _, Result};
use clap::{Parser, Subcommand};
use palabre_facilitation::Template;
use tracing_subscriber::EnvFilter;
use tracing_subscriber::filter::filter_fn;
use tracing_subscriber::layer::{Layer as _, SubscriberExt as _};
use tracing_subscriber::util::SubscriberInitExt as _;

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
    Serve(Box<config::Flags>),
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
}

fn main() -> ExitCode {
    log();
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
            let config = config::Config::load(*flags)?;
            tokio::runtime::Builder::new_multi_thread()
                .enable_all()
                .build()
                .context("cannot start the runtime")?
                .block_on(serve::serve(config))
        }
        Command::Template { command: TemplateCommand::Check { file } } => check(&file),
    }
}

fn check(file: &std::path::Path) -> Result<()> {
    let text =
        std::fs::read_to_string(file).with_context(|| format!("cannot read {}", file.display()))?;
    let template = Template::parse(&text)
        .map_err(|error| anyhow::anyhow!("{}:{}: {}", file.display(), error.line, error.reason))?;
    let minutes = template.target().0 / 60_000;
    let line = format!("{}: {} phases, {minutes} min\n", template.id, template.phases.len());
    std::io::stdout().write_all(line.as_bytes()).context("cannot write")
}

/// Logs to standard error: `PALABRE_LOG` filters (default `info`), `PALABRE_LOG_FORMAT=json` for
/// machines. Of the libraries beneath only warnings are let through, whatever the filter says: at
/// their finer levels they write down messages and addresses.
fn log() {
    let filter = EnvFilter::try_from_env("PALABRE_LOG").unwrap_or_else(|_| EnvFilter::new("info"));
    let ours = filter_fn(|record| {
        record.target().starts_with("palabre") || *record.level() <= tracing::Level::WARN
    });
    let layer = tracing_subscriber::fmt::layer()
        .with_ansi(std::io::stderr().is_terminal())
        .with_writer(std::io::stderr);
    let json = std::env::var("PALABRE_LOG_FORMAT").is_ok_and(|format| format == "json");
    let layer = if json { layer.json().boxed() } else { layer.boxed() };
    tracing_subscriber::registry().with(layer).with(filter).with(ours).init();
}
