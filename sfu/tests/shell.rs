//! The media plane on real sockets of the loopback interface.

mod common;

use std::net::{Ipv4Addr, SocketAddr, TcpListener, UdpSocket};

use common::{NEVER, OFFER, check, room, seen_in, start};
use palabre_ids::{Epoch, Seat};
use palabre_sfu::{NegotiateError, Sfu, SfuConfig, SfuHandle, StartError, Stopped};
use palabre_sfu_core::GateTable;

fn peer(to: SocketAddr) -> UdpSocket {
    let socket = UdpSocket::bind("0.0.0.0:0").expect("a socket");
    socket.connect(to).expect("a route");
    socket.set_read_timeout(Some(NEVER)).expect("a timeout");
    socket
}

/// Sends a check and reads its answer; gives the address that the answer names.
fn be_checked(socket: &UdpSocket, answer: &str) -> SocketAddr {
    socket.send(&check(answer)).expect("sent");
    let mut bytes = [0; 500];
    let len = socket.recv(&mut bytes).expect("an answer");
    seen_in(&bytes[..len])
}

#[tokio::test]
async fn an_offer_is_answered_and_its_check_too() {
    let (sfu, _events) = start(1, Ipv4Addr::UNSPECIFIED.into());
    let id = room("the-first-room");
    sfu.open_room(&id, 9).await.expect("running");
    let answer = sfu.negotiate(&id, Seat(0), OFFER.to_owned()).await.expect("an answer").answer;
    assert_eq!(sfu.silence(&id, Seat(0)).await.map(|it| it.is_some()), Ok(true));
    assert_eq!(sfu.silence(&id, Seat(1)).await, Ok(None));
    let port = sfu.ports()[0];
    assert!(answer.contains(&format!(" 127.0.0.1 {port} typ host")), "{answer}");

    // A connected socket hears only who it is connected to: the answer leaves from where the
    // check came to, for each address of this machine.
    for ours in ["127.0.0.1", "127.0.0.2"] {
        let to = SocketAddr::new(ours.parse().expect("an address"), port);
        let socket = peer(to);
        let seen = be_checked(&socket, &answer);
        assert_eq!(seen, socket.local_addr().expect("an address"));
    }
    let stats = sfu.stats().await.expect("running");
    assert_eq!((stats[0].io.datagrams_in, stats[0].io.datagrams_out), (2, 2));
    assert_eq!(stats[0].engine.rooms, 1);

    sfu.close_seat(&id, Seat(0)).await.expect("running");
    assert_eq!(sfu.silence(&id, Seat(0)).await, Ok(None));
    sfu.shutdown().await;
    assert_eq!(sfu.open_room(&id, 9).await, Err(Stopped));
    let late = sfu.negotiate(&id, Seat(0), OFFER.to_owned()).await;
    assert_eq!(late, Err(NegotiateError::Stopped(Stopped)));
    UdpSocket::bind(("0.0.0.0", port)).expect("the port is free again");
    TcpListener::bind(("0.0.0.0", port)).expect("for TCP too");
}

#[tokio::test]
async fn ipv4_and_ipv6_share_a_port() {
    let Ok(probe) = UdpSocket::bind("[::1]:0") else { return };
    drop(probe);
    let (sfu, _events) = start(1, "::".parse().expect("an address"));
    let id = room("the-first-room");
    sfu.open_room(&id, 9).await.expect("running");
    let answer = sfu.negotiate(&id, Seat(0), OFFER.to_owned()).await.expect("an answer").answer;
    let port = sfu.ports()[0];
    let socket = peer(SocketAddr::from(([127, 0, 0, 1], port)));
    assert_eq!(be_checked(&socket, &answer), socket.local_addr().expect("an address"));
    let socket = UdpSocket::bind("[::1]:0").expect("a socket");
    socket.connect(("::1", port)).expect("a route");
    socket.set_read_timeout(Some(NEVER)).expect("a timeout");
    assert_eq!(be_checked(&socket, &answer), socket.local_addr().expect("an address"));
    sfu.shutdown().await;
}

#[tokio::test]
async fn junk_is_met_with_silence_and_harms_nobody() {
    let (sfu, _events) = start(1, Ipv4Addr::LOCALHOST.into());
    let id = room("the-first-room");
    sfu.open_room(&id, 9).await.expect("running");
    let answer = sfu.negotiate(&id, Seat(0), OFFER.to_owned()).await.expect("an answer").answer;
    let hostile = peer(SocketAddr::from(([127, 0, 0, 1], sfu.ports()[0])));
    let good = check(&answer);
    let mut seed = 1_u64;
    let mut sent = 0;
    for round in 0..3_000_usize {
        let mut datagram: Vec<u8> = (0..round % 300)
            .map(|_| {
                seed = seed.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
                (seed >> 40) as u8
            })
            .collect();
        // Headers that look like something: STUN, DTLS, RTP, RTCP; and spoilt checks.
        match round % 6 {
            0 => datagram.splice(0..0, [0, 1]).for_each(drop),
            1 => datagram.splice(0..0, [22, 254, 253, 0, 0, 0, 0, 0, 0, 0, 0]).for_each(drop),
            2 => datagram.splice(0..0, [0x90, 111]).for_each(drop),
            3 => datagram.splice(0..0, [0x80, 200]).for_each(drop),
            4 => {
                datagram = good.clone();
                datagram[round % good.len()] ^= 1 + (round % 255) as u8;
            }
            _ => datagram = good[..round % good.len()].to_vec(),
        }
        sent += u64::from(hostile.send(&datagram).is_ok());
        if round % 100 == 0 {
            // Its own pace: what the kernel drops was not tested.
            let stats = sfu.stats().await.expect("running");
            assert!(stats[0].io.datagrams_in <= sent);
        }
    }
    while sfu.stats().await.expect("running")[0].io.datagrams_in < sent {
        tokio::task::yield_now().await;
    }
    assert_eq!(sfu.stats().await.expect("running")[0].io.datagrams_out, 0, "nothing was answered");
    let honest = peer(SocketAddr::from(([127, 0, 0, 1], sfu.ports()[0])));
    be_checked(&honest, &answer);
    sfu.shutdown().await;
}

#[tokio::test]
async fn rooms_are_spread_over_shards_and_known_to_one() {
    let (sfu, _events) = start(2, Ipv4Addr::LOCALHOST.into());
    assert_ne!(sfu.ports()[0], sfu.ports()[1]);
    for name in ["room-number-1", "room-number-2", "room-number-3", "room-number-4"] {
        sfu.open_room(&room(name), 9).await.expect("running");
        sfu.open_room(&room(name), 9).await.expect("running");
    }
    let rooms = |sfu: &SfuHandle| {
        let sfu = sfu.clone();
        async move {
            sfu.stats()
                .await
                .expect("running")
                .iter()
                .map(|shard| shard.engine.rooms)
                .collect::<Vec<_>>()
        }
    };
    assert_eq!(rooms(&sfu).await, [2, 2]);
    let negotiated = sfu.negotiate(&room("room-number-2"), Seat(3), OFFER.to_owned()).await;
    let answer = negotiated.expect("an answer").answer;
    let port = sfu
        .ports()
        .iter()
        .copied()
        .find(|port| answer.contains(&format!(" {port} typ host")))
        .expect("its shard's port");
    be_checked(&peer(SocketAddr::from(([127, 0, 0, 1], port))), &answer);
    sfu.close_room(&room("room-number-2")).await.expect("running");
    assert_eq!(rooms(&sfu).await.iter().sum::<u64>(), 3);
    let table = GateTable { epoch: Epoch(1), entries: Vec::new() };
    sfu.set_gate(&room("never-opened"), table).await.expect("nothing happens");
    assert!(matches!(
        sfu.negotiate(&room("never-opened"), Seat(0), OFFER.to_owned()).await,
        Err(NegotiateError::Refused(_))
    ));
    sfu.shutdown().await;
}

#[tokio::test]
async fn the_last_handle_takes_the_threads_along() {
    let (sfu, mut events) = start(2, Ipv4Addr::LOCALHOST.into());
    sfu.open_room(&room("the-first-room"), 9).await.expect("running");
    let other = sfu.clone();
    drop(sfu);
    assert_eq!(other.silence(&room("the-first-room"), Seat(0)).await, Ok(None));
    drop(other);
    let ended = tokio::time::timeout(NEVER, events.recv()).await.expect("the threads end");
    assert_eq!(ended, None);
}

#[tokio::test]
async fn a_port_that_is_taken_is_named() {
    let taken = UdpSocket::bind("127.0.0.1:0").expect("a socket");
    let bind = taken.local_addr().expect("an address");
    let refused = Sfu::start(&SfuConfig { bind, ..SfuConfig::default() });
    assert!(
        matches!(refused, Err(StartError::Bind { protocol: "UDP", port, .. }) if port == bind.port())
    );
    let taken = TcpListener::bind("127.0.0.1:0").expect("a socket");
    let bind = taken.local_addr().expect("an address");
    let refused = Sfu::start(&SfuConfig { bind, ..SfuConfig::default() });
    assert!(
        matches!(refused, Err(StartError::Bind { protocol: "TCP", port, .. }) if port == bind.port())
    );
    assert!(matches!(
        Sfu::start(&SfuConfig { shards: 0, ..SfuConfig::default() }),
        Err(StartError::Shards)
    ));
}
