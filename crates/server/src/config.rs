//! Settings: flags, then environment (`PALABRE_*`), then the file, then defaults that make a server on
//! one's own machine.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use clap::Args;
use serde::Deserialize;

/// The flags of `palabre serve`. Each may stand in the file under the same name.
#[derive(Debug, Default, Args, Deserialize)]
#[serde(default, rename_all = "kebab-case", deny_unknown_fields)]
pub(crate) struct Flags {
    /// A file with these settings (TOML, the same names)
    #[arg(long, env = "PALABRE_CONFIG")]
    #[serde(skip)]
    config: Option<PathBuf>,
    /// Where pages are served [default: 127.0.0.1:8080]
    #[arg(long, env = "PALABRE_HTTP")]
    http: Option<SocketAddr>,
    /// The first shard's UDP address; shard i uses the port plus i [default: 0.0.0.0:8081]
    #[arg(long, env = "PALABRE_MEDIA")]
    media: Option<SocketAddr>,
    /// Addresses at which browsers reach the media ports [default: this machine's own]
    #[arg(long, env = "PALABRE_ADVERTISE", value_delimiter = ',')]
    advertise: Option<Vec<IpAddr>>,
    /// Media threads, each with its own port [default: one for each processor]
    #[arg(long, env = "PALABRE_SHARDS")]
    shards: Option<u16>,
    /// Where rooms are kept [default: palabre in the user's data directory]
    #[arg(long, env = "PALABRE_DATA")]
    data: Option<PathBuf>,
    /// The address of this server as people type it, for links [default: the request's]
    #[arg(long, env = "PALABRE_PUBLIC_URL")]
    public_url: Option<String>,
    /// Other origins whose pages may connect
    #[arg(long, env = "PALABRE_ALLOW_ORIGIN", value_delimiter = ',')]
    allow_origin: Option<Vec<String>>,
    /// The key that making a room takes; better given by environment or file
    #[arg(long, env = "PALABRE_OPERATOR_KEY", hide_env_values = true)]
    operator_key: Option<String>,
    /// Offers no ready-made demo room
    #[arg(long, env = "PALABRE_NO_DEMO", num_args = 0..=1, default_missing_value = "true")]
    no_demo: Option<bool>,
    /// Takes rooms with speeded-up durations (always on a loopback address)
    #[arg(long, env = "PALABRE_ALLOW_REHEARSAL", num_args = 0..=1, default_missing_value = "true")]
    allow_rehearsal: Option<bool>,
    /// Where metrics are served, to be kept private [default: nowhere]
    #[arg(long, env = "PALABRE_METRICS")]
    metrics: Option<SocketAddr>,
    /// Rooms at most [default: 2000]
    #[arg(long, env = "PALABRE_MAX_ROOMS")]
    max_rooms: Option<usize>,
    /// Stops after so many seconds: for runs that must end
    #[arg(long, env = "PALABRE_EXIT_AFTER", value_name = "SECONDS", value_parser = seconds)]
    #[serde(skip)]
    exit_after: Option<u64>,
    /// Sets a damaged journal aside and begins with no rooms
    #[arg(long)]
    #[serde(skip)]
    fresh: bool,
}

/// Seconds, with or without the `s`.
fn seconds(text: &str) -> Result<u64, std::num::ParseIntError> {
    text.strip_suffix('s').unwrap_or(text).parse()
}

/// What a server runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) http: SocketAddr,
    /// Only who is on this machine comes in.
    pub(crate) own_machine: bool,
    pub(crate) media: SocketAddr,
    pub(crate) advertise: Vec<IpAddr>,
    pub(crate) shards: u16,
    pub(crate) data: PathBuf,
    pub(crate) fresh: bool,
    pub(crate) public_url: Option<PublicUrl>,
    pub(crate) allow_origin: Vec<String>,
    pub(crate) operator_key: Option<OperatorKey>,
    pub(crate) demo: bool,
    pub(crate) allow_rehearsal: bool,
    pub(crate) metrics: Option<SocketAddr>,
    pub(crate) max_rooms: usize,
    pub(crate) exit_after: Option<Duration>,
}

/// The key that making a room takes.
pub(crate) struct OperatorKey(pub(crate) String);

impl std::fmt::Debug for OperatorKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("OperatorKey(…)")
    }
}

/// `http://host[:port]` or `https://host[:port]`, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

impl PublicUrl {
    fn parse(text: &str) -> Result<Self> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let url = Self(text.to_owned());
        let host = url.host();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host == text || host.is_empty() || !host.chars().all(plain) {
            bail!("public-url must be http://HOST or https://HOST, without a path");
        }
        Ok(url)
    }

    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    /// The host, with the port if there is one.
    pub(crate) fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").or_else(|| self.0.strip_prefix("http://"));
        rest.unwrap_or(&self.0)
    }
}

/// Media threads at most: each takes a port.
const MAX_SHARDS: u16 = 64;

impl Config {
    /// Puts flags, environment, file and defaults together.
    pub(crate) fn load(flags: Flags) -> Result<Self> {
        let file = match &flags.config {
            Some(path) => read_file(path)?,
            None => Flags::default(),
        };
        Self::from_layers(flags, file)
    }

    fn from_layers(flags: Flags, file: Flags) -> Result<Self> {
        let http =
            flags.http.or(file.http).unwrap_or_else(|| SocketAddr::from(([127, 0, 0, 1], 8080)));
        let public_url = flags.public_url.or(file.public_url);
        // Behind a proxy the address is a loopback one too, but strangers come in.
        let own_machine = http.ip().is_loopback() && public_url.is_none();
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = u16::try_from(processors).unwrap_or(MAX_SHARDS).min(MAX_SHARDS);
        let shards = flags.shards.or(file.shards).unwrap_or(processors);
        if !(1..=MAX_SHARDS).contains(&shards) {
            bail!("shards must be 1 to {MAX_SHARDS}, not {shards}");
        }
        let operator_key = flags.operator_key.or(file.operator_key);
        if operator_key.as_ref().is_some_and(|key| key.len() < 16) {
            bail!("operator-key must have at least 16 characters");
        }
        let data = match flags.data.or(file.data) {
            Some(data) => data,
            None => default_data()?,
        };
        Ok(Self {
            http,
            own_machine,
            media: flags
                .media
                .or(file.media)
                .unwrap_or_else(|| SocketAddr::from(([0, 0, 0, 0], 8081))),
            advertise: flags.advertise.or(file.advertise).unwrap_or_default(),
            shards,
            data,
            fresh: flags.fresh,
            public_url: public_url.as_deref().map(PublicUrl::parse).transpose()?,
            allow_origin: flags.allow_origin.or(file.allow_origin).unwrap_or_default(),
            operator_key: operator_key.map(OperatorKey),
            demo: own_machine && !flags.no_demo.or(file.no_demo).unwrap_or(false),
            allow_rehearsal: own_machine
                || flags.allow_rehearsal.or(file.allow_rehearsal).unwrap_or(false),
            metrics: flags.metrics.or(file.metrics),
            max_rooms: flags.max_rooms.or(file.max_rooms).unwrap_or(2_000),
            exit_after: flags.exit_after.map(Duration::from_secs),
        })
    }
}

fn read_file(path: &Path) -> Result<Flags> {
    let text = std::fs::read_to_string(path)
        .with_context(|| format!("cannot read the settings {}", path.display()))?;
    toml::from_str(&text).with_context(|| format!("in the settings {}", path.display()))
}

fn default_data() -> Result<PathBuf> {
    let set = |name| std::env::var_os(name).filter(|value| !value.is_empty()).map(PathBuf::from);
    set("XDG_DATA_HOME")
        .or_else(|| Some(set("HOME")?.join(".local/share")))
        .map(|share| share.join("palabre"))
        .context("no home directory: say with --data where rooms are kept")
}

#[cfg(test)]
mod tests {
    use super::*;

    fn load(flags: Flags, file: &str) -> Result<Config> {
        let data = flags.data.clone().or_else(|| Some("/nowhere".into()));
        Config::from_layers(Flags { data, ..flags }, toml::from_str(file)?)
    }

    #[test]
    fn a_server_on_ones_own_machine_needs_no_setting() {
        let config = load(Flags::default(), "").expect("valid");
        assert_eq!(config.http.to_string(), "127.0.0.1:8080");
        assert_eq!(config.media.to_string(), "0.0.0.0:8081");
        assert!(config.demo && config.allow_rehearsal && config.operator_key.is_none());
    }

    #[test]
    fn a_public_server_offers_nothing_by_itself() {
        let config = load(Flags::default(), r#"http = "0.0.0.0:80""#).expect("valid");
        assert!(!config.demo && !config.allow_rehearsal);
        let config = load(Flags::default(), "public-url = 'https://salle.example'").expect("valid");
        assert!(!config.own_machine && !config.demo, "behind a proxy");
    }

    #[test]
    fn a_flag_goes_before_the_file() {
        let flags = Flags { shards: Some(3), ..Flags::default() };
        let config = load(flags, "shards = 2\nmax-rooms = 7").expect("valid");
        assert_eq!((config.shards, config.max_rooms), (3, 7));
    }

    #[test]
    fn what_cannot_be_meant_is_refused() {
        for file in [
            "shards = 0",
            "shards = 65",
            "operator-key = 'short'",
            "public-url = 'salle.example'",
            "public-url = 'https://salle.example/room'",
            "public-url = 'https://a b'",
            "http = 'localhost:8080'",
            "htpp = '127.0.0.1:1'",
            "exit-after = 3",
        ] {
            assert!(load(Flags::default(), file).is_err(), "{file}");
        }
    }

    #[test]
    fn a_key_is_not_printed() {
        let config = load(Flags::default(), "operator-key = 'sixteen-letters!'").expect("valid");
        assert!(!format!("{config:?}").contains("sixteen"));
    }
}
