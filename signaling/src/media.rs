//! The seam to the media plane. Signaling knows no more of media than this.

use std::future::Future;
use std::pin::Pin;
use std::time::{Duration, Instant};

use palabre_ids::{Epoch, GateEntry, MediaSession, Millis, OpenedTunnel, RoomId, Seat};
use palabre_wire::{IceCredentials, SeatView, frame};

use crate::tunnel::Ear;

/// What a media plane's call gives, once it is in force.
pub type MediaFuture<'a, T> = Pin<Box<dyn Future<Output = T> + Send + 'a>>;

/// The longest the media plane may take for anything. A shard answers within a millisecond; beyond
/// this it is stuck, and what a room tells its pages would not be what is forwarded.
pub const MEDIA_PATIENCE: Duration = Duration::from_secs(5);

/// Media of a room that another process takes over go on for so long, by the gate that was in force last:
/// its pages have until then to make theirs to the other one, which takes in nothing that could change that
/// gate for as long. Shorter cuts off pages on slow networks, which need some five round trips; longer holds
/// up whoever commands something just then.
pub const PARTING: Millis = Millis(1_500);

/// Why an offer has no answer.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum OfferError {
    /// The offer is not laid out as it must be; the words are for the page's developer.
    Refused(String),
    /// The media plane cannot answer now.
    Unavailable,
}

/// What an offer led to.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Negotiated {
    /// Which session it is about: another one than before, unless the offer asked for a new path alone.
    pub session: MediaSession,
    /// The session that is up and goes on beside it until it is up itself.
    pub beside: Option<MediaSession>,
    /// The SDP answer.
    pub answer: String,
    /// The credentials of the session's next path, good from now on; `None` from a plane that issues
    /// none ahead.
    pub next_ice: Option<IceCredentials>,
}

/// The media plane has stopped: nothing that it is told takes effect any more.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct MediaStopped;

/// What forwards media. Every call takes effect before its future resolves.
pub trait MediaPlane: Send + Sync {
    /// Opens a room, with every gate closed. Opening it again changes nothing.
    fn open_room<'a>(&'a self, room: &'a RoomId, seats: u8) -> MediaFuture<'a, ()>;

    /// Closes a room and all its sessions.
    fn close_room<'a>(&'a self, room: &'a RoomId) -> MediaFuture<'a, ()>;

    /// Closes a room to whoever asks for it; the sessions that it has go on until `until`, by the gate
    /// that is in force. Opened again, it begins anew.
    fn leave_room<'a>(&'a self, room: &'a RoomId, until: Instant) -> MediaFuture<'a, ()>;

    /// Answers a seat's offer.
    fn negotiate<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        offer: String,
    ) -> MediaFuture<'a, Result<Negotiated, OfferError>>;

    /// Replaces the table of who may send what to whom; an older epoch than was seen is ignored. Nobody is
    /// told of a floor before the plane has taken it.
    fn set_gate<'a>(
        &'a self,
        room: &'a RoomId,
        epoch: Epoch,
        table: Vec<GateEntry>,
    ) -> MediaFuture<'a, Result<(), MediaStopped>>;

    /// How large `seat` shows the others; those not named stay as they were.
    fn set_views<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        views: Vec<SeatView>,
    ) -> MediaFuture<'a, ()>;

    /// Whose screen feeds everybody's screen slot.
    fn set_screen<'a>(&'a self, room: &'a RoomId, seat: Option<Seat>) -> MediaFuture<'a, ()>;

    /// Ends a seat's session.
    fn close_seat<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()>;

    /// Opens a seat's tunnel in place of its session, one that is being set up excepted, or says that it
    /// cannot. `ear` takes what it brings;
    /// nothing that a gate takes back comes there once [`MediaPlane::set_gate`] has said so.
    fn open_tunnel<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        ear: Ear,
    ) -> MediaFuture<'a, Option<OpenedTunnel>>;

    /// Ends a seat's tunnel.
    fn close_tunnel<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()>;

    /// What a seat says through a tunnel. Nobody waits for it, and where that is not open it is nothing.
    fn say(&self, room: &RoomId, by: (Seat, MediaSession), voice: &frame::Voice<'_>);

    /// How long nothing came by a seat's session; none without one that is not lost.
    fn silence<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, Option<Duration>>;
}

/// What the media plane noticed.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum MediaNotice {
    /// A seat's media can flow.
    Up {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of its sessions.
        session: MediaSession,
        /// The tunnel that it ended, if it did.
        tunnel: Option<MediaSession>,
    },
    /// A seat's session is lost: nothing authentic came from it for too long.
    Lost {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of its sessions.
        session: MediaSession,
    },
    /// The set of seats with voice changed.
    Speaking {
        /// The room.
        room: RoomId,
        /// Who, ascending.
        seats: Vec<Seat>,
    },
    /// The credentials held out for a seat's next path were used: that path is the present one now.
    NextIce {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
        /// Which of its sessions.
        session: MediaSession,
        /// Those of the path after it.
        next: IceCredentials,
    },
    /// A seat sends voice while its microphone is closed in the gate. Its page says what is voice:
    /// this is a hint, and comes at most once in some seconds for each seat.
    Blocked {
        /// Its room.
        room: RoomId,
        /// Its seat.
        seat: Seat,
    },
}

impl MediaNotice {
    /// Which room it concerns.
    #[must_use]
    pub fn room(&self) -> &RoomId {
        match self {
            Self::Up { room, .. }
            | Self::Lost { room, .. }
            | Self::Speaking { room, .. }
            | Self::NextIce { room, .. }
            | Self::Blocked { room, .. } => room,
        }
    }
}
