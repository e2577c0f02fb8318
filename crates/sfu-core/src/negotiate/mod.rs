//! From an offer to an agreement and its answer: the only place that reads or writes SDP.
//!
//! What a section is for follows from its direction and its place among its kind: the first audio
//! section that the peer sends in is its microphone, the first two video ones are its camera and
//! its screen; those it receives in stand for the other seats in order, and one video section
//! more for the shared screen. What goes beyond that, or speaks something else, is refused
//! section by section; an offer of fewer sections is whole.
//!
//! To read an offer takes longer than anything that a shard does, and needs nothing of it:
//! [`Offer::parse`] is for whoever brings the offer.

mod answer;
mod offer;

use std::net::SocketAddr;

use palabre_ids::{MediaKind, Seat};

use crate::session::{ExtensionIds, Fingerprint, Format, IceCredentials, Session, Slot, Uplink};
pub use offer::Offer;
use offer::{Direction, Extension, Kind, Section};

/// Why an offer is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{section}: {reason}")]
pub struct OfferError {
    /// Which part of the offer: `session`, or `section 2 (mid 2)`.
    pub section: String,
    /// What is wrong with it, for a developer.
    pub reason: String,
}

impl OfferError {
    fn session(reason: impl Into<String>) -> Self {
        Self { section: "session".to_owned(), reason: reason.into() }
    }

    fn section(at: usize, mid: &str, reason: &str) -> Self {
        Self { section: format!("section {at} (mid {mid})"), reason: reason.to_owned() }
    }
}

/// What our side brings to an answer.
pub struct AnswerParams<'a> {
    /// Our credentials for this peer.
    pub local_ice: &'a IceCredentials,
    /// The certificate we show.
    pub fingerprint: Fingerprint,
    /// Where we can be reached by UDP, best first.
    pub candidates: &'a [SocketAddr],
    /// Where we wait for TCP connections (RFC 6544), best first.
    pub tcp_candidates: &'a [SocketAddr],
    /// The room's other seats, ascending: whom the receiving sections stand for, in their order.
    pub slots: &'a [Seat],
    /// Gives SSRCs that are free in the room.
    pub ssrcs: &'a mut dyn FnMut() -> u32,
}

/// The name under which a slot's media are declared, and their RTCP CNAME: one a seat, so that
/// its sound and its picture are kept together.
#[must_use]
pub fn stream_name(seat: Option<Seat>) -> String {
    match seat {
        Some(seat) => format!("palabre-seat{seat}"),
        None => "palabre-screen".to_owned(),
    }
}

/// Whether `offer` goes on with the standing session (an ICE restart), or wants a new one: a
/// session is as old as its peer's certificate.
#[must_use]
pub fn same_session(offer: &Offer, standing: &Session) -> bool {
    offer.fingerprint == standing.fingerprint
}

/// Answers the first offer of a session.
///
/// # Errors
/// [`OfferError`] names the section and what is wrong with it.
pub fn answer(mut offer: Offer, params: AnswerParams<'_>) -> Result<(Session, String), OfferError> {
    let session = agree(&mut offer, &params, None)?;
    let session = number(session, params.ssrcs);
    let text = answer::write(&offer.sections, &session, &params);
    Ok((session, text))
}

/// Answers an offer that restarts ICE in the standing session: same sections, same SSRCs, new
/// credentials.
///
/// # Errors
/// [`OfferError`], also when the offer is laid out differently from the standing session.
pub fn answer_restart(
    mut offer: Offer,
    standing: &Session,
    params: AnswerParams<'_>,
) -> Result<(Session, String), OfferError> {
    let mut session = agree(&mut offer, &params, Some(standing))?;
    let same_slots = session.slots.len() == standing.slots.len()
        && session
            .slots
            .iter()
            .zip(&standing.slots)
            .all(|(new, old)| (&new.mid, new.seat, new.kind) == (&old.mid, old.seat, old.kind));
    let same_uplinks = session
        .uplinks
        .iter()
        .map(|uplink| (&uplink.mid, uplink.kind))
        .eq(standing.uplinks.iter().map(|uplink| (&uplink.mid, uplink.kind)));
    if !same_slots || !same_uplinks || session.extensions != standing.extensions {
        return Err(OfferError::session("a restart must keep the sections of the offer before"));
    }
    for (new, old) in session.slots.iter_mut().zip(&standing.slots) {
        (new.ssrc, new.rtx_ssrc) = (old.ssrc, old.rtx_ssrc);
    }
    let text = answer::write(&offer.sections, &session, &params);
    Ok((session, text))
}

/// Gives each slot its SSRCs.
fn number(mut session: Session, ssrcs: &mut dyn FnMut() -> u32) -> Session {
    for slot in &mut session.slots {
        slot.ssrc = ssrcs();
        if slot.kind != MediaKind::Audio {
            slot.rtx_ssrc = Some(ssrcs());
        }
    }
    session
}

/// What each section is for; sections that are for nothing become refused ones.
fn agree(
    offer: &mut Offer,
    params: &AnswerParams<'_>,
    standing: Option<&Session>,
) -> Result<Session, OfferError> {
    if standing.is_some_and(|standing| standing.fingerprint != offer.fingerprint) {
        return Err(OfferError::session("another certificate is another session"));
    }
    let mut sending = Sending::default();
    let mut receiving = Receiving { seats: params.slots, audio: 0, video: 0 };
    let mut session = Session {
        remote_ice: offer.ice.clone(),
        local_ice: params.local_ice.clone(),
        fingerprint: offer.fingerprint,
        extensions: extensions(&offer.sections)?,
        uplinks: Vec::new(),
        slots: Vec::new(),
    };
    for section in &mut offer.sections {
        let formats = || section.formats.iter().map(|known| known.format).collect::<Vec<Format>>();
        let used = match (section.kind, section.direction) {
            (Kind::Other, _) | (_, Direction::Inactive) => continue,
            (_, Direction::Receive) => sending.next(section.kind).map(|kind| {
                session.uplinks.push(Uplink {
                    kind,
                    mid: section.mid.clone(),
                    formats: formats(),
                    rids: section.rids.clone(),
                    ssrcs: section.ssrcs.clone(),
                });
            }),
            (_, Direction::Send) => receiving.next(section.kind).map(|(seat, kind)| {
                session.slots.push(Slot {
                    seat,
                    kind,
                    mid: section.mid.clone(),
                    ssrc: 0,
                    rtx_ssrc: None,
                    formats: formats(),
                });
            }),
        };
        if used.is_none() {
            section.kind = Kind::Other;
        }
    }
    Ok(session)
}

/// What the peer's sending sections are for.
#[derive(Default)]
struct Sending {
    audio: usize,
    video: usize,
}

impl Sending {
    fn next(&mut self, kind: Kind) -> Option<MediaKind> {
        let (count, kinds): (_, &[MediaKind]) = match kind {
            Kind::Audio => (&mut self.audio, &[MediaKind::Audio]),
            Kind::Video => (&mut self.video, &[MediaKind::Video, MediaKind::Screen]),
            Kind::Other => return None,
        };
        *count += 1;
        kinds.get(*count - 1).copied()
    }
}

/// What the peer's receiving sections are for.
struct Receiving<'a> {
    seats: &'a [Seat],
    audio: usize,
    video: usize,
}

impl Receiving<'_> {
    fn next(&mut self, kind: Kind) -> Option<(Option<Seat>, MediaKind)> {
        match kind {
            Kind::Audio => {
                self.audio += 1;
                self.seats.get(self.audio - 1).map(|seat| (Some(*seat), MediaKind::Audio))
            }
            Kind::Video => {
                self.video += 1;
                match self.seats.get(self.video - 1) {
                    Some(seat) => Some((Some(*seat), MediaKind::Video)),
                    None if self.video == self.seats.len() + 1 => Some((None, MediaKind::Screen)),
                    None => None,
                }
            }
            Kind::Other => None,
        }
    }
}

/// One numbering for all bundled sections (RFC 8843 section 9.2 demands it of the peer).
fn extensions(sections: &[Section]) -> Result<ExtensionIds, OfferError> {
    let mut ids = ExtensionIds::default();
    let mut meanings: [Option<Extension>; 15] = [None; 15];
    for (at, section) in
        sections.iter().enumerate().filter(|(_, section)| section.kind != Kind::Other)
    {
        for (id, extension) in &section.extensions {
            let place = match extension {
                Extension::AudioLevel => &mut ids.audio_level,
                Extension::Mid => &mut ids.mid,
                Extension::Rid => &mut ids.rid,
                Extension::RepairedRid => &mut ids.repaired_rid,
                Extension::TransportCc => &mut ids.transport_cc,
            };
            let meaning = meanings
                .get_mut(usize::from(*id))
                .map(|meaning| *meaning.get_or_insert(*extension));
            if *place.get_or_insert(*id) != *id || meaning != Some(*extension) {
                return Err(OfferError::section(
                    at,
                    &section.mid,
                    "it numbers header extensions differently",
                ));
            }
        }
    }
    Ok(ids)
}
