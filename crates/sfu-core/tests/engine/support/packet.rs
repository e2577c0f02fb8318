//! What pages send.

use palabre_ids::Seat;

use super::{OPUS, VP8};

/// What a page sends: an RTP packet before protection.
#[derive(Debug, Clone)]
pub(crate) struct Packet {
    pub(crate) ssrc: u32,
    pub(crate) payload_type: u8,
    pub(crate) sequence: u16,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) level: Option<u8>,
    pub(crate) mid: Option<&'static str>,
    pub(crate) rid: Option<&'static str>,
    pub(crate) repaired_rid: Option<&'static str>,
    pub(crate) payload: Vec<u8>,
}

impl Packet {
    pub(crate) fn audio(seat: Seat, n: u16) -> Self {
        Self {
            ssrc: mic_ssrc(seat),
            payload_type: OPUS,
            sequence: n,
            timestamp: u32::from(n) * 960,
            marker: false,
            level: Some(20),
            mid: Some("0"),
            rid: None,
            repaired_rid: None,
            payload: format!("opus {} {n}", seat.0).into_bytes(),
        }
    }

    /// A packet of the camera's only layer, or of simulcast layer `rid`; one packet a frame.
    pub(crate) fn video(seat: Seat, rid: Option<&'static str>, n: u16, key: bool) -> Self {
        let layer = rid.map_or(0, |rid| "qhf".find(rid).expect("a layer") as u32);
        Self {
            ssrc: camera_ssrc(seat) + layer,
            payload_type: VP8,
            sequence: n,
            timestamp: u32::from(n) * 3_000,
            marker: true,
            level: None,
            mid: Some("1"),
            rid,
            repaired_rid: None,
            payload: vp8(n, key, format!("frame {} {layer} {n}", seat.0).as_bytes()),
        }
    }

    pub(crate) fn screen(seat: Seat, n: u16, key: bool) -> Self {
        Self { ssrc: screen_ssrc(seat), mid: Some("2"), ..Self::video(seat, None, n, key) }
    }
}

/// A VP8 payload with a 15-bit picture id.
pub(crate) fn vp8(picture: u16, key: bool, body: &[u8]) -> Vec<u8> {
    let mut payload = vec![
        0x90,
        0xe0,
        0x80 | (picture >> 8) as u8,
        picture as u8,
        picture as u8,
        0x20,
        u8::from(!key),
    ];
    payload.extend_from_slice(body);
    payload
}

/// The picture id of a payload that [`vp8`] made, and what came after it.
pub(crate) fn read_vp8(payload: &[u8]) -> (u16, &[u8]) {
    (u16::from_be_bytes([payload[2] & 0x7f, payload[3]]), &payload[7..])
}

pub(crate) fn mic_ssrc(seat: Seat) -> u32 {
    1_000 + u32::from(seat.0) * 100
}
pub(crate) fn camera_ssrc(seat: Seat) -> u32 {
    1_010 + u32::from(seat.0) * 100
}
pub(crate) fn screen_ssrc(seat: Seat) -> u32 {
    1_020 + u32::from(seat.0) * 100
}
