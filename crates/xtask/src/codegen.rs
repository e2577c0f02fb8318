//! The web client's wire types, written from the Rust ones.

use anyhow::{Context as _, Result, bail};

use crate::shell;

const GENERATED: &str = "web-client/src/wire/generated.ts";

/// Writes the types, or checks that they are up to date.
pub(crate) fn run(check: bool) -> Result<()> {
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
