//! The way of voices between one connection and the media plane. It does not pass through the room's
//! task, which may wait for a disk: the gate is the media plane's, in force before anybody is told of it.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex, PoisonError};

use axum::body::Bytes;
use palabre_ids::{MediaSession, Seat};
use palabre_wire::frame;
use tokio::sync::Notify;

use crate::metrics::Counter;

/// Frames of each speaker that wait for a page: 200 ms of sound. More are older when they are heard, fewer
/// are lost where a network pauses for a moment.
const WAITING: usize = 10;

#[derive(Debug, Default)]
enum State {
    /// What comes is passed over.
    #[default]
    Closed,
    Open {
        tunnel: MediaSession,
        /// Oldest first, with who speaks.
        waiting: VecDeque<(Seat, Bytes)>,
    },
}

/// A connection's line to the media plane: its room opens and closes it, the plane and the connection use
/// it.
#[derive(Debug)]
pub(crate) struct TunnelLine {
    state: Mutex<State>,
    news: Notify,
    /// Frames that the page did not read in time.
    dropped: Counter,
}

impl TunnelLine {
    pub(crate) fn new(dropped: Counter) -> Arc<Self> {
        Arc::new(Self { state: Mutex::default(), news: Notify::new(), dropped })
    }

    /// Where the media plane puts what the page is to hear.
    pub(crate) fn ear(self: &Arc<Self>) -> Ear {
        Ear(Arc::clone(self))
    }

    /// Carries the voices of a tunnel from now on.
    pub(crate) fn open(&self, tunnel: MediaSession) {
        self.with(|state| *state = State::Open { tunnel, waiting: VecDeque::new() });
    }

    /// Carries nothing any more; what waits is forgotten.
    pub(crate) fn close(&self) {
        self.with(|state| *state = State::Closed);
    }

    /// The tunnel that what the page says goes into.
    pub(crate) fn tunnel(&self) -> Option<MediaSession> {
        self.with(|state| match state {
            State::Closed => None,
            State::Open { tunnel, .. } => Some(*tunnel),
        })
    }

    /// Forgets what waits of those who are not to be heard any more.
    pub(crate) fn keep(&self, may_be_heard: impl Fn(Seat) -> bool) {
        self.with(|state| {
            if let State::Open { waiting, .. } = state {
                waiting.retain(|(speaker, _)| may_be_heard(*speaker));
            }
        });
    }

    /// The next frame for the page; it comes when there is one.
    pub(crate) async fn next(&self) -> Bytes {
        loop {
            let next = self.with(|state| match state {
                State::Closed => None,
                State::Open { waiting, .. } => waiting.pop_front(),
            });
            match next {
                Some((_, frame)) => return frame,
                // What was put in since is remembered.
                None => self.news.notified().await,
            }
        }
    }

    fn put(&self, speaker: Seat, frame: Bytes) {
        let late = self.with(|state| {
            let State::Open { waiting, .. } = state else { return false };
            let of_speaker = waiting.iter().filter(|(seat, _)| *seat == speaker).count();
            let late = of_speaker >= WAITING;
            if late && let Some(oldest) = waiting.iter().position(|(seat, _)| *seat == speaker) {
                waiting.remove(oldest);
            }
            waiting.push_back((speaker, frame));
            late
        });
        if late {
            self.dropped.add();
        }
        self.news.notify_one();
    }

    fn with<R>(&self, f: impl FnOnce(&mut State) -> R) -> R {
        // Nothing under it panics half-way.
        f(&mut self.state.lock().unwrap_or_else(PoisonError::into_inner))
    }
}

/// Where a media plane puts what a seat hears through its tunnel. What a page does not read in time is
/// dropped, the oldest first.
#[derive(Debug, Clone)]
pub struct Ear(Arc<TunnelLine>);

impl Ear {
    /// Takes a packet. It waits for nobody.
    pub fn hear(&self, voice: &frame::Heard<'_>) {
        self.0.put(voice.seat, voice.encode().into());
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const TUNNEL: MediaSession = MediaSession(7);

    fn hear(line: &Arc<TunnelLine>, speaker: u8, sequence: u16) {
        let opus = b"opus".as_slice();
        line.ear().hear(&frame::Heard { seat: Seat(speaker), sequence, timestamp: 0, opus });
    }

    /// Everything that waits: who, and which of theirs.
    async fn read(line: &TunnelLine) -> Vec<(u8, u16)> {
        let count = line.with(|state| match state {
            State::Closed => 0,
            State::Open { waiting, .. } => waiting.len(),
        });
        let mut frames = Vec::new();
        for _ in 0..count {
            let bytes = line.next().await;
            let heard = frame::Heard::parse(&bytes).expect("a frame");
            frames.push((heard.seat.0, heard.sequence));
        }
        frames
    }

    #[tokio::test]
    async fn the_oldest_of_each_speaker_goes_first() {
        let dropped = Counter::default();
        let line = TunnelLine::new(dropped.clone());
        hear(&line, 1, 0);
        line.open(TUNNEL);
        hear(&line, 2, 500);
        for sequence in 1..=25 {
            hear(&line, 1, sequence);
        }
        let expected: Vec<_> = [(2, 500)].into_iter().chain((16..=25).map(|n| (1, n))).collect();
        assert_eq!(read(&line).await, expected, "a loud speaker costs no other anything");
        assert_eq!(dropped.get(), 15);
    }

    #[tokio::test]
    async fn what_waits_of_whoever_is_not_to_be_heard_goes_nowhere() {
        let line = TunnelLine::new(Counter::default());
        line.open(TUNNEL);
        for sequence in 0..4 {
            hear(&line, 1, sequence);
            hear(&line, 2, sequence);
        }
        line.keep(|speaker| speaker == Seat(2));
        hear(&line, 3, 9);
        assert_eq!(read(&line).await, [(2, 0), (2, 1), (2, 2), (2, 3), (3, 9)]);
        hear(&line, 2, 5);
        line.close();
        assert_eq!(line.tunnel(), None);
        line.open(TUNNEL);
        hear(&line, 2, 6);
        assert_eq!(read(&line).await, [(2, 6)], "what it held when it was closed is forgotten");
        assert_eq!(line.tunnel(), Some(TUNNEL));
    }
}
