//! Patterns for persons: `*` stands for any characters, `?` for one, and letters lose their case.

use crate::payload::Identity;
use std::str::Chars;

/// A pattern for the name, the user name and the host of a person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Pattern {
    /// The pattern for the name. The wide form (U+FF01 and on) of a punctuation character stands
    /// for that character, also for a `*` or a `?`: no name has wide forms of its own.
    pub name: Box<str>,
    /// The pattern for the user name.
    pub user: Box<str>,
    /// The pattern for the host.
    pub host: Box<str>,
}

/// A person in the form that patterns are compared with.
#[derive(Debug)]
pub(super) struct Subject<'w> {
    who: &'w Identity,
    host: String,
}

impl<'w> Subject<'w> {
    pub(super) fn new(who: &'w Identity) -> Self {
        Self { who, host: who.host().to_string() }
    }
}

impl Pattern {
    /// True if the person matches.
    pub(super) fn fits(&self, subject: &Subject<'_>) -> bool {
        let name = || is_match(&self.name, &subject.who.name, is_same_in_name);
        name()
            && matches_pattern(&self.user, subject.who.user())
            && matches_pattern(&self.host, &subject.host)
    }

    /// True if the other pattern is the same, ignoring case.
    pub(super) fn is_same(&self, other: &Self) -> bool {
        self.name.eq_ignore_ascii_case(&other.name)
            && self.user.eq_ignore_ascii_case(&other.user)
            && self.host.eq_ignore_ascii_case(&other.host)
    }
}

/// True if `text` matches `pattern`. Takes time in proportion to the product of their lengths at
/// most, and does not recurse.
pub fn matches_pattern(pattern: &str, text: &str) -> bool {
    is_match(pattern, text, is_same)
}

fn is_match(pattern: &str, text: &str, is_same: impl Fn(char, char) -> bool) -> bool {
    let (mut pattern, mut text) = (pattern.chars(), text.chars());
    // The pattern after the last star, and the text that the star does not cover so far.
    let mut star: Option<(Chars<'_>, Chars<'_>)> = None;
    loop {
        let (mut next_pattern, mut next_text) = (pattern.clone(), text.clone());
        match (next_pattern.next(), next_text.next()) {
            (Some('*'), _) => {
                star = Some((next_pattern.clone(), text.clone()));
                pattern = next_pattern;
            }
            (None, None) => return true,
            (Some(_), None) => return false,
            (Some(wanted), Some(found)) if wanted == '?' || is_same(wanted, found) => {
                (pattern, text) = (next_pattern, next_text);
            }
            _ => match &mut star {
                Some((after, rest)) => {
                    rest.next();
                    (pattern, text) = (after.clone(), rest.clone());
                }
                None => return false,
            },
        }
    }
}

fn is_same(wanted: char, found: char) -> bool {
    wanted.eq_ignore_ascii_case(&found)
}

fn is_same_in_name(wanted: char, found: char) -> bool {
    let is_wide = || u32::from(found).checked_add(0xfee0) == Some(u32::from(wanted));
    is_same(wanted, found) || found.is_ascii_punctuation() && is_wide()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The public test vectors for such patterns, and cases that failed in other implementations.
    #[test]
    fn patterns_match_as_the_vectors_say() {
        for (pattern, fits, fails) in [
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
                assert!(matches_pattern(pattern, text), "{pattern} should match {text}");
            }
            for text in fails {
                assert!(!matches_pattern(pattern, text), "{pattern} should not match {text}");
            }
        }
    }

    #[test]
    fn fault_p15_a_pattern_of_stars_is_no_work() {
        let pattern = "*a".repeat(256 / 2);
        assert!(!matches_pattern(&pattern, &"a".repeat(256 / 2 - 1)));
    }

    #[test]
    fn a_wide_form_stands_for_its_character_in_names() {
        for (pattern, fits, fails) in [
            ("a＊b", "a*b", "axb"),
            ("a？", "a?", "ab"),
            ("＃fred", "#fred", "fred"),
            ("a．b／*", "A.b/c", "a-b/c"),
        ] {
            assert!(is_match(pattern, fits, is_same_in_name), "{pattern} should match {fits}");
            assert!(
                !is_match(pattern, fails, is_same_in_name),
                "{pattern} should not match {fails}"
            );
        }
        assert!(!is_match("ａnn", "ann", is_same_in_name));
    }
}
