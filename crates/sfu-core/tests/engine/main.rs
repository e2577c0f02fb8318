//! The engine as a whole, in virtual time: real DTLS and SRTP, no socket.

mod allocation;
mod forwarding;
mod gate;
mod groups;
mod handover;
mod lifetime;
mod paths;
mod repair;
mod schedules;
mod support;
mod trust;
mod tunnel;
mod ways_back;
