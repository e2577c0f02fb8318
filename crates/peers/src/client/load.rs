//! Everybody sends; nobody at the same moment as another.

use std::time::{Duration, Instant};

use anyhow::Result;
use rustix::event::{PollFd, PollFlags, Timespec, poll};
use rustix::time::{ClockId, clock_gettime};

use super::camera::{AUDIO_PAUSE, Film, Rate};
use super::person::Person;
use super::transport::Taken;

/// What comes later than this after the last packet was sent is lost.
const LATE: Duration = Duration::from_millis(300);
/// From one report of a client to the next.
const REPORT_EVERY: Duration = Duration::from_secs(1);

/// What the clients saw.
#[derive(Debug, Default)]
pub(crate) struct Figures {
    /// Packets sent by all of them.
    pub(crate) sent: u64,
    /// Packets that all of them together should receive.
    pub(crate) expected: u64,
    /// What they received.
    pub(crate) taken: Taken,
    /// From before a packet was sealed to after it was read again by the same thread, sorted.
    pub(crate) latencies: Vec<Duration>,
    /// How long it took.
    pub(crate) time: Duration,
    /// The clients' own processor time.
    pub(crate) clients: Duration,
}

/// A room's participants under load.
pub(crate) struct Load {
    rate: Rate,
    film: Film,
    origin: Instant,
}

/// What a person does next, and when.
struct Due {
    video: Instant,
    audio: Instant,
    report: Instant,
}

impl Load {
    /// # Errors
    /// When the fixture was damaged.
    pub(crate) fn new(rate: Rate, people: &mut [Person]) -> Result<Self> {
        people.iter_mut().for_each(|person| person.film_at(rate));
        Ok(Self { rate, film: Film::fixture()?, origin: Instant::now() })
    }

    fn now(&self) -> u64 {
        self.origin.elapsed().as_nanos() as u64
    }

    /// Sends and receives for `time`, and receives what is still under way.
    ///
    /// # Errors
    /// When the server hangs up.
    pub(crate) fn run(&mut self, people: &mut [Person], time: Duration) -> Result<Figures> {
        let mut figures = Figures::default();
        let others = people.len() as u64 - 1;
        let processor = thread_time();
        let start = Instant::now();
        let end = start + time;
        let pause = Duration::from_secs(1) / self.rate.frames;
        let all = people.len() as u32;
        let mut due: Vec<Due> = (0..all)
            .map(|n| Due {
                video: start + pause * n / all,
                audio: start + AUDIO_PAUSE * n / all + pause / 16,
                report: start + REPORT_EVERY * n / all,
            })
            .collect();
        loop {
            for (person, due) in people.iter_mut().zip(&mut due) {
                let now = Instant::now().min(end);
                if due.video <= now && due.video < end {
                    figures.sent += person.film(&self.film, || self.now())?;
                    due.video += pause;
                }
                if due.audio <= now && due.audio < end {
                    person.speak(self.now())?;
                    figures.sent += 1;
                    due.audio += AUDIO_PAUSE;
                }
                if due.report <= now {
                    person.report(self.origin)?;
                    due.report += REPORT_EVERY;
                }
            }
            figures.expected = figures.sent * others;
            let next = due.iter().flat_map(|due| [due.video, due.audio]).min();
            let next = next.filter(|next| *next < end).unwrap_or(end + LATE);
            let complete = next > end && figures.taken.packets >= figures.expected;
            let now = Instant::now();
            if now >= end && complete || now >= end + LATE {
                break;
            }
            let next = if complete { end } else { next };
            wait(people, next.saturating_duration_since(now));
            for person in people.iter_mut() {
                let (origin, latencies) = (self.origin, &mut figures.latencies);
                let taken = person.receive(|sent| {
                    latencies.push(origin.elapsed().saturating_sub(Duration::from_nanos(sent)));
                })?;
                add(&mut figures.taken, taken);
            }
        }
        figures.time = start.elapsed();
        figures.clients = thread_time().saturating_sub(processor);
        figures.latencies.sort_unstable();
        Ok(figures)
    }
}

fn add(sum: &mut Taken, taken: Taken) {
    sum.packets += taken.packets;
    sum.repeated += taken.repeated;
    sum.rtx += taken.rtx;
    sum.compounds += taken.compounds;
    sum.nacks += taken.nacks;
    sum.arrivals += taken.arrivals;
}

fn wait(people: &[Person], patience: Duration) {
    let mut sockets: Vec<_> = people
        .iter()
        .flat_map(Person::transports)
        .map(|transport| PollFd::new(transport.socket(), PollFlags::IN))
        .collect();
    // An interrupted wait is a short one.
    let _ = poll(&mut sockets, Timespec::try_from(patience).ok().as_ref());
}

fn thread_time() -> Duration {
    let time = clock_gettime(ClockId::ThreadCPUTime);
    Duration::new(time.tv_sec as u64, time.tv_nsec as u32)
}
