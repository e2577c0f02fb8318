//! Puts everything together, and takes it apart again in the right order.

use std::io::Write as _;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use anyhow::{Context as _, Result, bail};
use palabre_backup::{Journal, LogJournal, OpenError};
use palabre_sfu::{Sfu, SfuConfig};
use palabre_signaling::{Service, ServiceConfig};
use rustix::process::{Resource, getrlimit, setrlimit};
use tokio::net::TcpListener;
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::{Mutex, mpsc, watch};

use crate::config::Config;
use crate::http::App;
use crate::media::SfuPlane;
use crate::metrics::{HttpMetrics, Metrics};
use crate::rate::Rate;
use crate::{api, demo, http, listen, media, private, tls, webhooks};

/// Requests under way may take so long to end once the server stops.
const HTTP_PATIENCE: Duration = Duration::from_secs(2);

/// A media plane may take so long to say goodbye to its peers; one that is stuck never does.
const MEDIA_PATIENCE: Duration = Duration::from_secs(3);

/// Why the server stops.
enum Stop {
    Asked,
    TimeIsUp,
    Failed,
}

/// Runs the server until it is asked to stop.
pub(crate) async fn serve(config: Config) -> Result<()> {
    raise_file_limit();
    let journal: Arc<dyn Journal> = Arc::new(open_journal(&config)?);
    let (plain, plain_address) = bind(config.http, "pages").await?;
    let http_metrics = Arc::new(HttpMetrics::of(config.limits.http_connections));
    let secure = match config.https {
        Some((address, certificate)) => {
            let (listener, address) = bind(address, "pages").await?;
            let acceptor = tls::acceptor(certificate, Arc::clone(&http_metrics.certificate))
                .context("cannot serve TLS")?;
            Some((listener, address, acceptor))
        }
        None => None,
    };
    let tls = secure.is_some();
    let address = secure.as_ref().map_or(plain_address, |(_, address, _)| *address);
    let (private, private_address) = bind(config.private, "health and metrics").await?;

    let sfu_config = SfuConfig {
        shards: usize::from(config.shards),
        bind: config.media,
        advertise: config.advertise.clone(),
    };
    let (sfu, events) = Sfu::start(&sfu_config).context("cannot start the media plane")?;
    let ports = sfu.ports().to_vec();
    let plane = Arc::new(SfuPlane(sfu));

    let (stop, _) = watch::channel(false);
    let (news, webhook) = match config.webhook {
        Some(webhook) => {
            let (news, heard) = mpsc::unbounded_channel();
            let metrics = http_metrics.webhooks.clone();
            let delivering = webhooks::deliver(webhook, heard, metrics, stop.subscribe());
            (Some(news), Some(tokio::spawn(delivering)))
        }
        None => (None, None),
    };
    let service_config = ServiceConfig {
        news,
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
    let service = Service::start(service_config, Arc::clone(&journal), Arc::clone(&plane) as _)
        .await
        .context("cannot bring the rooms back")?;
    let forwarding = tokio::spawn(media::forward(events, service.clone()));

    let router = private::router(private::Private {
        service: service.clone(),
        metrics: Metrics::new(service.clone(), Arc::clone(&plane), &http_metrics),
        loopback: private_address.ip().is_loopback(),
    });
    let mut listeners = vec![tokio::spawn(serve_private(private, router, stop.subscribe()))];
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
        let served = listen::serve(listener, acceptor, router, connections, stop.subscribe());
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

    announce(&app, [address, private_address, plain_address], &base, &ports).await?;
    tracing::info!(rooms = service.room_count(), shards = ports.len(), "serving");

    let reason = wait(config.exit_after, &service, &plane).await?;
    tracing::info!("stopping");
    service.stop().await;
    stop.send_replace(true);
    for listener in listeners {
        match tokio::time::timeout(HTTP_PATIENCE, listener).await {
            Ok(ended) => ended.context("a listener failed")?.context("a listener failed")?,
            Err(_) => tracing::warn!("some requests were cut off"),
        }
    }
    if tokio::time::timeout(MEDIA_PATIENCE, plane.0.shutdown()).await.is_err() {
        tracing::error!("the media plane does not stop");
    }
    forwarding.abort();
    if let Some(webhook) = webhook {
        webhook.await.context("the webhook failed")?;
    }
    match reason {
        Stop::Asked | Stop::TimeIsUp => Ok(()),
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

async fn bind(address: SocketAddr, what: &str) -> Result<(TcpListener, SocketAddr)> {
    let listener = TcpListener::bind(address)
        .await
        .with_context(|| format!("cannot serve {what} on {address}"))?;
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

async fn serve_private(
    listener: TcpListener,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let stopped = async move {
        // An error means that the server itself is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    axum::serve(listener, router).with_graceful_shutdown(stopped).await
}

async fn wait(exit_after: Option<Duration>, service: &Service, plane: &SfuPlane) -> Result<Stop> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
    // Who reloads a service asks for its files to be read again; unheard, it would end the server.
    let _reload = signal(SignalKind::hangup()).context("cannot listen for SIGHUP")?;
    let time_is_up = async {
        match exit_after {
            Some(time) => tokio::time::sleep(time).await,
            None => std::future::pending().await,
        }
    };
    Ok(tokio::select! {
        _ = terminated.recv() => Stop::Asked,
        _ = interrupted.recv() => Stop::Asked,
        () = time_is_up => Stop::TimeIsUp,
        () = service.failed() => Stop::Failed,
        () = media::ended(plane) => Stop::Failed,
    })
}

/// Says on standard output where the server is and how to enter its demo room: it is what the person
/// who started it wants to know, and no log, for it holds links.
async fn announce(
    app: &App,
    [address, private, plain]: [SocketAddr; 3],
    base: &str,
    ports: &[u16],
) -> Result<()> {
    let mut text = format!(
        "Palabre serves {base} (on {address}, media on UDP {ports:?}, health and metrics on {private})\n"
    );
    if app.tls {
        text.push_str(&format!("Without TLS, on {plain}, everybody is sent there.\n"));
    }
    if app.demo {
        let room =
            demo::room(&app.service, &app.demo_lock).await.context("cannot make the demo room")?;
        text.push_str(
            "\nDemo room: one link for each person, each in a browser window of its own.\n",
        );
        for link in api::links(&app.service, room, base).unwrap_or_default() {
            let (role, name) = (link.role.as_str(), link.name.as_str());
            text.push_str(&format!("  {role:<11}  {name:<8}  {}\n", link.url));
        }
    }
    let mut out = std::io::stdout().lock();
    // Whoever closed our standard output does not want to know.
    let _ = out.write_all(text.as_bytes()).and_then(|()| out.flush());
    Ok(())
}
