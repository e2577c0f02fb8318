//! A media stack as light as a client can be: own sockets and connectivity checks, `rtc-dtls` for the
//! handshake, SRTP by hand. A few threads drive all sockets of the process. Who needs a client without a bot takes
//! [`connection::Connection`] alone.

mod arrivals;
pub mod connection;
mod engine;
pub mod packet;
mod peer;
mod reception;
pub mod rtcp;
pub mod sdp;
mod session;
pub mod stun;
mod sys;
mod uplinks;
mod ways;

pub use peer::LightPeer;
