//! The media side of a full bot: one peer connection of the `webrtc` crate, one offer for a room's life.

use std::sync::Arc;
use std::sync::atomic::AtomicU64;

use anyhow::{Context, Result};
use async_trait::async_trait;
use bytes::Bytes;
use palabre_wire::MediaPlan;
use rtc::media_stream::MediaStreamTrack;
use rtc::peer_connection::configuration::media_engine::{
    MIME_TYPE_OPUS, MIME_TYPE_RTX, MIME_TYPE_VP8,
};
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{
    RTCPFeedback, RTCRtpCodec, RTCRtpCodecParameters, RTCRtpCodingParameters,
    RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability, RtpCodecKind,
};
use tokio::sync::{mpsc, watch};
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, Slot, SrtpProtectionProfile, configure_nack, configure_rtcp_reports,
    configure_simulcast_extension_headers, configure_twcc,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

use super::tap::{Tap, Tapped};
use crate::media::camera::RIDS;

const OPUS: u8 = 111;
const VP8: u8 = 96;
const RTX: u8 = 97;

const MID: &str = "urn:ietf:params:rtp-hdrext:sdes:mid";
const RID: &str = "urn:ietf:params:rtp-hdrext:sdes:rtp-stream-id";
const AUDIO_LEVEL: &str = "urn:ietf:params:rtp-hdrext:ssrc-audio-level";

/// After every interceptor of the `webrtc` crate.
const TAP_SLOT: usize = 14_000;

/// How a camera is sent.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub enum Camera {
    /// Three layers, by RID.
    #[default]
    Simulcast,
    /// One layer, declared by SSRC.
    Single,
}

impl Camera {
    /// How many layers it has.
    #[must_use]
    pub fn layers(self) -> usize {
        match self {
            Self::Simulcast => RIDS.len(),
            Self::Single => 1,
        }
    }
}

/// Where a peer connection stands.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum PeerState {
    /// Not connected yet.
    Connecting,
    /// ICE and DTLS are done.
    Connected,
    /// It was, and is no longer.
    Lost,
}

/// A peer connection laid out as the server's plan says.
pub struct Peer {
    connection: Arc<dyn PeerConnection>,
    microphone: Uplink,
    camera: Uplink,
    camera_layers: usize,
    screen: Uplink,
    state: watch::Receiver<PeerState>,
    gathered: watch::Receiver<bool>,
}

/// What comes out of a peer.
pub struct PeerOutput {
    /// What was received.
    pub packets: mpsc::Receiver<Tapped>,
    /// How much was not kept, because nobody took it in time.
    pub overflow: Arc<AtomicU64>,
}

/// One section that is sent in.
struct Uplink {
    track: Arc<TrackLocalStaticRTP>,
    ssrcs: Vec<u32>,
    /// Identifiers of the header extensions, once negotiated: mid, rid, level.
    extensions: Extensions,
    mid: Bytes,
}

#[derive(Debug, Clone, Copy, Default)]
struct Extensions {
    mid: Option<u8>,
    rid: Option<u8>,
    level: Option<u8>,
}

/// What a packet says beside its payload.
#[derive(Debug, Clone, Copy)]
pub struct PacketHead {
    /// The sequence number.
    pub sequence: u16,
    /// The timestamp.
    pub timestamp: u32,
    /// The marker bit.
    pub marker: bool,
}

struct Handler {
    state: watch::Sender<PeerState>,
    gathered: watch::Sender<bool>,
}

#[async_trait]
impl PeerConnectionEventHandler for Handler {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        let state = match state {
            RTCPeerConnectionState::Connected => PeerState::Connected,
            RTCPeerConnectionState::Disconnected
            | RTCPeerConnectionState::Failed
            | RTCPeerConnectionState::Closed => PeerState::Lost,
            _ => return,
        };
        self.state.send_replace(state);
    }
}

impl Peer {
    /// Lays out a peer connection: microphone, camera, screen, then the slots of `plan`.
    ///
    /// # Errors
    /// When the `webrtc` crate refuses the configuration, or no socket can be opened.
    pub async fn new(plan: &MediaPlan, camera: Camera) -> Result<(Self, PeerOutput)> {
        let (tap, packets, overflow) = Tap::new();
        let mut engine = media_engine()?;
        configure_simulcast_extension_headers(&mut engine)?;
        let mut registry = configure_nack(Registry::new(), &mut engine);
        registry = configure_twcc(registry, &mut engine)?;
        registry = configure_rtcp_reports(registry).with(Slot::from(TAP_SLOT), tap);
        let settings = SettingEngineBuilder::new()
            .with_include_loopback_candidate(true)
            .with_srtp_protection_profiles(vec![
                SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
                SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80,
            ])
            .build();
        let (state_tx, state) = watch::channel(PeerState::Connecting);
        let (gathered_tx, gathered) = watch::channel(false);
        let handler = Handler { state: state_tx, gathered: gathered_tx };
        let connection = PeerConnectionBuilder::new()
            .with_media_engine(engine)
            .with_setting_engine(settings)
            .with_interceptor_registry(registry)
            .with_handler(Arc::new(handler))
            .with_udp_addrs(vec!["127.0.0.1:0"])
            .build()
            .await
            .context("building the peer connection")?;
        let connection: Arc<dyn PeerConnection> = Arc::new(connection);

        let layers = camera.layers();
        let microphone = Uplink::add(&connection, RtpCodecKind::Audio, "microphone", &[""]).await?;
        let rids: &[&str] = if layers == 1 { &[""] } else { &RIDS };
        let camera = Uplink::add(&connection, RtpCodecKind::Video, "camera", rids).await?;
        let screen = Uplink::add(&connection, RtpCodecKind::Video, "screen", &[""]).await?;
        for _ in &plan.slots {
            receive(&connection, RtpCodecKind::Audio).await?;
            receive(&connection, RtpCodecKind::Video).await?;
        }
        receive(&connection, RtpCodecKind::Video).await?;
        let peer =
            Self { connection, microphone, camera, camera_layers: layers, screen, state, gathered };
        Ok((peer, PeerOutput { packets, overflow }))
    }

    /// The offer, with its candidates.
    ///
    /// # Errors
    /// When the `webrtc` crate cannot make it.
    pub async fn offer(&mut self) -> Result<String> {
        let offer = self.connection.create_offer(None).await.context("making the offer")?;
        self.connection.set_local_description(offer).await.context("taking up the offer")?;
        self.gathered.wait_for(|done| *done).await.context("gathering candidates")?;
        let description =
            self.connection.local_description().await.context("no local description")?;
        Ok(description.sdp)
    }

    /// The offer that follows makes new ICE credentials.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn restart_ice(&self) -> Result<()> {
        Ok(self.connection.restart_ice().await?)
    }

    /// Takes the server's answer.
    ///
    /// # Errors
    /// When it does not fit the offer.
    pub async fn accept(&mut self, answer: String) -> Result<()> {
        let ids = |mid: usize| extension_ids(&answer, mid);
        self.microphone.extensions = ids(0);
        self.camera.extensions = ids(1);
        self.screen.extensions = ids(2);
        let answer = RTCSessionDescription::answer(answer).context("reading the answer")?;
        self.connection.set_remote_description(answer).await.context("taking up the answer")
    }

    /// Where the connection stands, as it changes.
    #[must_use]
    pub fn state(&self) -> watch::Receiver<PeerState> {
        self.state.clone()
    }

    /// How many layers the camera has.
    #[must_use]
    pub fn camera_layers(&self) -> usize {
        self.camera_layers
    }

    /// Which layer of the camera an SSRC is.
    #[must_use]
    pub fn camera_layer(&self, ssrc: u32) -> Option<usize> {
        self.camera.ssrcs.iter().position(|&own| own == ssrc)
    }

    /// Whether an SSRC is the screen's.
    #[must_use]
    pub fn is_screen(&self, ssrc: u32) -> bool {
        self.screen.ssrcs.contains(&ssrc)
    }

    /// Sends 20 ms of sound, whose `level` is as RFC 6464 writes it.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_audio(&self, head: PacketHead, level: u8, payload: Bytes) -> Result<()> {
        let level = Bytes::copy_from_slice(&[level]);
        self.microphone.send(0, "", OPUS, head, Some(level), payload).await
    }

    /// Sends a packet of a camera's layer.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_camera(&self, layer: usize, head: PacketHead, payload: Bytes) -> Result<()> {
        let rid = if self.camera_layers == 1 { "" } else { RIDS[layer] };
        self.camera.send(layer, rid, VP8, head, None, payload).await
    }

    /// Sends a packet of the screen.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn send_screen(&self, head: PacketHead, payload: Bytes) -> Result<()> {
        self.screen.send(0, "", VP8, head, None, payload).await
    }

    /// Asks for a key frame of a stream that is received.
    ///
    /// # Errors
    /// When the connection is closed.
    pub async fn ask_key_frame(&self, ssrc: u32) -> Result<()> {
        let request =
            PictureLossIndication { sender_ssrc: self.microphone.ssrcs[0], media_ssrc: ssrc };
        Ok(self.microphone.track.write_rtcp(vec![Box::new(request)]).await?)
    }

    /// Ends it, with a goodbye to the server.
    pub async fn close(&self) {
        if let Err(error) = self.connection.close().await {
            tracing::debug!(%error, "closing a peer connection");
        }
    }
}

impl Uplink {
    async fn add(
        connection: &Arc<dyn PeerConnection>,
        kind: RtpCodecKind,
        label: &str,
        rids: &[&str],
    ) -> Result<Self> {
        let codec = if kind == RtpCodecKind::Audio { opus_codec() } else { vp8_codec() };
        let ssrcs: Vec<u32> = rids.iter().map(|_| rand::random()).collect();
        let codings = rids
            .iter()
            .zip(&ssrcs)
            .map(|(rid, ssrc)| RTCRtpEncodingParameters {
                rtp_coding_parameters: RTCRtpCodingParameters {
                    rid: (*rid).to_owned(),
                    ssrc: Some(*ssrc),
                    ..Default::default()
                },
                active: true,
                codec: codec.clone(),
                ..Default::default()
            })
            .collect();
        let track = MediaStreamTrack::new(
            "bot".to_owned(),
            label.to_owned(),
            label.to_owned(),
            kind,
            codings,
        );
        let track = Arc::new(TrackLocalStaticRTP::new(track));
        let send_only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            ..Default::default()
        };
        connection
            .add_transceiver_from_track(track.clone() as Arc<dyn TrackLocal>, Some(send_only))
            .await
            .with_context(|| format!("adding the {label}"))?;
        let mid = match label {
            "microphone" => "0",
            "camera" => "1",
            _ => "2",
        };
        Ok(Self {
            track,
            ssrcs,
            extensions: Extensions::default(),
            mid: Bytes::from_static(mid.as_bytes()),
        })
    }

    async fn send(
        &self,
        stream: usize,
        rid: &'static str,
        payload_type: u8,
        head: PacketHead,
        level: Option<Bytes>,
        payload: Bytes,
    ) -> Result<()> {
        let mut header = Header {
            version: 2,
            marker: head.marker,
            payload_type,
            sequence_number: head.sequence,
            timestamp: head.timestamp,
            ssrc: self.ssrcs[stream],
            ..Default::default()
        };
        if let Some(id) = self.extensions.mid {
            header.set_extension(id, self.mid.clone())?;
        }
        if let Some(id) = self.extensions.rid
            && !rid.is_empty()
        {
            header.set_extension(id, Bytes::from_static(rid.as_bytes()))?;
        }
        if let (Some(id), Some(level)) = (self.extensions.level, level) {
            header.set_extension(id, level)?;
        }
        Ok(self.track.write_rtp(Packet { header, payload }).await?)
    }
}

async fn receive(connection: &Arc<dyn PeerConnection>, kind: RtpCodecKind) -> Result<()> {
    let receive_only = RTCRtpTransceiverInit {
        direction: RTCRtpTransceiverDirection::Recvonly,
        ..Default::default()
    };
    connection
        .add_transceiver_from_kind(kind, Some(receive_only))
        .await
        .context("adding a slot")?;
    Ok(())
}

/// The identifiers of the header extensions that the answer keeps in its section `index`.
fn extension_ids(answer: &str, index: usize) -> Extensions {
    let section = answer.split("\nm=").nth(index + 1).unwrap_or("");
    let id = |uri: &str| {
        section.lines().find_map(|line| {
            let (id, rest) = line.trim_end().strip_prefix("a=extmap:")?.split_once(' ')?;
            let id = id.split('/').next().unwrap_or(id);
            (rest.split(' ').next() == Some(uri)).then(|| id.parse().ok())?
        })
    };
    Extensions { mid: id(MID), rid: id(RID), level: id(AUDIO_LEVEL) }
}

fn media_engine() -> Result<MediaEngine> {
    let mut engine = MediaEngine::default();
    let format = |rtp_codec, payload_type| RTCRtpCodecParameters { rtp_codec, payload_type };
    engine.register_codec(format(opus_codec(), OPUS), RtpCodecKind::Audio)?;
    engine.register_codec(format(vp8_codec(), VP8), RtpCodecKind::Video)?;
    let rtx = RTCRtpCodec {
        mime_type: MIME_TYPE_RTX.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: format!("apt={VP8}"),
        rtcp_feedback: vec![],
    };
    engine.register_codec(format(rtx, RTX), RtpCodecKind::Video)?;
    for (uri, kind) in [(AUDIO_LEVEL, RtpCodecKind::Audio), (MID, RtpCodecKind::Audio)] {
        engine.register_header_extension(
            RTCRtpHeaderExtensionCapability { uri: uri.to_owned() },
            kind,
            None,
        )?;
    }
    Ok(engine)
}

fn opus_codec() -> RTCRtpCodec {
    RTCRtpCodec {
        mime_type: MIME_TYPE_OPUS.to_owned(),
        clock_rate: 48_000,
        channels: 2,
        sdp_fmtp_line: "minptime=10;useinbandfec=1".to_owned(),
        rtcp_feedback: vec![],
    }
}

fn vp8_codec() -> RTCRtpCodec {
    let feedback = |typ: &str, parameter: &str| RTCPFeedback {
        typ: typ.to_owned(),
        parameter: parameter.to_owned(),
    };
    RTCRtpCodec {
        mime_type: MIME_TYPE_VP8.to_owned(),
        clock_rate: 90_000,
        channels: 0,
        sdp_fmtp_line: String::new(),
        rtcp_feedback: vec![feedback("ccm", "fir")],
    }
}
