//! What a person types.

/// A line, understood.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Say(&'a str),
    /// Tell what one does rather than says.
    Act(&'a str),
    Who,
    /// A room, and its key where it has one.
    Join(&'a str, Option<&'a str>),
    /// To one person: whom, and what.
    Tell(&'a str, &'a str),
    Leave,
    Help,
    Quit,
    /// No such command, or not with these words after it.
    Unknown(&'a str),
    Nothing,
}

pub(super) const HELP: &str = "\
/join ROOM [KEY]  join a room, or talk in another one that is joined
/leave            leave the room talked in
/who              who is here
/msg NAME TEXT    tell one person something
/me TEXT          tell what you do: `/me waves` is read as `* ann waves`
/quit             leave (Ctrl-D does the same)
//text            say something that begins with a slash";

/// Understands a line.
pub(super) fn parse(line: &str) -> Command<'_> {
    if line.trim().is_empty() {
        return Command::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return Command::Say(line) };
    if rest.starts_with('/') {
        return Command::Say(rest);
    }
    if let Some((name, text)) = rest.strip_prefix("msg ").and_then(first_word) {
        return Command::Tell(name, text);
    }
    let action = rest.strip_prefix("me ").map(str::trim);
    if let Some(action) = action.filter(|action| !action.is_empty()) {
        return Command::Act(action);
    }
    let mut words = rest.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("join"), Some(room), key, None) => Command::Join(without_hash(room), key),
        (Some("leave" | "part"), None, None, None) => Command::Leave,
        (Some("who" | "names"), None, None, None) => Command::Who,
        (Some("help"), None, None, None) => Command::Help,
        (Some("quit"), None, None, None) => Command::Quit,
        _ => Command::Unknown(line),
    }
}

/// A room's name as the page and IRC write it: with a `#` that is no part of it.
fn without_hash(room: &str) -> &str {
    room.strip_prefix('#').filter(|name| !name.is_empty()).unwrap_or(room)
}

/// The first word, and what comes after it, if anything does.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.trim_start().split_once(char::is_whitespace)?;
    Some((word, rest)).filter(|_| !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(parse("hello /quit"), Command::Say("hello /quit"));
        assert_eq!(parse("//etc"), Command::Say("/etc"));
        assert_eq!(parse("/join attic "), Command::Join("attic", None));
        assert_eq!(parse("/join #attic"), Command::Join("attic", None));
        assert_eq!(parse("/join ##attic"), Command::Join("#attic", None));
        assert_eq!(parse("/join attic sesame"), Command::Join("attic", Some("sesame")));
        assert_eq!(parse("/msg bob see  /there "), Command::Tell("bob", "see  /there "));
        assert_eq!(parse("/me waves  twice "), Command::Act("waves  twice"));
        assert_eq!([parse("/who"), parse("/names")], [Command::Who, Command::Who]);
        assert_eq!([parse("/leave"), parse("/part")], [Command::Leave, Command::Leave]);
        assert_eq!(parse("/quit"), Command::Quit);
        assert_eq!(parse(" \t"), Command::Nothing);
        for line in ["/join", "/join a b c", "/", "/quit now", "/nick x"] {
            assert_eq!(parse(line), Command::Unknown(line));
        }
        for line in ["/msg", "/msg bob", "/msg bob ", "/me", "/me ", "/mean it"] {
            assert_eq!(parse(line), Command::Unknown(line));
        }
    }
}
