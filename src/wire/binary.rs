//! The binary spelling: a 4-byte big-endian length, a kind byte, a body. The length counts kind
//! and body. All numbers are big-endian; the last field of a body takes what remains.

use super::Parsed;
use super::frame::{ClientFrame, FrameError, Past, Resume, ServerFrame, Side};
use crate::id::Epoch;
use std::borrow::Cow;

/// The kind byte of each verb. Those of the relay have the top bit set; `ping`, `pong` and `bye`
/// are the same both ways.
pub mod kind {
    #![allow(missing_docs, reason = "the names are the verbs")]
    pub const HELLO: u8 = 0x01;
    pub const JOIN: u8 = 0x02;
    pub const LEAVE: u8 = 0x03;
    pub const SAY: u8 = 0x04;
    pub const MEMBERS: u8 = 0x05;
    pub const PING: u8 = 0x06;
    pub const PONG: u8 = 0x07;
    pub const BYE: u8 = 0x08;
    pub const HISTORY: u8 = 0x09;
    pub const TELL: u8 = 0x0a;
    pub const WELCOME: u8 = 0x81;
    pub const JOINED: u8 = 0x82;
    pub const LEFT: u8 = 0x83;
    pub const ACK: u8 = 0x84;
    pub const MEMBER_LIST: u8 = 0x85;
    pub const MESSAGE: u8 = 0x86;
    pub const CAME: u8 = 0x87;
    pub const WENT: u8 = 0x88;
    pub const GAP: u8 = 0x89;
    pub const ERROR: u8 = 0x8a;
    pub const PAST: u8 = 0x8b;
    pub const TOLD: u8 = 0x8c;
    pub const PASSED: u8 = 0x8d;
}

/// `hello`: the top bit of the version. Private messages may come.
const FLAG_PRIVATE: u16 = 1 << 15;
/// `join`: an epoch and an offset follow.
const FLAG_RESUME: u8 = 1;
/// `join`: a key follows.
const FLAG_KEY: u8 = 2;
/// `say`: the sender does not want its own copy.
const FLAG_NOT_TO_ME: u8 = 1;
/// `history`: what comes after the offset, not what is before it.
const FLAG_AFTER: u8 = 1;
/// `tell` and `told`: said so that no program answers it.
const FLAG_NOTICE: u8 = 1;
/// `joined`: everything missed follows.
const FLAG_RECOVERED: u8 = 1;

/// Bytes of the length before each frame.
pub const LENGTH_SIZE: usize = 4;

/// Finds the first whole frame: its kind and body. A declared length is judged from the header
/// alone, before anything is waited for or set aside.
///
/// # Errors
/// [`FrameError::TooLong`] above `max`, [`FrameError::Malformed`] for an empty frame.
pub fn split(bytes: &[u8], max: usize) -> Result<Parsed<(u8, &[u8])>, FrameError> {
    let Some((header, rest)) = bytes.split_first_chunk::<4>() else {
        return Ok(Parsed::Partial);
    };
    let length = u32::from_be_bytes(*header) as usize;
    if length > max {
        return Err(FrameError::TooLong { length, max });
    }
    if length == 0 {
        return Err(FrameError::Malformed("a frame needs at least its kind byte"));
    }
    match rest.get(..length).and_then(<[u8]>::split_first) {
        Some((&kind, body)) => Ok(Parsed::Complete((kind, body), 4 + length)),
        None => Ok(Parsed::Partial),
    }
}

/// Parses the first frame a client sent.
///
/// # Errors
/// See [`FrameError`]; the bytes are then no longer a stream of frames.
pub fn parse_client(bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
    match split(bytes, max)? {
        Parsed::Complete((kind, body), used) => {
            Ok(Parsed::Complete(read_client(kind, body)?, used))
        }
        Parsed::Partial => Ok(Parsed::Partial),
    }
}

/// Reads what a client said, without the length before it: a WebSocket message has its own.
///
/// # Errors
/// See [`FrameError`].
pub fn read_client(kind: u8, body: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
    let mut body = Body(body);
    let frame = match kind {
        kind::HELLO => {
            let version = body.u16()?;
            let (private, version) = (version & FLAG_PRIVATE != 0, version & !FLAG_PRIVATE);
            ClientFrame::Hello { version, private, key: body.u64()?, name: body.text_to_end()? }
        }
        kind::JOIN => {
            let request = body.u64()?;
            let flags = body.flags(FLAG_RESUME | FLAG_KEY)?;
            let resume = match flags & FLAG_RESUME {
                0 => None,
                _ => Some(Resume { epoch: Epoch(body.u64()?), offset: body.u64()? }),
            };
            let key = match flags & FLAG_KEY {
                0 => None,
                _ => Some(body.short_text()?),
            };
            ClientFrame::Join { request, resume, key, room: body.text_to_end()? }
        }
        kind::LEAVE => ClientFrame::Leave { request: body.u64()?, room: body.u32()? },
        kind::SAY => ClientFrame::Say {
            room: body.u32()?,
            id: body.u64()?,
            echo: body.flags(FLAG_NOT_TO_ME)? == 0,
            payload: Cow::Borrowed(body.rest()),
        },
        kind::MEMBERS => ClientFrame::Members { request: body.u64()?, room: body.u32()? },
        kind::HISTORY => {
            let (request, room) = (body.u64()?, body.u32()?);
            let side = match body.flags(FLAG_AFTER)? {
                0 => Side::Before(body.u64()?),
                _ => Side::After(body.u64()?),
            };
            ClientFrame::History { request, room, side, limit: body.u32()? }
        }
        kind::TELL => ClientFrame::Tell {
            request: body.u64()?,
            notice: body.flags(FLAG_NOTICE)? != 0,
            name: body.short_text()?,
            payload: Cow::Borrowed(body.rest()),
        },
        kind::PING => ClientFrame::Ping { token: body.u64()? },
        kind::PONG => ClientFrame::Pong { token: body.u64()? },
        kind::BYE => ClientFrame::Bye,
        other => return Err(FrameError::UnknownKind(other)),
    };
    body.finish()?;
    Ok(frame)
}

/// Parses the first frame a relay sent.
///
/// # Errors
/// See [`FrameError`]; the bytes are then no longer a stream of frames.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<ServerFrame<'_>>, FrameError> {
    match split(bytes, max)? {
        Parsed::Complete((kind, body), used) => {
            Ok(Parsed::Complete(read_server(kind, body)?, used))
        }
        Parsed::Partial => Ok(Parsed::Partial),
    }
}

/// Reads what a relay said, without the length before it.
///
/// # Errors
/// See [`FrameError`].
pub fn read_server(kind: u8, body: &[u8]) -> Result<ServerFrame<'_>, FrameError> {
    let mut body = Body(body);
    let frame = match kind {
        kind::WELCOME => ServerFrame::Welcome {
            version: body.u16()?,
            id: body.u64()?,
            key: body.u64()?,
            max_message: body.u32()?,
            max_rooms: body.u32()?,
            ping_ms: body.u32()?,
            name: body.text_to_end()?,
        },
        kind::JOINED => ServerFrame::Joined {
            request: body.u64()?,
            room: body.u32()?,
            recovered: body.flags(FLAG_RECOVERED)? != 0,
            epoch: Epoch(body.u64()?),
            head: body.u64()?,
            oldest: body.u64()?,
            members: body.u32()?,
            name: body.text_to_end()?,
        },
        kind::LEFT => {
            ServerFrame::Left { request: body.u64()?, room: body.u32()?, offset: body.u64()? }
        }
        kind::ACK => ServerFrame::Ack { room: body.u32()?, id: body.u64()?, offset: body.u64()? },
        kind::MEMBER_LIST => {
            let (request, room, count) = (body.u64()?, body.u32()?, body.u32()?);
            let mut names = Vec::new();
            while !body.0.is_empty() {
                names.push(body.short_text()?);
            }
            ServerFrame::Members { request, room, count, names }
        }
        kind::MESSAGE => ServerFrame::Message {
            room: body.u32()?,
            offset: body.u64()?,
            time: body.u64()?,
            sender: body.short_text()?,
            payload: Cow::Borrowed(body.rest()),
        },
        kind::PAST => {
            let (request, room, oldest) = (body.u64()?, body.u32()?, body.u64()?);
            let mut messages = Vec::new();
            while !body.0.is_empty() {
                let (offset, time, sender) = (body.u64()?, body.u64()?, body.short_text()?);
                let payload = Cow::Borrowed(body.long_bytes()?);
                messages.push(Past { offset, time, sender, payload });
            }
            ServerFrame::History { request, room, oldest, messages }
        }
        kind::CAME => {
            ServerFrame::Came { room: body.u32()?, count: body.u32()?, name: body.text_to_end()? }
        }
        kind::WENT => {
            ServerFrame::Went { room: body.u32()?, count: body.u32()?, name: body.text_to_end()? }
        }
        kind::GAP => ServerFrame::Gap { room: body.u32()?, from: body.u64()?, to: body.u64()? },
        kind::TOLD => ServerFrame::Told {
            time: body.u64()?,
            notice: body.flags(FLAG_NOTICE)? != 0,
            sender: body.short_text()?,
            payload: Cow::Borrowed(body.rest()),
        },
        kind::PASSED => ServerFrame::Passed {
            request: body.u64()?,
            time: body.u64()?,
            away: body.text_to_end()?,
        },
        kind::PING => ServerFrame::Ping { token: body.u64()? },
        kind::PONG => ServerFrame::Pong { token: body.u64()? },
        kind::ERROR => ServerFrame::Error {
            code: body.u16()?,
            request: body.u64()?,
            text: body.text_to_end()?,
        },
        kind::BYE => ServerFrame::Bye { code: body.u16()?, text: body.text_to_end()? },
        other => return Err(FrameError::UnknownKind(other)),
    };
    body.finish()?;
    Ok(frame)
}

/// Appends what a client says.
pub fn write_client(frame: &ClientFrame<'_>, out: &mut Vec<u8>) {
    match frame {
        ClientFrame::Hello { version, private, key, name } => {
            let version = if *private { version | FLAG_PRIVATE } else { *version };
            write(out, kind::HELLO, &[&version.to_be_bytes(), &key.to_be_bytes(), name.as_bytes()]);
        }
        ClientFrame::Join { request, resume, key, room } => {
            let mut options = Vec::new();
            let mut flags = 0;
            if let Some(Resume { epoch, offset }) = resume {
                flags |= FLAG_RESUME;
                let place = [epoch.0.to_be_bytes(), offset.to_be_bytes()];
                options.extend_from_slice(place.as_flattened());
            }
            if let Some(key) = key {
                flags |= FLAG_KEY;
                options.push(short(key));
                options.extend_from_slice(key.as_bytes());
            }
            let fields: [&[u8]; 4] = [&request.to_be_bytes(), &[flags], &options, room.as_bytes()];
            write(out, kind::JOIN, &fields);
        }
        ClientFrame::Leave { request, room } => {
            write(out, kind::LEAVE, &[&request.to_be_bytes(), &room.to_be_bytes()]);
        }
        ClientFrame::Say { room, id, echo, payload } => {
            let flags = if *echo { 0 } else { FLAG_NOT_TO_ME };
            write(out, kind::SAY, &[&room.to_be_bytes(), &id.to_be_bytes(), &[flags], payload]);
        }
        ClientFrame::Members { request, room } => {
            write(out, kind::MEMBERS, &[&request.to_be_bytes(), &room.to_be_bytes()]);
        }
        ClientFrame::History { request, room, side, limit } => {
            let (flags, offset) = match side {
                Side::Before(offset) => (0, offset),
                Side::After(offset) => (FLAG_AFTER, offset),
            };
            let fields: [&[u8]; 5] = [
                &request.to_be_bytes(),
                &room.to_be_bytes(),
                &[flags],
                &offset.to_be_bytes(),
                &limit.to_be_bytes(),
            ];
            write(out, kind::HISTORY, &fields);
        }
        ClientFrame::Tell { request, notice, name, payload } => {
            let fields: [&[u8]; 5] = [
                &request.to_be_bytes(),
                &[if *notice { FLAG_NOTICE } else { 0 }],
                &[short(name)],
                name.as_bytes(),
                payload,
            ];
            write(out, kind::TELL, &fields);
        }
        ClientFrame::Ping { token } => write(out, kind::PING, &[&token.to_be_bytes()]),
        ClientFrame::Pong { token } => write(out, kind::PONG, &[&token.to_be_bytes()]),
        ClientFrame::Bye => write(out, kind::BYE, &[]),
    }
}

/// Appends what the relay says.
pub fn write_server(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    match frame {
        ServerFrame::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
            let numbers =
                [max_message.to_be_bytes(), max_rooms.to_be_bytes(), ping_ms.to_be_bytes()];
            let fields: [&[u8]; 5] = [
                &version.to_be_bytes(),
                &id.to_be_bytes(),
                &key.to_be_bytes(),
                numbers.as_flattened(),
                name.as_bytes(),
            ];
            write(out, kind::WELCOME, &fields);
        }
        ServerFrame::Joined { request, room, recovered, epoch, head, oldest, members, name } => {
            let flags = if *recovered { FLAG_RECOVERED } else { 0 };
            let place = [epoch.0.to_be_bytes(), head.to_be_bytes(), oldest.to_be_bytes()];
            let fields: [&[u8]; 6] = [
                &request.to_be_bytes(),
                &room.to_be_bytes(),
                &[flags],
                place.as_flattened(),
                &members.to_be_bytes(),
                name.as_bytes(),
            ];
            write(out, kind::JOINED, &fields);
        }
        ServerFrame::Left { request, room, offset } => {
            let fields: [&[u8]; 3] =
                [&request.to_be_bytes(), &room.to_be_bytes(), &offset.to_be_bytes()];
            write(out, kind::LEFT, &fields);
        }
        ServerFrame::Ack { room, id, offset } => {
            let fields: [&[u8]; 3] =
                [&room.to_be_bytes(), &id.to_be_bytes(), &offset.to_be_bytes()];
            write(out, kind::ACK, &fields);
        }
        ServerFrame::Members { request, room, count, names } => {
            let mut list = Vec::new();
            for name in names {
                list.push(short(name));
                list.extend_from_slice(name.as_bytes());
            }
            let fields: [&[u8]; 4] =
                [&request.to_be_bytes(), &room.to_be_bytes(), &count.to_be_bytes(), &list];
            write(out, kind::MEMBER_LIST, &fields);
        }
        ServerFrame::Message { room, offset, time, sender, payload } => {
            let fields: [&[u8]; 6] = [
                &room.to_be_bytes(),
                &offset.to_be_bytes(),
                &time.to_be_bytes(),
                &[short(sender)],
                sender.as_bytes(),
                payload,
            ];
            write(out, kind::MESSAGE, &fields);
        }
        ServerFrame::History { request, room, oldest, messages } => {
            let mut list = Vec::new();
            for Past { offset, time, sender, payload } in messages {
                list.extend_from_slice([offset.to_be_bytes(), time.to_be_bytes()].as_flattened());
                list.push(short(sender));
                list.extend_from_slice(sender.as_bytes());
                list.extend_from_slice(&(payload.len() as u32).to_be_bytes());
                list.extend_from_slice(payload);
            }
            let fields: [&[u8]; 4] =
                [&request.to_be_bytes(), &room.to_be_bytes(), &oldest.to_be_bytes(), &list];
            write(out, kind::PAST, &fields);
        }
        ServerFrame::Came { room, count, name } => {
            write(out, kind::CAME, &[&room.to_be_bytes(), &count.to_be_bytes(), name.as_bytes()]);
        }
        ServerFrame::Went { room, count, name } => {
            write(out, kind::WENT, &[&room.to_be_bytes(), &count.to_be_bytes(), name.as_bytes()]);
        }
        ServerFrame::Gap { room, from, to } => {
            write(out, kind::GAP, &[&room.to_be_bytes(), &from.to_be_bytes(), &to.to_be_bytes()]);
        }
        ServerFrame::Told { time, notice, sender, payload } => {
            let fields: [&[u8]; 5] = [
                &time.to_be_bytes(),
                &[if *notice { FLAG_NOTICE } else { 0 }],
                &[short(sender)],
                sender.as_bytes(),
                payload,
            ];
            write(out, kind::TOLD, &fields);
        }
        ServerFrame::Passed { request, time, away } => {
            let fields: [&[u8]; 3] = [&request.to_be_bytes(), &time.to_be_bytes(), away.as_bytes()];
            write(out, kind::PASSED, &fields);
        }
        ServerFrame::Ping { token } => write(out, kind::PING, &[&token.to_be_bytes()]),
        ServerFrame::Pong { token } => write(out, kind::PONG, &[&token.to_be_bytes()]),
        ServerFrame::Error { code, request, text } => {
            let fields: [&[u8]; 3] = [&code.to_be_bytes(), &request.to_be_bytes(), text.as_bytes()];
            write(out, kind::ERROR, &fields);
        }
        ServerFrame::Bye { code, text } => {
            write(out, kind::BYE, &[&code.to_be_bytes(), text.as_bytes()]);
        }
    }
}

/// A frame of the given fields, in order. Fields of our own making, so their sum fits a `u32`.
fn write(out: &mut Vec<u8>, kind: u8, fields: &[&[u8]]) {
    let length: usize = 1 + fields.iter().map(|field| field.len()).sum::<usize>();
    out.reserve(4 + length);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.push(kind);
    for field in fields {
        out.extend_from_slice(field);
    }
}

/// The length byte of a short text. Names and keys are at most 255 bytes by the time they get here.
fn short(text: &str) -> u8 {
    debug_assert!(text.len() <= usize::from(u8::MAX));
    text.len() as u8
}

/// What is left of a frame's body.
struct Body<'a>(&'a [u8]);

impl<'a> Body<'a> {
    const SHORT: FrameError = FrameError::Malformed("the frame ends before its fields do");

    fn take<const N: usize>(&mut self) -> Result<[u8; N], FrameError> {
        let (field, rest) = self.0.split_first_chunk::<N>().ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(*field)
    }

    fn u8(&mut self) -> Result<u8, FrameError> {
        self.take::<1>().map(|[byte]| byte)
    }

    fn u16(&mut self) -> Result<u16, FrameError> {
        self.take().map(u16::from_be_bytes)
    }

    fn u32(&mut self) -> Result<u32, FrameError> {
        self.take().map(u32::from_be_bytes)
    }

    fn u64(&mut self) -> Result<u64, FrameError> {
        self.take().map(u64::from_be_bytes)
    }

    /// Bits nobody has given a meaning yet are refused, so that they can be given one.
    fn flags(&mut self, known: u8) -> Result<u8, FrameError> {
        match self.u8()? {
            flags if flags & !known == 0 => Ok(flags),
            _ => Err(FrameError::Malformed("the flags have bits that mean nothing in version 1")),
        }
    }

    fn rest(&mut self) -> &'a [u8] {
        std::mem::take(&mut self.0)
    }

    fn text(bytes: &'a [u8]) -> Result<Cow<'a, str>, FrameError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) => Err(FrameError::Malformed("a text field is not UTF-8")),
        }
    }

    fn text_to_end(&mut self) -> Result<Cow<'a, str>, FrameError> {
        Self::text(self.rest())
    }

    fn short_text(&mut self) -> Result<Cow<'a, str>, FrameError> {
        let length = usize::from(self.u8()?);
        let (text, rest) = self.0.split_at_checked(length).ok_or(Self::SHORT)?;
        self.0 = rest;
        Self::text(text)
    }

    fn long_bytes(&mut self) -> Result<&'a [u8], FrameError> {
        let length = self.u32()? as usize;
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn finish(self) -> Result<(), FrameError> {
        match self.0 {
            [] => Ok(()),
            _ => Err(FrameError::Malformed("the frame goes on after its fields end")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::super::frame::arbitrary;
    use super::*;
    use proptest::prelude::*;

    const MAX: usize = 1 << 20;

    fn client_bytes(frame: &ClientFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_client(frame, &mut out);
        out
    }

    fn server_bytes(frame: &ServerFrame<'_>) -> Vec<u8> {
        let mut out = Vec::new();
        write_server(frame, &mut out);
        out
    }

    /// Fault P1: the header alone is enough to refuse.
    #[test]
    fn fault_p1_a_declared_length_is_refused_at_once() {
        let length = u32::MAX as usize;
        let refused = Err(FrameError::TooLong { length, max: MAX });
        assert_eq!(parse_client(b"\xff\xff\xff\xff\x04", MAX), refused);
        assert_eq!(parse_client(b"\xff\xff\xff\xff", MAX), refused);
        assert_eq!(parse_client(b"\xff\xff\xff", MAX), Ok(Parsed::Partial));
    }

    #[test]
    fn the_limit_counts_kind_and_body() {
        let say = ClientFrame::Say { room: 1, id: 2, echo: true, payload: b"0123456789".into() };
        let bytes = client_bytes(&say);
        let length = bytes.len() - 4;
        for max in [length, length + 1] {
            let whole = Ok(Parsed::Complete(say.clone(), bytes.len()));
            assert_eq!(parse_client(&bytes, max), whole);
        }
        let max = length - 1;
        for end in 4..=bytes.len() {
            assert_eq!(parse_client(&bytes[..end], max), Err(FrameError::TooLong { length, max }));
        }
    }

    #[test]
    fn what_no_verb_looks_like_is_refused() {
        let malformed = |bytes: &[u8]| {
            let client = matches!(parse_client(bytes, MAX), Err(FrameError::Malformed(_)));
            let server = matches!(parse_server(bytes, MAX), Err(FrameError::Malformed(_)));
            (client, server)
        };
        assert_eq!(malformed(&[0, 0, 0, 0]), (true, true), "not even a kind");
        assert_eq!(
            malformed(&[0, 0, 0, 2, kind::BYE, 0]),
            (true, true),
            "one byte beside the layout"
        );
        assert_eq!(malformed(&[0, 0, 0, 1, kind::PING]), (true, true), "no token");
        let text = [0, 0, 0, 3 + 8 + 1, kind::HELLO, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff];
        assert_eq!(
            parse_client(&text, MAX),
            Err(FrameError::Malformed("a text field is not UTF-8"))
        );
        let flags = [0, 0, 0, 10, kind::JOIN, 0, 0, 0, 0, 0, 0, 0, 0, 4];
        assert!(malformed(&flags).0, "a bit without a meaning");
        for unknown in [0, 0x0b, 0x7f, 0x80, 0x8e, 0xff] {
            let bytes = [0, 0, 0, 1, unknown];
            assert_eq!(parse_client(&bytes, MAX), Err(FrameError::UnknownKind(unknown)));
            assert_eq!(parse_server(&bytes, MAX), Err(FrameError::UnknownKind(unknown)));
        }
        let of_the_relay = [0, 0, 0, 1, kind::ACK];
        assert_eq!(parse_client(&of_the_relay, MAX), Err(FrameError::UnknownKind(kind::ACK)));
        let of_a_client = [0, 0, 0, 1, kind::SAY];
        assert_eq!(parse_server(&of_a_client, MAX), Err(FrameError::UnknownKind(kind::SAY)));
    }

    proptest! {
        #[test]
        fn client_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::client_frame()) {
            let bytes = client_bytes(&frame);
            let whole = Parsed::Complete(frame, bytes.len());
            for (cut, shown) in arbitrary::cuts(&bytes, &[0, 0, 0, 0, 0xff]).enumerate() {
                let found = parse_client(&shown, MAX);
                let expected = if cut < bytes.len() { &Parsed::Partial } else { &whole };
                prop_assert_eq!(found.as_ref(), Ok(expected), "cut at {}", cut);
            }
        }

        #[test]
        fn server_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::server_frame()) {
            let bytes = server_bytes(&frame);
            let whole = Parsed::Complete(frame, bytes.len());
            for (cut, shown) in arbitrary::cuts(&bytes, &[0, 0, 0, 0, 0xff]).enumerate() {
                let found = parse_server(&shown, MAX);
                let expected = if cut < bytes.len() { &Parsed::Partial } else { &whole };
                prop_assert_eq!(found.as_ref(), Ok(expected), "cut at {}", cut);
            }
        }

        #[test]
        fn any_bytes_are_answered_within_themselves(bytes in arbitrary::bytes(), max in 0usize..300) {
            if let Ok(Parsed::Complete(_, used)) = parse_client(&bytes, max) {
                prop_assert!(4 < used && used <= bytes.len().min(4 + max));
            }
            if let Ok(Parsed::Complete(_, used)) = parse_server(&bytes, max) {
                prop_assert!(4 < used && used <= bytes.len().min(4 + max));
            }
        }

        /// Whatever parses is written again as the very same bytes: there is one spelling of each
        /// frame. One byte changed gets much deeper into the parsers than bytes without any sense.
        #[test]
        fn a_damaged_frame_is_refused_or_is_another_frame(
            client in arbitrary::client_frame(),
            server in arbitrary::server_frame(),
            at in any::<proptest::sample::Index>(),
            byte in any::<u8>(),
        ) {
            let mut bytes = client_bytes(&client);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(frame, used)) = parse_client(&bytes, MAX) {
                prop_assert_eq!(client_bytes(&frame), &bytes[..used]);
            }
            let mut bytes = server_bytes(&server);
            *at.get_mut(&mut bytes) = byte;
            if let Ok(Parsed::Complete(frame, used)) = parse_server(&bytes, MAX) {
                prop_assert_eq!(server_bytes(&frame), &bytes[..used]);
            }
        }
    }
}
