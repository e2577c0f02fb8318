//! Joins signaling's seam to the SFU: commands one way, coarse events the other.

use std::time::{Duration, Instant};

use palabre_ids::{Epoch, GateEntry, MediaSession, OpenedTunnel, RoomId, Seat};
use palabre_sfu::{NegotiateError, SfuHandle, Stopped};
use palabre_sfu_core::engine::tunnel::Voice;
use palabre_sfu_core::{GateTable, MediaEvent, ViewSize};
use palabre_signaling::{
    Ear, MEDIA_PATIENCE, MediaFuture, MediaNotice, MediaPlane, MediaStopped, Negotiated,
    OfferError, Service,
};
use palabre_wire::{SeatView, frame};
use tokio::sync::mpsc;
use tokio::time::{sleep, timeout};

/// How often the media threads are asked whether they live: a room that changes nothing would not
/// notice the end of its own. Shorter interrupts them more often.
const LOOK_EVERY: Duration = Duration::from_secs(2);

/// The SFU as signaling's media plane.
pub(crate) struct SfuPlane(pub(crate) SfuHandle);

impl MediaPlane for SfuPlane {
    fn open_room<'a>(&'a self, room: &'a RoomId, seats: u8) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.open_room(room, seats).await, ()) })
    }

    fn close_room<'a>(&'a self, room: &'a RoomId) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.close_room(room).await, ()) })
    }

    fn leave_room<'a>(&'a self, room: &'a RoomId, until: Instant) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.leave_room(room, until).await, ()) })
    }

    fn negotiate<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        offer: String,
    ) -> MediaFuture<'a, Result<Negotiated, OfferError>> {
        Box::pin(async move {
            match self.0.negotiate(room, seat, offer).await {
                Ok(negotiated) => Ok(Negotiated {
                    session: negotiated.session,
                    beside: negotiated.beside,
                    answer: negotiated.answer,
                    next_ice: Some(credentials(negotiated.next_ice)),
                }),
                Err(error @ (NegotiateError::Refused(_) | NegotiateError::Unreadable)) => {
                    Err(OfferError::Refused(error.to_string()))
                }
                Err(NegotiateError::Stopped(Stopped)) => Err(OfferError::Unavailable),
            }
        })
    }

    fn set_gate<'a>(
        &'a self,
        room: &'a RoomId,
        epoch: Epoch,
        entries: Vec<GateEntry>,
    ) -> MediaFuture<'a, Result<(), MediaStopped>> {
        let table = GateTable { epoch, entries };
        Box::pin(async move {
            #[cfg(feature = "planted")]
            let set = crate::planted::set_gate(&self.0, room, table).await;
            #[cfg(not(feature = "planted"))]
            let set = self.0.set_gate(room, table).await;
            set.map_err(|Stopped| MediaStopped)
        })
    }

    fn set_views<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        views: Vec<SeatView>,
    ) -> MediaFuture<'a, ()> {
        let views = views.into_iter().map(|view| (view.seat, size(view.size))).collect();
        Box::pin(async move { ended_or(self.0.set_views(room, seat, views).await, ()) })
    }

    fn set_screen<'a>(&'a self, room: &'a RoomId, seat: Option<Seat>) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.set_screen(room, seat).await, ()) })
    }

    fn close_seat<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.close_seat(room, seat).await, ()) })
    }

    fn open_tunnel<'a>(
        &'a self,
        room: &'a RoomId,
        seat: Seat,
        ear: Ear,
    ) -> MediaFuture<'a, Option<OpenedTunnel>> {
        let ear = Box::new(move |speaker, voice: Voice| {
            let Voice { sequence, timestamp, opus } = voice;
            ear.hear(&frame::Heard { seat: speaker, sequence, timestamp, opus: &opus });
        });
        Box::pin(async move { ended_or(self.0.open_tunnel(room, seat, ear).await, None) })
    }

    fn close_tunnel<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, ()> {
        Box::pin(async move { ended_or(self.0.close_tunnel(room, seat).await, ()) })
    }

    fn say(&self, room: &RoomId, by: (Seat, MediaSession), voice: &frame::Voice<'_>) {
        let frame::Voice { level, sequence, timestamp, opus } = *voice;
        self.0.say(room, by, Voice { sequence, timestamp, opus: opus.to_vec() }, level);
    }

    fn silence<'a>(&'a self, room: &'a RoomId, seat: Seat) -> MediaFuture<'a, Option<Duration>> {
        Box::pin(async move { ended_or(self.0.silence(room, seat).await, None) })
    }
}

/// A media thread that has stopped forwards nothing: no session of its rooms is left. That the server
/// ends over it is the business of [`ended`] and of the rooms' gates.
fn ended_or<T>(answer: Result<T, Stopped>, otherwise: T) -> T {
    answer.unwrap_or_else(|Stopped| {
        tracing::error!("the media plane has stopped");
        otherwise
    })
}

fn credentials(ice: palabre_sfu_core::session::IceCredentials) -> palabre_wire::IceCredentials {
    palabre_wire::IceCredentials { ufrag: ice.ufrag, password: ice.password }
}

fn size(size: palabre_wire::ViewSize) -> ViewSize {
    match size {
        palabre_wire::ViewSize::Hidden => ViewSize::Hidden,
        palabre_wire::ViewSize::Thumbnail => ViewSize::Thumbnail,
        palabre_wire::ViewSize::Medium => ViewSize::Medium,
        palabre_wire::ViewSize::Large => ViewSize::Large,
    }
}

/// Hands what the SFU notices on to signaling, until the SFU ends.
pub(crate) async fn forward(mut events: mpsc::Receiver<MediaEvent>, service: Service) {
    while let Some(event) = events.recv().await {
        let notice = match event {
            MediaEvent::PeerUp { room, seat, session, tunnel } => {
                MediaNotice::Up { room, seat, session, tunnel }
            }
            MediaEvent::PeerLost { room, seat, session } => {
                MediaNotice::Lost { room, seat, session }
            }
            MediaEvent::NextIce { room, seat, session, credentials: next } => {
                MediaNotice::NextIce { room, seat, session, next: credentials(next) }
            }
            MediaEvent::Speaking { room, seats } => MediaNotice::Speaking { room, seats },
            MediaEvent::Blocked { room, seat } => MediaNotice::Blocked { room, seat },
        };
        service.media_notice(notice);
    }
}

/// Resolves when a media thread has ended or is stuck: its rooms are mute, and no gate of theirs can
/// be closed any more.
pub(crate) async fn ended(plane: &SfuPlane) {
    while let Ok(Ok(_)) = timeout(MEDIA_PATIENCE, plane.0.stats()).await {
        sleep(LOOK_EVERY).await;
    }
    tracing::error!("a media thread has ended, or is stuck");
}
