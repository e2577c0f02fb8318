//! What is written from the Rust types: the web client's wire types, and the tables of settings and metrics
//! in `docs/`.

use anyhow::{Context as _, Result, bail, ensure};

use crate::shell;

const GENERATED: &str = "web-client/src/wire/generated.ts";

/// Tests of the server that compare a page of `docs/` with what it says of itself, or write it.
const TABLES: [&str; 2] = [
    "settings::tests::the_documented_table_is_the_generated_one",
    "metrics::table::the_documented_metrics_are_the_exported_ones",
];

/// Writes everything, or checks that it is up to date.
pub(crate) fn run(check: bool) -> Result<()> {
    wire(check)?;
    tables(check)
}

fn tables(check: bool) -> Result<()> {
    let mut test = shell::cargo();
    // Of the whole workspace, as its tests are built: else everything below it is built twice.
    test.args(["test", "--locked", "--workspace", "--bin", "palabre", "--", "--exact"]);
    test.args(TABLES).env_remove("PALABRE_BLESS");
    if !check {
        test.env("PALABRE_BLESS", "1");
    }
    let said = shell::output(&mut test)
        .context("a table in docs/ is not what the server says: run `cargo xtask codegen`")?;
    // A test under another name would not run, and nothing be checked.
    ensure!(said.contains("ok. 2 passed"), "not both tables were looked at:\n{said}");
    Ok(())
}

fn wire(check: bool) -> Result<()> {
    let target = if check { "target/wire-generated.ts" } else { GENERATED };
    shell::run(shell::cargo().args([
        "run",
        "--locked",
        "--quiet",
        "--package",
        "palabre-wire",
        "--features",
        "ts",
        "--bin",
        "wire-codegen",
        "--",
        target,
    ]))?;
    let read = |path: &str| {
        std::fs::read_to_string(shell::root().join(path))
            .with_context(|| format!("{path} could not be read"))
    };
    if check && read(target)? != read(GENERATED)? {
        bail!("{GENERATED} is not what the Rust types say: run `cargo xtask codegen`");
    }
    Ok(())
}
