//! permessage-deflate (RFC 7692), without context take-over: each message is compressed by itself,
//! so that all members of a dialect can be sent the same bytes. Without the feature `deflate`
//! nothing is compressed, and nothing can be inflated.

/// Why a message cannot be inflated.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InflateError {
    /// It would be longer than is taken.
    TooLong,
    /// It is not deflated data.
    Malformed,
}

/// What every compressed message ends with, and is sent without (RFC 7692 §7.2.1).
#[cfg(feature = "deflate")]
const TAIL: [u8; 4] = [0, 0, 0xff, 0xff];

/// The message compressed, if that makes it shorter.
#[cfg(feature = "deflate")]
pub fn deflate(message: &[u8]) -> Option<Vec<u8>> {
    use flate2::{Compress, Compression, FlushCompress};
    let mut packed = Vec::with_capacity(message.len());
    let mut compress = Compress::new(Compression::default(), false);
    compress.compress_vec(message, &mut packed, FlushCompress::Sync).ok()?;
    // Only with space left over is it certain that all of it is there.
    let is_shorter = packed.len() < message.len() && packed.ends_with(&TAIL);
    packed.truncate(packed.len().saturating_sub(TAIL.len()));
    is_shorter.then_some(packed)
}

/// The message as it was, if it is at most `max` bytes long. No more than that is ever made of it.
///
/// # Errors
/// See [`InflateError`].
#[cfg(feature = "deflate")]
pub fn inflate(packed: &[u8], max: usize) -> Result<Vec<u8>, InflateError> {
    use flate2::{Decompress, FlushDecompress, Status};
    let input = [packed, &TAIL].concat();
    let mut inflate = Decompress::new(false);
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

/// Nothing: this build has no compression.
#[cfg(not(feature = "deflate"))]
pub fn deflate(_: &[u8]) -> Option<Vec<u8>> {
    None
}

/// Nothing: this build has no compression.
///
/// # Errors
/// Always.
#[cfg(not(feature = "deflate"))]
pub fn inflate(_: &[u8], _: usize) -> Result<Vec<u8>, InflateError> {
    Err(InflateError::Malformed)
}

#[cfg(all(test, feature = "deflate"))]
mod tests {
    use super::*;
    use proptest::prelude::*;

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
