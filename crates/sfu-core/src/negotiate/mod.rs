//! From an offer to an agreement and its answer: the only place that reads or writes SDP.

use std::net::SocketAddr;

use palabre_ids::Seat;

use crate::session::{Fingerprint, IceCredentials, Session};

/// Why an offer is not answered.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{section}: {reason}")]
pub struct OfferError {
    /// Which part of the offer: `session`, or `section 2 (mid 2)`.
    pub section: String,
    /// What is wrong with it, for a developer.
    pub reason: String,
}

/// What our side brings to an answer.
pub struct AnswerParams<'a> {
    /// Our credentials for this peer.
    pub local_ice: &'a IceCredentials,
    /// The certificate we show.
    pub fingerprint: Fingerprint,
    /// Where we can be reached, best first.
    pub candidates: &'a [SocketAddr],
    /// The room's other seats, ascending: whom the receiving sections stand for, in their order.
    pub slots: &'a [Seat],
    /// Gives SSRCs that are free in the room.
    pub ssrcs: &'a mut dyn FnMut() -> u32,
}

/// Whether `offer` goes on with the standing session (an ICE restart), or wants a new one: a
/// session is as old as its peer's certificate.
#[must_use]
pub fn same_session(offer: &str, standing: &Session) -> bool {
    let _ = (offer, standing);
    false
}

/// Answers the first offer of a session.
///
/// # Errors
/// [`OfferError`] names the section and what is wrong with it.
pub fn answer(offer: &str, params: AnswerParams<'_>) -> Result<(Session, String), OfferError> {
    let _ = (offer, params);
    Err(OfferError { section: "session".to_owned(), reason: "not read".to_owned() })
}

/// Answers an offer that restarts ICE in the standing session: same sections, same SSRCs, new
/// credentials.
///
/// # Errors
/// [`OfferError`], also when the offer is laid out differently from the standing session.
pub fn answer_restart(
    offer: &str,
    standing: &Session,
    params: AnswerParams<'_>,
) -> Result<(Session, String), OfferError> {
    let _ = standing;
    answer(offer, params)
}
