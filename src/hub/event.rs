//! Events: what the engine must do next, in order.

use super::notice::Notice;
use super::reply::Reply;
use crate::history::Question;
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::now::Tick;
use crate::payload::Message;
use crate::reason::CloseReason;
use std::rc::Rc;

/// An action that the engine must carry out, in the order of events.
#[derive(Debug)]
pub enum Event {
    /// Send a reply to one person: the answer to this request, or an event that it did not request.
    Reply(ConnId, RequestId, Reply),
    /// The person's request is complete: no more answers follow.
    Done(ConnId, RequestId),
    /// No message of that person waits for its outcome any more.
    Settled(ConnId),
    /// `conn` receives the room from now on, after all messages kept from `from` on.
    Seat {
        /// The peer.
        conn: ConnId,
        /// The room.
        room: RoomId,
        /// The first offset to replay.
        from: Option<Offset>,
    },
    /// `conn` no longer receives the room.
    Unseat {
        /// The peer.
        conn: ConnId,
        /// The room.
        room: RoomId,
        /// The request that this answers, if the peer requested to leave. The answer has the last
        /// offset sent.
        answers: Option<RequestId>,
        /// The room's newest offset; the room itself may be gone.
        head: Offset,
    },
    /// Send the message to all members of the room.
    Deliver {
        /// The room.
        room: RoomId,
        /// The message.
        message: Rc<Message>,
        /// The sender, if it does not want its own copy.
        skip: Option<ConnId>,
    },
    /// Ask the store for a page of a room's history.
    Page(PageQuery),
    /// Send the notice to all members of the room, except a few who receive it otherwise.
    Notice(RoomId, Notice, Vec<ConnId>),
    /// Close a connection.
    Close(ConnId, CloseReason),
    /// Call `room_due` at this time.
    Remind(RoomId, Tick),
    /// The room no longer exists: its id may be reused.
    Gone(RoomId),
}

/// A query on a room's history that the store has to answer.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery {
    /// The peer.
    pub conn: ConnId,
    /// Its request.
    pub request: RequestId,
    /// The room.
    pub room: RoomId,
    /// True if the answer is for members only.
    pub is_private: bool,
    /// The query.
    pub question: Question,
}
