//! Janus with its VideoRoom plugin, over its WebSocket API: a peer connection to publish and one to
//! receive all others (its "multistream" subscription) for each participant, which is the least it
//! can do a meeting with.

mod api;
mod message;

use std::fmt::Write as _;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use async_trait::async_trait;
use serde_json::json;
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::client::person::{Person, uplinks};
use crate::client::transport::Transport;
use crate::peer::{Peer, Programs, Running};
use crate::place::SERVER;
use crate::process::{Berth, Server};
use api::{Admin, Session};
use palabre_loadtest::light::sdp::{Description, answer, offer};
use palabre_loadtest::light::stun::Role;

const API: u16 = 8_188;
const ADMIN: u16 = 7_188;
const SECRET: &str = "only-inside-this-run";
const ROOM: u64 = 1;
const VIDEOROOM: &str = "janus.plugin.videoroom";
/// What the plugin says of a publisher whose connection it does not hold to be up.
const NO_SUCH_FEED: &str = "(code 428)";
/// It holds it to be up within this, or never.
const TO_PUBLISH: Duration = Duration::from_secs(2);
/// It takes no longer to start.
const PATIENCE: Duration = Duration::from_secs(10);
/// From one look whether it is ready to the next.
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// The settings it is run with.
pub(crate) struct Janus {
    program: PathBuf,
    /// Threads that share the media work; without, each peer connection has its own (the default).
    event_loops: Option<u8>,
}

impl Janus {
    pub(crate) fn new(programs: &Programs, event_loops: Option<u8>) -> Result<Self> {
        Ok(Self { program: programs.of("janus", "/usr/bin/janus")?, event_loops })
    }

    /// Writes its settings; gives the folder.
    fn configure(&self, folder: &Path) -> Result<PathBuf> {
        let settings = folder.join("settings");
        let plugins = folder.join("plugins");
        let transports = folder.join("transports");
        let nothing = folder.join("nothing");
        for folder in [&settings, &plugins, &transports, &nothing] {
            std::fs::create_dir_all(folder)?;
        }
        link_library("plugins/libjanus_videoroom.so", &plugins)?;
        link_library("transports/libjanus_websockets.so", &transports)?;
        let mut general = String::from("general: {\n");
        for (name, folder) in [
            ("configs_folder", &settings),
            ("plugins_folder", &plugins),
            ("transports_folder", &transports),
            ("events_folder", &nothing),
            ("loggers_folder", &nothing),
        ] {
            writeln!(general, "  {name} = \"{}\"", folder.display())?;
        }
        writeln!(general, "  debug_level = 3\n  admin_secret = \"{SECRET}\"")?;
        if let Some(loops) = self.event_loops {
            writeln!(general, "  event_loops = {loops}")?;
        }
        general += "}\n";
        std::fs::write(settings.join("janus.jcfg"), general)?;
        let websockets = format!(
            "general: {{\n  json = \"compact\"\n  ws = true\n  ws_port = {API}\n  ws_ip = \"{SERVER}\"\n}}\n\
             admin: {{\n  admin_ws = true\n  admin_ws_port = {ADMIN}\n  admin_ws_ip = \"{SERVER}\"\n}}\n"
        );
        std::fs::write(settings.join("janus.transport.websockets.jcfg"), websockets)?;
        std::fs::write(settings.join("janus.plugin.videoroom.jcfg"), "general: {\n}\n")?;
        Ok(settings)
    }
}

/// Puts a library of the Debian package into a folder that has only what is used.
fn link_library(name: &str, folder: &Path) -> Result<()> {
    for entry in std::fs::read_dir("/usr/lib")? {
        let library = entry?.path().join("janus").join(name);
        if library.is_file() {
            let file = library.file_name().context("a file")?;
            std::os::unix::fs::symlink(&library, folder.join(file))?;
            return Ok(());
        }
    }
    anyhow::bail!("no {name} in /usr/lib/*/janus: is the Debian package `janus` installed?")
}

struct Room {
    server: Server,
    /// Sessions of people who have not subscribed yet, by seat.
    joined: Vec<Option<Session>>,
    keepers: Vec<JoinHandle<()>>,
    admin: Admin,
    /// Session and handle of each peer connection that receives.
    receiving: Vec<(u64, u64)>,
    people: u8,
}

#[async_trait]
impl Peer for Janus {
    fn name(&self) -> &'static str {
        match self.event_loops {
            None => "janus",
            Some(_) => "janus, 1 loop",
        }
    }

    fn about(&self) -> Result<Vec<String>> {
        // It knows no `--version`; its help begins with it.
        let output = std::process::Command::new(&self.program)
            .arg("--help")
            .output()
            .with_context(|| format!("{} could not be started", self.program.display()))?;
        let text = String::from_utf8_lossy(&output.stdout);
        let version = text.lines().find_map(|line| line.strip_prefix("Janus version: "));
        let package = std::process::Command::new("dpkg-query")
            .args(["--show", "janus", "libnice10", "libsrtp2-1", "libssl3"])
            .output()
            .map(|output| String::from_utf8_lossy(&output.stdout).replace('\t', " "))
            .unwrap_or_default();
        let loops = match self.event_loops {
            None => "a thread for each peer connection (the default)".to_owned(),
            Some(loops) => format!("event_loops = {loops}"),
        };
        Ok(vec![
            format!("{}; packages: {}", version.unwrap_or("?"), package.trim().replace('\n', ", ")),
            format!(
                "{loops}; VideoRoom and WebSockets alone loaded, debug_level 3, full ICE and trickle as \
                 shipped, min_nack_queue and twcc_period as shipped (200 ms)"
            ),
            "VideoRoom: bitrate 0 (no cap), no recording, no RTP forwarding, no audio level events, \
             audio level and transport-cc extensions on; no simulcast; two peer connections for \
             each participant, one publishes, one receives all others"
                .to_owned(),
        ])
    }

    async fn start(&self, berth: &Berth) -> Result<Box<dyn Running>> {
        let settings = self.configure(&berth.folder)?;
        let arguments = [
            format!("--configs-folder={}", settings.display()),
            format!("--config={}", settings.join("janus.jcfg").display()),
            "--disable-colors".to_owned(),
        ];
        let mut server = Server::start(berth, &self.program, &arguments)?;
        let end = Instant::now() + PATIENCE;
        let admin = loop {
            if let Ok(admin) = Admin::connect(&format!("ws://{SERVER}:{ADMIN}"), SECRET).await {
                break admin;
            }
            server.check()?;
            ensure!(Instant::now() < end, "it is not ready: {}", server.last_words());
            sleep(LOOK_EVERY).await;
        };
        Ok(Box::new(Room {
            server,
            joined: Vec::new(),
            keepers: Vec::new(),
            admin,
            receiving: Vec::new(),
            people: 0,
        }))
    }
}

/// The number of a seat's publisher.
fn feed(seat: u8) -> u64 {
    100 + u64::from(seat)
}

async fn session() -> Result<Session> {
    Session::open(&format!("ws://{SERVER}:{API}")).await
}

#[async_trait]
impl Running for Room {
    fn server(&mut self) -> &mut Server {
        &mut self.server
    }

    async fn open_room(&mut self, people: u8) -> Result<()> {
        let mut session = session().await?;
        let handle = session.attach(VIDEOROOM).await?;
        let room = json!({
            "request": "create",
            "room": ROOM,
            "publishers": people,
            "bitrate": 0,
            "fir_freq": 0,
            "audiocodec": "opus",
            "videocodec": "vp8",
            "record": false,
            "audiolevel_ext": true,
            "audiolevel_event": false,
            "transport_wide_cc_ext": true,
        });
        let (answer, _) = session.ask(handle, room, None).await?;
        ensure!(answer["videoroom"] == "created", "the room was not made: {answer}");
        self.people = people;
        self.keepers.push(tokio::spawn(session.keep()));
        Ok(())
    }

    async fn join(&mut self, seat: u8) -> Result<Person> {
        let mut session = session().await?;
        let handle = session.attach(VIDEOROOM).await?;
        let join = json!({
            "request": "join", "ptype": "publisher", "room": ROOM, "id": feed(seat),
            "display": format!("Person {seat}"),
        });
        let (joined, _) = session.ask(handle, join, None).await?;
        ensure!(joined["videoroom"] == "joined", "it did not let seat {seat} in: {joined}");
        let mut transport = Transport::new()?;
        let sdp = offer(transport.own(), &uplinks(seat));
        let publish = json!({ "request": "publish", "audiocodec": "opus", "videocodec": "vp8" });
        let (told, jsep) = session.ask(handle, publish, Some(("offer", &sdp))).await?;
        let jsep = jsep.with_context(|| format!("no answer to the offer: {told}"))?;
        ensure!(jsep.kind == "answer", "an {} to an offer", jsep.kind);
        let answer = Description::parse(&jsep.sdp)?;
        self.joined.push(Some(session));
        let connected = tokio::task::spawn_blocking(move || {
            transport.connect(&answer, Role::Controlling)?;
            Person::new(seat, transport, &answer)
        });
        connected.await?
    }

    async fn subscribe(&mut self, seat: u8, person: &mut Person) -> Result<()> {
        let session = self.joined.get_mut(usize::from(seat)).and_then(Option::take);
        let mut session = session.context("who subscribes has joined")?;
        let handle = session.attach(VIDEOROOM).await?;
        let others = (0..self.people).filter(|other| *other != seat);
        let streams: Vec<_> = others.map(|other| json!({ "feed": feed(other) })).collect();
        let join = json!({
            "request": "join", "ptype": "subscriber", "room": ROOM, "streams": streams,
        });
        let until = Instant::now() + TO_PUBLISH;
        let (told, jsep) = loop {
            match session.ask(handle, join.clone(), None).await {
                // Whose handshake has ended on their side need not be published on Janus' yet.
                Err(error)
                    if format!("{error:#}").contains(NO_SUCH_FEED) && Instant::now() < until =>
                {
                    sleep(LOOK_EVERY).await;
                }
                told => break told?,
            }
        };
        let jsep = jsep.with_context(|| format!("no offer to subscribe by: {told}"))?;
        ensure!(jsep.kind == "offer", "an {} to a subscription", jsep.kind);
        let offered = Description::parse(&jsep.sdp)?;
        ensure!(
            offered.sections.len() == 2 * (usize::from(self.people) - 1),
            "{} streams were offered",
            offered.sections.len()
        );
        let mut transport = Transport::new()?;
        let sdp = answer(transport.own(), &offered);
        let start = json!({ "request": "start", "room": ROOM });
        let (told, _) = session.ask(handle, start, Some(("answer", &sdp))).await?;
        ensure!(told["started"] == "ok", "the subscription did not start: {told}");
        self.receiving.push((session.id(), handle));
        self.keepers.push(tokio::spawn(session.keep()));
        let connected = tokio::task::spawn_blocking(move || {
            transport.connect(&offered, Role::Controlled)?;
            anyhow::Ok(transport)
        });
        person.receive_by(connected.await??);
        Ok(())
    }

    async fn forwarded(&mut self) -> Result<u64> {
        let mut sum = 0;
        for (session, handle) in self.receiving.clone() {
            sum += message::packets_sent(&self.admin.handle_info(session, handle).await?)?;
        }
        Ok(sum)
    }

    async fn stop(self: Box<Self>) -> Result<()> {
        self.keepers.iter().for_each(JoinHandle::abort);
        self.server.stop().await
    }
}
