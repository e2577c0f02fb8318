//! What a room's task knows of a seat's media: which sessions, or which tunnel. The media plane notices
//! things while the room does others, so that its words may be about what was replaced since: each
//! names its session, and what is not of one that stands here is stale.

use palabre_ids::{MediaSession, OpenedTunnel};
use palabre_wire::{IceCredentials, NextIce};

/// A session that a page's offer was answered with.
#[derive(Debug, Clone, PartialEq, Eq)]
pub(crate) struct Answered {
    /// Which.
    pub(crate) session: MediaSession,
    /// The page's number of the offer.
    pub(crate) generation: u32,
    /// What was held out for its next path, last.
    pub(crate) next_ice: Option<IceCredentials>,
}

/// A seat's media.
#[derive(Debug, Default, PartialEq, Eq)]
pub(crate) enum SeatMedia {
    /// None that are known of.
    #[default]
    None,
    /// A session, up or being set up.
    Session(Answered),
    /// A session, and the one that takes its place once it is up.
    Changing { standing: Answered, coming: Answered },
    /// A tunnel, and perhaps the session that takes its place once it is up.
    Tunnel { tunnel: MediaSession, coming: Option<Answered> },
}

impl SeatMedia {
    /// An offer was answered; `beside` is the session that is up, if one goes on until this one is. Gives
    /// whether a tunnel has ended, of which the word is still on its way.
    pub(crate) fn answered(&mut self, answered: Answered, beside: Option<MediaSession>) -> bool {
        let is_beside = |known: &Answered| beside == Some(known.session);
        let (state, ended) = match std::mem::take(self) {
            Self::Session(standing) if is_beside(&standing) => {
                (Self::Changing { standing, coming: answered }, false)
            }
            Self::Changing { standing, coming } if beside.is_some() => {
                // The one that was to come may be up by now.
                let standing = if is_beside(&coming) { coming } else { standing };
                (Self::Changing { standing, coming: answered }, false)
            }
            // Up by now as well: then it has ended the tunnel.
            Self::Tunnel { coming: Some(standing), .. } if is_beside(&standing) => {
                (Self::Changing { standing, coming: answered }, true)
            }
            Self::Tunnel { tunnel, .. } => (Self::Tunnel { tunnel, coming: Some(answered) }, false),
            Self::None | Self::Session(_) | Self::Changing { .. } => {
                (Self::Session(answered), false)
            }
        };
        *self = state;
        ended
    }

    /// A tunnel was opened; the plane ended whatever session was up, but for one that just came up.
    pub(crate) fn opened(&mut self, OpenedTunnel { tunnel, coming }: OpenedTunnel) {
        let known = match std::mem::take(self) {
            Self::Session(known) | Self::Tunnel { coming: Some(known), .. } => [Some(known), None],
            Self::Changing { standing, coming } => [Some(standing), Some(coming)],
            Self::None | Self::Tunnel { coming: None, .. } => [None, None],
        };
        let coming = known.into_iter().flatten().find(|known| coming == Some(known.session));
        *self = Self::Tunnel { tunnel, coming };
    }

    /// A session is up, and alone from here on; gives whether it ended the tunnel that there is. One that
    /// was opened since goes on.
    pub(crate) fn up(&mut self, session: MediaSession, ended: Option<MediaSession>) -> bool {
        let (state, ended) = match std::mem::take(self) {
            Self::Changing { coming, .. } if coming.session == session => {
                (Self::Session(coming), false)
            }
            Self::Tunnel { tunnel, coming: Some(coming) }
                if coming.session == session && ended == Some(tunnel) =>
            {
                (Self::Session(coming), true)
            }
            other => (other, false),
        };
        *self = state;
        ended
    }

    /// A session is lost; gives whether that concerns the page, unless another one of it lives.
    pub(crate) fn lost(&mut self, session: MediaSession) -> bool {
        let (state, concerns) = match std::mem::take(self) {
            // It is not forgotten: a word of its page brings it up yet.
            Self::Session(standing) => {
                let concerns = standing.session == session;
                (Self::Session(standing), concerns)
            }
            Self::Tunnel { tunnel, coming: Some(coming) } => {
                let concerns = coming.session == session;
                (Self::Tunnel { tunnel, coming: Some(coming) }, concerns)
            }
            // The plane gives it up for good: what stands goes on.
            Self::Changing { standing, coming } if coming.session == session => {
                (Self::Session(standing), true)
            }
            other => (other, false),
        };
        *self = state;
        concerns
    }

    /// A session's page used what was held out for its next path; gives what its page is told of the path
    /// after. A page that makes a new transport has no more use for paths of the one before.
    pub(crate) fn path_changed(
        &mut self,
        session: MediaSession,
        next: IceCredentials,
    ) -> Option<NextIce> {
        let (of, told) = match self {
            Self::Session(standing) => (standing, true),
            Self::Changing { standing, .. } if standing.session == session => (standing, false),
            Self::Changing { coming, .. } | Self::Tunnel { coming: Some(coming), .. } => {
                (coming, true)
            }
            Self::None | Self::Tunnel { coming: None, .. } => return None,
        };
        if of.session != session {
            return None;
        }
        of.next_ice = Some(next.clone());
        let IceCredentials { ufrag, password } = next;
        told.then_some(NextIce { generation: Some(of.generation), ufrag, password })
    }

    /// What is held out for the next path of the session that the page was answered with last.
    pub(crate) fn next_ice(&self) -> Option<&IceCredentials> {
        match self {
            Self::Session(last)
            | Self::Changing { coming: last, .. }
            | Self::Tunnel { coming: Some(last), .. } => last.next_ice.as_ref(),
            Self::None | Self::Tunnel { coming: None, .. } => None,
        }
    }

    /// The tunnel ends; gives whether there was one.
    pub(crate) fn end_tunnel(&mut self) -> bool {
        let Self::Tunnel { coming, .. } = self else { return false };
        *self = coming.take().map_or(Self::None, Self::Session);
        true
    }

    /// Everything ends.
    pub(crate) fn end(&mut self) {
        *self = Self::None;
    }
}

#[cfg(test)]
#[path = "seat_media_test.rs"]
mod tests;
