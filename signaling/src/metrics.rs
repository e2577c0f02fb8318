//! What the service counts: totals only, no room and no person.

use std::sync::atomic::{AtomicU64, Ordering};

/// A number that many tasks change and one reads.
#[derive(Debug, Default)]
pub struct Counter(AtomicU64);

impl Counter {
    /// One more.
    pub fn add(&self) {
        self.0.fetch_add(1, Ordering::Relaxed);
    }

    /// So many more.
    pub fn add_many(&self, count: u64) {
        self.0.fetch_add(count, Ordering::Relaxed);
    }

    /// The number now.
    #[must_use]
    pub fn get(&self) -> u64 {
        self.0.load(Ordering::Relaxed)
    }
}

/// A counter's value in its exported unit: times are counted in microseconds.
fn exported(name: &str, counter: &Counter) -> f64 {
    let value = counter.get() as f64;
    if name.ends_with("_seconds_total") { value / 1e6 } else { value }
}

/// Declares the counters once: the struct, and the table that is exported.
macro_rules! counters {
    ($($(#[doc = $doc:literal])+ $field:ident => $name:literal;)+) => {
        /// The service's counters.
        #[derive(Debug, Default)]
        pub struct Metrics {
            $($(#[doc = $doc])+ pub $field: Counter,)+
        }

        impl Metrics {
            /// Each counter's exported name, what it counts, and its value.
            #[must_use]
            pub fn table(&self) -> Vec<(&'static str, &'static str, f64)> {
                vec![$(($name, concat!($($doc),+).trim_ascii(), exported($name, &self.$field)),)+]
            }
        }
    };
}

counters! {
    /// WebSockets opened.
    connections_opened => "palabre_connections_opened_total";
    /// WebSockets closed.
    connections_closed => "palabre_connections_closed_total";
    /// Pages let in with the whole room.
    welcomes => "palabre_welcomes_total";
    /// Pages let in with the events they missed.
    resumes => "palabre_resumes_total";
    /// Pages not let in.
    rejected => "palabre_connections_rejected_total";
    /// WebSocket requests from a page of another origin.
    wrong_origin => "palabre_wrong_origin_total";
    /// Messages of pages that were understood.
    messages_received => "palabre_messages_received_total";
    /// Messages of pages that were not understood.
    messages_not_understood => "palabre_messages_not_understood_total";
    /// Messages of pages beyond their limit.
    messages_too_fast => "palabre_messages_too_fast_total";
    /// Pages let go because they read too slowly.
    too_slow => "palabre_outbox_overflows_total";
    /// Commands carried out.
    commands_done => "palabre_commands_done_total";
    /// Commands refused.
    commands_refused => "palabre_commands_refused_total";
    /// Commands sent again and answered again.
    commands_repeated => "palabre_commands_repeated_total";
    /// Events told to rooms.
    events => "palabre_events_total";
    /// Pages lost without a word.
    pages_lost => "palabre_pages_lost_total";
    /// Inputs made durable.
    journal_commits => "palabre_journal_commits_total";
    /// How long rooms waited for the journal, all in all.
    journal_wait_microseconds => "palabre_journal_wait_seconds_total";
    /// Calls that the media plane did not answer in time.
    media_timeouts => "palabre_media_timeouts_total";
    /// Rooms made.
    rooms_opened => "palabre_rooms_opened_total";
    /// Rooms that came back from the journal.
    rooms_restored => "palabre_rooms_restored_total";
    /// Rooms that did not come back from the journal.
    rooms_not_restored => "palabre_rooms_not_restored_total";
    /// Rooms erased because their time was over, though they could not be brought back.
    rooms_expired => "palabre_rooms_expired_total";
    /// Rooms whose task failed by a fault of ours.
    rooms_failed => "palabre_rooms_failed_total";
    /// Rooms ended.
    rooms_closed => "palabre_rooms_closed_total";
}
