//! What values look like, and how they are read.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use tracing_subscriber::EnvFilter;

/// A value that is read from text.
pub(crate) trait Value: Sized {
    /// Reads it, or says what it must be. A refusal of a secret does not repeat it.
    fn read(text: &str) -> Result<Self, String>;
}

/// Reads what has a standard form, or says which.
fn standard<T: FromStr>(text: &str, form: &str) -> Result<T, String> {
    text.parse().map_err(|_| format!("must be {form}, not `{text}`"))
}

impl Value for SocketAddr {
    fn read(text: &str) -> Result<Self, String> {
        standard(text, "an address and a port, such as 127.0.0.1:8080 or [::1]:8080")
    }
}

impl Value for IpAddr {
    fn read(text: &str) -> Result<Self, String> {
        standard(text, "an IP address")
    }
}

impl Value for PathBuf {
    fn read(text: &str) -> Result<Self, String> {
        if text.is_empty() { Err("must not be empty".to_owned()) } else { Ok(text.into()) }
    }
}

impl Value for bool {
    fn read(text: &str) -> Result<Self, String> {
        standard(text, "true or false")
    }
}

/// A number between two others.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Count<const MIN: u32, const MAX: u32>(pub(crate) u32);

impl<const MIN: u32, const MAX: u32> Value for Count<MIN, MAX> {
    fn read(text: &str) -> Result<Self, String> {
        match text.parse() {
            Ok(count) if (MIN..=MAX).contains(&count) => Ok(Self(count)),
            _ => Err(format!("must be a number from {MIN} to {MAX}, not `{text}`")),
        }
    }
}

/// Seconds, with or without the `s`.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct Seconds(pub(crate) Duration);

impl Value for Seconds {
    fn read(text: &str) -> Result<Self, String> {
        let seconds: u64 = text
            .strip_suffix('s')
            .unwrap_or(text)
            .parse()
            .map_err(|_| format!("must be seconds, such as 60 or 60s, not `{text}`"))?;
        Ok(Self(Duration::from_secs(seconds)))
    }
}

/// Values with commas between them; in the file an array.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct List<T>(pub(crate) Vec<T>);

impl<T> Default for List<T> {
    fn default() -> Self {
        Self(Vec::new())
    }
}

impl<T: Value> Value for List<T> {
    fn read(text: &str) -> Result<Self, String> {
        let parts = text.split(',').map(str::trim).filter(|part| !part.is_empty());
        parts.map(T::read).collect::<Result<_, _>>().map(Self)
    }
}

/// `http://host[:port]` or `https://host[:port]`, without a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct PublicUrl(String);

impl Value for PublicUrl {
    fn read(text: &str) -> Result<Self, String> {
        let text = text.strip_suffix('/').unwrap_or(text);
        let url = Self(text.to_owned());
        let host = url.host();
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        if host == text || host.is_empty() || !host.chars().all(plain) {
            return Err(format!(
                "must be http://HOST or https://HOST, without a path, not `{text}`"
            ));
        }
        Ok(url)
    }
}

impl PublicUrl {
    pub(crate) fn as_str(&self) -> &str {
        &self.0
    }

    pub(crate) fn is_https(&self) -> bool {
        self.0.starts_with("https://")
    }

    /// The host, with the port if there is one.
    pub(crate) fn host(&self) -> &str {
        let rest = self.0.strip_prefix("https://").or_else(|| self.0.strip_prefix("http://"));
        rest.unwrap_or(&self.0)
    }
}

/// An origin as browsers say it: scheme, host and port, nothing behind.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Origin(pub(crate) String);

impl Value for Origin {
    fn read(text: &str) -> Result<Self, String> {
        PublicUrl::read(text).map(|url| Self(url.0))
    }
}

/// A URL of an authority, `https://…`, with a path.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct HttpsUrl(pub(crate) String);

impl Value for HttpsUrl {
    fn read(text: &str) -> Result<Self, String> {
        let host = text.strip_prefix("https://").and_then(|rest| rest.split('/').next());
        if host.is_none_or(str::is_empty) || text.contains(char::is_whitespace) {
            return Err(format!("must be https://…, not `{text}`"));
        }
        Ok(Self(text.to_owned()))
    }
}

/// Where somebody else's server is told something: over TLS, or on this machine.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct ServerUrl(pub(crate) String);

impl Value for ServerUrl {
    fn read(text: &str) -> Result<Self, String> {
        let here = text.strip_prefix("http://").and_then(|rest| rest.split('/').next());
        if here.is_some_and(crate::http::is_local) && !text.contains(char::is_whitespace) {
            return Ok(Self(text.to_owned()));
        }
        let https = HttpsUrl::read(text).map(|url| Self(url.0));
        https.map_err(|_| format!("must be https://…, or http:// on this machine, not `{text}`"))
    }
}

/// Where a TURN server is (RFC 7065).
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct TurnUrl(pub(crate) String);

impl Value for TurnUrl {
    fn read(text: &str) -> Result<Self, String> {
        let rest = text.strip_prefix("turn:").or_else(|| text.strip_prefix("turns:"));
        let (host, transport) = match rest.unwrap_or_default().split_once('?') {
            Some((host, transport)) => (host, Some(transport)),
            None => (rest.unwrap_or_default(), None),
        };
        let plain = |c: char| c.is_ascii_alphanumeric() || ".-:[]".contains(c);
        let known = transport.is_none_or(|t| matches!(t, "transport=udp" | "transport=tcp"));
        if host.is_empty() || !host.chars().all(plain) || !known {
            return Err(format!(
                "must be turn:HOST or turns:HOST, with a port and `?transport=udp` or `tcp` if need be, \
                 not `{text}`"
            ));
        }
        Ok(Self(text.to_owned()))
    }
}

/// The name of a machine on the internet, as certificates hold it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Domain(pub(crate) String);

impl Value for Domain {
    fn read(text: &str) -> Result<Self, String> {
        let label = |label: &str| {
            !label.is_empty() && label.chars().all(|c| c.is_ascii_alphanumeric() || c == '-')
        };
        let is_name = text.contains('.') && text.split('.').all(label);
        if !is_name || text.parse::<IpAddr>().is_ok() {
            return Err(format!("must be a name such as salle.example, not `{text}`"));
        }
        Ok(Self(text.to_ascii_lowercase()))
    }
}

/// Where a person is written to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Contact(pub(crate) String);

impl Value for Contact {
    fn read(text: &str) -> Result<Self, String> {
        match text.split_once('@') {
            Some((who, place)) if !who.is_empty() && Domain::read(place).is_ok() => {
                Ok(Self(text.to_owned()))
            }
            _ => Err("must be an e-mail address".to_owned()),
        }
    }
}

/// A secret; `Debug` hides it.
#[derive(Clone, PartialEq, Eq)]
pub(crate) struct Secret(pub(crate) String);

/// Less can be tried out over the network.
const SECRET_CHARACTERS: usize = 16;

impl Value for Secret {
    fn read(text: &str) -> Result<Self, String> {
        if text.chars().count() < SECRET_CHARACTERS {
            return Err(format!("must have at least {SECRET_CHARACTERS} characters"));
        }
        Ok(Self(text.to_owned()))
    }
}

impl std::fmt::Debug for Secret {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("Secret(…)")
    }
}

/// What is logged.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct LogFilter(pub(crate) String);

impl Value for LogFilter {
    fn read(text: &str) -> Result<Self, String> {
        EnvFilter::try_new(text).map_err(|error| format!("is no filter of logs: {error}"))?;
        Ok(Self(text.to_owned()))
    }
}

/// How it is logged.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) enum LogFormat {
    /// For people.
    Text,
    /// For machines.
    Json,
}

impl Value for LogFormat {
    fn read(text: &str) -> Result<Self, String> {
        match text {
            "text" => Ok(Self::Text),
            "json" => Ok(Self::Json),
            _ => Err(format!("must be text or json, not `{text}`")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_cannot_be_meant_is_refused() {
        let refused = [
            SocketAddr::read("localhost:8080").is_err(),
            SocketAddr::read("127.0.0.1").is_err(),
            Count::<1, 64>::read("0").is_err(),
            Count::<1, 64>::read("65").is_err(),
            Count::<1, 64>::read("-1").is_err(),
            Count::<1, 64>::read("1.5").is_err(),
            Seconds::read("soon").is_err(),
            bool::read("yes").is_err(),
            List::<IpAddr>::read("192.0.2.1,here").is_err(),
            PublicUrl::read("salle.example").is_err(),
            PublicUrl::read("https://salle.example/room").is_err(),
            PublicUrl::read("https://a b").is_err(),
            PublicUrl::read("https://").is_err(),
            PathBuf::read("").is_err(),
            HttpsUrl::read("http://ca.example/directory").is_err(),
            HttpsUrl::read("https:///directory").is_err(),
            ServerUrl::read("http://hooks.example/rooms").is_err(),
            ServerUrl::read("http://localhost.example/rooms").is_err(),
            ServerUrl::read("ftp://localhost/rooms").is_err(),
            TurnUrl::read("stun:turn.example").is_err(),
            TurnUrl::read("turns:turn.example/path").is_err(),
            TurnUrl::read("turn:turn.example?transport=quic").is_err(),
            TurnUrl::read("turn:").is_err(),
            Domain::read("salle").is_err(),
            Domain::read("203.0.113.7").is_err(),
            Domain::read("*.example").is_err(),
            Contact::read("ops.example").is_err(),
            LogFilter::read("palabre=loud").is_err(),
            LogFormat::read("xml").is_err(),
        ];
        assert_eq!(refused, [true; 29]);
    }

    #[test]
    fn a_refusal_names_the_form_and_never_a_secret() {
        let why = Count::<1, 64>::read("many").expect_err("no number");
        assert_eq!(why, "must be a number from 1 to 64, not `many`");
        let why = Secret::read("hunter2").expect_err("too short");
        assert!(!why.contains("hunter2"), "{why}");
        let secret = Secret::read("sixteen-letters!").expect("long enough");
        assert!(!format!("{secret:?}").contains("sixteen"));
    }

    #[test]
    fn lists_have_commas() {
        let list = List::<IpAddr>::read("192.0.2.1, 2001:db8::1,").expect("two");
        assert_eq!(list.0.len(), 2);
    }
}
