//! What the machine must have, and how it gets it.

use std::path::Path;
use std::process::Command;

use anyhow::{Result, bail};

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
    let mut update = Command::new("apt-get");
    shell::run(update.args(["update", "-qq"]))?;
    let mut install = Command::new("apt-get");
    install
        .env("DEBIAN_FRONTEND", "noninteractive")
        .args(["install", "-y", "-qq", "--no-install-recommends"])
        .args(packages);
    shell::run(&mut install)
}

fn is_root() -> bool {
    shell::output(Command::new("id").arg("-u")).is_ok_and(|id| id.trim() == "0")
}
