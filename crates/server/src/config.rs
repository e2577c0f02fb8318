//! What a server runs with, once its settings are known to go together.

use std::net::{IpAddr, SocketAddr};
use std::path::{Path, PathBuf};
use std::time::Duration;

use palabre_signaling::Turn;

use crate::settings::{Chosen, Flags, Given, LogFormat, Problems, PublicUrl, Secret, ServerUrl};
use crate::tls::{Acme, Certificate};
use crate::webhooks::Webhook;

/// How far the private listener's port is from that of pages, unless it is set.
const PRIVATE_PORT_OFFSET: u16 = 1_000;

/// What a server runs with.
#[derive(Debug)]
pub(crate) struct Config {
    pub(crate) http: SocketAddr,
    /// Where pages are served over TLS, and with which certificate. `http` then only sends there.
    pub(crate) https: Option<(SocketAddr, Certificate)>,
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
    pub(crate) turn: Option<Turn>,
    pub(crate) webhook: Option<Webhook>,
    /// The collector of traces.
    pub(crate) otlp: Option<String>,
    pub(crate) limits: Limits,
    pub(crate) log: Log,
    /// Takes over from the server that is there; rooms may wait so long for a good moment.
    pub(crate) take_over: Option<Duration>,
    pub(crate) exit_after: Option<Duration>,
}

/// How much is taken on.
#[derive(Debug)]
pub(crate) struct Limits {
    pub(crate) rooms: u32,
    pub(crate) seats: u32,
    pub(crate) connections: u32,
    pub(crate) http_connections: u32,
    pub(crate) rooms_per_minute: u32,
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

    fn from_given(mut given: Given, unknown_variables: Vec<String>) -> Result<Self, Problems> {
        let http = given.http.expect(DEFAULT);
        let data = given.data.take().map_or_else(default_data, Ok)?;
        let https = https(&mut given, &data)?;
        let turn = turn(&mut given)?;
        let webhook = webhook(&mut given)?;
        let pages = https.as_ref().map_or(http, |(address, _)| *address);
        // Behind a proxy the address is a loopback one too, but strangers come in.
        let own_machine = pages.ip().is_loopback() && given.public_url.is_none();
        let private = given.private.map_or_else(|| private_address(http), Ok)?;
        let processors = std::thread::available_parallelism().map_or(1, usize::from);
        let processors = u32::try_from(processors).unwrap_or(MAX_SHARDS).min(MAX_SHARDS);
        let shards = given.shards.map_or(processors, |count| count.0);
        let is_on = |switch: Option<bool>| switch.expect(DEFAULT);
        Ok(Self {
            http,
            https,
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
            turn,
            webhook,
            otlp: given.otlp.map(|url| url.0),
            limits: Limits {
                rooms: given.max_rooms.expect(DEFAULT).0,
                seats: given.max_seats.expect(DEFAULT).0,
                connections: given.max_connections.expect(DEFAULT).0,
                http_connections: given.max_http_connections.expect(DEFAULT).0,
                rooms_per_minute: given.rooms_per_minute.expect(DEFAULT).0,
            },
            log: Log {
                filter: given.log.expect(DEFAULT).0,
                format: given.log_format.expect(DEFAULT),
                unknown_variables,
            },
            take_over: is_on(given.take_over).then(|| given.take_over_within.expect(DEFAULT).0),
            exit_after: given.exit_after.map(|seconds| seconds.0),
        })
    }
}

/// Why a setting is there although nobody gave it.
const DEFAULT: &str = "a setting whose default is a value always has one";

/// Media threads at most: each takes a port.
const MAX_SHARDS: u32 = 64;

/// What TLS takes: an address and one source of certificates.
fn https(given: &mut Given, data: &Path) -> Result<Option<(SocketAddr, Certificate)>, Problems> {
    let domains = given.acme_domain.take().unwrap_or_default().0;
    let files = (given.tls_certificate.take(), given.tls_key.take());
    let any = !domains.is_empty() || files.0.is_some() || files.1.is_some();
    let Some(address) = given.https else {
        return if any {
            Err(Problems::of("https: is needed with a certificate"))
        } else {
            Ok(None)
        };
    };
    if given.public_url.as_ref().is_some_and(|url| !url.is_https()) {
        return Err(Problems::of("public-url: must begin with https:// where https is served"));
    }
    let certificate = match (files, domains.is_empty()) {
        ((Some(certificate), Some(key)), true) => Certificate::Files { certificate, key },
        ((None, None), false) => Certificate::Acme(Acme {
            domains,
            contact: given.acme_contact.take(),
            directory: given.acme_directory.take().map(|url| url.0),
            authority: given.acme_authority.take(),
            cache: data.join("acme"),
        }),
        _ => {
            return Err(Problems::of(
                "https: takes either tls-certificate and tls-key, or acme-domain",
            ));
        }
    };
    Ok(Some((address, certificate)))
}

/// A TURN server takes nobody without the secret that we share with it.
fn turn(given: &mut Given) -> Result<Option<Turn>, Problems> {
    let urls: Vec<String> =
        given.turn_url.take().unwrap_or_default().0.into_iter().map(|url| url.0).collect();
    match (urls.is_empty(), given.turn_secret.take()) {
        (false, Some(secret)) => Ok(Some(Turn::new(urls, &secret.0))),
        (true, None) => Ok(None),
        (false, None) => Err(Problems::of("turn-url: needs turn-secret-file")),
        (true, Some(_)) => Err(Problems::of("turn-secret: is of no use without `turn-url`")),
    }
}

/// What is told to somebody else's server is always signed.
fn webhook(given: &mut Given) -> Result<Option<Webhook>, Problems> {
    match (given.webhook.take(), given.webhook_secret.take()) {
        (Some(ServerUrl(url)), Some(secret)) => Ok(Some(Webhook { url, secret })),
        (None, None) => Ok(None),
        (Some(_), None) => Err(Problems::of("webhook: needs webhook-secret-file")),
        (None, Some(_)) => Err(Problems::of("webhook-secret: is of no use without `webhook`")),
    }
}

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
        assert_eq!((config.limits.rooms, config.limits.seats), (2_000, 20_000));
        assert!(config.https.is_none());
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
    fn tls_takes_an_address_and_one_source_of_certificates() {
        let https = ("PALABRE_HTTPS", "0.0.0.0:443");
        let files = [("PALABRE_TLS_CERTIFICATE", "/c.pem"), ("PALABRE_TLS_KEY", "/k.pem")];
        let acme = ("PALABRE_ACME_DOMAIN", "salle.example");
        let config = load(&[https, files[0], files[1]]).expect("valid");
        assert!(
            matches!(config.https, Some((_, Certificate::Files { .. }))) && !config.own_machine
        );
        let config = load(&[https, acme]).expect("valid");
        assert!(matches!(config.https, Some((_, Certificate::Acme(_)))));
        for refused in [
            &[https][..],
            &[https, files[0]],
            &[https, files[0], files[1], acme],
            &[files[0], files[1]],
            &[acme],
            &[https, acme, ("PALABRE_PUBLIC_URL", "http://salle.example")],
        ] {
            assert!(load(refused).is_err(), "{refused:?}");
        }
    }

    #[test]
    fn the_private_port_follows_that_of_pages() {
        let config = load(&[("PALABRE_HTTP", "127.0.0.1:0")]).expect("valid");
        assert_eq!(config.private.port(), 0);
        let refused = load(&[("PALABRE_HTTP", "127.0.0.1:65000")]).expect_err("no port is left");
        assert!(refused.to_string().starts_with("private: "), "{refused}");
    }
}
