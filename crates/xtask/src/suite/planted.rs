//! The load test against servers with a fault planted in each: it must fail, and name the fault. The
//! same program without a fault must pass, or the others prove nothing.

use std::path::Path;
use std::process::{Command, Output};
use std::thread;

use anyhow::{Context as _, Result, ensure};

use super::loadtest::read;
use crate::shell;

const SCENARIO: &str = "loadtest/tests/planted.toml";

/// What is planted, and the words by which the load test must name it in an assertion that failed.
const PLANTS: [(&str, [&str; 2]); 4] = [
    ("leak", ["leaked_packets", ""]),
    ("revoke", ["floor_revoke_ms.max", ""]),
    ("state", ["the same room for everybody", "muted"]),
    ("metric", ["the server exports every metric", "palabre_media_packets_forwarded_total"]),
];

pub(super) fn check() -> Result<()> {
    // Together, as the next step builds them: else everything below them is built again.
    let mut build = shell::cargo();
    build.args(["build", "--locked", "--package", "palabre", "--package", "palabre-loadtest"]);
    shell::run(build.args(["--bins", "--features", "palabre/planted"]))?;
    let built = shell::target().join("debug");
    let folder = shell::target().join("planted");
    std::fs::create_dir_all(&folder)?;
    // The next build without the feature takes the program's place.
    let program = folder.join("palabre");
    std::fs::copy(built.join("palabre"), &program).context("the server with faults")?;

    let load = built.join("palabre-loadtest");
    let run = |plant: Option<&str>| -> Result<Output> {
        let json = folder.join(format!("{}.json", plant.unwrap_or("none")));
        let mut command = Command::new(&load);
        command.current_dir(shell::root()).args(["run", SCENARIO, "--server"]).arg(&program);
        command.arg("--json").arg(json).env_remove("PALABRE_PLANTED");
        command.envs(plant.map(|plant| ("PALABRE_PLANTED", plant)));
        command.output().context("the load test could not be started")
    };
    shell::say(&format!(
        "$ palabre-loadtest run {SCENARIO} (with each planted fault it must fail)"
    ));
    thread::scope(|scope| {
        let none = scope.spawn(|| run(None));
        let planted =
            PLANTS.map(|(plant, words)| (plant, words, scope.spawn(move || run(Some(plant)))));
        let none = none.join().expect("it does not panic")?;
        ensure!(none.status.success(), "nothing planted, and:\n{}", text(&none));
        for (plant, words, output) in planted {
            let output = output.join().expect("it does not panic")?;
            found(plant, words, &output, &folder.join(format!("{plant}.json")))?;
        }
        Ok(())
    })
}

/// Whether the load test failed with a planted fault, and named it.
fn found(plant: &str, words: [&str; 2], output: &Output, json: &Path) -> Result<()> {
    ensure!(
        output.status.code() == Some(1),
        "with `{plant}` planted the load test ended with {}, not with 1:\n{}",
        output.status,
        text(output)
    );
    let report = read(json)?;
    let assertions = report["assertions"].as_array().context("the report has assertions")?;
    let says = |one: &serde_json::Value| {
        let what = format!("{} {}", one["what"], one["found"]);
        one["held"] == false && words.iter().all(|word| what.contains(word))
    };
    ensure!(
        assertions.iter().any(says),
        "with `{plant}` planted no failed assertion speaks of {words:?}:\n{}",
        text(output)
    );
    shell::say(&format!("`{plant}` was found"));
    Ok(())
}

fn text(output: &Output) -> String {
    let both = [&output.stdout, &output.stderr];
    both.map(|text| String::from_utf8_lossy(text)).concat()
}
