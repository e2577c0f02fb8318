//! The transport of a raw bot: ICE checks as the controlling end, DTLS as the client, SRTP by hand.

use std::net::SocketAddr;
use std::sync::{Arc, Mutex, PoisonError};
use std::time::Instant;

use anyhow::{Context as _, Result, bail, ensure};
use bytes::{Bytes, BytesMut};
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::ConfigBuilder;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context as SrtpContext;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::attributes::{
    ATTR_ICE_CONTROLLING, ATTR_PRIORITY, ATTR_USE_CANDIDATE, ATTR_USERNAME,
};
use rtc_stun::fingerprint::FINGERPRINT;
use rtc_stun::integrity::MessageIntegrity;
use rtc_stun::message::{BINDING_REQUEST, Message, Setter as _, TransactionId};
use rtp::packet::Packet;
use tokio::net::UdpSocket;
use tokio::time::{Duration, timeout};
use webrtc_util::marshal::Marshal as _;

use super::offer::{Answered, Offer};

/// The priority of a host candidate's checks.
const PRIORITY: u32 = 1_845_501_695;

/// From one check, or one flight, to the next.
const RETRY: Duration = Duration::from_millis(200);

/// Attempts at a check, and at each step of a handshake.
const ATTEMPTS: usize = 25;

/// The largest datagram.
const MTU: usize = 2_048;

pub(super) struct RawPeer {
    pub(super) offer: Offer,
    pub(super) answer: Answered,
    pub(super) socket: UdpSocket,
    provider: Arc<dyn RTCCryptoProvider>,
    /// A context cannot be shared between threads by itself, and the task of a bot may move.
    srtp: Mutex<SrtpContext>,
    /// Datagrams kept to be replayed, with their payloads.
    pub(super) recorded: Vec<(Bytes, Bytes)>,
}

/// How a check is made.
#[derive(Debug, Clone)]
pub(super) struct Check {
    pub(super) username: String,
    pub(super) password: String,
    pub(super) fingerprint: bool,
}

impl RawPeer {
    /// Connects by what was offered and answered.
    pub(super) async fn connect(offer: Offer, answer: &str) -> Result<Self> {
        let answer = Answered::parse(answer)?;
        let socket = UdpSocket::bind("127.0.0.1:0").await?;
        let provider = rtc_crypto::default_provider()?;
        let check = Check {
            username: format!("{}:{}", answer.ufrag, offer.ufrag),
            password: answer.password.clone(),
            fingerprint: true,
        };
        let mut validated = false;
        for _ in 0..ATTEMPTS {
            socket.send_to(&stun(&check, provider.as_ref())?, answer.address).await?;
            if let Some(datagram) = receive(&socket, RETRY).await?
                && datagram.first().is_some_and(|first| *first < 4)
            {
                validated = true;
                break;
            }
        }
        ensure!(validated, "no answer to our connectivity checks");
        let srtp = handshake(&socket, answer.address, &offer, provider.clone()).await?;
        Ok(Self { offer, answer, socket, provider, srtp: Mutex::new(srtp), recorded: Vec::new() })
    }

    /// Protects a packet.
    pub(super) fn protect(&mut self, packet: &Packet) -> Result<Bytes> {
        let plain = packet.marshal()?;
        let srtp = self.srtp.get_mut().unwrap_or_else(PoisonError::into_inner);
        Ok(srtp.encrypt_rtp(&plain)?.freeze())
    }

    /// Sends a datagram from the peer's own address.
    pub(super) async fn send(&self, datagram: &[u8]) -> Result<()> {
        self.socket.send_to(datagram, self.answer.address).await?;
        Ok(())
    }

    /// A check with a username and password of any kind.
    pub(super) fn check(&self, check: &Check) -> Result<Vec<u8>> {
        stun(check, self.provider.as_ref())
    }

    /// The check it may make.
    pub(super) fn own_check(&self) -> Check {
        Check {
            username: format!("{}:{}", self.answer.ufrag, self.offer.ufrag),
            password: self.answer.password.clone(),
            fingerprint: true,
        }
    }

    /// Attempts a whole handshake from another socket; whether the server answered at all.
    pub(super) async fn answers_handshake_from(&self, socket: &UdpSocket) -> Result<bool> {
        let mut endpoint =
            client(socket.local_addr()?, self.answer.address, &self.offer, self.provider.clone())?;
        for _ in 0..3 {
            while let Some(transmit) = endpoint.poll_transmit() {
                socket.send_to(&transmit.message, self.answer.address).await?;
            }
            if receive(socket, RETRY).await?.is_some() {
                return Ok(true);
            }
            // Its own timer may say that it is over: then nothing more is sent.
            if endpoint
                .handle_timeout(self.answer.address, Instant::now() + Duration::from_secs(2))
                .is_err()
            {
                break;
            }
        }
        Ok(false)
    }
}

/// A datagram, if one comes in time.
pub(super) async fn receive(socket: &UdpSocket, wait: Duration) -> Result<Option<BytesMut>> {
    let mut buffer = BytesMut::zeroed(MTU);
    match timeout(wait, socket.recv_from(&mut buffer)).await {
        Ok(received) => {
            let (length, _) = received?;
            buffer.truncate(length);
            Ok(Some(buffer))
        }
        Err(_) => Ok(None),
    }
}

/// A binding request of the controlling end, nominating.
fn stun(check: &Check, provider: &dyn RTCCryptoProvider) -> Result<Vec<u8>> {
    let mut message = Message::new();
    message.set_type(BINDING_REQUEST);
    TransactionId::new().add_to(&mut message)?;
    message.write_header();
    message.add(ATTR_USERNAME, check.username.as_bytes());
    message.add(ATTR_PRIORITY, &PRIORITY.to_be_bytes());
    message.add(ATTR_ICE_CONTROLLING, &rand::random::<u64>().to_be_bytes());
    message.add(ATTR_USE_CANDIDATE, &[]);
    MessageIntegrity::new_short_term_integrity_with_provider(
        check.password.clone(),
        provider.crypto(),
    )
    .add_to(&mut message)?;
    if check.fingerprint {
        FINGERPRINT.add_to(&mut message)?;
    }
    Ok(message.raw.clone())
}

fn client(
    local: SocketAddr,
    server: SocketAddr,
    offer: &Offer,
    provider: Arc<dyn RTCCryptoProvider>,
) -> Result<Endpoint> {
    let config = ConfigBuilder::default()
        .with_crypto_provider(provider)
        .with_certificates(vec![offer.certificate.clone()])
        .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
        // A hostile bot does not care whom it talks to.
        .with_insecure_skip_verify(true)
        .with_flight_interval(RETRY)
        .build(true, Some(server))?;
    let mut endpoint = Endpoint::new(local, TransportProtocol::UDP, None);
    endpoint.connect(Instant::now(), server, Arc::new(config), None)?;
    Ok(endpoint)
}

async fn handshake(
    socket: &UdpSocket,
    server: SocketAddr,
    offer: &Offer,
    provider: Arc<dyn RTCCryptoProvider>,
) -> Result<SrtpContext> {
    let mut endpoint = client(socket.local_addr()?, server, offer, provider.clone())?;
    for _ in 0..ATTEMPTS * 4 {
        while let Some(transmit) = endpoint.poll_transmit() {
            socket.send_to(&transmit.message, server).await?;
        }
        match receive(socket, RETRY / 4).await? {
            // RFC 7983: DTLS begins with 20 to 63.
            Some(datagram) if (20..64).contains(&datagram[0]) => {
                let events = endpoint.read(Instant::now(), server, None, datagram)?;
                if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
                    while let Some(transmit) = endpoint.poll_transmit() {
                        socket.send_to(&transmit.message, server).await?;
                    }
                    return keys(&endpoint, server, provider.as_ref());
                }
            }
            _ => endpoint.handle_timeout(server, Instant::now())?,
        }
    }
    bail!("the DTLS handshake did not end")
}

fn keys(
    endpoint: &Endpoint,
    server: SocketAddr,
    provider: &dyn RTCCryptoProvider,
) -> Result<SrtpContext> {
    let state = endpoint.get_connection_state(server).context("no DTLS state")?;
    let mut config = SrtpConfig { profile: ProtectionProfile::AeadAes128Gcm, ..Default::default() };
    let material = state.export_keying_material(
        LABEL_EXTRACTOR_DTLS_SRTP,
        &[],
        config.keying_material_len(),
    )?;
    config.set_session_keys_from_keying_material(material.as_ref(), true)?;
    Ok(SrtpContext::new(
        &config.keys.local_master_key,
        &config.keys.local_master_salt,
        config.profile,
        None,
        None,
        provider.crypto(),
    )?)
}
