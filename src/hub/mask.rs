//! Patterns over names: `*` stands for any characters, `?` for one, and letters lose their case.

/// Longest pattern that is kept.
pub const MASK_MAX: usize = 256;

/// Whether `text` fits `pattern`. Takes time in proportion to the product of their lengths at most,
/// and no stack.
pub fn matches(pattern: &str, text: &str) -> bool {
    let (pattern, text) = (pattern.as_bytes(), text.as_bytes());
    let (mut p, mut t) = (0, 0);
    // Where the last star was, and how much of the text it stands for so far.
    let mut star: Option<(usize, usize)> = None;
    while t < text.len() {
        match (pattern.get(p), text.get(t)) {
            (Some(b'*'), _) => {
                star = Some((p, t));
                p += 1;
            }
            (Some(b'?'), Some(_)) => {
                // A character is all of its bytes.
                t += 1;
                while text.get(t).is_some_and(|byte| byte & 0xc0 == 0x80) {
                    t += 1;
                }
                p += 1;
            }
            (Some(wanted), Some(found)) if wanted.eq_ignore_ascii_case(found) => {
                p += 1;
                t += 1;
            }
            _ => match star {
                Some((at, taken)) => {
                    star = Some((at, taken + 1));
                    (p, t) = (at + 1, taken + 1);
                }
                None => return false,
            },
        }
    }
    pattern.get(p..).unwrap_or_default().iter().all(|byte| *byte == b'*')
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The vectors of ircdocs/parser-tests, `mask-match`, and what else went wrong elsewhere.
    #[test]
    fn masks_match_as_the_vectors_say() {
        for (mask, fits, fails) in [
            (
                "*@127.0.0.1",
                &["coolguy!ab@127.0.0.1", "cooldud3!~bc@127.0.0.1"][..],
                &["coolguy!ab@127.0.0.5", "cooldud3!~d@124.0.0.1"][..],
            ),
            (
                "cool*@*",
                &["coolguy!ab@127.0.0.1", "cool132!ab@example.com"],
                &["koolguy!ab@127.0.0.5", "cooodud3!~d@124.0.0.1"],
            ),
            (
                "cool!*@*",
                &["cool!guyab@127.0.0.1", "cool!312ab@example.com"],
                &["coolguy!ab@127.0.0.1", "koolguy!ab@127.0.0.5"],
            ),
            (
                "cool!?username@*",
                &["cool!ausername@127.0.0.1", "cool!~username@127.0.0.1"],
                &["cool!username@127.0.0.1"],
            ),
            ("cool!a?*@*", &["cool!ab@127.0.0.1", "cool!abc@127.0.0.1"], &["cool!a@127.0.0.1"]),
            (
                "cool[guy]!*@*",
                &["cool[guy]!guy@127.0.0.1", "COOL[guy]!a@example.com"],
                &["coolg!ab@127.0.0.1", "cool[!ac@127.0.1.1"],
            ),
            ("", &[""], &["a"]),
            ("***", &["", "abc"], &[]),
            ("z?ë", &["zoë", "zöë"], &["zë"]),
        ] {
            for text in fits {
                assert!(matches(mask, text), "{mask} should match {text}");
            }
            for text in fails {
                assert!(!matches(mask, text), "{mask} should not match {text}");
            }
        }
    }

    #[test]
    fn fault_p15_a_pattern_of_stars_is_no_work() {
        let pattern = "*a".repeat(MASK_MAX / 2);
        assert!(!matches(&pattern, &"a".repeat(MASK_MAX / 2 - 1)));
    }
}
