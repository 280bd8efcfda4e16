//! HTTP/1.1: one request after the other, each answered before the next is read.

use super::origin::named_origin;
use super::outcome::{Asked, Outcome as Answer, Subject};
use super::response::{Response, Status};
use super::route::{self, Found};
use super::{api, asset, host, upgrade, watch};
use crate::address;
use crate::hub::Reply;
use crate::limits::Limits;
use crate::reason::CloseReason;
use crate::session::action::{Action, Outcome, RequestId};
use crate::session::dialect::{Dialect, Language};
use crate::session::fault::Fault;
use crate::session::options::authority;
use crate::session::options::http::{Options, Serve};
use crate::session::protocol::{Conversation, Input};
use crate::session::service::Service;
use crate::session::view::View;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;
use crate::wire::http::{self, Body, Chunks, HttpError, Request};
use crate::wire::proxy::{self, ProxyError};
use core::net::IpAddr;
use std::borrow::Cow;

/// Bytes of a body that are written at a time. The next piece is written once the peer has read
/// this one. Smaller than the smallest outbox.
const PIECE: usize = 8 << 10;

/// The id of the one request that an exchange has in progress.
const REQUEST: RequestId = RequestId::NONE.next();

/// The state of an HTTP conversation.
#[derive(Debug)]
pub struct Exchange {
    progress: Progress,
    /// The rest of a response that is not yet sent.
    outgoing: Option<Outgoing>,
    /// The request that waits for a reply.
    asking: Option<Box<Asking>>,
    /// The origin of the page that made the request, if it is another origin that may read the
    /// response.
    origin: Option<Box<str>>,
    /// True if this response is the last.
    ends: bool,
    /// True if the client uses HTTP/1.0 and asks to keep the connection open.
    keeps_old_alive: bool,
    /// True if the last response refused the host name of a request.
    misdirected: bool,
    /// True if no progress was made since a deadline passed. The next deadline closes the peer.
    overdue: bool,
    /// True once a request was answered.
    answered: bool,
    /// The status of the response to a request that could not be parsed.
    failed: Option<Status>,
    /// True if the peer is a trusted proxy.
    trusted: bool,
    /// True once a PROXY header or a forwarded address was read.
    introduced: bool,
}

/// The progress of reading a request.
#[derive(Clone, Copy, Debug)]
enum Progress {
    /// The bytes searched so far for the end of the head.
    Head { searched: u32 },
    /// The head has this length, and is not parsed again before the body is complete.
    Body { head: u32, rest: Rest },
}

#[derive(Clone, Copy, Debug)]
enum Rest {
    Length(u32),
    /// The progress of parsing a chunked body, and the maximum length of the body.
    Chunks(Chunks, u32),
}

#[derive(Debug)]
struct Outgoing {
    body: Cow<'static, [u8]>,
    at: usize,
}

/// A request that the hub or the engine answers.
#[derive(Debug)]
struct Asking {
    /// The subject of the command to the hub; `None` for a query to the engine.
    subject: Option<Subject>,
    /// True if the response is sent without its body.
    is_head: bool,
}

impl Default for Exchange {
    fn default() -> Self {
        Self {
            progress: Progress::Head { searched: 0 },
            outgoing: None,
            asking: None,
            origin: None,
            ends: false,
            keeps_old_alive: false,
            misdirected: false,
            // The first request has one deadline, not two.
            overdue: true,
            answered: false,
            failed: None,
            trusted: false,
            introduced: false,
        }
    }
}

impl Exchange {
    fn read<'a>(
        &mut self,
        bytes: &'a [u8],
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        // One request at a time: otherwise a late reply could answer the next request.
        if bytes.is_empty() || self.asking.is_some() {
            return Ok(Parsed::Partial);
        }
        if options.proxy && !self.introduced {
            return self.receive_proxy(bytes);
        }
        let head = match self.progress {
            Progress::Body { head, rest } => {
                return self.go_on(bytes, head as usize, rest, options, limits);
            }
            // Some clients send an empty line after a body (RFC 9112 §2.2).
            Progress::Head { searched: 0 } if bytes.starts_with(b"\r\n") => {
                return Ok(act(Action::Nothing, 2));
            }
            Progress::Head { searched: 0 } if bytes == b"\r" => return Ok(Parsed::Partial),
            Progress::Head { searched } => http::head_end(bytes, searched as usize),
        };
        match head.map_err(|error| self.fail(error))? {
            Some(head) => self.begin(bytes, head, options, limits),
            None => {
                self.progress = Progress::Head { searched: bytes.len() as u32 };
                Ok(Parsed::Partial)
            }
        }
    }

    /// Reads the PROXY header, before any other input.
    fn receive_proxy<'a>(&mut self, bytes: &'a [u8]) -> Result<Parsed<Action<'a>>, Fault> {
        let parsed = if self.trusted { proxy::parse(bytes) } else { Err(ProxyError) };
        let what = "connections come here through a proxy that says for whom it speaks";
        match parsed.map_err(|_| self.fail(HttpError::Malformed(what)))? {
            Parsed::Complete(remote, used) => {
                self.introduced = true;
                Ok(act(remote.map_or(Action::Nothing, Action::RemoteAddr), used))
            }
            Parsed::Partial => Ok(Parsed::Partial),
        }
    }

    /// Returns the address for which a long-lived request is forwarded. Short requests share the
    /// proxy's connection with those of other clients, so they do not count for any address.
    fn forwarded(
        &mut self,
        request: &Request<'_>,
        options: &Options,
    ) -> Result<Option<IpAddr>, Fault> {
        let is_lasting =
            request.lists("connection", "upgrade") || request.path.ends_with("/events");
        if !self.trusted || self.introduced || !is_lasting {
            return Ok(None);
        }
        if request.all("x-forwarded-for").next().is_none() {
            return Ok(None);
        }
        let noted: Vec<&str> = request.list("x-forwarded-for").collect();
        let stranger = address::nearest_stranger(&noted, &options.trust);
        let malformed = HttpError::Malformed("X-Forwarded-For is no list of addresses");
        let remote = stranger.ok_or_else(|| self.fail(malformed))?;
        self.introduced = true;
        Ok(Some(remote))
    }

    /// Handles a request whose head is complete. A request that is certain to be refused is refused
    /// before its body arrives.
    fn begin<'a>(
        &mut self,
        bytes: &'a [u8],
        length: usize,
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let head = bytes.get(..length).unwrap_or_default();
        let (request, body) = http::parse_head(head).map_err(|error| self.fail(error))?;
        // Browsers always send `Host`, so a request without it needs no check.
        let name = request.header("host").map(authority::name_in);
        if let Some(name) = name.filter(|name| !host::is_answered(name, options)) {
            let why = host::refusal(&name, options.serve == Serve::Admin);
            let response = Response::text(Status::MisdirectedRequest, &why);
            (self.ends, self.misdirected) = (true, true);
            return Ok(act(self.respond(&request, response), length));
        }
        if let Some(remote) = self.forwarded(&request, options)? {
            return Ok(act(Action::RemoteAddr(remote), 0));
        }
        let (max, is_route) = match route::find(options.serve, request.method, request.path) {
            Found::Route(route, _) => ((route.body_max)(limits), true),
            Found::Asset | Found::WrongMethod(_) | Found::Undecodable | Found::Nothing => {
                (0, false)
            }
        };
        let rest = match body {
            Body::Length(body) if body > max => None,
            Body::Length(body) => Some(Rest::Length(body as u32)),
            Body::Chunked => Some(Rest::Chunks(Chunks::default(), max as u32)),
        };
        let expects = request.header("expect");
        let refused = match (rest, expects) {
            (_, Some(other)) if !other.eq_ignore_ascii_case("100-continue") => Some((
                Status::ExpectationFailed,
                "nothing but 100-continue can be expected of this relay",
            )),
            (None, _) if is_route => Some((Status::ContentTooLarge, "the body is too long")),
            _ => None,
        };
        if let Some((status, why)) = refused {
            self.ends = true;
            return Ok(act(self.respond(&request, Response::text(status, why)), length));
        }
        let Some(rest) = rest else {
            // No body is accepted here. The response is the same, and the relay does not wait for
            // the body.
            self.ends = true;
            return Ok(self.answer(&request, options, limits, length));
        };
        self.progress = Progress::Body { head: length as u32, rest };
        match self.go_on(bytes, length, rest, options, limits)? {
            Parsed::Partial if expects.is_some() && request.is_1_1 => {
                Ok(act(Action::Send(Cow::Borrowed(b"HTTP/1.1 100 Continue\r\n\r\n")), 0))
            }
            parsed => Ok(parsed),
        }
    }

    /// Continues reading the body of a request.
    fn go_on<'a>(
        &mut self,
        bytes: &'a [u8],
        head: usize,
        rest: Rest,
        options: &Options,
        limits: &Limits,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        let coming = bytes.get(head..).unwrap_or_default();
        let (body, length) = match rest {
            Rest::Length(length) => match coming.get(..length as usize) {
                Some(body) => (Cow::Borrowed(body), body.len()),
                None => return Ok(Parsed::Partial),
            },
            Rest::Chunks(mut chunks, max) => {
                let walked = chunks.walk(coming, max as usize);
                match walked.map_err(|error| self.fail(error))? {
                    Some(length) => {
                        let body = coming.get(..length).unwrap_or_default();
                        (Cow::Owned(http::dechunk(body)), length)
                    }
                    None => {
                        let rest = Rest::Chunks(chunks, max);
                        self.progress = Progress::Body { head: head as u32, rest };
                        return Ok(Parsed::Partial);
                    }
                }
            }
        };
        let (mut request, _) = parse_again(bytes, head)?;
        request.body = body;
        self.ends = !request.keeps_alive();
        self.keeps_old_alive = !request.is_1_1 && request.keeps_alive();
        Ok(self.answer(&request, options, limits, head + length))
    }

    fn answer<'a>(
        &mut self,
        request: &Request<'_>,
        options: &Options,
        limits: &Limits,
        used: usize,
    ) -> Parsed<Action<'a>> {
        self.origin = named_origin(request, &options.allow_origin).map(Box::from);
        let answer = match route::find(options.serve, request.method, request.path) {
            Found::Route(route, room) => (route.answer)(request, &Asked { room, options, limits }),
            Found::Asset if upgrade::is_irc_at_root(request) => {
                upgrade::irc(request, &Asked { room: Cow::Borrowed(""), options, limits })
            }
            Found::Asset => Answer::Respond(asset::serve(request)),
            Found::WrongMethod(allowed) if request.method == "OPTIONS" => {
                Answer::Respond(match self.origin {
                    Some(_) => preflight(allowed, request),
                    None => options_of(&allowed),
                })
            }
            Found::Nothing if request.method == "OPTIONS" => Answer::Respond(options_of("")),
            Found::WrongMethod(allowed) => {
                let text = format!("{} is not for {}", request.method, request.path);
                let response = Response::text(Status::MethodNotAllowed, &text);
                Answer::Respond(response.with("Allow", allowed))
            }
            Found::Undecodable => {
                let why = "the path is not UTF-8 once it is decoded";
                Answer::Respond(Response::text(Status::BadRequest, why))
            }
            Found::Nothing => Answer::Respond(Response::text(Status::NotFound, "nothing is here")),
        };
        match answer {
            Answer::Respond(response) => act(self.respond(request, response), used),
            Answer::Upgrade(response, session) => {
                let head = Cow::Owned(response.head(false).into_bytes());
                act(Action::Upgrade(head, session), used)
            }
            Answer::Ask(command, subject) => {
                self.ask(request, Some(subject));
                act(Action::Command(REQUEST, command), used)
            }
            Answer::Query(query) => {
                self.ask(request, None);
                act(Action::Query(REQUEST, query), used)
            }
            Answer::Become(session) => act(Action::Upgrade(Cow::Borrowed(&[]), session), used),
        }
    }

    /// Records the request that waits for a reply.
    fn ask(&mut self, request: &Request<'_>, subject: Option<Subject>) {
        self.progress = Progress::Head { searched: 0 };
        let is_head = request.method == "HEAD";
        self.asking = Some(Box::new(Asking { subject, is_head }));
    }

    fn write_answer(&mut self, response: Response, out: &mut Vec<u8>) {
        if let Some(asking) = self.asking.take() {
            out.extend(self.begin_answer(asking.is_head, response));
        }
    }

    fn respond<'a>(&mut self, request: &Request<'_>, response: Response) -> Action<'a> {
        self.progress = Progress::Head { searched: 0 };
        Action::Send(Cow::Owned(self.begin_answer(request.method == "HEAD", response)))
    }

    /// Returns the head of a response, and the first piece of its body.
    fn begin_answer(&mut self, is_head: bool, response: Response) -> Vec<u8> {
        (self.answered, self.overdue) = (true, false);
        self.ends |= response.is_endless;
        let origin = self.origin.take();
        let mut response = response.for_origin(origin.as_deref());
        if self.keeps_old_alive && !self.ends {
            response = response.with("Connection", "keep-alive");
        }
        let mut bytes = response.head(self.ends).into_bytes();
        if !is_head {
            self.outgoing = Some(Outgoing { body: response.body, at: 0 });
            bytes.extend(self.next_piece().unwrap_or_default());
        }
        bytes
    }

    fn next_piece(&mut self) -> Option<Vec<u8>> {
        let outgoing = self.outgoing.as_mut()?;
        let rest = outgoing.body.get(outgoing.at..).unwrap_or_default();
        let piece = rest.get(..PIECE).unwrap_or(rest).to_vec();
        outgoing.at += piece.len();
        self.overdue = false;
        if outgoing.at >= outgoing.body.len() {
            self.outgoing = None;
        }
        (!piece.is_empty()).then_some(piece)
    }

    fn is_under_way(&self) -> bool {
        !matches!(self.progress, Progress::Head { searched: 0 })
    }

    fn fail(&mut self, error: HttpError) -> Fault {
        self.failed = Some(match error {
            HttpError::Malformed(_) => Status::BadRequest,
            HttpError::TargetTooLong => Status::UriTooLong,
            HttpError::HeadTooLong => Status::HeadTooLarge,
            HttpError::BodyTooLong => Status::ContentTooLarge,
            HttpError::Version => Status::VersionNotSupported,
            HttpError::Coding => Status::NotImplemented,
        });
        Fault { reason: CloseReason::BadRequest, text: Cow::Owned(error.to_string()) }
    }
}

impl Conversation for Exchange {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        _: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        match view.service {
            Service::Http(options) => self.read(input.bytes, options, view.limits),
            _ => Err(CloseReason::Internal.into()),
        }
    }

    /// Returns the next piece of a long response, or the close after the last response.
    fn poll_action(&mut self, _: &View<'_>) -> Option<Action<'static>> {
        if let Some(piece) = self.next_piece() {
            return Some(Action::Send(Cow::Owned(piece)));
        }
        if self.asking.is_some() {
            return None;
        }
        if self.misdirected {
            return Some(Action::Close(CloseReason::WrongHost.into()));
        }
        self.ends.then_some(Action::Finish)
    }

    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        let asking = self.asking.as_deref().filter(|_| id == REQUEST);
        let subject = asking.and_then(|asking| asking.subject.as_ref());
        if let Some(response) = subject.and_then(|subject| api::response(subject, reply, view)) {
            self.write_answer(response, out);
        }
    }

    /// True, since the session reads the next request only after it has answered the one before.
    fn answers_from_hub(&self) -> bool {
        true
    }

    fn completed(&mut self, _: RequestId, outcome: Outcome, _: &View<'_>, out: &mut Vec<u8>) {
        if let Outcome::Report(report) = outcome {
            self.write_answer(watch::response(report), out);
        }
    }

    /// Records a missed deadline. The first request has one deadline. Later, the second deadline
    /// without progress closes the peer.
    fn handshake_expired(&mut self) -> Option<CloseReason> {
        if !std::mem::replace(&mut self.overdue, true) {
            return None;
        }
        let is_idle = self.answered && !self.is_under_way() && self.outgoing.is_none();
        Some(if is_idle { CloseReason::Idle } else { CloseReason::HandshakeTimeout })
    }

    fn trust(&mut self) {
        self.trusted = true;
    }

    fn write_pong(&self, _: u64, _: &mut Vec<u8>) {}

    fn write_ping(&self, _: &View<'_>, _: &mut Vec<u8>) {}

    fn write_draining(&self, _: &View<'_>, _: &mut Vec<u8>) {}

    /// Appends a response to a request that could not be parsed or came too late. Appends nothing
    /// if there is no request.
    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>) {
        let status = match (self.failed, fault.reason) {
            (Some(status), _) => status,
            _ if self.outgoing.is_some() => return,
            (_, CloseReason::HandshakeTimeout) if self.is_under_way() => Status::RequestTimeout,
            (_, CloseReason::RelayFull | CloseReason::AddressFull) => Status::Unavailable,
            (_, CloseReason::Shutdown) if self.is_under_way() => Status::Unavailable,
            _ => return,
        };
        let response = Response::text(status, &fault.text);
        out.extend_from_slice(response.head(true).as_bytes());
        out.extend_from_slice(&response.body);
    }

    /// Returns a placeholder: an exchange is in no room.
    fn dialect(&self, _: &Service) -> Dialect {
        Dialect::stream(Language::Chunk)
    }

    fn is_greeted(&self) -> bool {
        false
    }
}

fn act(action: Action<'_>, used: usize) -> Parsed<Action<'_>> {
    Parsed::Complete(action, used)
}

/// Returns the response to OPTIONS: the allowed methods, as health checks of proxies ask for them.
fn options_of(allowed: &str) -> Response {
    let comma = if allowed.is_empty() { "" } else { ", " };
    Response::empty(Status::NoContent).with("Allow", format!("{allowed}{comma}OPTIONS"))
}

/// Maximum number of requested headers that a preflight response allows.
const ASKED_HEADERS_MAX: usize = 32;

/// Returns the response to a CORS preflight (the Fetch standard, §3.3.2). It allows all headers
/// that the page requests: libraries add their own, and unknown headers have no effect here.
fn preflight(allowed: String, request: &Request<'_>) -> Response {
    let mut headers = "Authorization, Content-Type, Idempotency-Key, Last-Event-ID".to_owned();
    let is_name =
        |name: &&str| name.bytes().all(|byte| byte.is_ascii_alphanumeric() || byte == b'-');
    let asked = request.list("access-control-request-headers").filter(is_name);
    for name in asked.take(ASKED_HEADERS_MAX) {
        headers.push_str(", ");
        headers.push_str(name);
    }
    Response::empty(Status::NoContent)
        .with("Access-Control-Allow-Methods", allowed)
        .with("Access-Control-Allow-Headers", headers)
        .with("Access-Control-Max-Age", "600")
}

/// Parses a head that was parsed before. Only its bytes are kept between reads, not the parsed
/// request.
fn parse_again(bytes: &[u8], head: usize) -> Result<(Request<'_>, Body), Fault> {
    let parsed = http::parse_head(bytes.get(..head).unwrap_or_default());
    parsed.map_err(|_| CloseReason::Internal.into())
}
