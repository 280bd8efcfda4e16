//! Nicks: the names of people in the characters that IRC allows.
//!
//! A character that no nick may contain is shown as its wide form (U+FF01 and on). Nobody can
//! choose wide forms in a name, so no two people look alike, and no name forms a mask.

use std::borrow::Cow;

/// Returns the nick for a name.
pub fn nick_of(name: &str) -> Cow<'_, str> {
    if is_nick(name) {
        return Cow::Borrowed(name);
    }
    Cow::Owned(widened(name, is_unfit))
}

/// Returns the nick form of a pattern. Its stars and question marks stay unchanged.
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

/// Returns the name for a nick: the reverse of [`nick_of`] for nicks with wide forms.
pub fn name_of(nick: &str) -> String {
    let narrow = |c: char| match u32::from(c) {
        code @ 0xff01..=0xff5e => char::from_u32(code - 0xfee0).unwrap_or(c),
        _ => c,
    };
    nick.chars().map(narrow).collect()
}

/// True if a name can be a nick unchanged.
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
