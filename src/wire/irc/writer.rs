//! Writing lines. Whatever is put in, what comes out is one line: no CR, LF or NUL, no parameter that
//! begins another, and no more bytes than a line may have.

use super::LINE_MAX;
use std::io::Write as _;

/// One line being written to the end of a buffer. Parts go in from left to right.
#[derive(Debug)]
pub struct LineWriter<'o> {
    out: &'o mut Vec<u8>,
    /// Where the line begins, behind its tags.
    start: usize,
    has_tags: bool,
}

impl<'o> LineWriter<'o> {
    /// Begins a line.
    pub fn new(out: &'o mut Vec<u8>) -> Self {
        let start = out.len();
        Self { out, start, has_tags: false }
    }

    fn begin_tag(&mut self) {
        self.out.push(if self.has_tags { b';' } else { b'@' });
        self.has_tags = true;
    }

    /// A tag. `key` is the relay's own; `value` is escaped.
    #[must_use]
    pub fn tag(mut self, key: &str, value: &str) -> Self {
        self.begin_tag();
        self.out.extend_from_slice(key.as_bytes());
        if !value.is_empty() {
            self.out.push(b'=');
            super::escape(value, self.out);
        }
        self
    }

    /// A tag that a client sent, from [`Tags::client_only`](super::Tags::client_only): with a value, even
    /// if that is empty, or without one.
    #[must_use]
    pub fn client_tag(mut self, key: &str, value: Option<&str>) -> Self {
        self.begin_tag();
        self.out.extend_from_slice(key.as_bytes());
        if let Some(value) = value {
            self.out.push(b'=');
            super::escape(value, self.out);
        }
        self
    }

    fn end_tags(&mut self) {
        if self.has_tags {
            self.out.push(b' ');
            self.has_tags = false;
        }
        self.start = self.out.len();
    }

    /// Who says it: a server's name.
    #[must_use]
    pub fn from_server(mut self, name: &str) -> Self {
        self.end_tags();
        self.out.push(b':');
        put(name, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// Who says it: a person.
    #[must_use]
    pub fn from_person(mut self, nick: &str, user: &str, host: impl std::fmt::Display) -> Self {
        self.end_tags();
        self.out.push(b':');
        put(nick, is_edge_of_mask, b'_', self.out);
        self.out.push(b'!');
        put(user, is_edge_of_mask, b'_', self.out);
        self.out.push(b'@');
        let from = self.out.len();
        // A vector takes whatever it is given.
        let _ = write!(self.out, "{host}");
        tame(self.out, from, is_edge_of_mask, b'_');
        self
    }

    /// The command.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        if self.has_tags {
            self.end_tags();
        }
        if self.out.len() > self.start {
            self.out.push(b' ');
        }
        put(command, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// A parameter without spaces. One that is empty, or begins as a last one would, is changed.
    #[must_use]
    pub fn middle(self, param: &str) -> Self {
        self.out.push(b' ');
        match param.as_bytes().first() {
            None => self.out.push(b'*'),
            Some(b':') => self.out.push(b'_'),
            Some(_) => {}
        }
        put(param, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// The last parameter, which may have spaces. Ends the line.
    pub fn last(self, param: &str) {
        self.out.extend_from_slice(b" :");
        put(param, |_| false, b' ', self.out);
        self.end();
    }

    /// How many bytes the last parameter may still have.
    pub fn space(&self) -> usize {
        (LINE_MAX - "\r\n".len()).saturating_sub(self.out.len() - self.start + " :".len())
    }

    /// Ends the line. What does not fit is cut off, between characters.
    pub fn end(self) {
        let most = self.start + LINE_MAX - "\r\n".len();
        if self.out.len() > most {
            let line = self.out.get(..=most).unwrap_or_default();
            let end = line.iter().rposition(|byte| byte & 0xc0 != 0x80).unwrap_or(most);
            self.out.truncate(end);
        }
        self.out.extend_from_slice(b"\r\n");
    }
}

fn is_edge_of_mask(byte: u8) -> bool {
    matches!(byte, b' ' | b'!' | b'@')
}

/// Appends `text`, and `instead` for whatever would end the line or this part of it.
fn put(text: &str, is_edge: impl Fn(u8) -> bool, instead: u8, out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(text.as_bytes());
    tame(out, from, is_edge, instead);
}

/// Puts `instead` in the place of whatever would end the line or this part of it, from `from` on.
fn tame(out: &mut [u8], from: usize, is_edge: impl Fn(u8) -> bool, instead: u8) {
    for byte in out.get_mut(from..).unwrap_or_default() {
        let is_safe = !matches!(*byte, b'\r' | b'\n' | 0) && !is_edge(*byte);
        *byte = if is_safe { *byte } else { instead };
    }
}
