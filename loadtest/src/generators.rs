//! Several processes that make one load: each with its share of the rooms, all at the same time, and what
//! they measured put together.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use palabre_loadtest::run::{RawRun, Scenario};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::Command;
use tokio::task::JoinSet;

/// How many rooms each of so many generators has.
fn shares(rooms: u16, generators: u16) -> Vec<u16> {
    let more = rooms % generators;
    (0..generators).map(|at| rooms / generators + u16::from(at < more)).collect()
}

/// Runs a scenario by so many processes of this program, with the arguments of this one; `progress` is
/// told what each of them says.
///
/// # Errors
/// When there are fewer rooms than generators, the load is not steady, or one of them could not run the scenario.
pub(crate) async fn run(
    file: &Path,
    scenario: &Scenario,
    generators: u16,
    arguments: Vec<String>,
    progress: impl Fn(&str),
) -> Result<RawRun> {
    let rooms = scenario.rooms;
    ensure!(
        !scenario.load.is_planned(),
        "several generators make a steady load: a load that follows what it measures is one's"
    );
    ensure!(
        (1..=rooms).contains(&generators),
        "{generators} generators for {rooms} rooms: each needs one"
    );
    let folder = tempfile::tempdir().context("a directory for what is measured")?;
    let (said, mut says) = tokio::sync::mpsc::unbounded_channel();
    let mut running = JoinSet::new();
    let mut files = Vec::new();
    for (share, number) in shares(rooms, generators).into_iter().zip(1..) {
        let raw = folder.path().join(format!("{number}.raw"));
        let mut child = Command::new(std::env::current_exe().context("this program")?)
            .arg("run")
            .arg(file)
            .args(&arguments)
            .args(["--rooms", &share.to_string()])
            .arg("--raw")
            .arg(&raw)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("starting a generator")?;
        files.push(raw);
        let lines = child.stderr.take().context("a generator's standard error")?;
        let said = said.clone();
        running.spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            while let Some(line) = lines.next_line().await? {
                // Nobody listens any more when another one failed.
                let _ = said.send(format!("{number}/{generators}  {line}"));
            }
            let status = child.wait().await?;
            // 1 is an assertion that did not hold: the whole is judged anew.
            let ran = matches!(status.code(), Some(0 | 1));
            ensure!(ran, "generator {number} of {generators} ended with {status}");
            Ok(())
        });
    }
    drop(said);
    while let Some(line) = says.recv().await {
        progress(&line);
    }
    while let Some(ended) = running.join_next().await {
        ended.context("waiting for a generator")??;
    }
    let runs = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    RawRun::merge(runs)
}

/// Reads what a run wrote.
///
/// # Errors
/// When it is not there, or is something else.
pub(crate) fn read(file: &Path) -> Result<RawRun> {
    let name = file.display();
    let bytes = std::fs::read(file).with_context(|| format!("reading {name}"))?;
    serde_json::from_slice(&bytes).with_context(|| format!("{name} is no raw run"))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rooms_are_shared_out_evenly() {
        assert_eq!(shares(10, 3), [4, 3, 3]);
        assert_eq!(shares(3, 3), [1, 1, 1]);
        assert_eq!(shares(7, 1), [7]);
    }
}
