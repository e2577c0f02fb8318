//! Clients as light as they can be, the same for every server: one socket for each peer connection,
//! own ICE, `rtc-dtls` for the handshake, SRTP by hand. All of them live in one thread.

pub(crate) mod camera;
pub(crate) mod load;
pub(crate) mod packet;
pub(crate) mod person;
pub(crate) mod sdp;
pub(crate) mod stun;
pub(crate) mod transport;
