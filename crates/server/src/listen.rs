//! The public listener: takes connections, as many as are allowed, ends TLS, and speaks HTTP on them.
//!
//! A connection that does not say what it wants is not waited for: neither in TLS nor in HTTP.

use std::io;
use std::net::SocketAddr;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use axum::Router;
use axum::body::Body;
use axum::extract::ConnectInfo;
use hyper::body::Incoming;
use hyper::server::conn::http1;
use hyper::service::service_fn;
use hyper_util::rt::{TokioIo, TokioTimer};
use palabre_signaling::{Counter, UnderWay};
use tokio::io::{AsyncRead, AsyncWrite};
use tokio::net::{TcpListener, TcpStream};
use tokio::sync::{OwnedSemaphorePermit, Semaphore, watch};
use tokio::time::{sleep, timeout};
use tokio_rustls::TlsAcceptor;
use tower_service::Service as _;

use crate::tls::ACME_TLS;

/// A handshake is two round trips. Longer lets strangers hold sockets.
const HANDSHAKE_PATIENCE: Duration = Duration::from_secs(10);

/// The head of a request may take so long, and a connection may be idle so long between two.
const HEAD_PATIENCE: Duration = Duration::from_secs(20);

/// When the system has no more sockets, some must close first.
const BREATH: Duration = Duration::from_millis(500);

/// How many connections there may be, and what became of them.
#[derive(Debug)]
pub(crate) struct Connections {
    places: Arc<Semaphore>,
    pub(crate) open: UnderWay,
    pub(crate) refused: Counter,
    pub(crate) failed_handshakes: Counter,
}

impl Connections {
    /// At most so many at once.
    pub(crate) fn at_most(count: u32) -> Self {
        Self {
            places: Arc::new(Semaphore::new(count as usize)),
            open: UnderWay::default(),
            refused: Counter::default(),
            failed_handshakes: Counter::default(),
        }
    }
}

/// Serves `router` until `stop` says so, and then until the requests under way are answered. While
/// `accepts` says no, who comes is left to another process that has the same socket.
pub(crate) async fn serve(
    listener: TcpListener,
    tls: Option<TlsAcceptor>,
    router: Router,
    connections: Arc<Connections>,
    mut accepts: watch::Receiver<bool>,
    mut stop: watch::Receiver<bool>,
) -> io::Result<()> {
    let (all_done, alive) = watch::channel(());
    loop {
        let takes = *accepts.borrow_and_update();
        let accepted = tokio::select! {
            // Who comes after the word that nobody is taken any more is not taken.
            biased;
            Ok(()) = accepts.changed() => continue,
            // An error means that the server itself is gone.
            _ = stop.wait_for(|stop| *stop) => break,
            accepted = listener.accept(), if takes => accepted,
        };
        let (stream, peer) = match accepted {
            Ok(accepted) => accepted,
            Err(error) if is_of_the_connection(&error) => continue,
            Err(error) => {
                tracing::error!(%error, "no connection can be taken");
                sleep(BREATH).await;
                continue;
            }
        };
        // Who is beyond the limit finds the connection closed: an answer would need a place too.
        let Ok(place) = Arc::clone(&connections.places).try_acquire_owned() else {
            connections.refused.add();
            continue;
        };
        let (router, tls, stop) = (router.clone(), tls.clone(), stop.clone());
        let (connections, alive) = (Arc::clone(&connections), alive.clone());
        tokio::spawn(async move {
            let _open = (connections.open.begin(), alive);
            connection(stream, peer, tls, router, place, &connections, stop).await;
        });
    }
    drop((listener, alive));
    all_done.closed().await;
    Ok(())
}

fn is_of_the_connection(error: &io::Error) -> bool {
    use io::ErrorKind::{ConnectionAborted, ConnectionRefused, ConnectionReset};
    matches!(error.kind(), ConnectionAborted | ConnectionRefused | ConnectionReset)
}

async fn connection(
    stream: TcpStream,
    peer: SocketAddr,
    tls: Option<TlsAcceptor>,
    router: Router,
    place: OwnedSemaphorePermit,
    connections: &Connections,
    stop: watch::Receiver<bool>,
) {
    // Small messages are worth a packet each: a floor is given by one.
    let _refused = stream.set_nodelay(true);
    match tls {
        None => speak(stream, peer, router, stop).await,
        Some(tls) => match timeout(HANDSHAKE_PATIENCE, tls.accept(stream)).await {
            // An authority that checks the domain: the handshake was all it wanted.
            Ok(Ok(stream)) if stream.get_ref().1.alpn_protocol() == Some(ACME_TLS) => {}
            Ok(Ok(stream)) => speak(stream, peer, router, stop).await,
            Ok(Err(_)) | Err(_) => connections.failed_handshakes.add(),
        },
    }
    // A WebSocket is counted by its own limit from here on.
    drop(place);
}

async fn speak(
    stream: impl AsyncRead + AsyncWrite + Unpin + Send + 'static,
    peer: SocketAddr,
    router: Router,
    mut stop: watch::Receiver<bool>,
) {
    let service = service_fn(move |mut request: hyper::Request<Incoming>| {
        // The peer's address bounds what one network may do.
        request.extensions_mut().insert(ConnectInfo(peer));
        // A router is always ready.
        router.clone().call(request.map(Body::new))
    });
    let served = http1::Builder::new()
        .timer(TokioTimer::new())
        .header_read_timeout(HEAD_PATIENCE)
        .serve_connection(TokioIo::new(stream), service)
        .with_upgrades();
    let mut served = pin!(served);
    tokio::select! {
        // How it ended is the peer's business.
        _ = served.as_mut() => return,
        _ = stop.wait_for(|stop| *stop) => {}
    }
    served.as_mut().graceful_shutdown();
    let _ended = served.await;
}
