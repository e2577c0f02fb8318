//! The alert rules, checked and tried out by Prometheus' own tool.

use std::process::Command;

use anyhow::Result;

use crate::{machine, shell};

const FOLDER: &str = "packaging/prometheus";

/// Checks the rules and runs their tests.
pub(super) fn check() -> Result<()> {
    let promtool = machine::unpacked("promtool", "prometheus")?;
    for (verb, file) in [("check", "palabre.rules.yml"), ("test", "palabre.rules.test.yml")] {
        let mut command = Command::new(&promtool);
        command.args([verb, "rules", file]).current_dir(shell::root().join(FOLDER));
        shell::run(&mut command)?;
    }
    Ok(())
}
