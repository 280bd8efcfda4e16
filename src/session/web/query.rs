//! The decoded parameters of a request, and the values in them that the relay issued.

use super::response::{Response, refused};
use crate::id::{Epoch, Resume};
use crate::wire::http::Request;
use crate::wire::json::Hex;
use percent_encoding::{AsciiSet, NON_ALPHANUMERIC, percent_decode_str, utf8_percent_encode};
use std::borrow::Cow;

/// Maximum number of parameters in a request.
const PARAMETERS_MAX: usize = 16;

/// All characters that are escaped in a path segment (RFC 3986 §2.3).
const ESCAPED: &AsciiSet = &NON_ALPHANUMERIC.remove(b'-').remove(b'_').remove(b'.').remove(b'~');

/// The decoded parameters of a request.
#[derive(Debug)]
pub struct Query<'a> {
    pairs: Vec<(&'a str, Cow<'a, str>)>,
}

impl<'a> Query<'a> {
    /// Parses the query of a request.
    pub fn of(request: &Request<'a>) -> Result<Self, Box<Response>> {
        let mut pairs = Vec::new();
        for pair in request.query.split('&').filter(|pair| !pair.is_empty()) {
            if pairs.len() == PARAMETERS_MAX {
                return Err(refused("that are too many parameters"));
            }
            let (name, value) = pair.split_once('=').unwrap_or((pair, ""));
            let value = percent_decode_str(value).decode_utf8();
            pairs.push((name, value.map_err(|_| refused("a parameter is not UTF-8"))?));
        }
        Ok(Self { pairs })
    }

    /// Refuses unknown and repeated parameters. Otherwise a misspelled one would be ignored without
    /// notice.
    pub fn only(&self, known: &[&str]) -> Result<(), Box<Response>> {
        for (index, (name, _)) in self.pairs.iter().enumerate() {
            let is_known = known.contains(name);
            let is_again = self.pairs.iter().take(index).any(|(before, _)| before == name);
            if !is_known || is_again {
                let known = if known.is_empty() { "none".to_owned() } else { known.join(", ") };
                return Err(refused(&format!("the parameters here, each once, are: {known}")));
            }
        }
        Ok(())
    }

    /// Returns the value of a parameter.
    pub fn text(&self, name: &str) -> Option<Cow<'a, str>> {
        self.pairs.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }

    /// Returns the value of a parameter that is a number.
    pub fn number(&self, name: &str) -> Result<Option<u64>, Box<Response>> {
        let Some(text) = self.text(name) else { return Ok(None) };
        let number = text.parse().ok().filter(|_| text.bytes().all(|byte| byte.is_ascii_digit()));
        let number = number.ok_or_else(|| refused(&format!("{name} is a number")))?;
        Ok(Some(number))
    }
}

/// Escapes a path segment.
pub fn encode(segment: &str) -> String {
    utf8_percent_encode(segment, ESCAPED).to_string()
}

/// Parses an event id: the reverse of [`event_id`](crate::session::encode::events::event_id).
pub fn resume(id: &str) -> Option<Resume> {
    let (epoch, offset) = id.split_once('-')?;
    let is_plain = offset.bytes().all(|byte| byte.is_ascii_digit());
    let offset = offset.parse().ok().filter(|_| is_plain)?;
    Some(Resume { epoch: Epoch(Hex::parse(epoch)?), offset })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::session::encode::events::event_id;

    #[test]
    fn a_place_survives_as_an_id() {
        let place = Resume { epoch: Epoch(0xabc), offset: u64::MAX };
        let id = event_id(place.epoch, place.offset);
        assert_eq!(id, "0000000000000abc-18446744073709551615");
        assert_eq!(resume(&id), Some(place));
        for bad in
            ["", "-", "abc", "abc-", "-1", "abc-+1", "xyz-1", "abc-1-2", "abc-99999999999999999999"]
        {
            assert_eq!(resume(bad), None, "{bad}");
        }
    }

    #[test]
    fn segments_are_escaped() {
        assert_eq!(encode("#a/b?é"), "%23a%2Fb%3F%C3%A9");
        assert_eq!(encode("tea-room_1.~"), "tea-room_1.~");
    }
}
