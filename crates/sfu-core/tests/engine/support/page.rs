//! A page's media, as far as the wire shows it: an end of DTLS and SRTP that is not ours.

use std::collections::HashMap;
use std::fmt::Write as _;
use std::sync::Arc;
use std::time::Instant;

use bytes::BytesMut;
use palabre_ids::{MediaSession, Seat};
use palabre_sfu_core::Path;
use palabre_sfu_core::media::rtp::Header;
use palabre_sfu_core::session::IceCredentials;
use palabre_sfu_core::transport::demux::{Kind, classify};
use palabre_sfu_core::transport::srtp::{
    SrtpInbound, SrtpKeys, SrtpOutbound, SrtpPair, SrtpProfile,
};
use rtc_dtls::config::ConfigBuilder;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME, AttrType, RawAttribute,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter, TransactionId};
use rtc_stun::textattrs::TextAttribute;

use super::{IDS, OPUS, Packet, SERVER, camera_ssrc, mic_ssrc, path, screen_ssrc};

/// A packet as a peer received it, in clear.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Received {
    pub(crate) ssrc: u32,
    pub(crate) index: u64,
    pub(crate) timestamp: u32,
    pub(crate) marker: bool,
    pub(crate) payload_type: u8,
    pub(crate) mid: String,
    pub(crate) transport_cc: Option<u16>,
    pub(crate) audio_level: Option<u8>,
    pub(crate) payload: Vec<u8>,
}

/// What a slot was declared as in an answer.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(crate) struct SlotSsrcs {
    pub(crate) media: u32,
    pub(crate) rtx: Option<u32>,
}

/// A page's media, as far as the wire shows it.
pub(crate) struct Page {
    pub(crate) seat: Seat,
    /// Its session, as the server numbers them.
    pub(crate) session: MediaSession,
    pub(crate) path: Path,
    /// Where it still listens after it moved.
    pub(crate) old_path: Option<Path>,
    pub(crate) dtls: Endpoint,
    pub(super) fingerprint: String,
    pub(super) ufrag: String,
    pub(super) server_ufrag: String,
    pub(super) server_password: String,
    /// The server's credentials for the path generation that the page may begin by itself.
    pub(crate) next_ice: Option<IceCredentials>,
    pub(crate) keys: Option<(SrtpInbound, SrtpOutbound)>,
    pub(super) connected: bool,
    /// By the section's mid.
    pub(crate) slots: HashMap<String, SlotSsrcs>,
    pub(super) next_cc: u16,
    /// The payload types it offers for audio: Opus, and redundant audio.
    pub(crate) audio: (u8, Option<u8>),
    pub(crate) received: Vec<Received>,
    pub(crate) rtcp: Vec<Vec<u8>>,
    pub(crate) closed: bool,
}

fn raw(typ: AttrType, value: &[u8]) -> Box<dyn Setter> {
    Box::new(RawAttribute { typ, length: value.len() as u16, value: value.to_vec() })
}

impl Page {
    pub(crate) fn new(now: Instant, seat: Seat, port: u16) -> Self {
        let provider = rtc_crypto::default_provider().expect("a provider");
        let certificate =
            rtc_dtls::crypto::Certificate::generate_self_signed(Vec::new(), provider.crypto())
                .expect("a certificate");
        let digest =
            aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, &certificate.certificate[0]);
        let hex: Vec<_> = digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let config = ConfigBuilder::default()
            .with_crypto_provider(provider)
            .with_certificates(vec![certificate])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            .with_insecure_skip_verify(true)
            .build(true, Some(SERVER))
            .expect("a configuration");
        let mut dtls = Endpoint::new(SERVER, TransportProtocol::UDP, None);
        dtls.connect(now, SERVER, Arc::new(config), None).expect("a first flight");
        Self {
            seat,
            session: MediaSession(0),
            path: path(port),
            old_path: None,
            dtls,
            fingerprint: hex.join(":"),
            ufrag: format!("page{port}"),
            server_ufrag: String::new(),
            server_password: String::new(),
            next_ice: None,
            keys: None,
            connected: false,
            slots: HashMap::new(),
            next_cc: 0,
            audio: (OPUS, None),
            received: Vec::new(),
            rtcp: Vec::new(),
            closed: false,
        }
    }

    /// An offer of microphone, camera and screen, and of slots for `others` seats.
    pub(crate) fn offer(&self, simulcast: bool, others: u8) -> String {
        let last = 3 + 2 * others;
        let mids: Vec<_> = (0..=last).map(|mid| mid.to_string()).collect();
        let mut sdp = format!(
            "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n",
            mids.join(" ")
        );
        for mid in 0..=last {
            let audio = mid == 0 || mid > 2 && mid < last && mid % 2 == 1;
            let (opus, red) = self.audio;
            let audio_formats = red.map_or(opus.to_string(), |red| format!("{red} {opus}"));
            let (media, formats) =
                if audio { ("audio", audio_formats.as_str()) } else { ("video", "96 97") };
            let direction = if mid < 3 { "sendonly" } else { "recvonly" };
            let _ = write!(
                sdp,
                "m={media} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\n\
                 a=ice-ufrag:{}\r\na=ice-pwd:aPasswordOf22Characters0\r\n\
                 a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n\
                 a=extmap:3 http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01\r\n\
                 a=extmap:4 urn:ietf:params:rtp-hdrext:sdes:mid\r\na={direction}\r\na=rtcp-mux\r\n",
                self.ufrag, self.fingerprint
            );
            if audio {
                sdp += "a=extmap:1 urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n";
                let _ = write!(
                    sdp,
                    "a=rtpmap:{opus} opus/48000/2\r\na=rtcp-fb:{opus} transport-cc\r\n"
                );
                if let Some(red) = red {
                    let _ =
                        write!(sdp, "a=rtpmap:{red} red/48000/2\r\na=fmtp:{red} {opus}/{opus}\r\n");
                }
            } else {
                sdp += "a=extmap:10 urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n\
                        a=extmap:11 urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id\r\n\
                        a=rtpmap:96 VP8/90000\r\na=rtcp-fb:96 transport-cc\r\na=rtcp-fb:96 nack\r\n\
                        a=rtcp-fb:96 nack pli\r\na=rtpmap:97 rtx/90000\r\na=fmtp:97 apt=96\r\n";
            }
            let ssrc = match mid {
                0 => Some(mic_ssrc(self.seat)),
                1 if simulcast => None,
                1 => Some(camera_ssrc(self.seat)),
                2 => Some(screen_ssrc(self.seat)),
                _ => None,
            };
            match ssrc {
                Some(ssrc) if audio => {
                    let _ = write!(sdp, "a=ssrc:{ssrc} cname:x\r\n");
                }
                Some(ssrc) => {
                    let rtx = ssrc + 5;
                    let _ = write!(
                        sdp,
                        "a=ssrc-group:FID {ssrc} {rtx}\r\na=ssrc:{ssrc} cname:x\r\na=ssrc:{rtx} cname:x\r\n"
                    );
                }
                None if mid == 1 => {
                    sdp += "a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f\r\n";
                }
                None => {}
            }
        }
        sdp
    }

    pub(crate) fn take_answer(&mut self, answer: &str) {
        let value = |prefix: &str| {
            answer
                .lines()
                .find_map(|line| line.strip_prefix(prefix))
                .expect("in every answer")
                .to_owned()
        };
        self.server_ufrag = value("a=ice-ufrag:");
        self.server_password = value("a=ice-pwd:");
        self.slots.clear();
        for section in answer.split("m=").skip(1) {
            let find = |prefix: &str| section.lines().find_map(|line| line.strip_prefix(prefix));
            let mid = find("a=mid:").expect("in every section");
            let number = |text: &str| text.split(' ').next().and_then(|n| n.parse().ok());
            if let Some(group) = find("a=ssrc-group:FID ") {
                let mut pair = group.split(' ').map(|n| n.parse().expect("a number"));
                let media = pair.next().expect("two numbers");
                self.slots.insert(mid.to_owned(), SlotSsrcs { media, rtx: pair.next() });
            } else if let Some(media) = find("a=ssrc:").and_then(number) {
                self.slots.insert(mid.to_owned(), SlotSsrcs { media, rtx: None });
            }
        }
    }

    /// Goes by the server's credentials `theirs` and by a new name from now on, and is at `path`.
    pub(crate) fn begin(&mut self, theirs: IceCredentials, path: Path) {
        self.ufrag = format!("own{}", path.remote.port());
        (self.server_ufrag, self.server_password) = (theirs.ufrag, theirs.password);
        self.path = path;
    }

    /// An authentic check.
    pub(crate) fn check(&self, nominate: bool) -> Vec<u8> {
        let provider = rtc_crypto::default_provider().expect("a provider");
        let mut setters: Vec<Box<dyn Setter + '_>> = vec![
            Box::new(BINDING_REQUEST),
            Box::new(TransactionId::new()),
            Box::new(TextAttribute::new(
                ATTR_USERNAME,
                format!("{}:{}", self.server_ufrag, self.ufrag),
            )),
            raw(ATTR_PRIORITY, &[0, 1, 2, 3]),
            raw(ATTR_ICE_CONTROLLING, &[9; 8]),
        ];
        if nominate {
            setters.push(raw(ATTR_USE_CANDIDATE, &[]));
        }
        setters.push(Box::new(MessageIntegrity::new_short_term_integrity_with_provider(
            self.server_password.clone(),
            provider.crypto(),
        )));
        setters.push(Box::new(FINGERPRINT));
        let mut message = Message::new();
        message.build(&setters).expect("a message");
        message.raw
    }

    /// A protected RTP packet.
    pub(crate) fn seal(&mut self, packet: &Packet) -> Vec<u8> {
        let index = u64::from(packet.sequence);
        self.seal_at(packet, index)
    }

    /// The same with the lap of its sequence number in `index`.
    pub(crate) fn seal_at(&mut self, packet: &Packet, index: u64) -> Vec<u8> {
        let mut bytes = vec![0x90, u8::from(packet.marker) << 7 | packet.payload_type];
        bytes.extend_from_slice(&packet.sequence.to_be_bytes());
        bytes.extend_from_slice(&packet.timestamp.to_be_bytes());
        bytes.extend_from_slice(&packet.ssrc.to_be_bytes());
        let mut extension = vec![0x31];
        extension.extend_from_slice(&self.next_cc.to_be_bytes());
        self.next_cc = self.next_cc.wrapping_add(1);
        if let Some(level) = packet.level {
            extension.extend_from_slice(&[0x10, level]);
        }
        for (id, name) in [(4_u8, packet.mid), (10, packet.rid), (11, packet.repaired_rid)] {
            if let Some(name) = name {
                extension.push(id << 4 | (name.len() - 1) as u8);
                extension.extend_from_slice(name.as_bytes());
            }
        }
        extension.resize(extension.len().next_multiple_of(4), 0);
        bytes.extend_from_slice(&[0xbe, 0xde, 0, (extension.len() / 4) as u8]);
        bytes.extend_from_slice(&extension);
        let header_len = bytes.len();
        bytes.extend_from_slice(&packet.payload);
        let len = bytes.len();
        bytes.resize(len + 32, 0);
        let (_, outbound) = self.keys.as_mut().expect("connected");
        let len =
            outbound.seal_rtp(&mut bytes, header_len, len, packet.ssrc, index).expect("sealed");
        bytes.truncate(len);
        bytes
    }

    /// A protected RTCP compound.
    pub(crate) fn seal_rtcp(&mut self, compound: &[u8]) -> Vec<u8> {
        let mut bytes = compound.to_vec();
        self.keys.as_mut().expect("connected").1.seal_rtcp(&mut bytes).expect("sealed");
        bytes
    }

    pub(crate) fn take(&mut self, now: Instant, datagram: &[u8]) {
        assert!(self.try_take(now, datagram).is_some(), "authentic and never repeated");
    }

    /// Takes a datagram if it is for this page.
    pub(crate) fn try_take(&mut self, now: Instant, datagram: &[u8]) -> Option<()> {
        let mut bytes = datagram.to_vec();
        match classify(datagram) {
            Kind::Dtls => {
                let events = self.dtls.read(now, SERVER, None, BytesMut::from(datagram));
                let Ok(events) = events else {
                    self.closed = true;
                    return Some(());
                };
                self.closed |= events.iter().any(|e| matches!(e, EndpointEvent::PeerClosed));
                self.connected |=
                    events.iter().any(|e| matches!(e, EndpointEvent::HandshakeComplete));
                if self.connected && self.keys.is_none() {
                    let profile = SrtpProfile::AeadAes128Gcm;
                    let state = self.dtls.get_connection_state(SERVER).expect("connected");
                    let material = state
                        .export_keying_material(
                            "EXTRACTOR-dtls_srtp",
                            &[],
                            SrtpKeys::material_len(profile),
                        )
                        .expect("exported");
                    let keys =
                        SrtpKeys::from_material(profile, material.as_ref(), false).expect("keys");
                    self.keys = Some(SrtpPair::new(&keys).expect("keys"));
                }
            }
            Kind::Rtp => {
                let header = Header::read(&bytes, &IDS).expect("a header");
                let (inbound, _) = self.keys.as_mut().expect("connected");
                let opened =
                    inbound.open_rtp(&mut bytes, header.len, header.ssrc, header.sequence).ok()?;
                let mid = header.mid.map(|mid| mid.of(&bytes).to_vec()).unwrap_or_default();
                self.received.push(Received {
                    ssrc: header.ssrc,
                    index: opened.index,
                    timestamp: header.timestamp,
                    marker: header.marker,
                    payload_type: header.payload_type,
                    mid: String::from_utf8(mid).expect("text"),
                    transport_cc: header.transport_cc,
                    audio_level: header.audio_level,
                    payload: bytes[header.len..opened.len].to_vec(),
                });
            }
            Kind::Rtcp => {
                let (inbound, _) = self.keys.as_mut().expect("connected");
                let len = inbound.open_rtcp(&mut bytes).ok()?;
                bytes.truncate(len);
                self.rtcp.push(bytes);
            }
            Kind::Stun | Kind::Unknown => {}
        }
        Some(())
    }

    /// The mid of the slot for a seat: pages number the other seats in ascending order.
    pub(crate) fn slot(&self, seat: Seat, video: bool) -> String {
        let place = if seat < self.seat { seat.0 } else { seat.0 - 1 };
        (3 + 2 * place + u8::from(video)).to_string()
    }

    /// What was received in a slot, and forgets everything received.
    pub(crate) fn drain(&mut self, mid: &str) -> Vec<Received> {
        let ssrc = self.slots[mid].media;
        let mut all = std::mem::take(&mut self.received);
        all.retain(|packet| packet.ssrc == ssrc);
        all
    }
}
