//! How a person who dropped came back, and what had happened.

use serde::{Deserialize, Serialize};

/// A step of the ladder of ways back, from the smallest repair to the last resort.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum Rung {
    /// The signaling connection alone was taken up again; media were never away.
    Resume,
    /// The same session went on from another address.
    Rebind,
    /// The same session went on over a new path.
    IceRestart,
    /// A new media session took the place of the old one, on the same seat.
    NewTransport,
    /// Media go over TCP to the server.
    Tcp,
    /// Media go through a TURN relay.
    Turn,
    /// Cameras were given up so that voices pass.
    AudioOnly,
    /// Voices go through the signaling connection: no WebRTC at all.
    Tunnel,
}

impl Rung {
    /// Every rung, from the first.
    pub const ALL: [Self; 8] = [
        Self::Resume,
        Self::Rebind,
        Self::IceRestart,
        Self::NewTransport,
        Self::Tcp,
        Self::Turn,
        Self::AudioOnly,
        Self::Tunnel,
    ];

    /// Its name on the wire and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Resume => "resume",
            Self::Rebind => "rebind",
            Self::IceRestart => "ice_restart",
            Self::NewTransport => "new_transport",
            Self::Tcp => "tcp",
            Self::Turn => "turn",
            Self::AudioOnly => "audio_only",
            Self::Tunnel => "tunnel",
        }
    }
}

/// Why somebody had to come back.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Serialize, Deserialize)]
#[cfg_attr(feature = "ts", derive(ts_rs::TS))]
#[serde(rename_all = "snake_case")]
pub enum DropCause {
    /// The signaling connection was lost.
    SignalingLost,
    /// Nothing came over the media path any more.
    PathDead,
    /// The page was frozen, or the machine asleep.
    Suspended,
    /// The server was gone for a moment.
    ServerRestarted,
    /// The page was loaded anew, here or on another device.
    PageReloaded,
    /// The network lets no UDP through.
    UdpBlocked,
    /// The network is too weak for pictures: they are given up for the sound.
    WeakNetwork,
    /// The person asked for it.
    Asked,
}

impl DropCause {
    /// Every cause.
    pub const ALL: [Self; 8] = [
        Self::SignalingLost,
        Self::PathDead,
        Self::Suspended,
        Self::ServerRestarted,
        Self::PageReloaded,
        Self::UdpBlocked,
        Self::WeakNetwork,
        Self::Asked,
    ];

    /// Its name on the wire and in metrics.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::SignalingLost => "signaling_lost",
            Self::PathDead => "path_dead",
            Self::Suspended => "suspended",
            Self::ServerRestarted => "server_restarted",
            Self::PageReloaded => "page_reloaded",
            Self::UdpBlocked => "udp_blocked",
            Self::WeakNetwork => "weak_network",
            Self::Asked => "asked",
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_those_of_the_wire() {
        for rung in Rung::ALL {
            assert_eq!(serde_json::to_value(rung).expect("serialises"), rung.name());
        }
        for cause in DropCause::ALL {
            assert_eq!(serde_json::to_value(cause).expect("serialises"), cause.name());
        }
    }
}
