//! What the machine must have, and how it gets it.

use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::{Context as _, Result, bail};

use crate::shell;

/// A program that the project needs, and the Debian package that has it.
pub(crate) struct Need {
    program: &'static str,
    package: &'static str,
    why: &'static str,
}

/// What building and serving needs.
pub(crate) const RUN: &[Need] =
    &[Need { program: "cc", package: "build-essential", why: "compiles the cryptography library" }];

/// What the tests need beyond [`RUN`].
pub(crate) const TEST: &[Need] = &[
    Need { program: "cc", package: "build-essential", why: "compiles the cryptography library" },
    Need { program: "cmake", package: "cmake", why: "builds the Opus library of the load test" },
    Need {
        program: "chromium",
        package: "chromium",
        why: "is the browser of the end-to-end tests",
    },
    Need {
        program: "espeak-ng",
        package: "espeak-ng",
        why: "speaks the speech that tests listen to",
    },
    Need {
        program: "firefox-esr",
        package: "firefox-esr",
        why: "is the other browser of the tests",
    },
    Need { program: "pulseaudio", package: "pulseaudio", why: "is the sound card of that browser" },
    Need { program: "turnserver", package: "coturn", why: "is the TURN server of the tests" },
    Need { program: "openssl", package: "openssl", why: "makes that server's certificate" },
    Need { program: "pebble", package: "pebble", why: "is the authority of certificates" },
    Need { program: "systemd-analyze", package: "systemd", why: "checks the service's unit" },
];

/// Packages that start a service where they are installed, if there is a systemd.
const SERVICES: &[&str] = &["coturn", "janus", "pulseaudio"];

/// What comparing with other servers needs beyond [`RUN`], but for the page.
pub(crate) const PEERS: &[Need] = &[
    Need { program: "cc", package: "build-essential", why: "compiles the cryptography library" },
    Need { program: "cmake", package: "cmake", why: "builds the Opus library of the load test" },
    Need { program: "janus", package: "janus", why: "is the server that Palabre is compared with" },
    Need { program: "ip", package: "iproute2", why: "makes the network namespaces of a run" },
    Need { program: "taskset", package: "util-linux", why: "gives each side its processor" },
    Need { program: "setpriv", package: "util-linux", why: "ends what a killed run leaves" },
];

/// Makes sure that every program is there: installs the missing ones when that is possible.
///
/// # Errors
/// Names what is missing and how to install it, when this program may not, or would start a service.
pub(crate) fn need(needs: &[Need]) -> Result<()> {
    let missing: Vec<&Need> = needs.iter().filter(|need| !shell::has(need.program)).collect();
    if missing.is_empty() {
        return Ok(());
    }
    for need in &missing {
        shell::say(&format!("missing: {} ({})", need.program, need.why));
    }
    let packages: Vec<&str> = missing.iter().map(|need| need.package).collect();
    let service = packages.iter().find(|package| SERVICES.contains(package));
    if let (Some(package), true) = (service, Path::new("/run/systemd/system").exists()) {
        bail!(
            "installing the package `{package}` starts a service: do that yourself (apt-get install \
             --no-install-recommends {package}) and disable what it starts"
        );
    }
    if !(is_root() && shell::has("apt-get")) {
        bail!("install them first; on Debian: apt-get install {}", packages.join(" "));
    }
    update()?;
    let mut install = Command::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages);
    shell::run(&mut install)
}

fn update() -> Result<()> {
    shell::run(Command::new("apt-get").args(["update", "-qq"]))
}

/// What is needed beside the build, and installed nowhere else.
fn tools() -> PathBuf {
    shell::root().join("target/tools")
}

/// A program of a Debian package whose installation would start a service: where the program is not
/// there, the package is unpacked beside the build instead.
///
/// # Errors
/// Names the package, when it cannot be had.
pub(crate) fn unpacked(program: &str, package: &str) -> Result<PathBuf> {
    if shell::has(program) {
        return Ok(program.into());
    }
    let found = tools().join("usr/bin").join(program);
    if !found.exists() {
        unpack(package).with_context(|| {
            format!("`{program}` is missing; on Debian it is in the package `{package}`")
        })?;
    }
    Ok(found)
}

fn unpack(package: &str) -> Result<()> {
    // Of its own, so that no older download is taken for this one.
    let download = tools().join(package);
    std::fs::create_dir_all(&download)?;
    if is_root() {
        update()?;
    }
    let mut get = Command::new("apt-get");
    shell::run(get.args(["download", "-qq", package]).current_dir(&download))?;
    let archive = std::fs::read_dir(&download)?
        .filter_map(|entry| Some(entry.ok()?.path()))
        .find(|path| path.extension().is_some_and(|extension| extension == "deb"))
        .with_context(|| format!("the package {package} was not downloaded"))?;
    shell::run(Command::new("dpkg").arg("-x").arg(archive).arg(tools()))?;
    std::fs::remove_dir_all(&download)?;
    Ok(())
}

/// A program of a crate, of exactly this version, built beside the build where it is not there yet.
///
/// # Errors
/// Names the crate, when it cannot be built.
pub(crate) fn built(program: &str, version: &str) -> Result<PathBuf> {
    let root = tools().join(format!("{program}-{version}"));
    let found = root.join("bin").join(program);
    if !found.exists() {
        let mut install = shell::cargo();
        // Quick to build matters more here than quick to run.
        install
            .env("CARGO_PROFILE_DEV_DEBUG", "0")
            .args(["install", "--quiet", "--locked", "--debug", "--root"])
            .arg(&root)
            .arg(format!("{program}@{version}"));
        shell::run(&mut install)
            .with_context(|| format!("`{program}` is missing; it is the crate of that name"))?;
    }
    Ok(found)
}

fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
