//! The offers and answers of the light client: what it needs of SDP, and no more.

use std::fmt::Write as _;
use std::net::SocketAddr;

use anyhow::{Context as _, Result, ensure};

use crate::media::camera::RIDS;

/// The payload type that sound is offered with.
pub const OPUS: u8 = 111;
/// The payload type that pictures are offered with.
pub const VP8: u8 = 96;
const RTX: u8 = 97;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";
const TRANSPORT_CC: &str =
    "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01";

/// What a section carries.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// Sound.
    Audio,
    /// Pictures.
    Video,
}

/// What is sent in a section, or that something is received in it.
#[derive(Debug, Clone, Copy)]
pub enum Flow {
    /// Sends a stream, and its retransmissions where there are some.
    Send {
        /// The stream.
        ssrc: u32,
        /// Its retransmissions.
        rtx: Option<u32>,
    },
    /// Sends the three layers of a camera, by their names.
    Simulcast,
    /// Receives.
    Receive,
}

/// The client's own transport, as it describes it.
#[derive(Clone)]
pub struct Own {
    /// The user name fragment of its path.
    pub ufrag: String,
    /// The path's password.
    pub password: String,
    /// The SHA-256 of its certificate.
    pub fingerprint: String,
    /// Where it receives.
    pub address: SocketAddr,
}

/// The header extension identifiers of a section.
#[derive(Debug, Clone, Copy, Default, PartialEq, Eq)]
pub struct Extensions {
    /// The section.
    pub mid: Option<u8>,
    /// The layer of a camera.
    pub rid: Option<u8>,
    /// How loud it is.
    pub level: Option<u8>,
    /// The number among all packets of the transport.
    pub transport_cc: Option<u8>,
}

/// What the other end says.
pub struct Description {
    /// The user name fragment of its path.
    pub ufrag: String,
    /// The path's password.
    pub password: String,
    /// Where it receives datagrams.
    pub address: SocketAddr,
    /// Where it takes TCP connections, if it does (RFC 6544, passive).
    pub tcp: Option<SocketAddr>,
    /// What was agreed.
    pub sections: Vec<Section>,
}

/// A section of it.
#[derive(Debug)]
pub struct Section {
    /// What it carries.
    pub kind: Kind,
    /// Its name.
    pub mid: String,
    /// Whether who describes it sends in it.
    pub sends: bool,
    /// The identifiers of its header extensions.
    pub extensions: Extensions,
    /// Its payload types, as they stand in the first line.
    formats: String,
    /// What an answer repeats: formats, feedback and extensions.
    agreed: Vec<String>,
    /// The payload type of retransmissions.
    pub rtx: Option<u8>,
}

fn head(mids: &[String]) -> String {
    format!(
        "v=0\r\no=- 1 2 IN IP4 127.0.0.1\r\ns=-\r\nt=0 0\r\na=group:BUNDLE {}\r\n\
         a=msid-semantic: WMS client\r\n",
        mids.join(" ")
    )
}

/// The first line of a section, and its transport. The client begins the handshake, whoever offers.
fn transport(sdp: &mut String, kind: Kind, formats: &str, mid: &str, own: &Own) {
    let Own { ufrag, password, fingerprint, address } = own;
    let kind = match kind {
        Kind::Audio => "audio",
        Kind::Video => "video",
    };
    // Writing to a string cannot fail.
    let _ = write!(
        sdp,
        "m={kind} 9 UDP/TLS/RTP/SAVPF {formats}\r\nc=IN IP4 0.0.0.0\r\na=mid:{mid}\r\n\
         a=ice-ufrag:{ufrag}\r\na=ice-pwd:{password}\r\na=fingerprint:sha-256 {fingerprint}\r\n\
         a=setup:active\r\na=rtcp-mux\r\na=rtcp-rsize\r\n\
         a=candidate:1 1 udp 2130706431 {} {} typ host\r\na=end-of-candidates\r\n",
        address.ip(),
        address.port()
    );
}

/// An offer of `sections`, whose mids are their numbers.
#[must_use]
pub fn offer(own: &Own, sections: &[(Kind, Flow)]) -> String {
    let mids: Vec<String> = (0..sections.len()).map(|mid| mid.to_string()).collect();
    let mut sdp = head(&mids);
    for ((kind, flow), mid) in sections.iter().zip(&mids) {
        let formats = match kind {
            Kind::Audio => OPUS.to_string(),
            Kind::Video => format!("{VP8} {RTX}"),
        };
        transport(&mut sdp, *kind, &formats, mid, own);
        let direction = match flow {
            Flow::Send { .. } | Flow::Simulcast => "sendonly",
            Flow::Receive => "recvonly",
        };
        let _ = write!(sdp, "a={direction}\r\na=extmap:4 {MID}\r\na=extmap:3 {TRANSPORT_CC}\r\n");
        match kind {
            Kind::Audio => {
                let _ = write!(
                    sdp,
                    "a=extmap:1 {AUDIO_LEVEL}\r\na=rtpmap:{OPUS} opus/48000/2\r\n\
                     a=rtcp-fb:{OPUS} transport-cc\r\na=fmtp:{OPUS} minptime=10;useinbandfec=1\r\n"
                );
            }
            Kind::Video => {
                let _ = write!(sdp, "a=rtpmap:{VP8} VP8/90000\r\n");
                for feedback in ["transport-cc", "ccm fir", "nack", "nack pli"] {
                    let _ = write!(sdp, "a=rtcp-fb:{VP8} {feedback}\r\n");
                }
                let _ = write!(sdp, "a=rtpmap:{RTX} rtx/90000\r\na=fmtp:{RTX} apt={VP8}\r\n");
            }
        }
        if let Flow::Simulcast = flow {
            let _ = write!(sdp, "a=extmap:5 {RID}\r\na=msid:client {mid}\r\n");
            for rid in RIDS {
                let _ = write!(sdp, "a=rid:{rid} send\r\n");
            }
            let _ = write!(sdp, "a=simulcast:send {}\r\n", RIDS.join(";"));
        }
        if let Flow::Send { ssrc, rtx } = *flow {
            let _ = write!(sdp, "a=msid:client {mid}\r\n");
            if let Some(rtx) = rtx {
                let _ = write!(sdp, "a=ssrc-group:FID {ssrc} {rtx}\r\n");
            }
            for ssrc in [Some(ssrc), rtx].into_iter().flatten() {
                let _ = write!(sdp, "a=ssrc:{ssrc} cname:client\r\n");
            }
        }
    }
    sdp
}

/// An answer that receives everything that is offered.
#[must_use]
pub fn answer(own: &Own, offer: &Description) -> String {
    let mids: Vec<String> = offer.sections.iter().map(|section| section.mid.clone()).collect();
    let mut sdp = head(&mids);
    for section in &offer.sections {
        transport(&mut sdp, section.kind, &section.formats, &section.mid, own);
        sdp += "a=recvonly\r\n";
        for line in &section.agreed {
            let _ = write!(sdp, "{line}\r\n");
        }
    }
    sdp
}

impl Description {
    /// Reads an offer or an answer.
    ///
    /// # Errors
    /// When it lacks what a connection takes.
    pub fn parse(sdp: &str) -> Result<Self> {
        let value = |name: &str| {
            sdp.lines()
                .find_map(|line| line.trim_end().strip_prefix(name))
                .with_context(|| format!("the description has no {name}"))
        };
        let candidates =
            || sdp.lines().filter_map(|line| line.trim_end().strip_prefix("a=candidate:"));
        let address = candidates()
            .find_map(|text| candidate(text, "udp"))
            .context("the description has no UDP candidate of IPv4")?;
        let tcp = candidates()
            .filter(|text| text.contains(" tcptype passive"))
            .find_map(|text| candidate(text, "tcp"));
        let sections = sdp.split("\nm=").skip(1).map(Section::parse).collect::<Result<Vec<_>>>()?;
        ensure!(!sections.is_empty(), "the description has no section");
        Ok(Self {
            ufrag: value("a=ice-ufrag:")?.to_owned(),
            password: value("a=ice-pwd:")?.to_owned(),
            address,
            tcp,
            sections,
        })
    }
}

/// The address of a candidate for a client to use.
fn candidate(text: &str, wanted: &str) -> Option<SocketAddr> {
    let fields: Vec<_> = text.split_whitespace().collect();
    let [_, component, protocol, _, ip, port, ..] = fields[..] else { return None };
    let usable = component == "1" && protocol.eq_ignore_ascii_case(wanted);
    let ip: std::net::Ipv4Addr = ip.parse().ok()?;
    usable.then_some(SocketAddr::new(ip.into(), port.parse().ok()?))
}

impl Section {
    /// What both ends do for each other in it, beside carrying media.
    #[must_use]
    pub fn terms(&self) -> String {
        let feedback = self.agreed.iter().filter_map(|line| {
            let (_, feedback) = line.strip_prefix("a=rtcp-fb:")?.split_once(' ')?;
            Some(format!("feedback {feedback}"))
        });
        let Extensions { mid, level, transport_cc, .. } = self.extensions;
        let extensions = [(mid, "mid"), (level, "audio level"), (transport_cc, "transport-cc")];
        let extensions = extensions.into_iter().filter(|(id, _)| id.is_some());
        let mut terms: Vec<String> = feedback.collect();
        terms.extend(extensions.map(|(_, name)| format!("extension {name}")));
        terms.extend(self.rtx.map(|_| "RTX".to_owned()));
        terms.sort();
        terms.dedup();
        let kind = match self.kind {
            Kind::Audio => "sound",
            Kind::Video => "video",
        };
        format!("{kind}: {}", terms.join(", "))
    }

    fn parse(text: &str) -> Result<Self> {
        let mut lines = text.lines().map(str::trim_end);
        let first = lines.next().unwrap_or_default();
        let mut words = first.split(' ');
        let kind = match words.next() {
            Some("audio") => Kind::Audio,
            Some("video") => Kind::Video,
            other => anyhow::bail!("a section is neither audio nor video: {other:?}"),
        };
        ensure!(words.next() != Some("0"), "a section is refused: `{first}`");
        let formats = words.skip(1).collect::<Vec<_>>().join(" ");
        let lines: Vec<&str> = lines.collect();
        let find = |name: &str| lines.iter().find_map(|line| line.strip_prefix(name));
        let extension = |uri: &str| {
            lines.iter().find_map(|line| {
                let (id, rest) = line.strip_prefix("a=extmap:")?.split_once(' ')?;
                let id = id.split('/').next()?;
                (rest.split(' ').next() == Some(uri)).then(|| id.parse().ok())?
            })
        };
        let rtx = lines.iter().find_map(|line| {
            let (payload_type, codec) = line.strip_prefix("a=rtpmap:")?.split_once(' ')?;
            codec.to_ascii_lowercase().starts_with("rtx/").then(|| payload_type.parse().ok())?
        });
        let repeated = ["a=rtpmap:", "a=fmtp:", "a=rtcp-fb:", "a=extmap:"];
        Ok(Self {
            kind,
            mid: find("a=mid:").context("a section has no a=mid")?.to_owned(),
            sends: lines.contains(&"a=sendonly") || lines.contains(&"a=sendrecv"),
            extensions: Extensions {
                mid: extension(MID),
                rid: extension(RID),
                level: extension(AUDIO_LEVEL),
                transport_cc: extension(TRANSPORT_CC),
            },
            formats,
            agreed: lines
                .iter()
                .filter(|line| repeated.iter().any(|name| line.starts_with(name)))
                .map(|line| (*line).to_owned())
                .collect(),
            rtx,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn own() -> Own {
        Own {
            ufrag: "abcd".to_owned(),
            password: "0123456789abcdefghijklmn".to_owned(),
            fingerprint: "AA:BB".to_owned(),
            address: SocketAddr::from(([10, 77, 0, 2], 4_000)),
        }
    }

    #[test]
    fn an_offer_is_read_back_as_it_was_meant() {
        let sections = [
            (Kind::Audio, Flow::Send { ssrc: 7, rtx: None }),
            (Kind::Video, Flow::Send { ssrc: 8, rtx: Some(9) }),
            (Kind::Video, Flow::Receive),
        ];
        let sdp = offer(&own(), &sections);
        assert!(sdp.contains("a=ssrc-group:FID 8 9\r\n"));
        let read = Description::parse(&sdp).expect("valid");
        assert_eq!((read.ufrag.as_str(), read.address), ("abcd", own().address));
        let kinds: Vec<_> = read.sections.iter().map(|section| section.kind).collect();
        assert_eq!(kinds, [Kind::Audio, Kind::Video, Kind::Video]);
        let sends: Vec<_> = read.sections.iter().map(|section| section.sends).collect();
        assert_eq!(sends, [true, true, false]);
        let ids = Extensions { mid: Some(4), rid: None, level: Some(1), transport_cc: Some(3) };
        assert_eq!(read.sections[0].extensions, ids);
        assert_eq!(read.sections[1].extensions, Extensions { level: None, ..ids });
        assert_eq!((read.sections[0].rtx, read.sections[1].rtx), (None, Some(97)));
        assert_eq!(
            read.sections[1].terms(),
            "video: RTX, extension mid, extension transport-cc, feedback ccm fir, feedback nack, \
             feedback nack pli, feedback transport-cc"
        );
    }

    #[test]
    fn a_camera_offers_its_layers_by_name_alone() {
        let sdp = offer(&own(), &[(Kind::Video, Flow::Simulcast)]);
        assert!(
            sdp.contains("a=rid:q send\r\na=rid:h send\r\na=rid:f send\r\na=simulcast:send q;h;f")
        );
        assert!(!sdp.contains("a=ssrc"));
        let read = Description::parse(&sdp).expect("valid");
        assert_eq!((read.sections[0].extensions.rid, read.sections[0].sends), (Some(5), true));
    }

    #[test]
    fn a_tcp_candidate_is_found_beside_the_other() {
        let udp = offer(&own(), &[(Kind::Audio, Flow::Receive)]);
        assert_eq!(Description::parse(&udp).expect("valid").tcp, None);
        let both = udp.replace(
            "a=end-of-candidates",
            "a=candidate:2 1 tcp 99 10.77.0.9 5 typ host tcptype passive\r\na=end-of-candidates",
        );
        let read = Description::parse(&both).expect("valid");
        assert_eq!(read.tcp, Some(SocketAddr::from(([10, 77, 0, 9], 5))));
        assert_eq!(read.address, own().address);
    }

    #[test]
    fn an_answer_takes_everything_that_was_offered() {
        let sections = [(Kind::Video, Flow::Send { ssrc: 8, rtx: Some(9) })];
        let offered = Description::parse(&offer(&own(), &sections)).expect("valid");
        let answered = answer(&own(), &offered);
        assert!(answered.contains("a=recvonly\r\n") && !answered.contains("a=ssrc"));
        let read = Description::parse(&answered).expect("valid");
        assert_eq!(read.sections[0].agreed, offered.sections[0].agreed);
        assert_eq!(read.sections[0].formats, "96 97");
    }

    #[test]
    fn what_cannot_be_used_is_refused_with_a_reason() {
        let good = offer(&own(), &[(Kind::Audio, Flow::Receive)]);
        for (from, to, reason) in [
            ("a=ice-pwd", "a=ice-xxx", "no a=ice-pwd"),
            (" udp ", " tcp ", "no UDP candidate"),
            ("10.77.0.2", "fe80::1", "no UDP candidate"),
            ("m=audio 9", "m=audio 0", "refused"),
            ("m=audio", "m=application", "neither audio nor video"),
            ("a=mid:", "a=mad:", "no a=mid"),
        ] {
            let bad = good.replace(from, to);
            let error = Description::parse(&bad).err().expect(from).to_string();
            assert!(error.contains(reason), "{from}: {error}");
        }
    }
}
