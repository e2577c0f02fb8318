//! A browser's side of a check, and a media plane to send it to.

// Each test file uses its own part of this.
#![allow(dead_code)]

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use palabre_ids::RoomId;
use palabre_sfu::{Sfu, SfuConfig, SfuHandle};
use palabre_sfu_core::MediaEvent;
use rtc_stun::attributes::{ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USERNAME, RawAttribute};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{
    BINDING_REQUEST, BINDING_SUCCESS, Getter as _, Message, Setter, TransactionId,
};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;
use tokio::sync::mpsc::Receiver;

/// A browser's offer.
pub(crate) const OFFER: &str = include_str!("../../../crates/sfu-core/tests/fixtures/chromium.sdp");
const OFFER_UFRAG: &str = "75Ew";
/// Far more than anything here takes: what has not come by then never will.
pub(crate) const NEVER: Duration = Duration::from_secs(20);

/// A media plane on ports of the system's choice.
pub(crate) fn start(shards: usize, bind: IpAddr) -> (SfuHandle, Receiver<MediaEvent>) {
    let config = SfuConfig { shards, bind: SocketAddr::new(bind, 0), advertise: Vec::new() };
    Sfu::start(&config).expect("the media plane starts")
}

pub(crate) fn room(name: &str) -> RoomId {
    RoomId::parse(name).expect("a room's name")
}

fn value<'a>(sdp: &'a str, key: &str) -> &'a str {
    sdp.lines().find_map(|line| line.strip_prefix(key)).expect(key)
}

/// A browser's check, under the credentials of `answer`.
pub(crate) fn check(answer: &str) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().expect("a provider");
    let raw = |typ, value: &[u8]| {
        Box::new(RawAttribute { typ, length: value.len() as u16, value: value.to_vec() })
    };
    let setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(BINDING_REQUEST),
        Box::new(TransactionId::new()),
        Box::new(TextAttribute::new(
            ATTR_USERNAME,
            format!("{}:{OFFER_UFRAG}", value(answer, "a=ice-ufrag:")),
        )),
        raw(ATTR_PRIORITY, &[0, 1, 2, 3]),
        raw(ATTR_ICE_CONTROLLING, &[7; 8]),
        Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            value(answer, "a=ice-pwd:").to_owned(),
            provider.crypto(),
        )),
        Box::new(FINGERPRINT),
    ];
    let mut message = Message::new();
    message.build(&setters).expect("a check");
    message.raw
}

/// The address that an answer to a check names.
pub(crate) fn seen_in(answer: &[u8]) -> SocketAddr {
    let mut message = Message::new();
    message.unmarshal_binary(answer).expect("STUN");
    assert_eq!(message.typ, BINDING_SUCCESS);
    let mut address = XorMappedAddress::default();
    address.get_from(&message).expect("an address");
    SocketAddr::new(address.ip, address.port)
}
