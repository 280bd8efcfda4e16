//! The stamp in every message of a load: publisher, sequence number and due time.
//!
//! The letters `a` to `p` encode four bits each. Every protocol carries them unchanged: a text
//! protocol need not escape them.

/// The size of a stamp: the smallest payload of a load.
pub const STAMP: usize = 32;

/// The most publishers that a stamp can distinguish.
pub const PUBLISHERS_MAX: usize = (1 << (4 * PUBLISHER)) - 1;

/// The publisher number of a probe message.
pub const PROBE: u32 = PUBLISHERS_MAX as u32;

/// Two of the sixteen letters, so that the whole stamp is decoded in one way.
const MAGIC: &[u8; 2] = b"hb";
const MAGIC_BITS: u128 = 0x71;
const PUBLISHER: usize = 5;
const SEQUENCE: usize = 10;
const DUE: usize = 15;

const _: () = assert!(MAGIC.len() + PUBLISHER + SEQUENCE + DUE == STAMP);

/// The stamp at the start of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// The publisher's number.
    pub publisher: u32,
    /// The sequence number, from 0.
    pub sequence: u64,
    /// The due time in nanoseconds since the crowd was created, not the time of publishing.
    pub due: u64,
}

impl Stamp {
    /// Appends the stamp, padded with dots to `size` bytes.
    pub fn write(&self, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size.max(STAMP);
        out.extend_from_slice(MAGIC);
        write_letters::<PUBLISHER>(u64::from(self.publisher), out);
        write_letters::<SEQUENCE>(self.sequence, out);
        write_letters::<DUE>(self.due, out);
        out.resize(end, b'.');
    }

    /// Finds the stamp at the start of `payload` or later: some servers insert a name before it.
    pub fn read(payload: &[u8]) -> Option<Self> {
        Self::at_front(payload).or_else(|| {
            let mut places = memchr::memmem::find_iter(payload, MAGIC);
            places.find_map(|at| Self::at_front(&payload[at..]))
        })
    }

    fn at_front(bytes: &[u8]) -> Option<Self> {
        let (letters, _) = bytes.split_first_chunk::<STAMP>()?;
        let mut bits = 0u128;
        for eight in letters.as_chunks::<8>().0 {
            bits = bits << 32 | u128::from(eight_letters(*eight)?);
        }
        let field =
            |letters: usize, behind: usize| bits >> (4 * behind) & ((1 << (4 * letters)) - 1);
        (field(2, PUBLISHER + SEQUENCE + DUE) == MAGIC_BITS).then(|| Self {
            publisher: field(PUBLISHER, SEQUENCE + DUE) as u32,
            sequence: field(SEQUENCE, DUE) as u64,
            due: field(DUE, 0) as u64,
        })
    }
}

fn write_letters<const N: usize>(number: u64, out: &mut Vec<u8>) {
    let letter = |index: usize| b'a' + (number >> (4 * (N - 1 - index)) & 15) as u8;
    out.extend_from_slice(&std::array::from_fn::<u8, N, _>(letter));
}

/// Decodes eight letters into four bits each; `None` if one of them is not a letter of the code.
/// All eight at once, because this is done for every message received, and the generator must not
/// be the limit.
fn eight_letters(letters: [u8; 8]) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The lowest invalid byte keeps a high bit: no borrow reaches it from below.
    let bits = u64::from_be_bytes(letters).wrapping_sub(EACH * u64::from(b'a'));
    if bits & (EACH * 0xf0) != 0 {
        return None;
    }
    let bits = (bits | bits >> 4) & 0x00ff_00ff_00ff_00ff;
    let bits = (bits | bits >> 8) & 0x0000_ffff_0000_ffff;
    Some((bits | bits >> 16) as u32)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_is_written_is_read_wherever_it_stands() {
        let stamp =
            Stamp { publisher: 0xabcde, sequence: 0x12_3456_789a, due: 0x0fff_ffff_ffff_ffff };
        for size in [0, STAMP, 33, 200] {
            let mut bytes = Vec::new();
            stamp.write(size, &mut bytes);
            assert_eq!(bytes.len(), size.max(STAMP));
            assert_eq!(Stamp::read(&bytes), Some(stamp));
            let named = [b"hbob: ", &bytes[..]].concat();
            assert_eq!(Stamp::read(&named), Some(stamp));
            for cut in 0..STAMP {
                assert_eq!(Stamp::read(&bytes[..cut]), None);
            }
        }
    }

    #[test]
    fn what_is_damaged_is_no_stamp() {
        let mut bytes = Vec::new();
        Stamp { publisher: 1, sequence: 2, due: 3 }.write(STAMP, &mut bytes);
        for at in 0..STAMP {
            let mut damaged = bytes.clone();
            damaged[at] = b'z';
            assert_eq!(Stamp::read(&damaged), None, "{at}");
        }
    }
}
