//! Every setting of the server, defined once: flags, environment, file and the table of
//! `docs/OPERATIONS.md` all follow from [`SETTINGS`].
//!
//! A setting is text wherever it comes from and is read by one function, so that a bad value is
//! refused in the same words everywhere, behind the name of the place it stands in.

mod file;
mod layers;
mod value;

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;

pub(crate) use layers::{Chosen, Flags, Problems};
pub(crate) use value::{
    Contact, Count, Domain, HttpsUrl, List, LogFilter, LogFormat, Origin, PublicUrl, Seconds,
    Secret, ServerUrl, TurnUrl, Value,
};

/// One setting.
pub(crate) struct Setting {
    /// Its name in the file; the flag is `--` and this, the variable `PALABRE_` and this in capitals.
    pub(crate) key: &'static str,
    /// What a value looks like; empty for one that is on or off.
    pub(crate) form: &'static str,
    /// What holds without it.
    pub(crate) default: Without,
    pub(crate) place: Place,
    pub(crate) what: &'static str,
    /// Reads a value and keeps it.
    take: fn(&mut Given, &str) -> Result<(), String>,
}

/// What holds when a setting is not given.
#[derive(Clone, Copy)]
pub(crate) enum Without {
    /// This value.
    Value(&'static str),
    /// Something that depends on the machine or on other settings, in words.
    Words(&'static str),
}

/// Where a setting may be given.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(crate) enum Place {
    /// As a flag, in the environment, in the file.
    Anywhere,
    /// Not in the file: it is about one run.
    ThisRun,
    /// As a flag alone: it must not outlast the command it was typed with.
    Flag,
    /// Not as a flag, which other users of the machine see, nor in the settings file, which is
    /// copied and shown around: the variable, or the file that the setting `…-file` names.
    Secret,
}

impl Setting {
    /// Its environment variable.
    pub(crate) fn variable(&self) -> String {
        format!("PALABRE_{}", self.key.to_uppercase().replace('-', "_"))
    }

    /// Whether it is on or off.
    fn is_switch(&self) -> bool {
        self.form.is_empty()
    }
}

macro_rules! settings {
    ($($(#[doc = $what:literal])+ $key:literal $form:literal $place:ident $default:expr => $field:ident: $type:ty;)+) => {
        /// The values that were given, or that hold by default.
        #[derive(Default)]
        pub(crate) struct Given {
            $($(#[doc = $what])+ pub(crate) $field: Option<$type>,)+
        }

        /// Every setting, in the order of the table.
        pub(crate) const SETTINGS: &[Setting] = &[$(Setting {
            key: $key,
            form: $form,
            default: $default,
            place: Place::$place,
            what: concat!($($what),+),
            take: |given, text| {
                given.$field = Some(<$type as Value>::read(text)?);
                Ok(())
            },
        },)+];
    };
}

use Without::{Value as Is, Words};

settings! {
    /// a file with settings (TOML)
    "config" "FILE" ThisRun Words("none") => config: PathBuf;
    /// pages, calls and WebSockets (TCP)
    "http" "ADDR:PORT" Anywhere Is("127.0.0.1:8080") => http: SocketAddr;
    /// the same over TLS; `http` then only sends there
    "https" "ADDR:PORT" Anywhere Words("none") => https: SocketAddr;
    /// the certificate and its chain (PEM); read again when it changes, or on SIGHUP
    "tls-certificate" "FILE" Anywhere Words("none") => tls_certificate: PathBuf;
    /// its private key (PEM)
    "tls-key" "FILE" Anywhere Words("none") => tls_key: PathBuf;
    /// instead of files: the names to have a certificate for, from an authority (ACME)
    "acme-domain" "NAME,…" Anywhere Words("none") => acme_domain: List<Domain>;
    /// whom the authority writes to
    "acme-contact" "EMAIL" Anywhere Words("none") => acme_contact: Contact;
    /// the authority's directory
    "acme-directory" "URL" Anywhere Words("Let's Encrypt's") => acme_directory: HttpsUrl;
    /// whom to trust for that directory (PEM): for an authority of one's own
    "acme-authority" "FILE" Anywhere Words("the public ones") => acme_authority: PathBuf;
    /// health and metrics (TCP), for the operator's own machines
    "private" "ADDR:PORT" Anywhere Words("`127.0.0.1`, the port of `http` + 1000") => private: SocketAddr;
    /// media (UDP); shard *i* takes the port plus *i*
    "media" "ADDR:PORT" Anywhere Is("0.0.0.0:8081") => media: SocketAddr;
    /// where browsers reach the media ports
    "advertise" "IP,…" Anywhere Words("the machine's own") => advertise: List<IpAddr>;
    /// media threads, 1 to 64
    "shards" "N" Anywhere Words("one a processor") => shards: Count<1, 64>;
    /// the directory of the journal
    "data" "DIR" Anywhere Words("`~/.local/share/palabre`") => data: PathBuf;
    /// what links begin with: `http://HOST` or `https://HOST`
    "public-url" "URL" Anywhere Words("the request's host") => public_url: PublicUrl;
    /// other sites whose pages may connect
    "allow-origin" "URL,…" Anywhere Words("none") => allow_origin: List<Origin>;
    /// what making a room takes; 16 characters or more
    "operator-key" "KEY" Secret Words("none") => operator_key: Secret;
    /// a file that holds that key and nothing else
    "operator-key-file" "FILE" Anywhere Words("none") => operator_key_file: PathBuf;
    /// no demo room (there is none on a public address anyway)
    "no-demo" "" Anywhere Is("false") => no_demo: bool;
    /// rooms with `speed`; always on a loopback address
    "allow-rehearsal" "" Anywhere Is("false") => allow_rehearsal: bool;
    /// where a TURN server is, for networks that let no UDP out: `turn:HOST` or `turns:HOST`, with a port and `?transport=tcp`
    "turn-url" "URL,…" Anywhere Words("none") => turn_url: List<TurnUrl>;
    /// what is shared with it (coturn's `static-auth-secret`); 16 characters or more
    "turn-secret" "SECRET" Secret Words("none") => turn_secret: Secret;
    /// a file that holds that secret and nothing else
    "turn-secret-file" "FILE" Anywhere Words("none") => turn_secret_file: PathBuf;
    /// where the beginning and end of sessions are told, signed: `https://…`
    "webhook" "URL" Anywhere Words("nowhere") => webhook: ServerUrl;
    /// what they are signed with; 16 characters or more
    "webhook-secret" "SECRET" Secret Words("none") => webhook_secret: Secret;
    /// a file that holds that secret and nothing else
    "webhook-secret-file" "FILE" Anywhere Words("none") => webhook_secret_file: PathBuf;
    /// where traces are sent: an OpenTelemetry collector (OTLP over HTTP), such as `http://127.0.0.1:4318`
    "otlp" "URL" Anywhere Words("nowhere") => otlp: ServerUrl;
    /// rooms at most
    "max-rooms" "N" Anywhere Is("2000") => max_rooms: Count<1, 1_000_000>;
    /// seats of all rooms at most
    "max-seats" "N" Anywhere Is("20000") => max_seats: Count<1, 10_000_000>;
    /// WebSockets with a valid link at most
    "max-connections" "N" Anywhere Is("10000") => max_connections: Count<1, 1_000_000>;
    /// TCP connections of the public listener at most, WebSockets apart
    "max-http-connections" "N" Anywhere Is("4096") => max_http_connections: Count<16, 1_000_000>;
    /// rooms that one network may ask for; this machine, or a proxy on it, any number
    "rooms-per-minute" "N" Anywhere Is("600") => rooms_per_minute: Count<1, 1_000_000>;
    /// takes over from the server that runs with the same `data`, if there is one
    "take-over" "" Flag Is("false") => take_over: bool;
    /// how long each room may wait for a moment that interrupts nobody
    "take-over-within" "SECONDS" ThisRun Is("60") => take_over_within: Seconds;
    /// what is logged on standard error: a level, or `target=level,…`
    "log" "FILTER" Anywhere Is("info") => log: LogFilter;
    /// `text` or `json`
    "log-format" "FORMAT" Anywhere Is("text") => log_format: LogFormat;
    /// stops by itself: for runs that must end
    "exit-after" "SECONDS" ThisRun Words("never") => exit_after: Seconds;
    /// sets a *damaged* journal aside and begins without rooms
    "fresh" "" Flag Is("false") => fresh: bool;
}

/// The table of the settings, in Markdown.
pub(crate) fn table() -> String {
    let mut text =
        String::from("| flag | environment | file | default | what |\n|---|---|---|---|---|\n");
    for setting in SETTINGS {
        let Setting { key, form, default, place, what, .. } = setting;
        let form = if setting.is_switch() { String::new() } else { format!(" {form}") };
        let flag =
            if *place == Place::Secret { "–".to_owned() } else { format!("`--{key}{form}`") };
        let file = if *place == Place::Anywhere { format!("`{key}`") } else { "–".to_owned() };
        let default = match default {
            Is("false") => "off".to_owned(),
            Is(value) => format!("`{value}`"),
            Words(words) => (*words).to_owned(),
        };
        let variable = match place {
            Place::Flag => "–".to_owned(),
            _ => format!("`{}`", setting.variable()),
        };
        let what = what.trim();
        text.push_str(&format!("| {flag} | {variable} | {file} | {default} | {what} |\n"));
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_documented_table_is_the_generated_one() {
        let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../../docs/OPERATIONS.md");
        let text = std::fs::read_to_string(path).expect("the operators' page");
        let (begin, end) = ("<!-- palabre config --table -->\n", "<!-- end of the table -->");
        let (before, rest) = text.split_once(begin).expect("the place of the table");
        let (documented, after) = rest.split_once(end).expect("the end of the table");
        if std::env::var_os("PALABRE_BLESS").is_some() {
            let blessed = format!("{before}{begin}{}{end}{after}", table());
            std::fs::write(path, blessed).expect("written");
            return;
        }
        assert_eq!(documented, table(), "put what `palabre config --table` prints there");
    }

    #[test]
    fn every_default_is_a_valid_value_and_every_key_is_named_once() {
        for (index, setting) in SETTINGS.iter().enumerate() {
            if let Is(value) = setting.default {
                (setting.take)(&mut Given::default(), value).expect(setting.key);
            }
            assert!(SETTINGS[..index].iter().all(|other| other.key != setting.key));
            let file = format!("{}-file", setting.key);
            let has_file = SETTINGS.iter().any(|other| other.key == file);
            assert_eq!(setting.place == Place::Secret, has_file, "{}", setting.key);
        }
    }
}
