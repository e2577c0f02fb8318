//! Bots that join Palabre rooms by the public wire protocol, speak, listen and measure.
//!
//! A *full* bot is a real client: the `webrtc` crate's peer connection, Opus made from speech, VP8
//! that a browser decodes. A *light* bot is the same but for its media, which the stack of [`light`]
//! carries for many bots at once. A *raw* bot owns its UDP socket and every byte on it: it does what no
//! client may. `run` drives them by a scenario and judges; `bots` keeps some in a room for a test
//! that drives them by JSON lines.

pub mod backoff;
pub mod bot;
pub mod control;
pub mod hostile;
pub mod ledger;
pub mod light;
pub mod link;
pub mod media;
pub mod own;
pub mod relay;
pub mod run;
pub mod samples;
pub mod signaling;
