//! Servers that can be driven, and how each is spoken to.
//!
//! An adapter holds no socket: it is asked for the bytes that log in, join and say, and shown the
//! bytes that came. A connection is in one room at a time, which is all a load needs.

mod frame;
mod irc;
mod mqtt;
mod nats;
mod raw;
mod redis;
mod sse;
mod ws;

use crate::wire::Parsed;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// What an adapter found at the front of the bytes it was shown.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Heard<'a> {
    /// Logged in: a room may be joined, and said in where that needs no membership.
    Ready,
    /// In the room.
    Joined,
    /// Somebody said this.
    Message(&'a [u8]),
    /// The server says itself that these messages of the room will not come.
    Gap {
        /// The first, in the server's own count.
        from: u64,
        /// The last.
        to: u64,
    },
    /// Something was not done, for this reason; the connection goes on.
    Refused(String),
    /// The server ends the connection, for this reason.
    Ended(String),
    /// Nothing a load needs to know. What had to be answered was.
    Other,
}

/// Why the bytes that came make no sense: the connection cannot go on.
pub type Nonsense = String;

/// The protocol a server speaks.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// hobnob's binary frames.
    Frame,
    /// Lines to everyone, as on a `raw` listener with `framing=line`.
    Raw,
    /// Redis: SUBSCRIBE and PUBLISH.
    Redis,
    /// NATS: SUB and PUB.
    Nats,
    /// MQTT 3.1.1, QoS 0.
    Mqtt,
    /// IRC: JOIN and PRIVMSG.
    Irc,
    /// A WebSocket server that sends each text message to everyone.
    Ws,
    /// hobnob's binary frames in WebSocket messages: `ws://` with the path `/connect`.
    WsFrames,
    /// hobnob's HTTP: events to hear, POST to say.
    Sse,
}

impl Scheme {
    const ALL: [(Self, &'static str, u16); 9] = [
        (Self::Frame, "frame", 7000),
        (Self::Raw, "raw", 12345),
        (Self::Redis, "redis", 6379),
        (Self::Nats, "nats", 4222),
        (Self::Mqtt, "mqtt", 1883),
        (Self::Irc, "irc", 6667),
        (Self::Ws, "ws", 80),
        (Self::WsFrames, "ws", 80),
        (Self::Sse, "sse", 8080),
    ];

    /// As it stands in a URL.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// Whether there is more than one room.
    pub fn has_rooms(self) -> bool {
        !matches!(self, Self::Raw | Self::Ws)
    }

    /// Whether who says something has to be in the room, and so hears what others say there.
    pub fn joins_to_say(self) -> bool {
        !matches!(self, Self::Redis | Self::Nats | Self::Mqtt | Self::Sse)
    }

    /// Whether a member that says something can receive its own copy.
    pub fn echoes(self) -> bool {
        !matches!(self, Self::Irc | Self::Redis | Self::Sse)
    }

    /// Whether the server says when somebody is in a room. Of the others it is known only once they
    /// hear something.
    pub fn confirms_joins(self) -> bool {
        self.has_rooms()
    }
}

/// Where the load goes: `SCHEME://HOST:PORT/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The protocol.
    pub scheme: Scheme,
    host: String,
    port: u16,
    /// For WebSockets; `/` if not given.
    path: String,
}

/// Why a text is no [`Target`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TargetError(String);

impl fmt::Display for TargetError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for TargetError {}

impl fmt::Display for Target {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}://{}", self.scheme.word(), self.authority())?;
        if self.path == "/" { Ok(()) } else { f.write_str(&self.path) }
    }
}

impl FromStr for Target {
    type Err = TargetError;

    fn from_str(text: &str) -> Result<Self, TargetError> {
        let words = || {
            let mut words = Scheme::ALL.map(|(_, word, _)| word).to_vec();
            words.dedup();
            words.join(", ")
        };
        let Some((word, rest)) = text.split_once("://") else {
            let words = words();
            return Err(TargetError(format!("write SCHEME://HOST:PORT; SCHEME is one of {words}")));
        };
        let Some((scheme, _, default)) = Scheme::ALL.into_iter().find(|row| row.1 == word) else {
            let words = words();
            return Err(TargetError(format!("`{word}` is none of {words}")));
        };
        let (place, path) = match rest.find('/') {
            Some(at) => rest.split_at(at),
            None => (rest, "/"),
        };
        let scheme = match (scheme, path.split('?').next()) {
            (Scheme::Ws, Some("/connect")) => Scheme::WsFrames,
            _ => scheme,
        };
        let (host, port) = match place.rsplit_once(':') {
            Some((host, port)) if !port.contains(']') => (host, Some(port)),
            _ => (place, None),
        };
        let host = host.trim_start_matches('[').trim_end_matches(']');
        if host.is_empty() {
            return Err(TargetError(format!("`{text}` names no host")));
        }
        let port = port.map_or(Ok(default), str::parse);
        let port = port.ok().filter(|&port| port != 0);
        let port = port.ok_or_else(|| TargetError(format!("`{text}` has no port from 1 to 65535")));
        Ok(Self { scheme, host: host.to_owned(), port: port?, path: path.to_owned() })
    }
}

impl Target {
    /// A server on this machine.
    pub fn local(scheme: Scheme, address: SocketAddr) -> Self {
        let (host, port) = (address.ip().to_string(), address.port());
        Self { scheme, host, port, path: "/".to_owned() }
    }

    /// Host and port, as HTTP names them.
    fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }

    /// Where to connect to.
    ///
    /// # Errors
    /// A sentence, if the name is not known.
    pub fn resolve(&self) -> Result<SocketAddr, String> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut found = found.map_err(|error| format!("{}: {error}", self.host))?;
        found.next().ok_or_else(|| format!("{} has no address", self.host))
    }
}

/// How a connection may differ from others to the same server.
#[derive(Clone, Copy, Debug)]
pub struct Habits {
    /// Unlike that of any other connection, for protocols in which everyone needs a name.
    pub who: u32,
    /// The room it joins, if it does.
    pub room: u32,
    /// Whether it wants its own copies, where it can choose.
    pub own_copies: bool,
}

/// One connection's conversation.
#[derive(Debug)]
#[allow(missing_docs, reason = "see Scheme")]
pub enum Adapter {
    Frame(frame::Frame),
    Raw(raw::Raw),
    Redis(redis::Redis),
    Nats(nats::Nats),
    Mqtt(mqtt::Mqtt),
    Irc(irc::Irc),
    Ws(ws::Ws),
    Sse(sse::Sse),
}

/// The same call on whichever adapter it is.
macro_rules! each {
    ($self:ident, $adapter:ident => $call:expr) => {
        match $self {
            Self::Frame($adapter) => $call,
            Self::Raw($adapter) => $call,
            Self::Redis($adapter) => $call,
            Self::Nats($adapter) => $call,
            Self::Mqtt($adapter) => $call,
            Self::Irc($adapter) => $call,
            Self::Ws($adapter) => $call,
            Self::Sse($adapter) => $call,
        }
    };
}

impl Adapter {
    /// A conversation that has not begun; what opens it is appended to `out`. `None` where nothing
    /// is said first: a connection is then ready once it is made.
    pub fn open(target: &Target, habits: Habits, out: &mut Vec<u8>) -> Self {
        match target.scheme {
            Scheme::Frame => Self::Frame(frame::Frame::open(habits, out)),
            Scheme::Raw => Self::Raw(raw::Raw),
            Scheme::Redis => Self::Redis(redis::Redis),
            Scheme::Nats => Self::Nats(nats::Nats::open(habits, out)),
            Scheme::Mqtt => Self::Mqtt(mqtt::Mqtt::open(habits, out)),
            Scheme::Irc => Self::Irc(irc::Irc::open(habits, out)),
            Scheme::Ws => Self::Ws(ws::Ws::open(&target.authority(), &target.path, out)),
            Scheme::WsFrames => {
                let (host, path) = (target.authority(), &target.path);
                Self::Ws(ws::Ws::open_frames(&host, path, habits, out))
            }
            Scheme::Sse => Self::Sse(sse::Sse::open(target.authority())),
        }
    }

    /// Whether the room may be asked for without waiting for the server to answer the hello, as every
    /// client in a hurry does where the protocol lets it.
    pub fn is_ready_at_once(&self) -> bool {
        !matches!(self, Self::Irc(_) | Self::Ws(_))
    }

    /// Appends what joins the room. False where there is nothing to join: it is joined already.
    pub fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        each!(self, adapter => adapter.join(room, out))
    }

    /// Appends what leaves the room, if anything does but to hang up.
    pub fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        each!(self, adapter => adapter.leave(room, out));
    }

    /// Appends what says `payload` in the room.
    pub fn say(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        each!(self, adapter => adapter.say(room, payload, out));
    }

    /// Reads the first thing the server said. What has to be answered is answered into `reply`.
    ///
    /// # Errors
    /// If the bytes make no sense in this protocol.
    pub fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<Heard<'a>>, Nonsense> {
        each!(self, adapter => adapter.parse(bytes, reply))
    }
}

/// See [`Scheme::size_max`].
pub(super) use irc::SIZE_MAX as IRC_SIZE_MAX;

/// The longest thing a server may say before it is nonsense.
const LONGEST: usize = 64 << 20;

/// The first line of `bytes` without its end, and how many bytes it took.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// Digits, as text protocols write lengths.
fn digits(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + usize::from(byte - b'0')),
        _ => None,
    })
}

/// A server's words, for a person.
fn words(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(200).collect();
    text.chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests;
