//! A hand-made offer, and what its answer says.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context, Result};
use palabre_wire::MediaPlan;
use rtc_dtls::crypto::Certificate;

/// What a raw bot offers with.
pub(super) struct Offer {
    pub(super) sdp: String,
    pub(super) ufrag: String,
    pub(super) certificate: Certificate,
    /// The SSRC of its microphone.
    pub(super) audio: u32,
    /// Of its camera.
    pub(super) video: u32,
    /// Of its screen.
    pub(super) screen: u32,
}

/// What the server answered.
pub(super) struct Answered {
    pub(super) ufrag: String,
    pub(super) password: String,
    pub(super) address: SocketAddr,
    /// The SSRCs of the slots: what others are received with.
    pub(super) slots: Vec<u32>,
}

pub(super) const OPUS: u8 = 111;
pub(super) const VP8: u8 = 96;

/// The header extensions offered.
pub(super) const MID_ID: u8 = 1;
pub(super) const LEVEL_ID: u8 = 2;
pub(super) const RID_ID: u8 = 3;

fn token(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    (0..length)
        .map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>()) % ALPHABET.len()]))
        .collect()
}

impl Offer {
    pub(super) fn new(plan: &MediaPlan) -> Result<Self> {
        let provider = rtc_crypto::default_provider()?;
        let certificate = Certificate::generate_self_signed(Vec::new(), provider.crypto())?;
        let der = certificate.certificate.first().context("a certificate")?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let fingerprint: Vec<String> =
            digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        let (ufrag, password) = (token(8), token(24));
        let (audio, video, screen) = (rand::random(), rand::random(), rand::random());

        let count = 3 + plan.slots.len() * 2 + 1;
        let mids: Vec<String> = (0..count).map(|mid| mid.to_string()).collect();
        let mut sdp = String::from("v=0\r\no=- 1 1 IN IP4 0.0.0.0\r\ns=-\r\nt=0 0\r\n");
        write!(sdp, "a=group:BUNDLE {}\r\na=extmap-allow-mixed\r\n", mids.join(" "))?;
        for mid in 0..count {
            let is_audio = mid == 0 || (mid >= 3 && (mid - 3) % 2 == 0 && mid + 1 != count);
            let kind = if is_audio { "audio" } else { "video" };
            let formats = if is_audio { OPUS } else { VP8 };
            write!(
                sdp,
                "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=rtcp:9 IN IP4 0.0.0.0\r\n"
            )?;
            write!(
                sdp,
                "a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=ice-options:trickle\r\n"
            )?;
            write!(
                sdp,
                "a=fingerprint:sha-256 {}\r\na=setup:actpass\r\na=mid:{mid}\r\n",
                fingerprint.join(":")
            )?;
            write!(sdp, "a=extmap:{MID_ID} urn:ietf:params:rtp-hdrext:sdes:mid\r\n")?;
            if is_audio {
                write!(sdp, "a=extmap:{LEVEL_ID} urn:ietf:params:rtp-hdrext:ssrc-audio-level\r\n")?;
            } else {
                write!(sdp, "a=extmap:{RID_ID} urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id\r\n")?;
            }
            let direction = if mid < 3 { "sendonly" } else { "recvonly" };
            write!(sdp, "a={direction}\r\na=rtcp-mux\r\na=rtcp-rsize\r\n")?;
            if is_audio {
                write!(
                    sdp,
                    "a=rtpmap:{OPUS} opus/48000/2\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
                )?;
            } else {
                write!(sdp, "a=rtpmap:{VP8} VP8/90000\r\na=rtcp-fb:{VP8} nack pli\r\n")?;
            }
            let ssrc = match mid {
                0 => audio,
                1 => video,
                2 => screen,
                _ => continue,
            };
            write!(sdp, "a=msid:raw raw{mid}\r\na=ssrc:{ssrc} cname:raw\r\n")?;
        }
        Ok(Self { sdp, ufrag, certificate, audio, video, screen })
    }
}

impl Answered {
    pub(super) fn parse(sdp: &str) -> Result<Self> {
        let value = |name: &str| {
            sdp.lines()
                .find_map(|line| line.trim_end().strip_prefix(name))
                .with_context(|| format!("the answer has no {name}"))
        };
        let address = sdp
            .lines()
            .filter_map(|line| line.trim_end().strip_prefix("a=candidate:"))
            .find_map(|candidate| {
                let mut fields = candidate.split(' ').skip(4);
                let ip = fields.next()?.parse::<std::net::IpAddr>().ok()?;
                let port = fields.next()?.parse().ok()?;
                (ip.is_loopback() && ip.is_ipv4()).then_some(SocketAddr::new(ip, port))
            })
            .context("the answer has no candidate on 127.0.0.1")?;
        let slots = sdp
            .lines()
            .filter_map(|line| {
                line.strip_prefix("a=ssrc:")?.split_whitespace().next()?.parse().ok()
            })
            .collect();
        Ok(Self {
            ufrag: value("a=ice-ufrag:")?.to_owned(),
            password: value("a=ice-pwd:")?.to_owned(),
            address,
            slots,
        })
    }
}
