//! What a person types.

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Say(&'a str),
    Who,
    Join(&'a str),
    Leave,
    Help,
    Quit,
    /// No such command, or not with these words after it.
    Unknown(&'a str),
    Nothing,
}

pub(super) const HELP: &str = "\
/join ROOM  join a room, or talk in another one that is joined
/leave      leave the room talked in
/who        who is here
/quit       leave (Ctrl-D does the same)
//text      say something that begins with a slash";

/// Understands a line.
pub(super) fn parse(line: &str) -> Command<'_> {
    if line.trim().is_empty() {
        return Command::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return Command::Say(line) };
    if rest.starts_with('/') {
        return Command::Say(rest);
    }
    let mut words = rest.split_whitespace();
    match (words.next(), words.next(), words.next()) {
        (Some("join"), Some(room), None) => Command::Join(room),
        (Some("leave"), None, None) => Command::Leave,
        (Some("who"), None, None) => Command::Who,
        (Some("help"), None, None) => Command::Help,
        (Some("quit"), None, None) => Command::Quit,
        _ => Command::Unknown(line),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(parse("hello /quit"), Command::Say("hello /quit"));
        assert_eq!(parse("//etc"), Command::Say("/etc"));
        assert_eq!(parse("/join attic "), Command::Join("attic"));
        assert_eq!(parse("/quit"), Command::Quit);
        assert_eq!(parse(" \t"), Command::Nothing);
        for line in ["/join", "/join a b", "/", "/quit now", "/nick x"] {
            assert_eq!(parse(line), Command::Unknown(line));
        }
    }
}
