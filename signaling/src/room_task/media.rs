//! What a room tells its media plane, and hears from it.

use std::time::Duration;

use palabre_ids::{Group, MediaRights, MediaSession, Millis, RoomId, Seat, UnixMillis};
use palabre_room::{GateChange, Input};
use palabre_wire::{Estimate, IceCredentials, PathReport, Recovered, ServerMessage, Stage};
use tokio::time::{Instant, timeout};

use super::{Failure, RoomTask};
use crate::media::{MEDIA_PATIENCE, MediaFuture, MediaPlane, MediaStopped};
use crate::news::News;
use crate::seat::Line;
use crate::voices;

/// What a page says of its own losses is believed up to here: a sum must not drown in one lie.
const LONGEST_GAP: Millis = Millis::from_secs(3_600);
/// The same of what it could send, in bits a second.
const HIGHEST_ESTIMATE: u64 = 1_000_000_000;

/// Who keeps the news of a room answers within what a disk takes. Longer holds up the room, less tells them
/// twice.
const HERALD_PATIENCE: Duration = Duration::from_secs(2);

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
            (Stage::Lobby, Stage::Running { .. }) => self.voices.restart(self.shared.clock.now()),
            (_, Stage::Ended) if std::mem::take(&mut self.has_media) => {
                self.heard(Vec::new());
                for seat in self.all_seats() {
                    self.end_tunnel_line(seat);
                    self.seats[seat.index()].media.end();
                }
                // What was said in passing is forgotten with the session: whoever missed its end is
                // shown what is left.
                self.history.forget();
                self.media(|media, id| media.close_room(id)).await;
            }
            _ => {}
        }
        // Ahead of the snapshot that notes it as told.
        self.announce().await;
    }

    /// Tells those outside what the session has passed and nobody else keeps yet; gives whether somebody
    /// does now. What nobody keeps is told again when the room comes back, and at its end.
    pub(super) async fn announce(&mut self) -> bool {
        let Some(herald) = &self.shared.news else { return false };
        let seats = u8::try_from(self.seats.len()).expect("a room has at most MAX_SEATS seats");
        let mut any = false;
        for (what, at) in self.about.milestones.untold() {
            let kept = herald.tell(News {
                what,
                room: self.id.clone(),
                template: self.room.template().id.clone(),
                seats,
                at,
                started_at: self.about.milestones.started.map(|passed| passed.at),
            });
            if let Ok(Ok(())) = timeout(HERALD_PATIENCE, kept).await {
                self.about.milestones.told(what);
                any = true;
            }
        }
        any
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
                let before = std::mem::replace(&mut self.groups, groups);
                self.hush_tunnels();
                if before != self.groups {
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
        self.silence(seat).await.is_some()
    }

    /// How long nothing came from a seat's media; none without any.
    pub(super) async fn silence(&self, seat: Seat) -> Option<Duration> {
        if !self.has_media {
            return None;
        }
        self.media(|media, id| media.silence(id, seat)).await.flatten()
    }

    /// The media plane lost a seat's session.
    pub(super) async fn media_lost(&mut self, seat: Seat, session: MediaSession) {
        let Some(state) = self.seats.get_mut(seat.index()) else { return };
        // The seat may have another one that lives: the plane has the last word.
        if !state.media.lost(session) || !self.has_media || self.media_alive(seat).await {
            return;
        }
        self.seats[seat.index()].media_lost(self.shared.clock.now());
        self.tell(seat, &ServerMessage::MediaLost);
    }

    /// A page used the credentials for its next path: it is told those after them now, or as it
    /// resumes.
    pub(super) fn path_changed(&mut self, seat: Seat, session: MediaSession, next: IceCredentials) {
        let state = self.seats.get_mut(seat.index());
        if let Some(told) = state.and_then(|state| state.media.path_changed(session, next)) {
            self.tell(seat, &ServerMessage::NextIce(told));
        }
    }

    /// Ends all media of a seat.
    pub(super) async fn close_seat(&mut self, seat: Seat) {
        self.end_tunnel_line(seat);
        self.seats[seat.index()].media.end();
        self.media(|media, id| media.close_seat(id, seat)).await;
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

    /// What a page's browser believes that it can send.
    pub(super) fn estimated(&mut self, seat: Seat, estimate: Estimate) {
        if self.seats[seat.index()].may_estimate(self.shared.clock.now()) {
            self.shared.metrics.estimates.add_bits(estimate.outgoing.min(HIGHEST_ESTIMATE));
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
        let opened = match &self.seats[seat.index()].line {
            Line::Open { outbox, .. } if self.has_media => {
                let ear = outbox.voices().ear();
                self.media(|media, id| media.open_tunnel(id, seat, ear)).await.flatten()
            }
            Line::Open { .. } | Line::None | Line::Lost { .. } => None,
        };
        let state = &mut self.seats[seat.index()];
        if let (Some(opened), Line::Open { outbox, .. }) = (opened, &state.line) {
            state.media.opened(opened);
            outbox.voices().open(opened.tunnel);
        }
        let detail = opened.is_none().then(|| "the room has no media now".to_owned());
        self.tell(seat, &ServerMessage::Tunnel { on: opened.is_some(), detail });
    }

    /// A seat has no tunnel any more.
    pub(super) async fn end_tunnel(&mut self, seat: Seat) {
        if self.seats[seat.index()].media.end_tunnel() {
            self.end_tunnel_line(seat);
            self.media(|media, id| media.close_tunnel(id, seat)).await;
        }
    }

    fn end_tunnel_line(&self, seat: Seat) {
        if let Line::Open { outbox, .. } = &self.seats[seat.index()].line {
            outbox.voices().close();
        }
    }

    /// A session of a seat is up, and has ended that tunnel.
    pub(super) fn media_up(
        &mut self,
        seat: Seat,
        session: MediaSession,
        tunnel: Option<MediaSession>,
    ) {
        if self.seats.get_mut(seat.index()).is_some_and(|state| state.media.up(session, tunnel)) {
            self.tell_tunnel_ended(seat);
        }
    }

    /// The plane has ended a seat's tunnel.
    pub(super) fn tell_tunnel_ended(&mut self, seat: Seat) {
        self.end_tunnel_line(seat);
        self.tell(seat, &ServerMessage::Tunnel { on: false, detail: None });
    }

    /// Forgets what waits in tunnels of those who are not to be heard by the gate that is in force:
    /// nobody hears the end of one voice behind the grant of the next.
    fn hush_tunnels(&self) {
        for (hearer, state) in self.seats.iter().enumerate() {
            if let Line::Open { outbox, .. } = &state.line {
                outbox.voices().keep(|speaker| {
                    let speaker = speaker.index();
                    self.rights.get(speaker).is_some_and(|rights| rights.audio)
                        && self.groups.get(speaker) == self.groups.get(hearer)
                });
            }
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
