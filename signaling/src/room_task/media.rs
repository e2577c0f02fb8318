//! What a room tells its media plane, and hears from it.

use std::time::Duration;

use axum::body::Bytes;
use palabre_ids::{Group, MediaRights, Millis, RoomId, Seat, UnixMillis};
use palabre_room::{GateChange, Input};
use palabre_wire::{IceCredentials, NextIce, PathReport, Recovered, ServerMessage, Stage, frame};
use tokio::time::{Instant, timeout};

use super::{Failure, RoomTask};
use crate::media::{MEDIA_PATIENCE, MediaFuture, MediaPlane, MediaStopped};
use crate::news::{Milestone, News};
use crate::seat::Line;
use crate::voices;

/// What a page says of its own losses is believed up to here: a sum must not drown in one lie.
const LONGEST_GAP: Millis = Millis::from_secs(3_600);

impl RoomTask {
    /// Opens the room in the plane, with what holds now.
    pub(super) async fn open_media(&mut self) -> Result<(), Failure> {
        let seats = u8::try_from(self.seats.len()).expect("a room has at most MAX_SEATS seats");
        self.media(|media, id| media.open_room(id, seats)).await.ok_or(Failure::Media)?;
        self.has_media = true;
        let gate = self.room.gate_table();
        self.set_gate(gate, Instant::now()).await?;
        let screen = self.room.state().screen;
        self.media(|media, id| media.set_screen(id, screen)).await;
        Ok(())
    }

    /// A session that begins is counted from nothing; one that is over has no media.
    pub(super) async fn stage_changed(&mut self, before: Stage) {
        let stage = self.room.phase().stage;
        match (before, stage) {
            (Stage::Lobby, Stage::Running { .. }) => self.news(Milestone::Started),
            (Stage::Running { .. }, Stage::Ended) => self.news(Milestone::Ended),
            _ => {}
        }
        match (before, stage) {
            (Stage::Lobby, Stage::Running { .. }) => self.voices.restart(self.shared.clock.now()),
            (_, Stage::Ended) if std::mem::take(&mut self.has_media) => {
                self.heard(Vec::new());
                self.tunnels.fill(false);
                // What was said in passing is forgotten with the session: whoever missed its end is
                // shown what is left.
                self.history.forget();
                self.media(|media, id| media.close_room(id)).await;
            }
            _ => {}
        }
    }

    fn news(&self, what: Milestone) {
        if let Some(news) = &self.shared.news {
            let seats = u8::try_from(self.seats.len()).expect("a room has at most MAX_SEATS seats");
            let template = self.room.template().id.clone();
            let at = self.shared.clock.now();
            // Whoever took them may have ended before us.
            let _ = news.send(News { what, room: self.id.clone(), template, seats, at });
        }
    }

    /// Puts a gate in force. Without the plane's word for it nobody may be told of the floor behind
    /// it: the server stops, and with it everything that is forwarded.
    #[tracing::instrument(skip_all)]
    pub(super) async fn set_gate(
        &mut self,
        gate: GateChange,
        decided: Instant,
    ) -> Result<(), Failure> {
        if !self.has_media {
            return Ok(());
        }
        let mut groups = vec![Group::PLENARY; self.seats.len()];
        let mut rights = vec![MediaRights::NONE; self.seats.len()];
        for entry in &gate.table {
            let at = entry.seat.index();
            if let (Some(group), Some(right)) = (groups.get_mut(at), rights.get_mut(at)) {
                (*group, *right) = (entry.group, entry.rights);
            }
        }
        match self.media(|media, id| media.set_gate(id, gate.epoch, gate.table)).await {
            Some(Ok(())) => {
                let before = std::mem::replace(&mut self.rights, rights);
                self.note_change_of_rights(&before, decided);
                if std::mem::replace(&mut self.groups, groups) != self.groups {
                    self.tell_who_speaks();
                }
                Ok(())
            }
            Some(Err(MediaStopped)) | None => Err(Failure::Media),
        }
    }

    /// Notes how long a change of rights took to be in force. One change may give and take.
    fn note_change_of_rights(&self, before: &[MediaRights], decided: Instant) {
        let gains = |from: &MediaRights, to: &MediaRights| {
            (to.audio && !from.audio) || (to.video && !from.video) || (to.screen && !from.screen)
        };
        let mut pairs = before.iter().zip(&self.rights);
        if pairs.clone().any(|(before, now)| gains(before, now)) {
            self.shared.metrics.grants.add(decided.elapsed());
        }
        if pairs.any(|(before, now)| gains(now, before)) {
            self.shared.metrics.revokes.add(decided.elapsed());
        }
    }

    pub(super) async fn media<T>(
        &self,
        call: impl for<'a> FnOnce(&'a dyn MediaPlane, &'a RoomId) -> MediaFuture<'a, T>,
    ) -> Option<T> {
        let call = call(self.shared.media.as_ref(), &self.id);
        match timeout(MEDIA_PATIENCE, call).await {
            Ok(done) => Some(done),
            Err(_) => {
                self.shared.metrics.media_timeouts.add();
                tracing::error!("the media plane did not answer in time");
                None
            }
        }
    }

    pub(super) async fn media_alive(&self, seat: Seat) -> bool {
        self.has_media && self.media(|media, id| media.has_session(id, seat)).await.unwrap_or(false)
    }

    /// The media plane lost a seat's session.
    pub(super) async fn media_lost(&mut self, seat: Seat) {
        // It may have been replaced since: the plane has the last word.
        if !self.has_media || seat.index() >= self.seats.len() || self.media_alive(seat).await {
            return;
        }
        self.seats[seat.index()].media_lost(self.shared.clock.now());
        self.tell(seat, &ServerMessage::MediaLost);
    }

    /// A page used the credentials for its next path: it is told those after them now, or as it
    /// resumes.
    pub(super) fn path_changed(&mut self, seat: Seat, next: IceCredentials) {
        let Some(known) = self.next_ice.get_mut(seat.index()) else { return };
        let generation = known.as_ref().and_then(|known| known.generation);
        let IceCredentials { ufrag, password } = next;
        let next = NextIce { generation, ufrag, password };
        *known = Some(next.clone());
        self.tell(seat, &ServerMessage::NextIce(next));
    }

    /// Notes which credentials an answer held out for the path after its own.
    pub(super) fn note_next_ice(
        &mut self,
        seat: Seat,
        generation: u32,
        next: Option<&IceCredentials>,
    ) {
        if let Some(known) = self.next_ice.get_mut(seat.index()) {
            *known = next.cloned().map(|IceCredentials { ufrag, password }| NextIce {
                generation: Some(generation),
                ufrag,
                password,
            });
        }
    }

    /// The credentials for the next path of a seat's session.
    pub(super) fn next_ice(&self, seat: Seat) -> Option<IceCredentials> {
        let NextIce { ufrag, password, .. } = self.next_ice.get(seat.index())?.clone()?;
        Some(IceCredentials { ufrag, password })
    }

    /// A page came back from a loss, by its own word. What is beyond its measure counts for nothing.
    pub(super) async fn recovered(
        &mut self,
        seat: Seat,
        recovered: Recovered,
    ) -> Result<(), Failure> {
        if !self.seats[seat.index()].may_report(self.shared.clock.now()) {
            self.shared.metrics.messages_too_fast.add();
            return Ok(());
        }
        let Recovered { rung, cause, took, gap } = recovered;
        let time = |length: Millis| Duration::from_millis(length.0.min(LONGEST_GAP.0));
        self.shared.metrics.reconnects.add(&rung, time(took));
        self.shared.metrics.media_gaps.add(&cause, time(gap));
        // A seat that left meanwhile refuses.
        let _ = self.apply(Input::Recovered { seat, rung, cause, gap }, None).await?;
        Ok(())
    }

    /// A page's media travel another way, by its own word.
    pub(super) fn carried_by(&mut self, seat: Seat, path: PathReport) {
        if self.seats[seat.index()].may_report(self.shared.clock.now()) {
            self.shared.metrics.carriers.add(&path.rung);
        } else {
            self.shared.metrics.messages_too_fast.add();
        }
    }

    /// A page asks for the tunnel, or gives it up.
    pub(super) async fn tunnel(&mut self, seat: Seat, on: bool) {
        if !on {
            self.end_tunnel(seat).await;
            return self.tell(seat, &ServerMessage::Tunnel { on: false, detail: None });
        }
        let opened = self.has_media
            && self.media(|media, id| media.open_tunnel(id, seat)).await.unwrap_or(false);
        if let Some(tunnel) = self.tunnels.get_mut(seat.index()) {
            *tunnel = opened;
        }
        let detail = (!opened).then(|| "the room has no media now".to_owned());
        self.tell(seat, &ServerMessage::Tunnel { on: opened, detail });
    }

    /// A seat has no tunnel any more.
    pub(super) async fn end_tunnel(&mut self, seat: Seat) {
        if self.tunnels.get_mut(seat.index()).is_some_and(std::mem::take) {
            self.media(|media, id| media.close_tunnel(id, seat)).await;
        }
    }

    /// What a page says through its tunnel; what still comes of one that has ended is nothing.
    pub(super) fn say(&self, seat: Seat, frame: &[u8]) {
        let open = self.tunnels.get(seat.index()).copied().unwrap_or(false);
        if let Ok(voice) = frame::Voice::parse(frame)
            && open
        {
            self.shared.media.say(&self.id, seat, &voice);
        }
    }

    /// What a page hears through its tunnel. Sound that does not get through in time is dropped.
    pub(super) fn hears(&self, seat: Seat, frame: Bytes) {
        let Some(state) = self.seats.get(seat.index()).filter(|_| self.tunnels[seat.index()])
        else {
            return;
        };
        if let Line::Open { outbox, .. } = &state.line {
            outbox.push_voice(frame);
        }
    }

    /// A session of a seat is up: the plane has ended its tunnel.
    pub(super) fn media_up(&mut self, seat: Seat) {
        if self.tunnels.get_mut(seat.index()).is_some_and(std::mem::take) {
            self.tell(seat, &ServerMessage::Tunnel { on: false, detail: None });
        }
    }

    pub(super) fn heard(&mut self, speaking: Vec<Seat>) {
        self.voices.hear(self.shared.clock.now(), speaking);
        self.tell_who_speaks();
    }

    fn tell_who_speaks(&mut self) {
        for seat in self.all_seats() {
            self.tell(seat, &self.speaking_near(seat));
        }
    }

    /// Who speaks in a seat's group: whether anybody does in another one is not its business.
    pub(super) fn speaking_near(&self, seat: Seat) -> ServerMessage {
        let group = self.groups.get(seat.index());
        let near = |other: &&Seat| self.groups.get(other.index()) == group;
        let seats = self.voices.speaking().iter().filter(near).copied().collect();
        ServerMessage::Speaking { seats }
    }

    // ---- who was heard, for the balance of speech

    fn is_running(&self) -> bool {
        matches!(self.room.phase().stage, Stage::Running { .. })
    }

    /// When the room is to be told how long each was heard, if it does something itself at `next`.
    pub(super) fn voices_due(&self, next: Option<UnixMillis>) -> Option<UnixMillis> {
        self.voices.due(next).filter(|_| self.is_running())
    }

    /// Whether what was heard must be told before `input`, which may end a turn or a phase.
    pub(super) fn voices_go_before(&self, input: &Input) -> bool {
        let ends =
            matches!(input, Input::Command { command, .. } if voices::may_end_a_turn(command));
        ends && self.is_running() && self.voices.may_be_told(self.shared.clock.now())
    }

    /// Tells the room how long each was heard since it was last told.
    pub(super) async fn say_who_talked(&mut self) -> Result<(), Failure> {
        let mut voices = self.voices.take(self.shared.clock.now());
        voices.retain(|(seat, _)| seat.index() < self.seats.len());
        if !voices.is_empty() {
            // No room refuses it while its session runs.
            let _ = self.take_in(Input::Talked { voices }, None).await?;
        }
        Ok(())
    }

    /// Somebody tried to speak while they could not be heard. The plane tells of it once in some
    /// seconds; outside of a session it says nothing about anybody.
    pub(super) async fn blocked(&mut self, seat: Seat) -> Result<(), Failure> {
        if self.is_running() {
            // A seat that is not there refuses.
            let _ = self.take_in(Input::Blocked { seat }, None).await?;
        }
        Ok(())
    }
}
