//! An offer, read once into what an answer needs. Everything here was written by a peer: nothing is
//! taken that has not been looked at, and every list has an end.

use rtc_sdp::description::media::MediaDescription;
use rtc_sdp::description::session::SessionDescription;

use super::OfferError;
use crate::session::{Codec, Fingerprint, Format, IceCredentials};

/// Twice the largest message that signaling takes.
const MAX_OFFER: usize = 128 * 1024;
/// A room's plan has 28 sections with every seat taken.
const MAX_SECTIONS: usize = 64;
/// As many layers as are switched between.
const MAX_RIDS: usize = 3;
/// A section without simulcast sends one stream; browsers declare more only for layers.
const MAX_SSRCS: usize = 4;
/// The longest `a=mid` and `a=rid`: what fits a one-byte header extension (RFC 8285).
const MAX_NAME: usize = 16;
/// The longest format parameters that are given back.
const MAX_FMTP: usize = 256;
/// A browser's section with every codec it has lists about 35.
const MAX_FORMATS: usize = 64;

/// An offer that can be answered.
pub struct Offer {
    pub(super) ice: IceCredentials,
    pub(super) fingerprint: Fingerprint,
    pub(super) sections: Vec<Section>,
}

/// Which way a section's media goes, seen from us.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Direction {
    /// The peer sends.
    Receive,
    /// The peer receives.
    Send,
    Inactive,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Kind {
    Audio,
    Video,
    /// Nothing that we speak: refused.
    Other,
}

/// One `m=` section.
pub(super) struct Section {
    pub(super) mid: String,
    pub(super) kind: Kind,
    /// Media type, transport and first format as offered, for a refusal.
    pub(super) media: String,
    pub(super) proto: String,
    pub(super) first_format: String,
    pub(super) direction: Direction,
    pub(super) formats: Vec<OfferedFormat>,
    pub(super) extensions: Vec<(u8, Extension)>,
    pub(super) rids: Vec<String>,
    pub(super) ssrcs: Vec<(u32, Option<u32>)>,
    pub(super) reduced_size: bool,
}

/// A format that we forward, with what else was said of it.
pub(super) struct OfferedFormat {
    pub(super) format: Format,
    pub(super) fmtp: Option<String>,
    pub(super) feedback: Vec<Feedback>,
}

/// The header extensions that pass (see `ExtensionIds`).
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Extension {
    AudioLevel,
    Mid,
    Rid,
    RepairedRid,
    TransportCc,
}

impl Extension {
    const ALL: [Self; 5] =
        [Self::AudioLevel, Self::Mid, Self::Rid, Self::RepairedRid, Self::TransportCc];

    pub(super) fn uri(self) -> &'static str {
        match self {
            Self::AudioLevel => "urn:ietf:params:rtp-hdrext:ssrc-audio-level",
            Self::Mid => "urn:ietf:params:rtp-hdrext:sdes:mid",
            Self::Rid => "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id",
            Self::RepairedRid => "urn:ietf:params:rtp-hdrext:sdes:repaired-rtp-stream-id",
            Self::TransportCc => {
                "http://www.ietf.org/id/draft-holmer-rmcat-transport-wide-cc-extensions-01"
            }
        }
    }
}

/// The RTCP feedback that is spoken.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Feedback {
    Nack,
    NackPli,
    CcmFir,
    TransportCc,
}

impl Feedback {
    const ALL: [Self; 4] = [Self::Nack, Self::NackPli, Self::CcmFir, Self::TransportCc];

    fn bit(self) -> u8 {
        1 << self as u8
    }

    pub(super) fn as_str(self) -> &'static str {
        match self {
            Self::Nack => "nack",
            Self::NackPli => "nack pli",
            Self::CcmFir => "ccm fir",
            Self::TransportCc => "transport-cc",
        }
    }
}

impl Offer {
    /// Reads an offer.
    ///
    /// # Errors
    /// [`OfferError`] names the section and what is wrong with it.
    pub fn parse(text: &str) -> Result<Self, OfferError> {
        if text.len() > MAX_OFFER {
            return Err(OfferError::session("the offer is too large"));
        }
        let description = SessionDescription::unmarshal(&mut std::io::Cursor::new(text.as_bytes()))
            .map_err(|error| OfferError::session(format!("not SDP: {error}")))?;
        if description.media_descriptions.len() > MAX_SECTIONS {
            return Err(OfferError::session("too many sections"));
        }
        let sections = description
            .media_descriptions
            .iter()
            .enumerate()
            .map(|(at, media)| Section::parse(at, media))
            .collect::<Result<Vec<_>, _>>()?;
        check_mids(&sections)?;
        check_bundle(&description, &sections)?;
        Ok(Self { ice: ice(&description)?, fingerprint: fingerprint(&description)?, sections })
    }
}

impl Section {
    fn parse(at: usize, media: &MediaDescription) -> Result<Self, OfferError> {
        let mid = value(media, "mid").unwrap_or_default().to_owned();
        let fail = |reason: &str| OfferError::section(at, &mid, reason);
        if mid.is_empty() || mid.len() > MAX_NAME || !mid.bytes().all(is_token) {
            return Err(OfferError::section(at, "?", "it has no usable a=mid"));
        }
        let name = &media.media_name;
        if name.formats.len() > MAX_FORMATS {
            return Err(fail("it lists too many formats"));
        }
        let proto = name.protos.join("/");
        // Port 0 takes a section back, unless it only says that it shares the first one's (RFC 9143).
        let withdrawn = name.port.value == 0 && !media.has_attribute("bundle-only");
        let kind = match name.media.as_str() {
            _ if withdrawn || !matches!(proto.as_str(), "UDP/TLS/RTP/SAVPF" | "RTP/SAVPF") => {
                Kind::Other
            }
            "audio" => Kind::Audio,
            "video" => Kind::Video,
            _ => Kind::Other,
        };
        let rids = rids(media).ok_or_else(|| fail("its simulcast layers are not understood"))?;
        let section = Self {
            kind,
            media: name.media.clone(),
            proto,
            first_format: name.formats.first().cloned().unwrap_or_default(),
            direction: direction(media),
            formats: if kind == Kind::Other { Vec::new() } else { formats(media, kind) },
            extensions: extensions(media),
            ssrcs: if rids.is_empty() { ssrcs(media) } else { Vec::new() },
            rids,
            reduced_size: media.has_attribute("rtcp-rsize"),
            mid: mid.clone(),
        };
        if kind != Kind::Other && !media.has_attribute("rtcp-mux") {
            return Err(fail("it lacks a=rtcp-mux"));
        }
        if kind != Kind::Other
            && section.direction != Direction::Inactive
            && section.formats.is_empty()
        {
            return Err(fail("none of its codecs is forwarded"));
        }
        Ok(section)
    }
}

fn check_mids(sections: &[Section]) -> Result<(), OfferError> {
    for (at, section) in sections.iter().enumerate() {
        if sections[..at].iter().any(|other| other.mid == section.mid) {
            return Err(OfferError::section(at, &section.mid, "its a=mid is taken by another"));
        }
    }
    Ok(())
}

fn check_bundle(description: &SessionDescription, sections: &[Section]) -> Result<(), OfferError> {
    let bundled = description
        .attributes
        .iter()
        .filter(|attribute| attribute.key == "group")
        .filter_map(|attribute| attribute.value.as_deref()?.strip_prefix("BUNDLE "))
        .next()
        .ok_or_else(|| OfferError::session("it lacks a=group:BUNDLE"))?;
    let bundled: Vec<&str> = bundled.split_ascii_whitespace().take(MAX_SECTIONS).collect();
    for (at, section) in sections.iter().enumerate() {
        if section.kind != Kind::Other && !bundled.contains(&section.mid.as_str()) {
            return Err(OfferError::section(at, &section.mid, "it is not in the bundle"));
        }
    }
    Ok(())
}

/// A value of the first section that has it, or of the session.
fn anywhere<'a>(description: &'a SessionDescription, key: &str) -> Option<&'a str> {
    let of_session = || description.attribute(key).map(String::as_str);
    description.media_descriptions.iter().find_map(|media| value(media, key)).or_else(of_session)
}

fn ice(description: &SessionDescription) -> Result<IceCredentials, OfferError> {
    let ufrag = anywhere(description, "ice-ufrag")
        .ok_or_else(|| OfferError::session("it lacks a=ice-ufrag"))?;
    let password = anywhere(description, "ice-pwd")
        .ok_or_else(|| OfferError::session("it lacks a=ice-pwd"))?;
    let ice_chars = |text: &str| {
        text.bytes().all(|byte| byte.is_ascii_alphanumeric() || matches!(byte, b'+' | b'/'))
    };
    if !(4..=256).contains(&ufrag.len())
        || !(22..=256).contains(&password.len())
        || !ice_chars(ufrag)
        || !ice_chars(password)
    {
        return Err(OfferError::session("its ICE credentials are not as RFC 8445 wants them"));
    }
    match anywhere(description, "setup") {
        Some("actpass" | "active") => {}
        _ => return Err(OfferError::session("a=setup must leave the passive side to us")),
    }
    Ok(IceCredentials { ufrag: ufrag.to_owned(), password: password.to_owned() })
}

fn fingerprint(description: &SessionDescription) -> Result<Fingerprint, OfferError> {
    let mut found = None;
    let of_sections = description.media_descriptions.iter().flat_map(|media| &media.attributes);
    for attribute in description
        .attributes
        .iter()
        .chain(of_sections)
        .filter(|attribute| attribute.key == "fingerprint")
    {
        let Some((hash, hex)) = attribute.value.as_deref().and_then(|value| value.split_once(' '))
        else {
            continue;
        };
        if !hash.eq_ignore_ascii_case("sha-256") {
            continue;
        }
        let print = parse_fingerprint(hex)
            .ok_or_else(|| OfferError::session("its a=fingerprint is not understood"))?;
        if *found.get_or_insert(print) != print {
            return Err(OfferError::session("it names two certificates"));
        }
    }
    found.ok_or_else(|| OfferError::session("it lacks a=fingerprint:sha-256"))
}

fn parse_fingerprint(hex: &str) -> Option<Fingerprint> {
    let mut bytes = [0; 32];
    let mut pairs = hex.trim().split(':');
    for byte in &mut bytes {
        let pair = pairs.next().filter(|pair| pair.len() == 2)?;
        *byte = u8::from_str_radix(pair, 16).ok()?;
    }
    pairs.next().is_none().then_some(Fingerprint(bytes))
}

fn direction(media: &MediaDescription) -> Direction {
    if media.has_attribute("inactive") {
        Direction::Inactive
    } else if media.has_attribute("recvonly") {
        Direction::Send
    } else {
        // `sendonly`, or a peer that would also receive here: a section carries one way only.
        Direction::Receive
    }
}

/// What a section says of each payload type, read in one pass: an offer is as long as a peer likes.
struct Types<'a> {
    rtpmap: [Option<&'a str>; 128],
    fmtp: [Option<&'a str>; 128],
    /// A bit for each of [`Feedback::ALL`].
    feedback: [u8; 128],
    feedback_of_all: u8,
}

impl<'a> Types<'a> {
    fn read(media: &'a MediaDescription) -> Self {
        let mut types =
            Self { rtpmap: [None; 128], fmtp: [None; 128], feedback: [0; 128], feedback_of_all: 0 };
        for attribute in &media.attributes {
            let Some((of, rest)) =
                attribute.value.as_deref().and_then(|value| value.split_once(' '))
            else {
                continue;
            };
            let of_type = of.parse().ok().filter(|of: &usize| *of < 128);
            match (attribute.key.as_str(), of_type) {
                ("rtpmap", Some(of)) => types.rtpmap[of] = types.rtpmap[of].or(Some(rest)),
                ("fmtp", Some(of)) => types.fmtp[of] = types.fmtp[of].or(Some(rest)),
                ("rtcp-fb", Some(of)) => types.feedback[of] |= feedback_bit(rest),
                ("rtcp-fb", None) if of == "*" => types.feedback_of_all |= feedback_bit(rest),
                _ => {}
            }
        }
        types
    }

    fn parameter(&self, payload_type: u8, name: &str) -> Option<&'a str> {
        let pairs = self.fmtp[usize::from(payload_type)]?.split(';');
        pairs
            .filter_map(|pair| pair.trim().split_once('='))
            .find(|(key, _)| *key == name)
            .map(|(_, value)| value)
    }

    fn feedback(&self, payload_type: u8) -> Vec<Feedback> {
        let bits = self.feedback[usize::from(payload_type)] | self.feedback_of_all;
        Feedback::ALL.into_iter().filter(|feedback| bits & feedback.bit() != 0).collect()
    }

    /// The payload type that a retransmission's one repairs.
    fn repairs(&self, rtx: u8) -> Option<u8> {
        let map = self.rtpmap[usize::from(rtx)].filter(|map| map.eq_ignore_ascii_case("rtx/90000"));
        map.and_then(|_| self.parameter(rtx, "apt")?.parse().ok())
    }

    fn codec(&self, kind: Kind, payload_type: u8) -> Option<Codec> {
        let map = self.rtpmap[usize::from(payload_type)]?.to_ascii_lowercase();
        let parameter = |name| self.parameter(payload_type, name);
        match (kind, map.as_str()) {
            (Kind::Audio, "opus/48000/2") => Some(Codec::Opus),
            (Kind::Audio, "red/48000/2") => Some(Codec::Red),
            (Kind::Video, "vp8/90000") => Some(Codec::Vp8),
            // Only the main profile of these is what every receiver decodes.
            (Kind::Video, "vp9/90000") => {
                matches!(parameter("profile-id"), None | Some("0")).then_some(Codec::Vp9)
            }
            (Kind::Video, "av1/90000") => {
                matches!(parameter("profile"), None | Some("0")).then_some(Codec::Av1)
            }
            (Kind::Video, "h264/90000") => {
                let profile = parameter("profile-level-id").unwrap_or("420010");
                let profile = profile.get(..4).filter(|_| profile.len() == 6)?;
                Some(Codec::H264 {
                    profile: u16::from_str_radix(profile, 16).ok()?,
                    packetization_mode: match parameter("packetization-mode") {
                        None | Some("0") => 0,
                        Some("1") => 1,
                        Some(_) => return None,
                    },
                })
            }
            _ => None,
        }
    }
}

fn feedback_bit(text: &str) -> u8 {
    let known = Feedback::ALL.into_iter().find(|feedback| text.trim_end() == feedback.as_str());
    known.map_or(0, Feedback::bit)
}

fn formats(media: &MediaDescription, kind: Kind) -> Vec<OfferedFormat> {
    let types = Types::read(media);
    let listed = || {
        let parsed = media.media_name.formats.iter().filter_map(|format| format.parse::<u8>().ok());
        // 64 to 95 cannot be told from RTCP (RFC 5761 section 4).
        parsed.filter(|payload_type| *payload_type < 64 || (96..=127).contains(payload_type))
    };
    let repairs: Vec<(u8, u8)> = match kind {
        Kind::Video => listed().filter_map(|rtx| Some((types.repairs(rtx)?, rtx))).collect(),
        Kind::Audio | Kind::Other => Vec::new(),
    };
    let mut formats: Vec<OfferedFormat> = Vec::new();
    for payload_type in listed() {
        let Some(codec) = types.codec(kind, payload_type) else { continue };
        if formats.iter().any(|known| known.format.payload_type == payload_type) {
            continue;
        }
        let rtx =
            repairs.iter().find(|(repaired, _)| *repaired == payload_type).map(|(_, rtx)| *rtx);
        let fmtp = types.fmtp[usize::from(payload_type)]
            .filter(|fmtp| fmtp.len() <= MAX_FMTP)
            .map(str::to_owned);
        let feedback = types.feedback(payload_type);
        formats.push(OfferedFormat { format: Format { codec, payload_type, rtx }, fmtp, feedback });
    }
    // Redundancy is around the Opus of the same section or it is nothing.
    let opus = formats
        .iter()
        .find(|known| known.format.codec == Codec::Opus)
        .map(|known| known.format.payload_type);
    formats.retain(|known| {
        known.format.codec != Codec::Red
            || opus.is_some_and(|opus| {
                let around = known
                    .fmtp
                    .as_deref()
                    .and_then(|fmtp| fmtp.split('/').next()?.parse::<u8>().ok());
                around == Some(opus)
            })
    });
    formats
}

fn extensions(media: &MediaDescription) -> Vec<(u8, Extension)> {
    let mut extensions: Vec<(u8, Extension)> = Vec::new();
    for extmap in values(media, "extmap") {
        let mut words = extmap.split_ascii_whitespace();
        let (Some(id), Some(uri)) = (words.next(), words.next()) else { continue };
        // One-byte headers carry 1 to 14 (RFC 8285 section 4.2).
        let id = id
            .split('/')
            .next()
            .and_then(|id| id.parse::<u8>().ok())
            .filter(|id| (1..=14).contains(id));
        let known = Extension::ALL.into_iter().find(|extension| extension.uri() == uri);
        if let (Some(id), Some(known)) = (id, known)
            && !extensions.iter().any(|(other, extension)| *other == id || *extension == known)
        {
            extensions.push((id, known));
        }
    }
    extensions
}

/// The simulcast layers that the peer sends; `None` when they are not understood.
fn rids(media: &MediaDescription) -> Option<Vec<String>> {
    let Some(simulcast) = value(media, "simulcast") else { return Some(Vec::new()) };
    let mut words = simulcast.split_ascii_whitespace();
    let layers =
        std::iter::from_fn(|| Some((words.next()?, words.next()?))).find(|(way, _)| *way == "send");
    let Some((_, layers)) = layers else { return Some(Vec::new()) };
    let mut rids = Vec::new();
    for layer in layers.split(';') {
        // Of alternatives the first counts; `~` marks a layer that starts paused.
        let rid = layer.split(',').next().unwrap_or_default().trim_start_matches('~');
        let sound = !rid.is_empty()
            && rid.len() <= MAX_NAME
            && rid.bytes().all(|byte| byte.is_ascii_alphanumeric());
        if !sound || rids.len() == MAX_RIDS || rids.iter().any(|known| known == rid) {
            return None;
        }
        rids.push(rid.to_owned());
    }
    Some(rids)
}

fn ssrcs(media: &MediaDescription) -> Vec<(u32, Option<u32>)> {
    let groups: Vec<(u32, u32)> = values(media, "ssrc-group")
        .filter_map(|group| {
            let mut pair = group.strip_prefix("FID ")?.split_ascii_whitespace().map(str::parse);
            Some((pair.next()?.ok()?, pair.next()?.ok()?))
        })
        .take(MAX_SSRCS)
        .collect();
    let mut ssrcs: Vec<(u32, Option<u32>)> = Vec::new();
    for declared in values(media, "ssrc") {
        let Some(ssrc) =
            declared.split_ascii_whitespace().next().and_then(|ssrc| ssrc.parse().ok())
        else {
            continue;
        };
        let repairs = groups.iter().any(|(_, rtx)| *rtx == ssrc);
        if !repairs && ssrcs.len() < MAX_SSRCS && !ssrcs.iter().any(|(known, _)| *known == ssrc) {
            let rtx = groups.iter().find(|(media, _)| *media == ssrc).map(|(_, rtx)| *rtx);
            ssrcs.push((ssrc, rtx));
        }
    }
    ssrcs
}

fn value<'a>(media: &'a MediaDescription, key: &str) -> Option<&'a str> {
    media.attribute(key).flatten()
}

fn values<'a>(media: &'a MediaDescription, key: &'a str) -> impl Iterator<Item = &'a str> {
    media
        .attributes
        .iter()
        .filter(move |attribute| attribute.key == key)
        .filter_map(|attribute| attribute.value.as_deref())
}

/// A `token-char` of RFC 8866.
fn is_token(byte: u8) -> bool {
    byte.is_ascii_alphanumeric() || b"!#$%&'*+-.^_`{|}~".contains(&byte)
}
