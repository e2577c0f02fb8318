//! Against RFC 7714 section 16 and 17: session keys given, so the ciphers themselves are tested.

use super::super::SrtpError;
use super::super::cipher::Cipher;

fn hex(text: &str) -> Vec<u8> {
    let digits: String = text.split_whitespace().collect();
    (0..digits.len())
        .step_by(2)
        .map(|at| u8::from_str_radix(&digits[at..at + 2], 16).unwrap())
        .collect()
}

const KEY_128: &str = "000102030405060708090a0b0c0d0e0f";
const KEY_256: &str = "000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f";
const SALT: &str = "517569642070726f2071756f";

/// RFC 7714 section 16: header and payload of the plain packet.
const RTP_HEADER: &str = "8040f17b 8041f8d3 5501a0b2";
const RTP_PAYLOAD: &str =
    "47616c6c 69612065 7374206f 6d6e6973 20646976 69736120 696e2070 61727465 73207472 6573";

const SEALED_128: &str =
    "f24de3a3 fb34de6c acba861c 9d7e4bca be633bd5 0d294e6f 42a5f47a 51c7d19b 36de3adf 8833
    899d7f27 beb16a91 52cf765e e4390cce";
const SEALED_256: &str =
    "32b1de78 a822fe12 ef9f78fa 332e33aa b1801238 9a58e2f3 b50b2a02 76ffae0f 1ba63799 b87b
    7aa3db36 dfffd6b0 f9bb7878 d7a76c13";

fn check_rtp(key: &str, sealed: &str) {
    let cipher = Cipher::gcm_with_session_keys(&hex(key), hex(SALT).try_into().unwrap());
    let plain = hex(&format!("{RTP_HEADER}{RTP_PAYLOAD}"));
    let expected = hex(&format!("{RTP_HEADER}{sealed}"));
    let mut buffer = plain.clone();
    buffer.resize(plain.len() + 16, 0);
    let index = 0xf17b;
    assert_eq!(
        cipher.seal_rtp(&mut buffer, 12, plain.len(), 0x5501_a0b2, index),
        Ok(expected.len())
    );
    assert_eq!(buffer, expected);
    assert_eq!(cipher.open_rtp(&mut buffer, 12, 0x5501_a0b2, index), Ok(plain.len()));
    assert_eq!(buffer[..plain.len()], plain);
    let mut later = expected;
    assert_eq!(
        cipher.open_rtp(&mut later, 12, 0x5501_a0b2, index + 0x1_0000),
        Err(SrtpError::NotAuthentic)
    );
}

#[test]
fn rtp_with_aead_aes_128_gcm() {
    check_rtp(KEY_128, SEALED_128);
}

#[test]
fn rtp_with_aead_aes_256_gcm() {
    check_rtp(KEY_256, SEALED_256);
}

/// RFC 7714 section 17.1: SRTCP under index 0x5d4.
#[test]
fn rtcp_with_aead_aes_128_gcm() {
    let cipher = Cipher::gcm_with_session_keys(&hex(KEY_128), hex(SALT).try_into().unwrap());
    let plain = hex(
        "81c8000d 4d617273 4e545031 4e545032 52545020 0000042a 0000e930 4c756e61 deadbeef deadbeef
        deadbeef deadbeef deadbeef",
    );
    let expected = hex(
        "81c8000d 4d617273 63e94885 dcdab67c a727d766 2f6b7e99 7ff5c0f7 6c06f32d c676a5f1 730d6fda
        4ce09b46 86303ded 0bb9275b c84aa458 96cf4d2f c5abf872 45d9eade 800005d4",
    );
    let mut packet = plain.clone();
    cipher.seal_rtcp(&mut packet, 0x5d4).unwrap();
    assert_eq!(packet, expected);
    assert_eq!(cipher.rtcp_claim(&packet), Ok((0x4d61_7273, 0x5d4)));
    assert_eq!(cipher.open_rtcp(&mut packet, 0x4d61_7273, 0x5d4), Ok(plain.len()));
    assert_eq!(packet[..plain.len()], plain);
}
