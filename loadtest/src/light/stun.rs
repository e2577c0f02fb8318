//! Connectivity checks, asked and answered.

use std::net::{IpAddr, SocketAddr};

use anyhow::Result;
use rtc_crypto::RTCCryptoProvider;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Message, Setter as _, TransactionId, is_stun_message,
};
use rtc_stun::xoraddr::XorMappedAddress;

/// The priority of a host candidate's checks.
const PRIORITY: u32 = 1_845_501_695;

/// Which end chooses the pair.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Role {
    /// Who offered.
    Controlling,
    /// Who answered.
    Controlled,
}

/// What a STUN message is to a client.
#[derive(Debug, PartialEq, Eq)]
pub enum Heard {
    /// Something to be answered with this.
    Request(Vec<u8>),
    /// A check succeeded, the one of this number.
    Success(TransactionId),
    /// Nothing of interest.
    Other,
}

/// A check, by the user name `theirs:ours` and the other end's password; and its number.
///
/// # Errors
/// When it cannot be sealed.
pub fn check(
    role: Role,
    username: &str,
    password: &str,
    provider: &dyn RTCCryptoProvider,
) -> Result<(TransactionId, Vec<u8>)> {
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    let id = TransactionId::new();
    id.add_to(&mut message)?;
    message.write_header();
    message.add(ATTR_USERNAME, username.as_bytes());
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    let tie_breaker = rand::random::<u64>().to_be_bytes();
    match role {
        Role::Controlling => {
            message.add(ATTR_ICE_CONTROLLING, &tie_breaker);
            message.add(ATTR_USE_CANDIDATE, &[]);
        }
        Role::Controlled => message.add(ATTR_ICE_CONTROLLED, &tie_breaker),
    }
    seal(&mut message, password, provider)?;
    Ok((id, message.raw.clone()))
}

fn seal(message: &mut Message, password: &str, provider: &dyn RTCCryptoProvider) -> Result<()> {
    MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    )
    .add_to(message)?;
    Ok(FINGERPRINT.add_to(message)?)
}

/// Reads a STUN message that came from `from`; `password` is our own. Nobody else is on the line,
/// so what comes is not authenticated.
///
/// # Errors
/// When it is damaged.
pub fn hear(
    datagram: &[u8],
    from: SocketAddr,
    password: &str,
    provider: &dyn RTCCryptoProvider,
) -> Result<Heard> {
    if !is_stun_message(datagram) {
        return Ok(Heard::Other);
    }
    let mut message = Message::new();
    message.raw = datagram.to_vec();
    message.decode()?;
    if message.typ == BINDING_SUCCESS {
        return Ok(Heard::Success(message.transaction_id));
    }
    if message.typ != BINDING_REQUEST {
        return Ok(Heard::Other);
    }
    let mut answer = Message::new();
    answer.set_type(BINDING_SUCCESS);
    answer.transaction_id = message.transaction_id;
    answer.write_header();
    let ip: IpAddr = from.ip();
    XorMappedAddress { ip, port: from.port() }.add_to(&mut answer)?;
    seal(&mut answer, password, provider)?;
    Ok(Heard::Request(answer.raw.clone()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use rtc_stun::message::Getter as _;

    #[test]
    fn a_check_is_answered_so_that_its_sender_believes_it() {
        let provider = rtc_crypto::default_provider().expect("a provider");
        let from = SocketAddr::from(([10, 77, 0, 1], 999));
        let (id, request) =
            check(Role::Controlling, "theirs:ours", "their password", provider.as_ref())
                .expect("a check");
        let Heard::Request(answer) =
            hear(&request, from, "their password", provider.as_ref()).expect("valid")
        else {
            panic!("a request is heard as one");
        };
        let mut read = Message::new();
        read.raw = answer.clone();
        read.decode().expect("valid");
        assert_eq!(read.transaction_id.0, request[8..20]);
        let mut mapped = XorMappedAddress::default();
        mapped.get_from(&read).expect("an address");
        assert_eq!((mapped.ip, mapped.port), (from.ip(), from.port()));
        MessageIntegrity::check(&mut read, b"their password", provider.crypto())
            .expect("sealed with the password");
        let heard = hear(&answer, from, "any", provider.as_ref()).expect("valid");
        assert_eq!(heard, Heard::Success(id));
    }

    #[test]
    fn other_datagrams_are_passed_over() {
        let provider = rtc_crypto::default_provider().expect("a provider");
        let from = SocketAddr::from(([10, 77, 0, 1], 999));
        let heard = hear(&[0x80; 40], from, "any", provider.as_ref()).expect("no error");
        assert_eq!(heard, Heard::Other);
    }
}
