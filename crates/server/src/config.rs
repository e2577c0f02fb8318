//! What a server runs with, once its settings are known to go together.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use crate::settings::{Chosen, Flags, Given, LogFormat, Problems, PublicUrl, Secret};

/// How far the private listener's port is from that of pages, unless it is set.
const PRIVATE_PORT_OFFSET: u16 = 1_000;

/// What a server runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) http: SocketAddr,
    /// Health and metrics.
    pub(crate) private: SocketAddr,
    /// Only who is on this machine comes in.
    pub(crate) own_machine: bool,
    pub(crate) media: SocketAddr,
    pub(crate) advertise: Vec<IpAddr>,
    pub(crate) shards: u16,
    pub(crate) data: PathBuf,
    pub(crate) fresh: bool,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) allow_origin: Vec<String>,
    pub(crate) operator_key: Option<Secret>,
    pub(crate) demo: bool,
    pub(crate) allow_rehearsal: bool,
    pub(crate) max_rooms: usize,
    pub(crate) log: Log,
    pub(crate) exit_after: Option<Duration>,
}

/// What is logged, and how.
#[derive(Debug)]
pub(crate) struct Log {
    pub(crate) filter: String,
    pub(crate) format: LogFormat,
    /// Told once there is a log.
    pub(crate) unknown_variables: Vec<String>,
}

impl Config {
    /// Puts flags, environment, file and defaults together.
    pub(crate) fn load(flags: Flags) -> Result<Self, Problems> {
        let Chosen { given, unknown_variables, .. } = Chosen::load(flags, std::env::vars_os())?;
        Self::from_given(given, unknown_variables)
    }

    /// With what a server would run, and where each setting comes from.
    pub(crate) fn show(flags: Flags) -> Result<String, Problems> {
        let chosen = Chosen::load(flags, std::env::vars_os())?;
        let shown = chosen.show();
        Self::from_given(chosen.given, chosen.unknown_variables)?;
        Ok(shown)
    }

    fn from_given(given: Given, unknown_variables: Vec<String>) -> Result<Self, Problems> {
        let http = given.http.expect(DEFAULT);
        // Behind a proxy the address is a loopback one too, but strangers come in.
        let own_machine = http.ip().is_loopback() && given.public_url.is_none();
        let private = given.private.map_or_else(|| private_address(http), Ok)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = u32::try_from(processors).unwrap_or(MAX_SHARDS).min(MAX_SHARDS);
        let shards = given.shards.map_or(processors, |count| count.0);
        let data = given.data.map_or_else(default_data, Ok)?;
        let is_on = |switch: Option<bool>| switch.expect(DEFAULT);
        Ok(Self {
            http,
            private,
            own_machine,
            media: given.media.expect(DEFAULT),
            advertise: given.advertise.unwrap_or_default().0,
            shards: u16::try_from(shards).unwrap_or(u16::MAX),
            data,
            fresh: is_on(given.fresh),
            public_url: given.public_url,
            allow_origin: given
                .allow_origin
                .unwrap_or_default()
                .0
                .into_iter()
                .map(|o| o.0)
                .collect(),
            operator_key: given.operator_key,
            demo: own_machine && !is_on(given.no_demo),
            allow_rehearsal: own_machine || is_on(given.allow_rehearsal),
            max_rooms: given.max_rooms.expect(DEFAULT).0 as usize,
            log: Log {
                filter: given.log.expect(DEFAULT).0,
                format: given.log_format.expect(DEFAULT),
                unknown_variables,
            },
            exit_after: given.exit_after.map(|seconds| seconds.0),
        })
    }
}

/// Why a setting is there although nobody gave it.
const DEFAULT: &str = "a setting whose default is a value always has one";

/// Media threads at most: each takes a port.
const MAX_SHARDS: u32 = 64;

/// On this machine alone, and beside the port of pages, so that several servers on one machine do not
/// meet; the system's choice when that is its choice too.
fn private_address(http: SocketAddr) -> Result<SocketAddr, Problems> {
    let port = match http.port() {
        0 => 0,
        port => port.checked_add(PRIVATE_PORT_OFFSET).ok_or_else(|| {
            Problems::of("private: must be set where the port of `http` is above 64535")
        })?,
    };
    Ok(SocketAddr::from(([127, 0, 0, 1], port)))
}

fn default_data() -> Result<PathBuf, Problems> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| Some(set("HOME")?.join(".local/share")))
        .map(|share| share.join("palabre"))
        .ok_or_else(|| Problems::of("data: there is no home directory: say where rooms are kept"))
}

#[cfg(test)]
mod tests {
    use std::ffi::OsString;

    use super::*;

    fn load(settings: &[(&str, &str)]) -> Result<Config, Problems> {
        let variables = settings.iter().copied().chain([("PALABRE_DATA", "/nowhere")]);
        let variables =
            variables.map(|(name, value)| (OsString::from(name), OsString::from(value)));
        Config::from_given(Chosen::load(Flags::default(), variables)?.given, Vec::new())
    }

    #[test]
    fn a_server_on_ones_own_machine_needs_no_setting() {
        let config = load(&[]).expect("valid");
        assert_eq!(config.http.to_string(), "127.0.0.1:8080");
        assert_eq!(config.private.to_string(), "127.0.0.1:9080");
        assert_eq!(config.media.to_string(), "0.0.0.0:8081");
        assert!(config.demo && config.allow_rehearsal && config.operator_key.is_none());
        assert_eq!(config.max_rooms, 2_000);
    }

    #[test]
    fn a_public_server_offers_nothing_by_itself() {
        let config = load(&[("PALABRE_HTTP", "0.0.0.0:80")]).expect("valid");
        assert!(!config.demo && !config.allow_rehearsal);
        assert_eq!(config.private.to_string(), "127.0.0.1:1080", "private all the same");
        let config = load(&[("PALABRE_PUBLIC_URL", "https://salle.example")]).expect("valid");
        assert!(!config.own_machine && !config.demo, "behind a proxy");
    }

    #[test]
    fn the_private_port_follows_that_of_pages() {
        let config = load(&[("PALABRE_HTTP", "127.0.0.1:0")]).expect("valid");
        assert_eq!(config.private.port(), 0);
        let refused = load(&[("PALABRE_HTTP", "127.0.0.1:65000")]).expect_err("no port is left");
        assert!(refused.to_string().starts_with("private: "), "{refused}");
    }
}
