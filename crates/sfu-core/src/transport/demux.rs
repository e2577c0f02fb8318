//! Telling the datagrams of one port apart by their first bytes (RFC 7983, RFC 5761).

/// What a datagram claims to be.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Kind {
    /// STUN: an ICE check.
    Stun,
    /// A DTLS record.
    Dtls,
    /// SRTP.
    Rtp,
    /// SRTCP.
    Rtcp,
    /// Nothing that is spoken here.
    Unknown,
}

/// The shortest DTLS record: its header (RFC 6347 section 4.1).
const DTLS_HEADER: usize = 13;
/// The fixed part of an RTP header (RFC 3550 section 5.1).
const RTP_HEADER: usize = 12;
/// The fixed part of an RTCP header with its sender (RFC 3550 section 6.4).
const RTCP_HEADER: usize = 8;
/// A STUN header (RFC 8489 section 5).
const STUN_HEADER: usize = 20;

/// Tells what `datagram` claims to be; whatever is shorter than its kind's header is `Unknown`.
#[must_use]
pub fn classify(datagram: &[u8]) -> Kind {
    let (Some(&first), Some(&second)) = (datagram.first(), datagram.get(1)) else {
        return Kind::Unknown;
    };
    match first {
        0..=3 if datagram.len() >= STUN_HEADER => Kind::Stun,
        20..=63 if datagram.len() >= DTLS_HEADER => Kind::Dtls,
        // RTCP packet types 192 to 223 lie where RTP's marker and payload types 64 to 95 would.
        128..=191 if (192..=223).contains(&second) => {
            if datagram.len() >= RTCP_HEADER {
                Kind::Rtcp
            } else {
                Kind::Unknown
            }
        }
        128..=191 if datagram.len() >= RTP_HEADER => Kind::Rtp,
        _ => Kind::Unknown,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn each_range_of_rfc_7983() {
        let of = |first: u8, second: u8, len: usize| {
            let mut datagram = vec![0; len];
            datagram[0] = first;
            datagram[1] = second;
            classify(&datagram)
        };
        assert_eq!(of(0, 1, 20), Kind::Stun);
        assert_eq!(of(4, 1, 20), Kind::Unknown);
        assert_eq!(of(22, 254, 13), Kind::Dtls);
        assert_eq!(of(64, 0, 40), Kind::Unknown);
        assert_eq!(of(128, 111, 12), Kind::Rtp);
        assert_eq!(of(144, 0x80 | 96, 12), Kind::Rtp);
        assert_eq!(of(128, 200, 8), Kind::Rtcp);
        assert_eq!(of(129, 206, 12), Kind::Rtcp);
        assert_eq!(of(192, 0, 40), Kind::Unknown);
    }

    #[test]
    fn nothing_short_is_taken_for_something() {
        for (first, second, short) in [(0, 1, 19), (22, 0, 12), (128, 111, 11), (128, 200, 7)] {
            let mut datagram = vec![0; short];
            datagram[0] = first;
            datagram[1] = second;
            assert_eq!(classify(&datagram), Kind::Unknown);
        }
        assert_eq!(classify(&[]), Kind::Unknown);
        assert_eq!(classify(&[128]), Kind::Unknown);
    }
}
