//! 64 bits as hexadecimal digits, written without the general formatter: encoders write a few of these
//! per message.

use std::fmt;

/// 64 bits as sixteen lower-case hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Hex(pub u64);

impl fmt::Display for Hex {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut digits = [0; 16];
        for (nibble, digit) in digits.iter_mut().rev().enumerate() {
            let value = (self.0 >> (4 * nibble)) as u8 & 0xf;
            *digit = if value < 10 { b'0' + value } else { b'a' - 10 + value };
        }
        f.write_str(str::from_utf8(&digits).unwrap_or_default())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn digits_are_those_of_the_general_formatter() {
        for number in [0, 1, 9, 10, 0x2a, 0xdead_beef, 1 << 63, u64::MAX, 0x0123_4567_89ab_cdef] {
            assert_eq!(Hex(number).to_string(), format!("{number:016x}"));
        }
    }
}
