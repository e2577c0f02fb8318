//! What an offer and its answer agreed on, parsed once: past this point nothing reads SDP.

use std::time::Duration;

use palabre_ids::{MediaKind, Seat};

/// A peer that sent nothing authentic for so long is lost. Longer keeps a dead picture on the
/// screen; shorter takes a pause of the radio for a loss. Browsers send RTCP or a consent check
/// (RFC 7675) well within it.
pub const PEER_SILENCE: Duration = Duration::from_secs(8);

/// A user fragment and password (RFC 8445 section 5.3).
#[derive(Clone, PartialEq, Eq)]
pub struct IceCredentials {
    /// At least 4 ice-chars.
    pub ufrag: String,
    /// At least 22 ice-chars.
    pub password: String,
}

impl std::fmt::Debug for IceCredentials {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("IceCredentials(…)")
    }
}

/// The SHA-256 of a DTLS certificate (RFC 8122), the only hash that is accepted.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 32]);

/// A codec that is forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Codec {
    /// Opus, 48 kHz (RFC 7587).
    Opus,
    /// Redundant audio around Opus (RFC 2198).
    Red,
    /// VP8 (RFC 7741).
    Vp8,
    /// VP9 (RFC 9628).
    Vp9,
    /// H.264 (RFC 6184): profile and packetization mode must match to be forwarded.
    H264 {
        /// `profile-level-id`, its first two bytes.
        profile: u16,
        /// `packetization-mode`.
        packetization_mode: u8,
    },
    /// AV1.
    Av1,
}

/// A payload type and what it means in this session.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Format {
    /// The codec.
    pub codec: Codec,
    /// Its payload type.
    pub payload_type: u8,
    /// The payload type of its retransmissions (RFC 4588).
    pub rtx: Option<u8>,
}

/// The header extension identifiers of a session; one numbering for all its bundled sections. An
/// extension that is not named here is neither offered, read nor forwarded.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ExtensionIds {
    /// RFC 6464.
    pub audio_level: Option<u8>,
    /// RFC 9143, SDES mid.
    pub mid: Option<u8>,
    /// RFC 8852, RtpStreamId.
    pub rid: Option<u8>,
    /// RFC 8852, RepairedRtpStreamId.
    pub repaired_rid: Option<u8>,
    /// Transport-wide congestion control, draft-holmer-rmcat-transport-wide-cc-extensions-01.
    pub transport_cc: Option<u8>,
}

/// A section the peer sends in.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Uplink {
    /// What it carries.
    pub kind: MediaKind,
    /// Its `a=mid`.
    pub mid: String,
    /// What it may send, best first; of one codec at a time.
    pub formats: Vec<Format>,
    /// Simulcast layers from small to large (`q`, `h`, `f`); empty without simulcast.
    pub rids: Vec<String>,
    /// SSRCs the offer declared, with the SSRC of their retransmissions; empty with simulcast.
    pub ssrcs: Vec<(u32, Option<u32>)>,
}

/// A section the peer receives in: a slot, fed by one seat or by whoever shares a screen.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Slot {
    /// Whose media it carries; `None` for the screen slot.
    pub seat: Option<Seat>,
    /// What it carries.
    pub kind: MediaKind,
    /// Its `a=mid`.
    pub mid: String,
    /// The SSRC our answer declared for it.
    pub ssrc: u32,
    /// The SSRC our answer declared for its retransmissions (video).
    pub rtx_ssrc: Option<u32>,
    /// What the peer can receive in it.
    pub formats: Vec<Format>,
}

/// A whole agreement.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Session {
    /// The peer's ICE credentials.
    pub remote_ice: IceCredentials,
    /// Ours for it.
    pub local_ice: IceCredentials,
    /// The certificate the peer must show.
    pub fingerprint: Fingerprint,
    /// The header extensions both ends know.
    pub extensions: ExtensionIds,
    /// Microphone, camera, screen, as far as they were offered.
    pub uplinks: Vec<Uplink>,
    /// The slots in the offer's order.
    pub slots: Vec<Slot>,
}
