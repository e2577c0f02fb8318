//! A listener on the packets of a peer connection, at the application's end of the interceptor chain.
//!
//! The `webrtc` crate hands out media track by track and drops what belongs to no track. A test for
//! leaks must see everything that was decrypted, whoever it belongs to: so the tap takes it all, and
//! nothing goes on to the tracks.

use std::collections::VecDeque;
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::Instant;

use bytes::Bytes;
use rtc::interceptor::{Interceptor, Packet, StreamInfo, TaggedPacket};
use rtc::rtcp::payload_feedbacks::full_intra_request::FullIntraRequest;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::sansio::Protocol;
use rtc::shared::error::Error;
use tokio::sync::mpsc;

use super::listener::Arrival;

/// How many packets may wait for a slow bot. More are counted as overflow, never kept: a second of
/// a whole room with everything forwarded.
pub const QUEUE: usize = 8_192;

/// What came from the server.
#[derive(Debug)]
pub enum Tapped {
    /// An RTP packet, decrypted and authentic.
    Rtp(RtpPacket),
    /// A request for a key frame of our SSRC.
    KeyFrameWanted(u32),
}

/// An RTP packet that was received.
#[derive(Debug, Clone)]
pub struct RtpPacket {
    /// When the datagram was read.
    pub at: Instant,
    /// Its SSRC.
    pub ssrc: u32,
    /// Its payload type.
    pub payload_type: u8,
    /// Its sequence number.
    pub sequence: u16,
    /// Its timestamp.
    pub timestamp: u32,
    /// Its marker bit.
    pub marker: bool,
    /// Its payload, padding removed.
    pub payload: Bytes,
}

impl RtpPacket {
    /// Its header's part.
    #[must_use]
    pub fn arrival(&self) -> Arrival {
        let Self { at, ssrc, sequence, timestamp, marker, .. } = *self;
        Arrival { at, ssrc, sequence, timestamp, marker }
    }
}

/// The interceptor.
pub struct Tap {
    out: mpsc::Sender<Tapped>,
    overflow: Arc<AtomicU64>,
    reads: VecDeque<TaggedPacket>,
    writes: VecDeque<TaggedPacket>,
}

impl Tap {
    /// A tap, its packets, and how many it had to throw away.
    #[must_use]
    pub fn new() -> (Self, mpsc::Receiver<Tapped>, Arc<AtomicU64>) {
        let (out, packets) = mpsc::channel(QUEUE);
        let overflow = Arc::new(AtomicU64::new(0));
        let tap = Self {
            out,
            overflow: overflow.clone(),
            reads: VecDeque::new(),
            writes: VecDeque::new(),
        };
        (tap, packets, overflow)
    }

    fn give(&self, tapped: Tapped) {
        if let Err(mpsc::error::TrySendError::Full(_)) = self.out.try_send(tapped) {
            self.overflow.fetch_add(1, Ordering::Relaxed);
        }
    }
}

impl Protocol<TaggedPacket, TaggedPacket, ()> for Tap {
    type Rout = TaggedPacket;
    type Wout = TaggedPacket;
    type Eout = ();
    type Error = Error;
    type Time = Instant;

    fn handle_read(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        match &msg.message.packet {
            Packet::Rtp(packet) => self.give(Tapped::Rtp(RtpPacket {
                at: msg.now,
                ssrc: packet.header.ssrc,
                payload_type: packet.header.payload_type,
                sequence: packet.header.sequence_number,
                timestamp: packet.header.timestamp,
                marker: packet.header.marker,
                payload: packet.payload.clone(),
            })),
            Packet::Rtcp(packets) => {
                for packet in packets {
                    let packet = packet.as_any();
                    if let Some(pli) = packet.downcast_ref::<PictureLossIndication>() {
                        self.give(Tapped::KeyFrameWanted(pli.media_ssrc));
                    } else if let Some(fir) = packet.downcast_ref::<FullIntraRequest>() {
                        fir.fir
                            .iter()
                            .for_each(|entry| self.give(Tapped::KeyFrameWanted(entry.ssrc)));
                    }
                }
                self.reads.push_back(msg);
            }
            _ => self.reads.push_back(msg),
        }
        Ok(())
    }

    fn poll_read(&mut self) -> Option<TaggedPacket> {
        self.reads.pop_front()
    }

    fn handle_write(&mut self, msg: TaggedPacket) -> Result<(), Error> {
        self.writes.push_back(msg);
        Ok(())
    }

    fn poll_write(&mut self) -> Option<TaggedPacket> {
        self.writes.pop_front()
    }
}

impl Interceptor for Tap {
    fn bind_local_stream(&mut self, _: &StreamInfo) {}
    fn unbind_local_stream(&mut self, _: &StreamInfo) {}
    fn bind_remote_stream(&mut self, _: &StreamInfo) {}
    fn unbind_remote_stream(&mut self, _: &StreamInfo) {}
}
