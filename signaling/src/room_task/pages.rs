//! What a room hears from its pages, and tells them.

use axum::extract::ws::Utf8Bytes;
use palabre_ids::{Seat, UnixMillis};
use palabre_room::Input;
use palabre_wire::{
    Answer, ClosingReason, Command, CommandId, MediaAnswer, MediaOffer, RoomEvent, SeatView,
    ServerMessage,
};

use super::{Failure, RoomTask, Said};
use crate::media::{Negotiated, OfferError};
use crate::outbox::{End, encode};
use crate::seat::{ConnectionId, Line, Numbered};
use crate::seat_media::Answered;
use crate::view;

impl RoomTask {
    /// A page says something. What comes from a connection that was replaced is not heard.
    pub(super) async fn said(
        &mut self,
        seat: Seat,
        connection: ConnectionId,
        said: Said,
    ) -> Result<(), Failure> {
        if !self.is_current(seat, connection) {
            return Ok(());
        }
        match said {
            Said::Command { id, command } => self.command(seat, id, command).await?,
            Said::Offer(offer) => self.offer(seat, offer).await,
            Said::View(views) => self.views(seat, &views).await,
            Said::Tunnel { on } => self.tunnel(seat, on).await,
            Said::Recovered(recovered) => self.recovered(seat, recovered).await?,
            Said::Path(path) => self.carried_by(seat, path),
            Said::Estimate(estimate) => self.estimated(seat, estimate),
            Said::Leave => self.leave(seat).await?,
        }
        Ok(())
    }

    /// A page has what its hello was answered with.
    pub(super) fn has_come(&mut self, seat: Seat, connection: ConnectionId) {
        if self.is_current(seat, connection) {
            self.seats[seat.index()].has_come_back();
        }
    }

    /// A connection is gone.
    pub(super) async fn gone(&mut self, seat: Seat, connection: ConnectionId) {
        if self.is_current(seat, connection) {
            self.end_tunnel(seat).await;
            self.seats[seat.index()].lose(self.shared.clock.now());
        }
    }

    fn is_current(&self, seat: Seat, connection: ConnectionId) -> bool {
        self.seats.get(seat.index()).is_some_and(
            |seat| matches!(&seat.line, Line::Open { connection: open, .. } if *open == connection),
        )
    }

    #[tracing::instrument(skip_all, fields(name = command.name()))]
    async fn command(
        &mut self,
        seat: Seat,
        id: CommandId,
        command: Command,
    ) -> Result<(), Failure> {
        let answer = match self.seats[seat.index()].numbered(id) {
            Numbered::New => {
                let input = Input::Command { seat, command };
                let answer = match self.apply(input, Some(id.0)).await? {
                    Ok(()) => {
                        self.shared.metrics.commands_done.add();
                        Answer::Done
                    }
                    Err(refusal) => {
                        self.shared.metrics.commands_refused.add(&refusal);
                        Answer::Refused { code: refusal }
                    }
                };
                self.seats[seat.index()].answered(id, answer);
                answer
            }
            Numbered::Answered(answer) => {
                self.shared.metrics.commands_repeated.add();
                answer
            }
            Numbered::Absurd => {
                let detail = "a command's id is neither a waiting nor a new one's".to_owned();
                self.tell(seat, &ServerMessage::NotUnderstood { detail });
                return Ok(());
            }
        };
        self.tell(seat, &ServerMessage::Answer { id, answer });
        Ok(())
    }

    #[tracing::instrument(skip_all)]
    async fn offer(&mut self, seat: Seat, offer: MediaOffer) {
        let MediaOffer { generation, sdp } = offer;
        if !self.has_media {
            let detail = "the session is over".to_owned();
            self.tell(seat, &ServerMessage::MediaRefused { generation, detail });
            return;
        }
        if !self.seats[seat.index()].may_offer(self.shared.clock.now()) {
            self.shared.metrics.messages_too_fast.add();
            let detail = "too many offers in a short time".to_owned();
            self.tell(seat, &ServerMessage::MediaRefused { generation, detail });
            return;
        }
        let answered = self.media(|media, id| media.negotiate(id, seat, sdp)).await;
        let message = match answered {
            Some(Ok(Negotiated { session, beside, answer: sdp, next_ice })) => {
                let views = self.seats[seat.index()].views();
                self.media(|media, id| media.set_views(id, seat, views)).await;
                let answered = Answered { session, generation, next_ice: next_ice.clone() };
                if self.seats[seat.index()].media.answered(answered, beside) {
                    self.tell_tunnel_ended(seat);
                }
                ServerMessage::MediaAnswer(MediaAnswer { generation, sdp, next_ice })
            }
            Some(Err(OfferError::Refused(detail))) => {
                ServerMessage::MediaRefused { generation, detail }
            }
            Some(Err(OfferError::Unavailable)) | None => ServerMessage::MediaRefused {
                generation,
                detail: "the media plane cannot answer now: offer again later".to_owned(),
            },
        };
        self.tell(seat, &message);
    }

    async fn views(&mut self, seat: Seat, views: &[SeatView]) {
        let seats = self.seats.len();
        let views = self.seats[seat.index()].show(seats, views);
        if !self.has_media {
            return;
        }
        self.media(|media, id| media.set_views(id, seat, views)).await;
    }

    async fn leave(&mut self, seat: Seat) -> Result<(), Failure> {
        let state = &mut self.seats[seat.index()];
        state.forget_resume();
        state.forget_views();
        if let Line::Open { outbox, .. } = std::mem::take(&mut state.line) {
            outbox.end(End::Closing(ClosingReason::Left.into()));
        }
        let _ = self.apply(Input::Left { seat }, None).await?;
        self.close_seat(seat).await;
        Ok(())
    }

    /// Numbers an event, keeps it for those who come back, and tells everyone who is here.
    pub(super) fn tell_everyone(&mut self, at: UnixMillis, event: RoomEvent) {
        let event = self.history.number(at, event);
        let message = ServerMessage::Event(event.clone());
        let text = encode(&message);
        self.history.keep(event, text.len());
        self.shared.metrics.events.add();
        for seat in self.all_seats() {
            self.push(seat, text.clone());
        }
    }

    /// Tells somebody what they alone are shown.
    pub(super) fn tell_personal(&mut self, seat: Seat) {
        let open = self.seats.get(seat.index()).is_some_and(|seat| seat.line.is_open());
        if let Some(view) = self.room.personal(seat).filter(|_| open) {
            self.tell(seat, &ServerMessage::Personal(Box::new(view)));
        }
    }

    /// Sends new prompts to whoever was given another role.
    pub(super) fn show_new_roles(&mut self) {
        for seat in self.all_seats() {
            let Some(role) = self.room.person(seat).map(|person| person.role) else { continue };
            let Line::Open { language, shown_role, .. } = &mut self.seats[seat.index()].line else {
                continue;
            };
            if *shown_role != role {
                *shown_role = role;
                let phases = view::room(&self.room, role, *language).phases;
                self.tell(seat, &ServerMessage::Phases { phases });
            }
        }
    }

    pub(super) fn tell(&mut self, seat: Seat, message: &ServerMessage) {
        self.push(seat, encode(message));
    }

    /// Puts a message in line for a seat's page, if there is one. A page that does not read is let
    /// go: it comes back by resuming.
    pub(super) fn push(&mut self, seat: Seat, message: Utf8Bytes) {
        let state = &mut self.seats[seat.index()];
        let Line::Open { outbox, .. } = &state.line else { return };
        if outbox.push(message).is_err() {
            self.shared.metrics.too_slow.add();
            let now = self.shared.clock.now();
            if let Line::Open { outbox, .. } = std::mem::take(&mut state.line) {
                outbox.end(End::Closing(ClosingReason::TooSlow.into()));
            }
            state.lose(now);
        }
    }
}
