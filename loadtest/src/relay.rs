//! What stands between a bot and the server's media port: an address translator whose port changes when
//! it is told to, as one at home does, and a firewall that lets no UDP through.

use std::net::SocketAddr;

use anyhow::{Context, Result};
use serde::Deserialize;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};

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
    changes: mpsc::Sender<(Network, oneshot::Sender<()>)>,
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
    pub async fn change(&self, network: Network) -> Result<()> {
        let (done, made) = oneshot::channel();
        self.changes.send((network, done)).await.context("the relay has ended")?;
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

async fn pass(
    server: SocketAddr,
    inside: UdpSocket,
    mut outside: UdpSocket,
    mut orders: mpsc::Receiver<(Network, oneshot::Sender<()>)>,
) -> Result<()> {
    let (mut up, mut down) = (vec![0; MTU], vec![0; MTU]);
    let mut bot = None;
    let mut blocked = false;
    loop {
        tokio::select! {
            order = orders.recv() => {
                let Some((network, done)) = order else { return Ok(()) };
                match network {
                    // The new socket is there before the old one is closed: its port is another.
                    Network::Rebind => outside = open(server).await?,
                    Network::Block => blocked = true,
                    Network::Open => blocked = false,
                }
                // Who asked may have gone.
                let _ = done.send(());
            }
            received = inside.recv_from(&mut up) => {
                let (length, from) = received?;
                bot = Some(from);
                if !blocked {
                    // What the kernel refuses is lost, as on any network.
                    let _ = outside.send(&up[..length]).await;
                }
            }
            received = outside.recv(&mut down) => {
                // A server that is gone is told by ICMP: the bot hears nothing, and that is all.
                let Ok(length) = received else { continue };
                if let Some(bot) = bot.filter(|_| !blocked) {
                    let _ = inside.send_to(&down[..length], bot).await;
                }
            }
        }
    }
}

#[cfg(test)]
mod tests {
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
        relay.change(Network::Rebind).await.expect("made");
        // The server does not know yet: this is lost.
        server.send_to(b"lost", before).await.expect("sent");
        bot.send(b"two").await.expect("sent");
        let (_, after) = server.recv_from(&mut buffer).await.expect("received");
        assert_ne!(before, after);
        server.send_to(b"back", after).await.expect("sent");
        let length = bot.recv(&mut buffer).await.expect("received");
        assert_eq!(&buffer[..length], b"back");
        // Blocked: only what is sent after it is opened again comes.
        relay.change(Network::Block).await.expect("made");
        bot.send(b"blocked").await.expect("sent");
        bot.send(b"blocked").await.expect("sent");
        relay.change(Network::Rebind).await.expect("made");
        relay.change(Network::Open).await.expect("made");
        bot.send(b"open").await.expect("sent");
        loop {
            let (length, _) = server.recv_from(&mut buffer).await.expect("received");
            // The three may wait inside until it is opened: their order stays.
            if &buffer[..length] == b"open" {
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
