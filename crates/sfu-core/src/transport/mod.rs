//! What stands between a datagram and clear media: telling datagrams apart, ICE, DTLS and SRTP.
//! Each part is told the time and is given datagrams; none sends anything by itself.

pub mod demux;
pub mod dtls;
pub mod framing;
pub mod ice;
pub mod srtp;
