//! What no compiler checks: which crate may depend on which, that pure crates stay pure, and that
//! files stay small enough to hold in one's head.

use std::path::{Path, PathBuf};

use anyhow::{Context as _, Result, bail};
use serde_json::Value;

use crate::shell;

/// Which crates of ours a crate may depend on. One that is missing here is refused.
const ARROWS: &[(&str, &[&str])] = &[
    ("palabre-ids", &[]),
    ("palabre-vocabulary", &["palabre-ids"]),
    ("palabre-facilitation", &["palabre-ids", "palabre-vocabulary"]),
    ("palabre-room", &["palabre-ids", "palabre-vocabulary", "palabre-facilitation"]),
    ("palabre-sim", &["palabre-ids", "palabre-vocabulary", "palabre-facilitation", "palabre-room"]),
    ("palabre-wire", &["palabre-ids", "palabre-vocabulary"]),
    (
        "palabre-backup",
        &["palabre-ids", "palabre-vocabulary", "palabre-facilitation", "palabre-room"],
    ),
    ("palabre-sfu-core", &["palabre-ids"]),
    ("palabre-sfu", &["palabre-ids", "palabre-sfu-core"]),
    (
        "palabre-signaling",
        &[
            "palabre-ids",
            "palabre-vocabulary",
            "palabre-facilitation",
            "palabre-room",
            "palabre-wire",
            "palabre-backup",
        ],
    ),
    (
        "palabre",
        &[
            "palabre-ids",
            "palabre-vocabulary",
            "palabre-facilitation",
            "palabre-room",
            "palabre-sim",
            "palabre-wire",
            "palabre-backup",
            "palabre-signaling",
            "palabre-sfu",
            "palabre-sfu-core",
        ],
    ),
    ("palabre-loadtest", &["palabre-ids", "palabre-wire"]),
    ("palabre-peers", &["palabre-wire", "palabre-loadtest"]),
    ("xtask", &[]),
];

/// Crates that are told the time and own no socket, thread or task.
const PURE: &[&str] = &[
    "crates/ids",
    "crates/vocabulary",
    "crates/facilitation",
    "crates/room",
    "crates/sim",
    "crates/wire",
    "crates/sfu-core",
];

/// What a pure crate's sources must not say outside tests.
const IMPURE: &[&str] = &[
    "Instant::now",
    "SystemTime",
    "UdpSocket",
    "TcpStream",
    "thread::spawn",
    "thread::sleep",
    "tokio",
    "std::fs",
    "std::env::",
];

/// The most lines a source file may have before it must become two.
const MAX_LINES: usize = 700;

/// Runs every check and reports everything that is wrong at once.
pub(crate) fn check() -> Result<()> {
    let mut wrong = arrows()?;
    wrong.extend(purity()?);
    wrong.extend(lengths()?);
    if wrong.is_empty() {
        return Ok(());
    }
    bail!("{} thing(s) to tidy:\n  {}", wrong.len(), wrong.join("\n  "));
}

fn arrows() -> Result<Vec<String>> {
    let text = shell::output(shell::cargo().args([
        "metadata",
        "--locked",
        "--no-deps",
        "--format-version",
        "1",
    ]))?;
    let metadata: Value = serde_json::from_str(&text).context("cargo metadata is JSON")?;
    let packages = metadata["packages"].as_array().context("cargo metadata lists packages")?;
    let mut wrong = Vec::new();
    for package in packages {
        let name = package["name"].as_str().unwrap_or_default();
        let Some((_, allowed)) = ARROWS.iter().find(|(of, _)| *of == name) else {
            wrong.push(format!("{name}: not in the table of arrows (crates/xtask/src/tidy.rs)"));
            continue;
        };
        let dependencies =
            package["dependencies"].as_array().context("a package lists dependencies")?;
        for dependency in dependencies.iter().filter(|d| d["kind"].as_str() != Some("dev")) {
            let on = dependency["name"].as_str().unwrap_or_default();
            let ours = ARROWS.iter().any(|(of, _)| *of == on);
            if ours && !allowed.contains(&on) {
                wrong.push(format!("{name} must not depend on {on}"));
            }
        }
    }
    Ok(wrong)
}

fn purity() -> Result<Vec<String>> {
    let mut wrong = Vec::new();
    for folder in PURE {
        for file in sources(&shell::root().join(folder).join("src"), &["rs"])? {
            if is_exempt(&file) {
                continue;
            }
            let text = std::fs::read_to_string(&file)?;
            let lines = text.lines().take_while(|line| line.trim() != "#[cfg(test)]").enumerate();
            for (number, line) in lines.filter(|(_, line)| !line.trim_start().starts_with("//")) {
                if let Some(word) = IMPURE.iter().find(|word| line.contains(**word)) {
                    wrong.push(format!(
                        "{}:{}: a pure crate says `{word}`",
                        shown(&file),
                        number + 1
                    ));
                }
            }
        }
    }
    Ok(wrong)
}

/// A module of tests, or a program of the crate (its code generator), may do as it likes.
fn is_exempt(file: &Path) -> bool {
    let test = file
        .file_stem()
        .and_then(|stem| stem.to_str())
        .is_some_and(|stem| stem == "tests" || stem.ends_with("_test") || stem.ends_with("_tests"));
    test || file.components().any(|part| part.as_os_str() == "bin" || part.as_os_str() == "tests")
}

fn lengths() -> Result<Vec<String>> {
    let root = shell::root();
    let mut wrong = Vec::new();
    for folder in ["crates", "signaling", "sfu", "loadtest", "web-client/src", "web-client/e2e"] {
        for file in sources(&root.join(folder), &["rs", "ts", "tsx"])? {
            let lines = std::fs::read_to_string(&file)?.lines().count();
            if lines > MAX_LINES && !file.ends_with("generated.ts") {
                wrong.push(format!("{}: {lines} lines, {MAX_LINES} at most", shown(&file)));
            }
        }
    }
    Ok(wrong)
}

fn sources(folder: &Path, extensions: &[&str]) -> Result<Vec<PathBuf>> {
    let mut found = Vec::new();
    let mut folders = vec![folder.to_owned()];
    while let Some(folder) = folders.pop() {
        if !folder.is_dir() {
            continue;
        }
        for entry in std::fs::read_dir(&folder).with_context(|| format!("{}", folder.display()))? {
            let path = entry?.path();
            if path.is_dir() {
                if !path.ends_with("node_modules") && !path.ends_with("target") {
                    folders.push(path);
                }
            } else if path.extension().is_some_and(|e| extensions.iter().any(|wanted| e == *wanted))
            {
                found.push(path);
            }
        }
    }
    found.sort();
    Ok(found)
}

fn shown(file: &Path) -> String {
    file.strip_prefix(shell::root()).unwrap_or(file).display().to_string()
}
