//! The transforms: AES-GCM (RFC 7714), and AES-CM with HMAC-SHA1 (RFC 3711) for who knows no other.

use aws_lc_rs::aead::{AES_128_GCM, AES_256_GCM, Aad, LessSafeKey, Nonce, UnboundKey};
use aws_lc_rs::cipher::{AES_128, EncryptingKey};
use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

use super::SrtpError;
use super::keys::{Label, MasterKey, SrtpProfile, aes_ctr, ctr_key};

/// An RTCP packet's part in clear: its header and its sender.
pub(super) const RTCP_CLEAR: usize = 8;
/// SRTCP's own word: the E bit and the index.
const RTCP_INDEX: usize = 4;
/// The E bit: the packet is encrypted.
const ENCRYPTED: u32 = 1 << 31;
const GCM_TAG: usize = 16;
const SHA1_TAG: usize = 10;

/// The keys of one direction, both RTP's and RTCP's.
pub(super) enum Cipher {
    Gcm(Box<Gcm>),
    CmSha1(Box<CmSha1>),
}

pub(super) struct Gcm {
    rtp: LessSafeKey,
    rtp_salt: [u8; 12],
    rtcp: LessSafeKey,
    rtcp_salt: [u8; 12],
}

pub(super) struct CmSha1 {
    rtp: EncryptingKey,
    rtp_salt: [u8; 14],
    rtp_auth: hmac::Key,
    rtcp: EncryptingKey,
    rtcp_salt: [u8; 14],
    rtcp_auth: hmac::Key,
}

impl Cipher {
    pub(super) fn new(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        let (key, salt) = master.parts();
        if key.len() != profile.key_len() || salt.len() != profile.salt_len() {
            return Err(SrtpError::KeyLength);
        }
        match profile {
            SrtpProfile::AeadAes128Gcm | SrtpProfile::AeadAes256Gcm => {
                Gcm::new(profile, master).map(|gcm| Self::Gcm(Box::new(gcm)))
            }
            SrtpProfile::AesCm128HmacSha1_80 => {
                CmSha1::new(master).map(|cm| Self::CmSha1(Box::new(cm)))
            }
        }
    }

    /// By how much a protected RTP packet is longer.
    pub(super) fn rtp_overhead(&self) -> usize {
        match self {
            Self::Gcm(_) => GCM_TAG,
            Self::CmSha1(_) => SHA1_TAG,
        }
    }

    /// By how much a protected RTCP packet is longer.
    pub(super) fn rtcp_overhead(&self) -> usize {
        RTCP_INDEX + self.rtp_overhead()
    }

    /// Protects the `len` bytes at the start of `buffer`, which is at least the overhead longer.
    pub(super) fn seal_rtp(
        &self,
        buffer: &mut [u8],
        header_len: usize,
        len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let total = len + self.rtp_overhead();
        let buffer = buffer.get_mut(..total).ok_or(SrtpError::NoRoom)?;
        let (packet, tag) = buffer.split_at_mut(len);
        if header_len > len {
            return Err(SrtpError::Short);
        }
        match self {
            Self::Gcm(gcm) => {
                let (header, payload) = packet.split_at_mut(header_len);
                let sealed = gcm
                    .rtp
                    .seal_in_place_separate_tag(
                        rtp_nonce(&gcm.rtp_salt, ssrc, index),
                        Aad::from(&*header),
                        payload,
                    )
                    .map_err(|_| SrtpError::Cipher)?;
                tag.copy_from_slice(sealed.as_ref());
            }
            Self::CmSha1(cm) => {
                aes_ctr(&cm.rtp, cm_iv(&cm.rtp_salt, ssrc, index), &mut packet[header_len..])?;
                tag.copy_from_slice(&sha1_tag(&cm.rtp_auth, packet, &roc(index)));
            }
        }
        Ok(total)
    }

    /// Checks and decrypts a whole packet; gives its length in clear.
    pub(super) fn open_rtp(
        &self,
        packet: &mut [u8],
        header_len: usize,
        ssrc: u32,
        index: u64,
    ) -> Result<usize, SrtpError> {
        let len = packet
            .len()
            .checked_sub(self.rtp_overhead())
            .filter(|len| *len >= header_len)
            .ok_or(SrtpError::Short)?;
        match self {
            Self::Gcm(gcm) => {
                let (header, sealed) = packet.split_at_mut(header_len);
                gcm.rtp
                    .open_in_place(
                        rtp_nonce(&gcm.rtp_salt, ssrc, index),
                        Aad::from(&*header),
                        sealed,
                    )
                    .map_err(|_| SrtpError::NotAuthentic)?;
            }
            Self::CmSha1(cm) => {
                let (clear, tag) = packet.split_at_mut(len);
                check_sha1(&cm.rtp_auth, clear, &roc(index), tag)?;
                aes_ctr(&cm.rtp, cm_iv(&cm.rtp_salt, ssrc, index), &mut clear[header_len..])?;
            }
        }
        Ok(len)
    }

    /// Protects a whole RTCP packet under `index`.
    pub(super) fn seal_rtcp(&self, packet: &mut Vec<u8>, index: u32) -> Result<(), SrtpError> {
        let ssrc = rtcp_sender(packet)?;
        let word = (ENCRYPTED | index).to_be_bytes();
        let (clear, payload) = packet.split_at_mut(RTCP_CLEAR);
        match self {
            Self::Gcm(gcm) => {
                let aad = rtcp_aad(clear, word);
                let tag = gcm
                    .rtcp
                    .seal_in_place_separate_tag(
                        rtcp_nonce(&gcm.rtcp_salt, ssrc, index),
                        Aad::from(aad),
                        payload,
                    )
                    .map_err(|_| SrtpError::Cipher)?;
                packet.extend_from_slice(tag.as_ref());
                packet.extend_from_slice(&word);
            }
            Self::CmSha1(cm) => {
                aes_ctr(&cm.rtcp, cm_iv(&cm.rtcp_salt, ssrc, u64::from(index)), payload)?;
                let tag = sha1_tag(&cm.rtcp_auth, packet, &word);
                packet.extend_from_slice(&word);
                packet.extend_from_slice(&tag);
            }
        }
        Ok(())
    }

    /// The sender and the index that an SRTCP packet claims.
    pub(super) fn rtcp_claim(&self, packet: &[u8]) -> Result<(u32, u32), SrtpError> {
        let ssrc = rtcp_sender(packet)?;
        let behind = match self {
            Self::Gcm(_) => 0,
            Self::CmSha1(_) => SHA1_TAG,
        };
        let end = packet.len().checked_sub(behind).ok_or(SrtpError::Short)?;
        let start = end
            .checked_sub(RTCP_INDEX)
            .filter(|_| packet.len() >= RTCP_CLEAR + self.rtcp_overhead())
            .ok_or(SrtpError::Short)?;
        let word =
            packet[start..end].try_into().map(u32::from_be_bytes).map_err(|_| SrtpError::Short)?;
        if word & ENCRYPTED == 0 {
            return Err(SrtpError::NotEncrypted);
        }
        Ok((ssrc, word & !ENCRYPTED))
    }

    /// Checks and decrypts what [`Self::rtcp_claim`] was read from; gives its length in clear.
    pub(super) fn open_rtcp(
        &self,
        packet: &mut [u8],
        ssrc: u32,
        index: u32,
    ) -> Result<usize, SrtpError> {
        let len = packet
            .len()
            .checked_sub(self.rtcp_overhead())
            .filter(|len| *len >= RTCP_CLEAR)
            .ok_or(SrtpError::Short)?;
        let word = (ENCRYPTED | index).to_be_bytes();
        match self {
            Self::Gcm(gcm) => {
                let (clear, sealed) = packet.split_at_mut(RTCP_CLEAR);
                let sealed_len = sealed.len() - RTCP_INDEX;
                gcm.rtcp
                    .open_in_place(
                        rtcp_nonce(&gcm.rtcp_salt, ssrc, index),
                        Aad::from(rtcp_aad(clear, word)),
                        &mut sealed[..sealed_len],
                    )
                    .map_err(|_| SrtpError::NotAuthentic)?;
            }
            Self::CmSha1(cm) => {
                let (clear, tail) = packet.split_at_mut(len);
                check_sha1(&cm.rtcp_auth, clear, &word, &tail[RTCP_INDEX..])?;
                aes_ctr(
                    &cm.rtcp,
                    cm_iv(&cm.rtcp_salt, ssrc, u64::from(index)),
                    &mut clear[RTCP_CLEAR..],
                )?;
            }
        }
        Ok(len)
    }
}

impl Gcm {
    fn new(profile: SrtpProfile, master: &MasterKey) -> Result<Self, SrtpError> {
        let algorithm =
            if profile == SrtpProfile::AeadAes256Gcm { &AES_256_GCM } else { &AES_128_GCM };
        let key = |label| -> Result<LessSafeKey, SrtpError> {
            let mut key = zeroize::Zeroizing::new([0; 32]);
            let key = &mut key[..profile.key_len()];
            master.derive(label, key)?;
            UnboundKey::new(algorithm, key).map(LessSafeKey::new).map_err(|_| SrtpError::KeyLength)
        };
        let salt = |label| {
            let mut salt = [0; 12];
            master.derive(label, &mut salt).map(|()| salt)
        };
        Ok(Self {
            rtp: key(Label::RtpKey)?,
            rtp_salt: salt(Label::RtpSalt)?,
            rtcp: key(Label::RtcpKey)?,
            rtcp_salt: salt(Label::RtcpSalt)?,
        })
    }
}

impl CmSha1 {
    fn new(master: &MasterKey) -> Result<Self, SrtpError> {
        let key = |label| {
            let mut key = zeroize::Zeroizing::new([0; 16]);
            master.derive(label, &mut *key)?;
            ctr_key(&AES_128, &*key)
        };
        let auth = |label| {
            let mut key = zeroize::Zeroizing::new([0; 20]);
            master.derive(label, &mut *key)?;
            Ok::<_, SrtpError>(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, &*key))
        };
        let salt = |label| {
            let mut salt = [0; 14];
            master.derive(label, &mut salt).map(|()| salt)
        };
        Ok(Self {
            rtp: key(Label::RtpKey)?,
            rtp_salt: salt(Label::RtpSalt)?,
            rtp_auth: auth(Label::RtpAuth)?,
            rtcp: key(Label::RtcpKey)?,
            rtcp_salt: salt(Label::RtcpSalt)?,
            rtcp_auth: auth(Label::RtcpAuth)?,
        })
    }
}

fn xor<const N: usize>(mut block: [u8; N], salt: &[u8]) -> [u8; N] {
    for (byte, salt) in block.iter_mut().zip(salt) {
        *byte ^= salt;
    }
    block
}

/// RFC 7714 section 8.1: 00 00, SSRC, ROC, SEQ.
fn rtp_nonce(salt: &[u8; 12], ssrc: u32, index: u64) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[6..].copy_from_slice(&index.to_be_bytes()[2..]);
    Nonce::assume_unique_for_key(xor(nonce, salt))
}

/// RFC 7714 section 9.1: 00 00, SSRC, 00 00, index.
fn rtcp_nonce(salt: &[u8; 12], ssrc: u32, index: u32) -> Nonce {
    let mut nonce = [0; 12];
    nonce[2..6].copy_from_slice(&ssrc.to_be_bytes());
    nonce[8..].copy_from_slice(&index.to_be_bytes());
    Nonce::assume_unique_for_key(xor(nonce, salt))
}

/// RFC 7714 section 9.3: what stands in clear before the payload, then the index word.
fn rtcp_aad(clear: &[u8], word: [u8; 4]) -> [u8; RTCP_CLEAR + RTCP_INDEX] {
    let mut aad = [0; RTCP_CLEAR + RTCP_INDEX];
    aad[..RTCP_CLEAR].copy_from_slice(clear);
    aad[RTCP_CLEAR..].copy_from_slice(&word);
    aad
}

/// RFC 3711 section 4.1.1.
fn cm_iv(salt: &[u8; 14], ssrc: u32, index: u64) -> [u8; 16] {
    let mut iv = [0; 16];
    iv[4..8].copy_from_slice(&ssrc.to_be_bytes());
    iv[8..14].copy_from_slice(&index.to_be_bytes()[2..]);
    xor(iv, salt)
}

fn roc(index: u64) -> [u8; 4] {
    ((index >> 16) as u32).to_be_bytes()
}

fn sha1_tag(key: &hmac::Key, packet: &[u8], behind: &[u8; 4]) -> [u8; SHA1_TAG] {
    let mut context = hmac::Context::with_key(key);
    context.update(packet);
    context.update(behind);
    let mut tag = [0; SHA1_TAG];
    tag.copy_from_slice(&context.sign().as_ref()[..SHA1_TAG]);
    tag
}

fn check_sha1(
    key: &hmac::Key,
    packet: &[u8],
    behind: &[u8; 4],
    tag: &[u8],
) -> Result<(), SrtpError> {
    if bool::from(sha1_tag(key, packet, behind).ct_eq(tag)) {
        Ok(())
    } else {
        Err(SrtpError::NotAuthentic)
    }
}

fn rtcp_sender(packet: &[u8]) -> Result<u32, SrtpError> {
    packet
        .get(4..RTCP_CLEAR)
        .and_then(|ssrc| ssrc.try_into().ok())
        .map(u32::from_be_bytes)
        .ok_or(SrtpError::Short)
}

#[cfg(test)]
impl Cipher {
    /// Session keys as they are, for the RFC's vectors.
    pub(super) fn gcm_with_session_keys(key: &[u8], salt: [u8; 12]) -> Self {
        let algorithm = if key.len() == 32 { &AES_256_GCM } else { &AES_128_GCM };
        let key = || {
            LessSafeKey::new(UnboundKey::new(algorithm, key).expect("a key of the right length"))
        };
        Self::Gcm(Box::new(Gcm { rtp: key(), rtp_salt: salt, rtcp: key(), rtcp_salt: salt }))
    }
}
