//! Whole sessions in virtual time: seeded people in a room that follows a template.
//!
//! [`play`] runs one session through [`palabre_room::Room`], with people who overrun, pass, ask,
//! write, vote, come late, drop and return, a facilitator who drops too, and a server that restarts;
//! it answers a timeline to read, and what was wrong with the template. [`look`] says what can be seen
//! without playing. The same seed plays the same session.

mod chair;
mod dice;
mod faults;
mod group;
mod play;
mod seat;
mod timeline;

pub use faults::{Fault, look};
pub use play::{Plan, Played, play};
pub use timeline::{Line, PhaseUse};
