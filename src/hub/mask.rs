//! Patterns over names: `*` stands for any characters, `?` for one, and letters lose their case.

use super::nick::nick_pattern_of;

/// Longest pattern that is kept.
pub const MASK_MAX: usize = 256;

/// The whole mask, `nick!user@host`, that a short one stands for: `nick`, `nick!user`, `user@host`, or a
/// host, which has a dot or a colon where a nick has none. What a nick cannot have is wide in it, as
/// it is in the nicks that masks are compared with. `None` if nothing is there.
pub fn whole(short: &str) -> Option<String> {
    let short = short.split(char::is_whitespace).find(|word| !word.is_empty())?;
    let (nick, user, host) = match (short.split_once('!'), short.split_once('@')) {
        (Some((nick, rest)), _) => {
            let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
            (nick, user, host)
        }
        (None, Some((user, host))) => ("", user, host),
        (None, None) if short.contains(['.', ':']) => ("", "", short),
        (None, None) => (short, "", ""),
    };
    let any = |part: &str| if part.is_empty() { "*".to_owned() } else { part.to_owned() };
    Some(format!("{}!{}@{}", any(&nick_pattern_of(nick)), any(user), any(host)))
}

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
    fn short_masks_stand_for_whole_ones() {
        for (short, whole_mask) in [
            ("ann", "ann!*@*"),
            ("a*?", "a*?!*@*"),
            ("ann!~a", "ann!~a@*"),
            ("~a@host", "*!~a@host"),
            ("ann!~a@host", "ann!~a@host"),
            ("*!*@*", "*!*@*"),
            ("5eed5eed.cloaked", "*!*@5eed5eed.cloaked"),
            ("*.cloaked", "*!*@*.cloaked"),
            ("::1", "*!*@::1"),
            ("ann!", "ann!*@*"),
            ("ann!@", "ann!*@*"),
            ("!~a@", "*!~a@*"),
            ("@host", "*!*@host"),
            ("a!b@c!d@e", "a!b@c!d@e"),
            // As those are seen who have such names in other protocols.
            ("#fred", "＃fred!*@*"),
            ("a.b/c$\"!*@*", "a．b／c＄＂!*@*"),
            (":x!*@*", "：x!*@*"),
            ("~op!*@*", "～op!*@*"),
            ("bob！~u＠", "bob！~u＠!*@*"),
            ("b＊b", "b＊b!*@*"),
            (" ann  !~a ", "ann!*@*"),
        ] {
            assert_eq!(whole(short).as_deref(), Some(whole_mask), "{short}");
            assert_eq!(whole(whole_mask).as_deref(), Some(whole_mask), "{short}, again");
        }
        assert_eq!((whole(""), whole(" ")), (None, None));
    }

    #[test]
    fn fault_p15_a_pattern_of_stars_is_no_work() {
        let pattern = "*a".repeat(MASK_MAX / 2);
        assert!(!matches(&pattern, &"a".repeat(MASK_MAX / 2 - 1)));
    }
}
