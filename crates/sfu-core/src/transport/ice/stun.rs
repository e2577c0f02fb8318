//! The few STUN messages (RFC 8489) that ICE-lite needs: a binding request in, its answer out.

use std::net::{IpAddr, SocketAddr};

use aws_lc_rs::hmac;
use subtle::ConstantTimeEq;

const HEADER: usize = 20;
const COOKIE: [u8; 4] = 0x2112_A442_u32.to_be_bytes();
const BINDING_REQUEST: u16 = 0x0001;
const BINDING_SUCCESS: u16 = 0x0101;
const BINDING_ERROR: u16 = 0x0111;

const USERNAME: u16 = 0x0006;
const MESSAGE_INTEGRITY: u16 = 0x0008;
const ERROR_CODE: u16 = 0x0009;
const UNKNOWN_ATTRIBUTES: u16 = 0x000A;
const XOR_MAPPED_ADDRESS: u16 = 0x0020;
const PRIORITY: u16 = 0x0024;
const USE_CANDIDATE: u16 = 0x0025;
const FINGERPRINT: u16 = 0x8028;
const ICE_CONTROLLED: u16 = 0x8029;

/// MESSAGE-INTEGRITY with its header.
const INTEGRITY_LEN: usize = 4 + 20;
/// FINGERPRINT with its header.
const FINGERPRINT_LEN: usize = 4 + 4;
const FINGERPRINT_XOR: u32 = 0x5354_554E;

/// A check longer than this is none of a browser's (Chromium's are about 120 bytes); hashing it
/// would only serve who sends it.
const MAX_CHECK: usize = 576;
/// More attributes than this are none of a browser's either (Chromium sends eight).
const MAX_ATTRIBUTES: usize = 24;
/// How many unknown attributes an error answer names.
const MAX_UNKNOWN: usize = 4;

/// No answer is longer.
pub const MAX_ANSWER: usize = HEADER + 24 + INTEGRITY_LEN + FINGERPRINT_LEN;

/// The role a check's sender takes.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) enum Role {
    Controlling,
    Controlled,
}

/// What tells one check from another (RFC 8489 section 5): 96 bits, drawn anew for each.
pub(super) type TransactionId = [u8; 12];

/// A whole, well-formed binding request whose FINGERPRINT fits. Nothing in it is to be believed
/// before an [`super::IceAgent`] has checked its integrity.
#[derive(Clone, Copy)]
pub struct Check<'a> {
    message: &'a [u8],
    local_ufrag: &'a str,
    remote_ufrag: &'a str,
    /// Where MESSAGE-INTEGRITY starts.
    integrity_at: usize,
    role: Role,
    nominates: bool,
    unknown: UnknownAttributes,
}

impl std::fmt::Debug for Check<'_> {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Check")
            .field("role", &self.role)
            .field("nominates", &self.nominates)
            .finish_non_exhaustive()
    }
}

/// Comprehension-required attributes that are not understood.
#[derive(Clone, Copy, Default)]
pub(super) struct UnknownAttributes {
    types: [u16; MAX_UNKNOWN],
    count: usize,
}

/// The key of a short-term credential, SASLprep aside: ICE passwords are ASCII.
pub(super) struct IntegrityKey(hmac::Key);

impl IntegrityKey {
    pub(super) fn new(password: &str) -> Self {
        Self(hmac::Key::new(hmac::HMAC_SHA1_FOR_LEGACY_USE_ONLY, password.as_bytes()))
    }
}

pub(super) enum Answer {
    Success(SocketAddr),
    UnknownAttributes(UnknownAttributes),
    RoleConflict,
}

/// Parses a binding request; `None` for anything else, and for whatever is not well formed to the
/// last byte. It looks at the fingerprint, at no key.
#[must_use]
pub fn parse_check(datagram: &[u8]) -> Option<Check<'_>> {
    if datagram.len() > MAX_CHECK || datagram.len() < HEADER || !datagram.len().is_multiple_of(4) {
        return None;
    }
    if be16(datagram, 0)? != BINDING_REQUEST
        || usize::from(be16(datagram, 2)?) != datagram.len() - HEADER
        || datagram[4..8] != COOKIE
    {
        return None;
    }
    let mut username = None;
    let mut integrity_at = None;
    let mut fingerprint_at = None;
    let mut role = Role::Controlling;
    let mut nominates = false;
    let mut unknown = UnknownAttributes::default();
    let mut at = HEADER;
    for _ in 0..MAX_ATTRIBUTES {
        if at == datagram.len() {
            break;
        }
        let kind = be16(datagram, at)?;
        let len = usize::from(be16(datagram, at + 2)?);
        let value = datagram.get(at + 4..at + 4 + len)?;
        match kind {
            // Nothing comes after FINGERPRINT.
            _ if fingerprint_at.is_some() => return None,
            FINGERPRINT if len == FINGERPRINT_LEN - 4 => fingerprint_at = Some(at),
            // What follows MESSAGE-INTEGRITY is not covered by it: ignored (RFC 8489 section 14.5).
            _ if integrity_at.is_some() => {}
            MESSAGE_INTEGRITY if len == INTEGRITY_LEN - 4 => integrity_at = Some(at),
            MESSAGE_INTEGRITY | FINGERPRINT => return None,
            USERNAME if username.is_none() => username = Some(std::str::from_utf8(value).ok()?),
            USE_CANDIDATE => nominates = true,
            ICE_CONTROLLED => role = Role::Controlled,
            USERNAME | PRIORITY => {}
            required if required < 0x8000 => unknown.push(required),
            _ => {}
        }
        at += 4 + len.next_multiple_of(4);
    }
    let fingerprint_at = fingerprint_at.filter(|_| at == datagram.len())?;
    let expected = fingerprint(&datagram[..fingerprint_at]);
    if datagram.get(fingerprint_at + 4..)? != expected {
        return None;
    }
    let (local_ufrag, remote_ufrag) = username?.split_once(':')?;
    Some(Check {
        message: datagram,
        local_ufrag,
        remote_ufrag,
        integrity_at: integrity_at?,
        role,
        nominates,
        unknown,
    })
}

impl Check<'_> {
    /// Its transaction.
    pub(super) fn transaction_id(&self) -> TransactionId {
        let mut id = [0; 12];
        id.copy_from_slice(&self.message[8..HEADER]);
        id
    }

    /// Whom the check is for: the user fragment of ours.
    #[must_use]
    pub fn local_ufrag(&self) -> &str {
        self.local_ufrag
    }

    /// Whom it comes from.
    #[must_use]
    pub fn remote_ufrag(&self) -> &str {
        self.remote_ufrag
    }

    pub(super) fn role(&self) -> Role {
        self.role
    }

    pub(super) fn nominates(&self) -> bool {
        self.nominates
    }

    pub(super) fn unknown_attributes(&self) -> Option<UnknownAttributes> {
        (self.unknown.count > 0).then_some(self.unknown)
    }

    pub(super) fn is_authentic(&self, key: &IntegrityKey) -> bool {
        let (covered, rest) = self.message.split_at(self.integrity_at);
        let expected = integrity(covered, key);
        rest.get(4..INTEGRITY_LEN).is_some_and(|given| bool::from(expected.as_ref().ct_eq(given)))
    }

    /// Writes the answer and gives its length; `out` holds [`MAX_ANSWER`].
    pub(super) fn write_answer(
        &self,
        answer: &Answer,
        key: &IntegrityKey,
        out: &mut [u8],
    ) -> usize {
        let transaction = self.transaction_id();
        let mut message = Message { out, len: HEADER };
        message.out[4..8].copy_from_slice(&COOKIE);
        message.out[8..HEADER].copy_from_slice(&transaction);
        let kind = match answer {
            Answer::Success(address) => {
                message.xor_mapped_address(*address);
                BINDING_SUCCESS
            }
            Answer::UnknownAttributes(unknown) => {
                message.attribute(ERROR_CODE, &[0, 0, 4, 20]);
                let mut value = [0; 2 * MAX_UNKNOWN];
                for (bytes, kind) in value.chunks_exact_mut(2).zip(unknown.types) {
                    bytes.copy_from_slice(&kind.to_be_bytes());
                }
                message.attribute(UNKNOWN_ATTRIBUTES, &value[..2 * unknown.count]);
                BINDING_ERROR
            }
            Answer::RoleConflict => {
                message.attribute(ERROR_CODE, &[0, 0, 4, 87]);
                BINDING_ERROR
            }
        };
        message.out[..2].copy_from_slice(&kind.to_be_bytes());
        message.finish(key)
    }
}

impl UnknownAttributes {
    fn push(&mut self, kind: u16) {
        if let Some(free) = self.types.get_mut(self.count) {
            *free = kind;
            self.count += 1;
        }
    }
}

/// A message being written.
struct Message<'a> {
    out: &'a mut [u8],
    len: usize,
}

impl Message<'_> {
    fn attribute(&mut self, kind: u16, value: &[u8]) {
        let padded = value.len().next_multiple_of(4);
        let place = &mut self.out[self.len..self.len + 4 + padded];
        place[..2].copy_from_slice(&kind.to_be_bytes());
        place[2..4].copy_from_slice(&(value.len() as u16).to_be_bytes());
        place[4..4 + value.len()].copy_from_slice(value);
        place[4 + value.len()..].fill(0);
        self.len += 4 + padded;
    }

    fn xor_mapped_address(&mut self, address: SocketAddr) {
        let mut mask = [0; 16];
        mask.copy_from_slice(&self.out[4..HEADER]);
        let mut value = [0; 20];
        value[2..4].copy_from_slice(&address.port().to_be_bytes());
        let len = match address.ip() {
            IpAddr::V4(ip) => {
                value[1] = 1;
                value[4..8].copy_from_slice(&ip.octets());
                8
            }
            IpAddr::V6(ip) => {
                value[1] = 2;
                value[4..20].copy_from_slice(&ip.octets());
                20
            }
        };
        for (byte, mask) in value[2..4].iter_mut().zip(mask) {
            *byte ^= mask;
        }
        for (byte, mask) in value[4..len].iter_mut().zip(mask) {
            *byte ^= mask;
        }
        self.attribute(XOR_MAPPED_ADDRESS, &value[..len]);
    }

    fn finish(mut self, key: &IntegrityKey) -> usize {
        let tag = integrity(&self.out[..self.len], key);
        self.attribute(MESSAGE_INTEGRITY, tag.as_ref());
        let fingerprint = fingerprint(&self.out[..self.len]);
        self.attribute(FINGERPRINT, &fingerprint);
        let body = (self.len - HEADER) as u16;
        self.out[2..4].copy_from_slice(&body.to_be_bytes());
        self.len
    }
}

/// The HMAC over what stands before MESSAGE-INTEGRITY, with the length as if it ended the message.
fn integrity(covered: &[u8], key: &IntegrityKey) -> hmac::Tag {
    let mut context = hmac::Context::with_key(&key.0);
    context.update(&covered[..2]);
    context.update(&((covered.len() - HEADER + INTEGRITY_LEN) as u16).to_be_bytes());
    context.update(&covered[4..]);
    context.sign()
}

/// The value of a FINGERPRINT behind `covered`, with the length as if it ended the message.
fn fingerprint(covered: &[u8]) -> [u8; 4] {
    let mut crc = Crc32::default();
    crc.update(&covered[..2]);
    crc.update(&((covered.len() - HEADER + FINGERPRINT_LEN) as u16).to_be_bytes());
    crc.update(&covered[4..]);
    (crc.finish() ^ FINGERPRINT_XOR).to_be_bytes()
}

/// The CRC-32 of ISO 3309. Checks are rare and short: a table is not worth its room.
struct Crc32(u32);

impl Default for Crc32 {
    fn default() -> Self {
        Self(u32::MAX)
    }
}

impl Crc32 {
    fn update(&mut self, bytes: &[u8]) {
        for byte in bytes {
            self.0 ^= u32::from(*byte);
            for _ in 0..8 {
                let low = self.0 & 1;
                self.0 = (self.0 >> 1) ^ (0xEDB8_8320 & low.wrapping_neg());
            }
        }
    }

    fn finish(self) -> u32 {
        !self.0
    }
}

fn be16(bytes: &[u8], at: usize) -> Option<u16> {
    bytes.get(at..at + 2).and_then(|two| two.try_into().ok()).map(u16::from_be_bytes)
}
