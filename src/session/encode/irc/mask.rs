//! Masks: patterns that match people, in IRC's spelling (`nick!user@host`).

use super::nick::{nick_of, nick_pattern_of};
use crate::hub::Pattern;
use crate::payload::Identity;

pub use crate::hub::matches_pattern as matches;

/// Longest mask that a list accepts, in bytes.
pub(crate) const MASK_MAX: usize = 256;

/// Parses a mask. It may be short: `nick`, `nick!user`, `user@host`, or a host, which contains a
/// dot or a colon where a nick cannot. Characters that no nick contains become their wide forms, as
/// in the nicks that clients see. Returns `None` for an empty mask.
pub(crate) fn parse(mask: &str) -> Option<Pattern> {
    let mask = mask.split(char::is_whitespace).find(|word| !word.is_empty())?;
    let (nick, user, host) = match (mask.split_once('!'), mask.split_once('@')) {
        (Some((nick, rest)), _) => {
            let (user, host) = rest.split_once('@').unwrap_or((rest, ""));
            (nick, user, host)
        }
        (None, Some((user, host))) => ("", user, host),
        (None, None) if mask.contains(['.', ':']) => ("", "", mask),
        (None, None) => (mask, "", ""),
    };
    let any = |part: &str| if part.is_empty() { "*".into() } else { part.into() };
    Some(Pattern { name: any(&nick_pattern_of(nick)), user: any(user), host: any(host) })
}

/// Returns the text of a pattern.
pub(crate) fn text_of(pattern: &Pattern) -> String {
    format!("{}!{}@{}", pattern.name, pattern.user, pattern.host)
}

/// Returns a person's full mask, the text that masks are matched against.
pub(crate) fn mask_of(who: &Identity) -> String {
    format!("{}!{}@{}", nick_of(&who.name), who.user(), who.host())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn whole(mask: &str) -> Option<String> {
        parse(mask).as_ref().map(text_of)
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
            ("5eed5eed5eed5eed.cloaked", "*!*@5eed5eed5eed5eed.cloaked"),
            ("*.cloaked", "*!*@*.cloaked"),
            ("::1", "*!*@::1"),
            ("ann!", "ann!*@*"),
            ("ann!@", "ann!*@*"),
            ("!~a@", "*!~a@*"),
            ("@host", "*!*@host"),
            ("a!b@c!d@e", "a!b@c!d@e"),
            // The nicks that IRC clients see for such names from other protocols.
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
}
