//! Thousands of seeded schedules in virtual time: addresses that change, paths that die, UDP that
//! is blocked, a process that is stopped, packets sent again from elsewhere, and the floor passing
//! on through all of it. Whatever happens, only the holder is heard, nothing goes where nobody is,
//! and everybody hears again.
//!
//! `PALABRE_SCHEDULES` says how many (4,000 without it), `PALABRE_SCHEDULE_SEED` where to begin.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, HashSet};
use std::time::{Duration, Instant};

use palabre_ids::{MediaRights, Seat};
use palabre_sfu_core::media::rtcp;
use palabre_sfu_core::session::IceCredentials;
use palabre_sfu_core::transport::demux::{Kind, classify};
use palabre_sfu_core::{MediaEvent, Path};

use crate::support::{Packet, World, path, tcp_path};

const PAGES: usize = 3;
/// A room lives through so many schedules.
const SCHEDULES_A_ROOM: u64 = 64;
/// A page that heard nothing for so long takes its path for dead: three beacons.
const SILENCE: Duration = Duration::from_millis(500);
/// How often a page looks, and checks a path that it tries.
const LOOK: Duration = Duration::from_millis(50);
/// How often a page in use checks its path.
const CONSENT: Duration = Duration::from_millis(2_500);
const FRAME: Duration = Duration::from_millis(20);
/// By then whatever a fault did is mended.
const MENDED: Duration = Duration::from_millis(3_200);

/// A small generator of our own: a schedule is its seed for ever.
struct Chance(u64);

impl Chance {
    fn next(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut z = self.0;
        z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        z ^ (z >> 31)
    }

    fn below(&mut self, n: u64) -> u64 {
        self.next() % n
    }

    fn millis(&mut self, from: u64, to: u64) -> Duration {
        Duration::from_millis(from + self.below(to - from))
    }
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Fault {
    /// A router gives the page another port, and forgets the one before.
    Rebinding,
    /// The page's network is gone, and there is another one.
    DeadPath,
    /// No UDP passes between the page and us any more.
    UdpBlocked,
    /// The page's TCP connection, if it has one, is reset.
    Reset,
    /// Somebody sends what came to us once more, from elsewhere.
    Replay,
    /// Our process is stopped for 10 s and goes on.
    Stopped,
    /// The floor passes on.
    Floor,
}

const FAULTS: [Fault; 7] = [
    Fault::Rebinding,
    Fault::DeadPath,
    Fault::UdpBlocked,
    Fault::Reset,
    Fault::Replay,
    Fault::Stopped,
    Fault::Floor,
];

enum Event {
    /// At the server.
    Arrives(Path, Vec<u8>),
    /// At a page; and who had the floor when it left.
    Delivered(usize, Path, Vec<u8>, usize),
    Frame(usize),
    Report(usize),
    Consent(usize),
    Look(usize),
    /// A page's TCP connection is there.
    Connected(usize, Path),
    /// Signaling tells a page its next credentials.
    Told(usize, IceCredentials),
    Fault(Fault, usize),
    GoesOn,
}

struct Queued(Instant, u64, Event);

impl PartialEq for Queued {
    fn eq(&self, other: &Self) -> bool {
        (self.0, self.1) == (other.0, other.1)
    }
}
impl Eq for Queued {}
impl PartialOrd for Queued {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}
impl Ord for Queued {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.0, self.1).cmp(&(other.0, other.1))
    }
}

/// What the network, and the page's own side, is to one page.
struct Side {
    delay: Duration,
    /// Of a thousand datagrams by UDP, how many are lost.
    loss: u64,
    udp_blocked: bool,
    /// Where it is, has been, and may be: all else is somebody else.
    own: HashSet<Path>,
    dead: HashSet<Path>,
    /// Where it is checking whether it can be.
    trying: Vec<Path>,
    tried: Instant,
    heard: Instant,
    sequence: u64,
    /// The last sound of the holder, and the longest pause of it since the fault.
    sound: Instant,
    pause: Duration,
}

struct Play {
    world: World,
    chance: Chance,
    queue: BinaryHeap<Reverse<Queued>>,
    count: u64,
    sides: Vec<Side>,
    holder: usize,
    stopped: bool,
    /// What waits for a process that is stopped.
    backlog: Vec<(Path, Vec<u8>)>,
    /// What came to us of late, for somebody to send again.
    recorded: Vec<Vec<u8>>,
    recording: bool,
    signaling: bool,
    next_port: u16,
    next_connection: u32,
    /// Bytes that went to where no page is.
    stray: usize,
    /// Bytes that somebody sent again.
    replayed: usize,
    issued: usize,
    /// The credentials that were issued last to each page, which it is told as it resumes.
    next: [Option<IceCredentials>; PAGES],
}

impl Play {
    fn new(seed: u64) -> Self {
        let world = World::new(PAGES as u8, false);
        let now = world.now;
        let sides = world.pages.iter().map(|page| Side {
            delay: Duration::from_millis(20),
            loss: 0,
            udp_blocked: false,
            own: HashSet::from([page.path]),
            dead: HashSet::new(),
            trying: Vec::new(),
            tried: now,
            heard: now,
            sequence: 0,
            sound: now,
            pause: Duration::ZERO,
        });
        let sides = sides.collect();
        let mut play = Self {
            world,
            chance: Chance(seed),
            queue: BinaryHeap::new(),
            count: 0,
            sides,
            holder: 0,
            stopped: false,
            backlog: Vec::new(),
            recorded: Vec::new(),
            recording: false,
            signaling: true,
            next_port: 10_000,
            next_connection: 0,
            stray: 0,
            replayed: 0,
            issued: 0,
            next: [const { None }; PAGES],
        };
        for at in 0..PAGES {
            for event in [Event::Frame(at), Event::Report(at), Event::Consent(at), Event::Look(at)]
            {
                let begin = play.chance.millis(1, 50);
                play.after(begin, event);
            }
        }
        play
    }

    fn after(&mut self, delay: Duration, event: Event) {
        self.count += 1;
        self.queue.push(Reverse(Queued(self.world.now + delay, self.count, event)));
    }

    fn gate(&mut self) {
        // Everybody's microphone is on: the gate alone decides.
        let rights = MediaRights { audio: true, video: false, screen: false };
        self.world.gate(&[(self.holder as u8, rights)]);
    }

    /// Whether `path` of a page carries anything now.
    fn carries(&self, at: usize, path: Path) -> bool {
        let side = &self.sides[at];
        !side.dead.contains(&path) && (path.is_tcp() || !side.udp_blocked)
    }

    /// A datagram's way through a page's network; `None` when it is lost.
    fn way(&mut self, at: usize, path: Path) -> Option<Duration> {
        let lost = !path.is_tcp() && self.chance.below(1_000) < self.sides[at].loss;
        if lost || !self.carries(at, path) {
            return None;
        }
        let jitter = if path.is_tcp() { 0 } else { self.chance.below(6) };
        Some(self.sides[at].delay + Duration::from_millis(jitter))
    }

    fn send(&mut self, at: usize, path: Path, datagram: Vec<u8>) {
        if let Some(delay) = self.way(at, path) {
            self.after(delay, Event::Arrives(path, datagram));
        }
    }

    fn run_until(&mut self, end: Instant) {
        loop {
            let due = self.world.engine.poll_timeout().filter(|_| !self.stopped);
            let event = self.queue.peek().map(|Reverse(queued)| queued.0);
            let Some(next) = due.into_iter().chain(event).min().filter(|next| *next <= end) else {
                self.world.now = end;
                return;
            };
            self.world.now = next.max(self.world.now);
            if event.is_some_and(|event| due.is_none_or(|due| event <= due)) {
                let Some(Reverse(Queued(_, _, event))) = self.queue.pop() else { return };
                self.happen(event);
            } else {
                self.world.engine.handle_timeout(self.world.now, &mut self.world.out);
            }
            self.collect();
        }
    }

    /// Sends on what the engine made.
    fn collect(&mut self) {
        let out = std::mem::take(&mut self.world.out);
        for (path, datagram) in out.iter() {
            let owner = (0..PAGES).find(|at| self.sides[*at].own.contains(&path));
            let Some(at) = owner else {
                self.stray += datagram.len();
                continue;
            };
            if let Some(delay) = self.way(at, path) {
                let event = Event::Delivered(at, path, datagram.to_vec(), self.holder);
                self.after(delay, event);
            }
        }
        self.world.out = out;
        self.world.out.clear();
        while let Some(event) = self.world.engine.poll_event() {
            match event {
                MediaEvent::NextIce { seat, credentials, .. } => {
                    self.issued += 1;
                    self.next[seat.index()] = Some(credentials.clone());
                    if self.signaling {
                        let delay = self.chance.millis(5, 300);
                        self.after(delay, Event::Told(seat.index(), credentials));
                    }
                }
                MediaEvent::PeerLost { .. } => panic!("nobody is gone for that long"),
                _ => {}
            }
        }
    }

    fn arrive(&mut self, path: Path, mut datagram: Vec<u8>) {
        if self.recording && self.chance.below(8) == 0 {
            self.recorded.push(datagram.clone());
        }
        let now = self.world.now;
        self.world.engine.handle_datagram(now, path, &mut datagram, &mut self.world.out);
    }

    fn happen(&mut self, event: Event) {
        match event {
            Event::Arrives(path, datagram) if self.stopped => self.backlog.push((path, datagram)),
            Event::Arrives(path, datagram) => self.arrive(path, datagram),
            Event::Delivered(at, path, datagram, holder) => self.take(at, path, &datagram, holder),
            Event::Frame(at) => {
                self.after(FRAME, Event::Frame(at));
                let side = &mut self.sides[at];
                side.sequence += 1;
                let n = side.sequence;
                // Whoever only listens sends sound now and then, and reports.
                if at == self.holder || self.chance.below(16) == 0 {
                    let packet = Packet::audio(Seat(at as u8), n as u16);
                    let sound = self.world.pages[at].seal_at(&packet, n);
                    self.send(at, self.world.pages[at].path, sound);
                }
            }
            Event::Report(at) => {
                let pause = self.chance.millis(50, 250);
                self.after(pause, Event::Report(at));
                let mut compound = Vec::new();
                rtcp::write_receiver_report(&mut compound, 1, std::iter::empty());
                let report = self.world.pages[at].seal_rtcp(&compound);
                self.send(at, self.world.pages[at].path, report);
            }
            Event::Consent(at) => {
                self.after(CONSENT, Event::Consent(at));
                let check = self.world.pages[at].check(true);
                // While it tries another path it goes by that one's credentials.
                if self.sides[at].trying.is_empty() {
                    self.send(at, self.world.pages[at].path, check);
                }
            }
            Event::Look(at) => self.look(at),
            Event::Connected(at, path) => {
                let side = &mut self.sides[at];
                if !side.dead.contains(&path) && !side.trying.is_empty() {
                    side.trying.push(path);
                    side.own.insert(path);
                }
            }
            Event::Told(at, credentials) => self.world.pages[at].next_ice = Some(credentials),
            Event::Fault(fault, at) => self.break_it(fault, at),
            Event::GoesOn => {
                self.stopped = false;
                for (path, datagram) in std::mem::take(&mut self.backlog) {
                    self.arrive(path, datagram);
                    self.collect();
                }
            }
        }
    }

    /// A datagram at a page.
    fn take(&mut self, at: usize, path: Path, datagram: &[u8], holder: usize) {
        // What was on its way when the path died is lost with it.
        if !self.carries(at, path) {
            return;
        }
        let now = self.world.now;
        self.sides[at].heard = now;
        let kind = classify(datagram);
        if self.world.pages[at].try_take(now, datagram).is_none() {
            // A recorded check sent as if from here: it gets a few bytes of somebody else's.
            self.stray += datagram.len();
            return;
        }
        for packet in std::mem::take(&mut self.world.pages[at].received) {
            let words = String::from_utf8(packet.payload).expect("what a page said");
            let said = format!("opus {holder} ");
            assert!(
                words.starts_with(&said),
                "{words:?} was let through while {holder} held the floor"
            );
            let side = &mut self.sides[at];
            side.pause = side.pause.max(now - side.sound);
            side.sound = now;
        }
        self.world.pages[at].rtcp.clear();
        if kind == Kind::Stun && self.sides[at].trying.contains(&path) {
            // The first path that answers is the one.
            self.sides[at].trying.clear();
            self.world.pages[at].path = path;
            let check = self.world.pages[at].check(true);
            self.send(at, path, check);
        }
    }

    /// A page looks whether its path lives, and tries others when it does not.
    fn look(&mut self, at: usize) {
        self.after(LOOK, Event::Look(at));
        let now = self.world.now;
        let side = &self.sides[at];
        if now - side.heard >= SILENCE && now - side.tried >= SILENCE {
            let known = self.world.pages[at].next_ice.clone().expect("issued ahead");
            let before = self.world.pages[at].path;
            let by_udp = self.another_port();
            self.world.pages[at].begin(known, by_udp);
            // Media go on where they were until the other path answers.
            self.world.pages[at].path = before;
            let by_tcp = tcp_path(by_udp.remote.port(), self.next_connection);
            self.next_connection += 1;
            let side = &mut self.sides[at];
            side.own.insert(by_udp);
            side.trying = vec![by_udp];
            side.tried = now;
            let connects = 2 * side.delay;
            self.after(connects, Event::Connected(at, by_tcp));
        }
        for path in self.sides[at].trying.clone() {
            let check = self.world.pages[at].check(false);
            self.send(at, path, check);
        }
    }

    fn another_port(&mut self) -> Path {
        self.next_port = if self.next_port == u16::MAX { 10_000 } else { self.next_port + 1 };
        path(self.next_port)
    }

    fn break_it(&mut self, fault: Fault, at: usize) {
        let current = self.world.pages[at].path;
        match fault {
            Fault::Rebinding if !current.is_tcp() => {
                let another = self.another_port();
                let side = &mut self.sides[at];
                side.dead.insert(current);
                side.own.insert(another);
                self.world.pages[at].path = another;
            }
            Fault::DeadPath => {
                self.sides[at].dead.insert(current);
            }
            Fault::UdpBlocked => self.sides[at].udp_blocked = true,
            Fault::Reset if current.is_tcp() => {
                self.sides[at].dead.insert(current);
                self.world.engine.forget_path(current);
            }
            Fault::Replay if !self.stopped => {
                let recorded = std::mem::take(&mut self.recorded);
                let elsewhere =
                    Path { remote: "203.0.113.66:443".parse().expect("an address"), ..current };
                for (n, datagram) in recorded.into_iter().enumerate() {
                    self.replayed += datagram.len();
                    let from = match n % 3 {
                        0 => elsewhere,
                        1 => {
                            Path { carrier: palabre_sfu_core::Carrier::Tcp(u32::MAX), ..elsewhere }
                        }
                        // As if from where somebody else is.
                        _ => self.world.pages[(at + n) % PAGES].path,
                    };
                    self.arrive(from, datagram);
                    self.collect();
                }
            }
            Fault::Stopped if !self.stopped => {
                self.stopped = true;
                self.after(Duration::from_secs(10), Event::GoesOn);
            }
            Fault::Floor if !self.stopped => {
                self.holder = (self.holder + 1 + self.chance.below(2) as usize) % PAGES;
                self.gate();
                let now = self.world.now;
                for side in &mut self.sides {
                    side.sound = now;
                }
            }
            _ => {}
        }
    }

    /// One schedule. Gives the fault and the pause it made where there was one fault of the network
    /// alone.
    fn schedule(&mut self, seed: u64) -> Option<(Fault, Duration, Duration)> {
        self.chance = Chance(seed);
        let now = self.world.now;
        self.signaling = self.chance.below(3) > 0;
        if self.signaling {
            for (page, next) in self.world.pages.iter_mut().zip(&mut self.next) {
                page.next_ice = next.take().or(page.next_ice.take());
            }
        }
        for side in &mut self.sides {
            side.delay = Duration::from_millis(2 + self.chance.below(70));
            side.loss = [0, 0, 10, 30][self.chance.below(4) as usize];
            side.udp_blocked = false;
            (side.sound, side.pause) = (now, Duration::ZERO);
        }
        self.gate();
        self.recording = true;
        // The sound of the first moments has no pause before it.
        self.run_until(now + Duration::from_millis(300));
        let count = self.chance.below(5).max(1);
        let mut faults = Vec::new();
        for _ in 0..count {
            let fault = FAULTS[self.chance.below(FAULTS.len() as u64) as usize];
            let at = self.chance.below(PAGES as u64) as usize;
            let delay = self.chance.millis(0, 1_500);
            faults.push((fault, at));
            self.after(delay, Event::Fault(fault, at));
        }
        let stopped = faults.iter().any(|(fault, _)| *fault == Fault::Stopped);
        for side in &mut self.sides {
            (side.sound, side.pause) = (self.world.now, Duration::ZERO);
        }
        let busy = Duration::from_millis(1_500 + if stopped { 11_500 } else { 0 });
        self.run_until(self.world.now + busy + MENDED);
        self.recording = false;
        let floor = faults.iter().any(|(fault, _)| *fault == Fault::Floor);
        let report = format!("seed {seed}: {faults:?}, holder {}", self.holder);
        let now = self.world.now;
        for at in (0..PAGES).filter(|at| *at != self.holder) {
            let silent = now - self.sides[at].sound;
            assert!(
                silent < Duration::from_millis(400),
                "{report}: {at} hears nothing for {silent:?}"
            );
        }
        let (stray, replayed) = (self.stray, self.replayed);
        assert!(
            stray <= 3 * replayed,
            "{report}: {stray} bytes to where no page is for {replayed}"
        );
        let [(fault, at)] = faults[..] else { return None };
        let of_network = matches!(fault, Fault::Rebinding | Fault::DeadPath | Fault::UdpBlocked);
        let side = &self.sides[at];
        let counts = of_network && !floor && at != self.holder && side.loss == 0;
        counts.then_some((fault, side.pause, 2 * side.delay))
    }
}

fn number(name: &str, otherwise: u64) -> u64 {
    std::env::var(name).ok().and_then(|text| text.parse().ok()).unwrap_or(otherwise)
}

#[test]
fn whatever_happens_to_paths_only_the_holder_is_heard_and_everybody_hears_again() {
    let (count, first) = (number("PALABRE_SCHEDULES", 4_000), number("PALABRE_SCHEDULE_SEED", 1));
    let threads = std::thread::available_parallelism().map_or(1, |n| n.get() as u64);
    let rooms = count.div_ceil(SCHEDULES_A_ROOM);
    let results: Vec<_> = std::thread::scope(|scope| {
        let workers: Vec<_> = (0..threads)
            .map(|worker| {
                scope.spawn(move || {
                    let (mut pauses, mut issued, mut changes) = (Vec::new(), 0, 0);
                    for room in (worker..rooms).step_by(threads as usize) {
                        let begin = first + room * SCHEDULES_A_ROOM;
                        let mut play = Play::new(begin);
                        for seed in begin..(begin + SCHEDULES_A_ROOM).min(first + count) {
                            pauses.extend(play.schedule(seed));
                        }
                        issued += play.issued;
                        changes += play.world.engine.stats().address_changes;
                    }
                    (pauses, issued, changes)
                })
            })
            .collect();
        workers.into_iter().map(|worker| worker.join().expect("every schedule holds")).collect()
    });
    let issued: usize = results.iter().map(|(_, issued, _)| issued).sum();
    let changes: u64 = results.iter().map(|(_, _, changes)| changes).sum();
    println!(
        "{count} schedules, {changes} changes of address, {issued} generations begun by pages"
    );
    assert!(changes > count / 4 && issued as u64 > count / 8, "they do happen");
    // Beyond what the page needs to notice, and beyond its round trip.
    for (fault, noticing, p99_allowed) in [
        (Fault::Rebinding, Duration::ZERO, Duration::from_millis(250)),
        (Fault::DeadPath, SILENCE, Duration::from_millis(100)),
        (Fault::UdpBlocked, SILENCE, Duration::from_millis(200)),
    ] {
        let all = results.iter().flat_map(|(pauses, _, _)| pauses);
        let mut pauses: Vec<_> =
            all.filter(|(of, _, _)| *of == fault).map(|(_, pause, trip)| (*pause, *trip)).collect();
        pauses.sort_unstable();
        let at = |percent: usize| pauses[(pauses.len() * percent / 100).min(pauses.len() - 1)].0;
        let max = pauses.last().expect("some").0;
        println!(
            "{fault:?}: {} times, pause p50 {:?} p95 {:?} p99 {:?} max {max:?}",
            pauses.len(),
            at(50),
            at(95),
            at(99)
        );
        let mut beyond: Vec<_> =
            pauses.iter().map(|(pause, trip)| pause.saturating_sub(*trip * 2 + noticing)).collect();
        beyond.sort_unstable();
        let p99 = beyond[(beyond.len() * 99 / 100).min(beyond.len() - 1)];
        println!("  beyond two round trips and noticing: p99 {p99:?}");
        assert!(p99 <= p99_allowed, "{fault:?}: {p99:?}");
    }
}
