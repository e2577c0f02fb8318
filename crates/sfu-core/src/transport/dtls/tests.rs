//! Handshakes with the client half of `rtc-dtls`, in virtual time.

use proptest::prelude::*;

use super::*;

const SERVER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 9), 9));
const ONE_WAY: Duration = Duration::from_millis(5);

/// The peer: a browser's half, with a browser's first timeout.
struct Client {
    endpoint: Endpoint,
    fingerprint: Fingerprint,
    connected: bool,
}

impl Client {
    fn new(now: Instant, profiles: &[SrtpProtectionProfile]) -> Self {
        let provider = rtc_crypto::default_provider().unwrap();
        let certificate =
            rtc_dtls::crypto::Certificate::generate_self_signed(Vec::new(), provider.crypto())
                .unwrap();
        let fingerprint = fingerprint(&certificate.certificate[0]);
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(profiles.to_vec())
            .with_insecure_skip_verify(true)
            .with_flight_interval(Duration::from_millis(50))
            .build(true, Some(SERVER))
            .unwrap();
        let mut endpoint = Endpoint::new(PEER, TransportProtocol::UDP, None);
        endpoint.connect(now, SERVER, Arc::new(config), None).unwrap();
        Self { endpoint, fingerprint, connected: false }
    }

    fn take(&mut self, now: Instant, datagram: BytesMut) {
        // What the server refuses ends in an error here; the tests look at the server.
        if let Ok(events) = self.endpoint.read(now, SERVER, None, datagram) {
            self.connected |=
                events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete));
        }
    }

    fn keys(&self, profile: SrtpProfile) -> SrtpKeys {
        let state = self.endpoint.get_connection_state(SERVER).unwrap();
        let material = state
            .export_keying_material(EXPORTER_LABEL, &[], SrtpKeys::material_len(profile))
            .unwrap();
        SrtpKeys::from_material(profile, material.as_ref(), false).unwrap()
    }
}

struct Outcome {
    server: DtlsServer,
    client: Client,
    result: Result<(), DtlsError>,
    took: Duration,
}

/// Runs a handshake until both ends are done; `lost(n)` says whether the nth datagram is lost.
fn run(
    profiles: &[SrtpProtectionProfile],
    mut lost: impl FnMut(usize) -> bool,
    impostor: bool,
) -> Outcome {
    let start = Instant::now();
    let mut now = start;
    let mut client = Client::new(now, profiles);
    let expected = if impostor { Fingerprint([7; 32]) } else { client.fingerprint };
    let mut server = DtlsServer::new(&Certificate::generate().unwrap(), expected);
    let mut on_the_way: VecDeque<(Instant, bool, BytesMut)> = VecDeque::new();
    let mut count = 0;
    let mut result = Ok(());
    while result.is_ok() && !(client.connected && matches!(server.phase, Phase::Up { .. })) {
        while let Some(transmit) = client.endpoint.poll_transmit() {
            if !lost(count) {
                on_the_way.push_back((now + ONE_WAY, true, transmit.message));
            }
            count += 1;
        }
        while let Some(datagram) = server.poll_transmit() {
            if !lost(count) {
                on_the_way.push_back((now + ONE_WAY, false, datagram));
            }
            count += 1;
        }
        let arrival = on_the_way.front().map(|(at, ..)| *at);
        let next = [arrival, server.poll_timeout(), client.endpoint.poll_timeout(&SERVER)]
            .into_iter()
            .flatten()
            .min();
        let Some(next) = next.filter(|next| *next < start + Duration::from_secs(20)) else { break };
        now = now.max(next);
        if arrival == Some(next) {
            let (_, to_server, datagram) = on_the_way.pop_front().unwrap();
            if to_server {
                result = server.handle_datagram(now, &datagram);
            } else {
                client.take(now, datagram);
            }
            continue;
        }
        result = server.handle_timeout(now);
        // A client that gave up is seen by what it did not reach.
        let _gave_up = client.endpoint.handle_timeout(SERVER, now);
    }
    Outcome { server, client, result, took: now - start }
}

use SrtpProtectionProfile as Offered;
/// As Chromium offers: the dearest first.
const LIKE_CHROMIUM: [Offered; 4] = [
    Offered::Srtp_Aes128_Cm_Hmac_Sha1_80,
    Offered::Srtp_Aes128_Cm_Hmac_Sha1_32,
    Offered::Srtp_Aead_Aes_256_Gcm,
    Offered::Srtp_Aead_Aes_128_Gcm,
];

#[test]
fn our_profile_wins_whatever_the_clients_order() {
    let mut outcome = run(&LIKE_CHROMIUM, |_| false, false);
    assert_eq!(outcome.result, Ok(()));
    let keys = outcome.server.take_keys().unwrap();
    assert_eq!(keys.profile, SrtpProfile::AeadAes128Gcm);
    let theirs = outcome.client.keys(keys.profile);
    assert!(
        keys.local == theirs.remote && keys.remote == theirs.local,
        "both ends hold the same keys"
    );
    assert!(outcome.server.take_keys().is_none(), "keys are given once");
    assert!(outcome.took <= 6 * ONE_WAY, "three round trips at most, took {:?}", outcome.took);
}

#[test]
fn who_offers_less_gets_less() {
    for (offered, agreed) in [
        (vec![Offered::Srtp_Aes128_Cm_Hmac_Sha1_80], SrtpProfile::AesCm128HmacSha1_80),
        (
            vec![Offered::Srtp_Aes128_Cm_Hmac_Sha1_80, Offered::Srtp_Aead_Aes_256_Gcm],
            SrtpProfile::AeadAes256Gcm,
        ),
    ] {
        let mut outcome = run(&offered, |_| false, false);
        let keys = outcome.server.take_keys().unwrap();
        assert_eq!(keys.profile, agreed);
        assert!(keys.remote == outcome.client.keys(agreed).local);
    }
    let outcome = run(&[Offered::Srtp_Aes128_Cm_Hmac_Sha1_32], |_| false, false);
    assert!(
        matches!(outcome.result, Err(DtlsError::Handshake(_))),
        "no profile of ours: {:?}",
        outcome.result
    );
    assert!(outcome.server.is_closed());
}

#[test]
fn another_certificate_than_announced_gets_no_keys() {
    let mut outcome = run(&LIKE_CHROMIUM, |_| false, true);
    assert_eq!(outcome.result, Err(DtlsError::WrongCertificate));
    assert!(outcome.server.take_keys().is_none());
    assert!(outcome.server.is_closed());
}

#[test]
fn one_lost_datagram_costs_no_second() {
    for victim in 0..6 {
        let mut outcome = run(&LIKE_CHROMIUM, |n| n == victim, false);
        assert!(
            outcome.client.connected && outcome.server.take_keys().is_some(),
            "datagram {victim} lost"
        );
        assert!(
            outcome.took <= Duration::from_millis(100),
            "datagram {victim} lost: {:?}",
            outcome.took
        );
    }
}

#[test]
fn an_answer_that_is_lost_twice_is_sent_again() {
    // 0 hello, 1 verify request, 2 hello, 3 the server's flight, and its first repetitions.
    let mut outcome = run(&LIKE_CHROMIUM, |n| (3..=5).contains(&n), false);
    assert!(outcome.client.connected && outcome.server.take_keys().is_some());
    assert!(outcome.took < Duration::from_millis(400), "{:?}", outcome.took);
}

#[test]
fn goodbyes_end_it_and_forged_ones_do_not() {
    let mut outcome = run(&LIKE_CHROMIUM, |_| false, false);
    let now = Instant::now();
    let forged = [21, 254, 253, 0, 0, 0, 0, 0, 9, 9, 9, 0, 2, 1, 0];
    outcome.server.handle_datagram(now, &forged).unwrap();
    assert!(!outcome.server.is_closed(), "anyone could have written this");
    outcome.client.endpoint.stop(now, SERVER);
    let goodbye = outcome.client.endpoint.poll_transmit().unwrap().message;
    outcome.server.handle_datagram(now, &goodbye).unwrap();
    assert!(outcome.server.is_closed());

    let mut outcome = run(&LIKE_CHROMIUM, |_| false, false);
    outcome.server.close(now);
    let goodbye = outcome.server.poll_transmit().expect("our goodbye");
    let events = outcome.client.endpoint.read(now, SERVER, None, goodbye).unwrap();
    assert!(events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)));
}

#[test]
fn a_peer_that_answers_nothing_is_given_up() {
    let now = Instant::now();
    let mut client = Client::new(now, &LIKE_CHROMIUM);
    let mut server = DtlsServer::new(&Certificate::generate().unwrap(), client.fingerprint);
    server.handle_datagram(now, &client.endpoint.poll_transmit().unwrap().message).unwrap();
    let mut sent = 0;
    let mut last = Ok(());
    while let Some(due) = server.poll_timeout() {
        sent += std::iter::from_fn(|| server.poll_transmit()).count();
        last = server.handle_timeout(due);
    }
    assert_eq!(last, Err(DtlsError::NoAnswer));
    assert_eq!(sent, 9, "the flight and eight repetitions");
}

#[test]
fn repeating_a_hello_for_ever_gets_no_flood() {
    let now = Instant::now();
    let mut client = Client::new(now, &LIKE_CHROMIUM);
    let mut server = DtlsServer::new(&Certificate::generate().unwrap(), client.fingerprint);
    let hello = client.endpoint.poll_transmit().unwrap().message;
    let refused = (0..1_000).find_map(|_| server.handle_datagram(now, &hello).err());
    assert_eq!(refused, Some(DtlsError::NoAnswer));
    assert_eq!(std::iter::from_fn(|| server.poll_transmit()).count(), 1 + MAX_REPEATS as usize);
}

#[test]
fn what_a_peer_makes_us_keep_is_bounded() {
    let now = Instant::now();
    let mut server = DtlsServer::new(&Certificate::generate().unwrap(), Fingerprint([0; 32]));
    // One byte of a message that never ends, again and again: kept by the handshake below.
    let fragment = |n: u8| {
        let mut record = vec![22, 254, 253, 0, 0, 0, 0, 0, 0, 0, n, 0, 13];
        record.extend([1, 0, 16, 0, 0, 0, 0, 0, n, 0, 0, 1, 0]);
        record
    };
    let refused = (0..=255)
        .map(|n| server.handle_datagram(now, &fragment(n)))
        .position(|result| result.is_err());
    assert_eq!(refused, Some(MAX_FRAGMENTS));
    assert!(server.is_closed());
}

#[test]
fn it_comes_through_loss() {
    let mut slowest = Duration::ZERO;
    for seed in 0..150_u64 {
        let mut state = seed;
        let lossy = |_| {
            state = state
                .wrapping_mul(6_364_136_223_846_793_005)
                .wrapping_add(1_442_695_040_888_963_407);
            (state >> 33) % 100 < 15
        };
        let mut outcome = run(&LIKE_CHROMIUM, lossy, false);
        assert!(
            outcome.server.take_keys().is_some(),
            "seed {seed}: {:?} after {:?}",
            outcome.result,
            outcome.took
        );
        slowest = slowest.max(outcome.took);
    }
    assert!(slowest < Duration::from_millis(800), "{slowest:?}");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn nothing_panics(datagrams in prop::collection::vec(prop::collection::vec(any::<u8>(), 0..200), 1..8)) {
        let mut server = DtlsServer::new(&Certificate::generate().unwrap(), Fingerprint([0; 32]));
        for datagram in datagrams {
            if server.handle_datagram(Instant::now(), &datagram).is_err() {
                break;
            }
        }
    }

    #[test]
    fn a_spoilt_hello_does_not_panic(at in 0_usize..200, with in any::<u8>(), cut in 0_usize..200) {
        let now = Instant::now();
        let mut client = Client::new(now, &LIKE_CHROMIUM);
        let mut server = DtlsServer::new(&Certificate::generate().unwrap(), client.fingerprint);
        let mut hello = client.endpoint.poll_transmit().unwrap().message;
        let at = at % hello.len();
        hello[at] ^= with;
        hello.truncate(hello.len() - cut % hello.len());
        // Refused or not, it must come back.
        let _outcome = server.handle_datagram(now, &hello);
        prop_assert!(std::iter::from_fn(|| server.poll_transmit()).count() <= 1);
    }
}
