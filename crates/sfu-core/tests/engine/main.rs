//! The engine as a whole, in virtual time: real DTLS and SRTP, no socket.

mod forwarding;
mod support;
