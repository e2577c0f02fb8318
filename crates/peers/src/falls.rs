//! How long a room is silent when its server falls: killed and started again, or handing over to
//! another one. Eight people who send sound all the time, on this machine's own address.
//!
//! A person here comes back as a page does: at once when they are told to, after the page's own
//! delays when nobody answers; and makes a new media session.

use std::net::{Ipv4Addr, TcpStream};
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use clap::ValueEnum;
use palabre_loadtest::link::{Link, RoomAnswer, Server as Address};
use palabre_loadtest::own::free_port;
use palabre_loadtest::signaling::{connect, hello};
use palabre_wire::{ClientMessage, ClosingReason, MediaOffer, ServerMessage};
use serde_json::json;
use tokio::time::{interval, sleep, timeout};

use crate::client::person::{Person, uplinks};
use crate::client::transport::Transport;
use crate::report::say;
use palabre_loadtest::backoff::delay;
use palabre_loadtest::light::sdp::{Description, Flow, Kind, offer};
use palabre_loadtest::light::stun::Role;

/// Everybody in the room.
const PEOPLE: u8 = 8;

/// When a page tries to come back.
struct Knocks {
    /// Whether it conducts, as seat 0 does: nobody waits for it.
    first: bool,
    attempt: u32,
    lost: Instant,
}

impl Knocks {
    fn of(seat: usize) -> Self {
        Self { first: seat == 0, attempt: 0, lost: Instant::now() }
    }

    /// Waits as long as a page does before it tries (again), knowing how its last session ended.
    async fn wait(&mut self, ended: Option<Result<()>>) {
        if let Some(Ok(())) = ended {
            *self = Self { attempt: 0, lost: Instant::now(), ..*self };
        }
        self.attempt += 1;
        let pause = delay(self.attempt, self.lost.elapsed(), rand::random(), self.first);
        sleep(pause).await;
    }
}

/// Nothing takes so long.
const PATIENCE: Duration = Duration::from_secs(30);

/// Sound comes in pieces of 20 ms; it is looked for more often.
const TURN: Duration = Duration::from_millis(5);
const SOUND_EVERY: u32 = 4;

/// How the server falls.
#[derive(Debug, Clone, Copy, PartialEq, Eq, ValueEnum)]
pub(crate) enum Fall {
    /// `kill -9`, and a start at once.
    Killed,
    /// Another one takes over.
    HandOver,
    /// A thousand people in 125 rooms, by signaling alone: `kill -9`, and a start at once.
    Storm,
}

/// What one person hears.
#[derive(Debug, Clone, Copy, Default)]
struct Hearing {
    /// The last sound so far.
    last: Option<Instant>,
    /// The last sound of the session before.
    before: Option<Instant>,
    /// The first sound of this session.
    first: Option<Instant>,
    /// Since when all the others are heard in this session.
    all: Option<Instant>,
    /// Sessions so far.
    sessions: u32,
}

type Heard = Arc<Mutex<Vec<Hearing>>>;

/// What one fall cost, in milliseconds.
#[derive(Debug, Clone, Copy)]
struct Cost {
    /// From the last sound to the first, for whom it was longest.
    gap: f64,
    /// From the moment the server answers again to everybody hearing everybody.
    all_back: f64,
}

struct Running {
    child: Child,
}

impl Drop for Running {
    fn drop(&mut self) {
        // It may have ended by itself.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// A server's settings.
struct Plan<'a> {
    program: &'a Path,
    data: &'a Path,
    http: u16,
    private: u16,
    media: u16,
}

impl Plan<'_> {
    fn start(&self, more: &[&str]) -> Result<Running> {
        let child = Command::new("setpriv")
            .args(["--pdeathsig", "KILL", "--"])
            .arg(self.program)
            .args(["serve", "--no-demo", "--shards", "1", "--log", "error"])
            .args(["--advertise", "127.0.0.1", "--exit-after", "3600"])
            .args(["--http", &format!("127.0.0.1:{}", self.http)])
            .args(["--private", &format!("127.0.0.1:{}", self.private)])
            .args(["--media", &format!("127.0.0.1:{}", self.media)])
            .arg("--data")
            .arg(self.data)
            .args(more)
            .stdin(Stdio::null())
            .stdout(Stdio::null())
            .spawn()
            .context("`setpriv` (util-linux) could not be started")?;
        Ok(Running { child })
    }

    /// When it answers.
    async fn up(&self) -> Result<Instant> {
        let end = Instant::now() + PATIENCE;
        while TcpStream::connect((Ipv4Addr::LOCALHOST, self.http)).is_err() {
            ensure!(Instant::now() < end, "the server does not start");
            sleep(Duration::from_millis(1)).await;
        }
        Ok(Instant::now())
    }
}

/// Measures `repeats` falls, and prints them.
pub(crate) async fn measure(program: &Path, fall: Fall, repeats: usize) -> Result<()> {
    if fall == Fall::Storm {
        return storm(program, repeats).await;
    }
    let folder = tempfile::tempdir()?;
    let program = program.canonicalize().context("the server's program")?;
    let (http, private, media) = (free_port()?, free_port()?, free_port()?);
    let plan = Plan { program: &program, data: folder.path(), http, private, media };
    let mut server = plan.start(&[])?;
    plan.up().await?;
    let address = Address::parse(&format!("http://127.0.0.1:{http}"))?;
    let links = tokio::task::spawn_blocking({
        let url = address.http("/api/rooms");
        move || make_room(&url)
    })
    .await??;
    let heard: Heard = Arc::new(Mutex::new(vec![Hearing::default(); usize::from(PEOPLE)]));
    let going = Arc::new(AtomicBool::new(true));
    let people: Vec<_> = (0..PEOPLE)
        .zip(links)
        .map(|(seat, link)| {
            let (address, heard, going) = (address.clone(), Arc::clone(&heard), Arc::clone(&going));
            tokio::spawn(async move { person(&address, &link, seat, &heard, &going).await })
        })
        .collect();
    let mut costs = Vec::new();
    let mut sessions = 1;
    all_hear(&heard, sessions).await?;
    for _ in 0..repeats {
        // Everybody is heard for a while, and the next fall comes at any moment of the beat.
        sleep(Duration::from_millis(700 + u64::from(rand::random::<u8>()))).await;
        let up = match fall {
            Fall::Killed => {
                server.child.kill()?;
                server.child.wait()?;
                server = plan.start(&[])?;
                plan.up().await?
            }
            Fall::HandOver | Fall::Storm => {
                let next = plan.start(&["--take-over", "--take-over-within", "0"])?;
                let before = std::mem::replace(&mut server, next);
                hand_over(before).await?
            }
        };
        sessions += 1;
        let back = all_hear(&heard, sessions).await?;
        let heard_now = heard.lock().expect("no panic under it").clone();
        let gaps = heard_now.iter().filter_map(|person| {
            Some(person.first?.saturating_duration_since(person.before?).as_secs_f64() * 1e3)
        });
        let gap = gaps.fold(0.0, f64::max);
        let since = match fall {
            Fall::Killed => up,
            // Who lost the old server first.
            Fall::HandOver | Fall::Storm => {
                heard_now.iter().filter_map(|person| person.before).min().unwrap_or(up)
            }
        };
        let all_back = back.saturating_duration_since(since).as_secs_f64() * 1e3;
        costs.push(Cost { gap, all_back });
    }
    going.store(false, Ordering::SeqCst);
    for person in people {
        person.await??;
    }
    say(&format!("{fall:?}, {} times", costs.len()));
    print("longest silence of one person (ms)", costs.iter().map(|cost| cost.gap));
    let label = match fall {
        Fall::Killed => "from the server answering to eight of eight hearing all (ms)",
        Fall::HandOver | Fall::Storm => {
            "from the first one's last sound to eight of eight hearing all (ms)"
        }
    };
    print(label, costs.iter().map(|cost| cost.all_back));
    Ok(())
}

/// Waits for the old server's end: it has nothing left.
async fn hand_over(mut before: Running) -> Result<Instant> {
    let end = Instant::now() + PATIENCE;
    while before.child.try_wait()?.is_none() {
        ensure!(Instant::now() < end, "the old server does not end");
        sleep(Duration::from_millis(1)).await;
    }
    Ok(Instant::now())
}

fn print(what: &str, values: impl Iterator<Item = f64>) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    let at = |share: f64| {
        let index = (values.len() as f64 * share).ceil() as usize;
        values.get(index.saturating_sub(1)).copied().unwrap_or(f64::NAN)
    };
    say(&format!(
        "  {what}: p50 {:.0}, p95 {:.0}, p99 {:.0}, max {:.0}",
        at(0.5),
        at(0.95),
        at(0.99),
        at(1.0)
    ));
}

/// When everybody hears all the others in their session of this number, or a later one.
async fn all_hear(heard: &Heard, sessions: u32) -> Result<Instant> {
    let end = Instant::now() + PATIENCE;
    loop {
        let all = {
            let heard = heard.lock().expect("no panic under it");
            let since = heard.iter().map(|h| h.all.filter(|_| h.sessions >= sessions));
            since.collect::<Option<Vec<_>>>().and_then(|all| all.into_iter().max())
        };
        if let Some(all) = all {
            return Ok(all);
        }
        ensure!(Instant::now() < end, "not everybody hears everybody");
        sleep(Duration::from_millis(1)).await;
    }
}

fn make_room(url: &str) -> Result<Vec<Link>> {
    let role = |seat| if seat == 0 { "facilitator" } else { "consultant" };
    let people: Vec<_> = (0..PEOPLE)
        .map(|seat| json!({ "name": format!("Person {seat}"), "role": role(seat) }))
        .collect();
    let body = json!({ "template": "plain-meeting", "language": "en", "people": people });
    let mut response = ureq::post(url).send_json(&body).context("a room")?;
    RoomAnswer::parse(&response.body_mut().read_to_string()?)?.links()
}

/// A person who comes, speaks and listens, and comes back, until it is over.
async fn person(
    address: &Address,
    link: &Link,
    seat: u8,
    heard: &Heard,
    going: &AtomicBool,
) -> Result<()> {
    let (mut knocks, mut ended) = (Knocks::of(usize::from(seat)), None);
    while going.load(Ordering::SeqCst) {
        knocks.wait(ended).await;
        ended = Some(session(address, link, seat, heard, going).await);
    }
    Ok(())
}

/// One session; an error when it did not begin.
async fn session(
    address: &Address,
    link: &Link,
    seat: u8,
    heard: &Heard,
    going: &AtomicBool,
) -> Result<()> {
    let begun = timeout(PATIENCE / 6, begin(address, link, seat)).await;
    let (mut outgoing, mut incoming, mut person) = begun.context("no answer")??;
    let mine = |change: &dyn Fn(&mut Hearing)| {
        change(&mut heard.lock().expect("no panic under it")[usize::from(seat)]);
    };
    mine(&|hearing| {
        *hearing =
            Hearing { before: hearing.last, sessions: hearing.sessions + 1, ..Hearing::default() };
    });
    let (start, mut turns) = (Instant::now(), 0_u32);
    let mut beat = interval(TURN);
    loop {
        tokio::select! {
            message = incoming.next() => match message {
                Ok(Some(ServerMessage::Closing { reason: ClosingReason::Restarting, .. })) => return Ok(()),
                Ok(Some(_)) => {}
                Ok(None) | Err(_) => return Ok(()),
            },
            _ = beat.tick() => {
                if !going.load(Ordering::SeqCst) {
                    return Ok(());
                }
                turns = turns.wrapping_add(1);
                // A media path that is gone is the signaling's business here.
                if turns.is_multiple_of(SOUND_EVERY) {
                    let _ = person.speak(u64::from(turns));
                }
                if turns.is_multiple_of(400) {
                    let _ = person.report(start);
                    let _ = outgoing.send(&ClientMessage::Ping { at: 0 }).await;
                }
                let got = person.receive(|_| {}).map_or(0, |taken| taken.packets);
                if got > 0 {
                    let (now, all) = (Instant::now(), person.streams() == usize::from(PEOPLE) - 1);
                    mine(&|hearing| {
                        hearing.last = Some(now);
                        hearing.first.get_or_insert(now);
                        if all {
                            hearing.all.get_or_insert(now);
                        }
                    });
                }
            }
        }
    }
}

/// Rooms of a storm: a thousand people.
const ROOMS: usize = 125;

/// A thousand people who come back at once, and how long each takes from the server answering to a
/// welcome. Seat 0 holds the chair.
async fn storm(program: &Path, repeats: usize) -> Result<()> {
    let folder = tempfile::tempdir()?;
    let program = program.canonicalize().context("the server's program")?;
    let (http, private, media) = (free_port()?, free_port()?, free_port()?);
    let plan = Plan { program: &program, data: folder.path(), http, private, media };
    let mut server = plan.start(&[])?;
    plan.up().await?;
    let address = Address::parse(&format!("http://127.0.0.1:{http}"))?;
    let url = address.http("/api/rooms");
    let links = tokio::task::spawn_blocking(move || {
        (0..ROOMS).map(|_| make_room(&url)).collect::<Result<Vec<_>>>()
    })
    .await??;
    let (welcomed, mut welcomes) = tokio::sync::mpsc::unbounded_channel();
    let people = ROOMS * usize::from(PEOPLE);
    let mut tasks = tokio::task::JoinSet::new();
    for (seat, link) in links.into_iter().flat_map(|room| room.into_iter().enumerate()) {
        let (address, welcomed) = (address.clone(), welcomed.clone());
        tasks.spawn(async move {
            let (mut knocks, mut ended) = (Knocks::of(seat), None);
            loop {
                knocks.wait(ended).await;
                ended = Some(listen(&address, &link, || welcomed.send(seat).is_ok()).await);
            }
        });
    }
    let mut first = Vec::new();
    let mut others = Vec::new();
    for repeat in 0..=repeats {
        let up = if repeat == 0 {
            Instant::now()
        } else {
            server.child.kill()?;
            server.child.wait()?;
            server = plan.start(&[])?;
            plan.up().await?
        };
        for _ in 0..people {
            let seat = timeout(PATIENCE, welcomes.recv()).await.context("not all came back")?;
            let took = up.elapsed().as_secs_f64() * 1e3;
            match seat.context("somebody listens")? {
                _ if repeat == 0 => {}
                0 => first.push(took),
                _ => others.push(took),
            }
        }
        sleep(Duration::from_secs(1)).await;
    }
    say(&format!("a storm of {people}, {repeats} times: from the server answering to a welcome"));
    print("who holds the chair (ms)", first.into_iter());
    print("the others (ms)", others.into_iter());
    Ok(())
}

/// Is in a room until the connection ends; an error when it did not get in.
async fn listen(address: &Address, link: &Link, welcomed: impl Fn() -> bool) -> Result<()> {
    let opened = timeout(PATIENCE / 6, connect(address)).await.context("no answer")?;
    let (mut outgoing, mut incoming) = opened?;
    outgoing.send(&hello(link, None)).await?;
    let come = crate::palabre::expect(&mut incoming, |message| {
        matches!(message, ServerMessage::Welcome(_)).then_some(())
    });
    timeout(PATIENCE / 6, come).await.context("no welcome")??;
    welcomed();
    let pings = async {
        while outgoing.send(&ClientMessage::Ping { at: 0 }).await.is_ok() {
            sleep(Duration::from_secs(2)).await;
        }
    };
    let messages = async { while let Ok(Some(_)) = incoming.next().await {} };
    tokio::select! {
        () = pings => {}
        () = messages => {}
    }
    Ok(())
}

async fn begin(
    address: &Address,
    link: &Link,
    seat: u8,
) -> Result<(palabre_loadtest::signaling::Outgoing, palabre_loadtest::signaling::Incoming, Person)>
{
    let (mut outgoing, mut incoming) = connect(address).await?;
    outgoing.send(&hello(link, None)).await?;
    let plan = crate::palabre::expect(&mut incoming, |message| match message {
        ServerMessage::Welcome(welcome) => Some(welcome.media),
        _ => None,
    })
    .await?;
    let mut sections = uplinks(seat).to_vec();
    let silent = 0x5e_8000 + u32::from(seat);
    sections.push((Kind::Video, Flow::Send { ssrc: silent, rtx: None }));
    for _ in &plan.slots {
        sections.push((Kind::Audio, Flow::Receive));
        sections.push((Kind::Video, Flow::Receive));
    }
    sections.push((Kind::Video, Flow::Receive));
    let mut transport = Transport::on(Ipv4Addr::LOCALHOST)?;
    let sdp = offer(transport.own(), &sections);
    outgoing.send(&ClientMessage::MediaOffer(MediaOffer { generation: 1, sdp })).await?;
    let answer = crate::palabre::expect(&mut incoming, |message| match message {
        ServerMessage::MediaAnswer(answer) => Some(answer.sdp),
        _ => None,
    })
    .await?;
    let answer = Description::parse(&answer)?;
    let person = tokio::task::spawn_blocking(move || {
        transport.connect(&answer, Role::Controlling)?;
        Person::new(seat, transport, &answer)
    })
    .await??;
    Ok((outgoing, incoming, person))
}
