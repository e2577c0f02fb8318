use super::*;
use crate::session::{ExtensionIds, Fingerprint, IceCredentials};

const IDS: ExtensionIds = ExtensionIds {
    audio_level: Some(1),
    mid: Some(4),
    rid: Some(10),
    repaired_rid: Some(11),
    transport_cc: Some(3),
};

fn format(codec: Codec, payload_type: u8, rtx: Option<u8>) -> Format {
    Format { codec, payload_type, rtx }
}

fn uplink(kind: MediaKind, mid: &str, rids: &[&str], ssrcs: &[(u32, Option<u32>)]) -> Uplink {
    let formats = match kind {
        MediaKind::Audio => vec![format(Codec::Opus, 111, None)],
        // A hostile agreement: Opus in the camera's section.
        _ => vec![format(Codec::Vp8, 96, Some(97)), format(Codec::Opus, 112, None)],
    };
    Uplink {
        kind,
        mid: mid.to_owned(),
        formats,
        rids: rids.iter().map(|rid| (*rid).to_owned()).collect(),
        ssrcs: ssrcs.to_vec(),
    }
}

fn publication(simulcast: bool) -> Publication {
    let ice = || IceCredentials { ufrag: String::new(), password: String::new() };
    let camera = if simulcast {
        uplink(MediaKind::Video, "1", &["q", "h", "f"], &[])
    } else {
        uplink(MediaKind::Video, "1", &[], &[(20, Some(21))])
    };
    let session = Session {
        remote_ice: ice(),
        local_ice: ice(),
        fingerprint: Fingerprint([0; 32]),
        extensions: IDS,
        uplinks: vec![uplink(MediaKind::Audio, "0", &[], &[(10, None)]), camera],
        slots: Vec::new(),
    };
    Publication::new(7, &session)
}

struct Bytes {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    mid: &'static str,
    rid: (u8, &'static str),
    payload: &'static [u8],
}

const KEY: &[u8] = &[0x10, 0x00, b'k'];

impl Bytes {
    fn new(ssrc: u32, payload_type: u8, sequence: u16) -> Self {
        Self { ssrc, payload_type, sequence, mid: "", rid: (0, ""), payload: KEY }
    }

    fn build(&self) -> Vec<u8> {
        let mut bytes = vec![0x90, self.payload_type];
        bytes.extend_from_slice(&self.sequence.to_be_bytes());
        bytes.extend_from_slice(&[0, 0, 0, 9]);
        bytes.extend_from_slice(&self.ssrc.to_be_bytes());
        let mut block = Vec::new();
        for (id, name) in [(4, self.mid), self.rid] {
            if !name.is_empty() {
                block.push(id << 4 | (name.len() - 1) as u8);
                block.extend_from_slice(name.as_bytes());
            }
        }
        block.resize(block.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(&[0xbe, 0xde, 0, (block.len() / 4) as u8]);
        bytes.extend_from_slice(&block);
        bytes.extend_from_slice(self.payload);
        bytes
    }

    fn receive(
        &self,
        to: &mut Publication,
    ) -> Result<(MediaKind, Origin, Index, Vec<u8>), Refusal> {
        let bytes = self.build();
        let header = Header::read(&bytes, &IDS).expect("well formed");
        let index = Index(u64::from(self.sequence));
        to.receive(Instant::now(), &header, index, &bytes)
            .map(|i| (i.kind, i.origin, i.index, i.payload.to_vec()))
    }
}

#[test]
fn declared_sources_are_known_and_no_others() {
    let mut publication = publication(false);
    let audio = Bytes::new(10, 111, 1).receive(&mut publication).expect("the microphone");
    assert_eq!((audio.0, audio.1), (MediaKind::Audio, Origin { uplink: 0, layer: 0 }));
    let video = Bytes::new(20, 96, 1).receive(&mut publication).expect("the camera");
    assert_eq!(video.0, MediaKind::Video);
    assert_eq!(Bytes::new(99, 111, 1).receive(&mut publication), Err(Refusal::UnknownSource));
    // Both sections have their source: naming them does not help another one.
    for mid in ["0", "1", "2"] {
        let forged = Bytes { mid, ..Bytes::new(98, 111, 1) };
        assert_eq!(forged.receive(&mut publication), Err(Refusal::UnknownSource), "mid {mid}");
    }
}

#[test]
fn a_section_carries_its_own_kind_alone() {
    let mut publication = publication(false);
    for (ssrc, payload_type) in [(20, 111), (20, 112), (10, 96), (10, 112), (20, 97), (21, 96)] {
        assert_eq!(
            Bytes::new(ssrc, payload_type, 1).receive(&mut publication),
            Err(Refusal::WrongPayloadType),
            "{payload_type} from {ssrc}"
        );
    }
}

#[test]
fn a_layer_is_claimed_once() {
    let mut publication = publication(true);
    let layer = |ssrc, rid| Bytes { mid: "1", rid: (10, rid), ..Bytes::new(ssrc, 96, 1) };
    let h = layer(31, "h").receive(&mut publication).expect("a free layer");
    assert_eq!(h.1, Origin { uplink: 1, layer: 1 });
    assert_eq!(layer(32, "h").receive(&mut publication), Err(Refusal::UnknownSource), "taken");
    assert_eq!(layer(32, "x").receive(&mut publication), Err(Refusal::UnknownSource), "no such");
    // Bound once: naming another layer later moves nothing.
    let moved = Bytes { sequence: 2, ..layer(31, "f") }.receive(&mut publication).expect("still h");
    assert_eq!(moved.1.layer, 1);
    let later = Bytes::new(31, 96, 3).receive(&mut publication).expect("known without names");
    assert_eq!(later.1.layer, 1);
    let microphone = Bytes { mid: "0", rid: (10, "q"), ..Bytes::new(33, 111, 1) };
    assert_eq!(microphone.receive(&mut publication), Err(Refusal::UnknownSource));
}

#[test]
fn a_retransmission_is_the_packet_that_was_lost() {
    let mut publication = publication(true);
    let layer = |sequence| Bytes { mid: "1", rid: (10, "q"), ..Bytes::new(30, 96, sequence) };
    let repair = |sequence| Bytes {
        mid: "1",
        rid: (11, "q"),
        payload: &[0xff, 0xff, 0x10, 0x00, b'k'],
        ..Bytes::new(40, 97, sequence)
    };
    assert_eq!(
        repair(1).receive(&mut publication),
        Err(Refusal::Malformed),
        "nothing to repair yet"
    );
    layer(65_534).receive(&mut publication).expect("first");
    let bytes = layer(0).build();
    let header = Header::read(&bytes, &IDS).expect("well formed");
    publication.receive(Instant::now(), &header, Index(65_536), &bytes).expect("one was lost");
    assert!(publication.is_missing());
    let repaired = repair(2).receive(&mut publication).expect("repaired");
    assert_eq!((repaired.1.layer, repaired.2), (0, Index(65_535)));
    assert_eq!(repaired.3, KEY);
    assert!(!publication.is_missing());
    assert_eq!(repair(3).receive(&mut publication), Err(Refusal::Repeated));
    assert_eq!(
        layer(65_535).receive(&mut publication),
        Err(Refusal::Repeated),
        "the original, late"
    );
    let half_a_number = Bytes { payload: &[0], ..repair(4) };
    assert_eq!(half_a_number.receive(&mut publication), Err(Refusal::Malformed));
}

#[test]
fn bare_padding_is_told_from_a_stranger() {
    let mut publication = publication(true);
    Bytes { mid: "1", rid: (10, "q"), ..Bytes::new(30, 96, 1) }
        .receive(&mut publication)
        .expect("a layer");
    let mut receive = |ssrc, rid, payload: &[u8]| {
        let mut bytes = Bytes { mid: "1", rid, payload: &[], ..Bytes::new(ssrc, 97, 1) }.build();
        bytes.extend_from_slice(payload);
        bytes[0] |= 0x20;
        let header = Header::read(&bytes, &IDS).expect("well formed");
        publication.receive(Instant::now(), &header, Index(1), &bytes).map(|i| i.index)
    };
    let padding = [0, 0, 0, 4];
    // A page pads before it sends anything again: these name neither section nor layer.
    assert_eq!(receive(40, (10, ""), &padding), Err(Refusal::Padding));
    assert_eq!(receive(40, (10, ""), &[9, 0, 0, 3]), Err(Refusal::UnknownSource));
    assert_eq!(receive(40, (11, "q"), &padding), Err(Refusal::Padding));
    assert_eq!(receive(40, (11, "q"), &[0, 1, b'k', 1]), Err(Refusal::Repeated));
}

#[test]
fn padding_is_taken_off() {
    let mut publication = publication(false);
    for (sequence, payload, expected) in [
        (1, &[0x10, 0, b'k', 0, 2][..], Ok(vec![0x10, 0, b'k'])),
        (2, &[0, 0, 3], Ok(vec![])),
        (3, &[0, 0, 4], Err(Refusal::Malformed)),
        (4, &[0, 0, 0], Err(Refusal::Malformed)),
        (5, &[], Err(Refusal::Malformed)),
    ] {
        let mut bytes = Bytes::new(20, 96, sequence).build();
        bytes.truncate(bytes.len() - KEY.len());
        bytes.extend_from_slice(payload);
        bytes[0] |= 0x20;
        let header = Header::read(&bytes, &IDS).expect("well formed");
        let index = Index(u64::from(sequence));
        let got = publication.receive(Instant::now(), &header, index, &bytes);
        assert_eq!(got.map(|i| i.payload.to_vec()), expected, "{sequence}");
    }
}

#[test]
fn keyframe_requests_of_a_short_time_are_one() {
    let mut publication = publication(false);
    Bytes::new(20, 96, 1).receive(&mut publication).expect("the camera");
    let start = Instant::now();
    let layer = publication.layer_of(20).expect("bound");
    let mut asked = 0;
    for ms in 0..1_000 {
        layer.want_keyframe();
        asked +=
            u32::from(layer.take_keyframe_request(start + Duration::from_millis(ms)).is_some());
    }
    assert_eq!(asked, 4);
    assert!(publication.layer_of(21).is_none(), "a retransmission has no keyframes");
}

#[test]
fn the_wanted_layer_falls_back_to_what_is_sent() {
    let mut publication = publication(true);
    let now = Instant::now();
    let send = |publication: &mut Publication, ssrc, rid| {
        let packet = Bytes { mid: "1", rid: (10, rid), ..Bytes::new(ssrc, 96, 1) };
        packet.receive(publication).expect("a layer");
    };
    let choose = |publication: &Publication, ms, wanted| {
        let section = publication.section(MediaKind::Video).expect("a camera");
        section.choose_layer(now + Duration::from_millis(ms), wanted)
    };
    assert_eq!(choose(&publication, 0, 2), 2, "nothing is sent: as wanted");
    send(&mut publication, 31, "h");
    assert_eq!([0, 1, 2, 9].map(|wanted| choose(&publication, 1, wanted)), [1, 1, 1, 1]);
    send(&mut publication, 30, "q");
    assert_eq!([0, 1, 2].map(|wanted| choose(&publication, 1, wanted)), [0, 1, 1]);
    assert_eq!(choose(&publication, 5_000, 2), 2, "all silent");
}
