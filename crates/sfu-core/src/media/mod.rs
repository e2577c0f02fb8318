//! The media half: from an authenticated packet of one peer to the packets of the others. Every
//! part is pure; the engine joins them.

pub mod cache;
pub mod feedback;
pub mod forwarder;
pub mod gate;
pub mod keyframe;
pub mod policer;
pub mod publication;
pub mod reception;
pub mod red;
pub mod resend;
pub mod rtcp;
pub mod rtp;
pub mod seats;
pub mod sequence;
pub mod speech;
pub mod vp8;
