//! Attacks below the media: datagrams that are nothing, or come from where they may not.

use std::time::Instant;

use anyhow::Result;
use palabre_ids::Seat;
use rand::Rng as _;
use rtp::header::Header;
use rtp::packet::Packet;
use tokio::net::UdpSocket;
use tokio::time::Duration;
use webrtc_util::marshal::Marshal as _;

use super::Finding;
use super::raw::{Check, RawPeer, receive};
use crate::ledger::Ledger;

/// How long the server has to be silent, to what deserves no answer.
const SILENCE: Duration = Duration::from_millis(300);

/// Datagrams of a flood.
const FLOOD: usize = 20_000;

/// After so many datagrams of a flood others get their turn.
const BURST: usize = 200;

/// Damaged and random datagrams, from the peer's own address and from a new one.
pub(super) async fn garbage(peer: &mut RawPeer) -> Result<()> {
    let stranger = UdpSocket::bind("127.0.0.1:0").await?;
    for round in 0..200_usize {
        let mut datagram = vec![0_u8; round * 7 % 1_400];
        rand::rng().fill_bytes(&mut datagram);
        // Every class of RFC 7983 gets its share.
        if let Some(first) = datagram.first_mut() {
            *first = [0, 1, 20, 22, 63, 64, 127, 128, 129, 144, 191, 192, 255][round % 13];
        }
        peer.send(&datagram).await?;
        stranger.send_to(&datagram, peer.answer.address).await?;
    }
    for (datagram, _) in peer.recorded.clone() {
        let mut damaged = datagram.to_vec();
        if let Some(last) = damaged.last_mut() {
            *last ^= 1;
        }
        peer.send(&damaged).await?;
        peer.send(&datagram[..datagram.len() / 2]).await?;
    }
    Ok(())
}

/// Many at once. The room is to go on.
pub(super) async fn flood(peer: &mut RawPeer) -> Result<()> {
    let stranger = UdpSocket::bind("127.0.0.1:0").await?;
    let mut datagram = [0_u8; 1_100];
    rand::rng().fill_bytes(&mut datagram);
    datagram[0] = 0x80;
    for number in 0..FLOOD {
        let from = if number % 2 == 0 { &peer.socket } else { &stranger };
        // The kernel may refuse some: it is a flood.
        let _ = from.try_send_to(&datagram, peer.answer.address);
        if number % BURST == 0 {
            tokio::time::sleep(Duration::from_millis(2)).await;
        }
    }
    Ok(())
}

/// Forged checks get no answer that validates, and the right one no more bytes than it has.
pub(super) async fn stun(peer: &mut RawPeer) -> Result<Vec<Finding>> {
    let mut findings = Vec::new();
    let own = peer.own_check();
    let forged = [
        (
            "a wrong password",
            Check { password: "not-the-password-at-all".to_owned(), ..own.clone() },
        ),
        ("an unknown user", Check { username: "nobody:nobody".to_owned(), ..own.clone() }),
        ("no user", Check { username: String::new(), ..own.clone() }),
        ("no fingerprint", Check { fingerprint: false, ..own.clone() }),
    ];
    for (what, check) in forged {
        let stranger = UdpSocket::bind("127.0.0.1:0").await?;
        let request = peer.check(&check)?;
        stranger.send_to(&request, peer.answer.address).await?;
        if let Some(answer) = receive(&stranger, SILENCE).await? {
            // 0x0101 is a success response (RFC 8489 section 5).
            if answer.starts_with(&[1, 1]) {
                findings.push(format!("a check with {what} was answered with success"));
            }
            if answer.len() > request.len() {
                findings
                    .push(format!("a check with {what} was answered with more bytes than it had"));
            }
        }
    }
    let whole = peer.check(&own)?;
    let stranger = UdpSocket::bind("127.0.0.1:0").await?;
    for cut in 1..whole.len() {
        stranger.send_to(&whole[..cut], peer.answer.address).await?;
    }
    for at in 0..whole.len() {
        let mut damaged = whole.clone();
        damaged[at] ^= 0x40;
        stranger.send_to(&damaged, peer.answer.address).await?;
    }
    while let Some(answer) = receive(&stranger, SILENCE).await? {
        if answer.starts_with(&[1, 1]) {
            findings.push("a damaged check was answered with success".to_owned());
        }
    }
    Ok(findings)
}

/// Nothing is spoken with who was not validated: no handshake, no media.
pub(super) async fn unvalidated(
    peer: &mut RawPeer,
    seat: Seat,
    ledger: &Ledger,
) -> Result<Vec<Finding>> {
    let stranger = UdpSocket::bind("127.0.0.1:0").await?;
    let mut findings = Vec::new();
    for number in 0..20_u16 {
        let mut payload = vec![0xf8_u8; 64];
        rand::rng().fill_bytes(&mut payload[1..]);
        ledger.forbidden(seat, Instant::now(), &payload);
        let header = Header {
            version: 2,
            payload_type: super::offer::OPUS,
            sequence_number: number,
            ssrc: peer.offer.audio,
            ..Default::default()
        };
        // In the clear, from nowhere and from the peer's own address.
        let datagram = Packet { header, payload: payload.into() }.marshal()?;
        stranger.send_to(&datagram, peer.answer.address).await?;
        peer.send(&datagram).await?;
    }
    if peer.answers_handshake_from(&stranger).await? {
        findings
            .push("a DTLS handshake from an address without a valid check was answered".to_owned());
    }
    Ok(findings)
}
