//! The VP8 payload descriptor (RFC 7741): read, and rewritten so that a stream stays continuous
//! when its source changes.

/// A descriptor, and where the fields that are rewritten lie.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Descriptor {
    /// Whether this packet starts a keyframe.
    pub starts_keyframe: bool,
    picture: Option<PictureId>,
    level_zero: Option<(u8, u8)>,
    key_index: Option<(u8, u8)>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
struct PictureId {
    at: u8,
    value: u16,
    wide: bool,
}

/// What was last sent in a stream, and therefore what the next frame continues.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Position {
    picture: u16,
    level_zero: u8,
    key_index: u8,
}

/// What is added to a source's fields to continue a stream: one for each change of source.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default)]
pub struct Shift {
    picture: u16,
    level_zero: u8,
    key_index: u8,
}

impl Descriptor {
    /// Reads the descriptor at the start of `payload`; `None` when it does not fit.
    #[must_use]
    pub fn read(payload: &[u8]) -> Option<Self> {
        let first = *payload.first()?;
        let mut at = 1;
        let (mut picture, mut level_zero, mut key_index) = (None, None, None);
        if first & 0x80 != 0 {
            let flags = *payload.get(at)?;
            at += 1;
            if flags & 0x80 != 0 {
                let high = *payload.get(at)?;
                let wide = high & 0x80 != 0;
                let value = if wide {
                    u16::from(high & 0x7f) << 8 | u16::from(*payload.get(at + 1)?)
                } else {
                    u16::from(high)
                };
                picture = Some(PictureId { at: at as u8, value, wide });
                at += if wide { 2 } else { 1 };
            }
            if flags & 0x40 != 0 {
                level_zero = Some((at as u8, *payload.get(at)?));
                at += 1;
            }
            if flags & 0x30 != 0 {
                let byte = *payload.get(at)?;
                if flags & 0x10 != 0 {
                    key_index = Some((at as u8, byte & 0x1f));
                }
                at += 1;
            }
        }
        let body = *payload.get(at)?;
        let starts_frame = first & 0x10 != 0 && first & 0x07 == 0;
        Some(Self {
            starts_keyframe: starts_frame && body & 1 == 0,
            picture,
            level_zero,
            key_index,
        })
    }

    /// The shift that makes this frame the next one after `position`.
    #[must_use]
    pub fn continue_from(&self, position: Position) -> Shift {
        Shift {
            picture: self
                .picture
                .map_or(0, |p| position.picture.wrapping_add(1).wrapping_sub(p.value)),
            level_zero: self
                .level_zero
                .map_or(0, |(_, v)| position.level_zero.wrapping_add(1).wrapping_sub(v)),
            key_index: self
                .key_index
                .map_or(0, |(_, v)| position.key_index.wrapping_add(1).wrapping_sub(v)),
        }
    }

    /// Where the stream stands once this frame is sent with `shift`.
    #[must_use]
    pub fn position(&self, shift: Shift, before: Position) -> Position {
        Position {
            picture: self
                .picture
                .map_or(before.picture, |p| p.value.wrapping_add(shift.picture) & 0x7fff),
            level_zero: self
                .level_zero
                .map_or(before.level_zero, |(_, v)| v.wrapping_add(shift.level_zero)),
            key_index: self
                .key_index
                .map_or(before.key_index, |(_, v)| v.wrapping_add(shift.key_index) & 0x1f),
        }
    }

    /// Rewrites a copy of the payload this was read from.
    pub fn rewrite(&self, shift: Shift, payload: &mut [u8]) {
        if let Some(PictureId { at, value, wide }) = self.picture {
            let (at, value) = (usize::from(at), value.wrapping_add(shift.picture));
            if wide {
                payload[at] = 0x80 | (value >> 8) as u8 & 0x7f;
                payload[at + 1] = value as u8;
            } else {
                payload[at] = value as u8 & 0x7f;
            }
        }
        if let Some((at, value)) = self.level_zero {
            payload[usize::from(at)] = value.wrapping_add(shift.level_zero);
        }
        if let Some((at, value)) = self.key_index {
            let byte = &mut payload[usize::from(at)];
            *byte = *byte & 0xe0 | value.wrapping_add(shift.key_index) & 0x1f;
        }
    }
}

impl Position {
    /// The picture id.
    #[must_use]
    pub fn picture(self) -> u16 {
        self.picture
    }

    /// The running index of base-layer frames.
    #[must_use]
    pub fn level_zero(self) -> u8 {
        self.level_zero
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::{any, prop_assert_eq, proptest};

    use super::*;

    #[test]
    fn descriptors() {
        let key: &[u8] = &[0x90, 0xf0, 0x81, 0x02, 0x05, 0xe7, 0x00];
        let read = Descriptor::read(key).expect("well formed");
        assert!(read.starts_keyframe);
        let at = read.position(Shift::default(), Position::default());
        assert_eq!((at.picture(), at.level_zero(), at.key_index), (0x102, 5, 7));
        for (bytes, expected) in [
            (&[0x10, 0x00][..], Some(true)),
            (&[0x10, 0x01], Some(false)),
            (&[0x00, 0x00], Some(false)), // not the start of a frame
            (&[0x11, 0x00], Some(false)), // not the first partition
            (&[0x90, 0x80, 0x7f, 0x00], Some(true)),
            (&[0x90, 0x80, 0x80, 0x01], None),
            (&[0x90], None),
            (&[], None),
        ] {
            assert_eq!(Descriptor::read(bytes).map(|d| d.starts_keyframe), expected, "{bytes:?}");
        }
    }

    proptest! {
        #[test]
        fn a_shifted_frame_is_the_next_one(
            (picture, zero, key) in (0_u16..0x8000, any::<u8>(), 0_u8..32),
            (at_picture, at_zero, at_key) in (0_u16..0x8000, any::<u8>(), 0_u8..32),
        ) {
            let position = Position { picture: at_picture, level_zero: at_zero, key_index: at_key };
            let mut bytes =
                [0x90, 0xf0, 0x80 | (picture >> 8) as u8, picture as u8, zero, 0x40 | key, 0];
            let read = Descriptor::read(&bytes).expect("well formed");
            let shift = read.continue_from(position);
            let after = read.position(shift, position);
            read.rewrite(shift, &mut bytes);
            let again = Descriptor::read(&bytes).expect("still well formed");
            prop_assert_eq!(again.position(Shift::default(), Position::default()), after);
            prop_assert_eq!(after.picture(), (at_picture + 1) & 0x7fff);
            prop_assert_eq!(after.level_zero(), at_zero.wrapping_add(1));
            prop_assert_eq!(after.key_index, (at_key + 1) & 0x1f);
            prop_assert_eq!(bytes[5] & 0xe0, 0x40, "temporal layer bits stay");
        }

        #[test]
        fn random_bytes_never_panic(mut bytes in proptest::collection::vec(any::<u8>(), 0..12)) {
            if let Some(read) = Descriptor::read(&bytes) {
                let shift = read.continue_from(Position::default());
                read.rewrite(shift, &mut bytes);
            }
        }
    }
}
