//! Checks written and answers read by `rtc-stun`, an implementation that is not ours.

use std::net::IpAddr;

use proptest::prelude::*;
use rtc_stun::attributes::{
    ATTR_ERROR_CODE, ATTR_ICE_CONTROLLED, ATTR_ICE_CONTROLLING, ATTR_PRIORITY,
    ATTR_UNKNOWN_ATTRIBUTES, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType, RawAttribute,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, BINDING_SUCCESS, Getter as _, Message, Setter};
use rtc_stun::textattrs::TextAttribute;
use rtc_stun::xoraddr::XorMappedAddress;

use super::*;

fn credentials(name: &str) -> IceCredentials {
    IceCredentials { ufrag: name.to_owned(), password: format!("{name}-password-of-22-chars") }
}

fn path() -> Path {
    Path::udp(IpAddr::from([127, 0, 0, 1]), "192.0.2.7:40000".parse().unwrap())
}

fn raw(typ: AttrType, value: &[u8]) -> Box<dyn Setter> {
    Box::new(RawAttribute { typ, length: value.len() as u16, value: value.to_vec() })
}

/// A check of the peer `them`, under our `password`.
fn check(ours: &str, theirs: &str, password: &str, more: Vec<Box<dyn Setter>>) -> Vec<u8> {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut setters: Vec<Box<dyn Setter + '_>> = vec![
        Box::new(BINDING_REQUEST),
        Box::new(rtc_stun::message::TransactionId::new()),
        Box::new(TextAttribute::new(ATTR_USERNAME, format!("{ours}:{theirs}"))),
        raw(ATTR_PRIORITY, &[0, 1, 2, 3]),
    ];
    setters.extend(more);
    setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
        password.to_owned(),
        provider.crypto(),
    )));
    setters.push(Box::new(FINGERPRINT));
    let mut message = Message::new();
    message.build(&setters).unwrap();
    message.raw
}

fn controlling() -> Vec<Box<dyn Setter>> {
    vec![raw(ATTR_ICE_CONTROLLING, &[9; 8])]
}

fn answer(
    agent: &mut IceAgent,
    datagram: &[u8],
    path: &Path,
) -> Result<(CheckOutcome, Vec<u8>), IceError> {
    let check = parse_check(datagram).expect("a well-formed check");
    let mut out = [0; MAX_ANSWER];
    let outcome = agent.answer(&check, path, &mut out)?;
    Ok((outcome, out[..outcome.len].to_vec()))
}

/// Reads an answer as the peer does.
fn read(answer: &[u8], password: &str) -> Message {
    let provider = rtc_crypto::default_provider().unwrap();
    let mut message = Message::new();
    message.unmarshal_binary(answer).unwrap();
    FINGERPRINT.check(&message).unwrap();
    MessageIntegrity::check(&mut message, password.as_bytes(), provider.crypto()).unwrap();
    message
}

#[test]
fn an_authentic_check_is_answered_with_the_peers_address() {
    for remote in ["192.0.2.7:40000", "[2001:db8::7]:555", "[::ffff:192.0.2.7]:40000"] {
        let path = Path { remote: remote.parse().unwrap(), ..path() };
        let mut agent = IceAgent::new(credentials("ours"));
        let datagram = check("ours", "them", &credentials("ours").password, controlling());
        let (outcome, bytes) = answer(&mut agent, &datagram, &path).unwrap();
        assert!(outcome.accepted && outcome.current_generation && !outcome.nominated);
        let message = read(&bytes, &credentials("ours").password);
        assert_eq!(message.typ, BINDING_SUCCESS);
        assert_eq!(message.transaction_id.0, datagram[8..20]);
        let mut address = XorMappedAddress::default();
        address.get_from(&message).unwrap();
        assert_eq!(
            (address.ip, address.port),
            (path.remote.ip().to_canonical(), path.remote.port())
        );
        assert!(
            bytes.len() <= datagram.len(),
            "no amplification: {} for {}",
            bytes.len(),
            datagram.len()
        );
    }
}

#[test]
fn nothing_unauthentic_is_answered() {
    let mut agent = IceAgent::new(credentials("ours"));
    agent.set_remote(&credentials("them"));
    let password = credentials("ours").password;
    let of = |agent: &mut IceAgent, datagram: &[u8]| answer(agent, datagram, &path()).map(|_| ());
    assert_eq!(
        of(&mut agent, &check("ours", "them", "wrong", controlling())),
        Err(IceError::NotAuthentic)
    );
    assert_eq!(
        of(&mut agent, &check("else", "them", &password, controlling())),
        Err(IceError::UnknownUfrag)
    );
    assert_eq!(
        of(&mut agent, &check("ours", "other", &password, controlling())),
        Err(IceError::NotAuthentic)
    );
    assert_eq!(
        of(&mut agent, &check("ours", "them", "wrong", vec![raw(AttrType(0x7777), b"x")])),
        Err(IceError::NotAuthentic)
    );
    assert_eq!(of(&mut agent, &check("ours", "them", &password, controlling())), Ok(()));
}

#[test]
fn what_is_not_understood_is_named() {
    let mut agent = IceAgent::new(credentials("ours"));
    let password = credentials("ours").password;
    let more = vec![
        raw(ATTR_USE_CANDIDATE, b""),
        raw(AttrType(0x7777), b"abc"),
        raw(AttrType(0xC057), b"fine"),
    ];
    let (outcome, bytes) =
        answer(&mut agent, &check("ours", "them", &password, more), &path()).unwrap();
    assert!(!outcome.accepted && !outcome.nominated);
    let message = read(&bytes, &password);
    assert_eq!(message.get(ATTR_ERROR_CODE).unwrap()[2..4], [4, 20]);
    assert_eq!(message.get(ATTR_UNKNOWN_ATTRIBUTES).unwrap(), [0x77, 0x77]);
}

#[test]
fn we_stay_controlled() {
    let mut agent = IceAgent::new(credentials("ours"));
    let password = credentials("ours").password;
    let datagram = check("ours", "them", &password, vec![raw(ATTR_ICE_CONTROLLED, &[1; 8])]);
    let (outcome, bytes) = answer(&mut agent, &datagram, &path()).unwrap();
    assert!(!outcome.accepted);
    assert_eq!(read(&bytes, &password).get(ATTR_ERROR_CODE).unwrap()[2..4], [4, 87]);
}

#[test]
fn the_old_generation_lasts_until_the_new_one_is_used() {
    let mut agent = IceAgent::new(credentials("old1"));
    agent.set_remote(&credentials("them"));
    agent.restart(credentials("new1"), &credentials("next"));
    let old =
        check("old1", "them", &credentials("old1").password, vec![raw(ATTR_USE_CANDIDATE, b"")]);
    let (outcome, _) = answer(&mut agent, &old, &path()).unwrap();
    assert!(outcome.accepted && outcome.nominated && !outcome.current_generation);
    let next = agent.next().ufrag.clone();
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), ["new1", "old1", &next]);

    // A new generation that nobody used gives way to the next; the one in use stays.
    agent.restart(credentials("new2"), &credentials("next"));
    assert_eq!(agent.ufrags().collect::<Vec<_>>(), ["new2", "old1", &next]);
    assert!(answer(&mut agent, &old, &path()).is_ok());

    let new = check("new2", "next", &credentials("new2").password, controlling());
    let (outcome, _) = answer(&mut agent, &new, &path()).unwrap();
    assert!(outcome.current_generation && outcome.began_generation && !outcome.used_next);
    assert!(!answer(&mut agent, &new, &path()).unwrap().0.began_generation);
    assert_eq!(answer(&mut agent, &old, &path()), Err(IceError::UnknownUfrag));
    assert_eq!(agent.local().ufrag, "new2");
}

#[test]
fn the_peer_begins_the_generation_issued_ahead_by_itself() {
    let mut agent = IceAgent::new(credentials("ours"));
    agent.set_remote(&credentials("them"));
    let ahead = agent.next().clone();
    let forged = check(&ahead.ufrag, "anew", "not the password that was issued", controlling());
    assert_eq!(answer(&mut agent, &forged, &path()), Err(IceError::NotAuthentic));
    let refused =
        check(&ahead.ufrag, "anew", &ahead.password, vec![raw(ATTR_ICE_CONTROLLED, &[1; 8])]);
    assert!(!answer(&mut agent, &refused, &path()).unwrap().0.began_generation);
    assert_eq!((agent.local().ufrag.as_str(), agent.next()), ("ours", &ahead), "nothing began");

    let first = check(&ahead.ufrag, "anew", &ahead.password, controlling());
    let (outcome, bytes) = answer(&mut agent, &first, &path()).unwrap();
    assert!(
        outcome.accepted
            && outcome.current_generation
            && outcome.began_generation
            && outcome.used_next
    );
    assert_eq!(read(&bytes, &ahead.password).typ, BINDING_SUCCESS);
    assert_eq!(agent.local(), &ahead);
    assert_ne!(agent.next(), &ahead);
    let old = check("ours", "them", &credentials("ours").password, controlling());
    assert_eq!(answer(&mut agent, &old, &path()), Err(IceError::UnknownUfrag));

    // What began it does so once, and a page that begins anew before it was told of the credentials
    // after these has the same ones.
    let again = check(&ahead.ufrag, "anew", &ahead.password, controlling());
    assert!(!answer(&mut agent, &again, &path()).unwrap().0.began_generation);
    let elsewhere = Path { remote: "198.51.100.9:40000".parse().unwrap(), ..path() };
    let other_name = check(&ahead.ufrag, "once-more", &ahead.password, controlling());
    assert!(answer(&mut agent, &other_name, &elsewhere).unwrap().0.current_generation);
    // A recorded beginning is not another one.
    assert_eq!(answer(&mut agent, &first, &elsewhere), Err(IceError::Replayed));
}

#[test]
fn what_was_issued_ahead_outlives_a_restart_until_it_is_used() {
    let mut agent = IceAgent::new(credentials("old1"));
    agent.set_remote(&credentials("them"));
    let ahead = agent.next().clone();
    agent.restart(credentials("new1"), &credentials("next"));
    assert_eq!(agent.next(), &ahead);
    let by_itself = check(&ahead.ufrag, "own1", &ahead.password, controlling());
    assert!(answer(&mut agent, &by_itself, &path()).unwrap().0.began_generation);
    for (ufrag, theirs) in [("old1", "them"), ("new1", "next")] {
        let late = check(ufrag, theirs, &credentials(ufrag).password, controlling());
        assert_eq!(answer(&mut agent, &late, &path()), Err(IceError::UnknownUfrag));
    }
}

#[test]
fn only_whole_checks_are_read() {
    let good = check("ours", "them", "x", controlling());
    assert_eq!(
        parse_check(&good)
            .map(|check| (check.local_ufrag().to_owned(), check.remote_ufrag().to_owned())),
        Some(("ours".into(), "them".into()))
    );
    for len in 0..good.len() {
        assert!(parse_check(&good[..len]).is_none(), "cut at {len}");
    }
    let longer = [good.clone(), vec![0; 4]].concat();
    assert!(parse_check(&longer).is_none());
    let mut message = Message::new();
    message.build(&[Box::new(BINDING_REQUEST), Box::new(FINGERPRINT)]).unwrap();
    assert!(parse_check(&message.raw).is_none(), "no username, no integrity");
}

#[test]
fn credentials_are_ice_chars_and_never_twice_the_same() {
    let (one, two) = (IceCredentials::random(), IceCredentials::random());
    assert!(one.ufrag.len() >= 4 && one.password.len() >= 22);
    assert!(one.ufrag != two.ufrag && one.password != two.password);
    assert!(
        one.password
            .bytes()
            .all(|byte| byte.is_ascii_alphanumeric() || byte == b'+' || byte == b'/')
    );
    assert!(!format!("{one:?}").contains(&one.password));
}

#[test]
fn a_recorded_check_moves_nobody() {
    let password = credentials("ours").password;
    let mut agent = IceAgent::new(credentials("ours"));
    let recorded = check("ours", "them", &password, controlling());
    assert!(answer(&mut agent, &recorded, &path()).is_ok());
    let elsewhere = Path { remote: "198.51.100.9:40000".parse().unwrap(), ..path() };
    assert_eq!(answer(&mut agent, &recorded, &elsewhere).unwrap_err(), IceError::Replayed);
    assert!(answer(&mut agent, &recorded, &path()).is_ok(), "sent again: the answer was lost");
    let fresh = check("ours", "them", &password, controlling());
    assert!(answer(&mut agent, &fresh, &elsewhere).is_ok());
    for _ in 0..2 * REMEMBERED {
        let another = check("ours", "them", &password, controlling());
        assert!(answer(&mut agent, &another, &path()).is_ok());
    }
    assert!(agent.recent.len() <= REMEMBERED);
}

proptest! {
    #[test]
    fn a_spoilt_check_is_never_accepted(at in 0_usize..200, with in 1_u8..) {
        let password = credentials("ours").password;
        let mut datagram = check("ours", "them", &password, controlling());
        let at = at % datagram.len();
        datagram[at] ^= with;
        let mut agent = IceAgent::new(credentials("ours"));
        if let Some(check) = parse_check(&datagram) {
            prop_assert!(agent.answer(&check, &path(), &mut [0; MAX_ANSWER]).is_err());
        }
    }

    #[test]
    fn no_bytes_panic(bytes in prop::collection::vec(any::<u8>(), 0..200)) {
        prop_assert!(parse_check(&bytes).is_none());
    }

    #[test]
    fn no_attributes_panic(attributes in prop::collection::vec((0_u16..0x30, prop::collection::vec(any::<u8>(), 0..24)), 0..30)) {
        let password = credentials("ours").password;
        let more: Vec<Box<dyn Setter>> = attributes.iter().map(|(typ, value)| raw(AttrType(*typ), value)).collect();
        let provider = rtc_crypto::default_provider().unwrap();
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![Box::new(BINDING_REQUEST)];
        setters.extend(more);
        setters.push(Box::new(TextAttribute::new(ATTR_USERNAME, "ours:them".to_owned())));
        setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(password, provider.crypto())));
        setters.push(Box::new(FINGERPRINT));
        let mut message = Message::new();
        message.build(&setters).unwrap();
        let mut agent = IceAgent::new(credentials("ours"));
        if let Some(check) = parse_check(&message.raw) {
            // An attribute before may have taken the place of integrity or of the name.
            let _outcome = agent.answer(&check, &path(), &mut [0; MAX_ANSWER]);
        }
    }
}
