//! The binary frames of a tunnel: as their golden files have them, and nothing else is understood.

use palabre_ids::Seat;
use palabre_wire::frame::{BadFrame, HEADER_BYTES, Heard, MAX_FRAME_BYTES, MAX_OPUS_BYTES, Voice};
use proptest::prelude::{any, prop_assert_eq, proptest};

fn golden(name: &str) -> Vec<u8> {
    let path = format!("{}/golden/{name}.hex", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).expect("golden file");
    text.split_whitespace().map(|byte| u8::from_str_radix(byte, 16).expect("hex")).collect()
}

#[test]
fn frames_are_their_golden_files() {
    let voice =
        Voice { level: 42, sequence: 0x0102, timestamp: 0xA0B0_C0D0, opus: &[0xFC, 0xFF, 0xFE] };
    let frame = golden("frame.voice");
    assert_eq!(voice.encode(), frame);
    assert_eq!(Voice::parse(&frame), Ok(voice));
    let heard = Heard { seat: Seat(3), sequence: 0xFFFF, timestamp: 960, opus: &[0x78, 0x07] };
    let frame = golden("frame.heard");
    assert_eq!(heard.encode(), frame);
    assert_eq!(Heard::parse(&frame), Ok(heard));
}

#[test]
fn what_is_not_a_frame_is_refused() {
    let mut frame = vec![1, 127, 0, 0, 0, 0, 0, 0];
    let cases: [(&[u8], BadFrame); 5] = [
        (&[], BadFrame::Length { bytes: 0 }),
        (&[1, 0, 0, 0, 0, 0, 0], BadFrame::Length { bytes: 7 }),
        (&[1, 0, 0, 0, 0, 0, 0, 0], BadFrame::Length { bytes: HEADER_BYTES }),
        (&[2, 0, 0, 0, 0, 0, 0, 0, 9], BadFrame::Kind { kind: 2 }),
        (&[1, 128, 0, 0, 0, 0, 0, 0, 9], BadFrame::Level { level: 128 }),
    ];
    for (bytes, expected) in cases {
        assert_eq!(Voice::parse(bytes), Err(expected), "{bytes:?}");
    }
    frame.resize(MAX_FRAME_BYTES, 7);
    assert_eq!(Voice::parse(&frame).expect("the largest").opus.len(), MAX_OPUS_BYTES);
    frame.push(7);
    assert_eq!(Voice::parse(&frame), Err(BadFrame::Length { bytes: MAX_FRAME_BYTES + 1 }));
    assert_eq!(Heard::parse(&frame), Err(BadFrame::Length { bytes: MAX_FRAME_BYTES + 1 }));
    let huge = vec![1; 64 * 1024];
    assert_eq!(Voice::parse(&huge), Err(BadFrame::Length { bytes: 64 * 1024 }));
}

#[test]
fn debug_shows_no_content() {
    let voice = Voice { level: 42, sequence: 7, timestamp: 8, opus: &[99, 98] };
    let heard = Heard { seat: Seat(3), sequence: 7, timestamp: 8, opus: &[99, 98] };
    assert!(!format!("{voice:?}{heard:?}").contains("99"));
}

proptest! {
    #[test]
    fn any_bytes_are_read_back_as_they_were_or_refused(bytes in proptest::collection::vec(any::<u8>(), 0..500)) {
        if let Ok(voice) = Voice::parse(&bytes) {
            prop_assert_eq!(voice.encode(), bytes.clone());
        }
        if let Ok(heard) = Heard::parse(&bytes) {
            prop_assert_eq!(heard.encode(), bytes);
        }
    }
}
