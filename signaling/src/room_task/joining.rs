//! How a page comes into its room: anew, back after a loss, or in another page's place.

use palabre_ids::{Role, Seat};
use palabre_room::Input;
use palabre_wire::{
    ClosingReason, MAX_MESSAGE_BYTES, MAX_SERVER_MESSAGE_BYTES, MediaPlan, Missed, Presence,
    Resume, ServerMessage, WIRE_VERSION, Welcome,
};

use super::{Failure, Join, RoomTask};
use crate::outbox::{End, encode};
use crate::seat::Line;
use crate::view;

impl RoomTask {
    #[tracing::instrument(skip_all, fields(resumes = join.resume.is_some()))]
    pub(super) async fn join(&mut self, join: Join) -> Result<(), Failure> {
        let Join { seat, connection, language, resume, outbox } = join;
        let Some(person) = self.room.person(seat) else {
            outbox.end(End::Closing(ClosingReason::BadToken.into()));
            return Ok(());
        };
        // Whoever said hello later is here already: this one only waited longer to come in.
        let here = &self.seats[seat.index()].line;
        if matches!(here, Line::Open { connection: here, .. } if *here > connection) {
            outbox.end(End::Closing(ClosingReason::TakenOver.into()));
            return Ok(());
        }
        // A place that cannot be given back (another life of the server, too long ago, taken
        // over) is no error: the page starts from the whole room.
        let resume = resume
            .filter(|resume| self.seats[seat.index()].resumes_with(&resume.token))
            .filter(|resume| self.history.since(resume.last_seq).is_some());
        let resumed = resume.is_some();

        // A tunnel is its connection's: another one asks again.
        self.end_tunnel(seat).await;
        match std::mem::take(&mut self.seats[seat.index()].line) {
            // The same page: it has given its old connection up.
            Line::Open { outbox, .. } if resumed => outbox.end(End::Silently),
            Line::Open { outbox, .. } => outbox.end(End::Closing(ClosingReason::TakenOver.into())),
            Line::None | Line::Lost { .. } => {}
        }
        // The line is still closed: what this causes reaches the page within its first message.
        let returns = matches!(person.presence, Presence::Here | Presence::Away { .. });
        // Nothing but a record that was erased refuses; the loop closes the room then.
        let _ = self.apply(Input::Connected { seat, resumed }, None).await?;
        self.entered = true;

        let role = self.room.person(seat).map_or(person.role, |person| person.role);
        if !resumed {
            self.seats[seat.index()].forget_views();
        }
        let (message, shown_role) = match resume {
            Some(resume) => match self.resumed(seat, resume).await {
                Some(message) => (message, None),
                None => (self.welcome(seat, role, language), Some(role)),
            },
            None => (self.welcome(seat, role, language), Some(role)),
        };
        let counters = &self.shared.metrics;
        if shown_role.is_some() {
            counters.welcomes.add();
            if returns {
                counters.new_sessions.add();
            }
        } else {
            counters.resumes.add();
        }

        if shown_role.is_some() && self.has_media {
            // A page that starts anew makes new media: those of the page before it end with it.
            self.close_seat(seat).await;
        }

        let state = &mut self.seats[seat.index()];
        // A page that resumed may show the prompts of a role it had: any role but its own has
        // them sent again.
        let shown_role = shown_role
            .unwrap_or_else(|| Role::ALL.into_iter().find(|other| *other != role).unwrap_or(role));
        state.open(Line::Open { connection, outbox, language, shown_role });
        self.push(seat, message);
        self.tell_personal(seat);
        self.show_new_roles();
        self.tell(seat, &self.speaking_near(seat));
        Ok(())
    }

    /// What a page missed; `None` when it is too much for a message.
    async fn resumed(
        &mut self,
        seat: Seat,
        resume: Resume,
    ) -> Option<axum::extract::ws::Utf8Bytes> {
        let events = self.history.since(resume.last_seq)?;
        let media_alive = self.media_alive(seat).await;
        let next_ice = self.seats[seat.index()].media.next_ice().filter(|_| media_alive).cloned();
        let state = &mut self.seats[seat.index()];
        let missed = Missed {
            resume_token: state.resumed_with(&resume.token),
            now: self.shared.clock.now(),
            last_command: state.last_command(),
            media_alive,
            next_ice,
            events,
        };
        let text = serde_json::to_string(&ServerMessage::Resumed(missed)).ok()?;
        (text.len() <= MAX_MESSAGE_BYTES).then(|| text.into())
    }

    fn welcome(
        &mut self,
        seat: Seat,
        role: Role,
        language: palabre_ids::Language,
    ) -> axum::extract::ws::Utf8Bytes {
        let slots = self.all_seats().filter(|slot| *slot != seat).collect();
        let now = self.shared.clock.now();
        let turn = self.shared.turn.as_ref();
        let ice_servers =
            turn.map(|turn| turn.for_a_page(now, rand::random())).into_iter().collect();
        let state = &mut self.seats[seat.index()];
        let mut welcome = Welcome {
            version: WIRE_VERSION,
            seat,
            resume_token: state.renew_resume(),
            seq: self.history.last(),
            now,
            last_command: state.last_command(),
            media: MediaPlan { slots, ice_servers },
            telephone: self.about.telephone.as_ref().map(|line| line.as_str().to_owned()),
            room: view::room(&self.room, role, language),
        };
        // The chat is the one part without a small bound: its oldest lines go first.
        let mut spare = MAX_SERVER_MESSAGE_BYTES.saturating_sub(size_without_chat(&mut welcome));
        let fitting = welcome.room.chat.iter().rev().take_while(|line| {
            let bytes = serde_json::to_string(line).map_or(usize::MAX, |text| text.len() + 1);
            spare.checked_sub(bytes).inspect(|left| spare = *left).is_some()
        });
        let skip = welcome.room.chat.len() - fitting.count();
        welcome.room.chat.drain(..skip);
        encode(&ServerMessage::Welcome(Box::new(welcome)))
    }
}

fn size_without_chat(welcome: &mut Welcome) -> usize {
    let chat = std::mem::take(&mut welcome.room.chat);
    let message = ServerMessage::Welcome(Box::new(welcome.clone()));
    welcome.room.chat = chat;
    serde_json::to_string(&message).map_or(MAX_SERVER_MESSAGE_BYTES, |text| text.len())
}
