//! The binary encoding: a 4-byte big-endian length, a kind byte, a body. The length counts kind and
//! body. All numbers are big-endian; the last field of a body takes the remaining bytes.

use super::Parsed;
use super::frame::{ClientFrame, FrameError, Past, Resume, ServerFrame, Side};
use super::verbs::verbs;
use crate::id::Epoch;
use std::borrow::Cow;

/// The kind byte of each verb.
pub mod kind {
    macro_rules! kind {
        ($Frame:ident $side:ident $($name:literal $kind:literal $Verb:ident $fields:tt
            $(json $order:tt)?;)*
        ) => {
            #[doc = concat!("Those of a [`", stringify!($Frame), "`](crate::wire::frame::", stringify!($Frame), ").")]
            #[allow(missing_docs, non_upper_case_globals, reason = "the names are the verbs")]
            pub mod $side {
                $(pub const $Verb: u8 = $kind;)*
            }
        };
    }

    super::verbs!(kind);
}

/// `hello`: the top bit of the version. The client accepts direct messages.
const FLAG_PRIVATE: u16 = 1 << 15;
/// `join`: an epoch and an offset follow.
const FLAG_RESUME: u8 = 1;
/// `join`: a key follows.
const FLAG_KEY: u8 = 2;
/// The bit of a field that consists of one flag.
const FLAG: u8 = 1;

/// The size of the length before each frame.
pub const LENGTH_SIZE: usize = 4;

/// Splits off the first complete frame: its kind and body. A declared length is checked before any
/// memory is reserved for it.
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

/// Parses the first frame of a client.
///
/// # Errors
/// See [`FrameError`]; the bytes are then no longer a stream of frames.
pub fn parse_client(bytes: &[u8], max: usize) -> Result<Parsed<ClientFrame<'_>>, FrameError> {
    parse(bytes, max)
}

/// Parses the first frame of a relay.
///
/// # Errors
/// See [`FrameError`]; the bytes are then no longer a stream of frames.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<ServerFrame<'_>>, FrameError> {
    parse(bytes, max)
}

/// Reads a client's frame without the length before it: a WebSocket message has its own length.
///
/// # Errors
/// See [`FrameError`].
pub fn read_client(kind: u8, body: &[u8]) -> Result<ClientFrame<'_>, FrameError> {
    BinaryFrame::read(kind, body)
}

/// Reads a relay's frame without the length before it.
///
/// # Errors
/// See [`FrameError`].
pub fn read_server(kind: u8, body: &[u8]) -> Result<ServerFrame<'_>, FrameError> {
    BinaryFrame::read(kind, body)
}

/// Appends a client's frame.
pub fn write_client(frame: &ClientFrame<'_>, out: &mut Vec<u8>) {
    frame.write(out);
}

/// Appends a relay's frame.
pub fn write_server(frame: &ServerFrame<'_>, out: &mut Vec<u8>) {
    frame.write(out);
}

fn parse<'a, F: BinaryFrame<'a>>(bytes: &'a [u8], max: usize) -> Result<Parsed<F>, FrameError> {
    match split(bytes, max)? {
        Parsed::Complete((kind, body), used) => Ok(Parsed::Complete(F::read(kind, body)?, used)),
        Parsed::Partial => Ok(Parsed::Partial),
    }
}

/// The frames of one side.
trait BinaryFrame<'a>: Sized {
    /// Reads the frame of this kind.
    fn read(kind: u8, body: &'a [u8]) -> Result<Self, FrameError>;

    /// Appends the frame.
    fn write(&self, out: &mut Vec<u8>);
}

/// Implements reading and writing: the fields of each verb in order, with the methods of [`Body`]
/// and [`Fields`] that are named like the field types.
macro_rules! encoding {
    ($Frame:ident $side:ident $($name:literal $kind:literal $Verb:ident
        { $($field:ident $(+ $more:ident)*: $type:ident $(or $default:expr)?),* }
        $(json $order:tt)?;)*
    ) => {
        #[allow(unused_parens, unused_mut, reason = "a type may have one field, a verb none")]
        impl<'a> BinaryFrame<'a> for $Frame<'a> {
            fn read(kind: u8, body: &'a [u8]) -> Result<Self, FrameError> {
                let mut body = Body(body);
                match kind {
                    $($kind => {
                        $(let ($field $(, $more)*) = body.$type()?;)*
                        body.finish()?;
                        Ok(Self::$Verb { $($field $(, $more)*),* })
                    })*
                    other => Err(FrameError::UnknownKind(other)),
                }
            }

            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$Verb { $($field $(, $more)*),* } => {
                        let mut length = Length(0);
                        $(length.$type($field $(, $more)*);)*
                        begin(out, $kind, length);
                        $(out.$type($field $(, $more)*);)*
                    })*
                }
            }
        }
    };
}

verbs!(encoding);

/// Appends length and kind, and reserves the body. The relay writes its own fields, so their sum
/// fits a `u32`.
fn begin(out: &mut Vec<u8>, kind: u8, Length(body): Length) {
    let length = 1 + body;
    out.reserve(LENGTH_SIZE + length);
    out.extend_from_slice(&(length as u32).to_be_bytes());
    out.push(kind);
}

/// Returns the length byte of a short text. Names and keys are limited to 255 bytes before they get
/// here.
fn short(text: &str) -> u8 {
    debug_assert!(text.len() <= usize::from(u8::MAX));
    text.len() as u8
}

/// Writes fields, with one method for each type in the table of verbs.
trait Fields {
    fn bytes(&mut self, bytes: &[u8]);

    fn u16(&mut self, number: &u16) {
        self.bytes(&number.to_be_bytes());
    }

    fn u32(&mut self, number: &u32) {
        self.bytes(&number.to_be_bytes());
    }

    fn u64(&mut self, number: &u64) {
        self.bytes(&number.to_be_bytes());
    }

    fn hex(&mut self, number: &u64) {
        self.u64(number);
    }

    fn key(&mut self, key: &u64) {
        self.u64(key);
    }

    fn epoch(&mut self, epoch: &Epoch) {
        self.u64(&epoch.0);
    }

    fn flag(&mut self, flag: &bool) {
        self.bytes(&[if *flag { FLAG } else { 0 }]);
    }

    fn inverse_flag(&mut self, flag: &bool) {
        self.flag(&!flag);
    }

    fn text(&mut self, text: &str) {
        self.bytes(text.as_bytes());
    }

    fn short_text(&mut self, text: &str) {
        self.bytes(&[short(text)]);
        self.text(text);
    }

    fn payload(&mut self, payload: &[u8]) {
        self.bytes(payload);
    }

    fn version(&mut self, version: &u16, private: &bool) {
        self.u16(&if *private { version | FLAG_PRIVATE } else { *version });
    }

    fn resume_and_key(&mut self, resume: &Option<Resume>, key: &Option<Cow<'_, str>>) {
        let flag = |is_there, flag| if is_there { flag } else { 0 };
        self.bytes(&[flag(resume.is_some(), FLAG_RESUME) | flag(key.is_some(), FLAG_KEY)]);
        if let Some(Resume { epoch, offset }) = resume {
            self.epoch(epoch);
            self.u64(offset);
        }
        if let Some(key) = key {
            self.short_text(key);
        }
    }

    fn side(&mut self, side: &Side) {
        let (is_after, offset) = match side {
            Side::Before(offset) => (false, offset),
            Side::After(offset) => (true, offset),
        };
        self.flag(&is_after);
        self.u64(offset);
    }

    fn names(&mut self, names: &[Cow<'_, str>]) {
        names.iter().for_each(|name| self.short_text(name));
    }

    fn messages(&mut self, messages: &[Past<'_>]) {
        for Past { offset, time, sender, payload } in messages {
            self.u64(offset);
            self.u64(time);
            self.short_text(sender);
            self.u32(&(payload.len() as u32));
            self.bytes(payload);
        }
    }
}

impl Fields for Vec<u8> {
    fn bytes(&mut self, bytes: &[u8]) {
        self.extend_from_slice(bytes);
    }
}

/// A counter of the bytes that fields take.
struct Length(usize);

impl Fields for Length {
    fn bytes(&mut self, bytes: &[u8]) {
        self.0 += bytes.len();
    }
}

/// The unread bytes of a body, with one method for each type in the table of verbs.
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

    fn hex(&mut self) -> Result<u64, FrameError> {
        self.u64()
    }

    fn key(&mut self) -> Result<u64, FrameError> {
        self.u64()
    }

    fn epoch(&mut self) -> Result<Epoch, FrameError> {
        self.u64().map(Epoch)
    }

    /// Reads a byte of flags. Unknown bits are refused, so that later versions can assign them.
    fn flags(&mut self, known: u8) -> Result<u8, FrameError> {
        match self.u8()? {
            flags if flags & !known == 0 => Ok(flags),
            _ => Err(FrameError::Malformed("the flags have bits that mean nothing in version 1")),
        }
    }

    fn flag(&mut self) -> Result<bool, FrameError> {
        self.flags(FLAG).map(|flags| flags != 0)
    }

    fn inverse_flag(&mut self) -> Result<bool, FrameError> {
        self.flag().map(|flag| !flag)
    }

    /// Reads the remaining bytes.
    fn payload(&mut self) -> Result<Cow<'a, [u8]>, FrameError> {
        Ok(Cow::Borrowed(std::mem::take(&mut self.0)))
    }

    /// Reads the remaining bytes as text.
    fn text(&mut self) -> Result<Cow<'a, str>, FrameError> {
        Self::text_of(std::mem::take(&mut self.0))
    }

    fn short_text(&mut self) -> Result<Cow<'a, str>, FrameError> {
        let length = usize::from(self.u8()?);
        Self::text_of(self.split(length)?)
    }

    /// Reads the version, and the flag in its top bit.
    fn version(&mut self) -> Result<(u16, bool), FrameError> {
        self.u16().map(|version| (version & !FLAG_PRIVATE, version & FLAG_PRIVATE != 0))
    }

    fn resume_and_key(&mut self) -> Result<(Option<Resume>, Option<Cow<'a, str>>), FrameError> {
        let flags = self.flags(FLAG_RESUME | FLAG_KEY)?;
        let resume = match flags & FLAG_RESUME {
            0 => None,
            _ => Some(Resume { epoch: self.epoch()?, offset: self.u64()? }),
        };
        let key = match flags & FLAG_KEY {
            0 => None,
            _ => Some(self.short_text()?),
        };
        Ok((resume, key))
    }

    /// Reads a side: the flag selects the messages after the offset instead of those before it.
    fn side(&mut self) -> Result<Side, FrameError> {
        match self.flag()? {
            false => self.u64().map(Side::Before),
            true => self.u64().map(Side::After),
        }
    }

    fn names(&mut self) -> Result<Vec<Cow<'a, str>>, FrameError> {
        let mut names = Vec::new();
        while !self.0.is_empty() {
            names.push(self.short_text()?);
        }
        Ok(names)
    }

    fn messages(&mut self) -> Result<Vec<Past<'a>>, FrameError> {
        let mut messages = Vec::new();
        while !self.0.is_empty() {
            let (offset, time, sender) = (self.u64()?, self.u64()?, self.short_text()?);
            let length = self.u32()? as usize;
            let payload = Cow::Borrowed(self.split(length)?);
            messages.push(Past { offset, time, sender, payload });
        }
        Ok(messages)
    }

    fn split(&mut self, length: usize) -> Result<&'a [u8], FrameError> {
        let (bytes, rest) = self.0.split_at_checked(length).ok_or(Self::SHORT)?;
        self.0 = rest;
        Ok(bytes)
    }

    fn text_of(bytes: &'a [u8]) -> Result<Cow<'a, str>, FrameError> {
        match std::str::from_utf8(bytes) {
            Ok(text) => Ok(Cow::Borrowed(text)),
            Err(_) => Err(FrameError::Malformed("a text field is not UTF-8")),
        }
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
            malformed(&[0, 0, 0, 2, kind::client::Bye, 0]),
            (true, true),
            "one byte beside the layout"
        );
        assert_eq!(malformed(&[0, 0, 0, 1, kind::client::Ping]), (true, true), "no token");
        let text = [0, 0, 0, 3 + 8 + 1, kind::client::Hello, 0, 1, 0, 0, 0, 0, 0, 0, 0, 0, 0xff];
        assert_eq!(
            parse_client(&text, MAX),
            Err(FrameError::Malformed("a text field is not UTF-8"))
        );
        let flags = [0, 0, 0, 10, kind::client::Join, 0, 0, 0, 0, 0, 0, 0, 0, 4];
        assert!(malformed(&flags).0, "a bit without a meaning");
        for unknown in [0, 0x0b, 0x7f, 0x80, 0x8e, 0xff] {
            let bytes = [0, 0, 0, 1, unknown];
            assert_eq!(parse_client(&bytes, MAX), Err(FrameError::UnknownKind(unknown)));
            assert_eq!(parse_server(&bytes, MAX), Err(FrameError::UnknownKind(unknown)));
        }
        let of_the_relay = [0, 0, 0, 1, kind::server::Ack];
        assert_eq!(
            parse_client(&of_the_relay, MAX),
            Err(FrameError::UnknownKind(kind::server::Ack))
        );
        let of_a_client = [0, 0, 0, 1, kind::client::Say];
        assert_eq!(
            parse_server(&of_a_client, MAX),
            Err(FrameError::UnknownKind(kind::client::Say))
        );
    }

    proptest! {
        #[test]
        fn client_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::client()) {
            let bytes = client_bytes(&frame);
            let whole = Parsed::Complete(frame, bytes.len());
            for (cut, shown) in arbitrary::cuts(&bytes, &[0, 0, 0, 0, 0xff]).enumerate() {
                let found = parse_client(&shown, MAX);
                let expected = if cut < bytes.len() { &Parsed::Partial } else { &whole };
                prop_assert_eq!(found.as_ref(), Ok(expected), "cut at {}", cut);
            }
        }

        #[test]
        fn server_frames_survive_and_a_cut_anywhere_waits(frame in arbitrary::server()) {
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

        /// A parsed frame is written again as the same bytes: there is one encoding of each
        /// frame. One byte changed gets much deeper into the parsers than bytes without any sense.
        #[test]
        fn a_damaged_frame_is_refused_or_is_another_frame(
            client in arbitrary::client(),
            server in arbitrary::server(),
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
