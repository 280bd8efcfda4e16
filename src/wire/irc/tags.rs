//! Tags: `key=value` pairs before a line, with five characters escaped.

use std::borrow::Cow;
use std::collections::HashSet;

/// The value of a tag without one, equivalent to an empty value.
pub const MISSING: &str = "";

/// The tags of a line as sent: `a=b;c;+d=e`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Tags<'a>(&'a str);

impl<'a> Tags<'a> {
    /// Wraps the text between `@` and the first space.
    pub fn new(text: &'a str) -> Self {
        Self(text)
    }

    /// Returns all keys and their escaped values, in order.
    pub fn iter(self) -> impl Iterator<Item = (&'a str, &'a str)> {
        let each = self.0.split(';').filter(|tag| !tag.is_empty());
        each.map(|tag| tag.split_once('=').unwrap_or((tag, MISSING)))
    }

    /// Returns the unescaped value of a tag; the last one if it is repeated.
    pub fn get(self, key: &str) -> Option<Cow<'a, str>> {
        self.iter().filter(|(name, _)| *name == key).last().map(|(_, value)| unescape(value))
    }

    /// Returns the client-only tags (`+key`) as sent; of repeated keys, the last. `None` if there
    /// are none.
    pub fn client_only(self) -> Option<String> {
        let key = |tag: &'a str| tag.split_once('=').map_or(tag, |(key, _)| key);
        let mut keys = HashSet::new();
        let tags = self.0.rsplit(';').filter(|tag| is_client_only(tag) && keys.insert(key(tag)));
        let mut tags: Vec<&str> = tags.collect();
        tags.reverse();
        (!tags.is_empty()).then(|| tags.join(";"))
    }
}

/// True for a client-only tag: `+`, a name of letters, digits, hyphens, dots and slashes, and a
/// value without characters that would end it.
fn is_client_only(tag: &str) -> bool {
    let (key, value) = tag.split_once('=').unwrap_or((tag, MISSING));
    let is_key = |c: char| c.is_ascii_alphanumeric() || matches!(c, '-' | '.' | '/');
    key.len() > 1
        && key.strip_prefix('+').is_some_and(|key| key.chars().all(is_key))
        && !value.contains(['\0', '\r', '\n', ' '])
}

/// Unescapes a value (message-tags §Escaping values).
pub fn unescape(value: &str) -> Cow<'_, str> {
    if !value.contains('\\') {
        return Cow::Borrowed(value);
    }
    let mut text = String::with_capacity(value.len());
    let mut chars = value.chars();
    while let Some(c) = chars.next() {
        if c != '\\' {
            text.push(c);
            continue;
        }
        match chars.next() {
            Some(':') => text.push(';'),
            Some('s') => text.push(' '),
            Some('r') => text.push('\r'),
            Some('n') => text.push('\n'),
            Some(other) => text.push(other),
            None => {}
        }
    }
    Cow::Owned(text)
}

/// Appends a value with escapes. A NUL has no escape and is removed.
pub fn escape(value: &str, out: &mut Vec<u8>) {
    let is_special = |byte: u8| matches!(byte, b';' | b' ' | b'\\' | b'\r' | b'\n' | 0);
    // Nearly every value is plain.
    if !value.bytes().any(is_special) {
        return out.extend_from_slice(value.as_bytes());
    }
    for byte in value.bytes() {
        match byte {
            b';' => out.extend_from_slice(b"\\:"),
            b' ' => out.extend_from_slice(b"\\s"),
            b'\\' => out.extend_from_slice(b"\\\\"),
            b'\r' => out.extend_from_slice(b"\\r"),
            b'\n' => out.extend_from_slice(b"\\n"),
            0 => {}
            byte => out.push(byte),
        }
    }
}
