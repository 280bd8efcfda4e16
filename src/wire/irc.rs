//! IRC lines, by the Modern IRC Client Protocol and the IRCv3 message-tags specification: one line is
//! tags, a source, a command and parameters, in at most 512 bytes, and 8,191 more of tags.

mod tags;
mod writer;

pub use tags::{MISSING, Tags, escape, unescape};
pub use writer::LineWriter;

use super::Parsed;
use memchr::memchr;
use smallvec::SmallVec;

/// Longest line without its tags, its end included (Modern IRC §Message Format).
pub const LINE_MAX: usize = 512;

/// Longest tags a client may send, with their `@` and the space behind them (message-tags §Size limit).
pub const CLIENT_TAGS_MAX: usize = 4_096;

/// What was found at the front of the bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Found<'a> {
    /// A line, without its end. It may be empty.
    Line(&'a [u8]),
    /// The front of a line that is longer than a line may be; all of it that is here was taken.
    TooLong {
        /// The end of the line was among it.
        ended: bool,
    },
}

/// Splits the first line off `bytes`. Lines end with `\n`; a `\r` before it belongs to the end.
///
/// What is too long is taken off as it comes, so that a line without end takes no memory.
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

/// Takes the rest of a line that was too long off `bytes`, as far as it is here.
pub fn skip(bytes: &[u8]) -> Parsed<Found<'_>> {
    match memchr(b'\n', bytes) {
        Some(end) => Parsed::Complete(Found::TooLong { ended: true }, end + 1),
        None if bytes.is_empty() => Parsed::Partial,
        None => Parsed::Complete(Found::TooLong { ended: false }, bytes.len()),
    }
}

/// Whether tags or the rest are longer than each may be. `line` is without its `\n`.
fn is_too_long(line: &[u8]) -> bool {
    let tags = match line.first() {
        Some(b'@') => memchr(b' ', line).map_or(line.len(), |at| at + 1),
        _ => 0,
    };
    tags > CLIENT_TAGS_MAX || line.len() - tags + 1 > LINE_MAX
}

/// One line, taken apart. Nothing is copied.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Line<'a> {
    /// What stands between `@` and the first space.
    pub tags: Tags<'a>,
    /// Who says it, without the `:`. Of no meaning in what clients say.
    pub source: Option<&'a str>,
    /// The command, as it came.
    pub command: &'a str,
    /// Its parameters: as many as there are, though clients should send no more than fifteen (Modern
    /// IRC §Parameters). With as many changes as a MODE may have, there are more.
    pub params: SmallVec<[&'a str; 4]>,
}

/// Takes a line apart. `None` if it has no command; such lines are ignored.
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
