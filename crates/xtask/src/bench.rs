//! The figures of `docs/BENCHMARKS.md`. It prints and judges nothing: a figure without the machine
//! and the hour it was taken in is no test.

use std::process::Command;
use std::time::Duration;

use anyhow::{Context as _, Result, ensure};

use crate::machine;
use crate::served::Served;
use crate::shell::{cargo, has, output, root, run, say, target};

/// Frames that are counted under callgrind, which is fifty times slower.
const COUNTED_FRAMES: &str = "90";

/// A load takes minutes; a server that was forgotten ends.
const LOAD_LIVES: Duration = Duration::from_secs(1_800);

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
    build(&["palabre", "palabre-peers"])?;
    let built = target().join("release");
    let mut compare = Command::new(built.join("palabre-peers"));
    compare.arg("--palabre").arg(built.join("palabre")).args(["--seconds", &seconds.to_string()]);
    run(compare.args(options))
}

/// How Palabre falls and comes back: killed, handing over, and a thousand people at once.
pub(crate) fn falls(options: &[String]) -> Result<()> {
    build(&["palabre", "palabre-peers"])?;
    let built = target().join("release");
    // One of the options, if given, takes the place of these.
    let repeats = |usual: &str| match options {
        [] => vec!["--repeats".to_owned(), usual.to_owned()],
        given => given.to_vec(),
    };
    for (fall, usual) in [("killed", "50"), ("hand-over", "50"), ("storm", "5")] {
        let mut measure = Command::new(built.join("palabre-peers"));
        measure.arg("--palabre").arg(built.join("palabre")).args(["--fall", fall]);
        run(measure.args(repeats(usual)))?;
    }
    Ok(())
}

/// What rooms cost as there are more of them, with plots in `docs/images`, and how many a processor
/// carries. The server has the first processor, the load test the others.
pub(crate) fn load() -> Result<()> {
    build(&["palabre", "palabre-loadtest"])?;
    let built = target().join("release");
    let folder = target().join("loadtest");
    let images = root().join("docs/images");
    std::fs::create_dir_all(&folder)?;
    std::fs::create_dir_all(&images)?;
    let processors = std::thread::available_parallelism().map_or(1, usize::from);
    ensure!(processors > 1, "server and load test need a processor each");
    for scenario in ["growth", "find-limit"] {
        let program = built.join("palabre");
        let served = Served::start(&program, &folder.join("data"), Some(0), LOAD_LIVES)?;
        let mut measure = Command::new("taskset");
        measure
            .current_dir(root())
            .args(["--cpu-list", &format!("1-{}", processors - 1)])
            .arg(built.join("palabre-loadtest"))
            .args(["run", &format!("loadtest/scenarios/{scenario}.toml")])
            .args(served.options())
            .arg("--json")
            .arg(folder.join(format!("{scenario}.json")))
            .arg("--html")
            .arg(folder.join(format!("{scenario}.html")));
        if scenario == "growth" {
            measure.arg("--svg").arg(&images);
        }
        // A server, or a generator, at its limit fails the run: that is a figure too.
        if let Err(error) = run(&mut measure) {
            say(&format!("{error:#}"));
        }
    }
    say(&format!("reports: {}", folder.display()));
    Ok(())
}

fn build(packages: &[&str]) -> Result<()> {
    let mut build = cargo();
    build.args(["build", "--locked", "--release", "--bins"]);
    for package in packages {
        build.args(["--package", package]);
    }
    run(&mut build)
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
