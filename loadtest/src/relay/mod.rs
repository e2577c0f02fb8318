//! What stands between a bot and the server's media port: an address translator whose port changes when
//! it is told to, as one at home does, a firewall that lets no UDP through, and a network as bad as
//! `path` makes it.

pub mod path;

use std::collections::BTreeMap;
use std::net::SocketAddr;
use std::time::Instant;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

use self::path::{Conditions, Path, Ways};

/// The largest datagram.
const MTU: usize = 2_048;

/// Changes that wait to be made.
const CHANGES: usize = 8;

/// What happens to a bot's network.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Network {
    /// The server sees it at another port from now on; what goes to the old one is lost.
    Rebind,
    /// No UDP passes, either way.
    Block,
    /// UDP passes again.
    Open,
}

/// A running relay. It ends when this value goes.
#[derive(Debug)]
pub struct Relay {
    server: SocketAddr,
    inside: SocketAddr,
    changes: mpsc::Sender<(Change, oneshot::Sender<()>)>,
}

/// What a relay is told.
#[derive(Debug, Clone, Copy, PartialEq)]
pub enum Change {
    /// The network changes.
    Network(Network),
    /// It is so from now on. `stream` tells apart the schedules of one seed.
    Conditions {
        /// How it is.
        conditions: Conditions,
        /// Whose schedule.
        stream: u64,
    },
}

impl Relay {
    /// A relay before `server`, on loopback.
    ///
    /// # Errors
    /// When no socket can be opened.
    pub async fn start(server: SocketAddr) -> Result<Self> {
        let inside = UdpSocket::bind("127.0.0.1:0").await.context("a relay's socket")?;
        let address = inside.local_addr()?;
        let outside = open(server).await?;
        let (changes, orders) = mpsc::channel(CHANGES);
        tokio::spawn(async move {
            if let Err(error) = pass(server, inside, outside, orders).await {
                tracing::warn!(%error, "a relay ended");
            }
        });
        Ok(Self { server, inside: address, changes })
    }

    /// Where the bot sends to in the server's place.
    #[must_use]
    pub fn inside(&self) -> SocketAddr {
        self.inside
    }

    /// The server's address behind it.
    #[must_use]
    pub fn server(&self) -> SocketAddr {
        self.server
    }

    /// Makes a change; it is in force when this returns.
    ///
    /// # Errors
    /// When the relay has ended.
    pub async fn change(&self, change: Change) -> Result<()> {
        let (done, made) = oneshot::channel();
        self.changes.send((change, done)).await.context("the relay has ended")?;
        made.await.context("the relay has ended")
    }

    /// The answer with the relay's address in the place of the server's UDP candidate.
    #[must_use]
    pub fn rewrite(&self, sdp: &str) -> String {
        let lines = sdp.split_inclusive('\n').map(|line| match udp_candidate(line) {
            Some(address) if address == self.server => {
                let (ip, port) = (address.ip(), address.port());
                let (to_ip, to_port) = (self.inside.ip(), self.inside.port());
                line.replacen(&format!(" {ip} {port} "), &format!(" {to_ip} {to_port} "), 1)
            }
            _ => line.to_owned(),
        });
        lines.collect()
    }
}

/// The first UDP candidate of an answer on IPv4 loopback.
#[must_use]
pub fn server_of(sdp: &str) -> Option<SocketAddr> {
    sdp.lines().filter_map(udp_candidate).find(|address| address.is_ipv4())
}

/// `a=candidate:1 1 udp PRIORITY IP PORT typ host` (RFC 8839 section 5.1).
fn udp_candidate(line: &str) -> Option<SocketAddr> {
    let fields: Vec<&str> = line.trim_end().strip_prefix("a=candidate:")?.split(' ').collect();
    if !fields.get(2)?.eq_ignore_ascii_case("udp") {
        return None;
    }
    Some(SocketAddr::new(fields.get(4)?.parse().ok()?, fields.get(5)?.parse().ok()?))
}

async fn open(server: SocketAddr) -> Result<UdpSocket> {
    let socket = UdpSocket::bind("127.0.0.1:0").await.context("a relay's socket")?;
    socket.connect(server).await?;
    Ok(socket)
}

/// Datagrams that a relay holds: beyond, a network drops them, too.
const HELD: usize = 20_000;

/// A datagram on its way.
enum Bound {
    Up(Vec<u8>),
    Down(Vec<u8>),
}

/// What is on its way, by when it arrives and the order in which it was sent.
#[derive(Default)]
struct Held {
    datagrams: BTreeMap<(Instant, u64), Bound>,
    sent: u64,
}

impl Held {
    fn hold(&mut self, at: Instant, bound: Bound) {
        self.sent += 1;
        if self.datagrams.len() < HELD {
            self.datagrams.insert((at, self.sent), bound);
        }
    }

    /// When the first one arrives.
    fn due(&self) -> Option<Instant> {
        self.datagrams.first_key_value().map(|((at, _), _)| *at)
    }

    fn arrived(&mut self, now: Instant) -> Option<Bound> {
        self.datagrams
            .first_entry()
            .filter(|first| first.key().0 <= now)
            .map(|first| first.remove())
    }
}

/// Both ways, where they are bad.
#[derive(Default)]
struct Paths {
    up: Option<Path>,
    down: Option<Path>,
}

impl Paths {
    fn new(conditions: Conditions, stream: u64) -> Self {
        let way = |bad: bool, way| bad.then(|| Path::new(conditions, 2 * stream + way));
        Self { up: way(conditions.way != Ways::Down, 0), down: way(conditions.way != Ways::Up, 1) }
    }
}

async fn pass(
    server: SocketAddr,
    inside: UdpSocket,
    mut outside: UdpSocket,
    mut orders: mpsc::Receiver<(Change, oneshot::Sender<()>)>,
) -> Result<()> {
    let (mut up, mut down) = (vec![0; MTU], vec![0; MTU]);
    let mut bot = None;
    let mut blocked = false;
    let (mut paths, mut held) = (Paths::default(), Held::default());
    loop {
        let due = held.due();
        let arrival = async {
            match due {
                Some(at) => tokio::time::sleep_until(at.into()).await,
                None => std::future::pending().await,
            }
        };
        tokio::select! {
            order = orders.recv() => {
                let Some((change, done)) = order else { return Ok(()) };
                match change {
                    // The new socket is there before the old one is closed: its port is another.
                    Change::Network(Network::Rebind) => outside = open(server).await?,
                    Change::Network(Network::Block) => blocked = true,
                    Change::Network(Network::Open) => blocked = false,
                    Change::Conditions { conditions, stream } => {
                        paths = Paths::new(conditions, stream);
                    }
                }
                // Who asked may have gone.
                let _ = done.send(());
            }
            () = arrival => {
                while let Some(bound) = held.arrived(Instant::now()) {
                    // What the kernel refuses is lost, as on any network.
                    match (bound, bot) {
                        _ if blocked => {}
                        (Bound::Up(datagram), _) => drop(outside.send(&datagram).await),
                        (Bound::Down(datagram), Some(bot)) => {
                            drop(inside.send_to(&datagram, bot).await);
                        }
                        (Bound::Down(_), None) => {}
                    }
                }
            }
            received = inside.recv_from(&mut up) => {
                let (length, from) = received?;
                bot = Some(from);
                let datagram = &up[..length];
                match &mut paths.up {
                    _ if blocked => {}
                    None => drop(outside.send(datagram).await),
                    Some(path) => {
                        if let Some(at) = path.pass(Instant::now(), length) {
                            held.hold(at, Bound::Up(datagram.to_vec()));
                        }
                    }
                }
            }
            received = outside.recv(&mut down) => {
                // A server that is gone is told by ICMP: the bot hears nothing, and that is all.
                let Ok(length) = received else { continue };
                let datagram = &down[..length];
                match (&mut paths.down, bot) {
                    (_, None) => {}
                    _ if blocked => {}
                    (None, Some(bot)) => drop(inside.send_to(datagram, bot).await),
                    (Some(path), Some(_)) => {
                        if let Some(at) = path.pass(Instant::now(), length) {
                            held.hold(at, Bound::Down(datagram.to_vec()));
                        }
                    }
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::Duration;

    use super::*;

    #[tokio::test]
    async fn a_rebinding_changes_the_port_and_loses_what_goes_to_the_old_one() {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let relay = Relay::start(server.local_addr().expect("bound")).await.expect("starts");
        let bot = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        bot.connect(relay.inside()).await.expect("connected");
        let mut buffer = [0; 16];
        bot.send(b"one").await.expect("sent");
        let (_, before) = server.recv_from(&mut buffer).await.expect("received");
        relay.change(Change::Network(Network::Rebind)).await.expect("made");
        // The server does not know yet: this is lost.
        server.send_to(b"lost", before).await.expect("sent");
        bot.send(b"two").await.expect("sent");
        let (_, after) = server.recv_from(&mut buffer).await.expect("received");
        assert_ne!(before, after);
        server.send_to(b"back", after).await.expect("sent");
        let length = bot.recv(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"back");
        // Blocked: only what is sent after it is opened again comes.
        relay.change(Change::Network(Network::Block)).await.expect("made");
        bot.send(b"blocked").await.expect("sent");
        bot.send(b"blocked").await.expect("sent");
        relay.change(Change::Network(Network::Rebind)).await.expect("made");
        relay.change(Change::Network(Network::Open)).await.expect("made");
        bot.send(b"open").await.expect("sent");
        loop {
            let (length, _) = server.recv_from(&mut buffer).await.expect("received");
            // The three may wait inside until it is opened: their order stays.
            if &buffer[..length] == b"open" {
                break;
            }
        }
    }

    #[tokio::test]
    async fn a_bad_network_holds_datagrams_back_and_loses_them() {
        let server = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        let relay = Relay::start(server.local_addr().expect("bound")).await.expect("starts");
        let bot = UdpSocket::bind("127.0.0.1:0").await.expect("a socket");
        bot.connect(relay.inside()).await.expect("connected");
        let slow = Conditions { delay_ms: 30.0, ..Conditions::default() };
        let change = Change::Conditions { conditions: slow, stream: 3 };
        relay.change(change).await.expect("made");
        let (mut buffer, sent) = ([0; 16], Instant::now());
        bot.send(b"one").await.expect("sent");
        let (length, outside) = server.recv_from(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"one");
        assert!(sent.elapsed() >= Duration::from_millis(30));
        // Nothing passes up; what comes down is as before.
        let deaf = Conditions { loss: 1.0, way: Ways::Up, ..Conditions::default() };
        let change = Change::Conditions { conditions: deaf, stream: 3 };
        relay.change(change).await.expect("made");
        bot.send(b"lost").await.expect("sent");
        server.send_to(b"down", outside).await.expect("sent");
        let length = bot.recv(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"down");
        let good = Change::Conditions { conditions: Conditions::default(), stream: 3 };
        relay.change(good).await.expect("made");
        bot.send(b"again").await.expect("sent");
        loop {
            let (length, _) = server.recv_from(&mut buffer).await.expect("received");
            // What was sent before may have waited inside for the change: its order stays.
            if &buffer[..length] == b"again" {
                break;
            }
        }
    }

    #[test]
    fn only_the_udp_candidate_of_the_server_is_replaced() {
        let sdp = "v=0\r\na=candidate:1 1 udp 99 127.0.0.1 8081 typ host\r\n\
            a=candidate:2 1 tcp 98 127.0.0.1 8081 typ host tcptype passive\r\n\
            a=candidate:3 1 udp 97 10.0.0.9 8081 typ host\r\na=end-of-candidates\r\n";
        let server = server_of(sdp).expect("one");
        assert_eq!(server, SocketAddr::from(([127, 0, 0, 1], 8081)));
        let (changes, _orders) = mpsc::channel(1);
        let relay = Relay { server, inside: SocketAddr::from(([127, 0, 0, 1], 4)), changes };
        let wanted = sdp.replacen("127.0.0.1 8081", "127.0.0.1 4", 1);
        assert_eq!(relay.rewrite(sdp), wanted);
        assert_eq!(server_of("a=candidate:2 1 tcp 98 127.0.0.1 8081 typ host\r\n"), None);
    }
}
