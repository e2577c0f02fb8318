//! Both ways against `rtc_srtp::Context`, an implementation that is not ours.

use std::collections::HashSet;

use proptest::prelude::*;
use rtc_srtp::context::Context;
use rtc_srtp::protection_profile::ProtectionProfile;

use super::super::*;

const PROFILES: [(SrtpProfile, ProtectionProfile); 3] = [
    (SrtpProfile::AeadAes128Gcm, ProtectionProfile::AeadAes128Gcm),
    (SrtpProfile::AeadAes256Gcm, ProtectionProfile::AeadAes256Gcm),
    (SrtpProfile::AesCm128HmacSha1_80, ProtectionProfile::Aes128CmHmacSha1_80),
];
const SSRC: u32 = 0x1234_5678;

fn keys(profile: SrtpProfile) -> SrtpKeys {
    let material: Vec<u8> =
        (0..SrtpKeys::material_len(profile)).map(|byte| (byte * 7 + 3) as u8).collect();
    SrtpKeys::from_material(profile, &material, true).unwrap()
}

fn context(profile: ProtectionProfile, master: &MasterKey) -> Context {
    let (key, salt) = master.parts();
    let provider = rtc_crypto::default_provider().unwrap();
    Context::new(key, salt, profile, None, None, provider.crypto()).unwrap()
}

fn rtp(seq: u16, ssrc: u32, payload: &[u8]) -> Vec<u8> {
    let mut packet = vec![0x80, 111];
    packet.extend(seq.to_be_bytes());
    packet.extend(1_000_u32.to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend(payload);
    packet
}

fn rtcp(ssrc: u32, words: u16) -> Vec<u8> {
    let mut packet = vec![0x80, 201];
    packet.extend((words + 1).to_be_bytes());
    packet.extend(ssrc.to_be_bytes());
    packet.extend((0..4 * words).map(|byte| byte as u8));
    packet
}

/// Indices that a sender uses in order, twice round the sequence numbers, sent in another order.
fn shuffled() -> impl Strategy<Value = Vec<u64>> {
    (0_u64..2_000, 1_u64..700, prop::collection::vec(0_usize..40, 300)).prop_map(
        |(start, step, swaps)| {
            let mut indices: Vec<u64> = (0..300).map(|n| start + n * step).collect();
            for (at, by) in swaps.into_iter().enumerate() {
                // Late by at most as much as a window forgives.
                let by = by.min((500 / step) as usize);
                if at + by < 300 {
                    indices.swap(at, at + by);
                }
            }
            indices
        },
    )
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(40))]

    #[test]
    fn we_open_what_they_seal_in_any_order_and_once(
        which in 0..PROFILES.len(), payload in prop::collection::vec(any::<u8>(), 0..300), order in shuffled(),
    ) {
        let (ours, theirs) = PROFILES[which];
        let keys = keys(ours);
        let mut sender = context(theirs, &keys.remote);
        let mut sealed: Vec<(u64, Vec<u8>)> = Vec::new();
        let mut in_order = order.clone();
        in_order.sort_unstable();
        for index in in_order {
            sealed.push((index, sender.encrypt_rtp(&rtp(index as u16, SSRC, &payload)).unwrap().to_vec()));
        }
        let (mut inbound, _) = SrtpPair::new(&keys).unwrap();
        let mut opened = HashSet::new();
        let mut highest = None;
        for index in order {
            // A receiver that first hears a stream counts its rounds from there.
            if highest.is_none() && index > u64::from(u16::MAX) {
                return Ok(());
            }
            let packet = &sealed[sealed.binary_search_by_key(&index, |(index, _)| *index).unwrap()].1;
            let late = highest.is_some_and(|highest: u64| index + window::WINDOW <= highest);
            let mut buffer = packet.clone();
            let outcome = inbound.open_rtp(&mut buffer, 12, SSRC, index as u16);
            if late {
                prop_assert!(outcome.is_err());
                continue;
            }
            let first_time = opened.insert(index);
            prop_assert!(first_time);
            let opened_rtp = outcome.unwrap();
            prop_assert_eq!(opened_rtp, OpenedRtp { len: 12 + payload.len(), index });
            prop_assert_eq!(&buffer[..opened_rtp.len], &rtp(index as u16, SSRC, &payload)[..]);
            highest = highest.max(Some(index));
            let mut again = packet.clone();
            prop_assert_eq!(inbound.open_rtp(&mut again, 12, SSRC, index as u16), Err(SrtpError::Replayed));
        }
    }

    #[test]
    fn they_open_what_we_seal(
        which in 0..PROFILES.len(), payload in prop::collection::vec(any::<u8>(), 0..300), start in 60_000_u16..=u16::MAX,
    ) {
        let (ours, theirs) = PROFILES[which];
        let keys = keys(ours);
        let mut receiver = context(theirs, &keys.local);
        let (_, mut outbound) = SrtpPair::new(&keys).unwrap();
        for index in (0..60_u64).map(|n| u64::from(start) + n * 300) {
            let plain = rtp(index as u16, SSRC, &payload);
            let mut buffer = plain.clone();
            buffer.resize(plain.len() + RTP_TAIL, 0xAA);
            let len = outbound.seal_rtp(&mut buffer, 12, plain.len(), SSRC, index).unwrap();
            let opened = receiver.decrypt_rtp(&buffer[..len]).unwrap();
            prop_assert_eq!(&opened[..], &plain[..]);
        }
    }

    #[test]
    fn rtcp_goes_both_ways_and_once(which in 0..PROFILES.len(), words in 0_u16..80) {
        let (ours, theirs) = PROFILES[which];
        let keys = keys(ours);
        let (mut inbound, mut outbound) = SrtpPair::new(&keys).unwrap();
        let mut sender = context(theirs, &keys.remote);
        let mut receiver = context(theirs, &keys.local);
        for _ in 0..3 {
            let plain = rtcp(SSRC, words);
            let sealed = sender.encrypt_rtcp(&plain).unwrap();
            let mut buffer = sealed.to_vec();
            let len = inbound.open_rtcp(&mut buffer).unwrap();
            prop_assert_eq!(&buffer[..len], &plain[..]);
            prop_assert_eq!(inbound.open_rtcp(&mut sealed.to_vec()), Err(SrtpError::Replayed));

            let mut packet = plain.clone();
            outbound.seal_rtcp(&mut packet).unwrap();
            prop_assert_eq!(&receiver.decrypt_rtcp(&packet).unwrap()[..], &plain[..]);
        }
    }

    #[test]
    fn a_spoilt_packet_is_refused_and_changes_nothing(which in 0..PROFILES.len(), at in 0_usize..64, with in 1_u8..) {
        let (ours, theirs) = PROFILES[which];
        let keys = keys(ours);
        let (mut inbound, _) = SrtpPair::new(&keys).unwrap();
        let sealed = context(theirs, &keys.remote).encrypt_rtp(&rtp(9, SSRC, &[5; 40])).unwrap();
        let mut spoilt = sealed.to_vec();
        let at = at % spoilt.len();
        spoilt[at] ^= with;
        let ssrc = u32::from_be_bytes(spoilt[8..12].try_into().unwrap());
        let seq = u16::from_be_bytes(spoilt[2..4].try_into().unwrap());
        prop_assert_eq!(inbound.open_rtp(&mut spoilt, 12, ssrc, seq), Err(SrtpError::NotAuthentic));
        prop_assert!(inbound.rtp.ssrcs.is_empty());
        prop_assert!(inbound.open_rtp(&mut sealed.to_vec(), 12, SSRC, 9).is_ok());

        let sealed = context(theirs, &keys.remote).encrypt_rtcp(&rtcp(SSRC, 6)).unwrap();
        let mut spoilt = sealed.to_vec();
        let at = at % spoilt.len();
        spoilt[at] ^= with;
        prop_assert!(inbound.open_rtcp(&mut spoilt).is_err());
        prop_assert!(inbound.rtcp.ssrcs.is_empty());
        prop_assert!(inbound.open_rtcp(&mut sealed.to_vec()).is_ok());
    }

    #[test]
    fn no_bytes_panic(which in 0..PROFILES.len(), bytes in prop::collection::vec(any::<u8>(), 0..80), header in 0_usize..90) {
        let (mut inbound, mut outbound) = SrtpPair::new(&keys(PROFILES[which].0)).unwrap();
        prop_assert!(inbound.open_rtp(&mut bytes.clone(), header, 1, 2).is_err());
        prop_assert!(inbound.open_rtcp(&mut bytes.clone()).is_err());
        let sealed = outbound.seal_rtp(&mut bytes.clone(), header, bytes.len(), 1, 2);
        prop_assert!(sealed.is_err(), "no room was left for a tag");
        let mut packet = bytes.clone();
        prop_assert_eq!(outbound.seal_rtcp(&mut packet).is_ok(), bytes.len() >= 8);
    }
}

#[test]
fn streams_are_bounded() {
    let keys = keys(SrtpProfile::AeadAes128Gcm);
    let (mut inbound, _) = SrtpPair::new(&keys).unwrap();
    let mut sender = context(ProtectionProfile::AeadAes128Gcm, &keys.remote);
    for ssrc in 0..MAX_STREAMS as u32 {
        let mut packet = sender.encrypt_rtp(&rtp(1, ssrc, b"x")).unwrap().to_vec();
        assert!(inbound.open_rtp(&mut packet, 12, ssrc, 1).is_ok());
    }
    let mut packet = sender.encrypt_rtp(&rtp(1, 99, b"x")).unwrap().to_vec();
    assert_eq!(inbound.open_rtp(&mut packet, 12, 99, 1), Err(SrtpError::TooManyStreams));
    let mut packet = sender.encrypt_rtp(&rtp(2, 0, b"x")).unwrap().to_vec();
    assert!(inbound.open_rtp(&mut packet, 12, 0, 2).is_ok(), "the known ones go on");
}

#[test]
fn keys_end() {
    let (_, mut outbound) = SrtpPair::new(&keys(SrtpProfile::AeadAes128Gcm)).unwrap();
    let mut buffer = [0; 64];
    assert!(outbound.seal_rtp(&mut buffer, 12, 40, 1, LAST_RTP_INDEX).is_ok());
    assert_eq!(
        outbound.seal_rtp(&mut buffer, 12, 40, 1, LAST_RTP_INDEX + 1),
        Err(SrtpError::KeysUsedUp)
    );
    outbound.next_rtcp = LAST_RTCP_INDEX;
    assert!(outbound.seal_rtcp(&mut rtcp(1, 1)).is_ok());
    assert_eq!(outbound.seal_rtcp(&mut rtcp(1, 1)), Err(SrtpError::KeysUsedUp));
}
