//! The load test's command line.

mod cli;
mod early;
mod generators;
mod live;
mod outputs;

use std::process::ExitCode;
use std::time::Duration;

use clap::Parser;

/// What a run that ended leaves behind, its own server above all, ends within this; a read of standard
/// input that never comes back is not waited for.
const ENDING: Duration = Duration::from_secs(2);

fn main() -> ExitCode {
    let cli = cli::Cli::parse();
    tracing_subscriber::fmt()
        .with_writer(std::io::stderr)
        .with_env_filter(
            tracing_subscriber::EnvFilter::try_from_env("PALABRE_LOADTEST_LOG").unwrap_or_else(
                |_| tracing_subscriber::EnvFilter::new("error,palabre_loadtest=info"),
            ),
        )
        .init();
    let runtime = tokio::runtime::Builder::new_multi_thread().enable_all().build();
    let outcome = runtime.map_err(anyhow::Error::from).and_then(|runtime| {
        let outcome = runtime.block_on(cli::run(cli));
        runtime.shutdown_timeout(ENDING);
        outcome
    });
    match outcome {
        Ok(true) => ExitCode::SUCCESS,
        Ok(false) => ExitCode::FAILURE,
        Err(error) => {
            tracing::error!("{error:#}");
            ExitCode::from(2)
        }
    }
}
