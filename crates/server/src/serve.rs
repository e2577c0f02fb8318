//! Puts everything together, and takes it apart again in the right order.

use std::io::{self, Write as _};
use std::net::SocketAddr;
use std::os::fd::{AsFd as _, OwnedFd};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use palabre_backup::{Journal, LogJournal, OpenError};
use palabre_ids::RoomId;
use palabre_sfu::{Sfu, SfuConfig, SfuHandle, StartError};
use palabre_sfu_core::MediaEvent;
use palabre_signaling::{PARTING, Service, ServiceConfig};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::sleep;

use crate::config::Config;
use crate::http::App;
use crate::media::SfuPlane;
use crate::metrics::{HttpMetrics, Metrics};
use crate::rate::Rate;
use crate::supervisor::Supervisor;
use crate::takeover::{Drain, Gate, Holdings, SocketName, Successor, TakeOver};
use crate::webhooks::Deliveries;
use crate::{api, demo, http, listen, media, private, tls};

/// Requests under way may take so long to end once the server stops.
const HTTP_PATIENCE: Duration = Duration::from_secs(2);

/// A media plane may take so long to say goodbye to its peers; one that is stuck never does.
const MEDIA_PATIENCE: Duration = Duration::from_secs(3);

/// Whether the server before this one has ended is looked at so often. It takes a second or two.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Blocks of media ports that are tried when another server has the first: two take turns, and one
/// that was slow to end may have a third.
const PORT_BLOCKS: u16 = 3;

/// Why the server stops.
enum Stop {
    Asked,
    TimeIsUp,
    Failed,
    /// Another process has everything.
    HandedOver(i32),
}

/// Runs the server until it is asked to stop.
pub(crate) async fn serve(config: Config) -> Result<()> {
    raise_file_limit();
    let successor = Successor::of_this_process().context("cannot tell which program this is")?;
    let mut other = match config.take_over {
        Some(within) => TakeOver::ask(&config.data, within).await?,
        None => None,
    };
    let takes_over = other.is_some();
    let log = Arc::new(match takes_over {
        true => LogJournal::open_beside(&config.data)?,
        false => open_journal(&config)?,
    });
    let journal: Arc<dyn Journal> = Arc::clone(&log) as _;
    #[cfg(feature = "planted")]
    let journal = crate::planted::journal(journal);
    let mut sockets = Vec::new();
    let mut listener = async |name, address| {
        let given = other.as_mut().and_then(|other| other.socket(name));
        let (listener, address) = bind(given, address, "pages").await?;
        let copy = listener.as_fd().try_clone_to_owned().context("cannot copy a socket")?;
        sockets.push((name, copy));
        anyhow::Ok((listener, address))
    };
    let (plain, plain_address) = listener(SocketName::Http, config.http).await?;
    let http_metrics = Arc::new(HttpMetrics::of(config.limits.http_connections));
    let secure = match config.https {
        Some((address, certificate)) => {
            let (listener, address) = listener(SocketName::Https, address).await?;
            let acceptor = tls::acceptor(certificate, Arc::clone(&http_metrics.certificate))
                .context("cannot serve TLS")?;
            Some((listener, address, acceptor))
        }
        None => None,
    };
    let tls = secure.is_some();
    let address = secure.as_ref().map_or(plain_address, |(_, address, _)| *address);
    let sockets: Vec<(SocketName, OwnedFd)> = sockets;
    let (private, private_address) = match bind(None, config.private, "health and metrics").await {
        Ok((listener, address)) => (Some(listener), address),
        // The server before has it until it ends.
        Err(_) if takes_over => (None, config.private),
        Err(error) => return Err(error),
    };

    let sfu_config = SfuConfig {
        shards: usize::from(config.shards),
        bind: config.media,
        advertise: config.advertise.clone(),
    };
    let (sfu, events) =
        start_media(sfu_config, takes_over).context("cannot start the media plane")?;
    let ports = sfu.ports().to_vec();
    let plane = Arc::new(SfuPlane(sfu));

    let (stop, _) = watch::channel(false);
    // What waits on the disk is the other server's until it has ended.
    let (is_only, _) = watch::channel(!takes_over);
    let (news, webhook) = match config.webhook {
        Some(webhook) => {
            let metrics = http_metrics.webhooks.clone();
            let deliveries = Deliveries::new(&webhook, &config.data, metrics)
                .context("cannot start a thread")?;
            let news = deliveries.herald();
            let delivering = deliveries.run(is_only.subscribe(), stop.subscribe());
            (Some(news), Some(tokio::spawn(delivering)))
        }
        None => (None, None),
    };
    let service_config = ServiceConfig {
        news,
        turn: config.turn.clone(),
        max_rooms: config.limits.rooms as usize,
        max_seats: config.limits.seats as usize,
        max_connections: config.limits.connections as usize,
        allowed_origins: config
            .allow_origin
            .iter()
            .cloned()
            .chain(config.public_url.as_ref().map(|url| url.as_str().to_owned()))
            .collect(),
    };
    let media_plane = Arc::clone(&plane) as _;
    let (service, other) = match other {
        None => (Service::start(service_config, Arc::clone(&journal), media_plane).await, None),
        Some(other) => {
            let started =
                Service::start_beside(service_config, Arc::clone(&journal), media_plane, other.now);
            match started.await {
                Ok((service, wanted)) => (Ok(service), Some((other, wanted))),
                Err(error) => (Err(error), None),
            }
        }
    };
    let service = service.context("cannot bring the rooms back")?;
    let forwarding = tokio::spawn(media::forward(events, service.clone()));

    // Who comes before a server has taken over is the other one's.
    let (accepts, _) = watch::channel(!takes_over);
    let (drains, drained) = mpsc::channel(1);
    let router = private::router(private::Private {
        service: service.clone(),
        metrics: Metrics::new(service.clone(), Arc::clone(&plane), &http_metrics),
        drains,
        loopback: private_address.ip().is_loopback(),
    });
    let private = serve_private(private, private_address, router, stop.subscribe());
    let mut listeners = vec![tokio::spawn(private)];
    let base = match &config.public_url {
        Some(url) => url.as_str().to_owned(),
        None => {
            let scheme = if tls { "https" } else { "http" };
            let local = address.ip().is_loopback();
            let host = if local { "localhost".to_owned() } else { address_host(address) };
            format!("{scheme}://{host}:{}", address.port())
        }
    };
    let app = Arc::new(App {
        service: service.clone(),
        public_url: config.public_url.clone(),
        operator_key: config.operator_key,
        own_machine: config.own_machine,
        demo: config.demo,
        demo_lock: Mutex::new(()),
        allow_rehearsal: config.allow_rehearsal,
        metrics: http_metrics,
        rate: Rate::per_minute(config.limits.rooms_per_minute),
        tls,
    });
    let connections = Arc::clone(&app.metrics.connections);
    let mut public = |listener, acceptor, router| {
        let connections = Arc::clone(&connections);
        let (accepts, stop) = (accepts.subscribe(), stop.subscribe());
        let served = listen::serve(listener, acceptor, router, connections, accepts, stop);
        listeners.push(tokio::spawn(served));
    };
    let pages = http::router(Arc::clone(&app));
    match secure {
        None => public(plain, None, pages),
        Some((listener, address, acceptor)) => {
            public(listener, Some(acceptor), pages);
            public(plain, None, http::redirect(app.public_url.clone(), address.port()));
        }
    }

    announce(&app, [address, private_address, plain_address], &base, &ports);
    tracing::info!(rooms = service.room_count(), shards = ports.len(), "serving");
    // Of one that takes over nobody waits for the start: the server before names it when it ends.
    let supervisor = Supervisor::of_this_process();
    if !takes_over {
        supervisor.tell("READY=1");
    }
    let (lives, shards) = (service.clone(), Arc::clone(&plane));
    let is_alive = async move || lives.is_alive() && shards.0.stats().await.is_ok();
    let watching = tokio::spawn(supervisor.clone().watch(is_alive));

    let only = become_only(other, service.clone(), accepts.clone(), is_only, log, config.data);
    let only = tokio::spawn(only);
    let holdings = Holdings { service: service.clone(), sockets, accepts };
    let standing = Standing { successor, only, app, base, exit_after: config.exit_after };
    let reason = standing.wait(holdings, drained, &plane).await?;
    tracing::info!("stopping");
    watching.abort();
    match reason {
        // The time that the next one has to say that it lives begins now.
        Stop::HandedOver(pid) => supervisor.tell(&format!("MAINPID={pid}\nWATCHDOG=1")),
        Stop::Asked | Stop::TimeIsUp | Stop::Failed => supervisor.tell("STOPPING=1"),
    }
    service.stop().await;
    stop.send_replace(true);
    for listener in listeners {
        match tokio::time::timeout(HTTP_PATIENCE, listener).await {
            Ok(ended) => ended.context("a listener failed")?.context("a listener failed")?,
            Err(_) => tracing::warn!("some requests were cut off"),
        }
    }
    if let Stop::HandedOver(_) = reason {
        // The last room that went over is still carried.
        sleep(Duration::from_millis(PARTING.0)).await;
    }
    if tokio::time::timeout(MEDIA_PATIENCE, plane.0.shutdown()).await.is_err() {
        tracing::error!("the media plane does not stop");
    }
    forwarding.abort();
    if let Some(webhook) = webhook {
        webhook.await.context("the webhook failed")?;
    }
    match reason {
        Stop::Asked | Stop::TimeIsUp | Stop::HandedOver(_) => Ok(()),
        Stop::Failed => {
            // Closing it waits for its last write, which may never end; what it acknowledged is
            // on the disk.
            std::mem::forget(journal);
            bail!("the journal or the media plane failed: see the log")
        }
    }
}

/// Each socket is an open file, and the usual limit (1,024) is for programs without many: as many as
/// the system allows are taken.
fn raise_file_limit() {
    let mut limit = getrlimit(Resource::Nofile);
    limit.current = limit.maximum;
    if let Err(error) = setrlimit(Resource::Nofile, limit) {
        tracing::warn!(%error, "the limit of open files stays as it is");
    }
}

fn open_journal(config: &Config) -> Result<LogJournal, OpenError> {
    let damaged = match LogJournal::open(&config.data) {
        Err(error @ OpenError::Damaged { .. }) if config.fresh => error,
        opened => return opened,
    };
    let aside = LogJournal::set_aside(&config.data)?;
    tracing::warn!(error = %damaged, aside = ?aside, "a damaged journal was set aside");
    LogJournal::open(&config.data)
}

/// A listener on `address`: the `given` one, if it is there.
async fn bind(
    given: Option<std::net::TcpListener>,
    address: SocketAddr,
    what: &str,
) -> Result<(TcpListener, SocketAddr)> {
    let fits = |given: &std::net::TcpListener| {
        given.local_addr().is_ok_and(|has| address.port() == 0 || has == address)
    };
    let listener = match given.filter(fits) {
        Some(given) => given.set_nonblocking(true).and_then(|()| TcpListener::from_std(given)),
        None => TcpListener::bind(address).await,
    };
    let listener = listener.with_context(|| format!("cannot serve {what} on {address}"))?;
    let address = listener.local_addr().context("the listener has an address")?;
    Ok((listener, address))
}

/// An address as the host of a URL.
fn address_host(address: SocketAddr) -> String {
    match address {
        SocketAddr::V4(address) => address.ip().to_string(),
        SocketAddr::V6(address) => format!("[{}]", address.ip()),
    }
}

/// Starts the media threads. While another server has their ports, they take the next ones.
fn start_media(
    mut config: SfuConfig,
    takes_over: bool,
) -> Result<(SfuHandle, mpsc::Receiver<MediaEvent>), StartError> {
    let blocks = if takes_over { PORT_BLOCKS } else { 1 };
    let size = u16::try_from(config.shards).unwrap_or(u16::MAX);
    for _ in 1..blocks {
        match Sfu::start(&config) {
            Err(StartError::Bind { error, .. }) if error.kind() == io::ErrorKind::AddrInUse => {}
            started => return started,
        }
        config.bind.set_port(config.bind.port().saturating_add(size));
    }
    Sfu::start(&config)
}

/// Serves health and metrics. Without a listener the server before still has the address: it is
/// taken when that one has ended.
async fn serve_private(
    listener: Option<TcpListener>,
    address: SocketAddr,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let listener = match listener {
        Some(listener) => listener,
        None => loop {
            if *stop.borrow() {
                return Ok(());
            }
            match TcpListener::bind(address).await {
                Ok(listener) => break listener,
                Err(error) if error.kind() == io::ErrorKind::AddrInUse => sleep(LOOK_EVERY).await,
                Err(error) => return Err(error),
            }
        },
    };
    let stopped = async move {
        // An error means that the server itself is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

type Other = (TakeOver, mpsc::UnboundedReceiver<RoomId>);

/// Takes over from the server before, if there is one, until this is the only one; opens the gate for
/// the next.
async fn become_only(
    other: Option<Other>,
    service: Service,
    accepts: watch::Sender<bool>,
    is_only: watch::Sender<bool>,
    log: Arc<LogJournal>,
    data: PathBuf,
) -> Result<Gate> {
    if let Some((other, wanted)) = other {
        let becomes = || log.try_become_only().context("the journal cannot be locked");
        other.finish(&service, wanted, &accepts, becomes).await?;
        is_only.send_replace(true);
        tracing::info!(rooms = service.room_count(), "took over from the server before");
    }
    Gate::open(&data).context("cannot be asked to hand over")
}

/// A server that runs.
struct Standing {
    successor: Successor,
    /// Resolves once this is the only server.
    only: JoinHandle<Result<Gate>>,
    app: Arc<App>,
    base: String,
    exit_after: Option<Duration>,
}

type Drains = mpsc::Receiver<(Drain, oneshot::Sender<private::Drained>)>;

impl Standing {
    async fn wait(
        mut self,
        holdings: Holdings,
        mut drains: Drains,
        plane: &SfuPlane,
    ) -> Result<Stop> {
        let listens = |what| format!("cannot listen for {what}");
        let on = |kind, what| signal(kind).with_context(|| listens(what));
        let mut terminated = on(SignalKind::terminate(), "SIGTERM")?;
        let mut interrupted = on(SignalKind::interrupt(), "SIGINT")?;
        // Who reloads a service asks for its files to be read again; unheard, it would end the server.
        let _reload = on(SignalKind::hangup(), "SIGHUP")?;
        let exit_after = self.exit_after;
        let time_is_up = async move {
            match exit_after {
                Some(time) => sleep(time).await,
                None => std::future::pending().await,
            }
        };
        let service = holdings.service.clone();
        let mut holdings = Some(holdings);
        let mut gate: Option<JoinHandle<Option<i32>>> = None;
        let mut left: Option<JoinHandle<()>> = None;
        let failed = async {
            tokio::select! {
                () = service.failed() => {}
                () = media::ended(plane) => {}
            }
        };
        tokio::pin!(time_is_up, failed);
        loop {
            tokio::select! {
                _ = terminated.recv() => return Ok(Stop::Asked),
                _ = interrupted.recv() => return Ok(Stop::Asked),
                () = &mut time_is_up => return Ok(Stop::TimeIsUp),
                () = &mut failed => return Ok(Stop::Failed),
                only = &mut self.only, if holdings.is_some() => {
                    // An error ends this server at once: the one before goes on with all rooms.
                    let opened = only.context("a task failed")??;
                    announce_demo(&self.app, &self.base).await?;
                    gate = holdings.take().map(|holdings| {
                        tokio::spawn(async move { opened.handed_over(&holdings).await })
                    });
                }
                pid = ended(&mut gate) => {
                    if let Some(pid) = pid.flatten() {
                        return Ok(Stop::HandedOver(pid));
                    }
                }
                _ = ended(&mut left) => return Ok(Stop::Asked),
                Some((drain, answer)) = drains.recv() => {
                    let words = match drain {
                        Drain::ToSuccessor { .. } if gate.is_none() => {
                            Err("this server is taking over from another one itself".to_owned())
                        }
                        Drain::ToSuccessor { within } => self.start_successor(within),
                        Drain::Alone { within } => {
                            service.leave();
                            left = Some(tokio::spawn(emptied(service.clone(), within)));
                            Ok("no rooms are made any more; the server ends with its sessions".to_owned())
                        }
                    };
                    // Who asked may have gone.
                    let _ = answer.send(words);
                }
            }
        }
    }

    fn start_successor(&self, within: Duration) -> private::Drained {
        let mut child = self.successor.start(within).map_err(|error| {
            tracing::error!(%error, "the next server cannot be started");
            format!("the next server cannot be started: {error}")
        })?;
        let pid = child.id();
        // If it gives up, everything stays as it is: what is left of it is cleared away.
        std::thread::spawn(move || child.wait());
        Ok(format!("process {pid} takes over"))
    }
}

/// What a task gave, once it has ended; it never has when there is none.
async fn ended<T>(task: &mut Option<JoinHandle<T>>) -> Option<T> {
    match task {
        Some(running) => {
            let given = running.await.ok();
            *task = None;
            given
        }
        None => std::future::pending().await,
    }
}

/// Resolves once nobody is connected, or after `within`.
async fn emptied(service: Service, within: Duration) {
    let empty = async {
        while service.open_connections() > 0 {
            sleep(Duration::from_secs(1)).await;
        }
    };
    let _ = tokio::time::timeout(within, empty).await;
}

/// Says on standard output where the server is.
fn announce(app: &App, [address, private, plain]: [SocketAddr; 3], base: &str, ports: &[u16]) {
    let mut text = format!(
        "Palabre serves {base} (on {address}, media on UDP {ports:?}, health and metrics on {private})\n"
    );
    if app.tls {
        text.push_str(&format!("Without TLS, on {plain}, everybody is sent there.\n"));
    }
    say(&text);
}

/// Says on standard output how to enter the demo room: it is what the person who started the server
/// wants to know, and no log, for it holds links.
async fn announce_demo(app: &App, base: &str) -> Result<()> {
    if !app.demo {
        return Ok(());
    }
    let room =
        demo::room(&app.service, &app.demo_lock).await.context("cannot make the demo room")?;
    let mut text =
        "\nDemo room: one link for each person, each in a browser window of its own.\n".to_owned();
    for link in api::links(&app.service, room, base).unwrap_or_default() {
        let (role, name) = (link.role.as_str(), link.name.as_str());
        text.push_str(&format!("  {role:<11}  {name:<8}  {}\n", link.url));
    }
    say(&text);
    Ok(())
}

fn say(text: &str) {
    let mut out = std::io::stdout().lock();
    // Whoever closed our standard output does not want to know.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
}
