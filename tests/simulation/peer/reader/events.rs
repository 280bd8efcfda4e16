//! Events of a listener over HTTP. An event is the frame of that name in other words.

use super::super::heard::{Heard, Subject};
use super::super::seat::ROOM;
use super::super::{Peer, Person};
use super::frames::word_of;
use super::http::{Response, field};
use crate::model::Model;
use hobnob::id::Offset;
use hobnob::reason::CloseReason;

/// State of one listener.
#[derive(Default)]
pub struct Events {
    /// It was let in: events follow.
    pub is_live: bool,
    /// They come in chunks.
    is_chunked: bool,
    /// The last chunk came: nothing may follow.
    is_complete: bool,
    /// It was not, and told so.
    pub is_refused: bool,
    /// The gap before it came back, which must be told first.
    pub lost: Option<(Offset, Offset)>,
}

/// Takes the first chunk off `bytes`, if all of it is there. The last one is empty.
fn chunk_of(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let line = bytes.windows(2).position(|two| two == b"\r\n")?;
    let size = std::str::from_utf8(&bytes[..line]).expect("[chunks] a size");
    let size = usize::from_str_radix(size, 16).expect("[chunks] a size");
    let (start, end) = (line + 2, line + 2 + size);
    let after = bytes.get(end..end + 2)?;
    assert_eq!(after, b"\r\n", "[chunks] an end");
    Some((&bytes[start..end], end + 2))
}

impl Peer {
    /// Reads the answer, or one event.
    pub(super) fn read_event(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        let events = self.events.as_mut().expect("a listener");
        assert!(!events.is_refused || bytes.is_empty(), "[bye last] peer {}", self.serial);
        if events.is_live {
            assert!(!events.is_complete || bytes.is_empty(), "[chunks] something follows the last");
            let is_chunked = events.is_chunked;
            let (chunk, length) = match is_chunked {
                true => chunk_of(bytes)?,
                false => {
                    let end = bytes.windows(2).position(|two| two == b"\n\n")? + 2;
                    (&bytes[..end], end)
                }
            };
            if is_chunked && chunk.is_empty() {
                events.is_complete = true;
                return Some(length);
            }
            let chunk = std::str::from_utf8(chunk).expect("[spelling] all is UTF-8");
            assert!(chunk.ends_with("\n\n"), "[chunks] {chunk:?} is not whole");
            for event in chunk.split_inclusive("\n\n") {
                self.heed_event(event, model, people);
            }
            return Some(length);
        }
        let (response, length) = Response::parse(bytes)?;
        events.is_live = response.status == 200 && response.is_endless;
        events.is_refused = !events.is_live;
        events.is_chunked = response.is_chunked;
        match response.code() {
            Some(code) if code >= CloseReason::PeerClosed.code() => {
                self.heed(Heard::Closed(Some(code)), model, people);
            }
            Some(code) => {
                let refusal = Some(word_of(code).expect("a refusal"));
                let of = Subject::Request(0);
                self.heed(Heard::Refused { refusal, of }, model, people);
            }
            None => assert!(response.status != 400 || self.is_bad, "[blame] {}", response.body),
        }
        Some(length)
    }

    fn heed_event(&mut self, event: &str, model: &mut Model, people: &mut Vec<Person>) {
        let (mut kind, mut data, mut id) = ("message", "", None);
        for line in event.lines() {
            match line.split_once(": ") {
                Some(("event", given)) => kind = given,
                Some(("data", given)) => data = given,
                Some(("id", given)) => id = Some(given),
                Some(("retry", _)) => {}
                _ => assert!(line.is_empty() || line == ":", "[spelling] {line:?}"),
            }
        }
        let rest = match data.strip_prefix('{') {
            None => return assert!(data.is_empty(), "[spelling] {event:?}"),
            // What frames call its name.
            Some(rest) if kind == "joined" => format!("\"request\":0,\"name\"{}", &rest[6..]),
            Some(rest) if kind == "members" => format!("\"request\":0,\"names\":[],{rest}"),
            Some(rest) if kind == "draining" => {
                assert_eq!(rest, "}");
                return self.heed(Heard::Draining, model, people);
            }
            Some(rest) => rest.to_owned(),
        };
        let line = format!("{{\"type\":\"{kind}\",\"room\":{ROOM},{rest}\n");
        self.read_whole_frame(true, line.as_bytes(), model, people);
        if kind == "bye" {
            let code = field(data, "code").and_then(|code| code.parse().ok());
            let reason = CloseReason::ALL.iter().find(|reason| Some(reason.code()) == code);
            assert_eq!(field(data, "reason"), reason.map(|reason| reason.word()), "[bye]");
        }
        self.tally.events += u64::from(kind == "message");
        // Whoever loses the connection here comes back to where it is.
        let place = self.seats.get(&ROOM).map(|seat| (seat.epoch, seat.next - 1));
        let place = place.filter(|_| matches!(kind, "joined" | "message" | "gap"));
        let place = place.map(|(epoch, offset)| format!("{epoch:016x}-{offset}"));
        assert_eq!(id, place.as_deref(), "[event id] peer {}: {event}", self.serial);
    }
}
