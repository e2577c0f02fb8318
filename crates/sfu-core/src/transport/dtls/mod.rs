//! DTLS 1.2, the passive side, behind a small seam: `rtc-dtls` underneath, keys for SRTP out.
//!
//! What `rtc-dtls` leaves to us, and why:
//! - *The profile.* As a server it takes the client's first choice, and browsers put the dearest
//!   first. So it is given one profile at a time, ours first, and the hello again with the next.
//! - *Retransmission.* It forgets its timer at a repeated hello and then never answers again. So
//!   its flights are kept here, and sent again as they are at a repeated hello or our timer.
//! - *Memory.* It keeps what a peer sends during a handshake up to 2 MB, and joins fragments by
//!   recursion. So records are looked at and counted before it sees them.

mod records;

use std::collections::VecDeque;
use std::net::{Ipv4Addr, SocketAddr, SocketAddrV4};
use std::sync::Arc;
use std::time::{Duration, Instant};

use aws_lc_rs::digest::{SHA256, digest as hash};
use bytes::BytesMut;
use rtc_dtls::config::{ClientAuthType, ConfigBuilder, ExtendedMasterSecretType, HandshakeConfig};
use rtc_dtls::endpoint::{Endpoint, EndpointEvent};
use rtc_dtls::extension::extension_use_srtp::SrtpProtectionProfile;
use rtc_shared::TransportProtocol;
use rtc_shared::error::Error;
use subtle::ConstantTimeEq;

use crate::session::Fingerprint;
use crate::transport::srtp::{SrtpKeys, SrtpProfile};

/// How long a flight waits for its answer before it is sent again, doubling each time. Browsers
/// start with as much; less sends everything twice over a slow path, more lets a loss cost more.
const FIRST_PATIENCE: Duration = Duration::from_millis(50);
/// How often a flight is sent again before the peer is given up: after 50 ms × (2⁸ − 1) = 12.8 s.
const MAX_RESENDS: u32 = 8;
/// How often it is sent again because the peer repeats itself.
const MAX_REPEATS: u32 = 16;
/// How many handshake fragments and not yet readable records a peer may send in an association's
/// life. A browser needs about 8, and as many again for each flight that is lost.
const MAX_FRAGMENTS: usize = 160;
/// How many bytes of them.
const MAX_HANDSHAKE_BYTES: usize = 48 * 1024;
/// Below the smallest path MTU that is met (IPv6's 1,280 less the headers).
const MTU: usize = 1_200;

/// A peer is one association whatever its address: paths are ICE's business.
const PEER: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 1), 1));
const US: SocketAddr = SocketAddr::V4(SocketAddrV4::new(Ipv4Addr::new(192, 0, 2, 2), 2));

/// RFC 5764 section 4.2.
const EXPORTER_LABEL: &str = "EXTRACTOR-dtls_srtp";

/// In the order of our preference.
const PROFILES: [(SrtpProfile, SrtpProtectionProfile); 3] = [
    (SrtpProfile::AeadAes128Gcm, SrtpProtectionProfile::Srtp_Aead_Aes_128_Gcm),
    (SrtpProfile::AeadAes256Gcm, SrtpProtectionProfile::Srtp_Aead_Aes_256_Gcm),
    (SrtpProfile::AesCm128HmacSha1_80, SrtpProtectionProfile::Srtp_Aes128_Cm_Hmac_Sha1_80),
];

/// Why an association ended, or could not begin.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// The handshake failed.
    #[error("the DTLS handshake failed: {0}")]
    Handshake(String),
    /// The certificate is not the one that the offer named.
    #[error("the peer shows another certificate than it announced")]
    WrongCertificate,
    /// The peer answers no more.
    #[error("the peer gave no answer")]
    NoAnswer,
    /// It sent more than any handshake needs.
    #[error("the peer sent too much")]
    TooMuch,
}

impl DtlsError {
    fn handshake(error: &dyn std::fmt::Display) -> Self {
        Self::Handshake(error.to_string())
    }
}

/// The certificate of this process, and its key. Clones share them.
#[derive(Clone)]
pub struct Certificate {
    fingerprint: Fingerprint,
    /// One for each of [`PROFILES`].
    configs: Arc<[Arc<HandshakeConfig>]>,
}

impl std::fmt::Debug for Certificate {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Certificate")
            .field("fingerprint", &self.fingerprint)
            .finish_non_exhaustive()
    }
}

impl Certificate {
    /// A fresh one: ECDSA P-256, self-signed.
    ///
    /// # Errors
    /// [`DtlsError::Handshake`] when the system has no randomness to give.
    pub fn generate() -> Result<Self, DtlsError> {
        let provider =
            rtc_crypto::default_provider().map_err(|error| DtlsError::handshake(&error))?;
        let certificate =
            rtc_dtls::crypto::Certificate::generate_self_signed(Vec::new(), provider.crypto())
                .map_err(|error| DtlsError::handshake(&error))?;
        let der = certificate.certificate.first().map(|der| der.as_ref()).unwrap_or_default();
        let fingerprint = fingerprint(der);
        let configs = PROFILES
            .iter()
            .map(|(_, profile)| {
                ConfigBuilder::default()
                    .with_crypto_provider(Arc::clone(&provider))
                    .with_certificates(vec![certificate.clone()])
                    .with_srtp_protection_profiles(vec![*profile])
                    .with_client_auth(ClientAuthType::RequireAnyClientCert)
                    .with_extended_master_secret(ExtendedMasterSecretType::Require)
                    // Peers are known by the fingerprint in their offer, not by an authority.
                    .with_insecure_skip_verify(true)
                    .with_mtu(MTU)
                    .build(false, None)
                    .map(Arc::new)
            })
            .collect::<Result<_, _>>()
            .map_err(|error| DtlsError::handshake(&error))?;
        Ok(Self { fingerprint, configs })
    }

    /// Its SHA-256, for the answer.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    fn endpoint(&self, profile: usize) -> Endpoint {
        Endpoint::new(US, TransportProtocol::UDP, self.configs.get(profile).map(Arc::clone))
    }
}

fn fingerprint(der: &[u8]) -> Fingerprint {
    let mut bytes = [0; 32];
    bytes.copy_from_slice(hash(&SHA256, der).as_ref());
    Fingerprint(bytes)
}

enum Phase {
    /// Nothing is agreed: the hello is kept so that it can be read again for the next profile.
    Hello { profile: usize, kept: Vec<BytesMut> },
    /// A hello was taken; `answered` hellos must not be taken again.
    Handshake { profile: usize, answered: u16 },
    /// Done; the keys wait to be taken.
    Up { keys: Option<SrtpKeys> },
    /// Over, by a goodbye or a failure.
    Closed,
}

/// The flight that waits for its answer.
struct Flight {
    datagrams: Vec<BytesMut>,
    /// How often our patience ended.
    timeouts: u32,
    /// How often the peer's did.
    repeats: u32,
    due: Instant,
}

/// One peer's association.
pub struct DtlsServer {
    certificate: Certificate,
    expected: Fingerprint,
    endpoint: Endpoint,
    phase: Phase,
    flight: Option<Flight>,
    outgoing: VecDeque<BytesMut>,
    fragments_left: usize,
    bytes_left: usize,
}

impl std::fmt::Debug for DtlsServer {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        let phase = match &self.phase {
            Phase::Hello { .. } => "Hello",
            Phase::Handshake { .. } => "Handshake",
            Phase::Up { .. } => "Up",
            Phase::Closed => "Closed",
        };
        f.debug_struct("DtlsServer").field("phase", &phase).finish_non_exhaustive()
    }
}

impl DtlsServer {
    /// Waits for a peer whose certificate has the fingerprint `expected`.
    #[must_use]
    pub fn new(certificate: &Certificate, expected: Fingerprint) -> Self {
        Self {
            endpoint: certificate.endpoint(0),
            certificate: certificate.clone(),
            expected,
            phase: Phase::Hello { profile: 0, kept: Vec::new() },
            flight: None,
            outgoing: VecDeque::new(),
            fragments_left: MAX_FRAGMENTS,
            bytes_left: MAX_HANDSHAKE_BYTES,
        }
    }

    /// Takes a datagram in; then take out everything there is to transmit, also after an error.
    ///
    /// # Errors
    /// [`DtlsError`] when the association ends by it otherwise than by a goodbye.
    pub fn handle_datagram(&mut self, now: Instant, datagram: &[u8]) -> Result<(), DtlsError> {
        // What is malformed is dropped without a word (RFC 6347 section 4.1.2.7).
        let Some(digest) = records::digest(datagram) else { return Ok(()) };
        if !self.charge(&digest, datagram.len())? {
            return Ok(());
        }
        let hello = digest.first.filter(|message| message.starts_client_hello());
        match &mut self.phase {
            Phase::Closed => return Ok(()),
            Phase::Hello { kept, .. } => kept.push(BytesMut::from(datagram)),
            Phase::Handshake { answered, .. }
                if hello.is_some_and(|hello| hello.sequence < *answered) =>
            {
                return self.resend(now, |flight| flight.repeats += 1);
            }
            Phase::Handshake { .. } if hello.is_none() => {
                // The peer is past our last flight: from here on its own timer repairs.
                self.flight = None;
            }
            Phase::Handshake { .. } | Phase::Up { .. } => {}
        }
        match self.endpoint.read(now, PEER, None, BytesMut::from(datagram)) {
            Ok(events) => self.advance(now, &events),
            Err(Error::ErrServerNoMatchingSrtpProfile) => self.try_next_profile(now),
            Err(error) => self.fail(&error),
        }
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        self.outgoing.pop_front()
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.flight.as_ref().map(|flight| flight.due)
    }

    /// Sends again what was not answered.
    ///
    /// # Errors
    /// [`DtlsError::NoAnswer`] when the peer is given up.
    pub fn handle_timeout(&mut self, now: Instant) -> Result<(), DtlsError> {
        if self.flight.as_ref().is_some_and(|flight| flight.due <= now) {
            self.resend(now, |flight| flight.timeouts += 1)
        } else {
            Ok(())
        }
    }

    /// The keys, once, after a handshake with the expected peer.
    pub fn take_keys(&mut self) -> Option<SrtpKeys> {
        match &mut self.phase {
            Phase::Up { keys } => keys.take(),
            Phase::Hello { .. } | Phase::Handshake { .. } | Phase::Closed => None,
        }
    }

    /// Whether the peer said goodbye or the association failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        matches!(self.phase, Phase::Closed)
    }

    /// Says goodbye; there is a last datagram to transmit.
    pub fn close(&mut self, now: Instant) {
        if let Phase::Up { .. } = self.phase {
            self.endpoint.stop(now, PEER);
            self.collect();
        }
        self.end();
    }

    /// Counts what a peer makes us keep; whether the datagram may be read.
    fn charge(&mut self, digest: &records::Digest, len: usize) -> Result<bool, DtlsError> {
        let up = match self.phase {
            Phase::Closed => return Ok(false),
            Phase::Up { .. } => true,
            Phase::Hello { .. } | Phase::Handshake { .. } => false,
        };
        if up && !digest.handshake {
            return Ok(true);
        }
        let fragments = digest.fragments.max(digest.records);
        match (self.fragments_left.checked_sub(fragments), self.bytes_left.checked_sub(len)) {
            (Some(fragments_left), Some(bytes_left)) => {
                self.fragments_left = fragments_left;
                self.bytes_left = bytes_left;
                Ok(true)
            }
            // Media flows: one who repeats its handshake for ever is not heard, no more.
            _ if up => Ok(false),
            _ => {
                self.end();
                Err(DtlsError::TooMuch)
            }
        }
    }

    fn advance(&mut self, now: Instant, events: &[EndpointEvent]) -> Result<(), DtlsError> {
        let sent = self.collect();
        if events.iter().any(|event| matches!(event, EndpointEvent::HandshakeComplete)) {
            self.flight = None;
            let keys = self.finish().inspect_err(|_| self.end())?;
            self.phase = Phase::Up { keys: Some(keys) };
        } else if !sent.is_empty() {
            self.note_flight(now, sent);
        }
        // A data channel is not offered; what comes as application data is dropped.
        if events.iter().any(|event| matches!(event, EndpointEvent::PeerClosed)) {
            self.end();
        }
        Ok(())
    }

    /// Keeps a flight until it is answered.
    fn note_flight(&mut self, now: Instant, datagrams: Vec<BytesMut>) {
        let (Phase::Hello { profile, .. } | Phase::Handshake { profile, .. }) = self.phase else {
            return;
        };
        let first = datagrams
            .first()
            .and_then(|datagram| records::digest(datagram))
            .and_then(|digest| digest.first);
        let answered = match first {
            Some(message) if message.is_hello_verify_request() => 1,
            Some(message) if message.is_server_hello() => 2,
            _ => return,
        };
        self.phase = Phase::Handshake { profile, answered };
        self.flight =
            Some(Flight { datagrams, timeouts: 0, repeats: 0, due: now + FIRST_PATIENCE });
    }

    /// Sends the last flight as it was: what the peer has of it, its replay window drops.
    fn resend(&mut self, now: Instant, count: impl FnOnce(&mut Flight)) -> Result<(), DtlsError> {
        let Some(flight) = &mut self.flight else { return Ok(()) };
        count(flight);
        if flight.timeouts > MAX_RESENDS || flight.repeats > MAX_REPEATS {
            self.end();
            return Err(DtlsError::NoAnswer);
        }
        flight.due = now + FIRST_PATIENCE * 2_u32.pow(flight.timeouts);
        self.outgoing.extend(flight.datagrams.iter().cloned());
        Ok(())
    }

    fn try_next_profile(&mut self, now: Instant) -> Result<(), DtlsError> {
        let Phase::Hello { profile, kept } = &mut self.phase else {
            return self.fail(&Error::ErrServerNoMatchingSrtpProfile);
        };
        let next = *profile + 1;
        if next >= PROFILES.len() {
            return self.fail(&Error::ErrServerNoMatchingSrtpProfile);
        }
        *profile = next;
        let kept = kept.clone();
        self.endpoint = self.certificate.endpoint(next);
        for datagram in kept {
            match self.endpoint.read(now, PEER, None, datagram) {
                Ok(events) => self.advance(now, &events)?,
                Err(Error::ErrServerNoMatchingSrtpProfile) => return self.try_next_profile(now),
                Err(error) => return self.fail(&error),
            }
        }
        Ok(())
    }

    fn fail(&mut self, error: &Error) -> Result<(), DtlsError> {
        self.collect();
        match (&self.phase, error) {
            // Ends what is up: only an encrypted alert does. Anything else is not the peer's.
            (Phase::Up { .. }, Error::ErrAlertFatalOrClose) => {
                self.end();
                Ok(())
            }
            (Phase::Up { .. }, _) => Ok(()),
            _ => {
                self.end();
                Err(DtlsError::handshake(error))
            }
        }
    }

    /// Checks who the peer is, and only then derives keys.
    fn finish(&self) -> Result<SrtpKeys, DtlsError> {
        let state = self
            .endpoint
            .get_connection_state(PEER)
            .ok_or_else(|| DtlsError::handshake(&"no association"))?;
        let shown = state.peer_certificates.first().ok_or(DtlsError::WrongCertificate)?;
        if !bool::from(fingerprint(shown).0.ct_eq(&self.expected.0)) {
            return Err(DtlsError::WrongCertificate);
        }
        let agreed = state.srtp_protection_profile();
        let (profile, _) = PROFILES
            .into_iter()
            .find(|(_, known)| *known == agreed)
            .ok_or_else(|| DtlsError::handshake(&"the peer speaks no SRTP profile of ours"))?;
        let material = state
            .export_keying_material(EXPORTER_LABEL, &[], SrtpKeys::material_len(profile))
            .map_err(|error| DtlsError::handshake(&error))?;
        SrtpKeys::from_material(profile, material.as_ref(), true)
            .map_err(|error| DtlsError::handshake(&error))
    }

    /// Moves what the endpoint wants sent to where it is taken from; gives a copy.
    fn collect(&mut self) -> Vec<BytesMut> {
        let mut sent = Vec::new();
        while let Some(transmit) = self.endpoint.poll_transmit() {
            sent.push(transmit.message.clone());
            self.outgoing.push_back(transmit.message);
        }
        sent
    }

    fn end(&mut self) {
        self.phase = Phase::Closed;
        self.flight = None;
    }
}

#[cfg(test)]
mod tests;
