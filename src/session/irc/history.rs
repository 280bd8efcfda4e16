//! The history of rooms: CHATHISTORY (<https://ircv3.net/specs/extensions/chathistory>), and the
//! recent messages that a client receives on joining if it cannot request history.

use super::options::options_of;
use super::state::{Irc, PendingRequest};
use super::talk::Talk;
use crate::history::{Mark, Question, Select};
use crate::hub::{Command, Page, Room, Where};
use crate::id::{Offset, RequestId, RoomId};
use crate::payload::Message;
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::names::{channel_of, room_of};
use crate::session::encode::irc::stamp;
use crate::session::encode::irc::{msgid, write_spoken};
use crate::session::view::View;
use std::rc::Rc;

/// Maximum number of messages in one answer.
pub(super) const PAGE_MAX: usize = 100;

/// Handles CHATHISTORY.
pub(super) fn chathistory(talk: &mut Talk<'_>) {
    if !talk.irc.caps.has(Cap::ChatHistory) {
        let text = "Unknown command";
        return talk.numeric(super::numeric::ERR_UNKNOWNCOMMAND, &["CHATHISTORY"], text);
    }
    let sub = talk.param(0).unwrap_or_default().to_ascii_uppercase();
    if sub == "TARGETS" {
        return targets(talk);
    }
    let marks = match sub.as_str() {
        "LATEST" | "BEFORE" | "AFTER" | "AROUND" => 1,
        "BETWEEN" => 2,
        _ => {
            let text = "Unknown subcommand";
            return talk.fail("INVALID_PARAMS", &[&sub.replace(' ', "_")], text);
        }
    };
    let params: Vec<&str> = talk.line.params.iter().skip(1).copied().collect();
    let [target, words @ .., limit] = params.as_slice() else {
        return talk.fail("INVALID_PARAMS", &[&sub], "Not enough parameters");
    };
    if words.len() != marks {
        return talk.fail("INVALID_PARAMS", &[&sub], "That is not the number of parameters");
    }
    let Some(limit) = limit_of(limit) else {
        return talk.fail("INVALID_PARAMS", &[&sub], "The limit is not a number");
    };
    let hub = talk.hub();
    let room = room_of(target).and_then(|room| hub.find(room)).and_then(|id| hub.room(id));
    let Some(room) = room.filter(|room| hub.is_member(talk.conn(), room.id)) else {
        let text = "Messages could not be retrieved";
        return talk.fail("INVALID_TARGET", &[&sub, target], text);
    };
    let mut marks = Vec::new();
    for word in words {
        match mark_of(word, room) {
            Ok(Mark::End) if sub != "LATEST" => {
                return talk.fail("INVALID_PARAMS", &[&sub, word], "That is for LATEST only");
            }
            Ok(mark) => marks.push(mark),
            Err(nowhere) => return nowhere.tell(talk, &sub, target, word),
        }
    }
    let select = match (sub.as_str(), marks.as_slice()) {
        ("LATEST", [Mark::End]) => Select::Before(Mark::End),
        ("LATEST", [mark]) => Select::Latest(*mark, Mark::End),
        ("BEFORE", [mark]) => Select::Before(*mark),
        ("AFTER", [mark]) => Select::After(*mark),
        ("AROUND", [mark]) => Select::Around(*mark),
        ("BETWEEN", [one, other]) if is_before(*one, *other, room) => Select::Between(*one, *other),
        // Backwards in time: the newest messages of the interval.
        ("BETWEEN", [one, other]) => Select::Latest(*other, *one),
        // Unreachable: the number of marks was checked above.
        _ => return,
    };
    // If the page reads forward from a mark, its newest messages are left out. The client requests
    // them next.
    let keeps_oldest = matches!(select, Select::After(_) | Select::Between(..));
    let question = Question { select, limit, bytes: talk.view.limits.outbox / 8 };
    if room.history.reaches_below(question) {
        let request = PendingRequest { keeps_oldest, ..talk.about(target, "") };
        let room = Where::Joined(room.id);
        return talk.ask(request, Command::History { room, select, limit });
    }
    let messages: Vec<Rc<Message>> = room.history.page(question).map(Rc::clone).collect();
    let batch = talk.irc.next_batch();
    talk.write(|irc, view, out| {
        write_batch(irc, view, room, &batch, (&messages, keeps_oldest), out);
    });
}

/// Appends the hub's answer to a request that needed the store.
pub(super) fn write_page(
    irc: &mut Irc,
    id: RequestId,
    (room, page): (RoomId, &Page),
    view: &View<'_>,
    out: &mut Vec<u8>,
) {
    let keeps_oldest = irc.pending(id).is_some_and(|request| request.keeps_oldest);
    let batch = irc.next_batch();
    let Some(room) = view.hub.room(room) else { return };
    write_batch(irc, view, room, &batch, (&page.messages, keeps_oldest), out);
}

/// Parses the limit of a request. Returns the maximum for 0.
fn limit_of(word: &str) -> Option<usize> {
    let limit = word.parse::<usize>().ok()?;
    Some(if limit == 0 { PAGE_MAX } else { limit.min(PAGE_MAX) })
}

/// The reason why a word names no position in a room's history.
#[derive(Clone, Copy, Debug)]
enum Nowhere {
    /// The timestamp is invalid.
    Time,
    /// No message has this id, or the id is from another epoch.
    Message,
    /// The kind of reference is unknown.
    Kind,
}

impl Nowhere {
    fn tell(self, talk: &mut Talk<'_>, sub: &str, target: &str, word: &str) {
        match self {
            Self::Time => talk.fail("INVALID_PARAMS", &[sub, word], "Invalid timestamp"),
            Self::Message => {
                let text = "There is no such message here";
                talk.fail("MESSAGE_ERROR", &[sub, target, word], text);
            }
            Self::Kind => {
                let text = "A place is timestamp= or msgid=, and * for LATEST";
                talk.fail("INVALID_MSGREFTYPE", &[sub, target, word], text);
            }
        }
    }
}

/// Parses a reference to a position in the history.
fn mark_of(word: &str, room: &Room) -> Result<Mark, Nowhere> {
    match word.split_once('=') {
        None if word == "*" => Ok(Mark::End),
        Some(("timestamp", value)) => stamp::parse(value).map(Mark::Time).ok_or(Nowhere::Time),
        Some(("msgid", value)) => offset_of(value, room).map(Mark::Offset).ok_or(Nowhere::Message),
        _ => Err(Nowhere::Kind),
    }
}

/// Returns the offset of a message id, if the id is from this epoch.
fn offset_of(id: &str, room: &Room) -> Option<Offset> {
    let (epoch, offset) = id.split_once('-')?;
    let epoch = u64::from_str_radix(epoch, 16).ok()?;
    (epoch == room.epoch.0).then(|| offset.parse().ok())?
}

/// True if the first mark is not after the second.
fn is_before(one: Mark, other: Mark, room: &Room) -> bool {
    let time_of = |offset| room.history.from(offset).next().map(|message| message.unix_ms);
    match (one, other) {
        (Mark::Offset(one), Mark::Offset(other)) => one <= other,
        (Mark::Time(one), Mark::Time(other)) => one <= other,
        // The time of a message that is not in memory is unknown here.
        (Mark::Offset(one), Mark::Time(_)) if one < room.history.in_memory_from() => true,
        (Mark::Offset(one), Mark::Time(other)) => time_of(one).is_some_and(|one| one <= other),
        (Mark::Time(one), Mark::Offset(other)) => time_of(other).is_none_or(|other| one <= other),
        (_, Mark::End) => true,
        (Mark::End, _) => false,
    }
}

/// Appends messages of a room, as a batch if the client supports batches. Stops at a quarter of the
/// outbox, since a message may become more lines than it had bytes. The messages furthest from the
/// requested mark are left out.
fn write_batch(
    irc: &Irc,
    view: &View<'_>,
    room: &Room,
    batch: &str,
    (messages, keeps_oldest): (&[Rc<Message>], bool),
    out: &mut Vec<u8>,
) {
    let (channel, server) = (channel_of(&room.name), irc.server_lines(view));
    let is_batch = irc.caps.has(Cap::Batch);
    if is_batch {
        let line = server.line(out).command("BATCH");
        line.middle(&format!("+{batch}")).middle("chathistory").middle(&channel).end();
    }
    let batch = is_batch.then_some(batch);
    let mut size = 0;
    let mut write = |message: &Rc<Message>| {
        if size >= view.limits.outbox / 4 {
            return None;
        }
        let mut lines = Vec::new();
        write_spoken(irc.style(), &channel, &msgid(room, message), message, batch, &mut lines);
        size += lines.len();
        Some(lines)
    };
    let lines: Vec<Vec<u8>> = if keeps_oldest {
        messages.iter().map_while(&mut write).collect()
    } else {
        let mut lines: Vec<_> = messages.iter().rev().map_while(&mut write).collect();
        lines.reverse();
        lines
    };
    out.extend(lines.into_iter().flatten());
    if let Some(batch) = batch {
        let line = server.line(out).command("BATCH");
        line.middle(&format!("-{batch}")).end();
    }
}

/// Appends the recent messages for a client that joins. Appends nothing for a client without
/// `server-time`: without times, old messages look new.
pub(super) fn write_recent(irc: &Irc, view: &View<'_>, room: &Room, out: &mut Vec<u8>) {
    let limit = options_of(view).history;
    let asks = irc.caps.has(Cap::ChatHistory) || !irc.caps.has(Cap::ServerTime);
    if limit == 0 || asks {
        return;
    }
    let question =
        Question { select: Select::Before(Mark::End), limit, bytes: view.limits.outbox / 8 };
    let messages: Vec<Rc<Message>> = room.history.page(question).map(Rc::clone).collect();
    if !messages.is_empty() {
        let batch = format!("h{}", room.id.to_bits());
        write_batch(irc, view, room, &batch, (&messages, false), out);
    }
}

/// Handles CHATHISTORY TARGETS: lists the rooms whose last message is between two times.
fn targets(talk: &mut Talk<'_>) {
    let time = |index| talk.param(index).and_then(|word| word.strip_prefix("timestamp="));
    let times = (time(1).and_then(stamp::parse), time(2).and_then(stamp::parse));
    let limit = talk.param(3).and_then(limit_of);
    let is_all = talk.line.params.len() == 4;
    let ((Some(one), Some(other)), Some(limit), true) = (times, limit, is_all) else {
        return talk.fail("INVALID_PARAMS", &["TARGETS"], "Two timestamps and a limit are wanted");
    };
    let (from, to) = (one.min(other), one.max(other));
    let hub = talk.hub();
    let rooms: Vec<RoomId> = hub.rooms_of(talk.conn()).collect();
    let mut found: Vec<(u64, String)> = Vec::new();
    for room in rooms.into_iter().filter_map(|id| hub.room(id)) {
        let last = Question { select: Select::Before(Mark::End), limit: 1, bytes: 0 };
        let last = room.history.page(last).next().map(|message| message.unix_ms);
        if let Some(last) = last.filter(|last| from < *last && *last < to) {
            found.push((last, channel_of(&room.name)));
        }
    }
    found.sort();
    // The limit counts from the first of the two times; the list is in order of time either way.
    let left_out = found.len().saturating_sub(limit);
    if one > other {
        found.drain(..left_out);
    } else {
        found.truncate(limit);
    }
    let batch = talk.irc.next_batch();
    let is_batch = talk.irc.caps.has(Cap::Batch);
    if is_batch {
        talk.server(|line| {
            line.command("BATCH")
                .middle(&format!("+{batch}"))
                .middle("draft/chathistory-targets")
                .end();
        });
    }
    let server = talk.options().name.clone();
    for (last, channel) in found {
        talk.line(|line| {
            let line = if is_batch { line.tag("batch", &batch) } else { line };
            let line = line.from_server(&server).command("CHATHISTORY").middle("TARGETS");
            line.middle(&channel).middle(&stamp::Stamp(last).to_string()).end();
        });
    }
    if is_batch {
        talk.server(|line| line.command("BATCH").middle(&format!("-{batch}")).end());
    }
}
