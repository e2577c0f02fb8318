//! One whole room, pure: seats, presence, phases, floor and what must be told to whom.
//!
//! A [`Room`] has no clock and no task. Drive it so: give it each [`Input`] with the time, carry its
//! [`Effects`] out in order, and give it [`Input::Tick`] no later than [`Room::poll_timeout`] says
//! (asked anew after each input). An input that is refused leaves the room as it was. Inputs with
//! their times are all there is: giving a new room the same ones makes the same room.

mod autopilot;
mod breakout;
mod budget;
mod client;
mod commands;
mod drill;
mod effect;
mod input;
mod next;
mod over;
mod people;
mod personal;
mod presence;
mod read;
mod record;
mod rights;
mod room;
mod session;
mod talk;
mod text;
mod timers;
mod votes;

pub use effect::{Effect, Effects, GateChange, Part};
pub use input::{ConfigError, Input, MAX_SPEAKERS, PersonConfig, RoomConfig};
pub use palabre_vocabulary::{Command, Refusal};
pub use room::Room;
