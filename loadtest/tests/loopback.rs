//! A bot's media end against another peer connection: what it sends arrives as it should, what it
//! receives is told apart by slot, a key frame comes when asked for, and it says when its media went.

use std::sync::Arc;
use std::time::{Duration, Instant};

use async_trait::async_trait;
use bytes::Bytes;
use futures_util::{SinkExt as _, StreamExt as _};
use palabre_ids::Seat;
use palabre_loadtest::bot::peer::{Camera, PacketHead, Peer, PeerState};
use palabre_loadtest::bot::plan::{Slot, SlotMap};
use palabre_loadtest::bot::tap::{RtpPacket, Tap, Tapped};
use palabre_loadtest::bot::{Bot, BotConfig, Causes, Lost, Microphone, Report, Stack};
use palabre_loadtest::ledger::Ledger;
use palabre_loadtest::link::RoomAnswer;
use palabre_loadtest::media::camera::{Layer, LayerSender};
use palabre_loadtest::media::speech::Voice;
use palabre_wire::{ClientMessage, MediaAnswer, MediaPlan, ServerMessage};
use rtc::media_stream::MediaStreamTrack;
use rtc::rtcp::payload_feedbacks::picture_loss_indication::PictureLossIndication;
use rtc::rtp::{Header, Packet};
use rtc::rtp_transceiver::rtp_sender::{
    RTCRtpCodec, RTCRtpCodingParameters, RTCRtpEncodingParameters, RTCRtpHeaderExtensionCapability,
    RtpCodecKind,
};
use tokio::net::TcpListener;
use tokio::sync::{mpsc, watch};
use tokio::time::{sleep, timeout};
use tokio_tungstenite::tungstenite::Message;
use webrtc::media_stream::track_local::TrackLocal;
use webrtc::media_stream::track_local::static_rtp::TrackLocalStaticRTP;
use webrtc::peer_connection::{
    MediaEngine, PeerConnection, PeerConnectionBuilder, PeerConnectionEventHandler,
    RTCIceGatheringState, RTCPeerConnectionState, RTCSessionDescription, Registry,
    SettingEngineBuilder, Slot as ChainSlot, register_default_interceptors,
};
use webrtc::rtp_transceiver::{RTCRtpTransceiverDirection, RTCRtpTransceiverInit};

const WAIT: Duration = Duration::from_secs(20);

struct Watched {
    gathered: watch::Sender<bool>,
    connected: watch::Sender<bool>,
}

#[async_trait]
impl PeerConnectionEventHandler for Watched {
    async fn on_ice_gathering_state_change(&self, state: RTCIceGatheringState) {
        self.gathered.send_replace(state == RTCIceGatheringState::Complete);
    }

    async fn on_connection_state_change(&self, state: RTCPeerConnectionState) {
        self.connected.send_replace(state == RTCPeerConnectionState::Connected);
    }
}

/// The other end: it answers, and sends into the bot's slots.
struct Other {
    connection: Arc<dyn PeerConnection>,
    packets: mpsc::Receiver<Tapped>,
    audio: Arc<TrackLocalStaticRTP>,
    connected: watch::Receiver<bool>,
}

fn codec(mime: &str, clock_rate: u32, channels: u16) -> RTCRtpCodec {
    RTCRtpCodec { mime_type: mime.to_owned(), clock_rate, channels, ..Default::default() }
}

async fn answer(offer: String) -> (Other, String) {
    let mut engine = MediaEngine::default();
    engine.register_default_codecs().expect("codecs");
    for kind in [RtpCodecKind::Audio, RtpCodecKind::Video] {
        let mid = RTCRtpHeaderExtensionCapability {
            uri: "urn:ietf:params:rtp-hdrext:sdes:mid".to_owned(),
        };
        engine.register_header_extension(mid, kind, None).expect("an extension");
    }
    let (tap, packets, _) = Tap::new();
    let registry =
        register_default_interceptors(Registry::new(), &mut engine).expect("interceptors");
    let (gathered, mut done) = watch::channel(false);
    let (connected_tx, connected) = watch::channel(false);
    let connection = PeerConnectionBuilder::new()
        .with_media_engine(engine)
        .with_setting_engine(
            SettingEngineBuilder::new().with_include_loopback_candidate(true).build(),
        )
        .with_interceptor_registry(registry.with(ChainSlot::from(14_000), tap))
        .with_handler(Arc::new(Watched { gathered, connected: connected_tx }))
        .with_udp_addrs(vec!["127.0.0.1:0"])
        .build()
        .await
        .expect("a peer connection");
    let track = |kind, label: &str, codec| {
        let coding = RTCRtpEncodingParameters {
            rtp_coding_parameters: RTCRtpCodingParameters {
                ssrc: Some(rand::random()),
                ..Default::default()
            },
            active: true,
            codec,
            ..Default::default()
        };
        let (stream, label) = ("other".to_owned(), label.to_owned());
        Arc::new(TrackLocalStaticRTP::new(MediaStreamTrack::new(
            stream,
            label.clone(),
            label,
            kind,
            vec![coding],
        )))
    };
    let audio = track(RtpCodecKind::Audio, "audio", codec("audio/opus", 48_000, 2));
    let video = track(RtpCodecKind::Video, "video", codec("video/VP8", 90_000, 0));
    let screen = track(RtpCodecKind::Video, "screen", codec("video/VP8", 90_000, 0));
    for track in [&audio, &video, &screen] {
        let track: Arc<dyn TrackLocal> = track.clone();
        let send_only = RTCRtpTransceiverInit {
            direction: RTCRtpTransceiverDirection::Sendonly,
            ..Default::default()
        };
        connection.add_transceiver_from_track(track, Some(send_only)).await.expect("a track");
    }
    connection
        .set_remote_description(RTCSessionDescription::offer(offer).expect("an offer"))
        .await
        .expect("the offer is taken");
    let answer = connection.create_answer(None).await.expect("an answer");
    connection.set_local_description(answer).await.expect("the answer is taken");
    timeout(WAIT, done.wait_for(|done| *done)).await.expect("in time").expect("gathered");
    let sdp = connection.local_description().await.expect("described").sdp;
    (Other { connection: Arc::new(connection), packets, audio, connected }, sdp)
}

async fn rtp(
    packets: &mut mpsc::Receiver<Tapped>,
    wanted: impl Fn(&RtpPacket) -> bool,
) -> RtpPacket {
    let found = async {
        loop {
            if let Tapped::Rtp(packet) = packets.recv().await.expect("the tap is open")
                && wanted(&packet)
            {
                return packet;
            }
        }
    };
    timeout(WAIT, found).await.expect("the packet comes in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn media_passes_both_ways() {
    let plan = MediaPlan { slots: vec![Seat(1)], ice_servers: vec![] };
    let (mut peer, mut output) =
        Peer::new(&plan, Camera::Simulcast).await.expect("a peer connection");
    let (mut other, sdp) = answer(peer.offer().await.expect("an offer")).await;
    let map = SlotMap::from_answer(&plan, &sdp).unwrap_or_else(|error| panic!("{error:#}: {sdp}"));
    peer.accept(sdp).await.expect("the answer is taken");
    let mut state = peer.state();
    timeout(WAIT, state.wait_for(|state| *state == PeerState::Connected))
        .await
        .expect("in time")
        .expect("connected");

    // Both ends hold their keys before anything is sent: nothing repeats a lost packet here.
    timeout(WAIT, other.connected.wait_for(|up| *up)).await.expect("in time").expect("connected");

    // Sound out.
    let said = Bytes::from_static(&[0x78; 60]);
    let head = PacketHead { sequence: 7, timestamp: 960, marker: false };
    peer.send_audio(head, 30, said.clone()).await.expect("sent");
    let heard = rtp(&mut other.packets, |packet| packet.payload == said).await;
    assert_eq!((heard.sequence, heard.timestamp), (7, 960));

    // A camera out: three streams that differ by SSRC.
    let layers = Layer::fixtures().expect("committed files");
    let mut ssrcs = Vec::new();
    for (index, layer) in layers.iter().enumerate() {
        let packet = LayerSender::new().next(layer).remove(0);
        let head = PacketHead {
            sequence: packet.sequence,
            timestamp: packet.timestamp,
            marker: packet.marker,
        };
        let payload = packet.payload.whole();
        peer.send_camera(index, head, payload.clone()).await.expect("sent");
        ssrcs.push(rtp(&mut other.packets, |seen| seen.payload == payload).await.ssrc);
    }
    assert_eq!(
        ssrcs.iter().map(|ssrc| peer.camera_layer(*ssrc)).collect::<Vec<_>>(),
        [Some(0), Some(1), Some(2)]
    );

    // Sound in: the slot of seat 1.
    let ssrc = other.audio.track().await.ssrcs().next().expect("one");
    let header =
        Header { version: 2, payload_type: 111, sequence_number: 1, ssrc, ..Default::default() };
    other.audio.write_rtp(Packet { header, payload: said.clone() }).await.expect("sent");
    let heard = rtp(&mut output.packets, |packet| packet.payload == said).await;
    assert_eq!(map.stream(heard.ssrc).map(|stream| stream.slot), Some(Slot::Audio(Seat(1))));
    assert!(heard.at <= Instant::now());

    // A key frame is asked for, of the middle layer.
    let request = PictureLossIndication { sender_ssrc: ssrc, media_ssrc: ssrcs[1] };
    other.audio.write_rtcp(vec![Box::new(request)]).await.expect("sent");
    let asked = async {
        loop {
            if let Tapped::KeyFrameWanted(ssrc) =
                output.packets.recv().await.expect("the tap is open")
            {
                return ssrc;
            }
        }
    };
    let asked = timeout(WAIT, asked).await.expect("the request comes in time");
    assert_eq!(peer.camera_layer(asked), Some(1));
    peer.close().await;
    other.connection.close().await.expect("closed");
}

/// A server that welcomes one bot, and gives what its media end in once they are agreed on. The signaling
/// connection stays.
async fn serve(listener: TcpListener, agreed: mpsc::Sender<Other>) {
    let (stream, _) = listener.accept().await.expect("a bot");
    let mut socket = tokio_tungstenite::accept_async(stream).await.expect("upgraded");
    while let Some(Ok(Message::Text(text))) = socket.next().await {
        let answer = match serde_json::from_str(&text).expect("a message of the wire") {
            ClientMessage::Hello(_) => {
                let golden = include_str!("../../crates/wire/golden/server.welcome.json");
                let mut welcome = serde_json::from_str(golden).expect("of the wire");
                if let ServerMessage::Welcome(welcome) = &mut welcome {
                    welcome.media = MediaPlan { slots: vec![Seat(2)], ice_servers: vec![] };
                }
                welcome
            }
            ClientMessage::MediaOffer(offer) => {
                let (other, sdp) = answer(offer.sdp).await;
                agreed.send(other).await.expect("it is waited for");
                let generation = offer.generation;
                ServerMessage::MediaAnswer(MediaAnswer { generation, sdp, next_ice: None })
            }
            _ => continue,
        };
        let text = serde_json::to_string(&answer).expect("of the wire");
        socket.send(Message::text(text)).await.expect("sent");
    }
}

async fn until(bot: &Bot, holds: impl Fn(&Report) -> bool) -> Report {
    let found = async {
        loop {
            let report = bot.report().await.expect("it runs");
            if holds(&report) {
                return report;
            }
            sleep(Duration::from_millis(10)).await;
        }
    };
    timeout(WAIT, found).await.expect("in time")
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn a_bot_whose_media_go_says_when() {
    let listener = TcpListener::bind("127.0.0.1:0").await.expect("a port");
    let address = listener.local_addr().expect("bound");
    let json = format!(
        r#"{{"room":"demo-room","links":[{{"name":"B","role":"client","seat":1,"url":"http://{address}/r/demo-room#secret"}}]}}"#
    );
    let (agreed, mut others) = mpsc::channel(1);
    tokio::spawn(serve(listener, agreed));
    let hum: Vec<i16> = (0..100).cycle().take(48_000).map(|at| at * 50).collect();
    let voice = Arc::new(Voice::from_pcm(&hum).expect("a second of sound"));
    let mut links = RoomAnswer::parse(&json).expect("JSON").links().expect("links");
    let (bot, _notes) = Bot::start(BotConfig {
        link: links.remove(0),
        cast: Arc::new(vec![(Seat(1), voice.clone())]),
        voice,
        ledger: Ledger::default(),
        causes: Causes::default(),
        microphone: Microphone::Open,
        camera: None,
        stack: Stack::Full,
        decode: false,
        play: None,
        relay: false,
    });
    let other = timeout(WAIT, others.recv()).await.expect("in time").expect("it offers");
    let report = until(&bot, |report| report.connected).await;
    assert!(report.losses.is_empty(), "{:?}", report.losses);
    let before = Instant::now();
    other.connection.close().await.expect("closed");
    let report = until(&bot, |report| !report.connected).await;
    let [loss] = report.losses[..] else { panic!("one loss: {:?}", report.losses) };
    assert!(loss.what == Lost::Media && loss.at >= before && report.online, "{loss:?}");
}
