//! Nicks: names, in the characters that IRC has for them.
//!
//! What a nick cannot have is shown as the wide form of itself (U+FF01 and on), which
//! nobody can choose: so nobody looks like somebody else, and no name makes up a mask.

use std::borrow::Cow;

/// The nick that a name is.
pub fn nick_of(name: &str) -> Cow<'_, str> {
    if is_nick(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(widened(name, is_unfit))
}

/// The same for a pattern over nicks: its stars and question marks stay what they are.
pub(super) fn nick_pattern_of(pattern: &str) -> String {
    widened(pattern, |c| is_unfit(c) && !matches!(c, '*' | '?'))
}

fn widened(text: &str, is_unfit: impl Fn(char) -> bool) -> String {
    let wide = |(at, c): (usize, char)| {
        let is_unfit = is_unfit(c) || at == 0 && is_unfit_first(c);
        let widened = char::from_u32(u32::from(c) + 0xfee0);
        if is_unfit { widened.unwrap_or('_') } else { c }
    };
    text.char_indices().map(wide).collect()
}

/// The name that a nick is: the reverse of [`nick_of`], for those that were changed.
pub fn name_of(nick: &str) -> String {
    let narrow = |c: char| match u32::from(c) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
        _ => c,
    };
    nick.chars().map(narrow).collect()
}

/// Whether a name can be a nick.
pub fn is_nick(name: &str) -> bool {
    !name.contains(is_unfit) && !name.starts_with(is_unfit_first)
}

fn is_unfit(c: char) -> bool {
    matches!(c, '!' | '@' | '*' | '?' | '.' | ':' | '"' | '$' | '/')
}

fn is_unfit_first(c: char) -> bool {
    matches!(c, '#' | '&' | '+' | '~' | '%' | '-')
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_and_nicks_are_one_to_one() {
        for (name, nick) in [
            ("ann", "ann"),
            ("zoë", "zoë"),
            ("a!b@c", "a！b＠c"),
            ("#rust", "＃rust"),
            ("a#b", "a#b"),
            ("##", "＃#"),
            (":x", "：x"),
            ("~op", "～op"),
            ("a.b/c", "a．b／c"),
        ] {
            assert_eq!(nick_of(name), nick);
            assert_eq!(name_of(nick), name);
        }
    }
}
