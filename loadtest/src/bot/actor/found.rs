//! What a bot tells of itself when it is asked.

use std::time::Instant;

use palabre_ids::{Group, MediaRights};

use super::{Actor, Wire};
use crate::bot::Report;
use crate::bot::media::Media;
use crate::bot::pulse::{Counts, Pulse};
use crate::bot::room::Room;
use crate::bot::senses::lock;

impl Actor {
    pub(super) fn pulse(&mut self) -> Pulse {
        let mut senses = lock(&self.senses);
        let (received, expected, lost) = senses.listener.packets();
        let (sound, pictures) = senses.mouth.offered();
        let counts = Counts {
            sent: senses.mouth.sent().total() as i64,
            received: received as i64,
            expected: expected as i64,
            lost: lost as i64,
            leaked: senses.listener.leaks.total() as i64,
            joins: self.joins.len() as i64,
            reconnections: self.returns.len() as i64,
            freezes: senses.listener.freezes().0 as i64,
            sound,
            pictures,
        };
        let since = counts - std::mem::replace(&mut self.told, counts);
        Pulse {
            online: matches!(self.wire, Wire::Open { .. }),
            connected: self.media.as_ref().is_some_and(|media| media.connected),
            counts: since,
            times: senses.listener.take_recent(),
            send_late: std::mem::take(&mut senses.mouth.late),
        }
    }

    pub(super) fn report(&self, now: Instant) -> Report {
        let senses = lock(&self.senses);
        let (received, expected, lost) = senses.listener.packets();
        let sent = senses.mouth.sent();
        let room = self.place.as_ref().map(|place| &place.room);
        let connected = self.media.as_ref().is_some_and(|media| media.connected);
        let allowed = |allows: fn(MediaRights) -> bool| {
            room.map_or_else(Vec::new, |room| {
                let seats = room.view.people.iter().map(|person| person.seat);
                seats.filter(|seat| allows(room.reaches(*seat))).collect()
            })
        };
        Report {
            seat: self.config.link.seat,
            online: matches!(self.wire, Wire::Open { .. }),
            connected,
            stage: room.map(|room| room.stage().to_owned()),
            holder: room.and_then(Room::holder),
            chair: room.and_then(|room| room.view.state.chair),
            hands: room.map_or_else(Vec::new, |room| {
                room.view.floor.hands.iter().map(|hand| hand.seat).collect()
            }),
            group: room.map_or(Group::PLENARY, |room| room.group(self.config.link.seat)),
            may_speak: allowed(|rights| rights.audio),
            may_be_seen: allowed(|rights| rights.video),
            microphone: connected && senses.mouth.speaks(),
            camera: connected && senses.mouth.camera,
            sent: sent.total(),
            sound: sent.sound,
            pictures: sent.pictures,
            gated: sent.gated,
            rights_changes: sent.rights_changes,
            received,
            expected,
            lost,
            overflow: self.media.as_ref().map_or(0, Media::overflow),
            leaks: senses.listener.leaks,
            slots: senses.listener.report(now),
            joins: self.joins.clone(),
            returns: self.returns.iter().chain(&senses.returns).copied().collect(),
            back_at: self.knocks.back_at,
            signaling_alone: self.config.stack == crate::bot::Stack::Signaling,
            refused: self.knocks.refused,
            let_in: self.knocks.let_in,
            times: senses.listener.times(),
            speech: senses.listener.speech.clone(),
            losses: self.losses.unexplained(),
            freezes: senses.listener.freezes(),
            troubles: self.troubles.clone(),
        }
    }
}
