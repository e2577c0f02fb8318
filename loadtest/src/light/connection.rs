//! One peer connection without the weight of one: connectivity checks, DTLS as the client, and SRTP.
//! It has no socket and no clock: [`Connection::handle`] takes a datagram in, then
//! [`Connection::poll_transmit`] is drained; [`Connection::handle_timeout`] is called at
//! [`Connection::poll_timeout`], and it is drained again.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;
use std::time::{Duration, Instant};

use anyhow::{Context as _, Result, ensure};
use bytes::BytesMut;
use rtc_crypto::RTCCryptoProvider;
use rtc_dtls::config::ConfigBuilder;
use rtc_dtls::crypto::Certificate;
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_srtp::config::{Config as SrtpConfig, LABEL_EXTRACTOR_DTLS_SRTP};
use rtc_srtp::context::Context as SrtpContext;
use rtc_srtp::protection_profile::ProtectionProfile;
use rtc_stun::message::TransactionId;

use super::packet::{Datagram, classify};
use super::sdp::{Description, Own};
use super::stun::{Heard, Role, check, hear};

/// From one check to the next before one is answered, and from one flight of the handshake to the next.
pub const RETRY: Duration = Duration::from_millis(200);
/// From one check to the next on a path that serves.
const KEEP_ALIVE: Duration = Duration::from_secs(1);
/// Checks whose answers are still believed: at [`RETRY`], 3 s of them.
const PENDING: usize = 16;

/// Who a client is to its server, for the life of a media session: a certificate.
pub struct Identity {
    provider: Arc<dyn RTCCryptoProvider>,
    certificate: Certificate,
    fingerprint: String,
}

impl Identity {
    /// A new certificate.
    ///
    /// # Errors
    /// When it cannot be made.
    pub fn new() -> Result<Self> {
        let provider = rtc_crypto::default_provider()?;
        let certificate = Certificate::generate_self_signed(Vec::new(), provider.crypto())?;
        let der = certificate.certificate.first().context("a certificate")?;
        let digest = aws_lc_rs::digest::digest(&aws_lc_rs::digest::SHA256, der);
        let fingerprint: Vec<String> =
            digest.as_ref().iter().map(|byte| format!("{byte:02X}")).collect();
        Ok(Self { provider, certificate, fingerprint: fingerprint.join(":") })
    }
}

/// What came of a datagram.
#[derive(Debug, PartialEq, Eq)]
pub enum Input {
    /// Nothing that anybody else needs.
    Nothing,
    /// The path is checked, and the handshake is complete.
    Connected,
    /// It is sealed media: see [`Connection::open_rtp`].
    Rtp,
    /// A compound of RTCP, opened.
    Rtcp(BytesMut),
    /// The server hung up.
    Closed,
}

/// A connection to one server.
pub struct Connection {
    identity: Identity,
    own: Own,
    /// None before the other end has been described.
    remote: Option<Remote>,
    dtls: Option<Endpoint>,
    secure: Option<Secure>,
    /// Whether a check on this path, with these credentials, was answered.
    checked: bool,
    next_check: Instant,
    pending: VecDeque<TransactionId>,
    outgoing: VecDeque<Vec<u8>>,
}

struct Remote {
    role: Role,
    /// Where it was first: the name of the DTLS association, wherever it is later.
    address: SocketAddr,
    ufrag: String,
    password: String,
}

struct Secure {
    inbound: SrtpContext,
    outbound: SrtpContext,
}

fn token(length: usize) -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijklmnopqrstuvwxyz012345";
    (0..length)
        .map(|_| char::from(ALPHABET[usize::from(rand::random::<u8>()) % ALPHABET.len()]))
        .collect()
}

impl Connection {
    /// A connection that knows nobody yet, and receives at `address`.
    #[must_use]
    pub fn new(identity: Identity, address: SocketAddr, now: Instant) -> Self {
        let fingerprint = identity.fingerprint.clone();
        Self {
            identity,
            own: Own { ufrag: token(8), password: token(24), fingerprint, address },
            remote: None,
            dtls: None,
            secure: None,
            checked: false,
            next_check: now,
            pending: VecDeque::new(),
            outgoing: VecDeque::new(),
        }
    }

    /// How it describes itself.
    #[must_use]
    pub fn own(&self) -> &Own {
        &self.own
    }

    /// Its next description is of a new path; the one there is goes on until the other end answers.
    pub fn restart_ice(&mut self) {
        self.own.ufrag = token(8);
        self.own.password = token(24);
    }

    /// Takes the other end's description: the first, or that of a new path.
    pub fn describe(&mut self, remote: &Description, role: Role, now: Instant) {
        let address = self.remote.as_ref().map_or(remote.address, |known| known.address);
        let (ufrag, password) = (remote.ufrag.clone(), remote.password.clone());
        self.remote = Some(Remote { role, address, ufrag, password });
        self.check_anew(now);
    }

    /// A new path begins, with credentials that the other end gave ahead.
    pub fn begin_path(&mut self, ufrag: &str, password: &str, now: Instant) {
        if let Some(remote) = &mut self.remote {
            ufrag.clone_into(&mut remote.ufrag);
            password.clone_into(&mut remote.password);
            self.check_anew(now);
        }
    }

    fn check_anew(&mut self, now: Instant) {
        self.checked = false;
        self.next_check = now;
        self.pending.clear();
    }

    /// Whether media may pass: both the handshake and a check of the path are done.
    #[must_use]
    pub fn is_connected(&self) -> bool {
        self.checked && self.secure.is_some()
    }

    /// Whether the handshake is done: packets can be sealed.
    #[must_use]
    pub fn is_secure(&self) -> bool {
        self.secure.is_some()
    }

    /// Whether a check of the path as it is now was answered.
    #[must_use]
    pub fn is_checked(&self) -> bool {
        self.checked
    }

    /// A datagram to send.
    pub fn poll_transmit(&mut self) -> Option<Vec<u8>> {
        self.outgoing.pop_front()
    }

    /// When [`Self::handle_timeout`] is due; none before anybody was described.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        let remote = self.remote.as_ref()?;
        // A handshake that is over has nothing to repeat, and is asked in every turn.
        let dtls = self.dtls.as_ref().filter(|_| self.secure.is_none());
        let dtls = dtls.and_then(|dtls| dtls.poll_timeout(&remote.address));
        Some(dtls.map_or(self.next_check, |dtls| dtls.min(self.next_check)))
    }

    /// Time has passed: sends what is due.
    ///
    /// # Errors
    /// When the handshake fails.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<()> {
        let Some(remote) = &self.remote else { return Ok(()) };
        if now >= self.next_check {
            let username = format!("{}:{}", remote.ufrag, self.own.ufrag);
            let provider = self.identity.provider.as_ref();
            let (id, check) = check(remote.role, &username, &remote.password, provider)?;
            if self.pending.len() == PENDING {
                self.pending.pop_front();
            }
            self.pending.push_back(id);
            self.outgoing.push_back(check);
            self.next_check = now + if self.checked { KEEP_ALIVE } else { RETRY };
        }
        if let Some(dtls) = self.dtls.as_mut().filter(|_| self.secure.is_none()) {
            dtls.handle_timeout(remote.address, now)?;
        }
        self.flush();
        Ok(())
    }

    /// Takes a datagram.
    ///
    /// # Errors
    /// When it is not what the server can have meant. The connection goes on.
    pub fn handle(&mut self, now: Instant, datagram: &[u8]) -> Result<Input> {
        match classify(datagram) {
            Datagram::Rtp if self.secure.is_some() => Ok(Input::Rtp),
            Datagram::Rtcp => match &mut self.secure {
                Some(secure) => Ok(Input::Rtcp(secure.inbound.decrypt_rtcp(datagram)?)),
                None => Ok(Input::Nothing),
            },
            Datagram::Stun => self.stun(now, datagram),
            Datagram::Dtls => self.dtls(now, datagram),
            Datagram::Rtp | Datagram::Other => Ok(Input::Nothing),
        }
    }

    fn stun(&mut self, now: Instant, datagram: &[u8]) -> Result<Input> {
        let Some(remote) = &self.remote else { return Ok(Input::Nothing) };
        let provider = self.identity.provider.as_ref();
        match hear(datagram, remote.address, &self.own.password, provider)? {
            Heard::Request(answer) => self.outgoing.push_back(answer),
            Heard::Success(id) if self.pending.contains(&id) => {
                let first = !self.checked;
                self.checked = true;
                if first {
                    self.next_check = now + KEEP_ALIVE;
                }
                if self.dtls.is_none() {
                    self.dtls = Some(self.shake_hands(now)?);
                    self.flush();
                } else if first && self.secure.is_some() {
                    return Ok(Input::Connected);
                }
            }
            Heard::Success(_) | Heard::Other => {}
        }
        Ok(Input::Nothing)
    }

    fn dtls(&mut self, now: Instant, datagram: &[u8]) -> Result<Input> {
        let (Some(dtls), Some(remote)) = (&mut self.dtls, &self.remote) else {
            return Ok(Input::Nothing);
        };
        // A repeated last flight is answered by the association itself.
        let events = dtls.read(now, remote.address, None, BytesMut::from(datagram))?;
        let mut input = Input::Nothing;
        for event in events {
            match event {
                EndpointEvent::HandshakeComplete => {
                    self.secure =
                        Some(keys(dtls, remote.address, self.identity.provider.as_ref())?);
                    input = Input::Connected;
                }
                EndpointEvent::PeerClosed => input = Input::Closed,
                _ => {}
            }
        }
        self.flush();
        Ok(input)
    }

    fn shake_hands(&self, now: Instant) -> Result<Endpoint> {
        let remote = self.remote.as_ref().context("nobody was described")?.address;
        let config = ConfigBuilder::default()
            .with_crypto_provider(self.identity.provider.clone())
            .with_certificates(vec![self.identity.certificate.clone()])
            .with_srtp_protection_profiles(vec![SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm])
            // Nobody else is on the line.
            .with_insecure_skip_verify(true)
            .with_flight_interval(RETRY)
            .build(true, Some(remote))?;
        let mut endpoint = Endpoint::new(self.own.address, TransportProtocol::UDP, None);
        endpoint.connect(now, remote, Arc::new(config), None)?;
        Ok(endpoint)
    }

    fn flush(&mut self) {
        let Some(dtls) = &mut self.dtls else { return };
        while let Some(transmit) = dtls.poll_transmit() {
            self.outgoing.push_back(transmit.message.to_vec());
        }
    }

    /// Says goodbye to the server.
    ///
    /// # Errors
    /// When the association is in no state to.
    pub fn close(&mut self, now: Instant) -> Result<()> {
        if let Some(dtls) = &mut self.dtls {
            dtls.close(now)?;
        }
        self.flush();
        Ok(())
    }

    /// Seals a packet.
    ///
    /// # Errors
    /// When the handshake is not done.
    pub fn seal_rtp(&mut self, packet: &[u8]) -> Result<BytesMut> {
        Ok(self.secure.as_mut().context("not connected")?.outbound.encrypt_rtp(packet)?)
    }

    /// Seals a compound.
    ///
    /// # Errors
    /// When the handshake is not done.
    pub fn seal_rtcp(&mut self, compound: &[u8]) -> Result<BytesMut> {
        Ok(self.secure.as_mut().context("not connected")?.outbound.encrypt_rtcp(compound)?)
    }

    /// Opens a packet: gives all of it, the header too. A stream must be opened at least once in
    /// 32,768 packets, or its laps are lost count of.
    ///
    /// # Errors
    /// When it is not authentic, or the handshake is not done.
    pub fn open_rtp(&mut self, datagram: &[u8]) -> Result<BytesMut> {
        Ok(self.secure.as_mut().context("not connected")?.inbound.decrypt_rtp(datagram)?)
    }
}

fn keys(dtls: &Endpoint, remote: SocketAddr, provider: &dyn RTCCryptoProvider) -> Result<Secure> {
    let state = dtls.get_connection_state(remote).context("no DTLS state")?;
    ensure!(
        state.srtp_protection_profile() == SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm,
        "the server does not take AES-128-GCM"
    );
    let mut config = SrtpConfig { profile: ProtectionProfile::AeadAes128Gcm, ..Default::default() };
    let length = config.keying_material_len();
    let material = state.export_keying_material(LABEL_EXTRACTOR_DTLS_SRTP, &[], length)?;
    config.set_session_keys_from_keying_material(material.as_ref(), true)?;
    let context = |key: &[u8], salt: &[u8]| {
        SrtpContext::new(key, salt, config.profile, None, None, provider.crypto())
    };
    let keys = &config.keys;
    Ok(Secure {
        inbound: context(&keys.remote_master_key, &keys.remote_master_salt)?,
        outbound: context(&keys.local_master_key, &keys.local_master_salt)?,
    })
}
