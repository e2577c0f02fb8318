//! Facilitation templates, phases, floors and turns: pure, told the time.

mod builtin;
mod clock;
mod floor;
mod hands;
mod parse;
mod role_set;
mod template;
mod text;
mod turn;

pub use clock::Clock;
pub use floor::{Floor, FloorRefusal, FloorTimer, Member, Scene};
pub use hands::{Hand, Hands, Resume};
pub use parse::TemplateError;
pub use role_set::{RoleSet, speaks};
pub use template::{
    ClientDrop, DropPolicy, Firmness, FloorKind, FloorPolicy, Need, Overtime, PairBy, Phase,
    RoundOrder, Step, Template, Transition, TurnLimits,
};
pub use text::{Prompts, Text};
pub use turn::{Part, Turn};
