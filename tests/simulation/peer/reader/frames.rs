//! Frames, in both spellings.

use super::super::heard::{Heard, Numbering, Presence, Reply, Subject};
use super::super::want::Token;
use super::super::{Kind, Peer, Person};
use crate::model::Model;
use hobnob::reason::Refusal;
use hobnob::wire::frame::{FRAME_OVERHEAD, FrameError, ServerFrame, VERSION};
use hobnob::wire::{Parsed, binary};

impl Peer {
    pub(super) fn read_frame(
        &mut self,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) -> Option<usize> {
        // Whoever has not said how it spells is spoken to in JSON.
        let is_json = self.kind == Kind::Json || !self.greeted && bytes.starts_with(b"{");
        if is_json && !bytes[self.searched.min(bytes.len())..].contains(&b'\n') {
            self.searched = bytes.len();
            return None;
        }
        self.searched = 0;
        match parse(is_json, bytes, model.limits.message) {
            Ok(Parsed::Complete(frame, length)) => {
                self.heed_frame(&frame, model, people);
                Some(length)
            }
            Ok(Parsed::Partial) => None,
            Err(error) => panic!("[spelling] peer {} received {error}", self.serial),
        }
    }

    /// A frame that is all of a message, or an event in other words.
    pub(super) fn read_whole_frame(
        &mut self,
        is_json: bool,
        bytes: &[u8],
        model: &mut Model,
        people: &mut Vec<Person>,
    ) {
        match parse(is_json, bytes, model.limits.message) {
            Ok(Parsed::Complete(frame, length)) if length == bytes.len() => {
                self.heed_frame(&frame, model, people);
            }
            other => panic!("[spelling] peer {} received {other:?}", self.serial),
        }
    }

    fn heed_frame(&mut self, frame: &ServerFrame<'_>, model: &mut Model, people: &mut Vec<Person>) {
        if self.is_traced {
            let text = format!("{frame:?}");
            eprintln!("       {} hears {:.160}", self.conn, text);
        }
        self.heed(heard(frame), model, people);
    }
}

/// Puts a frame in the words of no protocol.
fn heard<'f>(frame: &'f ServerFrame<'_>) -> Heard<'f> {
    match *frame {
        ServerFrame::Message { room, offset, time, ref sender, ref payload } => {
            Heard::Message { room, offset, time, sender, payload }
        }
        ServerFrame::Came { room, count, ref name } => {
            Heard::Presence(Presence::Came { room, person: name, count: Some(count) })
        }
        ServerFrame::Went { room, count, ref name } => {
            Heard::Presence(Presence::Went { room, name, count: Some(count) })
        }
        ServerFrame::Members { request: 0, room, count, ref names } => {
            assert!(names.is_empty(), "[presence] a count with names");
            Heard::Presence(Presence::Count { room, count })
        }
        ServerFrame::Gap { room, from, to } => Heard::Gap { room, from, to },
        ServerFrame::Ping { token } => Heard::Ping(Token::Number(token)),
        ServerFrame::Pong { token } => Heard::Pong(Token::Number(token)),
        ServerFrame::Bye { code, .. } => Heard::Closed(Some(code)),
        ServerFrame::Error { code, request, ref text } => refused(code, request, text),
        ServerFrame::Welcome { key, ref name, version, .. } => {
            assert_eq!(version, VERSION);
            Heard::Welcome(Some((name, key)))
        }
        ServerFrame::Joined {
            request,
            room,
            recovered,
            epoch,
            head,
            oldest,
            members,
            ref name,
        } => {
            let epoch = epoch.0;
            let numbering = Some(Numbering { recovered, epoch, head, oldest, members });
            Heard::Joined { request, room, name, numbering }
        }
        ServerFrame::Left { request, room, offset } => {
            Heard::Left { request, room, offset: Some(offset) }
        }
        ServerFrame::Told { time, notice: is_notice, ref sender, ref payload } => {
            Heard::Direct { time: Some(time), is_notice, sender, target: None, payload }
        }
        ServerFrame::Ack { room, id, offset } => {
            Heard::Reply(Reply::Acknowledged { room, id, offset })
        }
        ServerFrame::Members { request, room, count, ref names } => {
            Heard::Reply(Reply::Members { request, room, count, names: names.len() })
        }
        ServerFrame::History { request, room, oldest, ref messages } => {
            Heard::Reply(Reply::History { request, room, oldest, messages })
        }
        ServerFrame::Passed { request, time, ref away } => {
            Heard::Reply(Reply::Passed { request, time, away })
        }
    }
}

fn refused<'f>(code: u16, request: u64, text: &str) -> Heard<'f> {
    let refusal = word_of(code);
    match refusal {
        None if request == 0 && code >= 300 => return Heard::Blamed(code),
        Some(Refusal::Draining) if request == 0 => return Heard::Draining,
        Some(Refusal::Expelled) if request == 0 => return Heard::Kicked,
        _ => {}
    }
    assert_eq!(refusal.map(Refusal::text), Some(text), "[spelling] code {code}");
    Heard::Refused { refusal, of: Subject::Request(request) }
}

pub(super) fn word_of(code: u16) -> Option<Refusal> {
    Refusal::ALL.iter().copied().find(|refusal| refusal.code() == code)
}

pub(super) fn parse<'a>(
    is_json: bool,
    bytes: &'a [u8],
    message_max: usize,
) -> Result<Parsed<ServerFrame<'a>>, FrameError> {
    #[cfg(feature = "json")]
    if is_json {
        return hobnob::wire::json::parse_server(bytes, hobnob::wire::json::line_max(message_max));
    }
    let _ = is_json;
    binary::parse_server(bytes, message_max + FRAME_OVERHEAD)
}
