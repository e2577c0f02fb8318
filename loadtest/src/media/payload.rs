//! What goes into a packet, without a copy of what everybody sends.

use bytes::{Bytes, BytesMut};

/// The bytes before VP8 data (RFC 7741 section 4.2), which each sender counts, and forwarders rewrite.
pub type Descriptor = [u8; 4];

/// A payload: media that all bots share, and what is this sender's own before them. Hundreds of bots that each
/// copied what they send would write memory that no cache holds.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Payload {
    descriptor: Option<Descriptor>,
    /// The media.
    pub media: Bytes,
}

impl Payload {
    /// A piece of a picture.
    #[must_use]
    pub fn picture(descriptor: Descriptor, media: Bytes) -> Self {
        Self { descriptor: Some(descriptor), media }
    }

    /// One behind the other, they are the payload.
    #[must_use]
    pub fn parts(&self) -> [&[u8]; 2] {
        [self.descriptor.as_ref().map_or(&[], |descriptor| &descriptor[..]), &self.media]
    }

    /// All of it, which is a copy where it has a descriptor.
    #[must_use]
    pub fn whole(&self) -> Bytes {
        let Some(descriptor) = &self.descriptor else { return self.media.clone() };
        let mut whole = BytesMut::with_capacity(descriptor.len() + self.media.len());
        whole.extend_from_slice(descriptor);
        whole.extend_from_slice(&self.media);
        whole.freeze()
    }
}

/// Sound, which has nothing before it.
impl From<Bytes> for Payload {
    fn from(media: Bytes) -> Self {
        Self { descriptor: None, media }
    }
}
