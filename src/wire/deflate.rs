//! permessage-deflate (RFC 7692) without context takeover: each message is compressed
//! independently, so that all members of a dialect receive the same bytes. Without the feature
//! `deflate`, nothing is compressed or inflated.

/// The reason why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// The inflated message is longer than the limit.
    TooLong,
    /// The data is not in deflate format.
    Malformed,
}

/// The end of every compressed message, which is omitted on the wire (RFC 7692 §7.2.1).
#[cfg(feature = "deflate")]
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// Output capacity that a compressor keeps between messages: the default limit of a message.
#[cfg(feature = "deflate")]
const KEPT: usize = 64 << 10;

/// A compressor that reuses its memory, some 300 KiB, which the first message allocates.
#[derive(Debug, Default)]
pub struct Deflater {
    #[cfg(feature = "deflate")]
    compress: Option<flate2::Compress>,
    #[cfg(feature = "deflate")]
    packed: Vec<u8>,
}

#[cfg(feature = "deflate")]
impl Deflater {
    /// Compresses a message. `None` if the result is not shorter.
    pub fn deflate(&mut self, message: &[u8]) -> Option<&[u8]> {
        use flate2::{Compress, Compression, FlushCompress};
        let new = || Compress::new(Compression::default(), false);
        let compress = self.compress.get_or_insert_with(new);
        compress.reset();
        self.packed.clear();
        self.packed.shrink_to(KEPT);
        self.packed.reserve_exact(message.len());
        compress.compress_vec(message, &mut self.packed, FlushCompress::Sync).ok()?;
        // Only unused capacity proves that the output is complete.
        let is_shorter = self.packed.len() < message.len();
        self.packed.strip_suffix(&TAIL).filter(|_| is_shorter)
    }
}

/// A decompressor that reuses its memory, some 50 KiB, which the first message allocates.
#[derive(Debug, Default)]
pub struct Inflater {
    #[cfg(feature = "deflate")]
    decompress: Option<flate2::Decompress>,
}

#[cfg(feature = "deflate")]
impl Inflater {
    /// Inflates a message of at most `max` bytes. No more than that is ever produced.
    ///
    /// # Errors
    /// [`InflateError`].
    pub fn inflate(&mut self, packed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
        use flate2::{Decompress, FlushDecompress, Status};
        let input = [packed, &TAIL].concat();
        let inflate = self.decompress.get_or_insert_with(|| Decompress::new(false));
        inflate.reset(false);
        let mut message = Vec::with_capacity((packed.len() * 4 + 64).min(max + 1));
        loop {
            let rest = input.get(inflate.total_in() as usize..).unwrap_or_default();
            let before = (inflate.total_in(), message.len());
            let status = inflate.decompress_vec(rest, &mut message, FlushDecompress::Sync);
            let status = status.map_err(|_| InflateError::Malformed)?;
            if message.len() > max {
                return Err(InflateError::TooLong);
            }
            let is_read = inflate.total_in() as usize == input.len();
            if status == Status::StreamEnd || is_read && message.len() < message.capacity() {
                return Ok(message);
            }
            if message.len() == message.capacity() {
                let more = message.len().max(64).min(max + 1 - message.len());
                message.reserve_exact(more);
            } else if before == (inflate.total_in(), message.len()) {
                return Err(InflateError::Malformed);
            }
        }
    }
}

#[cfg(not(feature = "deflate"))]
impl Deflater {
    /// Returns `None`: this build has no compression.
    pub fn deflate(&mut self, _: &[u8]) -> Option<&[u8]> {
        None
    }
}

#[cfg(not(feature = "deflate"))]
impl Inflater {
    /// Fails: this build has no compression.
    ///
    /// # Errors
    /// Always.
    pub fn inflate(&mut self, _: &[u8], _: usize) -> Result<Vec<u8>, InflateError> {
        Err(InflateError::Malformed)
    }
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn deflate(message: &[u8]) -> Option<Vec<u8>> {
        Deflater::default().deflate(message).map(<[u8]>::to_vec)
    }

    fn inflate(packed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
        Inflater::default().inflate(packed, max)
    }

    #[test]
    fn no_message_depends_on_the_one_before() {
        let (mut deflater, mut inflater) = (Deflater::default(), Inflater::default());
        let noise: Vec<u8> = (0..100_000_u32).map(|n| (n.wrapping_mul(n) >> 7) as u8).collect();
        let text = b"what was said, what was said, what was said, what was said".repeat(20);
        for message in [&text, &noise, &text, &vec![7; 300_000], &text] {
            let alone = deflate(message);
            assert_eq!(
                deflater.deflate(message),
                alone.as_deref(),
                "the same bytes as the first time"
            );
            assert!(deflater.packed.capacity() <= KEPT.max(message.len()));
            let Some(packed) = alone else { continue };
            assert_eq!(inflater.inflate(&packed, message.len()), Ok(message.clone()));
            // A failed message does not affect later ones.
            assert_eq!(inflater.inflate(&packed, message.len() - 1), Err(InflateError::TooLong));
            assert_eq!(inflater.inflate(&[0x07], 100), Err(InflateError::Malformed));
        }
    }

    #[test]
    fn the_example_of_the_rfc() {
        let packed = [0xf2, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00];
        assert_eq!(inflate(&packed, 5), Ok(b"Hello".to_vec()), "§7.2.3.1");
        let stored = [0x00, 0x05, 0x00, 0xfa, 0xff, 0x48, 0x65, 0x6c, 0x6c, 0x6f, 0x00];
        assert_eq!(inflate(&stored, 5), Ok(b"Hello".to_vec()), "§7.2.3.3");
        let last = [0xf3, 0x48, 0xcd, 0xc9, 0xc9, 0x07, 0x00, 0x00];
        assert_eq!(inflate(&last, 5), Ok(b"Hello".to_vec()), "§7.2.3.4");
        assert_eq!(inflate(&[], 0), Ok(Vec::new()));
        assert_eq!(deflate(b"Hello"), None, "not shorter");
    }

    #[test]
    fn fault_p6_a_bomb_is_stopped_at_the_limit() {
        let million = vec![0; 1 << 20];
        let packed = deflate(&million).unwrap();
        assert!(packed.len() < 2000);
        assert_eq!(inflate(&packed, million.len()), Ok(million.clone()));
        for max in [0, 1, 63, 64, 65, 4096, million.len() - 1] {
            assert_eq!(inflate(&packed, max), Err(InflateError::TooLong), "{max}");
        }
        assert_eq!(inflate(&[0x07], 100), Err(InflateError::Malformed));
    }

    proptest! {
        #[test]
        fn messages_survive(text in "[a-d]{0,2000}", max in 0usize..2000) {
            if let Some(packed) = deflate(text.as_bytes()) {
                prop_assert!(packed.len() < text.len());
                let whole = inflate(&packed, max);
                match text.len() <= max {
                    true => prop_assert_eq!(whole, Ok(text.into_bytes())),
                    false => prop_assert_eq!(whole, Err(InflateError::TooLong)),
                }
            }
        }

        #[test]
        fn any_bytes_are_answered(bytes in prop::collection::vec(any::<u8>(), 0..300), max in 0usize..1000) {
            if let Ok(message) = inflate(&bytes, max) {
                prop_assert!(message.len() <= max);
            }
        }
    }
}
