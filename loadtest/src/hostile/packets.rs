//! Attacks by RTP that is properly protected: only the gate and the publication can stop it.

use std::time::Instant;

use anyhow::{Result, ensure};
use bytes::{BufMut, Bytes, BytesMut};
use palabre_ids::{MediaRights, Seat};
use rtp::header::Header;
use rtp::packet::Packet;
use tokio::time::Duration;

use super::offer::{LEVEL_ID, MID_ID, OPUS, RID_ID, VP8};
use super::raw::RawPeer;
use crate::ledger::Ledger;

/// Packets of each kind that an attack sends: a second of speech.
const COUNT: u16 = 50;

/// From one packet to the next.
const PACE: Duration = Duration::from_millis(10);

/// What one forged packet claims.
struct Claim {
    ssrc: u32,
    payload_type: u8,
    sequence: u16,
    mid: Option<&'static str>,
    rid: Option<&'static str>,
    level: Option<u8>,
}

impl Claim {
    fn audio(peer: &RawPeer, sequence: u16) -> Self {
        Self {
            ssrc: peer.offer.audio,
            payload_type: OPUS,
            sequence,
            mid: Some("0"),
            rid: None,
            level: Some(30),
        }
    }

    fn video(peer: &RawPeer, sequence: u16) -> Self {
        Self {
            ssrc: peer.offer.video,
            payload_type: VP8,
            sequence,
            mid: Some("1"),
            rid: None,
            level: None,
        }
    }

    fn packet(&self, payload: Bytes) -> Result<Packet> {
        let mut header = Header {
            version: 2,
            marker: true,
            payload_type: self.payload_type,
            sequence_number: self.sequence,
            timestamp: u32::from(self.sequence).wrapping_mul(960),
            ssrc: self.ssrc,
            ..Default::default()
        };
        if let Some(mid) = self.mid {
            header.set_extension(MID_ID, Bytes::from_static(mid.as_bytes()))?;
        }
        if let Some(rid) = self.rid {
            header.set_extension(RID_ID, Bytes::from_static(rid.as_bytes()))?;
        }
        if let Some(level) = self.level {
            header.set_extension(LEVEL_ID, Bytes::copy_from_slice(&[0x80 | level]))?;
        }
        Ok(Packet { header, payload })
    }
}

/// Something of Opus' shape that nobody else ever sends.
fn opus_like() -> Bytes {
    let mut payload = BytesMut::with_capacity(64);
    // 20 ms of CELT, full band, mono (RFC 6716 section 3.1).
    payload.put_u8(0xf8);
    payload.put_slice(&rand::random::<[u8; 32]>());
    payload.put_slice(&rand::random::<[u8; 24]>());
    payload.freeze()
}

/// A key frame of VP8's shape that nobody else ever sends, behind its descriptor.
fn vp8_like(picture_id: u16) -> (Bytes, Bytes) {
    let mut data = BytesMut::with_capacity(64);
    // A key frame's tag and start code, 16 by 16 (RFC 6386 section 9.1).
    data.put_slice(&[0x10, 0x02, 0x00, 0x9d, 0x01, 0x2a, 16, 0, 16, 0]);
    data.put_slice(&rand::random::<[u8; 32]>());
    let mut payload = BytesMut::with_capacity(64);
    payload.put_slice(&[0x90, 0x80]);
    payload.put_u16(0x8000 | picture_id);
    payload.put_slice(&data);
    (payload.freeze(), data.freeze())
}

/// What it may not send now, of sound and camera.
fn forbidden(peer: &RawPeer, rights: MediaRights, sequence: u16) -> Vec<Claim> {
    let claims = [
        (rights.audio, Claim::audio(peer, sequence)),
        (rights.video, Claim::video(peer, sequence)),
    ];
    claims.into_iter().filter(|(allowed, _)| !allowed).map(|(_, claim)| claim).collect()
}

async fn send(
    peer: &mut RawPeer,
    seat: Seat,
    ledger: &Ledger,
    claim: &Claim,
    number: u16,
) -> Result<()> {
    let (payload, fragment) = if claim.payload_type == OPUS {
        let payload = opus_like();
        (payload.clone(), payload)
    } else {
        vp8_like(number & 0x7fff)
    };
    ledger.forbidden(seat, Instant::now(), &fragment);
    let datagram = peer.protect(&claim.packet(payload)?)?;
    peer.send(&datagram).await
}

/// Sound, camera and screen, whichever it has no right to.
pub(super) async fn send_without_right(
    peer: &mut RawPeer,
    rights: MediaRights,
    seat: Seat,
    ledger: &Ledger,
) -> Result<()> {
    ensure!(
        rights != MediaRights { audio: true, video: true, screen: true },
        "it may send everything: nothing to prove"
    );
    for number in 0..COUNT {
        let screen =
            Claim { ssrc: peer.offer.screen, mid: Some("2"), ..Claim::video(peer, 2_000 + number) };
        let claims = [
            (rights.audio, Claim::audio(peer, 2_000 + number)),
            (rights.video, Claim::video(peer, 2_000 + number)),
            (rights.screen, screen),
        ];
        for (_, claim) in claims.into_iter().filter(|(allowed, _)| !allowed) {
            send(peer, seat, ledger, &claim, number).await?;
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// The loudest of all, with voice, by its own word.
pub(super) async fn forge_level(
    peer: &mut RawPeer,
    rights: MediaRights,
    seat: Seat,
    ledger: &Ledger,
) -> Result<()> {
    ensure!(!rights.audio, "it may speak: nothing to prove");
    for number in 0..COUNT {
        let claim = Claim { level: Some(0), ..Claim::audio(peer, 3_000 + number) };
        send(peer, seat, ledger, &claim, number).await?;
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// The SSRCs that others are received with, those next to its own, and 0.
pub(super) async fn forge_ssrc(
    peer: &mut RawPeer,
    rights: MediaRights,
    seat: Seat,
    ledger: &Ledger,
) -> Result<()> {
    ensure!(!rights.audio, "it may speak: nothing to prove");
    let mut victims = peer.answer.slots.clone();
    victims.extend([0, 1, u32::MAX, peer.offer.audio.wrapping_add(1)]);
    victims.sort_unstable();
    victims.dedup();
    for number in 0..10 {
        for ssrc in &victims {
            for claim in forbidden(peer, rights, 4_000 + number) {
                send(peer, seat, ledger, &Claim { ssrc: *ssrc, ..claim }, number).await?;
            }
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Sections and layers that are not its own, with its own SSRC and with new ones.
pub(super) async fn forge_mid(
    peer: &mut RawPeer,
    rights: MediaRights,
    seat: Seat,
    ledger: &Ledger,
) -> Result<()> {
    ensure!(!rights.audio, "it may speak: nothing to prove");
    for number in 0..10 {
        for (mid, rid) in [
            ("3", None),
            ("4", Some("f")),
            ("2", Some("q")),
            ("99", None),
            (" ", Some(" ")),
            ("1", Some("zz")),
        ] {
            for ssrc in [peer.offer.audio, peer.offer.video, rand::random()] {
                for claim in forbidden(peer, rights, 5_000 + number) {
                    let claim = Claim { ssrc, mid: Some(mid), rid, ..claim };
                    send(peer, seat, ledger, &claim, number).await?;
                }
            }
        }
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Speaks as it may, and keeps what it sends.
pub(super) async fn record(
    peer: &mut RawPeer,
    rights: MediaRights,
    seat: Seat,
    ledger: &Ledger,
) -> Result<()> {
    ensure!(rights.audio, "it may not speak: record while it may");
    for number in 0..COUNT {
        let payload = opus_like();
        let packet = Claim::audio(peer, 100 + number).packet(payload.clone())?;
        let datagram = peer.protect(&packet)?;
        ledger.said(seat, Instant::now(), &payload);
        peer.send(&datagram).await?;
        peer.recorded.push((datagram, payload));
        tokio::time::sleep(PACE).await;
    }
    Ok(())
}

/// Says again what it kept: as it was, and once its sequence numbers went around.
pub(super) async fn replay(peer: &mut RawPeer, seat: Seat, ledger: &Ledger) -> Result<()> {
    ensure!(
        !peer.recorded.is_empty(),
        "nothing was recorded: attack with `record` first, while it may speak"
    );
    let kept = peer.recorded.clone();
    for (_, payload) in &kept {
        ledger.forbidden(seat, Instant::now(), payload);
    }
    for (datagram, _) in &kept {
        peer.send(datagram).await?;
    }
    tokio::time::sleep(PACE * 10).await;
    // Steps of under half the range, so that the server follows the rollover (RFC 3711 section 3.3.1).
    for (step, sequence) in [20_000_u16, 40_000, 60_000, 14_000].into_iter().enumerate() {
        send(peer, seat, ledger, &Claim::audio(peer, sequence), u16::try_from(step)?).await?;
        tokio::time::sleep(PACE).await;
    }
    for (datagram, _) in &kept {
        peer.send(datagram).await?;
    }
    Ok(())
}
