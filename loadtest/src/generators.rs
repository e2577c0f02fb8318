//! Several processes that make one load: each with its share of the rooms, all at the same time, and what
//! they measured put together.

use std::path::Path;
use std::process::Stdio;

use anyhow::{Context, Result, ensure};
use palabre_loadtest::run::{RawRun, Scenario};
use rustix::process::{Pid, Signal, kill_process};
use tokio::io::{AsyncBufReadExt as _, BufReader};
use tokio::process::{Child, Command};
use tokio::sync::watch;
use tokio::task::JoinSet;

use crate::early::Ends;

/// How many rooms each of so many generators has.
fn shares(rooms: u16, generators: u16) -> Vec<u16> {
    let more = rooms % generators;
    (0..generators).map(|at| rooms / generators + u16::from(at < more)).collect()
}

/// Runs a scenario by so many processes of this program, with the arguments of this one; `progress` is
/// told what each of them says. A signal that ends this one ends them, and what they measured so far counts.
///
/// # Errors
/// When there are fewer rooms than generators, the load is not steady, or one of them could not run the scenario.
pub(crate) async fn run(
    file: &Path,
    scenario: &Scenario,
    generators: u16,
    arguments: Vec<String>,
    progress: impl Fn(&str),
    ends: &mut Ends,
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
    let (end, ended) = watch::channel(false);
    let mut files = Vec::new();
    for (share, number) in shares(rooms, generators).into_iter().zip(1..) {
        let raw = folder.path().join(format!("{number}.raw"));
        // It dies with this thread, which is the main one. A terminal's Ctrl-C is for this program alone,
        // which passes it on: a generator that heard it twice would not wait for its rooms.
        let mut child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(std::env::current_exe().context("this program")?)
            .arg("run")
            .arg(file)
            .args(&arguments)
            .args(["--rooms", &share.to_string()])
            .arg("--raw")
            .arg(&raw)
            .process_group(0)
            .stdout(Stdio::null())
            .stderr(Stdio::piped())
            .kill_on_drop(true)
            .spawn()
            .context("`setpriv` (util-linux) could not be started")?;
        files.push(raw);
        let lines = child.stderr.take().context("a generator's standard error")?;
        let (said, mut ended) = (said.clone(), ended.clone());
        running.spawn(async move {
            let mut lines = BufReader::new(lines).lines();
            loop {
                tokio::select! {
                    line = lines.next_line() => match line? {
                        // Nobody listens any more when another one failed.
                        Some(line) => drop(said.send(format!("{number}/{generators}  {line}"))),
                        None => break,
                    },
                    Ok(()) = ended.changed() => terminate(&child),
                }
            }
            let status = child.wait().await?;
            // 1 is an assertion that did not hold: the whole is judged anew.
            let ran = matches!(status.code(), Some(0 | 1));
            ensure!(ran, "generator {number} of {generators} ended with {status}");
            Ok(())
        });
    }
    drop(said);
    loop {
        tokio::select! {
            line = says.recv() => match line {
                Some(line) => progress(&line),
                None => break,
            },
            signal = ends.told() => {
                ensure!(!end.send_replace(true), "ended by a second signal ({signal})");
                progress(&format!("ended by a signal ({signal})"));
            }
        }
    }
    while let Some(ended) = running.join_next().await {
        ended.context("waiting for a generator")??;
    }
    let runs = files.iter().map(|file| read(file)).collect::<Result<Vec<_>>>()?;
    RawRun::merge(runs)
}

/// It may have ended by itself.
fn terminate(child: &Child) {
    let pid = child.id().and_then(|pid| Pid::from_raw(pid.try_into().ok()?));
    if let Some(pid) = pid {
        let _ = kill_process(pid, Signal::TERM);
    }
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
