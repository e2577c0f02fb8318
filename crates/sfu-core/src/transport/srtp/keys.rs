//! Key material and its derivation (RFC 3711 section 4.3, RFC 7714 section 11).

use aws_lc_rs::cipher::{AES_128, AES_256, EncryptingKey, EncryptionContext, UnboundCipherKey};
use aws_lc_rs::iv::FixedLength;
use zeroize::{Zeroize, ZeroizeOnDrop};

use super::SrtpError;

/// How the packets of a session are protected.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum SrtpProfile {
    /// The one we want: four times cheaper than the SHA-1 one (RFC 7714).
    AeadAes128Gcm,
    /// For who offers nothing smaller (RFC 7714).
    AeadAes256Gcm,
    /// For who knows no AEAD (RFC 3711).
    AesCm128HmacSha1_80,
}

impl SrtpProfile {
    /// The length of a master key.
    #[must_use]
    pub fn key_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AesCm128HmacSha1_80 => 16,
            Self::AeadAes256Gcm => 32,
        }
    }

    /// The length of a master salt.
    #[must_use]
    pub fn salt_len(self) -> usize {
        match self {
            Self::AeadAes128Gcm | Self::AeadAes256Gcm => 12,
            Self::AesCm128HmacSha1_80 => 14,
        }
    }
}

/// The master key and salt of one direction. Wiped when dropped.
#[derive(Clone, PartialEq, Eq, Zeroize, ZeroizeOnDrop)]
pub struct MasterKey {
    key: Vec<u8>,
    salt: Vec<u8>,
}

impl std::fmt::Debug for MasterKey {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("MasterKey(…)")
    }
}

/// What a handshake gives to a session.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct SrtpKeys {
    /// How packets are protected.
    pub profile: SrtpProfile,
    /// For what we send.
    pub local: MasterKey,
    /// For what the peer sends.
    pub remote: MasterKey,
}

impl SrtpKeys {
    /// How much keying material a DTLS handshake must export for `profile` (RFC 5764 section 4.2).
    #[must_use]
    pub fn material_len(profile: SrtpProfile) -> usize {
        2 * (profile.key_len() + profile.salt_len())
    }

    /// Cuts the exported keying material: both keys, then both salts, the client's first.
    ///
    /// # Errors
    /// [`SrtpError::KeyLength`] when `material` is not [`Self::material_len`] long.
    pub fn from_material(
        profile: SrtpProfile,
        material: &[u8],
        we_are_server: bool,
    ) -> Result<Self, SrtpError> {
        if material.len() != Self::material_len(profile) {
            return Err(SrtpError::KeyLength);
        }
        let (keys, salts) = material.split_at(2 * profile.key_len());
        let (client_key, server_key) = keys.split_at(profile.key_len());
        let (client_salt, server_salt) = salts.split_at(profile.salt_len());
        let client = MasterKey { key: client_key.to_vec(), salt: client_salt.to_vec() };
        let server = MasterKey { key: server_key.to_vec(), salt: server_salt.to_vec() };
        let (local, remote) = if we_are_server { (server, client) } else { (client, server) };
        Ok(Self { profile, local, remote })
    }
}

/// What a derived key is for: the labels of RFC 3711 section 4.3.
#[derive(Clone, Copy)]
pub(super) enum Label {
    RtpKey = 0,
    RtpAuth = 1,
    RtpSalt = 2,
    RtcpKey = 3,
    RtcpAuth = 4,
    RtcpSalt = 5,
}

impl MasterKey {
    /// A key from its parts.
    #[must_use]
    pub fn new(key: &[u8], salt: &[u8]) -> Self {
        Self { key: key.to_vec(), salt: salt.to_vec() }
    }

    /// The parts: key, salt.
    #[must_use]
    pub fn parts(&self) -> (&[u8], &[u8]) {
        (&self.key, &self.salt)
    }

    /// Fills `out` with the key stream that `label` names.
    pub(super) fn derive(&self, label: Label, out: &mut [u8]) -> Result<(), SrtpError> {
        let algorithm = match self.key.len() {
            16 => &AES_128,
            32 => &AES_256,
            _ => return Err(SrtpError::KeyLength),
        };
        // A 96-bit salt stands left in the 112 bits of the formula, and the whole is shifted by
        // the 16 bits of the block counter.
        let mut iv = [0; 16];
        iv.get_mut(..self.salt.len())
            .filter(|_| self.salt.len() <= 14)
            .ok_or(SrtpError::KeyLength)?
            .copy_from_slice(&self.salt);
        iv[7] ^= label as u8;
        out.fill(0);
        aes_ctr(&ctr_key(algorithm, &self.key)?, iv, out)
    }
}

pub(super) fn ctr_key(
    algorithm: &'static aws_lc_rs::cipher::Algorithm,
    key: &[u8],
) -> Result<EncryptingKey, SrtpError> {
    let unbound = UnboundCipherKey::new(algorithm, key).map_err(|_| SrtpError::KeyLength)?;
    EncryptingKey::ctr(unbound).map_err(|_| SrtpError::KeyLength)
}

/// Encrypts or decrypts `data` in place: in counter mode they are the same.
pub(super) fn aes_ctr(key: &EncryptingKey, iv: [u8; 16], data: &mut [u8]) -> Result<(), SrtpError> {
    key.less_safe_encrypt(data, EncryptionContext::Iv128(FixedLength::from(iv)))
        .map(|_| ())
        .map_err(|_| SrtpError::Cipher)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hex(text: &str) -> Vec<u8> {
        (0..text.len())
            .step_by(2)
            .map(|at| u8::from_str_radix(&text[at..at + 2], 16).unwrap())
            .collect()
    }

    #[test]
    fn the_derivation_vectors_of_rfc_3711_b_3() {
        let master = MasterKey::new(
            &hex("E1F97A0D3E018BE0D64FA32C06DE4139"),
            &hex("0EC675AD498AFEEBB6960B3AABE6"),
        );
        let derived = |label, len| {
            let mut out = vec![0; len];
            master.derive(label, &mut out).unwrap();
            out
        };
        assert_eq!(derived(Label::RtpKey, 16), hex("C61E7A93744F39EE10734AFE3FF7A087"));
        assert_eq!(derived(Label::RtpSalt, 14), hex("30CBBC08863D8C85D49DB34A9AE1"));
        assert_eq!(derived(Label::RtpAuth, 20), hex("CEBE321F6FF7716B6FD4AB49AF256A156D38BAA4"));
    }

    #[test]
    fn material_is_cut_by_role() {
        let profile = SrtpProfile::AeadAes128Gcm;
        let material: Vec<u8> = (0..56).collect();
        let server = SrtpKeys::from_material(profile, &material, true).unwrap();
        let client = SrtpKeys::from_material(profile, &material, false).unwrap();
        assert_eq!(server.remote, client.local);
        assert_eq!(client.local.parts(), (&material[..16], &material[32..44]));
        assert_eq!(server.local.parts(), (&material[16..32], &material[44..]));
        assert!(SrtpKeys::from_material(profile, &material[1..], true).is_err());
        assert!(!format!("{server:?}").contains("17"), "a key is never shown");
    }
}
