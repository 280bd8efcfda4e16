//! The commands of a chat.

/// A parsed line of input.
#[derive(Debug, PartialEq, Eq)]
pub(super) enum Command<'a> {
    Publish(&'a str),
    /// Publish an action: `/me waves`.
    Action(&'a str),
    Members,
    /// A room, and its key if it has one.
    Join(&'a str, Option<&'a str>),
    /// A person's name, and the text.
    DirectMessage(&'a str, &'a str),
    Leave,
    Help,
    Quit,
    /// An unknown command, or one with wrong arguments.
    Unknown(&'a str),
    Nothing,
}

pub(super) const HELP: &str = "\
/join ROOM [KEY]  join a room, or switch to a joined room
/leave            leave the current room
/who              list the members
/msg NAME TEXT    send a direct message
/me TEXT          publish an action: `/me waves` is shown as `* ann waves`
/quit             leave (Ctrl-D does the same)
//text            publish a message that begins with a slash";

/// Parses a line.
pub(super) fn parse(line: &str) -> Command<'_> {
    if line.trim().is_empty() {
        return Command::Nothing;
    }
    let Some(rest) = line.strip_prefix('/') else { return Command::Publish(line) };
    if rest.starts_with('/') {
        return Command::Publish(rest);
    }
    if let Some((name, text)) = rest.strip_prefix("msg ").and_then(first_word) {
        return Command::DirectMessage(name, text);
    }
    let action = rest.strip_prefix("me ").map(str::trim);
    if let Some(action) = action.filter(|action| !action.is_empty()) {
        return Command::Action(action);
    }
    let mut words = rest.split_whitespace();
    match (words.next(), words.next(), words.next(), words.next()) {
        (Some("join"), Some(room), key, None) => Command::Join(without_hash(room), key),
        (Some("leave" | "part"), None, None, None) => Command::Leave,
        (Some("who" | "names"), None, None, None) => Command::Members,
        (Some("help"), None, None, None) => Command::Help,
        (Some("quit"), None, None, None) => Command::Quit,
        _ => Command::Unknown(line),
    }
}

/// Strips the `#` that the page and IRC write before a room's name.
fn without_hash(room: &str) -> &str {
    room.strip_prefix('#').filter(|name| !name.is_empty()).unwrap_or(room)
}

/// Splits off the first word. `None` if no text follows it.
fn first_word(text: &str) -> Option<(&str, &str)> {
    let (word, rest) = text.trim_start().split_once(char::is_whitespace)?;
    Some((word, rest)).filter(|_| !rest.trim().is_empty())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_are_understood() {
        assert_eq!(parse("hello /quit"), Command::Publish("hello /quit"));
        assert_eq!(parse("//etc"), Command::Publish("/etc"));
        assert_eq!(parse("/join attic "), Command::Join("attic", None));
        assert_eq!(parse("/join #attic"), Command::Join("attic", None));
        assert_eq!(parse("/join ##attic"), Command::Join("#attic", None));
        assert_eq!(parse("/join attic sesame"), Command::Join("attic", Some("sesame")));
        assert_eq!(parse("/msg bob see  /there "), Command::DirectMessage("bob", "see  /there "));
        assert_eq!(parse("/me waves  twice "), Command::Action("waves  twice"));
        assert_eq!([parse("/who"), parse("/names")], [Command::Members, Command::Members]);
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
