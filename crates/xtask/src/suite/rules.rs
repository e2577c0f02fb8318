//! The alert rules, checked and tried out by Prometheus' own tool.
//!
//! It comes in the package of the whole server, which would start one on this machine: the package is
//! unpacked beside the build instead of installed.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;

const FOLDER: &str = "packaging/prometheus";

/// Checks the rules and runs their tests.
pub(super) fn check() -> Result<()> {
    let Some(promtool) = promtool() else {
        shell::say(
            "not checked: promtool is not to be had (on Debian: apt-get install prometheus)",
        );
        return Ok(());
    };
    for (verb, file) in [("check", "palabre.rules.yml"), ("test", "palabre.rules.test.yml")] {
        let mut command = Command::new(&promtool);
        command.args([verb, "rules", file]).current_dir(shell::root().join(FOLDER));
        shell::run(&mut command)?;
    }
    Ok(())
}

fn promtool() -> Option<PathBuf> {
    if shell::has("promtool") {
        return Some("promtool".into());
    }
    let tools = shell::root().join("target/tools");
    let unpacked = tools.join("usr/bin/promtool");
    if !unpacked.exists()
        && let Err(error) = unpack(&tools)
    {
        shell::say(&format!("{error:#}"));
        return None;
    }
    Some(unpacked)
}

fn unpack(tools: &std::path::Path) -> Result<()> {
    std::fs::create_dir_all(tools)?;
    let mut download = Command::new("apt-get");
    shell::run(download.args(["download", "-qq", "prometheus"]).current_dir(tools))?;
    let package = std::fs::read_dir(tools)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .context("the package prometheus was not downloaded")?;
    shell::run(Command::new("dpkg").arg("-x").arg(package).arg(tools))
}
