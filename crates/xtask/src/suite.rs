//! The whole suite: every check and test, in the order in which they fail fastest.

mod loadtest;
mod planted;
mod rules;

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
    Step {
        name: "rust-test",
        run: || shell::run(shell::cargo().args(["test", "--locked", "--workspace"])),
    },
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

/// Licences, sources and banned crates. Building the checker takes minutes, so a machine without it
/// goes on, and says so.
fn deny() -> Result<()> {
    if !shell::has("cargo-deny") {
        shell::say("not checked: cargo-deny is not installed (cargo install cargo-deny --locked)");
        return Ok(());
    }
    shell::run(shell::cargo().args(["deny", "check", "licenses", "bans", "sources"]))
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
