//! The signaling service: WebSockets in, one task a room.
