//! Voices of a page that has no WebRTC: they come and go as Opus packets over the connection that
//! signaling has with it. What it says is forwarded like any microphone's, behind the same gate and the
//! same limits; what it hears is what a session of its seat would be sent.

use std::time::Instant;

use palabre_ids::{MAX_SEATS, MediaKind, MediaSession, Seat};

use crate::media::forwarder::Forwarder;
use crate::media::policer::Policer;
use crate::media::publication::{Incoming, Origin, Run, clock_rate};
use crate::media::red;
use crate::media::sequence::Index;
use crate::session::Codec;

/// The largest Opus packet that is taken or given, in bytes: 20 ms at 160 kbit/s.
pub const MAX_VOICE: usize = 400;

/// The highest level there is (RFC 6464): silence.
const SILENCE: u8 = 127;

/// What a page says through its tunnel, on its way in or out.
#[derive(Clone, PartialEq, Eq)]
pub struct Voice {
    /// Its place in its stream, as RTP counts (RFC 3550 section 5.1).
    pub sequence: u16,
    /// When it was spoken, in 48 kHz samples.
    pub timestamp: u32,
    /// The Opus packet, of 1 to [`MAX_VOICE`] bytes.
    pub opus: Vec<u8>,
}

impl std::fmt::Debug for Voice {
    /// No content.
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Voice").field("bytes", &self.opus.len()).finish_non_exhaustive()
    }
}

/// The tunnel of one seat.
pub(super) struct Tunnel {
    pub(super) seat: Seat,
    /// Tells its stream from those of the seat's sessions.
    serial: u32,
    policer: Policer,
    /// The last packet that was taken. The connection keeps order: what is not after it was sent again.
    last: Option<Index>,
    /// The stream of each other seat to this one.
    downlinks: [Option<Box<Forwarder>>; MAX_SEATS as usize],
}

impl Tunnel {
    pub(super) fn new(seat: Seat, serial: u32) -> Self {
        Self {
            seat,
            serial,
            policer: Policer::new(MediaKind::Audio),
            last: None,
            downlinks: Default::default(),
        }
    }

    /// Whether it is this one of this seat.
    pub(super) fn is(&self, seat: Seat, tunnel: MediaSession) -> bool {
        (self.seat, self.session()) == (seat, tunnel)
    }

    /// Its number.
    pub(super) fn session(&self) -> MediaSession {
        MediaSession(self.serial)
    }

    /// The packet that `voice` is, if it is one and comes after those before it.
    pub(super) fn take<'a>(&mut self, voice: &'a Voice, level: u8) -> Option<Incoming<'a>> {
        let well_formed = (1..=MAX_VOICE).contains(&voice.opus.len()) && level <= SILENCE;
        let index = match self.last {
            None => Index(u64::from(voice.sequence)),
            Some(last) => {
                let ahead = voice.sequence.wrapping_sub(last.wire());
                if !(1..0x8000).contains(&ahead) {
                    return None;
                }
                Index(last.0 + u64::from(ahead))
            }
        };
        if !well_formed {
            return None;
        }
        self.last = Some(index);
        Some(Incoming {
            kind: MediaKind::Audio,
            origin: Origin { uplink: 0, layer: 0 },
            run: Run { session: self.serial, count: 0 },
            index,
            timestamp: voice.timestamp,
            marker: false,
            codec: Codec::Opus,
            starts: true,
            vp8: None,
            audio_level: Some(level),
            echoes: false,
            payload: &voice.opus,
        })
    }

    /// Whether it may send `len` bytes more now.
    pub(super) fn may_send(&mut self, now: Instant, len: usize) -> bool {
        self.policer.admit(now, len)
    }

    /// What a packet of `speaker` is to this seat; `None` for what is no voice, or too large.
    pub(super) fn hear(
        &mut self,
        now: Instant,
        speaker: Seat,
        packet: &Incoming<'_>,
    ) -> Option<Voice> {
        let opus = match packet.codec {
            Codec::Opus => packet.payload,
            // What it repeats may be of a time that is not for this seat.
            Codec::Red => &packet.payload[red::primary(packet.payload)?],
            _ => return None,
        };
        if opus.is_empty() || opus.len() > MAX_VOICE {
            return None;
        }
        let downlink = self.downlinks.get_mut(speaker.index())?.get_or_insert_with(|| {
            let mut forwarder = Forwarder::new(clock_rate(MediaKind::Audio), rand::random::<u16>());
            forwarder.set_target(Some(0));
            Box::new(forwarder)
        });
        let place = downlink.place(now, speaker, packet)?;
        Some(Voice {
            sequence: place.index.wire(),
            timestamp: place.timestamp,
            opus: opus.to_vec(),
        })
    }
}
