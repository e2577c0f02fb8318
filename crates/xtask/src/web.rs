//! The web client: its packages and its build.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result, ensure};

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

/// Makes sure that Node and npm are there, and new enough. Debian's own are too old to be installed from
/// there, and other systems have other ways.
///
/// # Errors
/// Says what to install, and what there is.
pub(crate) fn need_node() -> Result<()> {
    let manifest = std::fs::read_to_string(folder().join("package.json"))?;
    let manifest: serde_json::Value = serde_json::from_str(&manifest).context("package.json")?;
    let wanted = manifest["engines"]["node"].as_str().and_then(|node| node.strip_prefix(">="));
    let wanted = wanted.context("package.json says which Node it needs, as `>=20.19`")?;
    let found = match shell::has("node") && shell::has("npm") {
        true => shell::output(Command::new("node").arg("--version"))?,
        false => "none".to_owned(),
    };
    ensure!(
        version(&found) >= version(wanted),
        "the web client needs Node {wanted} or newer with its npm, and there is {}: install it first \
         (nodejs.org says how)",
        found.trim()
    );
    Ok(())
}

/// The numbers of a version, `v20.19.1` or `20.19`; none of them for what is no version.
fn version(text: &str) -> Vec<u32> {
    let numbers = text.trim().trim_start_matches('v').split('.');
    numbers.map_while(|number| number.parse().ok()).collect()
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

#[cfg(test)]
mod tests {
    use super::version;

    #[test]
    fn versions_are_compared_number_by_number() {
        assert!(version("v20.20.2\n") >= version("20.19"));
        assert!(version("v20.9.0") < version("20.19"));
        assert!(version("v18.20.4") < version("20.19"));
        assert!(version("v22.0.0") >= version("20.19"));
        assert!(version("none") < version("20.19"));
    }
}
