//! A slow receiver, and what a connection may cost, on real sockets and in a time of our own.

use std::io::Read;
use std::net::TcpStream;

use palabre_sfu_core::engine::EngineConfig;
use palabre_sfu_core::outbox::Urgency;
use palabre_sfu_core::transport::dtls::Certificate;
use palabre_sfu_core::transport::framing::STUCK;

use super::*;

struct Plane {
    tcp: Tcp,
    engine: Engine,
    outbox: Outbox,
    address: SocketAddr,
    now: Instant,
}

impl Plane {
    fn new(limits: Limits) -> Self {
        let listener = listen("127.0.0.1:0".parse().unwrap()).unwrap();
        let address = listener.local_addr().unwrap().as_socket().unwrap();
        let certificate = Certificate::generate().unwrap();
        let engine = Engine::new(EngineConfig {
            certificate,
            candidates: Vec::new(),
            tcp_candidates: vec![address],
        });
        let now = Instant::now();
        let tcp = Tcp::new(listener, limits, now).unwrap();
        Self { tcp, engine, outbox: Outbox::new(), address, now }
    }

    fn serve(&mut self) {
        self.tcp.serve(self.now, &mut self.engine, &mut self.outbox);
    }

    /// A connection that was accepted, and its path.
    fn connect(&mut self) -> (TcpStream, Path) {
        let stream = TcpStream::connect(self.address).unwrap();
        let remote = stream.local_addr().unwrap();
        self.serve();
        let path = self.tcp.connections.values().map(|connection| connection.path);
        let path = path.into_iter().find(|path| path.remote == remote).unwrap();
        (stream, path)
    }

    fn send(&mut self, path: Path, urgency: Urgency, bytes: &[u8]) {
        self.outbox.clear();
        self.outbox.push_media(path, urgency, bytes.len(), |place| {
            place.copy_from_slice(bytes);
            Some(bytes.len())
        });
        self.tcp.send(self.now, &mut self.engine, &self.outbox);
    }
}

#[test]
fn a_slow_receiver_loses_pictures_keeps_sound_and_holds_up_nobody() {
    let mut plane = Plane::new(Limits::default());
    let (mut slow, path) = plane.connect();
    let (mut other, other_path) = plane.connect();
    // More pictures than any buffer of the kernel's holds, then sound that has to wait.
    for n in 0..20_000_u32 {
        plane.send(path, Urgency::Picture, &[n.to_be_bytes(), [1; 4]].concat().repeat(140));
    }
    let lost = plane.tcp.stats().dropped;
    assert!(lost > 1_000, "{lost}");
    for n in 0..200_u32 {
        plane.send(path, Urgency::Vital, &[n.to_be_bytes(), [2; 4]].concat().repeat(15));
    }
    assert_eq!(plane.tcp.stats().dropped, lost, "no sound is lost");
    plane.send(other_path, Urgency::Picture, b"in time");
    let mut bytes = [0; 9];
    other.read_exact(&mut bytes).unwrap();
    assert_eq!(&bytes[2..], b"in time");

    let (mut reader, mut sounds, mut pictures) = (FrameReader::default(), Vec::new(), Vec::new());
    slow.set_nonblocking(true).unwrap();
    while sounds.len() < 200 {
        match slow.read(reader.space()) {
            Ok(len) => {
                assert!(len > 0, "it is not closed");
                reader.filled(len);
            }
            Err(error) => assert_eq!(error.kind(), io::ErrorKind::WouldBlock),
        }
        while let Some(frame) = reader.next_frame().unwrap() {
            let number = u32::from_be_bytes(frame[..4].try_into().unwrap());
            if frame[4] == 2 { sounds.push(number) } else { pictures.push(number) }
        }
        plane.serve();
    }
    assert!(sounds.iter().copied().eq(0..200));
    assert!(pictures.is_sorted() && pictures.len() < 20_000);
}

#[test]
fn a_receiver_that_takes_nothing_is_closed() {
    let mut plane = Plane::new(Limits::default());
    let (_stuck, path) = plane.connect();
    for _ in 0..20_000 {
        plane.send(path, Urgency::Picture, &[7; 1_100]);
    }
    plane.now += STUCK - Duration::from_millis(1);
    plane.tcp.look_after(plane.now, &mut plane.engine);
    assert_eq!(plane.tcp.stats().connections, 1);
    plane.now += SWEEP;
    assert!(plane.tcp.due().is_some_and(|due| due <= plane.now));
    plane.tcp.look_after(plane.now, &mut plane.engine);
    let stats = plane.tcp.stats();
    assert_eq!((stats.connections, stats.useless), (0, 1));
    assert_eq!(plane.tcp.due(), None, "nothing is left to look after");
    let dropped = stats.dropped;
    plane.send(path, Urgency::Vital, b"to nobody");
    assert_eq!(plane.tcp.stats().dropped, dropped + 1);
}

#[test]
fn each_limit_holds_and_counts_who_left() {
    let limits = Limits { all: 3, unproven: 2, unproven_of_network: 1 };
    let mut plane = Plane::new(limits);
    let (first, path) = plane.connect();
    let refused = TcpStream::connect(plane.address).unwrap();
    plane.serve();
    assert_eq!((plane.tcp.stats().connections, plane.tcp.stats().refused), (1, 1));
    drop(refused);
    drop(first);
    plane.serve();
    assert_eq!((plane.tcp.unproven_count, plane.tcp.unproven.len()), (0, 0));
    let (_second, another) = plane.connect();
    assert_ne!(path.carrier, another.carrier);
    // It proves nothing.
    plane.now += TO_PROVE;
    plane.tcp.look_after(plane.now, &mut plane.engine);
    assert_eq!((plane.tcp.unproven_count, plane.tcp.stats().useless), (0, 1));
}

#[test]
fn one_household_is_one_network() {
    let of = |ip: &str| Network::of(ip.parse().unwrap());
    assert_eq!(of("2001:db8::1"), of("2001:db8::ffff:1"));
    assert_ne!(of("2001:db8::1"), of("2001:db8:0:1::1"));
    assert_eq!(of("::ffff:192.0.2.1"), of("192.0.2.1"));
    assert_ne!(of("192.0.2.1"), of("192.0.2.2"));
}
