//! Where servers and clients run: two network namespaces joined by a pair of virtual interfaces, so
//! that nothing else passes there.

use std::net::Ipv4Addr;
use std::process::Command;

use anyhow::{Context as _, Result, bail};

/// The servers' address.
pub(crate) const SERVER: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 1);
/// The clients' address.
pub(crate) const CLIENTS: Ipv4Addr = Ipv4Addr::new(10, 77, 0, 2);

const PREFIX: &str = "palabre-peers-";
const INTERFACE: &str = "media";

/// The names of the two namespaces of the process `pid`.
pub(crate) fn names(pid: u32) -> (String, String) {
    (format!("{PREFIX}{pid}-server"), format!("{PREFIX}{pid}-clients"))
}

/// The two namespaces, for as long as this lives.
pub(crate) struct Place {
    server: String,
    clients: String,
}

impl Place {
    /// Makes them. Without `segmentation` the servers' interface is as a network card that does not
    /// cut a batch of datagrams into single ones: the kernel does it before.
    ///
    /// # Errors
    /// When this program may not make network namespaces.
    pub(crate) fn make(segmentation: bool) -> Result<Self> {
        sweep()?;
        let (server, clients) = names(std::process::id());
        let place = Self { server, clients };
        ip(&["netns", "add", &place.server])?;
        ip(&["netns", "add", &place.clients])?;
        ip(&["link", "add", "name", INTERFACE, "netns", &place.server, "type", "veth"]
            .into_iter()
            .chain(["peer", "name", INTERFACE, "netns", &place.clients])
            .collect::<Vec<_>>())?;
        for (namespace, address) in [(&place.server, SERVER), (&place.clients, CLIENTS)] {
            let address = format!("{address}/30");
            ip(&["-n", namespace, "address", "add", &address, "dev", INTERFACE])?;
            ip(&["-n", namespace, "link", "set", "lo", "up"])?;
            ip(&["-n", namespace, "link", "set", INTERFACE, "up"])?;
        }
        if !segmentation {
            ip(&["-n", &place.server, "link", "set", INTERFACE, "gso_max_segs", "1"])?;
        }
        Ok(place)
    }

    /// The clients' namespace.
    pub(crate) fn clients(&self) -> &str {
        &self.clients
    }
}

impl Drop for Place {
    fn drop(&mut self) {
        for namespace in [&self.server, &self.clients] {
            // The pair of interfaces goes with them. What was never made cannot be removed.
            let _ = ip(&["netns", "delete", namespace]);
        }
    }
}

/// Removes what a run that was killed has left.
fn sweep() -> Result<()> {
    let listed = ip(&["netns", "list"])?;
    for name in listed.lines().filter_map(|line| line.split_whitespace().next()) {
        if owner(name).is_some_and(|pid| !std::path::Path::new(&format!("/proc/{pid}")).exists()) {
            ip(&["netns", "delete", name])?;
        }
    }
    Ok(())
}

/// Which process made a namespace, if it is one of ours.
fn owner(name: &str) -> Option<u32> {
    name.strip_prefix(PREFIX)?.split_once('-')?.0.parse().ok()
}

fn ip(arguments: &[&str]) -> Result<String> {
    let output = Command::new("ip")
        .args(arguments)
        .output()
        .context("`ip` (Debian package iproute2) could not be started")?;
    if !output.status.success() {
        bail!(
            "`ip {}` (root makes network namespaces): {}",
            arguments.join(" "),
            String::from_utf8_lossy(&output.stderr).trim()
        );
    }
    Ok(String::from_utf8_lossy(&output.stdout).into_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_our_own_namespaces_have_an_owner() {
        let (server, clients) = names(4_711);
        assert_eq!((owner(&server), owner(&clients)), (Some(4_711), Some(4_711)));
        for name in ["palabre-peers-", "palabre-peers-x-server", "other-12-server", "vpn"] {
            assert_eq!(owner(name), None, "{name}");
        }
    }
}
