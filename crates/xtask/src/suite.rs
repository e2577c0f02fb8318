//! The whole suite: every check and test, in the order in which they fail fastest.

mod loadtest;
mod planted;
mod rules;

use std::process::Command;
use std::time::Instant;

use anyhow::{Context as _, Result, bail};

use crate::{codegen, machine, shell, tidy, web};

/// A step of the suite.
struct Step {
    name: &'static str,
    run: fn() -> Result<()>,
}

const STEPS: &[Step] = &[
    Step { name: "format", run: || shell::run(shell::cargo().args(["fmt", "--all", "--check"])) },
    Step { name: "tidy", run: tidy::check },
    Step { name: "deny", run: deny },
    Step { name: "rules", run: rules::check },
    Step { name: "web-build", run: web::build },
    Step { name: "web-check", run: || shell::run(web::npm().args(["run", "check"])) },
    Step { name: "web-test", run: || shell::run(web::npm().args(["test"])) },
    Step {
        name: "clippy",
        run: || {
            shell::run(shell::cargo().args([
                "clippy",
                "--locked",
                "--workspace",
                "--all-targets",
                "--",
                "-D",
                "warnings",
            ]))
        },
    },
    Step { name: "codegen", run: || codegen::run(true) },
    Step { name: "rust-test", run: rust_test },
    Step { name: "doc", run: doc },
    Step { name: "planted", run: planted::check },
    Step { name: "loadtest", run: loadtest::check },
    Step { name: "e2e", run: e2e },
];

/// Runs the steps that were asked for.
///
/// # Errors
/// At the first step that fails, or when a name is no step's.
pub(crate) fn run(only: &[String], skip: &[String]) -> Result<()> {
    let names: Vec<&str> = STEPS.iter().map(|step| step.name).collect();
    if let Some(unknown) = only.iter().chain(skip).find(|name| !names.contains(&name.as_str())) {
        bail!("no step is called `{unknown}`; the steps are {}", names.join(", "));
    }
    web::need_node()?;
    machine::need(machine::TEST)?;
    let wanted = |step: &&Step| {
        let named = |list: &[String]| list.iter().any(|name| name == step.name);
        (only.is_empty() || named(only)) && !named(skip)
    };
    let mut times = Vec::new();
    for step in STEPS.iter().filter(wanted) {
        shell::say(&format!("\n== {}", step.name));
        let start = Instant::now();
        (step.run)().with_context(|| format!("step `{}`", step.name))?;
        times.push(format!("{} {} s", step.name, start.elapsed().as_secs()));
    }
    shell::say(&format!("\nall passed: {}", times.join(" · ")));
    Ok(())
}

/// Licences, sources and banned crates. A machine that has never done it builds the checker, for two
/// minutes. Advisories are not among it: see `deny.toml`.
fn deny() -> Result<()> {
    let checker = machine::built("cargo-deny", "0.20.2")?;
    let mut check = Command::new(checker);
    // As cargo calls it: its own subcommand comes behind the name.
    check.current_dir(shell::root()).args(["--locked", "check", "licenses", "bans", "sources"]);
    shell::run(&mut check)
}

/// Every test. One whose tool is missing fails here, and is passed over elsewhere.
fn rust_test() -> Result<()> {
    let mut test = shell::cargo();
    shell::run(test.args(["test", "--locked", "--workspace"]).env("PALABRE_SUITE", "1"))
}

/// Documentation that does not warn.
fn doc() -> Result<()> {
    shell::run(
        shell::cargo()
            .args(["doc", "--locked", "--workspace", "--no-deps", "--quiet"])
            .env("RUSTDOCFLAGS", "-D warnings"),
    )
}

/// The browser tests, against the binaries as they are built here.
fn e2e() -> Result<()> {
    web::install()?;
    shell::run(shell::cargo().args([
        "build",
        "--locked",
        "--package",
        "palabre",
        "--package",
        "palabre-loadtest",
        "--bins",
    ]))?;
    shell::run(web::npm().args(["run", "e2e"]))
}
