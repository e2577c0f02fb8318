//! Writing an answer.

use std::fmt::Write as _;

use super::offer::{Direction, Extension, Kind, OfferedFormat, Section};
use super::{AnswerParams, stream_name};
use crate::session::{Codec, Fingerprint, Session, Slot};

/// A document being written, a line at a time.
pub(super) struct Sdp(String);

impl Sdp {
    pub(super) fn line(&mut self, line: std::fmt::Arguments<'_>) {
        // Writing to a String cannot fail.
        let _infallible = self.0.write_fmt(line);
        self.0.push_str("\r\n");
    }

    pub(super) fn finish(self) -> String {
        self.0
    }

    /// What comes before the sections.
    pub(super) fn head(sections: &[Section]) -> Self {
        let mut sdp = Self(String::with_capacity(32 * 1024));
        for line in [
            "v=0",
            "o=- 0 0 IN IP4 127.0.0.1",
            "s=-",
            "t=0 0",
            "a=ice-lite",
            "a=msid-semantic: WMS *",
        ] {
            sdp.line(format_args!("{line}"));
        }
        let bundled: Vec<&str> = sections
            .iter()
            .filter(|section| section.kind != Kind::Other)
            .map(|section| section.mid.as_str())
            .collect();
        sdp.line(format_args!("a=group:BUNDLE {}", bundled.join(" ")));
        sdp
    }

    /// A section that is not used.
    pub(super) fn refusal(&mut self, section: &Section) {
        self.line(format_args!("m={} 0 {} {}", section.media, section.proto, section.first_format));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.line(format_args!("a=mid:{}", section.mid));
        self.line(format_args!("a=inactive"));
    }

    /// A section with its transport, up to what it carries.
    pub(super) fn section(
        &mut self,
        section: &Section,
        params: &AnswerParams<'_>,
        candidates: bool,
    ) {
        let types: Vec<String> = section
            .formats
            .iter()
            .flat_map(|known| [Some(known.format.payload_type), known.format.rtx])
            .flatten()
            .map(|payload_type| payload_type.to_string())
            .collect();
        let types = if types.is_empty() { section.first_format.clone() } else { types.join(" ") };
        self.line(format_args!("m={} 9 {} {types}", section.media, section.proto));
        self.line(format_args!("c=IN IP4 0.0.0.0"));
        self.line(format_args!("a=mid:{}", section.mid));
        self.line(format_args!("a=ice-ufrag:{}", params.local_ice.ufrag));
        self.line(format_args!("a=ice-pwd:{}", params.local_ice.password));
        self.line(format_args!("a=fingerprint:sha-256 {}", hex(&params.fingerprint)));
        self.line(format_args!("a=setup:passive"));
        self.line(format_args!("a=rtcp-mux"));
        if section.reduced_size {
            self.line(format_args!("a=rtcp-rsize"));
        }
        let direction = match section.direction {
            Direction::Receive => "recvonly",
            Direction::Send => "sendonly",
            Direction::Inactive => "inactive",
        };
        self.line(format_args!("a={direction}"));
        for (id, extension) in
            section.extensions.iter().filter(|(_, extension)| belongs(*extension, section))
        {
            self.line(format_args!("a=extmap:{id} {}", extension.uri()));
        }
        for known in &section.formats {
            self.format(known);
        }
        if candidates {
            self.candidates(params);
        }
    }

    fn format(&mut self, known: &OfferedFormat) {
        let payload_type = known.format.payload_type;
        let map = match known.format.codec {
            Codec::Opus => "opus/48000/2",
            Codec::Red => "red/48000/2",
            Codec::Vp8 => "VP8/90000",
            Codec::Vp9 => "VP9/90000",
            Codec::H264 { .. } => "H264/90000",
            Codec::Av1 => "AV1/90000",
        };
        self.line(format_args!("a=rtpmap:{payload_type} {map}"));
        for feedback in &known.feedback {
            self.line(format_args!("a=rtcp-fb:{payload_type} {}", feedback.as_str()));
        }
        match (known.format.codec, &known.fmtp) {
            // Losses are mended in the sound itself; a turn's silence may cost nothing to send.
            (Codec::Opus, _) => {
                self.line(format_args!("a=fmtp:{payload_type} minptime=10;useinbandfec=1"))
            }
            (_, Some(fmtp)) => self.line(format_args!("a=fmtp:{payload_type} {fmtp}")),
            (_, None) => {}
        }
        if let Some(rtx) = known.format.rtx {
            self.line(format_args!("a=rtpmap:{rtx} rtx/90000"));
            self.line(format_args!("a=fmtp:{rtx} apt={payload_type}"));
        }
    }

    fn candidates(&mut self, params: &AnswerParams<'_>) {
        for (at, address) in (0_u32..).zip(params.candidates) {
            // RFC 8445 section 5.1.2.1: host type, our order, first component.
            let priority = (126 << 24) | (65_535_u32.saturating_sub(at) << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            self.line(format_args!("a=candidate:{} 1 udp {priority} {ip} {port} typ host", at + 1));
        }
        for (at, address) in (0_u32..).zip(params.tcp_candidates) {
            // RFC 6544 section 4.2: below UDP, and the direction (passive: 4) in front of our order.
            let preference = (4 << 13) + 8_191_u32.saturating_sub(at);
            let priority = (90 << 24) | (preference << 8) | 255;
            let (ip, port) = (address.ip(), address.port());
            let foundation = params.candidates.len() as u32 + at + 1;
            self.line(format_args!(
                "a=candidate:{foundation} 1 tcp {priority} {ip} {port} typ host tcptype passive"
            ));
        }
        self.line(format_args!("a=end-of-candidates"));
    }

    /// What we receive in a section.
    pub(super) fn layers(&mut self, rids: &[String]) {
        if rids.is_empty() {
            return;
        }
        for rid in rids {
            self.line(format_args!("a=rid:{rid} recv"));
        }
        self.line(format_args!("a=simulcast:recv {}", rids.join(";")));
    }

    /// What we send in a section.
    pub(super) fn streams(&mut self, slot: &Slot) {
        let stream = stream_name(slot.seat);
        self.line(format_args!("a=msid:{stream} {stream}-{}", slot.mid));
        if let Some(rtx) = slot.rtx_ssrc {
            self.line(format_args!("a=ssrc-group:FID {} {rtx}", slot.ssrc));
        }
        for ssrc in [Some(slot.ssrc), slot.rtx_ssrc].into_iter().flatten() {
            self.line(format_args!("a=ssrc:{ssrc} cname:{stream}"));
        }
    }
}

/// Whether an extension is of use in a section: layers are named only by who sends them.
fn belongs(extension: Extension, section: &Section) -> bool {
    match extension {
        Extension::AudioLevel => section.kind == Kind::Audio,
        Extension::Rid | Extension::RepairedRid => section.direction == Direction::Receive,
        Extension::Mid | Extension::TransportCc => true,
    }
}

fn hex(fingerprint: &Fingerprint) -> String {
    let pairs: Vec<String> = fingerprint.0.iter().map(|byte| format!("{byte:02X}")).collect();
    pairs.join(":")
}

/// Writes the whole answer to what was agreed.
pub(super) fn write(sections: &[Section], session: &Session, params: &AnswerParams<'_>) -> String {
    let mut sdp = Sdp::head(sections);
    let mut candidates = true;
    for section in sections {
        if section.kind == Kind::Other {
            sdp.refusal(section);
            continue;
        }
        sdp.section(section, params, std::mem::take(&mut candidates));
        if let Some(uplink) = session.uplinks.iter().find(|uplink| uplink.mid == section.mid) {
            sdp.layers(&uplink.rids);
        }
        if let Some(slot) = session.slots.iter().find(|slot| slot.mid == section.mid) {
            sdp.streams(slot);
        }
    }
    sdp.finish()
}
