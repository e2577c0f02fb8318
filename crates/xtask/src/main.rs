//! The project's own commands. Two of them are all a newcomer needs: `cargo xtask run` and
//! `cargo xtask test`; both install what the machine lacks first.

mod bench;
mod codegen;
mod machine;
mod served;
mod shell;
mod suite;
mod tidy;
mod web;

use std::process::ExitCode;

use anyhow::Result;
use clap::{Parser, Subcommand};

#[derive(Parser)]
#[command(name = "cargo xtask", about = "Palabre's own commands")]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Install what is missing, build everything and serve a demo room on http://localhost:8080
    Run {
        /// Build with all optimizations (slower to build, faster to run)
        #[arg(long)]
        release: bool,
        /// Passed on to `palabre serve`
        #[arg(last = true)]
        serve: Vec<String>,
    },
    /// Install what is missing and run every check and test
    Test {
        /// Only these steps, by name (see the list that a run prints)
        #[arg(long, value_delimiter = ',')]
        only: Vec<String>,
        /// All but these steps
        #[arg(long, value_delimiter = ',')]
        skip: Vec<String>,
    },
    /// Print the figures of docs/BENCHMARKS.md
    Bench {
        /// How long each round of a load lasts
        #[arg(long, default_value_t = 3)]
        seconds: u32,
        /// Instead, Palabre beside Janus on the same media work (root; installs Janus)
        #[arg(long)]
        peers: bool,
        /// Instead, how Palabre falls and comes back: killed, handing over, a thousand people at once
        #[arg(long, conflicts_with = "peers")]
        falls: bool,
        /// Instead, what 1 to 200 rooms cost, and how many one processor carries
        #[arg(long, conflicts_with_all = ["peers", "falls"])]
        load: bool,
        /// Passed on to `palabre-peers`, with --peers or --falls
        #[arg(last = true, conflicts_with = "load")]
        options: Vec<String>,
    },
    /// Check the arrows between crates and that pure crates read no clock
    Tidy,
    /// Write the web client's wire types, and the tables of settings and metrics in docs/
    Codegen {
        /// Change nothing; fail when they are not up to date
        #[arg(long)]
        check: bool,
    },
}

fn main() -> ExitCode {
    match execute(Cli::parse().command) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            shell::say(&format!("failed: {error:#}"));
            ExitCode::FAILURE
        }
    }
}

fn execute(command: Command) -> Result<()> {
    match command {
        Command::Run { release, serve } => {
            web::need_node()?;
            machine::need(machine::RUN)?;
            web::build()?;
            let mut cargo = shell::cargo();
            cargo.args(["run", "--locked", "--package", "palabre"]);
            if release {
                cargo.arg("--release");
            }
            shell::run(cargo.args(["--", "serve"]).args(serve))
        }
        Command::Test { only, skip } => suite::run(&only, &skip),
        Command::Bench { seconds, peers: true, options, .. } => bench::peers(seconds, &options),
        Command::Bench { falls: true, options, .. } => bench::falls(&options),
        Command::Bench { load: true, .. } => bench::load(),
        Command::Bench { seconds, .. } => bench::run_all(seconds),
        Command::Tidy => tidy::check(),
        Command::Codegen { check } => codegen::run(check),
    }
}
