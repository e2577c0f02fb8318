//! Names and passwords for a TURN server that shares a secret with us (draft-uberti-behave-turn-rest-00;
//! coturn's `use-auth-secret`): it knows nobody, and nobody has to be told to it.

use aws_lc_rs::hmac;
use base64::Engine as _;
use base64::engine::general_purpose::STANDARD;
use palabre_ids::{Millis, UnixMillis};
use palabre_wire::IceServer;

/// A name is good for so long: longer than any session, for a page keeps the one of its welcome.
const LASTS: Millis = Millis::from_secs(24 * 3_600);

/// A TURN server.
#[derive(Clone)]
pub struct Turn {
    urls: Vec<String>,
    key: hmac::Key,
}

impl std::fmt::Debug for Turn {
    /// No secret.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Turn").field("urls", &self.urls).finish_non_exhaustive()
    }
}

impl Turn {
    /// The server at `urls` (RFC 7065), with which we share `secret`.
    #[must_use]
    pub fn new(urls: Vec<String>, secret: &str) -> Self {
        // It authenticates a name for a day: what is known of SHA-1 does not matter here, and TURN
        // servers know no other.
        let key = hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, secret.as_bytes());
        Self { urls, key }
    }

    /// What a page needs to use it. The name says when it ends and is else by chance: it names nobody.
    pub(crate) fn for_a_page(&self, now: UnixMillis, chance: u32) -> IceServer {
        let username = format!("{}:{chance:08x}", (now + LASTS).0 / 1_000);
        let credential = STANDARD.encode(hmac::sign(&self.key, username.as_bytes()));
        IceServer { urls: self.urls.clone(), username, credential }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_ends_in_a_day_and_is_signed_as_turn_servers_expect() {
        let turn = Turn::new(vec!["turn:turn.example".to_owned()], "a secret of some length");
        let now = UnixMillis(1_789_000_000_000);
        let server = turn.for_a_page(now, 0x0a1b_2c3d);
        assert_eq!(server.username, "1789086400:0a1b2c3d");
        // By another implementation: hmac and hashlib.sha1 of Python.
        assert_eq!(server.credential, "779rMfPsssV6x2cmcfgsGlBmN48=");
        assert!(!format!("{turn:?}").contains("secret of"));
    }
}
