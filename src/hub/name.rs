//! Valid names of persons and rooms.

use crate::limits::{PERSON_NAME_MAX, ROOM_NAME_MAX};
use std::rc::Rc;

/// True if `name` is a valid name of a person.
pub fn is_person_name(name: &str) -> bool {
    name.len() <= PERSON_NAME_MAX && is_name(name) && !name.contains(is_wide)
}

/// True if `name` is a valid name of a room. A room's name is a segment of paths, in which `.` and
/// `..` name other folders however they are encoded (the URL standard, §4.4).
pub fn is_room_name(name: &str) -> bool {
    name.len() <= ROOM_NAME_MAX && is_name(name) && name != "." && name != ".."
}

/// Returns the number in a name like `guest17`. The relay gives these names; nobody can choose one.
pub fn guest_number(name: &str) -> Option<u64> {
    let digits =
        name.get(..5).filter(|start| start.eq_ignore_ascii_case("guest")).map(|_| &name[5..])?;
    let canonical = !digits.starts_with('0') && digits.bytes().all(|byte| byte.is_ascii_digit());
    if canonical { digits.parse().ok() } else { None }
}

/// Returns the form under which a name is looked up. ASCII letters lose their case, as people
/// expect of `Rust` and `rust`; nothing else is folded, so no two scripts collide.
pub fn folded(name: &Rc<str>) -> Rc<str> {
    if name.bytes().any(|byte| byte.is_ascii_uppercase()) {
        name.to_ascii_lowercase().into()
    } else {
        Rc::clone(name)
    }
}

fn is_name(name: &str) -> bool {
    !name.is_empty() && name.chars().all(is_name_char)
}

/// True for the wide forms of ASCII characters. They replace ASCII characters that a protocol does
/// not allow in names; if persons could choose them, two names would look the same there.
fn is_wide(c: char) -> bool {
    matches!(c, '\u{ff01}'..='\u{ff5e}')
}

/// True for characters allowed in names: no white space (names are words), no comma (lists of
/// names), no control characters (they would reach terminals and line protocols), and no invisible
/// or direction-changing characters, which make one name look like another.
fn is_name_char(c: char) -> bool {
    let is_invisible = matches!(c,
        '\u{ad}' | '\u{61c}' | '\u{115f}'..='\u{1160}' | '\u{17b4}'..='\u{17b5}'
        | '\u{180b}'..='\u{180f}' | '\u{200b}'..='\u{200f}' | '\u{202a}'..='\u{202e}'
        | '\u{2060}'..='\u{206f}' | '\u{3164}' | '\u{fe00}'..='\u{fe0f}' | '\u{feff}'
        | '\u{ffa0}' | '\u{fff0}'..='\u{fffb}' | '\u{e0000}'..='\u{e0fff}');
    !(c == ',' || c.is_whitespace() || c.is_control() || is_invisible)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn names_are_visible_words() {
        for good in ["a", "Ann", "zoë", "名前", "#rust", "guest", "a-b_c.d"] {
            assert!(is_person_name(good), "{good:?}");
        }
        for bad in [
            "",
            " ",
            "a b",
            "a,b",
            "a\nb",
            "a\0",
            "\u{7f}",
            "a\u{85}",
            "a\u{202e}b",
            "a\u{200b}",
            "\u{a0}",
            "a！",
            "＃rust",
            "～",
        ] {
            assert!(!is_person_name(bad), "{bad:?}");
        }
        assert!(
            is_person_name(&"x".repeat(PERSON_NAME_MAX))
                && !is_person_name(&"x".repeat(PERSON_NAME_MAX + 1))
        );
        assert!(
            is_room_name(&"x".repeat(ROOM_NAME_MAX))
                && !is_room_name(&"x".repeat(ROOM_NAME_MAX + 1))
        );
        for (name, is_room) in [(".", false), ("..", false), ("...", true), (".a", true)] {
            assert_eq!(is_room_name(name), is_room, "{name}");
        }
    }

    #[test]
    fn guests_are_recognised() {
        assert_eq!(guest_number("guest17"), Some(17));
        assert_eq!(guest_number("Guest17"), Some(17));
        for name in ["guest", "guest017", "guest1a", "guests1", "guest-1", "guestö", "ann"] {
            assert_eq!(guest_number(name), None, "{name}");
        }
        assert_eq!(&*folded(&"Zoë#A".into()), "zoë#a");
    }
}
