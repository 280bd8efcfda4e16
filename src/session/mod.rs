//! One peer's conversation, per protocol: bytes ↔ commands.

pub mod frame;
pub mod irc;
pub mod raw;
#[cfg(feature = "http")]
pub mod web;

use crate::hub::{Command, Hub, Notice, Reply, Room};
use crate::id::ConnId;
use crate::limits::{IRC_PATIENCE, Limits};
use crate::payload::Message;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;
#[cfg(feature = "json")]
use crate::wire::json;
use core::net::IpAddr;
use frame::{Carrier, Spelling};
use std::borrow::Cow;
use std::sync::Arc;
use std::time::Duration;

/// What a listener serves, and how. `udp` will be a row here.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Service {
    /// Plain sockets.
    Raw(raw::Options),
    /// The frame protocol, binary or JSON.
    Frame(frame::Options),
    /// Browsers, and whatever else speaks HTTP.
    #[cfg(feature = "http")]
    Http(web::Options),
    /// IRC.
    Irc(Arc<irc::Options>),
}

/// What a session may look at while it writes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// Who is here, and what is said.
    pub hub: &'a Hub,
    /// The limits in force.
    pub limits: &'a Limits,
    /// What the peer came to.
    pub service: &'a Service,
    /// The peer itself.
    pub conn: ConnId,
    /// The time, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The same as the hub counts it: see [`Now::running`](crate::now::Now::running).
    pub running: Duration,
}

/// What happens to a peer that falls off the end of a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// It is told the gap and goes on.
    #[default]
    Gap,
    /// It is closed with [`CloseReason::SlowConsumer`].
    Close,
}

/// One spelling of a room's traffic: all members of a dialect receive identical bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Dialect {
    /// Payloads as they came.
    Chunk,
    /// Payloads, each ended by a newline.
    Line,
    /// Binary frames.
    Binary,
    /// JSON frames.
    Json,
    /// Binary frames, each a WebSocket message.
    WebBinary,
    /// JSON frames, each a WebSocket message.
    WebJson,
    /// Payloads as they came, each a WebSocket message.
    WebRaw,
    /// As `WebBinary`, compressed.
    WebBinaryDeflated,
    /// As `WebJson`, compressed.
    WebJsonDeflated,
    /// As `WebRaw`, compressed.
    WebRawDeflated,
    /// Server-Sent Events.
    Events,
    /// IRC lines, with what the peers have asked for.
    Irc(irc::Style),
}

impl Dialect {
    /// Whether a member can be told that it missed something.
    pub fn can_tell_gap(self) -> bool {
        !matches!(
            self,
            Self::Chunk | Self::Line | Self::WebRaw | Self::WebRawDeflated | Self::Irc(_)
        )
    }

    /// Whether its tapes are [compressed](crate::wire::websocket::deflate), which is done once for all members. What
    /// is written for one of them alone is not: it would be done for each.
    pub fn is_deflated(self) -> bool {
        matches!(self, Self::WebBinaryDeflated | Self::WebJsonDeflated | Self::WebRawDeflated)
    }

    /// Appends a message as this dialect's members receive it, not yet compressed.
    pub fn write_message(self, room: &Room, message: &Message, out: &mut Vec<u8>) {
        match self {
            Self::Chunk => raw::write_chunk(&message.payload, out),
            Self::Line => raw::write_line(&message.payload, out),
            Self::WebRaw | Self::WebRawDeflated => raw::write_web(&message.payload, out),
            #[cfg(feature = "http")]
            Self::Events => web::events::write_message(room, message, out),
            #[cfg(not(feature = "http"))]
            Self::Events => {}
            Self::Irc(style) => irc::write_message(style, room, message, out),
            Self::Binary
            | Self::Json
            | Self::WebBinary
            | Self::WebJson
            | Self::WebBinaryDeflated
            | Self::WebJsonDeflated => {
                let (spelling, carrier) = self.frames();
                frame::write_message(spelling, carrier, room.id, message, out);
            }
        }
    }

    /// Appends news of members; nothing in dialects that have no word for it.
    pub fn write_notice(self, room: &Room, notice: &Notice, unix_ms: u64, out: &mut Vec<u8>) {
        match self {
            Self::Chunk | Self::Line | Self::WebRaw | Self::WebRawDeflated => {}
            #[cfg(feature = "http")]
            Self::Events => web::events::write_notice(notice, out),
            #[cfg(not(feature = "http"))]
            Self::Events => {}
            Self::Irc(style) => irc::write_news(style, &room.name, notice, unix_ms, out),
            Self::Binary
            | Self::Json
            | Self::WebBinary
            | Self::WebJson
            | Self::WebBinaryDeflated
            | Self::WebJsonDeflated => {
                let (spelling, carrier) = self.frames();
                frame::write_notice(spelling, carrier, room.id, notice, out);
            }
        }
    }

    /// How long a payload is once it is written, without what stands around it.
    pub fn payload_length(self, payload: &[u8]) -> usize {
        match self {
            #[cfg(feature = "json")]
            Self::Json | Self::WebJson | Self::WebJsonDeflated => json::payload_length(payload),
            _ => payload.len(),
        }
    }

    /// How a dialect of frames is spelt, and what carries it.
    fn frames(self) -> (Spelling, Carrier) {
        match self {
            Self::Json => (Spelling::Json, Carrier::Stream),
            Self::WebJson | Self::WebJsonDeflated => (Spelling::Json, Carrier::Messages),
            Self::WebBinary | Self::WebBinaryDeflated => (Spelling::Binary, Carrier::Messages),
            _ => (Spelling::Binary, Carrier::Stream),
        }
    }
}

/// What a session made of the bytes it was shown.
#[derive(Debug, PartialEq, Eq)]
pub enum Step<'a> {
    /// The peer asks for something that the hub decides.
    Command(Command<'a>),
    /// The peer asked for something that its session alone answers, with these bytes.
    Answer(Cow<'a, [u8]>),
    /// The peer asks how the relay itself is.
    #[cfg(feature = "http")]
    Look(Look),
    /// A line of IRC: see [`irc::Irc::obey`].
    Line(irc::Input<'a>),
    /// The peer is a proxy, and speaks for whoever has this address.
    Remote(IpAddr),
    /// The peer wants its token back.
    Ping(u64),
    /// The peer is alive, and that was all.
    Alive,
    /// The peer is done.
    Bye,
}

impl Step<'_> {
    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Step<'static> {
        match self {
            Self::Command(command) => Step::Command(command.into_owned()),
            Self::Answer(bytes) => Step::Answer(Cow::Owned(bytes.into_owned())),
            #[cfg(feature = "http")]
            Self::Look(look) => Step::Look(look),
            Self::Line(input) => Step::Line(input.into_owned()),
            Self::Remote(ip) => Step::Remote(ip),
            Self::Ping(token) => Step::Ping(token),
            Self::Alive => Step::Alive,
            Self::Bye => Step::Bye,
        }
    }
}

/// What is asked by whoever watches over the relay.
#[cfg(feature = "http")]
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Look {
    /// Every number.
    Metrics,
    /// Whether it lives.
    Health,
    /// Whether it should be sent new peers.
    Ready,
    /// The biggest rooms and the slowest peers, so many of each.
    Top(usize),
}

/// What there was to see.
#[cfg(feature = "http")]
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Seen {
    /// Whether all is as it should be.
    pub is_well: bool,
    /// What kind of text it is.
    pub content_type: &'static str,
    /// The text.
    pub text: String,
}

/// Why a conversation cannot go on, and the sentence the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// Under which the end is counted.
    pub reason: CloseReason,
    /// More than the reason says by itself.
    pub text: Cow<'static, str>,
}

impl From<CloseReason> for Fault {
    fn from(reason: CloseReason) -> Self {
        Self { reason, text: Cow::Borrowed(reason.text()) }
    }
}

/// What happens to a peer by itself when it connects.
#[derive(Clone, Copy, Debug)]
pub struct Opening<'a> {
    /// Sent first.
    pub greeting: &'a [u8],
    /// Joined next.
    pub room: &'a str,
}

impl Service {
    /// For protocols without a handshake: what connecting alone means.
    pub fn opening(&self) -> Option<Opening<'_>> {
        match self {
            Self::Raw(options) => {
                Some(Opening { greeting: options.greeting.as_bytes(), room: &options.room })
            }
            Self::Frame(_) | Self::Irc(_) => None,
            #[cfg(feature = "http")]
            Self::Http(_) => None,
        }
    }

    /// What overruns lead to, in a dialect that leaves the choice.
    pub fn overrun(&self) -> Overrun {
        match self {
            Self::Raw(_) | Self::Irc(_) => Overrun::Close,
            Self::Frame(options) => options.overrun,
            #[cfg(feature = "http")]
            Self::Http(options) => options.overrun,
        }
    }

    /// Whether silence means death. Plain sockets have no way to answer a ping.
    pub fn pings(&self) -> bool {
        !matches!(self, Self::Raw(_))
    }

    /// How long a peer may take to answer a ping.
    pub fn ping_grace(&self, limits: &Limits) -> Duration {
        match self {
            Self::Irc(_) => limits.ping_grace.saturating_mul(IRC_PATIENCE),
            _ => limits.ping_grace,
        }
    }

    /// Whether those who come here watch over the relay: they are let in when it is full, and stay
    /// until everybody else is gone.
    pub fn is_admin(&self) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.serve == web::Serve::Admin,
            Self::Irc(_) => false,
        }
    }

    /// Takes over what can be another while it is served, which is what IRC is served with. The rest
    /// stays, what was found out when it was bound included.
    pub fn adopt(&mut self, other: Self) {
        match (self, other) {
            (Self::Irc(options), Self::Irc(others)) => *options = others,
            #[cfg(feature = "http")]
            (Self::Http(options), Self::Http(others)) => options.irc = others.irc,
            _ => {}
        }
    }

    /// It is listened for on a loopback address, which was written as `host`.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has hosts"))]
    pub fn listens_locally(&mut self, host: &str) {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => {}
            #[cfg(feature = "http")]
            Self::Http(options) => options.listens_locally(host),
        }
    }

    /// Whether whoever has this address is believed when it speaks for others.
    #[cfg_attr(not(feature = "http"), expect(unused_variables, reason = "only http has proxies"))]
    pub fn trusts(&self, ip: IpAddr) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => false,
            #[cfg(feature = "http")]
            Self::Http(options) => options.trust.iter().any(|network| network.contains(ip)),
        }
    }

    /// How IRC is served there, if it is.
    pub fn irc(&self) -> Option<&irc::Options> {
        match self {
            Self::Raw(_) | Self::Frame(_) => None,
            #[cfg(feature = "http")]
            Self::Http(options) => Some(&options.irc),
            Self::Irc(options) => Some(options),
        }
    }

    /// One word, for logs and counters.
    pub fn word(&self) -> &'static str {
        match self {
            Self::Raw(_) => "raw",
            Self::Frame(_) => "frame",
            #[cfg(feature = "http")]
            Self::Http(_) if self.is_admin() => "admin",
            #[cfg(feature = "http")]
            Self::Http(_) => "http",
            Self::Irc(_) => "irc",
        }
    }
}

/// The state of one conversation.
#[derive(Debug)]
pub enum Session {
    /// See [`raw`].
    Raw(raw::Raw),
    /// See [`frame`].
    Frame(frame::Frame),
    /// See [`web`].
    #[cfg(feature = "http")]
    Web(web::Web),
    /// See [`irc`].
    Irc(Box<irc::Irc>),
}

impl Session {
    /// A conversation that has not begun.
    pub fn new(service: &Service) -> Self {
        match service {
            Service::Raw(_) => Self::Raw(raw::Raw::default()),
            Service::Frame(_) => Self::Frame(frame::Frame::default()),
            #[cfg(feature = "http")]
            Service::Http(_) => Self::Web(web::Web::default()),
            Service::Irc(_) => Self::Irc(Box::default()),
        }
    }

    /// The peer's address is one of those that the service believes when they speak for others.
    pub fn trust(&mut self) {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => {}
            #[cfg(feature = "http")]
            Self::Web(web) => web.trust(),
        }
    }

    /// Reads the first step off `bytes`. With `ended`, no more bytes will come. What is compressed
    /// goes through the one `inflater` of all peers.
    ///
    /// # Errors
    /// The conversation's end, in the fault of the peer.
    #[cfg_attr(
        not(feature = "http"),
        expect(unused_variables, reason = "only WebSocket compresses")
    )]
    pub fn receive<'a>(
        &mut self,
        bytes: &'a [u8],
        ended: bool,
        service: &Service,
        limits: &Limits,
        inflater: &mut Inflater,
    ) -> Result<Parsed<Step<'a>>, Fault> {
        match (self, service) {
            (Self::Raw(raw), Service::Raw(options)) => raw.receive(bytes, ended, options, limits),
            (Self::Frame(frame), Service::Frame(_)) => frame.receive(bytes, limits),
            #[cfg(feature = "http")]
            (Self::Web(web), Service::Http(options)) => {
                web.receive(bytes, options, limits, inflater)
            }
            (Self::Irc(irc), _) => irc.receive(bytes).map(|found| found.map(Step::Line)),
            _ => Err(CloseReason::Internal.into()),
        }
    }

    /// The conversation in IRC, if it is one, whatever carries it.
    pub fn irc(&mut self) -> Option<&mut irc::Irc> {
        match self {
            Self::Irc(irc) => Some(irc),
            #[cfg(feature = "http")]
            Self::Web(web) => web.irc(),
            Self::Raw(_) | Self::Frame(_) => None,
        }
    }

    /// The step read last could not be carried out yet. The same bytes will come again, and the
    /// step with them.
    pub fn again(&mut self) {
        match self {
            // Their steps are in the bytes alone.
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => {}
            #[cfg(feature = "http")]
            Self::Web(web) => web.again(),
        }
    }

    /// The time for a handshake has passed, and the peer has no name yet: why that is its end, if
    /// it is.
    pub fn overdue(&mut self) -> Option<CloseReason> {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => Some(CloseReason::HandshakeTimeout),
            #[cfg(feature = "http")]
            Self::Web(web) => web.overdue(),
        }
    }

    /// Appends an answer, and remembers what it means for the conversation.
    pub fn write_reply(&mut self, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Raw(raw) => raw.heed(reply),
            Self::Frame(frame) => frame.write_reply(reply, view.limits, out),
            #[cfg(feature = "http")]
            Self::Web(web) => web.write_reply(reply, view, out),
            Self::Irc(irc) => irc.write_reply(reply, view, out),
        }
    }

    /// Appends the answer to a [`Look`].
    #[cfg(feature = "http")]
    pub fn write_seen(&mut self, seen: Seen, out: &mut Vec<u8>) {
        if let Self::Web(web) = self {
            web.write_seen(seen, out);
        }
    }

    /// Whether silence after a ping means that nobody is there. Who only listens to HTTP has no way
    /// to answer.
    pub fn answers_pings(&self) -> bool {
        match self {
            Self::Raw(_) | Self::Frame(_) | Self::Irc(_) => true,
            #[cfg(feature = "http")]
            Self::Web(web) => web.answers_pings(),
        }
    }

    /// Appends the answer to a ping of the peer's.
    pub fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        match self {
            Self::Raw(_) | Self::Irc(_) => {}
            Self::Frame(frame) => frame.write_pong(token, out),
            #[cfg(feature = "http")]
            Self::Web(web) => web.write_pong(token, out),
        }
    }

    /// Appends a ping of ours.
    pub fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Raw(_) => {}
            Self::Frame(frame) => frame.write_ping(out),
            #[cfg(feature = "http")]
            Self::Web(web) => web.write_ping(out),
            Self::Irc(_) => irc::write_ping(view, out),
        }
    }

    /// Appends the notice that the relay will be gone soon.
    pub fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        match self {
            Self::Raw(_) => {}
            Self::Frame(frame) => frame.write_draining(out),
            #[cfg(feature = "http")]
            Self::Web(web) => web.write_draining(view, out),
            Self::Irc(irc) => irc.write_draining(view, out),
        }
    }

    /// Appends the last words: what was wrong, if the peer was wrong, and goodbye.
    pub fn write_farewell(&self, fault: &Fault, out: &mut Vec<u8>) {
        match self {
            Self::Raw(_) => {}
            Self::Frame(frame) => frame.write_farewell(fault, out),
            #[cfg(feature = "http")]
            Self::Web(web) => web.write_farewell(fault, out),
            Self::Irc(irc) => irc::write_farewell(irc.carrier(), fault, out),
        }
    }

    /// The spelling in which this peer hears its rooms.
    pub fn dialect(&self, service: &Service) -> Dialect {
        match (self, service) {
            (Self::Frame(frame), _) => frame.dialect(),
            #[cfg(feature = "http")]
            (Self::Web(web), _) => web.dialect(),
            (Self::Raw(_), Service::Raw(options)) => options.framing.dialect(),
            (Self::Irc(irc), _) => Dialect::Irc(irc.style()),
            (Self::Raw(_), _) => Dialect::Chunk,
        }
    }

    /// Every word that [`protocol`](Self::protocol) may be.
    pub const PROTOCOLS: &[&str] = &[
        "raw",
        "frame",
        #[cfg(feature = "http")]
        "http",
        #[cfg(feature = "http")]
        "websocket",
        #[cfg(feature = "http")]
        "events",
        "irc",
    ];

    /// One word for what the peer speaks, for counters: a service may be spoken to in several ways.
    pub fn protocol(&self) -> &'static str {
        match self {
            Self::Raw(_) => "raw",
            Self::Frame(_) => "frame",
            #[cfg(feature = "http")]
            Self::Web(web) => web.protocol(),
            Self::Irc(_) => "irc",
        }
    }

    /// Whether the peer can be told that what it asked for was refused. One that cannot is closed:
    /// losing its words and going on would be silent.
    pub fn can_tell_refusal(&self) -> bool {
        match self {
            Self::Raw(_) => false,
            Self::Frame(_) => true,
            #[cfg(feature = "http")]
            Self::Web(web) => web.can_tell_refusal(),
            Self::Irc(_) => true,
        }
    }

    /// Whether the peer is in one room for as long as it is connected: put out of that, it would hear
    /// nothing ever after, and is closed.
    pub fn has_one_room(&self) -> bool {
        match self {
            Self::Raw(_) => true,
            Self::Frame(_) | Self::Irc(_) => false,
            #[cfg(feature = "http")]
            Self::Web(web) => web.has_one_room(),
        }
    }

    /// Whether the peer has a name; before that the handshake deadline runs.
    pub fn is_greeted(&self) -> bool {
        match self {
            Self::Raw(_) => true,
            Self::Frame(frame) => frame.is_greeted(),
            #[cfg(feature = "http")]
            Self::Web(web) => web.is_greeted(),
            Self::Irc(irc) => irc.is_greeted(),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_client_of_irc_has_a_minute_to_answer_a_ping() {
        let limits = Limits::default();
        let grace = |service: Service| service.ping_grace(&limits);
        assert_eq!(grace(Service::Irc(Arc::default())), Duration::from_secs(60));
        assert_eq!(grace(Service::Frame(frame::Options::default())), limits.ping_grace);
    }
}
