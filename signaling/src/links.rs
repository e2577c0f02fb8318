//! Signed links: a link is a seat. The token of a link travels in its fragment and in the hello.

use jsonwebtoken::errors::ErrorKind;
use jsonwebtoken::{Algorithm, DecodingKey, EncodingKey, Header, Validation};
use palabre_ids::{MAX_SEATS, Role, RoomId, Seat, UnixMillis};
use rand::Rng as _;
use serde::{Deserialize, Serialize};

/// The longest token that is looked at. Ours have about 200 bytes.
const MAX_TOKEN_BYTES: usize = 1_024;

/// What a link gives.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Link {
    /// The room.
    pub(crate) room: RoomId,
    /// The seat.
    pub(crate) seat: Seat,
    /// The role the seat had when the link was made; the room has the last word.
    pub(crate) role: Role,
    /// When the link stops working.
    pub(crate) expires_at: UnixMillis,
}

/// Why a token gives nothing.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub(crate) enum LinkError {
    /// Not one of ours.
    #[error("the link's token is not valid")]
    Bad,
    /// One of ours, too old.
    #[error("the link's token has expired")]
    Expired,
}

/// Signs and checks links.
pub(crate) struct LinkKey {
    encoding: EncodingKey,
    decoding: DecodingKey,
}

impl std::fmt::Debug for LinkKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("LinkKey(…)")
    }
}

#[derive(Serialize, Deserialize)]
struct Claims {
    room: RoomId,
    seat: Seat,
    role: Role,
    /// Seconds, as JWT has it.
    exp: u64,
}

impl LinkKey {
    /// A secret's length: as long as HS256's output.
    pub(crate) const SECRET_BYTES: usize = 32;

    /// A new secret from the system's generator.
    #[must_use]
    pub(crate) fn new_secret() -> [u8; Self::SECRET_BYTES] {
        let mut secret = [0; Self::SECRET_BYTES];
        rand::rng().fill_bytes(&mut secret);
        secret
    }

    /// The key of a secret.
    #[must_use]
    pub(crate) fn from_secret(secret: &[u8; Self::SECRET_BYTES]) -> Self {
        Self {
            encoding: EncodingKey::from_secret(secret),
            decoding: DecodingKey::from_secret(secret),
        }
    }

    /// The token of a link: the same for the same link, always.
    #[must_use]
    pub(crate) fn sign(&self, link: &Link) -> String {
        let claims = Claims {
            room: link.room.clone(),
            seat: link.seat,
            role: link.role,
            exp: link.expires_at.0 / 1_000,
        };
        jsonwebtoken::encode(&Header::new(Algorithm::HS256), &claims, &self.encoding)
            .expect("claims of plain text and numbers encode, and HS256 takes any secret")
    }

    /// Checks a token.
    ///
    /// # Errors
    /// See [`LinkError`].
    pub(crate) fn verify(&self, token: &str, now: UnixMillis) -> Result<Link, LinkError> {
        if token.len() > MAX_TOKEN_BYTES {
            return Err(LinkError::Bad);
        }
        let mut validation = Validation::new(Algorithm::HS256);
        validation.set_required_spec_claims(&["exp"]);
        // Expiry is checked below, against the time we are told.
        validation.validate_exp = false;
        let claims = jsonwebtoken::decode::<Claims>(token, &self.decoding, &validation)
            .map_err(|error| match error.kind() {
                ErrorKind::ExpiredSignature => LinkError::Expired,
                _ => LinkError::Bad,
            })?
            .claims;
        if claims.seat.0 >= MAX_SEATS {
            return Err(LinkError::Bad);
        }
        let expires_at = UnixMillis(claims.exp.saturating_mul(1_000));
        if expires_at <= now {
            return Err(LinkError::Expired);
        }
        Ok(Link { room: claims.room, seat: claims.seat, role: claims.role, expires_at })
    }
}

#[cfg(test)]
mod tests {
    use base64::Engine as _;
    use base64::prelude::BASE64_URL_SAFE_NO_PAD;

    use super::*;

    const NOW: UnixMillis = UnixMillis(1_789_000_000_000);

    fn key(byte: u8) -> LinkKey {
        LinkKey::from_secret(&[byte; LinkKey::SECRET_BYTES])
    }

    fn link() -> Link {
        Link {
            room: RoomId::parse("abcd-efgh-ijkl").expect("valid"),
            seat: Seat(3),
            role: Role::Consultant,
            expires_at: UnixMillis(NOW.0 + 5_000),
        }
    }

    #[test]
    fn a_token_gives_its_link_until_it_expires() {
        let token = key(1).sign(&link());
        assert_eq!(key(1).verify(&token, NOW), Ok(link()));
        assert_eq!(key(1).verify(&token, link().expires_at), Err(LinkError::Expired));
        assert_eq!(token, key(1).sign(&link()), "the same link has the same token");
    }

    #[test]
    fn forged_tokens_give_nothing() {
        let token = key(1).sign(&link());
        assert_eq!(key(2).verify(&token, NOW), Err(LinkError::Bad));
        let parts: Vec<&str> = token.split('.').collect();
        let other = BASE64_URL_SAFE_NO_PAD
            .encode(r#"{"room":"abcd-efgh-ijkl","seat":0,"role":"facilitator","exp":9999999999}"#);
        let unsigned = BASE64_URL_SAFE_NO_PAD.encode(r#"{"alg":"none","typ":"JWT"}"#);
        for forged in [
            String::new(),
            "a.b.c".into(),
            format!("{}.{other}.{}", parts[0], parts[2]),
            format!("{unsigned}.{other}."),
            format!("{unsigned}.{}.{}", parts[1], parts[2]),
            format!("{}.{}.", parts[0], parts[1]),
            format!("{token}{}", "a".repeat(MAX_TOKEN_BYTES)),
        ] {
            assert_eq!(key(1).verify(&forged, NOW), Err(LinkError::Bad), "{forged}");
        }
    }

    #[test]
    fn a_seat_that_no_room_has_is_no_link() {
        let token = key(1).sign(&Link { seat: Seat(MAX_SEATS), ..link() });
        assert_eq!(key(1).verify(&token, NOW), Err(LinkError::Bad));
    }
}
