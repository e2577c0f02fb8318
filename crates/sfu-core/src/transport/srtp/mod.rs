//! SRTP in place (RFC 3711, RFC 7714): the hot path's cryptography. Nothing here allocates for a
//! packet, and no state is kept for a stream before a packet of it was authentic.

mod cipher;
mod keys;
mod window;

use cipher::Cipher;
pub use keys::{MasterKey, SrtpKeys, SrtpProfile};
use window::ReplayWindow;

/// By how much [`SrtpOutbound::seal_rtp`] lengthens a packet at most.
pub const RTP_TAIL: usize = 16;
/// By how much [`SrtpOutbound::seal_rtcp`] lengthens a packet at most.
pub const RTCP_TAIL: usize = 20;
/// How many streams a peer may send. A page sends nine (a microphone, three camera layers, a
/// screen, and retransmissions); each more costs a peer's memory a replay window.
pub const MAX_STREAMS: usize = 32;
/// RFC 3711 section 9.2: the last SRTP index of a key.
const LAST_RTP_INDEX: u64 = (1 << 48) - 1;
/// RFC 3711 section 9.2: the last SRTCP index of a key.
const LAST_RTCP_INDEX: u32 = (1 << 31) - 1;

/// Why a packet was not opened or sealed.
#[derive(Debug, Clone, Copy, PartialEq, Eq, thiserror::Error)]
pub enum SrtpError {
    /// It is shorter than its header and tag.
    #[error("the packet is too short")]
    Short,
    /// The buffer does not hold the packet and its tag.
    #[error("no room for the tag")]
    NoRoom,
    /// It did not come from the peer, or not like this.
    #[error("the packet is not authentic")]
    NotAuthentic,
    /// It came before, or is too old to know.
    #[error("the packet was replayed or is too old")]
    Replayed,
    /// SRTCP without encryption is not spoken here.
    #[error("the packet is not encrypted")]
    NotEncrypted,
    /// One stream more than [`MAX_STREAMS`].
    #[error("too many streams")]
    TooManyStreams,
    /// The keys have done all they may.
    #[error("the keys are used up")]
    KeysUsedUp,
    /// A key of the wrong length.
    #[error("the key has the wrong length")]
    KeyLength,
    /// The cipher refused; only a length beyond its limits makes it.
    #[error("the cipher refused")]
    Cipher,
}

/// An RTP packet in clear.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct OpenedRtp {
    /// Its length, header in, tag out.
    pub len: usize,
    /// Its index: how often its sequence number went round, and the sequence number.
    pub index: u64,
}

/// Both directions of a session.
pub struct SrtpPair;

impl SrtpPair {
    /// Derives both directions' keys.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when a key does not fit the profile.
    #[expect(
        clippy::new_ret_no_self,
        reason = "the halves live apart: one at the ingress, one at the egress"
    )]
    pub fn new(keys: &SrtpKeys) -> Result<(SrtpInbound, SrtpOutbound), SrtpError> {
        Ok((
            SrtpInbound::new(keys.profile, &keys.remote)?,
            SrtpOutbound::new(keys.profile, &keys.local)?,
        ))
    }
}

/// The streams of one kind that a peer sends, found by scanning: they are few.
#[derive(Default)]
struct Streams {
    ssrcs: Vec<u32>,
    windows: Vec<ReplayWindow>,
}

impl Streams {
    fn find(&self, ssrc: u32) -> Option<usize> {
        self.ssrcs.iter().position(|known| *known == ssrc)
    }

    fn check_room(&self, found: Option<usize>) -> Result<(), SrtpError> {
        if found.is_none() && self.ssrcs.len() >= MAX_STREAMS {
            Err(SrtpError::TooManyStreams)
        } else {
            Ok(())
        }
    }

    fn note(&mut self, found: Option<usize>, ssrc: u32, index: u64) {
        if let Some(window) = found.and_then(|at| self.windows.get_mut(at)) {
            window.note(index);
        } else {
            self.ssrcs.push(ssrc);
            self.windows.push(ReplayWindow::starting_at(index));
        }
    }
}

/// Opens what a peer sends.
pub struct SrtpInbound {
    cipher: Cipher,
    rtp: Streams,
    rtcp: Streams,
}

impl std::fmt::Debug for SrtpInbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpInbound")
            .field("streams", &self.rtp.ssrcs.len())
            .finish_non_exhaustive()
    }
}

impl SrtpInbound {
    fn new(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self {
            cipher: Cipher::new(profile, master)?,
            rtp: Streams::default(),
            rtcp: Streams::default(),
        })
    }

    /// Opens an RTP packet in place; what is behind its new length is of no use. When it fails
    /// the packet is spoilt, and nothing else has changed.
    ///
    /// # Errors
    /// See [`SrtpError`].
    pub fn open_rtp(
        &mut self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        seq: u16,
    ) -> Result<OpenedRtp, SrtpError> {
        let found = self.rtp.find(ssrc);
        self.rtp.check_room(found)?;
        let index = match found.and_then(|at| self.rtp.windows.get(at)) {
            None => u64::from(seq),
            Some(window) => {
                let index = estimate(window.highest(), seq)?;
                if !window.is_new(index) {
                    return Err(SrtpError::Replayed);
                }
                index
            }
        };
        let len = self.cipher.open_rtp(packet, header_len, ssrc, index)?;
        self.rtp.note(found, ssrc, index);
        Ok(OpenedRtp { len, index })
    }

    /// Opens an RTCP packet in place and gives its length in clear. When it fails the packet is
    /// spoilt, and nothing else has changed.
    ///
    /// # Errors
    /// See [`SrtpError`].
    pub fn open_rtcp(&mut self, packet: &mut [u8]) -> Result<usize, SrtpError> {
        let (ssrc, index) = self.cipher.rtcp_claim(packet)?;
        let found = self.rtcp.find(ssrc);
        self.rtcp.check_room(found)?;
        if let Some(window) = found.and_then(|at| self.rtcp.windows.get(at))
            && !window.is_new(u64::from(index))
        {
            return Err(SrtpError::Replayed);
        }
        let len = self.cipher.open_rtcp(packet, ssrc, index)?;
        self.rtcp.note(found, ssrc, u64::from(index));
        Ok(len)
    }
}

/// RFC 3711 section 3.3.1: the index nearest to the highest one with this sequence number.
fn estimate(highest: u64, seq: u16) -> Result<u64, SrtpError> {
    let ahead = seq.wrapping_sub(highest as u16).cast_signed();
    let index = highest.checked_add_signed(i64::from(ahead)).ok_or(SrtpError::Replayed)?;
    if index > LAST_RTP_INDEX { Err(SrtpError::KeysUsedUp) } else { Ok(index) }
}

/// Seals what we send to a peer.
pub struct SrtpOutbound {
    cipher: Cipher,
    next_rtcp: u32,
}

impl std::fmt::Debug for SrtpOutbound {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("SrtpOutbound").finish_non_exhaustive()
    }
}

impl SrtpOutbound {
    fn new(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        Ok(Self { cipher: Cipher::new(profile, master)?, next_rtcp: 0 })
    }

    /// By how much a sealed RTP packet is longer.
    #[must_use]
    pub fn rtp_overhead(&self) -> usize {
        self.cipher.rtp_overhead()
    }

    /// Seals the packet of `len` bytes at the start of `buffer`, which has [`RTP_TAIL`] bytes
    /// more; gives its new length. `index` is how often the sequence number went round, and the
    /// sequence number. Under one index of an SSRC only one packet may ever be sealed: what is
    /// sent again goes under RTX's own, or as the very bytes that were sealed first.
    ///
    /// # Errors
    /// [`SrtpError::NoRoom`], [`SrtpError::Short`], [`SrtpError::KeysUsedUp`].
    pub fn seal_rtp(
        &mut self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        if index > LAST_RTP_INDEX {
            return Err(SrtpError::KeysUsedUp);
        }
        self.cipher.seal_rtp(buffer, header_len, len, ssrc, index)
    }

    /// Seals a compound RTCP packet; it grows by at most [`RTCP_TAIL`].
    ///
    /// # Errors
    /// [`SrtpError::Short`], [`SrtpError::KeysUsedUp`].
    pub fn seal_rtcp(&mut self, packet: &mut Vec<u8>) -> Result<(), SrtpError> {
        if self.next_rtcp > LAST_RTCP_INDEX {
            return Err(SrtpError::KeysUsedUp);
        }
        self.cipher.seal_rtcp(packet, self.next_rtcp)?;
        self.next_rtcp += 1;
        Ok(())
    }
}

#[cfg(test)]
mod tests;
