//! WebSocket frames (RFC 6455 §5) in both directions. Clients mask their frames; the relay does
//! not, so that one tape serves every browser.

use super::Parsed;
use super::deflate::Deflater;
use std::fmt;

/// The type of a frame (RFC 6455 §5.2).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
pub enum Opcode {
    /// The next fragment of a message that a `Text` or `Binary` frame began.
    Continuation = 0x0,
    /// A message of UTF-8, or its first fragment.
    Text = 0x1,
    /// A message of any bytes, or its first fragment.
    Binary = 0x2,
    /// The last frame of its sender.
    Close = 0x8,
    /// Requests a `Pong` with the same payload.
    Ping = 0x9,
    /// Replies to a `Ping`, or is an unrequested keep-alive.
    Pong = 0xa,
}

impl Opcode {
    fn of(bits: u8) -> Option<Self> {
        match bits {
            0x0 => Some(Self::Continuation),
            0x1 => Some(Self::Text),
            0x2 => Some(Self::Binary),
            0x8 => Some(Self::Close),
            0x9 => Some(Self::Ping),
            0xa => Some(Self::Pong),
            _ => None,
        }
    }

    /// True for a control frame: short, unfragmented, and allowed between the fragments of a
    /// message.
    pub fn is_control(self) -> bool {
        matches!(self, Self::Close | Self::Ping | Self::Pong)
    }
}

/// The longest payload of a control frame (RFC 6455 §5.5).
pub const CONTROL_MAX: usize = 125;

/// The longest header that the relay writes.
const HEADER_MAX: usize = 10;

/// The shortest payload that is compressed.
const DEFLATE_MIN: usize = 64;

const FIN: u8 = 0x80;
const COMPRESSED: u8 = 0x40;
const RESERVED: u8 = 0x30;
const MASKED: u8 = 0x80;

/// A client's frame, its payload still masked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Frame<'a> {
    /// True for the last fragment of a message.
    pub fin: bool,
    /// True on the first frame of a compressed message (RFC 7692 §6).
    pub compressed: bool,
    /// The type.
    pub opcode: Opcode,
    mask: [u8; 4],
    masked: &'a [u8],
}

impl Frame<'_> {
    /// Appends the unmasked payload.
    pub fn unmask_into(&self, out: &mut Vec<u8>) {
        let from = out.len();
        out.extend_from_slice(self.masked);
        let [a, b, c, d] = self.mask;
        let wide = u64::from_ne_bytes([a, b, c, d, a, b, c, d]);
        let mut words = out.get_mut(from..).unwrap_or_default().chunks_exact_mut(8);
        for word in &mut words {
            if let Ok(bytes) = <[u8; 8]>::try_from(&*word) {
                word.copy_from_slice(&(u64::from_ne_bytes(bytes) ^ wide).to_ne_bytes());
            }
        }
        for (byte, mask) in words.into_remainder().iter_mut().zip(self.mask.iter().cycle()) {
            *byte ^= mask;
        }
    }

    /// Returns the unmasked payload.
    pub fn payload(&self) -> Vec<u8> {
        let mut payload = Vec::with_capacity(self.masked.len());
        self.unmask_into(&mut payload);
        payload
    }
}

/// Invalid input. The connection must be closed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WebSocketError {
    /// A violation of RFC 6455.
    Protocol(&'static str),
    /// A declared length above the limit.
    TooLong {
        /// The declared length.
        length: u64,
        /// The limit.
        max: usize,
    },
}

impl fmt::Display for WebSocketError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Protocol(what) => f.write_str(what),
            Self::TooLong { length, max } => {
                write!(f, "a frame of {length} bytes, where at most {max} are taken")
            }
        }
    }
}

/// Parses the first complete frame of a client. The header is checked before the payload has
/// arrived. `compression` is true if it was negotiated; `max` returns the limit of a data frame
/// (control frames have their own).
///
/// # Errors
/// [`WebSocketError`]; the connection must be closed.
pub fn parse_client(
    bytes: &[u8],
    compression: bool,
    max: impl FnOnce(Opcode) -> usize,
) -> Result<Parsed<Frame<'_>>, WebSocketError> {
    let [first, second, rest @ ..] = bytes else { return Ok(Parsed::Partial) };
    let (fin, compressed) = (first & FIN != 0, first & COMPRESSED != 0);
    if first & RESERVED != 0 || compressed && !compression {
        return Err(WebSocketError::Protocol("a reserved bit is set"));
    }
    let Some(opcode) = Opcode::of(first & 0x0f) else {
        return Err(WebSocketError::Protocol("no frame has that opcode"));
    };
    if second & MASKED == 0 {
        return Err(WebSocketError::Protocol("frames of a client are masked"));
    }
    if opcode.is_control() && !fin {
        return Err(WebSocketError::Protocol("a control frame is in fragments"));
    }
    if compressed && !matches!(opcode, Opcode::Text | Opcode::Binary) {
        return Err(WebSocketError::Protocol(
            "only a message's first frame says that it is compressed",
        ));
    }
    let Some((length, rest)) = split_length(*second, rest) else { return Ok(Parsed::Partial) };
    if opcode.is_control() && length > CONTROL_MAX as u64 {
        return Err(WebSocketError::Protocol("a control frame is longer than 125 bytes"));
    }
    if length > i64::MAX as u64 {
        return Err(WebSocketError::Protocol("the highest bit of a length is not 0"));
    }
    let max = if opcode.is_control() { CONTROL_MAX } else { max(opcode) };
    let Some(whole) = usize::try_from(length).ok().filter(|length| *length <= max) else {
        return Err(WebSocketError::TooLong { length, max });
    };
    let Some((mask, rest)) = rest.split_first_chunk::<4>() else { return Ok(Parsed::Partial) };
    match rest.get(..whole) {
        Some(masked) => {
            let used = bytes.len() - rest.len() + whole;
            Ok(Parsed::Complete(Frame { fin, compressed, opcode, mask: *mask, masked }, used))
        }
        None => Ok(Parsed::Partial),
    }
}

/// Parses the first complete frame of a server. Returns its first byte and its payload.
///
/// # Errors
/// [`WebSocketError`]; the connection must be closed.
pub fn parse_server(bytes: &[u8], max: usize) -> Result<Parsed<(u8, &[u8])>, WebSocketError> {
    let [first, second, rest @ ..] = bytes else { return Ok(Parsed::Partial) };
    if second & MASKED != 0 {
        return Err(WebSocketError::Protocol("frames of a server are not masked"));
    }
    let Some((length, rest)) = split_length(*second, rest) else { return Ok(Parsed::Partial) };
    let Some(whole) = usize::try_from(length).ok().filter(|length| *length <= max) else {
        return Err(WebSocketError::TooLong { length, max });
    };
    let used = bytes.len() - rest.len() + whole;
    let payload = rest.get(..whole);
    Ok(payload.map_or(Parsed::Partial, |payload| Parsed::Complete((*first, payload), used)))
}

/// Returns the declared length, and the bytes after it.
fn split_length(second: u8, rest: &[u8]) -> Option<(u64, &[u8])> {
    match second & !MASKED {
        126 => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u64::from(u16::from_be_bytes(*length)), rest))
        }
        127 => {
            let (length, rest) = rest.split_first_chunk()?;
            Some((u64::from_be_bytes(*length), rest))
        }
        short => Some((u64::from(short), rest)),
    }
}

/// Parses the payload of a `Close` frame. Returns its code, if it has one (RFC 6455 §5.5.1).
///
/// # Errors
/// The close code to reply with: 1002 for an invalid code, 1007 for a reason that is not UTF-8.
pub fn parse_close(payload: &[u8]) -> Result<Option<u16>, u16> {
    match payload.split_first_chunk::<2>() {
        None if payload.is_empty() => Ok(None),
        None => Err(1002),
        Some((code, reason)) => {
            let code = u16::from_be_bytes(*code);
            if !matches!(code, 1000..=1003 | 1007..=1014 | 3000..=4999) {
                return Err(1002);
            }
            std::str::from_utf8(reason).map_or(Err(1007), |_| Ok(Some(code)))
        }
    }
}

/// Wraps the bytes from `from` on into one frame.
pub fn enclose(opcode: Opcode, from: usize, out: &mut Vec<u8>) {
    enclose_after(opcode, from, 0, out);
}

/// Wraps the bytes from `from + spare` on into one frame, and removes the `spare` bytes before
/// them.
pub fn enclose_after(opcode: Opcode, from: usize, spare: usize, out: &mut Vec<u8>) {
    let length = out.len().saturating_sub(from + spare);
    let mut header = [0; HEADER_MAX];
    let size = write_header(FIN | opcode as u8, length, &mut header);
    let header = header.get(..size).unwrap_or_default();
    let replaced = from.min(out.len())..(from + spare).min(out.len());
    out.splice(replaced, header.iter().copied());
}

/// Compresses the frames that become shorter, for peers that negotiated it.
pub fn deflate(frames: &mut Vec<u8>, deflater: &mut Deflater) {
    let mut at = 0;
    loop {
        let rest = frames.get(at..).unwrap_or_default();
        let Ok(Parsed::Complete((first, payload), used)) = parse_server(rest, usize::MAX) else {
            return;
        };
        let packed = if payload.len() < DEFLATE_MIN { None } else { deflater.deflate(payload) };
        let Some(packed) = packed else {
            at += used;
            continue;
        };
        let mut header = [0; HEADER_MAX];
        let size = write_header(first | COMPRESSED, packed.len(), &mut header);
        let header = header.get(..size).unwrap_or_default();
        frames.splice(at..at + used, header.iter().chain(packed).copied());
        at += header.len() + packed.len();
    }
}

/// Writes the shortest header for a payload of that length. Returns the header's length.
fn write_header(first: u8, length: usize, header: &mut [u8; HEADER_MAX]) -> usize {
    let [kind, short, rest @ ..] = header;
    *kind = first;
    match (u16::try_from(length), length) {
        (_, 0..=125) => {
            *short = length as u8;
            2
        }
        (Ok(length), _) => {
            *short = 126;
            rest[..2].copy_from_slice(&length.to_be_bytes());
            4
        }
        (Err(_), _) => {
            *short = 127;
            rest.copy_from_slice(&(length as u64).to_be_bytes());
            HEADER_MAX
        }
    }
}

/// Appends a frame with `payload`.
pub fn write(opcode: Opcode, payload: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; HEADER_MAX];
    let size = write_header(FIN | opcode as u8, payload.len(), &mut header);
    out.extend_from_slice(header.get(..size).unwrap_or_default());
    out.extend_from_slice(payload);
}

/// Appends a masked frame, as clients send it.
pub fn write_masked(opcode: Opcode, mask: [u8; 4], payload: &[u8], out: &mut Vec<u8>) {
    let mut header = [0; HEADER_MAX];
    let size = write_header(FIN | opcode as u8, payload.len(), &mut header);
    header[1] |= MASKED;
    out.extend_from_slice(header.get(..size).unwrap_or_default());
    out.extend_from_slice(&mask);
    out.extend(payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask));
}

/// Appends a `Close` frame, with a code and as much of the reason as fits, or with neither.
pub fn write_close(code: Option<u16>, reason: &str, out: &mut Vec<u8>) {
    let mut payload = Vec::new();
    if let Some(code) = code {
        let fits = reason.floor_char_boundary(CONTROL_MAX - size_of::<u16>());
        payload.extend_from_slice(&code.to_be_bytes());
        payload.extend_from_slice(reason.get(..fits).unwrap_or_default().as_bytes());
    }
    write(Opcode::Close, &payload, out);
}

/// Returns the value of `Sec-WebSocket-Accept` for a key (RFC 6455 §4.2.2).
#[cfg(feature = "http")]
pub fn accept(key: &str) -> String {
    use base64::Engine as _;
    let mut sha1 = sha1_smol::Sha1::from(key);
    sha1.update(b"258EAFA5-E914-47DA-95CA-C5AB0DC85B11");
    base64::engine::general_purpose::STANDARD.encode(sha1.digest().bytes())
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    /// A frame as a client writes it.
    fn client(first: u8, payload: &[u8]) -> Vec<u8> {
        let mask = [0x37, 0xfa, 0x21, 0x3d];
        let mut header = [0; HEADER_MAX];
        let size = write_header(first, payload.len(), &mut header);
        header[1] |= MASKED;
        let masked = payload.iter().zip(mask.iter().cycle()).map(|(byte, mask)| byte ^ mask);
        header[..size].iter().copied().chain(mask).chain(masked).collect()
    }

    fn parse(bytes: &[u8]) -> Result<Parsed<Frame<'_>>, WebSocketError> {
        parse_client(bytes, false, |_| 70_000)
    }

    #[test]
    fn each_side_reads_what_the_other_writes() {
        for length in [0, 1, 125, 126, 65_535, 65_536] {
            let (payload, mut server) = (vec![b'x'; length], Vec::new());
            write(Opcode::Binary, &payload, &mut server);
            let whole = Ok(Parsed::Complete((0x82, &payload[..]), server.len()));
            assert_eq!(parse_server(&server, 70_000), whole);
            assert_eq!(parse_server(&server[..server.len() - 1], 70_000), Ok(Parsed::Partial));
            let mut masked = Vec::new();
            write_masked(Opcode::Binary, [1, 2, 3, 4], &payload, &mut masked);
            let Ok(Parsed::Complete(frame, used)) = parse(&masked) else { panic!("{length}") };
            assert_eq!((frame.payload(), used), (payload, masked.len()));
            assert!(parse_server(&masked, 70_000).is_err());
        }
        assert!(matches!(
            parse_server(&[0x82, 126, 1, 0], 255),
            Err(WebSocketError::TooLong { .. })
        ));
    }

    #[test]
    fn the_examples_of_the_rfc() {
        let hello = [0x81, 0x85, 0x37, 0xfa, 0x21, 0x3d, 0x7f, 0x9f, 0x4d, 0x51, 0x58];
        let Ok(Parsed::Complete(frame, 11)) = parse(&hello) else { panic!("§5.7") };
        assert_eq!((frame.opcode, frame.fin), (Opcode::Text, true));
        assert_eq!(frame.payload(), b"Hello");
        let mut out = Vec::new();
        write(Opcode::Text, b"Hello", &mut out);
        assert_eq!(out, [0x81, 0x05, 0x48, 0x65, 0x6c, 0x6c, 0x6f]);
        #[cfg(feature = "http")]
        assert_eq!(accept("dGhlIHNhbXBsZSBub25jZQ=="), "s3pPLMBiTxaQ9kYGzzhZRbK+xOo=");
    }

    #[test]
    fn fault_p5_what_breaks_a_rule_is_refused_from_its_header() {
        let refused = |bytes: &[u8]| match parse(bytes) {
            Err(WebSocketError::Protocol(why)) => why,
            other => panic!("{bytes:?}: {other:?}"),
        };
        for bit in [0x40, 0x20, 0x10] {
            assert!(refused(&[0x81 | bit, 0x80]).contains("reserved bit"));
        }
        for opcode in [0x3, 0x4, 0x7, 0xb, 0xf] {
            assert!(refused(&[0x80 | opcode, 0x80]).contains("opcode"));
        }
        assert!(refused(&[0x81, 0x05]).contains("masked"));
        assert!(refused(&[0x09, 0x80]).contains("fragments"));
        assert!(refused(&[0x89, 0xfe, 0, 126]).contains("125"));
        assert!(refused(&[0x82, 0xff, 0x80, 0, 0, 0, 0, 0, 0, 0]).contains("highest bit"));
    }

    #[test]
    fn fault_p1_a_length_beyond_the_limit_is_refused_before_it_comes() {
        for length in [70_001_u64, 1 << 32, i64::MAX as u64] {
            let mut bytes = vec![0x82, 0xff];
            bytes.extend_from_slice(&length.to_be_bytes());
            assert_eq!(parse(&bytes), Err(WebSocketError::TooLong { length, max: 70_000 }));
        }
    }

    #[test]
    fn close_codes_that_nobody_may_send_are_refused() {
        assert_eq!(parse_close(b""), Ok(None));
        assert_eq!(parse_close(&[3]), Err(1002));
        for code in [1000, 1003, 1007, 1011, 1012, 3000, 4999_u16] {
            assert_eq!(parse_close(&code.to_be_bytes()), Ok(Some(code)));
        }
        for code in [0, 999, 1004, 1005, 1006, 1015, 1016, 1100, 2000, 2999, 5000, 65_535_u16] {
            assert_eq!(parse_close(&code.to_be_bytes()), Err(1002), "{code}");
        }
        assert_eq!(parse_close(&[0x03, 0xe8, 0xce, 0xba, 0xe1]), Err(1007));
    }

    #[test]
    fn a_close_is_never_longer_than_a_control_frame() {
        let mut out = Vec::new();
        write_close(Some(1008), &"ß".repeat(100), &mut out);
        assert_eq!((out[0], out[1]), (0x88, 124));
        assert!(std::str::from_utf8(&out[4..]).is_ok());
        out.clear();
        write_close(None, "unsaid", &mut out);
        assert_eq!(out, [0x88, 0]);
    }

    proptest! {
        #[test]
        fn frames_survive_and_a_cut_anywhere_waits(
            payload in prop::collection::vec(any::<u8>(), 0..300),
            long in prop::sample::select(vec![0, 0, 0, 65_300]),
            fin in any::<bool>(),
            opcode in prop::sample::select(vec![Opcode::Continuation, Opcode::Text, Opcode::Binary]),
        ) {
            let mut payload = payload;
            payload.resize(payload.len() + long, b'x');
            let mut bytes = client(if fin { FIN } else { 0 } | opcode as u8, &payload);
            let length = bytes.len();
            for cut in (0..length.min(20)).chain(length.saturating_sub(9)..length) {
                prop_assert_eq!(parse(&bytes[..cut]), Ok(Parsed::Partial), "cut at {}", cut);
            }
            bytes.push(0xff);
            let Ok(Parsed::Complete(frame, used)) = parse(&bytes) else { panic!("whole") };
            prop_assert_eq!((frame.fin, frame.opcode, used), (fin, opcode, length));
            prop_assert_eq!(frame.payload(), payload);
        }

        #[test]
        fn what_is_enclosed_is_what_is_written(payload in prop::collection::vec(any::<u8>(), 0..70_000)) {
            let (mut written, mut enclosed) = (b"before".to_vec(), b"before....".to_vec());
            write(Opcode::Binary, &payload, &mut written);
            enclosed.extend_from_slice(&payload);
            enclose_after(Opcode::Binary, 6, 4, &mut enclosed);
            prop_assert_eq!(written, enclosed);
        }

        #[test]
        fn any_bytes_are_answered_within_themselves(bytes in prop::collection::vec(any::<u8>(), 0..64)) {
            if let Ok(Parsed::Complete(frame, used)) = parse(&bytes) {
                prop_assert!(frame.payload().len() + 6 <= used && used <= bytes.len());
            }
        }
    }
}
