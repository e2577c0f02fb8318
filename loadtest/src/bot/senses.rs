//! What a bot hears with and speaks with: shared by its task, which knows the room, and by whoever
//! carries its media.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::listener::Listener;
use super::mouth::Mouth;
use super::sent::Failures;

/// The two ends of a bot's media.
pub struct Senses {
    /// What it receives.
    pub listener: Listener,
    /// What it sends.
    pub mouth: Mouth,
    /// What could not be sent.
    pub failures: Failures,
    /// Ways back that the media found by themselves: the rung, and the seconds of silence before it.
    pub returns: Vec<(&'static str, f64)>,
}

/// Held for moments only, and never while waiting.
pub type SharedSenses = Arc<Mutex<Senses>>;

/// A panic elsewhere leaves numbers that are still numbers.
pub fn lock(senses: &SharedSenses) -> MutexGuard<'_, Senses> {
    senses.lock().unwrap_or_else(PoisonError::into_inner)
}
