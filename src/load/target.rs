//! The servers that can be measured, and an adapter for each protocol.
//!
//! An adapter has no socket: it produces the bytes that log in, join and publish, and parses
//! received bytes. A connection is in one room at a time, which suffices for a load.

mod frame;
mod irc;
mod mqtt;
mod nats;
mod raw;
mod redis;
mod sse;
mod ws;

use super::error::LoadError;
use crate::wire::Parsed;
use std::fmt;
use std::net::{SocketAddr, ToSocketAddrs};
use std::str::FromStr;

/// An event that an adapter parsed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ServerEvent<'a> {
    /// Logged in: rooms can be joined.
    Ready,
    /// The room is joined.
    Joined,
    /// A message.
    Message(&'a [u8]),
    /// The server announces that messages of the room are lost.
    Gap {
        /// The first offset.
        from: u64,
        /// The last offset.
        to: u64,
    },
    /// A request was refused, for this reason; the connection stays open.
    Refused(String),
    /// The server closes the connection, for this reason.
    Ended(String),
    /// Input without meaning for a load. Its reply, if required, was written.
    Other,
}

/// The description of invalid input: the connection must be closed.
pub type ProtocolError = String;

/// The protocol of a server.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scheme {
    /// hobnob's binary frames.
    Frame,
    /// Lines to all clients, as on a `raw` listener with `framing=line`.
    Raw,
    /// Redis: SUBSCRIBE and PUBLISH.
    Redis,
    /// NATS: SUB and PUB.
    Nats,
    /// MQTT 3.1.1, QoS 0.
    Mqtt,
    /// IRC: JOIN and PRIVMSG.
    Irc,
    /// A WebSocket server that sends each text message to all clients.
    Ws,
    /// hobnob's binary frames in WebSocket messages: `ws://` with the path `/connect`.
    WsFrames,
    /// hobnob's HTTP API: an event stream to read, POST to publish.
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

    /// Returns the scheme's name in URLs.
    pub fn word(self) -> &'static str {
        Self::ALL[self as usize].1
    }

    /// True if the server has more than one room.
    pub fn has_rooms(self) -> bool {
        !matches!(self, Self::Raw | Self::Ws)
    }

    /// True if a publisher must be in the room, and so receives its messages.
    pub fn joins_to_publish(self) -> bool {
        !matches!(self, Self::Redis | Self::Nats | Self::Mqtt | Self::Sse)
    }

    /// True if a publisher can receive its own messages.
    pub fn echoes(self) -> bool {
        !matches!(self, Self::Irc | Self::Redis | Self::Sse)
    }

    /// True if the server confirms a join. On other servers a join is known only by the first
    /// message received.
    pub fn confirms_joins(self) -> bool {
        self.has_rooms()
    }
}

/// The address of the server: `SCHEME://HOST:PORT/PATH`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Target {
    /// The protocol.
    pub scheme: Scheme,
    host: String,
    port: u16,
    /// The path of WebSocket URLs; `/` by default.
    path: String,
}

/// An invalid [`Target`]. Its text says what was expected.
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
            return Err(TargetError(format!(
                "no scheme: expected SCHEME://HOST:PORT, where SCHEME is one of {words}"
            )));
        };
        let Some((scheme, _, default)) = Scheme::ALL.into_iter().find(|row| row.1 == word) else {
            let words = words();
            return Err(TargetError(format!("unknown scheme `{word}`: expected one of {words}")));
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
            return Err(TargetError(format!("`{text}` has no host: expected SCHEME://HOST:PORT")));
        }
        let port = port.map_or(Ok(default), str::parse);
        let port = port.ok().filter(|&port| port != 0);
        let port = port.ok_or_else(|| {
            TargetError(format!("invalid port in `{text}`: expected a number from 1 to 65535"))
        });
        Ok(Self { scheme, host: host.to_owned(), port: port?, path: path.to_owned() })
    }
}

impl Target {
    /// Creates the target of a server on this machine.
    pub fn local(scheme: Scheme, address: SocketAddr) -> Self {
        let (host, port) = (address.ip().to_string(), address.port());
        Self { scheme, host, port, path: "/".to_owned() }
    }

    /// Returns host and port as in an HTTP Host header.
    fn authority(&self) -> String {
        let (open, close) = if self.host.contains(':') { ("[", "]") } else { ("", "") };
        format!("{open}{}{close}:{}", self.host, self.port)
    }

    /// Returns the address to connect to.
    ///
    /// # Errors
    /// A host name that cannot be resolved.
    pub fn resolve(&self) -> Result<SocketAddr, LoadError> {
        let found = (self.host.as_str(), self.port).to_socket_addrs();
        let mut found = found
            .map_err(|error| LoadError::Server(format!("cannot resolve {}: {error}", self.host)))?;
        found.next().ok_or_else(|| LoadError::Server(format!("{} has no address", self.host)))
    }
}

/// The options of one connection.
#[derive(Clone, Copy, Debug)]
pub struct ConnectionOptions {
    /// A number that is unique among connections, for protocols that require a name.
    pub name_number: u32,
    /// The room it will join.
    pub room: u32,
    /// True if it wants copies of its own messages, where the protocol offers the choice.
    pub own_copies: bool,
}

/// The adapter of one connection.
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

/// Calls the same method on any adapter.
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
    /// Creates an adapter, and appends the first bytes of the connection to `out`.
    pub fn open(target: &Target, options: ConnectionOptions, out: &mut Vec<u8>) -> Self {
        match target.scheme {
            Scheme::Frame => Self::Frame(frame::Frame::open(options, out)),
            Scheme::Raw => Self::Raw(raw::Raw),
            Scheme::Redis => Self::Redis(redis::Redis),
            Scheme::Nats => Self::Nats(nats::Nats::open(options, out)),
            Scheme::Mqtt => Self::Mqtt(mqtt::Mqtt::open(options, out)),
            Scheme::Irc => Self::Irc(irc::Irc::open(options, out)),
            Scheme::Ws => Self::Ws(ws::Ws::open(&target.authority(), &target.path, out)),
            Scheme::WsFrames => {
                let (host, path) = (target.authority(), &target.path);
                Self::Ws(ws::Ws::open_frames(&host, path, options, out))
            }
            Scheme::Sse => Self::Sse(sse::Sse::open(target.authority())),
        }
    }

    /// True if the join can be sent before the server replies to the hello.
    pub fn is_ready_at_once(&self) -> bool {
        !matches!(self, Self::Irc(_) | Self::Ws(_))
    }

    /// Appends the request to join the room. Returns false if the protocol has no join.
    pub fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        each!(self, adapter => adapter.join(room, out))
    }

    /// Appends the request to leave the room, if the protocol has one.
    pub fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        each!(self, adapter => adapter.leave(room, out));
    }

    /// Appends the message `payload` to the room.
    pub fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        each!(self, adapter => adapter.publish(room, payload, out));
    }

    /// Parses the first event. A reply that the protocol requires is appended to `reply`.
    ///
    /// # Errors
    /// Input that is invalid in this protocol.
    pub fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        each!(self, adapter => adapter.parse(bytes, reply))
    }
}

/// See [`Scheme::size_max`].
pub(super) use irc::SIZE_MAX as IRC_SIZE_MAX;

/// The longest valid event of a server.
const LONGEST: usize = 64 << 20;

/// Returns the first line of `bytes` without its end, and its length with the end.
fn line(bytes: &[u8]) -> Option<(&[u8], usize)> {
    let end = memchr::memchr(b'\n', bytes)?;
    let line = &bytes[..end];
    Some((line.strip_suffix(b"\r").unwrap_or(line), end + 1))
}

/// Parses a length as text protocols write it.
fn digits(text: &[u8]) -> Option<usize> {
    if text.is_empty() || text.len() > 9 {
        return None;
    }
    text.iter().try_fold(0, |number, byte| match byte {
        b'0'..=b'9' => Some(number * 10 + usize::from(byte - b'0')),
        _ => None,
    })
}

/// Returns text of a server as printable characters.
fn printable(bytes: &[u8]) -> String {
    let text: String = String::from_utf8_lossy(bytes).chars().take(200).collect();
    text.chars().filter(|char| !char.is_control()).collect()
}

#[cfg(test)]
mod tests;
