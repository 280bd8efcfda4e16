//! What every message of a load carries: who said it, its number, and when it was due.
//!
//! The letters `a` to `p` stand for four bits each. So every protocol carries the very same bytes:
//! there is nothing in them that a text protocol would have to escape.

/// Bytes a stamp takes: the smallest payload of a load.
pub const STAMP: usize = 32;

/// Voices a stamp can tell apart.
pub const VOICES_MAX: usize = (1 << (4 * VOICE)) - 1;

/// The voice of a roll call, which is no voice of the load.
pub const ROLL_CALL: u32 = VOICES_MAX as u32;

/// Letters of the sixteen themselves, so that all of a stamp is read the same way.
const MAGIC: &[u8; 2] = b"hb";
const MAGIC_BITS: u128 = 0x71;
const VOICE: usize = 5;
const SEQUENCE: usize = 10;
const DUE: usize = 15;

const _: () = assert!(MAGIC.len() + VOICE + SEQUENCE + DUE == STAMP);

/// The front of a payload.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    /// Who said it.
    pub voice: u32,
    /// How many it said before.
    pub sequence: u64,
    /// When it was to be said, in nanoseconds since the load began: not when it was.
    pub due: u64,
}

impl Stamp {
    /// Appends the stamp, and dots up to `size` bytes.
    pub fn write(&self, size: usize, out: &mut Vec<u8>) {
        let end = out.len() + size.max(STAMP);
        out.extend_from_slice(MAGIC);
        write_letters::<VOICE>(u64::from(self.voice), out);
        write_letters::<SEQUENCE>(self.sequence, out);
        write_letters::<DUE>(self.due, out);
        out.resize(end, b'.');
    }

    /// The stamp in front of `payload`, or further in: some servers put a name before it.
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
        (field(2, VOICE + SEQUENCE + DUE) == MAGIC_BITS).then(|| Self {
            voice: field(VOICE, SEQUENCE + DUE) as u32,
            sequence: field(SEQUENCE, DUE) as u64,
            due: field(DUE, 0) as u64,
        })
    }
}

fn write_letters<const N: usize>(number: u64, out: &mut Vec<u8>) {
    let letter = |index: usize| b'a' + (number >> (4 * (N - 1 - index)) & 15) as u8;
    out.extend_from_slice(&std::array::from_fn::<u8, N, _>(letter));
}

/// Four bits of each letter, side by side; `None` if any of them is not one of the sixteen. All eight
/// at once: this is done for every message heard, and the generator must not be the limit.
fn eight_letters(letters: [u8; 8]) -> Option<u32> {
    const EACH: u64 = 0x0101_0101_0101_0101;
    // The lowest byte that is no letter keeps a high bit: no borrow reaches it from below.
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
        let stamp = Stamp { voice: 0xabcde, sequence: 0x12_3456_789a, due: 0x0fff_ffff_ffff_ffff };
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
        Stamp { voice: 1, sequence: 2, due: 3 }.write(STAMP, &mut bytes);
        for at in 0..STAMP {
            let mut damaged = bytes.clone();
            damaged[at] = b'z';
            assert_eq!(Stamp::read(&damaged), None, "{at}");
        }
    }
}
