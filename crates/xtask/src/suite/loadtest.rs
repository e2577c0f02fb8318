//! The load test against a server as it is built here: it must pass where all is well, and must not
//! where nothing is sent.

use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};
use serde_json::Value;

use crate::served::Served;
use crate::shell;

/// Nothing here takes as long.
const LIVES: Duration = Duration::from_secs(240);

pub(super) fn check() -> Result<()> {
    let mut build = shell::cargo();
    build.args(["build", "--locked", "--package", "palabre", "--package", "palabre-loadtest"]);
    shell::run(build.arg("--bins"))?;
    let built = shell::target().join("debug");
    let folder = shell::target().join("loadtest");
    std::fs::create_dir_all(&folder)?;
    let served = Served::start(&built.join("palabre"), &folder.join("data"), None, LIVES)?;
    let run = |scenario: &str, json: &Path, html: &Path| {
        let mut command = Command::new(built.join("palabre-loadtest"));
        command.current_dir(shell::root()).args(["run", scenario]).args(served.options());
        command.arg("--json").arg(json).arg("--html").arg(html);
        command
    };
    let (json, html) = (folder.join("smoke.json"), folder.join("smoke.html"));
    shell::run(&mut run("loadtest/scenarios/smoke.toml", &json, &html))?;
    let page = std::fs::read_to_string(&html).with_context(|| format!("{}", html.display()))?;
    ensure!(page.ends_with("</html>"), "{} is no whole page", html.display());
    ensure!(read(&json)?["held"] == true, "{} does not say that all held", json.display());

    let mut crash = Command::new(built.join("palabre-loadtest"));
    crash.current_dir(shell::root()).args(["run", "loadtest/tests/crash.toml"]);
    shell::run(&mut crash)?;

    let (json, html) = (folder.join("senderless.json"), folder.join("senderless.html"));
    let mut senderless = run("loadtest/tests/senderless.toml", &json, &html);
    shell::say("$ palabre-loadtest run loadtest/tests/senderless.toml (must fail)");
    let output = senderless.output().context("the load test could not be started")?;
    ensure!(
        output.status.code() == Some(1),
        "a run in which nobody sends ended with {}, not with 1",
        output.status
    );
    let report = read(&json)?;
    let assertions = report["assertions"].as_array().context("the report has assertions")?;
    let named =
        assertions.iter().any(|one| one["what"] == "every bot sent" && one["held"] == false);
    ensure!(named, "the report does not say that nobody sent: {}", json.display());
    Ok(())
}

pub(super) fn read(json: &Path) -> Result<Value> {
    let text = std::fs::read_to_string(json).with_context(|| format!("{}", json.display()))?;
    serde_json::from_str(&text).with_context(|| format!("{}", json.display()))
}
