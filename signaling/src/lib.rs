//! The signaling service: WebSockets in, one task a room.
//!
//! [`Service`] knows which rooms there are; [`router`] is the way in. A connection's task reads, limits
//! and parses what its page says; the room's task carries it out and tells everyone. Media is behind
//! [`MediaPlane`], memory behind [`palabre_backup::Journal`].

mod clock;
mod connection;
mod door;
mod history;
mod limits;
mod links;
mod media;
mod metrics;
mod news;
mod outbox;
mod room_task;
mod seat;
mod seat_media;
mod service;
mod tunnel;
mod turn;
mod turnstile;
mod upgrade;
mod view;
mod voices;

pub use clock::ServerClock;
pub use door::network;
pub use media::{
    MEDIA_PATIENCE, MediaFuture, MediaNotice, MediaPlane, MediaStopped, Negotiated, OfferError,
    PARTING,
};
pub use metrics::{Counter, CountersBy, Durations, Exported, Label, Metrics, UnderWay};
pub use news::{Herald, News};
pub use palabre_backup::Milestone;
pub use service::{CreateError, HandOver, Invitation, MoveError, Service, ServiceConfig, Token};
pub use tunnel::Ear;
pub use turn::Turn;
pub use upgrade::router;
