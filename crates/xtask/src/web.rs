//! The web client: its packages and its build.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::shell;

/// The web client's folder.
pub(crate) fn folder() -> PathBuf {
    shell::root().join("web-client")
}

/// npm, in the web client's folder.
pub(crate) fn npm() -> Command {
    let mut command = Command::new("npm");
    command.current_dir(folder());
    command
}

/// Installs the packages of the lock file, unless they are there already.
pub(crate) fn install() -> Result<()> {
    let lock = folder().join("package-lock.json");
    let wanted = std::fs::read(&lock).with_context(|| format!("{} is missing", lock.display()))?;
    // What was installed last time: npm's own marker has another format than the lock file.
    let marker = folder().join("node_modules/.palabre-lock.json");
    if std::fs::read(&marker).is_ok_and(|installed| installed == wanted) {
        return Ok(());
    }
    shell::run(npm().args(["ci", "--no-audit", "--no-fund"]))?;
    std::fs::write(&marker, wanted).with_context(|| format!("{} not written", marker.display()))
}

/// Builds the page into `web-client/dist`, from which the server embeds it.
pub(crate) fn build() -> Result<()> {
    install()?;
    shell::run(npm().args(["run", "build"]))
}
