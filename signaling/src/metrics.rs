//! What the service counts: totals only, no room and no person.

use std::marker::PhantomData;
use std::sync::atomic::AtomicU64;
use std::time::Duration;

use palabre_wire::{Carrier, ClosingReason, DropCause, Refusal, Rung};
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::Histogram;
use prometheus_client::metrics::{counter, gauge};
use prometheus_client::registry::Registry;
use serde::Serialize;

/// Something with a value that can be exported under a name.
pub trait Exported {
    /// Puts it in a registry. `name` is as it is exported, with its unit and `_total`.
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry);
}

/// A number that only grows.
#[derive(Debug, Default, Clone)]
pub struct Counter(counter::Counter);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.inc();
    }

    /// So many more.
    pub fn add_many(&self, count: u64) {
        self.0.inc_by(count);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.get()
    }
}

impl Exported for Counter {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(without_total(name), help, self.0.clone());
    }
}

/// The format puts `_total` behind the name of every counter.
fn without_total(name: &'static str) -> &'static str {
    name.strip_suffix("_total").expect("the name of a counter ends with _total")
}

/// How many there are now of what begins and ends.
#[derive(Debug, Default, Clone)]
pub struct UnderWay(gauge::Gauge<u64, AtomicU64>);

impl UnderWay {
    /// One more, until what this gives is dropped.
    #[must_use]
    pub fn begin(&self) -> impl Drop + use<> {
        struct One(gauge::Gauge<u64, AtomicU64>);
        impl Drop for One {
            fn drop(&mut self) {
                self.0.dec();
            }
        }
        self.0.inc();
        One(self.0.clone())
    }
}

impl Exported for UnderWay {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(name, help, self.0.clone());
    }
}

/// Upper bounds of what durations are counted in, in seconds: from what a change in memory takes to
/// what a server is given up for. More of them cost a line each in every scrape.
const BOUNDS: [f64; 19] = [
    0.0005, 0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.15, 0.2, 0.25, 0.3, 0.5, 1.0, 2.0, 4.0,
    5.0, 10.0, 60.0,
];

/// How long something took, each time.
#[derive(Debug, Clone)]
pub struct Durations(Histogram);

impl Default for Durations {
    fn default() -> Self {
        Self(Histogram::new(BOUNDS))
    }
}

impl Durations {
    /// It took so long once more.
    pub fn add(&self, took: Duration) {
        self.0.observe(took.as_secs_f64());
    }
}

impl Exported for Durations {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(name, help, self.0.clone());
    }
}

/// Upper bounds of what rates are counted in, in bytes a second: a voice and its repair take 6,000, a camera's
/// layers 19,000, 62,000 and 210,000 more.
const RATE_BOUNDS: [f64; 10] = [
    6_250., 12_500., 25_000., 50_000., 100_000., 150_000., 250_000., 400_000., 750_000., 1_500_000.,
];

/// How much a second something is, each time.
#[derive(Debug, Clone)]
pub struct Rates(Histogram);

impl Default for Rates {
    fn default() -> Self {
        Self(Histogram::new(RATE_BOUNDS))
    }
}

impl Rates {
    /// It was so many bits a second once more; the unit of metrics is the byte.
    pub fn add_bits(&self, bits: u64) {
        self.0.observe(bits as f64 / 8.0);
    }
}

impl Exported for Rates {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(name, help, self.0.clone());
    }
}

/// What a counter is split by. It has few values, known beforehand: each is a series for ever.
pub trait Label {
    /// The label's name.
    const NAME: &'static str;

    /// Its value here.
    fn value(&self) -> String;
}

/// A value's name on the wire.
fn wire_name(value: &impl Serialize) -> String {
    let name = serde_json::to_value(value).ok();
    name.as_ref().and_then(|name| name.as_str()).unwrap_or("other").to_owned()
}

impl Label for Refusal {
    const NAME: &'static str = "code";

    fn value(&self) -> String {
        wire_name(self)
    }
}

impl Label for ClosingReason {
    const NAME: &'static str = "reason";

    fn value(&self) -> String {
        wire_name(self)
    }
}

impl Label for Rung {
    const NAME: &'static str = "rung";

    fn value(&self) -> String {
        wire_name(self)
    }
}

impl Label for DropCause {
    const NAME: &'static str = "cause";

    fn value(&self) -> String {
        wire_name(self)
    }
}

impl Label for Carrier {
    const NAME: &'static str = "carrier";

    fn value(&self) -> String {
        wire_name(self)
    }
}

type ByLabel = Family<[(&'static str, String); 1], counter::Counter>;

/// A counter for each value of a label.
#[derive(Debug)]
pub struct CountersBy<L>(ByLabel, PhantomData<fn(L)>);

impl<L> Default for CountersBy<L> {
    fn default() -> Self {
        Self(Family::default(), PhantomData)
    }
}

impl<L: Label> CountersBy<L> {
    /// One more of this value.
    pub fn add(&self, label: &L) {
        self.0.get_or_create(&[(L::NAME, label.value())]).inc();
    }
}

impl<L> Exported for CountersBy<L> {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(without_total(name), help, self.0.clone());
    }
}

type TimesByLabel = Family<[(&'static str, String); 1], Histogram, fn() -> Histogram>;

/// How long something took, for each value of a label.
#[derive(Debug)]
pub struct DurationsBy<L>(TimesByLabel, PhantomData<fn(L)>);

impl<L> Default for DurationsBy<L> {
    fn default() -> Self {
        Self(Family::new_with_constructor(|| Histogram::new(BOUNDS)), PhantomData)
    }
}

impl<L: Label> DurationsBy<L> {
    /// It took so long once more, for this value.
    pub fn add(&self, label: &L, took: Duration) {
        self.0.get_or_create(&[(L::NAME, label.value())]).observe(took.as_secs_f64());
    }
}

impl<L> Exported for DurationsBy<L> {
    fn export(&self, name: &'static str, help: &str, registry: &mut Registry) {
        registry.register(name, help, self.0.clone());
    }
}

/// Declares the metrics once: the struct, and how they are exported. One without a name is told by
/// whoever knows the rest of its family.
macro_rules! metrics {
    ($($(#[doc = $doc:literal])+ $field:ident: $type:ty => $name:expr;)+) => {
        /// The service's metrics.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $field: $type,)+
        }

        impl Metrics {
            /// Puts every metric in a registry.
            pub fn export(&self, registry: &mut Registry) {
                $(
                    let help = concat!($($doc),+).trim().trim_end_matches('.');
                    if let Some(name) = $name.into() {
                        self.$field.export(name, help, registry);
                    }
                )+
            }
        }
    };
}

metrics! {
    /// WebSockets opened.
    connections_opened: Counter => "palabre_connections_opened_total";
    /// WebSockets closed.
    connections_closed: Counter => "palabre_connections_closed_total";
    /// Pages let in with the whole room.
    welcomes: Counter => "palabre_welcomes_total";
    /// Pages that came back and were let in with the events they missed.
    resumes: Counter => None;
    /// Pages that came back and were let in with the whole room, for a new media session.
    new_sessions: Counter => None;
    /// WebSockets that we closed, by the reason given.
    closed_by_us: CountersBy<ClosingReason> => "palabre_connections_ended_total";
    /// WebSockets that ended before their page was let in: a wrong link, no words, too many of them.
    rejected: Counter => "palabre_connections_rejected_total";
    /// WebSocket requests from a page of another origin.
    wrong_origin: Counter => "palabre_wrong_origin_total";
    /// Messages of pages that were understood.
    messages_received: Counter => "palabre_messages_received_total";
    /// Messages of pages that were not understood.
    messages_not_understood: Counter => "palabre_messages_not_understood_total";
    /// Messages and reports of pages that were passed over because they came too fast.
    messages_too_fast: Counter => "palabre_messages_too_fast_total";
    /// Voice frames of tunnels that were dropped because their page read too slowly.
    tunnel_frames_dropped: Counter => "palabre_tunnel_frames_dropped_total";
    /// Pages let go because they read too slowly.
    too_slow: Counter => "palabre_outbox_overflows_total";
    /// Commands carried out.
    commands_done: Counter => "palabre_commands_done_total";
    /// Commands refused, by code.
    commands_refused: CountersBy<Refusal> => "palabre_commands_refused_total";
    /// Commands that a page sent again after a drop, and whose first answer it got again.
    commands_repeated: Counter => "palabre_commands_repeated_total";
    /// Events of rooms told to their pages, each counted once.
    events: Counter => "palabre_events_total";
    /// Seats that were given up: their page was silent for too long.
    pages_lost: Counter => "palabre_pages_lost_total";
    /// How long coming back took, by the way back; as pages say.
    reconnects: DurationsBy<Rung> => "palabre_reconnect_seconds";
    /// How long a page heard nothing, by what had happened; as pages say.
    media_gaps: DurationsBy<DropCause> => "palabre_media_gap_seconds";
    /// How media travel, told by each page as it changes.
    carriers: CountersBy<Carrier> => "palabre_media_carriers_total";
    /// What browsers believe that they can send, by our feedback; as pages with a camera say, every half minute.
    estimates: Rates => "palabre_media_estimate_bytes_per_second";
    /// How long the journal took to make a change durable, or to say that it cannot.
    journal_commit: Durations => "palabre_journal_commit_seconds";
    /// Changes that wait for the journal.
    journal_under_way: UnderWay => "palabre_journal_commits_under_way";
    /// Changes that the journal did not take, or not within 10 s.
    journal_failures: Counter => "palabre_journal_failures_total";
    /// From the decision that gives somebody a right to the media plane having it in force.
    grants: Durations => "palabre_floor_grant_seconds";
    /// From the decision that takes a right away to the media plane having it in force.
    revokes: Durations => "palabre_floor_revoke_seconds";
    /// Calls of rooms that the media plane did not answer within 5 s.
    media_timeouts: Counter => "palabre_media_timeouts_total";
    /// Rooms made.
    rooms_opened: Counter => "palabre_rooms_opened_total";
    /// Rooms that came back from the journal.
    rooms_restored: Counter => "palabre_rooms_restored_total";
    /// Rooms that did not come back from the journal.
    rooms_not_restored: Counter => "palabre_rooms_not_restored_total";
    /// Rooms erased because their time was over, though they could not be brought back.
    rooms_expired: Counter => "palabre_rooms_expired_total";
    /// Rooms whose task failed by a fault of ours.
    rooms_failed: Counter => "palabre_rooms_failed_total";
    /// Rooms that another process took over.
    rooms_moved: Counter => "palabre_rooms_moved_total";
    /// Rooms taken over from another process.
    rooms_taken_over: Counter => "palabre_rooms_taken_over_total";
    /// Rooms ended.
    rooms_closed: Counter => "palabre_rooms_closed_total";
}

#[cfg(test)]
mod tests {
    use super::*;

    fn text(metrics: &Metrics) -> String {
        let mut registry = Registry::default();
        metrics.export(&mut registry);
        let mut text = String::new();
        prometheus_client::encoding::text::encode(&mut text, &registry).expect("text");
        text
    }

    #[test]
    fn labels_are_named_as_on_the_wire() {
        let metrics = Metrics::default();
        metrics.commands_refused.add(&Refusal::NotYourTurn);
        metrics.closed_by_us.add(&ClosingReason::TooSlow);
        let text = text(&metrics);
        assert!(
            text.contains("palabre_commands_refused_total{code=\"not_your_turn\"} 1\n"),
            "{text}"
        );
        assert!(
            text.contains("palabre_connections_ended_total{reason=\"too_slow\"} 1\n"),
            "{text}"
        );
    }

    #[test]
    fn ways_back_are_timed_by_rung_and_gaps_by_cause() {
        let metrics = Metrics::default();
        metrics.reconnects.add(&Rung::IceRestart, Duration::from_millis(700));
        metrics.media_gaps.add(&DropCause::PathDead, Duration::from_millis(300));
        metrics.carriers.add(&Carrier::Tcp);
        let text = text(&metrics);
        for line in [
            "palabre_reconnect_seconds_sum{rung=\"ice_restart\"} 0.7\n",
            "palabre_reconnect_seconds_bucket{le=\"1.0\",rung=\"ice_restart\"} 1\n",
            "palabre_media_gap_seconds_count{cause=\"path_dead\"} 1\n",
            "palabre_media_carriers_total{carrier=\"tcp\"} 1\n",
        ] {
            assert!(text.contains(line), "{text}");
        }
    }

    #[test]
    fn estimates_are_in_bytes_a_second() {
        let metrics = Metrics::default();
        metrics.estimates.add_bits(300_000);
        let text = text(&metrics);
        let name = "palabre_media_estimate_bytes_per_second";
        assert!(text.contains(&format!("{name}_sum 37500.0\n")), "{text}");
        assert!(text.contains(&format!("{name}_bucket{{le=\"25000.0\"}} 0\n")), "{text}");
        assert!(text.contains(&format!("{name}_bucket{{le=\"50000.0\"}} 1\n")), "{text}");
    }

    #[test]
    fn what_is_under_way_is_counted_until_it_ends() {
        let metrics = Metrics::default();
        let one = metrics.journal_under_way.begin();
        assert!(text(&metrics).contains("\npalabre_journal_commits_under_way 1\n"));
        drop(one);
        assert!(text(&metrics).contains("\npalabre_journal_commits_under_way 0\n"));
    }

    #[test]
    fn durations_are_in_seconds() {
        let metrics = Metrics::default();
        metrics.revokes.add(Duration::from_millis(3));
        let text = text(&metrics);
        assert!(text.contains("palabre_floor_revoke_seconds_sum 0.003\n"), "{text}");
        assert!(text.contains("palabre_floor_revoke_seconds_bucket{le=\"0.002\"} 0\n"), "{text}");
        assert!(text.contains("palabre_floor_revoke_seconds_bucket{le=\"0.005\"} 1\n"), "{text}");
    }
}
