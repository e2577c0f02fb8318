//! What is read from its keepers at each scrape.

use std::fmt::Error;
use std::sync::{Arc, Mutex, PoisonError};

use palabre_backup::Health;
use palabre_sfu::ShardStats;
use palabre_sfu_core::engine::{EngineStats, LOSS_BOUNDS, ROUND_TRIP_BOUNDS, Spread};
use palabre_signaling::Service;
use palabre_wire::Rung;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, NoLabelSet};
use prometheus_client::metrics::MetricType;

use super::process::Process;
use crate::media::SfuPlane;
use crate::tls::Standing;

/// One moment of everything that is sampled.
#[derive(Debug, Default)]
pub(super) struct Sampled {
    rooms: u64,
    seats: u64,
    seats_connected: u64,
    connections: u64,
    limits: [u64; 3],
    certificate_expires_at: i64,
    deepest_inbox: u64,
    ready: bool,
    heartbeat_age: f64,
    /// Resumes and new sessions.
    returns: [u64; 2],
    journal: Health,
    /// Empty when the media plane does not answer.
    shards: Vec<ShardStats>,
    process: Process,
}

impl Sampled {
    pub(super) async fn take(service: &Service, sfu: &SfuPlane, certificate: &Standing) -> Self {
        let (seats, seats_connected) = service.seats();
        let metrics = service.metrics();
        Self {
            rooms: service.room_count() as u64,
            seats: seats as u64,
            seats_connected: seats_connected as u64,
            connections: service.open_connections(),
            limits: service.limits().map(|limit| limit as u64),
            certificate_expires_at: certificate.expires_at(),
            deepest_inbox: service.deepest_inbox() as u64,
            ready: service.is_ready(),
            heartbeat_age: service.heartbeat_age().0 as f64 / 1e3,
            returns: [metrics.resumes.get(), metrics.new_sessions.get()],
            journal: service.journal_health(),
            shards: sfu.0.stats().await.unwrap_or_default(),
            process: Process::read(),
        }
    }

    /// A moment of nothing but these media threads.
    #[cfg(test)]
    pub(super) fn with(shards: Vec<ShardStats>) -> Self {
        Self { shards, ..Self::default() }
    }

    fn encode(&self, out: &mut Out<'_>) -> Result<(), Error> {
        out.gauge("palabre_ready", "Whether pages are taken: 1 or 0", f64::from(self.ready))?;
        let help = "How long ago the server last noted in the journal that it lives";
        out.gauge("palabre_heartbeat_age_seconds", help, self.heartbeat_age)?;
        out.gauge("palabre_rooms", "Rooms there are", self.rooms as f64)?;
        out.gauge("palabre_seats", "Seats of all rooms", self.seats as f64)?;
        let help = "Seats whose page is connected";
        out.gauge("palabre_seats_connected", help, self.seats_connected as f64)?;
        out.gauge("palabre_connections", "WebSockets open", self.connections as f64)?;
        let [rooms, seats, connections] = self.limits;
        out.gauge("palabre_rooms_limit", "Rooms at most", rooms as f64)?;
        out.gauge("palabre_seats_limit", "Seats of all rooms at most", seats as f64)?;
        let help = "WebSockets with a valid link at most";
        out.gauge("palabre_connections_limit", help, connections as f64)?;
        let help = "The end of the certificate in use; 0 without one";
        let expires_at = self.certificate_expires_at as f64;
        out.gauge("palabre_tls_certificate_expires_timestamp_seconds", help, expires_at)?;
        let help = "The most messages that wait for one room";
        out.gauge("palabre_room_inbox_deepest", help, self.deepest_inbox as f64)?;
        self.encode_journal(out)?;
        self.encode_media(out)?;
        let [resumes, new_sessions] = self.returns;
        let address_changes = self.sum(|shard| shard.engine.address_changes);
        out.counters(
            "palabre_reconnections_total",
            "Ways back that were taken, by rung of the ladder",
            "rung",
            [
                (Rung::Resume.name(), resumes as f64),
                (Rung::Rebind.name(), address_changes),
                (Rung::NewTransport.name(), new_sessions as f64),
            ],
        )?;
        self.encode_process(out)
    }

    fn encode_journal(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let Health { waiting_rooms, refusals, torn, damaged } = self.journal;
        let help = "Rooms of which something waits for the disk";
        out.gauge("palabre_journal_waiting_rooms", help, waiting_rooms as f64)?;
        let help = "Writes that the disk refused";
        out.counter("palabre_journal_refusals_total", help, refusals as f64)?;
        let help = "Rooms whose last write a crash cut off";
        out.counter("palabre_journal_torn_total", help, torn as f64)?;
        let help = "Rooms found damaged at the start: the file as it was found is kept beside the journal's";
        out.counter("palabre_journal_damaged_total", help, damaged as f64)
    }

    fn sum(&self, pick: fn(&ShardStats) -> u64) -> f64 {
        self.shards.iter().map(pick).fold(0, u64::saturating_add) as f64
    }

    /// The spread of all shards together.
    fn merged<const N: usize>(&self, pick: fn(&EngineStats) -> &Spread<N>) -> Spread<N> {
        let mut all = Spread::default();
        for shard in &self.shards {
            all.merge(pick(&shard.engine));
        }
        all
    }

    fn encode_media(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let up = f64::from(!self.shards.is_empty());
        out.gauge("palabre_media_up", "Whether every media thread answers: 1 or 0", up)?;
        for (name, help, pick) in MEDIA_GAUGES {
            out.gauge(name, help, self.sum(*pick))?;
        }
        for (name, help, pick) in MEDIA_COUNTERS {
            out.counter(name, help, self.sum(*pick))?;
        }
        out.counters(
            "palabre_media_datagrams_dropped_total",
            "Datagrams the kernel did not take, by cause: no room, or refused (no network)",
            "cause",
            [
                ("full", self.sum(|shard| shard.io.dropped_full)),
                ("refused", self.sum(|shard| shard.io.dropped_refused)),
            ],
        )?;
        out.counters(
            "palabre_media_tcp_ended_total",
            "TCP connections for media turned away (refused: too many) or closed by us: unframed brought no frames, useless proved nothing, was silent or took nothing",
            "cause",
            [
                ("refused", self.sum(|shard| shard.tcp.refused)),
                ("unframed", self.sum(|shard| shard.tcp.unframed)),
                ("useless", self.sum(|shard| shard.tcp.useless)),
            ],
        )?;
        out.counters(
            "palabre_media_packets_asked_again_total",
            "Lost packets that were asked for again (NACK), by who asked: receivers, or the server its publishers",
            "by",
            [
                ("receiver", self.sum(|shard| shard.engine.packets_nacked_by_receivers)),
                ("server", self.sum(|shard| shard.engine.packets_nacked)),
            ],
        )?;
        let deepest = self.shards.iter().map(|shard| shard.deepest_inbox).max().unwrap_or(0);
        let help = "The most messages that waited for one media thread, since the last scrape";
        out.gauge("palabre_media_inbox_deepest", help, deepest as f64)?;
        out.spread(
            "palabre_media_round_trip_seconds",
            "Round trips to receivers, as their reports tell",
            (&ROUND_TRIP_BOUNDS, 1e6),
            &self.merged(|engine| &engine.round_trips),
        )?;
        out.spread(
            "palabre_media_receiver_loss_ratio",
            "Shares of packets lost on the way to receivers, by stream and report",
            (&LOSS_BOUNDS, 256.0),
            &self.merged(|engine| &engine.losses),
        )?;
        let busy = self.shards.iter().enumerate();
        let busy: Vec<(String, f64)> =
            busy.map(|(at, shard)| (at.to_string(), shard.busy_nanos as f64 / 1e9)).collect();
        out.counters(
            "palabre_media_shard_busy_seconds_total",
            "Processor time of each media thread",
            "shard",
            busy.iter().map(|(at, seconds)| (at.as_str(), *seconds)),
        )
    }

    fn encode_process(&self, out: &mut Out<'_>) -> Result<(), Error> {
        let process = &self.process;
        let help = "Processor time of the process";
        out.counter("process_cpu_seconds_total", help, process.cpu_seconds)?;
        let help = "Memory of the process that is in use (resident)";
        out.gauge("process_resident_memory_bytes", help, process.resident_bytes as f64)?;
        out.gauge("process_open_fds", "Open files and sockets", process.open_files as f64)?;
        let help = "Files and sockets that may be open";
        out.gauge("process_max_fds", help, process.most_files as f64)?;
        out.gauge("process_threads", "Threads of the process", process.threads as f64)?;
        let help = "When the process began";
        out.gauge("process_start_time_seconds", help, process.started_at)
    }
}

/// A metric summed over the shards: name, what it counts, where it is.
type Media = (&'static str, &'static str, fn(&ShardStats) -> u64);

const MEDIA_GAUGES: &[Media] = &[
    ("palabre_media_rooms", "Rooms open in the media plane", |s| s.engine.rooms),
    ("palabre_media_peers", "Peers with a media session", |s| s.engine.peers),
    (
        "palabre_media_tunnels",
        "Pages without WebRTC, whose voices take the signaling connection",
        |s| s.engine.tunnels,
    ),
    ("palabre_media_tcp_connections", "TCP connections for media", |s| s.tcp.connections),
    ("palabre_media_tcp_queued_bytes", "Bytes that wait for receivers by TCP", |s| {
        s.tcp.queued_bytes
    }),
];

const MEDIA_COUNTERS: &[Media] = &[
    ("palabre_media_packets_received_total", "Media packets that came, and are authentic", |s| {
        s.engine.packets_in
    }),
    (
        "palabre_media_packets_forwarded_total",
        "Media packets forwarded, one for each receiver",
        |s| s.engine.packets_out,
    ),
    ("palabre_media_packets_gated_total", "Media packets the gate stopped", |s| {
        s.engine.packets_gated
    }),
    ("palabre_media_packets_policed_total", "Media packets above what a publisher may send", |s| {
        s.engine.packets_policed
    }),
    (
        "palabre_media_packets_repeated_total",
        "Media packets that came before: publishers measure their path with them",
        |s| s.engine.packets_repeated,
    ),
    (
        "palabre_media_packets_padding_total",
        "Packets of nothing but padding, by which publishers measure their path",
        |s| s.engine.packets_padding,
    ),
    (
        "palabre_media_packets_refused_total",
        "Authenticated packets that their sender's session does not account for",
        |s| s.engine.packets_refused,
    ),
    ("palabre_media_packets_resent_total", "Packets sent again because a receiver asked", |s| {
        s.engine.packets_resent
    }),
    ("palabre_media_keyframe_requests_total", "Keyframe requests sent to publishers", |s| {
        s.engine.keyframe_requests
    }),
    (
        "palabre_media_keyframe_requests_received_total",
        "Keyframe requests that came from receivers",
        |s| s.engine.keyframe_requests_by_receivers,
    ),
    (
        "palabre_media_feedback_reports_total",
        "Reports of arrival times sent to publishers, whose estimators live by them",
        |s| s.engine.feedback_reports,
    ),
    (
        "palabre_media_datagrams_refused_total",
        "Datagrams that belonged to nobody or failed authentication",
        |s| s.engine.datagrams_refused,
    ),
    (
        "palabre_media_path_trials_total",
        "Peers whose keys were tried on a packet from an unknown address",
        |s| s.engine.trials,
    ),
    ("palabre_media_datagrams_received_total", "Datagrams that came", |s| s.io.datagrams_in),
    ("palabre_media_datagrams_sent_total", "Datagrams given to the kernel", |s| s.io.datagrams_out),
    ("palabre_media_received_bytes_total", "Bytes of datagrams that came", |s| s.io.bytes_in),
    ("palabre_media_sent_bytes_total", "Bytes of datagrams given to the kernel", |s| {
        s.io.bytes_out
    }),
    (
        "palabre_media_messages_sent_total",
        "Messages that carried datagrams to the kernel: fewer where it segments",
        |s| s.io.messages_out,
    ),
    (
        "palabre_media_tunnel_frames_refused_total",
        "Voice frames that were out of order, or of no tunnel",
        |s| s.engine.voices_refused,
    ),
    ("palabre_media_tcp_accepted_total", "TCP connections that were accepted", |s| s.tcp.accepted),
    ("palabre_media_tcp_received_bytes_total", "Bytes of datagrams that came by TCP", |s| {
        s.tcp.bytes_in
    }),
    ("palabre_media_tcp_sent_bytes_total", "Bytes of datagrams queued for TCP", |s| {
        s.tcp.bytes_out
    }),
    (
        "palabre_media_tcp_dropped_total",
        "Datagrams dropped because their receiver by TCP was slow or gone",
        |s| s.tcp.dropped,
    ),
];

/// Writes metrics out.
struct Out<'a>(DescriptorEncoder<'a>);

impl Out<'_> {
    fn gauge(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.0.encode_descriptor(name, help, None, MetricType::Gauge)?.encode_gauge(&value)
    }

    fn counter(&mut self, name: &str, help: &str, value: f64) -> Result<(), Error> {
        self.0
            .encode_descriptor(without_total(name), help, None, MetricType::Counter)?
            .encode_counter::<NoLabelSet, _, f64>(&value, None)
    }

    /// A histogram; a value is so many `unit`s.
    fn spread<const N: usize>(
        &mut self,
        name: &str,
        help: &str,
        (bounds, unit): (&[u64; N], f64),
        spread: &Spread<N>,
    ) -> Result<(), Error> {
        let within: u64 = spread.classes.iter().sum();
        let bounds = bounds.iter().map(|bound| *bound as f64 / unit).chain([f64::MAX]);
        let counts = spread.classes.into_iter().chain([spread.count - within]);
        let buckets: Vec<(f64, u64)> = bounds.zip(counts).collect();
        self.0
            .encode_descriptor(name, help, None, MetricType::Histogram)?
            .encode_histogram::<NoLabelSet>(spread.sum as f64 / unit, spread.count, &buckets, None)
    }

    fn counters<'v>(
        &mut self,
        name: &str,
        help: &str,
        label: &str,
        values: impl IntoIterator<Item = (&'v str, f64)>,
    ) -> Result<(), Error> {
        let mut family =
            self.0.encode_descriptor(without_total(name), help, None, MetricType::Counter)?;
        for (value, count) in values {
            let labels = [(label, value)];
            family.encode_family(&labels)?.encode_counter::<NoLabelSet, _, f64>(&count, None)?;
        }
        Ok(())
    }
}

/// The format puts `_total` behind the name of every counter.
fn without_total(name: &str) -> &str {
    name.strip_suffix("_total").expect("the name of a counter ends with _total")
}

/// The last sample, for the registry.
#[derive(Debug)]
pub(super) struct Collected(pub(super) Arc<Mutex<Sampled>>);

impl Collector for Collected {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let sampled = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        sampled.encode(&mut Out(encoder))
    }
}
