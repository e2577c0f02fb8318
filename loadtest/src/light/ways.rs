//! By which way a light bot's datagrams go: UDP, or a TCP connection to the server's passive candidate
//! (RFC 6544), framed as RFC 4571 says.

use std::io::{Error, ErrorKind, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream, UdpSocket};
use std::sync::Arc;
use std::thread::JoinHandle;
use std::time::Duration;

use super::sys::{Outcome, send};

/// A connection that takes longer is given up.
const CONNECT_TIMEOUT: Duration = Duration::from_secs(2);
/// So much may wait to be sent; what comes then is lost, as by a socket that is full.
const MOST_WAITING: usize = 256 * 1_024;

/// One of the two.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Way {
    Udp,
    Tcp,
}

/// The ways of one bot.
pub(super) struct Ways {
    pub(super) udp: Arc<UdpSocket>,
    tcp: Option<Tcp>,
    current: Way,
}

enum Tcp {
    /// By a thread of its own: a thread of many bots waits for nobody.
    Connecting(JoinHandle<std::io::Result<TcpStream>>),
    Open {
        stream: TcpStream,
        incoming: Vec<u8>,
        waiting: Vec<u8>,
    },
}

impl Ways {
    pub(super) fn new(udp: UdpSocket) -> Self {
        Self { udp: Arc::new(udp), tcp: None, current: Way::Udp }
    }

    /// By which way datagrams go now.
    pub(super) fn current(&self) -> Way {
        self.current
    }

    /// Takes that way from now on; a connection that is not taken is closed.
    pub(super) fn take(&mut self, way: Way) {
        self.current = way;
        if way == Way::Udp {
            self.tcp = None;
        }
    }

    pub(super) fn has_tcp(&self) -> bool {
        self.tcp.is_some()
    }

    /// Begins a new TCP connection, in the place of the one there is.
    pub(super) fn connect(&mut self, server: SocketAddr) {
        let connecting = std::thread::spawn(move || {
            let stream = TcpStream::connect_timeout(&server, CONNECT_TIMEOUT)?;
            stream.set_nodelay(true)?;
            stream.set_nonblocking(true)?;
            Ok(stream)
        });
        self.tcp = Some(Tcp::Connecting(connecting));
    }

    /// Sends by the way that is taken.
    pub(super) fn send<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) -> Outcome {
        match self.current {
            Way::Udp => send(&*self.udp, datagrams),
            Way::Tcp => self.send_by_tcp(datagrams),
        }
    }

    /// Sends by both; tells what became of it by UDP, for the other way may not be there yet.
    pub(super) fn try_both<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) -> Outcome {
        self.send_by_tcp(datagrams);
        send(&*self.udp, datagrams)
    }

    fn send_by_tcp<B: AsRef<[u8]>>(&mut self, datagrams: &[B]) -> Outcome {
        let mut outcome = Outcome::default();
        if datagrams.is_empty() {
            return outcome;
        }
        let Some(Tcp::Open { waiting, .. }) = &mut self.tcp else {
            outcome.error = Some(ErrorKind::NotConnected.into());
            return outcome;
        };
        for datagram in datagrams.iter().map(AsRef::as_ref) {
            let length = u16::try_from(datagram.len()).ok();
            let Some(length) = length.filter(|_| waiting.len() < MOST_WAITING) else {
                outcome.error = Some(ErrorKind::StorageFull.into());
                continue;
            };
            waiting.extend_from_slice(&length.to_be_bytes());
            waiting.extend_from_slice(datagram);
            outcome.left += 1;
        }
        outcome.error = self.push().err().or(outcome.error);
        outcome
    }

    /// Writes what waits; a connection that broke is forgotten.
    fn push(&mut self) -> Result<(), Error> {
        let Some(Tcp::Open { stream, waiting, .. }) = &mut self.tcp else { return Ok(()) };
        while !waiting.is_empty() {
            match stream.write(waiting) {
                Ok(written) => drop(waiting.drain(..written)),
                Err(error) if is_pause(error.kind()) => break,
                Err(error) => {
                    self.tcp = None;
                    return Err(error);
                }
            }
        }
        Ok(())
    }

    /// What came by TCP, a datagram each.
    pub(super) fn read_tcp(&mut self) -> Vec<Vec<u8>> {
        let connected = match self.tcp.take() {
            Some(Tcp::Connecting(connecting)) if connecting.is_finished() => {
                // A server that is not there takes no connection.
                connecting.join().ok().and_then(Result::ok).map(|stream| Tcp::Open {
                    stream,
                    incoming: Vec::new(),
                    waiting: Vec::new(),
                })
            }
            other => other,
        };
        self.tcp = connected;
        // A connection that broke is told by what is sent next, which finds none.
        let _ = self.push();
        let mut datagrams = Vec::new();
        let Some(Tcp::Open { stream, incoming, .. }) = &mut self.tcp else { return datagrams };
        let mut buffer = [0; 16_384];
        let mut open = true;
        loop {
            match stream.read(&mut buffer) {
                Ok(0) => open = false,
                Ok(length) => {
                    incoming.extend_from_slice(&buffer[..length]);
                    continue;
                }
                Err(error) if is_pause(error.kind()) => {}
                Err(_) => open = false,
            }
            break;
        }
        let mut at = 0;
        while let Some(head) = incoming.get(at..at + 2) {
            let end = at + 2 + usize::from(u16::from_be_bytes([head[0], head[1]]));
            let Some(datagram) = incoming.get(at + 2..end) else { break };
            datagrams.push(datagram.to_vec());
            at = end;
        }
        incoming.drain(..at);
        if !open {
            self.tcp = None;
        }
        datagrams
    }
}

fn is_pause(kind: ErrorKind) -> bool {
    matches!(kind, ErrorKind::WouldBlock | ErrorKind::Interrupted)
}

#[cfg(test)]
mod tests {
    use std::net::TcpListener;

    use super::*;

    #[test]
    fn datagrams_pass_a_connection_whole_however_it_cuts_them() {
        let listener = TcpListener::bind("127.0.0.1:0").expect("a port");
        let mut ways = Ways::new(UdpSocket::bind("127.0.0.1:0").expect("a socket"));
        ways.connect(listener.local_addr().expect("bound"));
        let (mut server, _) = listener.accept().expect("it connects");
        while !matches!(ways.tcp, Some(Tcp::Open { .. })) {
            assert!(ways.read_tcp().is_empty() && ways.has_tcp());
            std::thread::yield_now();
        }
        ways.take(Way::Tcp);
        let outcome = ways.send(&[&b"one"[..], &b"three"[..]]);
        assert!(outcome.left == 2 && outcome.error.is_none(), "{outcome:?}");
        let mut got = [0; 12];
        server.read_exact(&mut got).expect("sent");
        assert_eq!(&got, b"\0\x03one\0\x05three");
        let mut read = Vec::new();
        for piece in [&b"\0"[..], &b"\x02ab\0\x01"[..], &b"c\0"[..]] {
            server.write_all(piece).expect("open");
            server.flush().expect("open");
        }
        while read.len() < 2 {
            read.extend(ways.read_tcp());
        }
        assert_eq!(read, [b"ab".to_vec(), b"c".to_vec()]);
        drop(server);
        while ways.has_tcp() {
            assert!(ways.read_tcp().is_empty(), "half a datagram is none");
        }
        let outcome = ways.send(&[&b"lost"[..]]);
        let kind = outcome.error.map(|error| error.kind());
        assert_eq!((outcome.left, kind), (0, Some(ErrorKind::NotConnected)));
    }
}
