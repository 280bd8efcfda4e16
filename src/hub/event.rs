//! Events: what the engine must do next, in order.

use super::notice::Notice;
use super::reply::Reply;
use crate::history::Question;
use crate::id::{ConnId, Offset, RequestId, RoomId};
use crate::now::Tick;
use crate::payload::Message;
use crate::reason::CloseReason;
use std::rc::Rc;

/// What must happen next, in this order.
#[derive(Debug)]
pub enum Event {
    /// Tell one person something: what it asked for with this request, or what it did not ask for.
    Reply(ConnId, RequestId, Reply),
    /// The request of that person is done with: nothing more answers it.
    Done(ConnId, RequestId),
    /// No message of that person waits for its outcome any more.
    Settled(ConnId),
    /// `conn` hears the room from now on; first, everything kept from `from` on.
    Seat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// The first offset to replay.
        from: Option<Offset>,
    },
    /// `conn` no longer hears the room.
    Unseat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// If it is told up to where it did: the request that this answers.
        answers: Option<RequestId>,
        /// The room's newest offset; the room itself may be gone.
        head: Offset,
    },
    /// Everyone in the room hears the message.
    Deliver {
        /// Where.
        room: RoomId,
        /// What.
        message: Rc<Message>,
        /// The sender, if it does not want its own copy.
        skip: Option<ConnId>,
    },
    /// Ask the store for a page of a room's history.
    Page(PageQuery),
    /// Everyone in the room hears of it, except for some. Never many: those who hear it otherwise.
    Notice(RoomId, Notice, Vec<ConnId>),
    /// End a connection.
    Close(ConnId, CloseReason),
    /// Call `room_due` at this time.
    Remind(RoomId, Tick),
    /// The room is no more: its id may be let again.
    Gone(RoomId),
}

/// A question to a room's history, for whose answer the store has to be asked.
#[derive(Clone, Copy, Debug)]
pub struct PageQuery {
    /// The peer that asks.
    pub conn: ConnId,
    /// Its request.
    pub request: RequestId,
    /// The room.
    pub room: RoomId,
    /// True if the answer is for members only.
    pub is_private: bool,
    /// The question.
    pub question: Question,
}
