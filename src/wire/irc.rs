//! IRC lines, as in the Modern IRC Client Protocol and the IRCv3 message-tags specification: tags,
//! a source, a command and parameters, in at most 512 bytes plus 8,191 bytes of tags.

mod tags;
mod writer;

pub use tags::{MISSING, Tags, escape, unescape};
pub use writer::LineWriter;

use super::Parsed;
use memchr::memchr;
use smallvec::SmallVec;

/// The longest line without its tags, with its end (Modern IRC §Message Format).
pub const LINE_MAX: usize = 512;

/// The longest tags of a client, with their `@` and the space after them (message-tags §Size
/// limit).
pub const CLIENT_TAGS_MAX: usize = 4_096;

/// The result of [`split`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A line, without its end. It may be empty.
    Line(&'a [u8]),
    /// The start of a line that is too long; all of it received so far was consumed.
    TooLong {
        /// True if its end was received.
        ended: bool,
    },
}

/// Splits off the first line. Lines end with `
/// `, or with `\r
/// `.
///
/// A line that is too long is consumed as it arrives, so that it takes no memory.
pub fn split(bytes: &[u8]) -> Parsed<Found<'_>> {
    let tags = if bytes.first() == Some(&b'@') { CLIENT_TAGS_MAX } else { 0 };
    let window = bytes.get(..tags + LINE_MAX).unwrap_or(bytes);
    match memchr(b'\n', window) {
        Some(end) => {
            let line = bytes.get(..end).unwrap_or_default();
            let found = if is_too_long(line) {
                Found::TooLong { ended: true }
            } else {
                Found::Line(line.strip_suffix(b"\r").unwrap_or(line))
            };
            Parsed::Complete(found, end + 1)
        }
        None if bytes.len() < tags + LINE_MAX => Parsed::Partial,
        None => skip(bytes),
    }
}

/// Consumes the rest of a line that was too long.
pub fn skip(bytes: &[u8]) -> Parsed<Found<'_>> {
    match memchr(b'\n', bytes) {
        Some(end) => Parsed::Complete(Found::TooLong { ended: true }, end + 1),
        None if bytes.is_empty() => Parsed::Partial,
        None => Parsed::Complete(Found::TooLong { ended: false }, bytes.len()),
    }
}

/// True if the tags or the rest exceed their limit. `line` is without its `
/// `.
fn is_too_long(line: &[u8]) -> bool {
    let tags = match line.first() {
        Some(b'@') => memchr(b' ', line).map_or(line.len(), |at| at + 1),
        _ => 0,
    };
    tags > CLIENT_TAGS_MAX || line.len() - tags + 1 > LINE_MAX
}

/// A parsed line, borrowed from the input.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// The tags, between `@` and the first space.
    pub tags: Tags<'a>,
    /// The source, without the `:`. It is ignored in lines of clients.
    pub source: Option<&'a str>,
    /// The command as sent.
    pub command: &'a str,
    /// The parameters. Clients should send at most fifteen (Modern IRC §Parameters), but a MODE
    /// with many changes has more.
    pub params: SmallVec<[&'a str; 4]>,
}

/// Parses a line. `None` if it has no command; such lines are ignored.
pub fn parse(line: &str) -> Option<Line<'_>> {
    let mut rest = line;
    let mut tags = Tags::default();
    if let Some(tagged) = rest.strip_prefix('@') {
        let (found, after) = tagged.split_once(' ')?;
        (tags, rest) = (Tags::new(found), after);
    }
    rest = rest.trim_start_matches(' ');
    let mut source = None;
    if let Some(sourced) = rest.strip_prefix(':') {
        let (found, after) = sourced.split_once(' ')?;
        (source, rest) = (Some(found), after.trim_start_matches(' '));
    }
    let (command, mut rest) = rest.split_once(' ').unwrap_or((rest, ""));
    let mut params = SmallVec::new();
    loop {
        rest = rest.trim_start_matches(' ');
        if let Some(last) = rest.strip_prefix(':') {
            params.push(last);
            break;
        }
        if rest.is_empty() {
            break;
        }
        let (param, after) = rest.split_once(' ').unwrap_or((rest, ""));
        params.push(param);
        rest = after;
    }
    (!command.is_empty()).then_some(Line { tags, source, command, params })
}

#[cfg(test)]
mod tests;
