//! Facilitation templates, phases, floors and turns: pure, told the time.

mod builtin;
mod clock;
mod parse;
mod role_set;
mod template;
mod text;

pub use clock::Clock;
pub use parse::TemplateError;
pub use role_set::{RoleSet, speaks};
pub use template::{
    ClientDrop, DropPolicy, Firmness, FloorKind, FloorPolicy, Need, Overtime, PairBy, Phase,
    RoundOrder, Step, Template, Transition, TurnLimits,
};
pub use text::{Prompts, Text};
