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
use tokio::sync::{Mutex, watch};

use crate::config::Config;
use crate::http::App;
use crate::media::SfuPlane;
use crate::metrics::{HttpMetrics, Metrics};
use crate::{api, demo, http, media, private};

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
    let listener = TcpListener::bind(config.http)
        .await
        .with_context(|| format!("cannot serve pages on {}", config.http))?;
    let address = listener.local_addr().context("the listener has an address")?;
    let private = TcpListener::bind(config.private)
        .await
        .with_context(|| format!("cannot serve health and metrics on {}", config.private))?;
    let private_address = private.local_addr().context("the listener has an address")?;

    let sfu_config = SfuConfig {
        shards: usize::from(config.shards),
        bind: config.media,
        advertise: config.advertise.clone(),
    };
    let (sfu, events) = Sfu::start(&sfu_config).context("cannot start the media plane")?;
    let ports = sfu.ports().to_vec();
    let plane = Arc::new(SfuPlane(sfu));

    let service_config = ServiceConfig {
        max_rooms: config.max_rooms,
        allowed_origins: config
            .allow_origin
            .iter()
            .cloned()
            .chain(config.public_url.as_ref().map(|url| url.as_str().to_owned()))
            .collect(),
        ..ServiceConfig::default()
    };
    let service = Service::start(service_config, Arc::clone(&journal), Arc::clone(&plane) as _)
        .await
        .context("cannot bring the rooms back")?;
    let forwarding = tokio::spawn(media::forward(events, service.clone()));

    let (stop, _) = watch::channel(false);
    let http_metrics = Arc::new(HttpMetrics::default());
    let router = private::router(private::Private {
        service: service.clone(),
        metrics: Metrics::new(service.clone(), Arc::clone(&plane), &http_metrics),
        loopback: private_address.ip().is_loopback(),
    });
    let private = tokio::spawn(run(private, router, stop.subscribe()));
    let base = match &config.public_url {
        Some(url) => url.as_str().to_owned(),
        None if address.ip().is_loopback() => format!("http://localhost:{}", address.port()),
        None => format!("http://{address}"),
    };
    let app = Arc::new(App {
        service: service.clone(),
        public_url: config.public_url,
        operator_key: config.operator_key,
        own_machine: config.own_machine,
        demo: config.demo,
        demo_lock: Mutex::new(()),
        allow_rehearsal: config.allow_rehearsal,
        metrics: http_metrics,
    });
    let public = tokio::spawn(run(listener, http::router(Arc::clone(&app)), stop.subscribe()));

    announce(&app, [address, private_address], &base, &ports).await?;
    tracing::info!(rooms = service.room_count(), shards = ports.len(), "serving");

    let reason = wait(config.exit_after, &service, &plane).await?;
    tracing::info!("stopping");
    service.stop().await;
    stop.send_replace(true);
    for listener in [public, private] {
        match tokio::time::timeout(HTTP_PATIENCE, listener).await {
            Ok(ended) => ended.context("a listener failed")?.context("a listener failed")?,
            Err(_) => tracing::warn!("some requests were cut off"),
        }
    }
    if tokio::time::timeout(MEDIA_PATIENCE, plane.0.shutdown()).await.is_err() {
        tracing::error!("the media plane does not stop");
    }
    forwarding.abort();
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

async fn run(
    listener: TcpListener,
    router: axum::Router,
    mut stop: watch::Receiver<bool>,
) -> std::io::Result<()> {
    let stopped = async move {
        // An error means that the server itself is gone.
        let _ = stop.wait_for(|stop| *stop).await;
    };
    // The peer's address bounds what one network may hold open before it shows a link.
    let service = router.into_make_service_with_connect_info::<SocketAddr>();
    axum::serve(listener, service).with_graceful_shutdown(stopped).await
}

async fn wait(exit_after: Option<Duration>, service: &Service, plane: &SfuPlane) -> Result<Stop> {
    let mut terminated = signal(SignalKind::terminate()).context("cannot listen for SIGTERM")?;
    let mut interrupted = signal(SignalKind::interrupt()).context("cannot listen for SIGINT")?;
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
    [address, private]: [SocketAddr; 2],
    base: &str,
    ports: &[u16],
) -> Result<()> {
    let mut text = format!(
        "Palabre serves {base} (on {address}, media on UDP {ports:?}, health and metrics on {private})\n"
    );
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
