//! The SFU's shell: one thread and one port a shard, by UDP and TCP, around the media engine.
//!
//! A room lives on one shard, so nothing of it is shared: its shard's thread owns the engine, the
//! socket and the clock, and everyone else sends it jobs and waits for their end. What a job has
//! changed is in force when its call returns: a revoked microphone is forwarded no more.

mod batch;
mod ears;
mod handle;
mod shard;
mod sys;
mod tcp;

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

pub use ears::Ear;
pub use handle::{NegotiateError, SfuHandle, Stopped};
use palabre_sfu_core::engine::EngineStats;
use palabre_sfu_core::transport::dtls::DtlsError;
pub use sys::local_addresses;

/// How the media plane is laid out.
#[derive(Debug, Clone)]
pub struct SfuConfig {
    /// How many threads and ports: one for each core that media may use.
    pub shards: usize,
    /// Where the first shard listens; each next one takes the next port. Port 0 lets the system
    /// choose all of them.
    pub bind: SocketAddr,
    /// The addresses at which pages reach this machine, best first; [`local_addresses`] when empty.
    pub advertise: Vec<IpAddr>,
}

impl Default for SfuConfig {
    fn default() -> Self {
        Self {
            shards: 1,
            bind: SocketAddr::from((Ipv4Addr::UNSPECIFIED, 8081)),
            advertise: Vec::new(),
        }
    }
}

/// Why the media plane does not start.
#[derive(Debug, thiserror::Error)]
pub enum StartError {
    /// There must be a shard.
    #[error("the media plane needs at least one shard, and a port for each")]
    Shards,
    /// A port cannot be had.
    #[error("cannot listen for media on {protocol} port {port}: {error}")]
    Bind {
        /// `UDP` or `TCP`: media need both.
        protocol: &'static str,
        /// Which.
        port: u16,
        /// Why.
        error: std::io::Error,
    },
    /// A thread or its wake-up cannot be had.
    #[error("cannot start a media thread: {0}")]
    Thread(std::io::Error),
    /// No certificate can be made.
    #[error(transparent)]
    Certificate(#[from] DtlsError),
}

/// What passed through a shard since it started.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct ShardStats {
    /// What its engine counts.
    pub engine: EngineStats,
    /// What its UDP socket counts.
    pub io: IoStats,
    /// What its TCP connections count.
    pub tcp: TcpStats,
    /// The most jobs that waited for its thread at once, since this was last asked.
    pub deepest_inbox: u64,
    /// The processor time of its thread, in nanoseconds.
    pub busy_nanos: u64,
}

/// What a shard's TCP connections count; `connections` and `queued_bytes` are what there is now.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct TcpStats {
    /// Connections that are open.
    pub connections: u64,
    /// Bytes that wait for them to take them.
    pub queued_bytes: u64,
    /// Connections that were accepted.
    pub accepted: u64,
    /// Connections that were turned away because there were too many, or nothing left for them.
    pub refused: u64,
    /// Connections closed because what came was not framed.
    pub unframed: u64,
    /// Connections closed because no authentic check came, nothing came, or nothing was taken.
    pub useless: u64,
    /// Datagrams that came.
    pub datagrams_in: u64,
    /// Their bytes, without framing.
    pub bytes_in: u64,
    /// Datagrams that were queued to leave.
    pub datagrams_out: u64,
    /// Their bytes, without framing.
    pub bytes_out: u64,
    /// Datagrams dropped because their receiver was slow or gone.
    pub dropped: u64,
}

/// What a shard's UDP socket counts.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct IoStats {
    /// Datagrams that came.
    pub datagrams_in: u64,
    /// Their bytes.
    pub bytes_in: u64,
    /// Datagrams that were given to the kernel.
    pub datagrams_out: u64,
    /// Their bytes.
    pub bytes_out: u64,
    /// Messages that carried them: fewer than datagrams where segmentation applies.
    pub messages_out: u64,
    /// Datagrams dropped because the kernel had no room for them; they are not waited for.
    pub dropped_full: u64,
    /// Datagrams the kernel refused, most often because their network is gone.
    pub dropped_refused: u64,
}

/// Starts and stops the media plane.
pub struct Sfu;

impl Sfu {
    /// Starts the shards. The handle talks to them, the receiver hears of them; when every handle
    /// is gone, or [`SfuHandle::shutdown`] is called, they say goodbye to their peers and end.
    ///
    /// # Errors
    /// See [`StartError`].
    pub fn start(
        config: &SfuConfig,
    ) -> Result<(SfuHandle, tokio::sync::mpsc::Receiver<palabre_sfu_core::MediaEvent>), StartError>
    {
        handle::start(config)
    }
}
