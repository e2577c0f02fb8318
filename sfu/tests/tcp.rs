//! TCP connections to the media plane, on real sockets of the loopback interface.

mod common;

use std::io::{Read, Write};
use std::net::{IpAddr, Ipv4Addr, SocketAddr, TcpStream, UdpSocket};

use common::{NEVER, OFFER, check, room, seen_in, start};
use palabre_ids::Seat;
use palabre_sfu::{SfuHandle, TcpStats};

fn framed(datagram: &[u8]) -> Vec<u8> {
    [&(datagram.len() as u16).to_be_bytes()[..], datagram].concat()
}

fn connect(sfu: &SfuHandle) -> TcpStream {
    let to = SocketAddr::from(([127, 0, 0, 1], sfu.ports()[0]));
    let stream = TcpStream::connect(to).expect("a connection");
    stream.set_read_timeout(Some(NEVER)).expect("a timeout");
    stream
}

fn read_frame(stream: &mut TcpStream) -> Vec<u8> {
    let mut prefix = [0; 2];
    stream.read_exact(&mut prefix).expect("a length");
    let mut frame = vec![0; usize::from(u16::from_be_bytes(prefix))];
    stream.read_exact(&mut frame).expect("a frame");
    frame
}

/// Waits until the other end closes; gives whether anything came before.
fn is_closed(stream: &mut TcpStream) -> bool {
    let mut byte = [0];
    match stream.read(&mut byte) {
        Ok(len) => len == 0,
        Err(error) => error.kind() == std::io::ErrorKind::ConnectionReset,
    }
}

async fn stats(sfu: &SfuHandle) -> TcpStats {
    sfu.stats().await.expect("running")[0].tcp
}

/// A media plane with a room and a session in it, and the answer.
async fn plane(bind: IpAddr) -> (SfuHandle, String) {
    let (sfu, events) = start(1, bind);
    // Nobody listens: events are forgotten.
    drop(events);
    let id = room("the-first-room");
    sfu.open_room(&id, 9).await.expect("running");
    let negotiated = sfu.negotiate(&id, Seat(0), OFFER.to_owned()).await.expect("an answer");
    (sfu, negotiated.answer)
}

#[tokio::test]
async fn a_check_over_tcp_is_answered_in_a_frame() {
    let (sfu, answer) = plane(Ipv4Addr::UNSPECIFIED.into()).await;
    let port = sfu.ports()[0];
    let named = format!(" 127.0.0.1 {port} typ host tcptype passive\r\n");
    assert!(answer.contains(&named), "{answer}");
    let mut stream = connect(&sfu);
    // As it may come: by the byte.
    for byte in framed(&check(&answer)) {
        stream.write_all(&[byte]).expect("sent");
    }
    let seen = seen_in(&read_frame(&mut stream));
    assert_eq!(seen, stream.local_addr().expect("an address"));
    // And two at once.
    let two = [framed(&check(&answer)), framed(&check(&answer))].concat();
    stream.write_all(&two).expect("sent");
    for _ in 0..2 {
        assert_eq!(seen_in(&read_frame(&mut stream)), seen);
    }
    let counted = stats(&sfu).await;
    assert_eq!((counted.accepted, counted.connections, counted.refused), (1, 1, 0));
    assert_eq!((counted.datagrams_in, counted.datagrams_out), (3, 3));

    // With its session the connection's reason is gone.
    sfu.close_seat(&room("the-first-room"), Seat(0)).await.expect("running");
    assert!(is_closed(&mut stream));
    sfu.shutdown().await;
}

#[tokio::test]
async fn ipv6_is_accepted_by_the_same_listener() {
    if UdpSocket::bind("[::1]:0").is_err() {
        return;
    }
    let (sfu, answer) = plane("::".parse().expect("an address")).await;
    for ours in ["127.0.0.1", "::1"] {
        let mut stream = TcpStream::connect((ours, sfu.ports()[0])).expect("a connection");
        stream.set_read_timeout(Some(NEVER)).expect("a timeout");
        stream.write_all(&framed(&check(&answer))).expect("sent");
        let seen = seen_in(&read_frame(&mut stream));
        assert_eq!(seen, stream.local_addr().expect("an address"));
    }
    sfu.shutdown().await;
}

#[tokio::test]
async fn what_is_not_framed_ends_its_connection_and_no_other() {
    let (sfu, answer) = plane(Ipv4Addr::LOCALHOST.into()).await;
    let mut honest = connect(&sfu);
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    for junk in [&[0, 0][..], b"GET / HTTP/1.1\r\n\r\n", &[0xff; 64], &[6, 0x41]] {
        let mut stream = connect(&sfu);
        // After something that is.
        stream.write_all(&framed(&[7; 40])).expect("sent");
        stream.write_all(junk).expect("sent");
        assert!(is_closed(&mut stream), "{junk:?}");
    }
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    let counted = stats(&sfu).await;
    assert_eq!((counted.unframed, counted.connections), (4, 1));
    sfu.shutdown().await;
}

#[tokio::test]
async fn connections_that_break_off_in_a_frame_leave_nothing_behind() {
    let (sfu, answer) = plane(Ipv4Addr::LOCALHOST.into()).await;
    let mut honest = connect(&sfu);
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    for proven in [false, true] {
        for at in 0..4 {
            let mut stream = connect(&sfu);
            if proven {
                stream.write_all(&framed(&check(&answer))).expect("sent");
                read_frame(&mut stream);
            }
            let whole = framed(&check(&answer));
            let cut = [1, 2, 3, whole.len() - 1][at];
            stream.write_all(&whole[..cut]).expect("sent");
            // Closed so, it is reset, and what is on its way is lost.
            let now = Some(std::time::Duration::ZERO);
            socket2::SockRef::from(&stream).set_linger(now).expect("set");
        }
    }
    while stats(&sfu).await.accepted < 9 || stats(&sfu).await.connections > 1 {
        tokio::task::yield_now().await;
    }
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    assert_eq!(stats(&sfu).await.unframed, 0);
    sfu.shutdown().await;
}

#[tokio::test]
async fn a_connection_that_proves_nothing_is_closed() {
    let (sfu, answer) = plane(Ipv4Addr::LOCALHOST.into()).await;
    let mut honest = connect(&sfu);
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    let (mut silent, mut slow, mut forger) = (connect(&sfu), connect(&sfu), connect(&sfu));
    slow.write_all(&[1]).expect("sent");
    let mut forged = check(&answer);
    *forged.last_mut().expect("a byte") ^= 1;
    forger.write_all(&framed(&forged)).expect("sent");
    for stream in [&mut silent, &mut slow, &mut forger] {
        assert!(is_closed(stream));
    }
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    let counted = stats(&sfu).await;
    assert_eq!((counted.useless, counted.connections, counted.datagrams_out), (3, 1, 2));
    sfu.shutdown().await;
}

#[tokio::test]
async fn one_network_gets_no_more_than_its_share_and_those_inside_stay() {
    let (sfu, answer) = plane(Ipv4Addr::UNSPECIFIED.into()).await;
    let mut honest = connect(&sfu);
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    let port = sfu.ports()[0];
    let crowd: Vec<_> = (0..260).map(|_| connect(&sfu)).collect();
    while stats(&sfu).await.refused + stats(&sfu).await.accepted < 261 {
        tokio::task::yield_now().await;
    }
    assert_eq!(stats(&sfu).await.refused, 60);
    honest.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut honest);
    // UDP is another matter, and room is made by who leaves.
    let socket = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    socket.set_read_timeout(Some(NEVER)).expect("a timeout");
    socket.connect(("127.0.0.1", port)).expect("a route");
    socket.send(&check(&answer)).expect("sent");
    let mut bytes = [0; 500];
    let len = socket.recv(&mut bytes).expect("an answer");
    assert_eq!(seen_in(&bytes[..len]), socket.local_addr().expect("an address"));
    drop(crowd);
    while stats(&sfu).await.connections > 1 {
        tokio::task::yield_now().await;
    }
    let mut another = connect(&sfu);
    another.write_all(&framed(&check(&answer))).expect("sent");
    read_frame(&mut another);
    sfu.shutdown().await;
}
