//! ICE, the side that only answers (ICE-lite, RFC 8445): a check that is authentic is answered,
//! anything else meets silence. We send no checks, so the peer's password is never needed.

mod stun;

use std::collections::VecDeque;
use std::hash::{BuildHasher, RandomState};
use std::net::SocketAddr;

use subtle::ConstantTimeEq;

use crate::Path;
use crate::session::IceCredentials;
use stun::{Answer, Role};
pub use stun::{Check, MAX_ANSWER, parse_check};

/// Why a check was not answered.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum IceError {
    /// It is for no user fragment of this agent.
    #[error("the check is for another agent")]
    UnknownUfrag,
    /// MESSAGE-INTEGRITY is absent or wrong.
    #[error("the check is not authentic")]
    NotAuthentic,
    /// It came before, from elsewhere: whoever recorded it wants the media sent there.
    #[error("the check was replayed")]
    Replayed,
    /// The buffer is shorter than [`MAX_ANSWER`].
    #[error("no room for the answer")]
    NoRoom,
}

/// What an authentic check meant.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct CheckOutcome {
    /// The answer's length, to be sent back where the check came from.
    pub len: usize,
    /// Whether the answer is a success. After a refusal the path is not validated.
    pub accepted: bool,
    /// Whether the check belongs to the newest generation; one of the generation before says
    /// nothing about where the peer wants its media now.
    pub current_generation: bool,
    /// Whether it began that generation, which is once.
    pub began_generation: bool,
    /// Whether it did so with the credentials that were issued ahead: there are others now.
    pub used_next: bool,
    /// Whether it carried USE-CANDIDATE. Browsers leave it out after a rebinding, so a path of the
    /// current generation is worth following without it.
    pub nominated: bool,
}

/// How many checks are remembered, to tell one that somebody recorded and sends from elsewhere, at 16
/// bytes each. A page sends a few a second and some twenty while it looks for a path: that is half a
/// minute at the least. An older one gets nothing but a few bytes, and the peer's next word ends that.
const REMEMBERED: usize = 512;

struct Generation {
    local: IceCredentials,
    /// The peer's user fragment, once it is known.
    remote_ufrag: Option<String>,
}

impl Generation {
    /// One that is issued ahead. The peer's user fragment is not known then, and is not asked for:
    /// the password is what vouches for a check, and a page whose path died twice while it could
    /// tell nobody begins anew under the same credentials.
    fn ahead() -> Self {
        Self { local: IceCredentials::random(), remote_ufrag: None }
    }
}

/// One peer's ICE.
pub struct IceAgent {
    current: Generation,
    /// The generation before an ICE restart, until the new one is first used.
    previous: Option<Generation>,
    /// The generation that the peer may begin by itself, without a word to signaling.
    next: Generation,
    /// The last authentic checks, oldest first, and where each came from.
    recent: VecDeque<(u64, u64)>,
    hasher: RandomState,
}

impl std::fmt::Debug for IceAgent {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("IceAgent")
            .field("restarting", &self.previous.is_some())
            .finish_non_exhaustive()
    }
}

impl IceAgent {
    /// An agent that goes by `local`.
    #[must_use]
    pub fn new(local: IceCredentials) -> Self {
        Self {
            current: Generation { local, remote_ufrag: None },
            previous: None,
            next: Generation::ahead(),
            recent: VecDeque::new(),
            hasher: RandomState::new(),
        }
    }

    /// Names the peer of the current generation: from now on its checks must carry its user fragment.
    pub fn set_remote(&mut self, remote: &IceCredentials) {
        self.current.remote_ufrag = Some(remote.ufrag.clone());
    }

    /// Begins a new generation. Checks of the one before are answered until the new one is first
    /// used, so that media goes on over the old path.
    pub fn restart(&mut self, local: IceCredentials, remote: &IceCredentials) {
        let new = Generation { local, remote_ufrag: Some(remote.ufrag.clone()) };
        let old = std::mem::replace(&mut self.current, new);
        // A restart that nobody used is superseded; what carries media stays the older one.
        self.previous.get_or_insert(old);
    }

    /// Our credentials of the current generation.
    #[must_use]
    pub fn local(&self) -> &IceCredentials {
        &self.current.local
    }

    /// Our credentials for the generation that the peer may begin by itself. They stay the same until
    /// they are used.
    #[must_use]
    pub fn next(&self) -> &IceCredentials {
        &self.next.local
    }

    /// The user fragments that are answered, the current one first.
    pub fn ufrags(&self) -> impl Iterator<Item = &str> {
        std::iter::once(&self.current)
            .chain(&self.previous)
            .chain(std::iter::once(&self.next))
            .map(|generation| generation.local.ufrag.as_str())
    }

    /// Answers `check`, which came over `path`, into `out`, which holds [`MAX_ANSWER`]. Nothing
    /// changes and nothing is answered before the check's integrity is known.
    ///
    /// # Errors
    /// See [`IceError`]; none of them is worth a word to the sender.
    pub fn answer(
        &mut self,
        check: &Check<'_>,
        path: &Path,
        out: &mut [u8],
    ) -> Result<CheckOutcome, IceError> {
        if out.len() < MAX_ANSWER {
            return Err(IceError::NoRoom);
        }
        let ahead = self.next.local.ufrag == check.local_ufrag();
        let current_generation = ahead || self.current.local.ufrag == check.local_ufrag();
        let generation = match &self.previous {
            _ if ahead => &self.next,
            _ if current_generation => &self.current,
            Some(previous) if previous.local.ufrag == check.local_ufrag() => previous,
            _ => return Err(IceError::UnknownUfrag),
        };
        let key = stun::IntegrityKey::new(&generation.local.password);
        if !check.is_authentic(&key) {
            return Err(IceError::NotAuthentic);
        }
        if let Some(expected) = &generation.remote_ufrag
            && !bool::from(expected.as_bytes().ct_eq(check.remote_ufrag().as_bytes()))
        {
            return Err(IceError::NotAuthentic);
        }
        let (id, from) = (check.transaction_id(), self.hasher.hash_one(path));
        let id = self.hasher.hash_one(id);
        match self.recent.iter().find(|(known, _)| *known == id) {
            Some((_, known)) if *known != from => return Err(IceError::Replayed),
            // Sent again because our answer was late or lost.
            Some(_) => {}
            None => {
                if self.recent.len() == REMEMBERED {
                    self.recent.pop_front();
                }
                self.recent.push_back((id, from));
            }
        }
        let answer = if let Some(unknown) = check.unknown_attributes() {
            Answer::UnknownAttributes(unknown)
        } else if check.role() == Role::Controlled {
            // We cannot take the controlling role, whatever the tie-breakers say.
            Answer::RoleConflict
        } else {
            Answer::Success(unmapped(path.remote))
        };
        let accepted = matches!(answer, Answer::Success(_));
        let len = check.write_answer(&answer, &key, out);
        let used_next = ahead && accepted;
        if used_next {
            self.current = std::mem::replace(&mut self.next, Generation::ahead());
        }
        let mut began_generation = used_next;
        if current_generation && accepted {
            began_generation |= self.previous.take().is_some();
        }
        Ok(CheckOutcome {
            len,
            accepted,
            current_generation,
            began_generation,
            used_next,
            nominated: accepted && check.nominates(),
        })
    }
}

/// An IPv4 peer seen through an IPv6 socket is still an IPv4 peer to itself.
fn unmapped(address: SocketAddr) -> SocketAddr {
    SocketAddr::new(address.ip().to_canonical(), address.port())
}

impl IceCredentials {
    /// Fresh ones, from the system's randomness: 48 and 144 bits as ice-chars (RFC 8445 asks for
    /// 24 and 128).
    ///
    /// # Panics
    /// When the system has no randomness to give: nothing secret can be done then.
    #[must_use]
    pub fn random() -> Self {
        Self { ufrag: ice_chars::<8>(), password: ice_chars::<24>() }
    }
}

fn ice_chars<const N: usize>() -> String {
    const ICE_CHARS: &[u8; 64] =
        b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
    let mut bytes = [0; N];
    aws_lc_rs::rand::fill(&mut bytes).expect("the system gives randomness");
    bytes.iter().map(|byte| char::from(ICE_CHARS[usize::from(byte & 63)])).collect()
}

#[cfg(test)]
mod tests;
