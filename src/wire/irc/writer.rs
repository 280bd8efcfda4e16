//! Writing IRC lines. Any input results in exactly one line: without CR, LF or NUL, without
//! unintended parameters, and within the length limit.

use super::LINE_MAX;
use std::io::Write as _;

/// A line being appended to a buffer. Its parts are written from left to right.
#[derive(Debug)]
pub struct LineWriter<'o> {
    out: &'o mut Vec<u8>,
    /// The start of the line, after its tags.
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

    /// Appends a tag. `key` is a constant of the relay; `value` is escaped.
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

    /// Appends a client-only tag from [`Tags::client_only`](super::Tags::client_only), with a value
    /// (possibly empty) or without one.
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

    /// Appends a server as the source.
    #[must_use]
    pub fn from_server(mut self, name: &str) -> Self {
        self.end_tags();
        self.out.push(b':');
        write_safe(name, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// Appends a person as the source.
    #[must_use]
    pub fn from_person(mut self, nick: &str, user: &str, host: impl std::fmt::Display) -> Self {
        self.end_tags();
        self.out.push(b':');
        write_safe(nick, is_edge_of_mask, b'_', self.out);
        self.out.push(b'!');
        write_safe(user, is_edge_of_mask, b'_', self.out);
        self.out.push(b'@');
        let from = self.out.len();
        // Writing to a vector cannot fail.
        let _ = write!(self.out, "{host}");
        replace_unsafe(self.out, from, is_edge_of_mask, b'_');
        self
    }

    /// Appends the command.
    #[must_use]
    pub fn command(mut self, command: &str) -> Self {
        if self.has_tags {
            self.end_tags();
        }
        if self.out.len() > self.start {
            self.out.push(b' ');
        }
        write_safe(command, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// Appends a parameter without spaces. A parameter that is empty or begins with `:` is changed.
    #[must_use]
    pub fn middle(self, param: &str) -> Self {
        self.out.push(b' ');
        match param.as_bytes().first() {
            None => self.out.push(b'*'),
            Some(b':') => self.out.push(b'_'),
            Some(_) => {}
        }
        write_safe(param, |byte| byte == b' ', b'_', self.out);
        self
    }

    /// Appends the last parameter, which may contain spaces, and ends the line.
    pub fn last(self, param: &str) {
        self.out.extend_from_slice(b" :");
        write_safe(param, |_| false, b' ', self.out);
        self.end();
    }

    /// Returns the number of bytes left for the last parameter.
    pub fn space(&self) -> usize {
        (LINE_MAX - "\r\n".len()).saturating_sub(self.out.len() - self.start + " :".len())
    }

    /// Ends the line. Excess bytes are cut off at a character boundary.
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

/// Appends `text`, with `instead` for bytes that would end the line or this part.
fn write_safe(text: &str, is_edge: impl Fn(u8) -> bool, instead: u8, out: &mut Vec<u8>) {
    let from = out.len();
    out.extend_from_slice(text.as_bytes());
    replace_unsafe(out, from, is_edge, instead);
}

/// Replaces bytes that would end the line or this part by `instead`, from `from` on.
fn replace_unsafe(out: &mut [u8], from: usize, is_edge: impl Fn(u8) -> bool, instead: u8) {
    for byte in out.get_mut(from..).unwrap_or_default() {
        let is_safe = !matches!(*byte, b'\r' | b'\n' | 0) && !is_edge(*byte);
        *byte = if is_safe { *byte } else { instead };
    }
}
