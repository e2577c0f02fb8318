//! The figures of `docs/BENCHMARKS.md`. It prints and judges nothing: a figure without the machine
//! and the hour it was taken in is no test.

use std::path::PathBuf;
use std::process::Command;

use anyhow::{Context as _, Result};

use crate::machine;
use crate::shell::{cargo, has, output, root, run, say};

/// Frames that are counted under callgrind, which is fifty times slower.
const COUNTED_FRAMES: &str = "90";

/// Measures for `seconds` at each load.
pub(crate) fn run_all(seconds: u32) -> Result<()> {
    let example = |package: &str, name: &str| {
        let mut command = cargo();
        command.args(["run", "--locked", "--release", "--quiet"]);
        command.args(["--package", package, "--example", name, "--"]);
        command
    };
    run(&mut example("palabre-sfu-core", "forward_cost"))?;
    run(example("palabre-sfu", "room_cost").arg(seconds.to_string()))?;
    if has("valgrind") {
        count_instructions()
    } else {
        say("valgrind is not installed: instructions are not counted");
        Ok(())
    }
}

/// Palabre beside other servers on the same media work, `seconds` for each measurement.
pub(crate) fn peers(seconds: u32, options: &[String]) -> Result<()> {
    machine::need(machine::PEERS)?;
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--bins"]);
    run(build.args(["--package", "palabre", "--package", "palabre-peers"]))?;
    let built = target().join("release");
    let mut compare = Command::new(built.join("palabre-peers"));
    compare.arg("--palabre").arg(built.join("palabre")).args(["--seconds", &seconds.to_string()]);
    run(compare.args(options))
}

/// Where cargo builds.
fn target() -> PathBuf {
    let target = std::env::var_os("CARGO_TARGET_DIR").map(PathBuf::from);
    root().join(target.unwrap_or_else(|| "target".into()))
}

/// Instructions of the engine for each packet it forwards, user mode.
fn count_instructions() -> Result<()> {
    let target = target();
    let mut valgrind = Command::new("valgrind");
    valgrind
        .args(["--tool=callgrind", "--toggle-collect=*measured_*"])
        .args([format!("--callgrind-out-file={}", target.join("callgrind.out").display())])
        .args([format!("--log-file={}", target.join("callgrind.log").display())])
        .arg(target.join("release/examples/forward_cost"))
        .arg(COUNTED_FRAMES);
    let told = output(&mut valgrind)?;
    let log = std::fs::read_to_string(target.join("callgrind.log"))?;
    let forwarded = number_after(&told, "forwarded ").context("forward_cost tells its packets")?;
    let collected = number_after(&log, "Collected : ").context("callgrind tells a sum")?;
    say(&format!("{:.0} instructions per forwarded packet", collected / forwarded));
    Ok(())
}

fn number_after(text: &str, label: &str) -> Option<f64> {
    let (_, rest) = text.split_once(label)?;
    rest.split_whitespace().next()?.parse().ok()
}
