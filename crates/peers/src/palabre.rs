//! Palabre, as it is shipped: pages' wire protocol, one peer connection for each participant.

use std::path::PathBuf;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, bail, ensure};
use async_trait::async_trait;
use palabre_loadtest::link::{Link, RoomAnswer, Server as Address, get};
use palabre_loadtest::signaling::{Incoming, Outgoing, connect, hello};
use palabre_wire::{ClientMessage, MediaOffer, ServerMessage};
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::{sleep, timeout};

use crate::client::person::{Person, uplinks};
use crate::client::transport::Transport;
use crate::peer::{Peer, Programs, Running};
use crate::place::SERVER;
use crate::process::{Berth, Server};
use palabre_loadtest::light::sdp::{Description, Flow, Kind, offer};
use palabre_loadtest::light::stun::Role;

const HTTP: u16 = 8_080;
const MEDIA: u16 = 8_081;
const METRICS: u16 = 9_090;
/// Only who is in the namespaces of this run could use it.
const OPERATOR_KEY: &str = "only-inside-this-run";
/// The wire wants a ping every 2 s.
const PING_EVERY: Duration = Duration::from_secs(2);
/// A step takes no longer.
const PATIENCE: Duration = Duration::from_secs(10);
/// From one look whether it is ready to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The settings it is run with.
pub(crate) struct Palabre {
    program: PathBuf,
}

/// Where it is usually built.
pub(crate) const PROGRAM: &str = "target/release/palabre";

impl Palabre {
    pub(crate) fn new(programs: &Programs) -> Result<Self> {
        Ok(Self { program: programs.of("palabre", PROGRAM)? })
    }
}

struct Room {
    server: Server,
    address: Address,
    links: Vec<Link>,
    /// A task for each participant, which keeps the signaling connection alive.
    keepers: Vec<JoinHandle<()>>,
}

#[async_trait]
impl Peer for Palabre {
    fn name(&self) -> &'static str {
        "palabre"
    }

    fn about(&self) -> Result<Vec<String>> {
        let output = std::process::Command::new(&self.program)
            .arg("--version")
            .output()
            .with_context(|| format!("{} could not be started", self.program.display()))?;
        let version = String::from_utf8_lossy(&output.stdout).trim().to_owned();
        Ok(vec![
            format!("{version}; defaults, so one shard for the one processor it has; journal on disk"),
            "the room in its lobby: an open floor, rights checked for each packet; voice activity by \
             the audio level; no simulcast; one peer connection for each participant"
                .to_owned(),
        ])
    }

    async fn start(&self, berth: &Berth) -> Result<Box<dyn Running>> {
        let data = berth.folder.join("data");
        let key = berth.folder.join("operator-key");
        std::fs::write(&key, OPERATOR_KEY).context("the operator's key cannot be written")?;
        let arguments = [
            "serve".to_owned(),
            format!("--http={SERVER}:{HTTP}"),
            format!("--media={SERVER}:{MEDIA}"),
            format!("--advertise={SERVER}"),
            format!("--private={SERVER}:{METRICS}"),
            format!("--operator-key-file={}", key.display()),
            format!("--data={}", data.display()),
        ];
        let mut server = Server::start(berth, &self.program, &arguments)?;
        let address = Address::parse(&format!("http://{SERVER}:{HTTP}"))?;
        let end = Instant::now() + PATIENCE;
        while get(address.http("/readyz")).await.is_err() {
            server.check()?;
            ensure!(Instant::now() < end, "it is not ready: {}", server.last_words());
            sleep(LOOK_EVERY).await;
        }
        Ok(Box::new(Room { server, address, links: Vec::new(), keepers: Vec::new() }))
    }
}

#[async_trait]
impl Running for Room {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    async fn open_room(&mut self, people: u8) -> Result<()> {
        let role = |seat| if seat == 0 { "facilitator" } else { "consultant" };
        let people: Vec<_> = (0..people)
            .map(|seat| json!({ "name": format!("Person {seat}"), "role": role(seat) }))
            .collect();
        let body = json!({ "template": "plain-meeting", "language": "en", "people": people });
        let url = self.address.http("/api/rooms");
        let answer = tokio::task::spawn_blocking(move || post(&url, &body)).await??;
        self.links = RoomAnswer::parse(&answer)?.links()?;
        Ok(())
    }

    async fn join(&mut self, seat: u8) -> Result<Person> {
        let link = self.links.get(usize::from(seat)).context("a seat of the room")?;
        let (mut outgoing, mut incoming) = connect(&self.address).await?;
        outgoing.send(&hello(link, None)).await?;
        let plan = expect(&mut incoming, |message| match message {
            ServerMessage::Welcome(welcome) => Some(welcome.media),
            _ => None,
        })
        .await
        .context("a welcome")?;
        let mut sections = uplinks(seat).to_vec();
        // The screen, which nobody shares.
        let silent = 0x5e_8000 + u32::from(seat);
        sections.push((Kind::Video, Flow::Send { ssrc: silent, rtx: None }));
        for _ in &plan.slots {
            sections.push((Kind::Audio, Flow::Receive));
            sections.push((Kind::Video, Flow::Receive));
        }
        sections.push((Kind::Video, Flow::Receive));
        let mut transport = Transport::new()?;
        let sdp = offer(transport.own(), &sections);
        outgoing.send(&ClientMessage::MediaOffer(MediaOffer { generation: 1, sdp })).await?;
        let answer = expect(&mut incoming, |message| match message {
            ServerMessage::MediaAnswer(answer) => Some(Ok(answer.sdp)),
            ServerMessage::MediaRefused { detail, .. } => Some(Err(detail)),
            _ => None,
        })
        .await
        .context("an answer to the offer")?;
        let answer = match answer {
            Ok(sdp) => Description::parse(&sdp)?,
            Err(detail) => bail!("the offer was refused: {detail}"),
        };
        let connected = tokio::task::spawn_blocking(move || {
            transport.connect(&answer, Role::Controlling)?;
            Person::new(seat, transport, &answer)
        });
        let person = connected.await??;
        self.keepers.push(tokio::spawn(keep(outgoing, incoming)));
        Ok(person)
    }

    async fn subscribe(&mut self, _seat: u8, _person: &mut Person) -> Result<()> {
        Ok(())
    }

    async fn forwarded(&mut self) -> Result<u64> {
        let metrics = get(format!("http://{SERVER}:{METRICS}/metrics")).await?;
        metric(&metrics, "palabre_media_packets_forwarded_total")
    }

    async fn stop(self: Box<Self>) -> Result<()> {
        self.keepers.iter().for_each(JoinHandle::abort);
        self.server.stop().await
    }
}

/// The first message that `pick` takes.
pub(crate) async fn expect<T>(
    incoming: &mut Incoming,
    mut pick: impl FnMut(ServerMessage) -> Option<T>,
) -> Result<T> {
    let search = async {
        while let Some(message) = incoming.next().await? {
            if let ServerMessage::Closing { reason, .. } = message {
                bail!("the connection was closed: {reason:?}");
            }
            if let Some(found) = pick(message) {
                return Ok(found);
            }
        }
        bail!("the connection ended")
    };
    timeout(PATIENCE, search).await.context("the server says nothing")?
}

/// Does what a page does while it is in a room.
async fn keep(mut outgoing: Outgoing, mut incoming: Incoming) {
    let pings = async {
        while outgoing.send(&ClientMessage::Ping { at: 0 }).await.is_ok() {
            sleep(PING_EVERY).await;
        }
    };
    let messages = async { while let Ok(Some(_)) = incoming.next().await {} };
    tokio::select! {
        () = pings => {}
        () = messages => {}
    }
}

fn post(url: &str, body: &serde_json::Value) -> Result<String> {
    let agent = ureq::Agent::new_with_config(
        ureq::config::Config::builder().http_status_as_error(false).build(),
    );
    let request = agent.post(url).header("authorization", &format!("Bearer {OPERATOR_KEY}"));
    let mut response = request.send_json(body).with_context(|| format!("POST {url}"))?;
    let text = response.body_mut().read_to_string()?;
    ensure!(response.status() == 201, "POST {url}: {} {}", response.status(), text.trim());
    Ok(text)
}

/// A counter in Prometheus' text format.
fn metric(metrics: &str, name: &str) -> Result<u64> {
    let value = metrics.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(' '));
    let value: f64 = value
        .and_then(|value| value.trim().parse().ok())
        .with_context(|| format!("the metrics have no {name}"))?;
    Ok(value as u64)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_counter_is_found_by_its_whole_name() {
        let metrics = "# HELP a_total x\n# TYPE a_total counter\na_total_more 3\na_total 12\n";
        assert_eq!(metric(metrics, "a_total").expect("there"), 12);
        assert!(metric(metrics, "a").is_err());
        assert!(metric("a_total many\n", "a_total").is_err());
    }
}
