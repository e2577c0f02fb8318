//! Offers as browsers write them, and as they had better not.

use palabre_ids::{MediaKind, Seat};
use palabre_sfu_core::negotiate::{
    AnswerParams, Offer, OfferError, answer, answer_restart, same_session,
};
use palabre_sfu_core::session::{Codec, Fingerprint, IceCredentials, Session};
use proptest::prelude::*;

const CHROMIUM: &str = include_str!("fixtures/chromium.sdp");
const CHROMIUM_ALL: &str = include_str!("fixtures/chromium-all-codecs.sdp");
const FIREFOX: &str = include_str!("fixtures/firefox.sdp");
const OURS: Fingerprint = Fingerprint([0xAB; 32]);

fn ice() -> IceCredentials {
    IceCredentials { ufrag: "ours".to_owned(), password: "0123456789012345678901".to_owned() }
}

fn seats() -> Vec<Seat> {
    (1..9).map(Seat).collect()
}

fn with_params<T>(run: impl FnOnce(AnswerParams<'_>) -> T) -> T {
    let mut last = 1_000;
    let mut ssrcs = || {
        last += 1;
        last
    };
    run(AnswerParams {
        local_ice: &ice(),
        fingerprint: OURS,
        candidates: &[
            "127.0.0.1:8081".parse().expect("an address"),
            "[fd00::2]:8081".parse().expect("an address"),
        ],
        tcp_candidates: &["127.0.0.1:8081".parse().expect("an address")],
        slots: &seats(),
        ssrcs: &mut ssrcs,
    })
}

fn parse(offer: &str) -> Offer {
    Offer::parse(offer).expect("an offer")
}

fn agree(offer: &str) -> Result<(Session, String), OfferError> {
    let offer = Offer::parse(offer)?;
    with_params(|params| answer(offer, params))
}

/// The answer's sections, each as its lines.
fn sections(answer: &str) -> Vec<Vec<&str>> {
    let mut sections: Vec<Vec<&str>> = Vec::new();
    for line in answer.split("\r\n") {
        if line.starts_with("m=") {
            sections.push(Vec::new());
        }
        if let Some(section) = sections.last_mut() {
            section.push(line);
        }
    }
    sections
}

#[test]
fn the_plan_is_understood_from_every_browser() {
    for (browser, offer) in
        [("chromium", CHROMIUM), ("chromium, all codecs", CHROMIUM_ALL), ("firefox", FIREFOX)]
    {
        let (session, text) = agree(offer).unwrap_or_else(|error| panic!("{browser}: {error}"));
        let kinds: Vec<_> =
            session.uplinks.iter().map(|uplink| (uplink.kind, uplink.mid.as_str())).collect();
        assert_eq!(
            kinds,
            [(MediaKind::Audio, "0"), (MediaKind::Video, "1"), (MediaKind::Screen, "2")],
            "{browser}"
        );
        assert_eq!(session.uplinks[1].rids, ["q", "h", "f"], "{browser}");
        assert!(session.uplinks[1].ssrcs.is_empty(), "{browser}");
        assert_eq!(session.uplinks[0].ssrcs.len(), 1, "{browser}");
        assert!(
            matches!(session.uplinks[2].ssrcs[..], [(_, Some(_))]),
            "{browser}: {:?}",
            session.uplinks[2].ssrcs
        );
        assert_eq!(session.slots.len(), 17, "{browser}");
        for (at, slot) in session.slots.iter().enumerate() {
            let seat = seats().get(at / 2).copied();
            let kind = match (seat, at % 2) {
                (None, _) => MediaKind::Screen,
                (Some(_), 0) => MediaKind::Audio,
                (Some(_), _) => MediaKind::Video,
            };
            assert_eq!(
                (slot.seat, slot.kind, slot.mid.clone()),
                (seat, kind, (at + 3).to_string()),
                "{browser}"
            );
            assert_eq!(slot.rtx_ssrc.is_some(), kind != MediaKind::Audio, "{browser}");
        }
        let extensions = session.extensions;
        assert!(
            extensions.audio_level.is_some()
                && extensions.mid.is_some()
                && extensions.transport_cc.is_some(),
            "{browser}"
        );
        assert!(extensions.rid.is_some() && extensions.repaired_rid.is_some(), "{browser}");

        let sections = sections(&text);
        assert_eq!(sections.len(), 20, "{browser}");
        for (at, section) in sections.iter().enumerate() {
            let has = |line: &str| section.contains(&line);
            assert!(has(if at < 3 { "a=recvonly" } else { "a=sendonly" }), "{browser} {at}");
            assert!(
                has("a=setup:passive") && has("a=rtcp-mux") && has("a=ice-ufrag:ours"),
                "{browser} {at}"
            );
            assert_eq!(
                section.iter().any(|line| line.starts_with("a=ssrc:")),
                at >= 3,
                "{browser} {at}"
            );
            assert_eq!(has("a=simulcast:recv q;h;f"), at == 1, "{browser} {at}");
            assert_eq!(
                section.iter().any(|line| line.starts_with("a=candidate:")),
                at == 0,
                "{browser} {at}"
            );
        }
        assert!(text.contains("a=ice-lite\r\n"));
        assert!(
            text.contains(
                "a=candidate:2 1 udp 2130706175 fd00::2 8081 typ host\r\n\
                 a=candidate:3 1 tcp 1520435199 127.0.0.1 8081 typ host tcptype passive\r\n\
                 a=end-of-candidates\r\n"
            ),
            "{text}"
        );
    }
}

#[test]
fn only_what_is_forwarded_is_answered() {
    let (session, text) = agree(CHROMIUM_ALL).unwrap();
    for gone in [
        "G722",
        "PCMU",
        "telephone-event",
        "ulpfec",
        "flexfec",
        "red/90000",
        "goog-remb",
        "abs-send-time",
        "toffset",
        "rtcp-xr",
        "video-orientation",
    ] {
        assert!(CHROMIUM_ALL.contains(gone), "{gone} was offered");
        assert!(!text.contains(gone), "{gone} was answered");
    }
    let codecs: Vec<Codec> = session.uplinks[1].formats.iter().map(|format| format.codec).collect();
    assert_eq!(codecs[0], Codec::Vp8);
    assert!(codecs.contains(&Codec::Vp9) && codecs.contains(&Codec::Av1));
    assert!(codecs.contains(&Codec::H264 { profile: 0x42e0, packetization_mode: 1 }));
    assert_eq!(
        codecs.iter().filter(|codec| **codec == Codec::Vp9).count(),
        1,
        "the main profile alone"
    );
    assert!(session.uplinks[1].formats.iter().all(|format| format.rtx.is_some()));
    let audio: Vec<Codec> = session.uplinks[0].formats.iter().map(|format| format.codec).collect();
    assert_eq!(audio, [Codec::Opus, Codec::Red]);
    assert!(
        text.contains("a=fmtp:111 minptime=10;useinbandfec=1\r\n")
            && text.contains("a=fmtp:63 111/111\r\n")
    );
}

#[test]
fn every_ssrc_is_declared_once_with_its_repair() {
    let (session, text) = agree(FIREFOX).unwrap();
    for slot in &session.slots {
        assert_eq!(text.matches(&format!("a=ssrc:{} ", slot.ssrc)).count(), 1);
        if let Some(rtx) = slot.rtx_ssrc {
            assert!(text.contains(&format!("a=ssrc-group:FID {} {rtx}\r\n", slot.ssrc)));
        }
    }
    let name = |seat: &str| text.matches(&format!("a=msid:{seat} ")).count();
    assert_eq!((name("palabre-seat1"), name("palabre-seat8"), name("palabre-screen")), (2, 2, 1));
}

#[test]
fn a_restart_keeps_everything_but_the_credentials() {
    let (standing, first) = agree(CHROMIUM).unwrap();
    let restart = CHROMIUM.replace("a=ice-ufrag:75Ew", "a=ice-ufrag:Next");
    assert!(restart != CHROMIUM && same_session(&parse(&restart), &standing));
    let (session, second) =
        with_params(|params| answer_restart(parse(&restart), &standing, params)).unwrap();
    assert_eq!(session.remote_ice.ufrag, "Next");
    assert_eq!(Session { remote_ice: standing.remote_ice.clone(), ..session }, standing);
    assert_eq!(first, second, "our own credentials were the same ones");

    let other = CHROMIUM.replace("46:01:E8", "46:01:E9");
    assert!(!same_session(&parse(&other), &standing));
    assert!(with_params(|params| answer_restart(parse(&other), &standing, params)).is_err());
    assert!(!same_session(&parse(FIREFOX), &standing));
    let shorter = &CHROMIUM[..CHROMIUM.rfind("m=video").unwrap()];
    assert!(with_params(|params| answer_restart(parse(shorter), &standing, params)).is_err());
}

#[test]
fn fewer_sections_are_whole_and_more_are_refused() {
    let until = |n: usize| {
        let ends: Vec<usize> = CHROMIUM.match_indices("\r\nm=").map(|(at, _)| at + 2).collect();
        &CHROMIUM[..ends[n]]
    };
    let (session, _) = agree(until(1)).unwrap();
    assert_eq!((session.uplinks.len(), session.slots.len()), (1, 0));
    let (session, _) = agree(until(5)).unwrap();
    assert_eq!((session.uplinks.len(), session.slots.len()), (3, 2));

    const FEW: &[Seat] = &[Seat(4)];
    let (session, text) =
        with_params(|params| answer(parse(CHROMIUM), AnswerParams { slots: FEW, ..params }))
            .unwrap();
    let seats: Vec<_> = session.slots.iter().map(|slot| (slot.seat, slot.kind)).collect();
    assert_eq!(
        seats,
        [
            (Some(Seat(4)), MediaKind::Audio),
            (Some(Seat(4)), MediaKind::Video),
            (None, MediaKind::Screen)
        ]
    );
    assert_eq!(sections(&text).len(), 20);
    assert_eq!(text.matches(" 0 UDP/TLS/RTP/SAVPF").count(), 14);
    assert!(text.contains("a=group:BUNDLE 0 1 2 3 4 6\r\n"), "{text}");

    let data = format!(
        "{CHROMIUM}m=application 9 UDP/DTLS/SCTP webrtc-datachannel\r\nc=IN IP4 0.0.0.0\r\na=mid:20\r\na=sctp-port:5000\r\n"
    );
    let (_, text) = agree(&data).unwrap();
    assert!(text.contains("m=application 0 UDP/DTLS/SCTP webrtc-datachannel\r\n"));
}

#[test]
fn refusals_name_the_section_and_the_reason() {
    let cases: [(&str, &str, &str, &str); 9] = [
        ("a=group:BUNDLE", "a=group:LS", "session", "BUNDLE"),
        ("a=ice-pwd:", "a=ice-pwd:short\r\na=x:", "session", "credentials"),
        ("sha-256", "sha-1", "session", "fingerprint"),
        ("a=setup:actpass", "a=setup:passive", "session", "passive"),
        ("a=mid:1\r\n", "a=mid:0\r\n", "section 1 (mid 0)", "taken"),
        ("a=mid:2\r\n", "", "section 2", "a=mid"),
        ("a=rtcp-mux\r\n", "", "section 0 (mid 0)", "rtcp-mux"),
        ("opus/48000/2", "pcmu/48000/2", "section 0 (mid 0)", "codecs"),
        ("a=simulcast:send q;h;f", "a=simulcast:send q;h;f;g", "section 1 (mid 1)", "layers"),
    ];
    for (from, to, section, reason) in cases {
        let offer = CHROMIUM.replace(from, to);
        assert_ne!(offer, CHROMIUM, "{from}");
        let error = agree(&offer).unwrap_err();
        assert!(
            error.section.starts_with(section) && error.reason.contains(reason),
            "{from}: {error}"
        );
    }
    let renumbered = CHROMIUM.replacen(
        "a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid",
        "a=extmap:12 urn:ietf:params:rtp-hdrext:sdes:mid",
        1,
    );
    assert!(agree(&renumbered).unwrap_err().reason.contains("header extensions"));
    assert!(agree(&"a=x\r\n".repeat(50_000)).unwrap_err().reason.contains("too large"));
    assert!(agree("hello").is_err());
    assert!(agree("").is_err());
}

#[test]
fn feedback_may_be_said_of_all_at_once() {
    let all = CHROMIUM.replace("a=rtcp-fb:96 nack pli", "a=rtcp-fb:* nack pli");
    let (_, text) = agree(&all).expect("an answer");
    assert_eq!(text.matches("a=rtcp-fb:96 nack pli\r\n").count(), 11);
    let none = CHROMIUM.replace("a=rtcp-fb:96 nack pli\r\n", "");
    let (_, text) = agree(&none).expect("an answer");
    assert!(!text.contains("nack pli"), "what was not offered is not answered");
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(200))]

    #[test]
    fn a_spoilt_offer_does_not_panic(which in 0_usize..3, cuts in prop::collection::vec((any::<prop::sample::Index>(), any::<char>(), 0_usize..40), 1..6)) {
        let mut offer: Vec<char> = [CHROMIUM, CHROMIUM_ALL, FIREFOX][which].chars().collect();
        for (at, with, remove) in cuts {
            let at = at.index(offer.len());
            let end = (at + remove).min(offer.len());
            offer.splice(at..end, [with]);
        }
        let offer: String = offer.into_iter().collect();
        if let Ok((session, text)) = agree(&offer) {
            prop_assert!(session.uplinks.len() <= 3 && session.slots.len() <= 17);
            prop_assert!(text.starts_with("v=0\r\n"));
        }
    }

    #[test]
    fn no_text_panics(text in "(v=0\r\no=- 1 2 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n)?([a-z]=[ -~]{0,30}\r\n){0,12}") {
        // It may be refused or not; it must come back.
        let _outcome = agree(&text);
    }
}
