//! Who may send what, and the order in which it is taken and given.

use palabre_facilitation::speaks;
use palabre_ids::{GateEntry, MediaRights, Role, Seat};
use palabre_vocabulary::FloorKind;

use crate::people::Person;
use crate::room::{Progress, Room};
use crate::session::Session;
use crate::{Effect, Effects, GateChange};

type Table = Vec<GateEntry>;

impl Room {
    /// The table as it should be in the media plane now, for a plane that starts anew.
    #[must_use]
    pub fn gate_table(&self) -> GateChange {
        GateChange { epoch: self.epoch, table: self.gate() }
    }

    /// What a seat may send now, whether or not it is muted; the screen as whether it may share.
    pub(crate) fn rights_of(&self, seat: Seat, person: &Person) -> MediaRights {
        let role = person.role();
        if !speaks(role) || !person.has_joined() {
            return MediaRights::NONE;
        }
        // Whoever stands in for the facilitator leads as they would.
        let leads = role.facilitates() || self.chair.seat() == Some(seat);
        let screen_free = self.screen.is_none_or(|sharing| sharing == seat);
        match &self.progress {
            Progress::Over(_) => MediaRights::NONE,
            Progress::Lobby { .. } => {
                MediaRights { audio: true, video: true, screen: leads && screen_free }
            }
            Progress::Running(session) => {
                let phase = session.phase(&self.template);
                MediaRights {
                    audio: leads || self.may_speak(session, seat, role),
                    video: leads || phase.video.contains(role) || self.is_apart(session, seat),
                    screen: screen_free && (leads || phase.screen.contains(role)),
                }
            }
        }
    }

    /// Whether somebody takes part as long as their media do, without a word to the room or from it: whoever is
    /// heard, and the client, to whom the others speak. Not whoever holds the chair: the room waits for what
    /// they decide.
    #[must_use]
    pub fn takes_part_by_media(&self, seat: Seat) -> bool {
        let Ok(person) = self.people.get(seat) else { return false };
        let is_heard = self.rights_of(seat, person).audio && !person.muted;
        self.chair.seat() != Some(seat) && (is_heard || self.people.client() == Some(seat))
    }

    /// Whether the floor lets somebody speak. While the group writes for the client it lets nobody;
    /// in a breakout, those who are in a group.
    fn may_speak(&self, session: &Session, seat: Seat, role: Role) -> bool {
        let phase = session.phase(&self.template);
        let apart = session.floor.step(phase).floor.kind() != FloorKind::Breakout
            || self.is_apart(session, seat);
        session.in_writing.is_none() && apart && session.floor.may_speak(phase, seat, role)
    }

    /// A shared screen that may not be shared any more is not.
    pub(crate) fn keep_screen_where_it_may_be(&mut self) {
        let may_share =
            |seat| self.people.get(seat).is_ok_and(|person| self.rights_of(seat, person).screen);
        self.screen = self.screen.filter(|seat| may_share(*seat));
    }

    fn gate(&self) -> Table {
        let entry = |(seat, person): (Seat, &Person)| {
            let rights = self.rights_of(seat, person);
            let rights = MediaRights {
                audio: rights.audio && !person.muted,
                video: rights.video,
                screen: rights.screen && self.screen == Some(seat),
            };
            GateEntry { seat, rights, group: self.group_of(seat) }
        };
        self.people.iter().map(entry).collect()
    }

    /// The new tables since `before`: what is taken is taken before anything is given. After a
    /// restart there is one in any case, for a media plane that knows nothing.
    pub(crate) fn gate_changes(&mut self, before: &Self, always: bool) -> Effects {
        let (old, new) = (before.gate(), self.gate());
        let kept = both(&old, &new);
        let mut effects = Effects::new();
        if kept != old && kept != new {
            effects.push(self.next_table(kept));
        }
        if old != new || always {
            effects.push(self.next_table(new));
        }
        effects
    }

    fn next_table(&mut self, table: Table) -> Effect {
        self.epoch = self.epoch.next();
        Effect::Rights(GateChange { epoch: self.epoch, table })
    }
}

/// The rights that are in both tables, in the new table's groups: all seats change group at one
/// moment, whatever they may send.
fn both(old: &Table, new: &Table) -> Table {
    let shared = |(old, new): (&GateEntry, &GateEntry)| {
        let (was, is) = (old.rights, new.rights);
        let rights = MediaRights {
            audio: was.audio && is.audio,
            video: was.video && is.video,
            screen: was.screen && is.screen,
        };
        GateEntry { rights, ..*new }
    };
    old.iter().zip(new).map(shared).collect()
}
