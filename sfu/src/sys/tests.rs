//! System calls on the loopback interface.

use std::net::UdpSocket;
use std::time::Duration;

use super::*;
use crate::shard::listen;

fn receiver() -> (UdpSocket, SocketAddr) {
    let socket = UdpSocket::bind("127.0.0.1:0").unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(10))).unwrap();
    let address = socket.local_addr().unwrap();
    (socket, address)
}

#[test]
fn a_segmented_message_arrives_as_its_datagrams_from_the_address_it_names() {
    let sender = listen("0.0.0.0:0".parse().unwrap()).unwrap();
    let (one, to_one) = receiver();
    let (other, to_other) = receiver();
    let datagrams: Vec<Vec<u8>> =
        (0..10_u8).map(|n| vec![n; if n == 9 { 300 } else { 1_100 }]).collect();
    let path = |remote| Path::udp(IpAddr::from([127, 0, 0, 3]), remote);
    let mut outgoing = Outgoing::default();
    for _ in 0..2 {
        let mut messages = outgoing.begin();
        messages.push(path(to_one), 1_100, datagrams.iter().map(Vec::as_slice));
        messages.push(path(to_other), 5, std::iter::once(&b"alone"[..]));
        let mut done = 0;
        messages.send(&sender, false, |at, sent| {
            assert!(matches!(sent, Sent::Done), "{at}: {sent:?}");
            assert_eq!(at, done);
            done += 1;
        });
        assert_eq!(done, 2);
        let mut bytes = [0; 2_000];
        for datagram in &datagrams {
            let (len, from) = one.recv_from(&mut bytes).unwrap();
            assert_eq!(&bytes[..len], datagram);
            assert_eq!(from.ip(), path(to_one).local);
        }
        let (len, _) = other.recv_from(&mut bytes).unwrap();
        assert_eq!(&bytes[..len], b"alone");
    }
}

#[test]
fn a_refused_message_does_not_hold_up_the_next() {
    let sender = listen("0.0.0.0:0".parse().unwrap()).unwrap();
    let (receiver, to) = receiver();
    let mut outgoing = Outgoing::default();
    let mut messages = outgoing.begin();
    let foreign = Path::udp(IpAddr::from([192, 0, 2, 200]), to);
    let sound = Path::udp(IpAddr::from([127, 0, 0, 1]), to);
    messages.push(foreign, 1, std::iter::once(&b"x"[..]));
    messages.push(sound, 1, std::iter::once(&b"y"[..]));
    let mut told = Vec::new();
    messages.send(&sender, false, |at, sent| told.push((at, matches!(sent, Sent::Done))));
    assert_eq!(told, [(0, false), (1, true)]);
    let mut bytes = [0; 10];
    assert_eq!(receiver.recv(&mut bytes).unwrap(), 1);
    assert_eq!(bytes[0], b'y');
}

#[test]
fn what_is_too_long_to_be_read_is_dropped() {
    let socket = listen("127.0.0.1:0".parse().unwrap()).unwrap();
    let to = socket.local_addr().unwrap().as_socket().unwrap();
    let (sender, from) = receiver();
    sender.send_to(&[1; 3_000], to).unwrap();
    sender.send_to(b"short", to).unwrap();
    let mut incoming = Incoming::new(to.ip());
    let mut taken = Vec::new();
    for _ in 0..2 {
        // On the loopback a datagram is there when its sending returned.
        let count = incoming.receive(&socket).unwrap_or(0);
        for at in 0..count {
            taken.extend(incoming.get(at).map(|(path, bytes)| (path, bytes.to_vec())));
        }
    }
    let path = Path::udp(to.ip(), from);
    assert_eq!(taken, [(path, b"short".to_vec())]);
}

#[test]
fn this_machine_has_an_address() {
    let addresses = local_addresses().unwrap();
    assert!(addresses.contains(&IpAddr::from([127, 0, 0, 1])));
    let first_loopback = addresses.iter().position(IpAddr::is_loopback).unwrap();
    assert!(
        addresses[first_loopback..].iter().all(IpAddr::is_loopback),
        "the loopback's come last"
    );
}
