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

const MAGIC: &[u8; 2] = b"hb";
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
        let (magic, rest) = bytes.split_first_chunk::<2>()?;
        let (voice, rest) = rest.split_first_chunk::<VOICE>()?;
        let (sequence, rest) = rest.split_first_chunk::<SEQUENCE>()?;
        let (due, _) = rest.split_first_chunk::<DUE>()?;
        if magic != MAGIC {
            return None;
        }
        let voice = number(voice)? as u32;
        Some(Self { voice, sequence: number(sequence)?, due: number(due)? })
    }
}

fn write_letters<const N: usize>(number: u64, out: &mut Vec<u8>) {
    let letter = |index: usize| b'a' + (number >> (4 * (N - 1 - index)) & 15) as u8;
    out.extend_from_slice(&std::array::from_fn::<u8, N, _>(letter));
}

/// `None` if any of them is not one of the sixteen letters.
fn number<const N: usize>(letters: &[u8; N]) -> Option<u64> {
    let (mut number, mut strange) = (0u64, 0u8);
    for letter in letters {
        let bits = letter.wrapping_sub(b'a');
        strange |= bits;
        number = number << 4 | u64::from(bits & 15);
    }
    (strange & 0xf0 == 0).then_some(number)
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
