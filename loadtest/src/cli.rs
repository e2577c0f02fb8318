//! What the command line can be asked for.

use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context, Result, bail, ensure};
use clap::{Parser, Subcommand};
use palabre_ids::Seat;
use palabre_loadtest::bot::peer::Camera;
use palabre_loadtest::bot::{Bot, BotConfig, Causes, Microphone, Stack};
use palabre_loadtest::control::{self, Hostiles};
use palabre_loadtest::hostile::HostileBot;
use palabre_loadtest::ledger::Ledger;
use palabre_loadtest::link::{RoomAnswer, Server};
use palabre_loadtest::media::speech::{self, Voice};
use palabre_loadtest::own::OwnServer;
use palabre_loadtest::run::{
    Overrides, Private, RawRun, Scenario, ServerProcess, Setting, private_of,
};
use tokio::sync::watch;

use crate::early::Ends;
use crate::outputs::Files;
use crate::{generators, live};

/// Bots that join Palabre rooms, speak, listen and measure.
#[derive(Debug, Parser)]
#[command(name = "palabre-loadtest", version)]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Wanted,
}

#[derive(Debug, Subcommand)]
enum Wanted {
    /// Runs a scenario and judges it: exit code 0 only if every assertion held.
    Run(RunArgs),
    /// Puts together what several generators measured at the same time (`run --raw`), and judges it.
    Merge(MergeArgs),
    /// Keeps bots in a room, driven by JSON lines on standard input (see README.md).
    Bots(BotsArgs),
    /// Writes what the bot of a seat says, as a WAV file: a page that plays it is recognised as that seat.
    Voice {
        /// Whose voice.
        #[arg(long)]
        seat: u8,
        /// The file to write.
        #[arg(long)]
        out: PathBuf,
    },
}

#[derive(Debug, clap::Args)]
struct RunArgs {
    /// The scenario's file; `loadtest/scenarios/` has some.
    scenario: PathBuf,
    /// The server.
    #[arg(long, default_value = "http://127.0.0.1:8080")]
    url: String,
    /// Rooms at once, over the scenario's.
    #[arg(long)]
    rooms: Option<u16>,
    /// People in each, over the scenario's.
    #[arg(long)]
    people: Option<u8>,
    /// How long, over the scenario's: 90s, 2m.
    #[arg(long = "for", value_parser = length)]
    length: Option<Duration>,
    /// The server's private listener, whose metrics are compared with what the bots count: the same
    /// host, 1000 ports further, when it is not said. `none`: they are not compared.
    #[arg(long)]
    private: Option<String>,
    #[command(flatten)]
    files: Files,
    /// Where to write everything measured, for `merge`.
    #[arg(long)]
    raw: Option<PathBuf>,
    /// Processes that share the rooms, for more bots than one of them carries.
    #[arg(long, default_value_t = 1)]
    generators: u16,
    /// What carries the bots' media, over the scenario's: full (a whole peer connection each), light, signaling (no media).
    #[arg(long)]
    bots: Option<Stack>,
    /// How often each fault is repeated, over the scenario's.
    #[arg(long)]
    repeat: Option<u32>,
    /// The server's program, for scenarios that start one of their own; without, the `palabre` beside
    /// this program.
    #[arg(long)]
    server: Option<PathBuf>,
    /// The pid of the server, on this machine: what it uses is measured.
    #[arg(long)]
    server_pid: Option<u32>,
}

impl RunArgs {
    /// What each of several generators is told, besides its rooms and its file.
    fn each_generators(&self) -> Vec<String> {
        let length = self.length.map(|length| format!("{}s", length.as_secs_f64()));
        let given = [
            ("--url", Some(self.url.clone())),
            ("--people", self.people.map(|people| people.to_string())),
            ("--for", length),
            ("--private", self.private.clone()),
            ("--bots", self.bots.map(|bots| bots.name().to_owned())),
            ("--repeat", self.repeat.map(|repeat| repeat.to_string())),
            ("--server-pid", self.server_pid.map(|pid| pid.to_string())),
        ];
        let given = given.into_iter().filter_map(|(name, value)| Some([name.to_owned(), value?]));
        given.flatten().collect()
    }
}

#[derive(Debug, clap::Args)]
struct MergeArgs {
    /// The files.
    #[arg(required = true)]
    runs: Vec<PathBuf>,
    #[command(flatten)]
    files: Files,
}

fn length(text: &str) -> Result<Duration, String> {
    let split = text.find(|c: char| c.is_ascii_alphabetic()).unwrap_or(text.len());
    let number: f64 = text[..split].parse().map_err(|_| "a length is 90s or 2m")?;
    let unit = match &text[split..] {
        "s" | "" => 1.0,
        "m" => 60.0,
        "h" => 3_600.0,
        _ => return Err("a length is in s, m or h".to_owned()),
    };
    Duration::try_from_secs_f64(number * unit).map_err(|error| error.to_string())
}

#[derive(Debug, clap::Args)]
struct BotsArgs {
    /// The answer of POST /api/rooms, in a file.
    #[arg(long)]
    links: PathBuf,
    /// The seats the bots take.
    #[arg(long, value_delimiter = ',', required = true)]
    seats: Vec<u8>,
    /// Seats of hostile bots, which do nothing before an `attack`.
    #[arg(long, value_delimiter = ',')]
    hostile: Vec<u8>,
    /// Orders come by standard input: always on, named so that a command line says it.
    #[arg(long)]
    control: bool,
    /// When they send sound: open (always), floor (with the right to), off.
    #[arg(long, default_value = "open", value_parser = microphone)]
    microphone: Microphone,
    /// What carries their media: full (a whole peer connection each), light.
    #[arg(long, default_value = "full")]
    bots: Stack,
    /// They send no camera.
    #[arg(long)]
    no_camera: bool,
    /// Their UDP goes through a relay of this process: `network` changes it.
    #[arg(long)]
    relay: bool,
    /// Their camera has one layer instead of three.
    #[arg(long)]
    single_layer: bool,
    /// What a page says, so that it is recognised: SEAT=FILE.wav. Other seats have the bots' own voices.
    #[arg(long, value_parser = seat_and_file)]
    voice: Vec<(u8, PathBuf)>,
}

fn microphone(text: &str) -> Result<Microphone, String> {
    match text {
        "open" => Ok(Microphone::Open),
        "floor" => Ok(Microphone::Floor),
        "off" => Ok(Microphone::Off),
        _ => Err("one of: open, floor, off".to_owned()),
    }
}

fn seat_and_file(text: &str) -> Result<(u8, PathBuf), String> {
    let (seat, file) = text.split_once('=').ok_or("SEAT=FILE.wav")?;
    Ok((seat.parse().map_err(|_| "the seat is a number")?, PathBuf::from(file)))
}

/// Does what was asked; false when an assertion did not hold.
///
/// # Errors
/// When it could not be done.
pub(crate) async fn run(cli: Cli) -> Result<bool> {
    match cli.command {
        Wanted::Run(args) => scenario(args).await,
        Wanted::Merge(args) => merge(&args),
        Wanted::Bots(args) => bots(args).await.map(|()| true),
        Wanted::Voice { seat, out } => {
            let wav = speech::wav_of_seat(seat)?;
            std::fs::write(&out, wav).with_context(|| format!("writing {}", out.display()))?;
            Ok(true)
        }
    }
}

async fn scenario(args: RunArgs) -> Result<bool> {
    let name = args.scenario.display();
    let text =
        std::fs::read_to_string(&args.scenario).with_context(|| format!("reading {name}"))?;
    let over = Overrides {
        rooms: args.rooms,
        people: args.people,
        length: args.length,
        bots: args.bots,
        repeat: args.repeat,
    };
    let scenario = Scenario::parse(&text, over).with_context(|| name.to_string())?;
    ensure!(
        args.generators == 1 || !scenario.own_server,
        "several generators take a server that is there: one with its own has one"
    );
    let outputs = args.files.open(args.raw.as_ref())?;
    let mut ends = Ends::new()?;
    let own = match scenario.own_server {
        true => tokio::select! {
            own = own_server(args.server.as_deref(), &scenario) => Some(own?),
            signal = ends.told() => bail!("ended by a signal ({signal}) before the server was up"),
        },
        false => None,
    };
    let server = match &own {
        Some(own) => own.address()?,
        None => Server::parse(&args.url)?,
    };
    let process = args.server_pid.map(|pid| ServerProcess { pid });
    let (progress, each_second) = live::watcher();
    let run = if args.generators > 1 {
        let arguments = args.each_generators();
        let told = |line: &str| progress(line);
        let (file, generators) = (&args.scenario, args.generators);
        generators::run(file, &scenario, generators, arguments, told, &mut ends).await?
    } else {
        let told = own.as_ref().map(OwnServer::private_address).or(args.private);
        let private = private(told.as_deref(), &server)?;
        let (end, ended) = watch::channel(None);
        let told = progress.clone();
        let setting = Setting { server, private, own, process, progress, each_second, end: ended };
        let run = palabre_loadtest::run::run(scenario, setting);
        let end = |signal| {
            told(&format!("ended by {signal}: the rooms are asked what they measured"));
            end.send_replace(Some(signal));
        };
        ends.until(run, end).await?
    };
    outputs.report(&run)
}

/// Where the server's metrics are: where they were said to be, or where they are by default.
fn private(told: Option<&str>, server: &Server) -> Result<Private> {
    Ok(match told {
        Some("none") => Private::None,
        Some(told) => Private::At(Server::parse(told)?),
        None => private_of(server).map_or(Private::Unknown, Private::At),
    })
}

fn merge(args: &MergeArgs) -> Result<bool> {
    let outputs = args.files.open(None)?;
    let runs = args.runs.iter().map(|file| generators::read(file)).collect::<Result<Vec<_>>>()?;
    outputs.report(&RawRun::merge(runs)?)
}

/// Starts the server of a scenario's own. Awaited on the main thread, which outlives it.
async fn own_server(program: Option<&Path>, scenario: &Scenario) -> Result<OwnServer> {
    let program = match program {
        Some(program) => program.to_owned(),
        None => {
            let here = std::env::current_exe().context("cannot tell where this program is")?;
            here.with_file_name("palabre")
        }
    };
    OwnServer::start(&program, scenario.at_most()).await
}

async fn bots(args: BotsArgs) -> Result<()> {
    let json = std::fs::read_to_string(&args.links)
        .with_context(|| format!("reading {}", args.links.display()))?;
    let links = RoomAnswer::parse(&json)?.links()?;
    let mut cast = Vec::new();
    for link in &links {
        let own = args.voice.iter().find(|(seat, _)| *seat == link.seat.0);
        let voice = match own {
            Some((_, file)) => {
                let wav =
                    std::fs::read(file).with_context(|| format!("reading {}", file.display()))?;
                Voice::from_pcm(&speech::wav_to_48k_mono(&wav)?)?
            }
            None => Voice::of_seat(link.seat.0)?,
        };
        cast.push((link.seat, Arc::new(voice)));
    }
    let cast = Arc::new(cast);
    let (ledger, causes) = (Ledger::default(), Causes::default());
    let camera = if args.single_layer { Camera::Single } else { Camera::Simulcast };
    let stack = if args.hostile.is_empty() { args.bots } else { args.bots.wary() };
    let mut bots = Vec::new();
    for seat in args.seats.into_iter().map(Seat) {
        let link = links.iter().find(|link| link.seat == seat);
        let link = link.with_context(|| format!("the links have no seat {seat}"))?.clone();
        let voice = cast.iter().find(|(of, _)| *of == seat).map(|(_, voice)| voice.clone());
        bots.push(Bot::start(BotConfig {
            link,
            voice: voice.context("every link has a voice")?,
            cast: cast.clone(),
            ledger: ledger.clone(),
            causes: causes.clone(),
            microphone: args.microphone,
            camera: (!args.no_camera).then_some(camera),
            stack,
            decode: true,
            play: None,
            relay: args.relay,
        }));
    }
    ensure!(!bots.is_empty(), "no seats were given");
    let mut hostiles = Hostiles { ledger: ledger.clone(), ..Hostiles::default() };
    for seat in args.hostile.into_iter().map(Seat) {
        let link = links.iter().find(|link| link.seat == seat);
        let link = link.with_context(|| format!("the links have no seat {seat}"))?.clone();
        hostiles.bots.insert(seat, HostileBot::start(link, ledger.clone()));
    }
    control::drive(bots, hostiles, tokio::io::stdin(), tokio::io::stdout()).await
}
