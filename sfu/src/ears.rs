//! Where the voices go that come out of tunnels: straight from the shard's thread to whoever reads them,
//! past everything else that a room does.

use std::collections::HashMap;

use palabre_ids::{MediaSession, RoomId, Seat};
use palabre_sfu_core::engine::Engine;
use palabre_sfu_core::engine::tunnel::Voice;

/// Takes what a seat hears through its tunnel, and from whom. It is called on the shard's thread: it must
/// not wait.
pub type Ear = Box<dyn FnMut(Seat, Voice) + Send>;

struct Listener {
    room: RoomId,
    seat: Seat,
    ear: Ear,
}

/// The ears of a shard's tunnels.
#[derive(Default)]
pub(crate) struct Ears(HashMap<MediaSession, Listener>);

impl Ears {
    /// Has `ear` hear what comes out of a tunnel. Those of tunnels that have ended are let go: they end by
    /// many ways, and few are ever open.
    pub(crate) fn add(
        &mut self,
        engine: &Engine,
        tunnel: MediaSession,
        (room, seat): (RoomId, Seat),
        ear: Ear,
    ) {
        self.0.retain(|tunnel, heard| engine.has_tunnel(&heard.room, heard.seat, *tunnel));
        self.0.insert(tunnel, Listener { room, seat, ear });
    }

    /// Hands over everything that has come out of tunnels.
    pub(crate) fn deliver(&mut self, engine: &mut Engine) {
        while let Some(heard) = engine.poll_voice() {
            if let Some(listener) = self.0.get_mut(&heard.tunnel) {
                (listener.ear)(heard.speaker, heard.voice);
            }
        }
    }

    #[cfg(test)]
    pub(crate) fn len(&self) -> usize {
        self.0.len()
    }
}
