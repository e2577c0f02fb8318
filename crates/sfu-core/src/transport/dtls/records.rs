//! A look at DTLS records before they reach the handshake (RFC 6347 sections 4.1 and 4.2.2): what is
//! malformed never gets there, and what a peer may make us keep is counted.

const RECORD_HEADER: usize = 13;
const MESSAGE_HEADER: usize = 12;
const HANDSHAKE: u8 = 22;
const CLIENT_HELLO: u8 = 1;
const SERVER_HELLO: u8 = 2;
const HELLO_VERIFY_REQUEST: u8 = 3;

/// A browser's largest handshake message is a certificate of a few hundred bytes, or a hello with
/// a post-quantum key share of under two thousand.
const MAX_MESSAGE: usize = 16 * 1024;

/// What a datagram of well-formed records holds.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub(super) struct Digest {
    /// How many records.
    pub(super) records: usize,
    /// How many handshake messages, or fragments of them, that can be seen.
    pub(super) fragments: usize,
    /// Whether any record is of a handshake, seen or encrypted.
    pub(super) handshake: bool,
    /// The first handshake message.
    pub(super) first: Option<Message>,
}

/// The head of a handshake message or fragment.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub(super) struct Message {
    kind: u8,
    /// Its place among the sender's messages.
    pub(super) sequence: u16,
    offset: usize,
}

impl Message {
    /// Whether it is the start of a ClientHello.
    pub(super) fn starts_client_hello(self) -> bool {
        self.kind == CLIENT_HELLO && self.offset == 0
    }

    pub(super) fn is_server_hello(self) -> bool {
        self.kind == SERVER_HELLO
    }

    pub(super) fn is_hello_verify_request(self) -> bool {
        self.kind == HELLO_VERIFY_REQUEST
    }
}

/// Reads a datagram to its last byte; `None` when it is anything but whole records.
pub(super) fn digest(datagram: &[u8]) -> Option<Digest> {
    let mut digest = Digest::default();
    let mut rest = datagram;
    while !rest.is_empty() {
        let header = rest.get(..RECORD_HEADER)?;
        let kind = header[0];
        let encrypted = (header[3], header[4]) != (0, 0);
        let len = be(&header[11..13]);
        let body = rest.get(RECORD_HEADER..RECORD_HEADER + len).filter(|body| !body.is_empty())?;
        digest.records += 1;
        if kind == HANDSHAKE {
            digest.handshake = true;
            if encrypted {
                digest.fragments += 1;
            } else {
                read_messages(body, &mut digest)?;
            }
        }
        rest = &rest[RECORD_HEADER + len..];
    }
    (digest.records > 0).then_some(digest)
}

fn read_messages(mut body: &[u8], digest: &mut Digest) -> Option<()> {
    while !body.is_empty() {
        let header = body.get(..MESSAGE_HEADER)?;
        let total = be(&header[1..4]);
        let offset = be(&header[6..9]);
        let len = be(&header[9..12]);
        let end = MESSAGE_HEADER + len;
        let whole = len == total;
        // A part of a message ends its record: nothing else is ever sent behind one, and the
        // handshake would read on into it. An empty part of a message could be kept for ever.
        let sound = offset + len <= total
            && total <= MAX_MESSAGE
            && (whole || (len > 0 && end == body.len()));
        if !sound || end > body.len() {
            return None;
        }
        digest.fragments += 1;
        digest.first.get_or_insert(Message {
            kind: header[0],
            sequence: u16::from_be_bytes([header[4], header[5]]),
            offset,
        });
        body = &body[end..];
    }
    Some(())
}

fn be(bytes: &[u8]) -> usize {
    bytes.iter().fold(0, |value, byte| value << 8 | usize::from(*byte))
}

#[cfg(test)]
mod tests {
    use super::*;

    fn record(kind: u8, epoch: u8, body: &[u8]) -> Vec<u8> {
        let mut record = vec![kind, 254, 253, 0, epoch, 0, 0, 0, 0, 0, 0];
        record.extend_from_slice(&u16::try_from(body.len()).unwrap().to_be_bytes());
        record.extend_from_slice(body);
        record
    }

    fn message(kind: u8, total: u8, offset: u8, len: u8) -> Vec<u8> {
        let mut message = vec![kind, 0, 0, total, 0, 7, 0, 0, offset, 0, 0, len];
        message.extend(vec![0; usize::from(len)]);
        message
    }

    #[test]
    fn whole_messages_share_a_record_and_records_a_datagram() {
        let mut datagram =
            record(22, 0, &[message(CLIENT_HELLO, 3, 0, 3), message(16, 0, 0, 0)].concat());
        datagram.extend(record(20, 0, &[1]));
        datagram.extend(record(22, 1, &[9; 40]));
        let digest = digest(&datagram).unwrap();
        assert_eq!((digest.records, digest.fragments, digest.handshake), (3, 3, true));
        assert!(digest.first.unwrap().starts_client_hello());
        assert_eq!(digest.first.unwrap().sequence, 7);
    }

    #[test]
    fn what_an_honest_peer_never_sends_is_dropped() {
        let fragment = message(CLIENT_HELLO, 9, 0, 3);
        assert!(digest(&record(22, 0, &fragment)).is_some());
        let behind_a_part = [fragment, message(16, 0, 0, 0)].concat();
        assert_eq!(digest(&record(22, 0, &behind_a_part)), None);
        assert_eq!(digest(&record(22, 0, &message(CLIENT_HELLO, 9, 0, 0))), None, "an empty part");
        assert_eq!(
            digest(&record(22, 0, &message(CLIENT_HELLO, 9, 8, 3))),
            None,
            "beyond its message"
        );
        let mut endless = message(CLIENT_HELLO, 0, 0, 3);
        endless[1] = 1;
        assert_eq!(digest(&record(22, 0, &endless)), None, "too large a message");
        assert_eq!(digest(&record(23, 0, &[])), None, "an empty record");
        assert_eq!(digest(&[]), None);
        let cut = record(22, 0, &message(CLIENT_HELLO, 3, 0, 3));
        for len in 0..cut.len() {
            assert_eq!(digest(&cut[..len]), None);
        }
    }
}
