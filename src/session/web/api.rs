//! The HTTP API of rooms: publishing, history, members and events. A request becomes a command to
//! the hub, and the hub's reply becomes the response.

use super::body;
use super::events::EventStream;
use super::origin::{self, may_speak, named_origin};
use super::outcome::{Asked, Outcome, Subject};
use super::query::{self, Query};
use super::response::{Response, Status, refused};
use crate::history::{Mark, Select};
use crate::hub::{Act, Command, Reply, Sender, Where, is_room_name};
use crate::id::Offset;
use crate::limits::PERSON_NAME_MAX;
use crate::payload::{Form, Manner};
use crate::reason::Refusal;
use crate::session::carrier::Carrier;
use crate::session::{Session, View};
use crate::wire::http::Request;
use crate::wire::json::Hex;
use std::borrow::Cow;

/// Default number of messages or rooms in one response.
const PAGE: usize = 50;

/// Maximum number of messages in one response.
const PAGE_MAX: usize = 1000;

/// Maximum number of rooms in one response. Their names, written as JSON, must fit the outbox of
/// one peer.
const ROOMS_MAX: usize = 200;

/// Longest `Idempotency-Key`, in bytes. A UUID has 36.
const ONCE_MAX: usize = 255;

/// Handles `POST /rooms/{room}/messages`.
pub fn post(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    let said = Query::of(request).and_then(|query| said(request, asked, &query));
    match said {
        Ok(command) => Outcome::Ask(command, Subject::Post),
        Err(refused) => Outcome::Respond(*refused),
    }
}

fn said(
    request: &Request<'_>,
    asked: &Asked<'_>,
    query: &Query<'_>,
) -> Result<Command<'static>, Box<Response>> {
    allowed(request, asked)?;
    query.only(&["sender"])?;
    let sender = query.text("sender").unwrap_or_default();
    if sender.len() > PERSON_NAME_MAX {
        return Err(Box::new(body::refusal(Refusal::BadName)));
    }
    let once = match request.header("idempotency-key") {
        Some(once) if once.is_empty() || once.len() > ONCE_MAX => {
            return Err(refused("an Idempotency-Key has 1 to 255 bytes"));
        }
        None if request.all("idempotency-key").next().is_some() => {
            return Err(refused("there is more than one Idempotency-Key, or it is not text"));
        }
        once => once.map(|once| Cow::Owned(once.to_owned())),
    };
    let form = match request.header("content-type") {
        Some(kind) if kind.starts_with("text/") => match std::str::from_utf8(&request.body) {
            Ok(_) => Form::Text,
            Err(_) => return Err(refused("the text is not UTF-8")),
        },
        Some(kind) if kind.starts_with("application/octet-stream") => Form::Binary,
        _ => Form::Unsaid,
    };
    Ok(Command::Publish {
        room: Where::Named(Cow::Owned(asked.room.clone().into_owned())),
        sender: Sender::Outside { name: Cow::Owned(sender.into_owned()), key: key(request)?, once },
        bytes: Cow::Owned(request.body.to_vec()),
        form,
        manner: Manner::default(),
    })
}

/// Handles `GET /rooms/{room}/messages`.
pub fn messages(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    let question = Query::of(request).and_then(|query| {
        allowed(request, asked)?;
        query.only(&["before", "after", "limit"])?;
        let limit = query.number("limit")?.unwrap_or(PAGE as u64);
        let select = match (query.number("before")?, query.number("after")?) {
            (None | Some(0), None) => Select::Before(Mark::End),
            (Some(before), None) => Select::Before(Mark::Offset(before)),
            (None, Some(after)) => Select::After(Mark::Offset(after)),
            _ => return Err(refused("either before or after")),
        };
        Ok((select, bounded(limit, PAGE_MAX)))
    });
    match question {
        Ok((select, limit)) => {
            let name = Cow::Owned(asked.room.clone().into_owned());
            let command = Command::History { room: Where::Named(name), select, limit };
            Outcome::Ask(command, Subject::Messages { room: (&*asked.room).into(), limit })
        }
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// Handles `GET /rooms`.
pub fn rooms(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    let question = Query::of(request).and_then(|query| {
        allowed(request, asked)?;
        query.only(&["from", "limit"])?;
        let limit = bounded(query.number("limit")?.unwrap_or(PAGE as u64), ROOMS_MAX);
        let from = usize::try_from(query.number("from")?.unwrap_or(0)).unwrap_or(usize::MAX);
        Ok((from, limit))
    });
    match question {
        Ok((from, limit)) => Outcome::Ask(Command::Rooms { from, limit }, Subject::Rooms { limit }),
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// Handles `GET /rooms/{room}/members`.
pub fn members(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    let question = Query::of(request).and_then(|query| {
        allowed(request, asked)?;
        query.only(&[])
    });
    match question {
        Ok(()) => {
            let name = Cow::Owned(asked.room.clone().into_owned());
            let command = Command::Members { room: Where::Named(name) };
            Outcome::Ask(command, Subject::Members { room: (&*asked.room).into() })
        }
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// Handles `GET /rooms/{room}/events`.
pub fn events(request: &Request<'_>, asked: &Asked<'_>) -> Outcome {
    let carrier = if request.is_1_1 { Carrier::Chunked } else { Carrier::Stream };
    let stream = Query::of(request).and_then(|query| {
        allowed(request, asked)?;
        // Unknown parameters are ignored: libraries add parameters of their own to such a URL, and
        // after one refusal an EventSource never tries again.
        if !is_room_name(&asked.room) {
            return Err(Box::new(body::refusal(Refusal::BadRoom)));
        }
        let last = request.header("last-event-id").map(Cow::Borrowed);
        let in_query = ["last_event_id", "lastEventId"].into_iter().find_map(|it| query.text(it));
        let last = last.or(in_query).filter(|last| !last.is_empty());
        let resume = match last {
            None => None,
            Some(last) => Some(query::resume(&last).ok_or_else(|| {
                refused("a Last-Event-ID is the id of an event that came from here")
            })?),
        };
        let name = query.text("name").unwrap_or_default();
        if name.len() > PERSON_NAME_MAX {
            return Err(Box::new(body::refusal(Refusal::BadName)));
        }
        let origin = named_origin(request, &asked.options.allow_origin);
        Ok(EventStream::new(&asked.room, &name, key(request)?, resume, origin, carrier))
    });
    match stream {
        Ok(_) if request.method == "HEAD" => Outcome::Respond(EventStream::head(carrier)),
        Ok(stream) => Outcome::Become(Box::new(Session::Events(Box::new(stream)))),
        Err(refused) => Outcome::Respond(*refused),
    }
}

/// Refuses pages of other origins. Programs other than browsers send no origin and pass.
fn allowed(request: &Request<'_>, asked: &Asked<'_>) -> Result<(), Box<Response>> {
    if may_speak(request, &asked.options.allow_origin) {
        return Ok(());
    }
    Err(Box::new(Response::text(Status::Forbidden, &origin::refusal(request))))
}

/// Returns the key that proves a name, from 16 hexadecimal digits; 0 if there is none.
fn key(request: &Request<'_>) -> Result<u64, Box<Response>> {
    let Some(authorization) = request.header("authorization") else { return Ok(0) };
    let key = authorization.strip_prefix("Bearer ").and_then(|key| Hex::parse(key.trim()));
    key.ok_or_else(|| refused("Authorization is Bearer and a key, as `welcome` tells it"))
}

fn bounded(limit: u64, max: usize) -> usize {
    usize::try_from(limit).map_or(max, |limit| limit.clamp(1, max))
}

/// Returns the response for a reply of the hub; `None` for an event that the request did not cause.
pub fn response(subject: &Subject, reply: &Reply, view: &View<'_>) -> Option<Response> {
    Some(match (subject, reply) {
        (Subject::Post, Reply::Refused { refusal, .. }) => body::refused(*refusal, Act::Say, view),
        (_, Reply::Refused { refusal, .. }) => body::refused(*refusal, Act::Ask, view),
        (Subject::Post, Reply::Published { room, epoch, offset, unix_ms, sender }) => {
            let place = format!("{}?after={}&limit=1", path_to(room), offset.saturating_sub(1));
            let posted = body::Posted {
                room,
                epoch: Hex::of(*epoch),
                offset: *offset,
                time: *unix_ms,
                sender,
            };
            body::answer(Status::Created, &posted).with("Location", place)
        }
        (Subject::Messages { room, limit }, Reply::History { page, .. }) => {
            let past = body::past(&page.messages);
            let offsets = past.first().zip(past.last()).map(|(a, b)| (a.offset, b.offset));
            let response = body::answer(Status::Ok, &body::Messages::of(room, page, &past));
            match links(room, *limit, offsets, page.oldest, page.head) {
                Some(links) => response.with("Link", links),
                None => response,
            }
        }
        (Subject::Rooms { limit }, Reply::Rooms { rooms, next, total }) => {
            let lines = rooms.iter().map(body::RoomOf::from).collect();
            let response = body::answer(Status::Ok, &body::Rooms { total: *total, rooms: lines });
            match next {
                Some(next) => {
                    let link = format!("</rooms?from={next}&limit={limit}>; rel=\"next\"");
                    response.with("Link", link)
                }
                None => response,
            }
        }
        (Subject::Members { room }, Reply::Members { count, names, .. }) => {
            body::answer(Status::Ok, &body::Members::of(room, *count, names))
        }
        _ => return None,
    })
}

/// Returns the links to the pages of history before and after this one (RFC 8288).
fn links(
    room: &str,
    limit: usize,
    offsets: Option<(Offset, Offset)>,
    oldest: Offset,
    head: Offset,
) -> Option<String> {
    let (first, last) = offsets?;
    let path = path_to(room);
    let before =
        (first > oldest).then(|| format!("<{path}?before={first}&limit={limit}>; rel=\"prev\""));
    let after = (last < head).then(|| format!("<{path}?after={last}&limit={limit}>; rel=\"next\""));
    let links: Vec<String> = before.into_iter().chain(after).collect();
    (!links.is_empty()).then(|| links.join(", "))
}

fn path_to(room: &str) -> String {
    format!("/rooms/{}/messages", query::encode(room))
}
