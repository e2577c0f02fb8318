//! Facilitation templates, phases, floors and turns: pure, told the time.

mod builtin;
mod floor;
mod hands;
mod parse;
mod policy;
mod role_set;
mod template;
mod text;
mod turn;

pub use floor::{Floor, FloorRefusal, FloorTimer, Member, Scene};
pub use hands::{Hand, Hands, Resume};
pub use parse::TemplateError;
pub use policy::{Answerer, FloorPolicy, Mix, PairBy, RoundOrder, Rounds, TurnLimits};
pub use role_set::{RoleSet, speaks};
pub use template::{
    ClientDrop, ClientOf, DropPolicy, Need, Overtime, Phase, Step, Template, Transition, VoteRule,
    VoteRuleAbout,
};
pub use text::{Prompts, Text};
pub use turn::{Part, Turn};
