//! What the hub is told, and what it answers.

use super::rights::Change;
use crate::history::Select;
use crate::id::{ConnId, Epoch, Offset, Resume, RoomId};
use crate::now::Tick;
use crate::payload::{Form, Manner, Message, Seen};
use crate::reason::{CloseReason, Refusal};
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// What a person asks for, in no protocol's words.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Command<'a> {
    /// Take a name: the first thing anybody does.
    Hello {
        /// The name wanted; empty for a guest's.
        name: Cow<'a, str>,
        /// Proof of having been here before, or 0.
        key: u64,
        /// Whether their protocol has words for what is said to them alone.
        private: bool,
    },
    /// Enter a room, or read again from a place in it.
    Join {
        /// Repeated in the answer.
        request: u64,
        /// The room's name.
        room: Cow<'a, str>,
        /// What the room's operators may have asked for.
        key: Option<Cow<'a, str>>,
        /// Where to go on from.
        resume: Option<Resume>,
    },
    /// Enter a room only to hear it. Where it cannot be read on from the place given, it is read from
    /// the oldest message that is kept: whoever asks this way has no second question.
    Listen {
        /// The room's name.
        room: Cow<'a, str>,
        /// Where to go on from.
        resume: Option<Resume>,
    },
    /// Leave a room.
    Leave {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: RoomId,
        /// What the others are told, if anything.
        reason: Option<Cow<'a, str>>,
    },
    /// Say something in a room.
    Say {
        /// Which one.
        room: RoomId,
        /// The sender's name for this message, or 0.
        id: u64,
        /// Whether the sender wants its own copy.
        echo: bool,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// What is known of it.
        form: Form,
    },
    /// Ask who is in a room.
    Members {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: Where<'a>,
    },
    /// Ask for what was said in a room.
    History {
        /// Repeated in the answer.
        request: u64,
        /// Which one.
        room: Where<'a>,
        /// Which messages.
        select: Select,
        /// How many at most; 0 for as many as one page has room for.
        limit: usize,
    },
    /// Say something in a room from outside.
    Post {
        /// The room's name.
        room: Cow<'a, str>,
        /// Under which name; empty for a guest's, the same for as long as the connection lasts.
        sender: Cow<'a, str>,
        /// Proof that the name is the sender's, if somebody holds it; or 0.
        key: u64,
        /// The sender's own word for this message: what was said under it before is not said again.
        once: Option<Cow<'a, str>>,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// See [`Payload::form`](crate::payload::Payload::form).
        form: Form,
    },
    /// Ask which rooms there are.
    Rooms {
        /// Where to go on, from an earlier answer; 0 to begin.
        from: usize,
        /// How many at most.
        limit: usize,
    },
    /// Say something about oneself, where the protocol has words for it. From then on private
    /// messages reach this person.
    Describe {
        /// See [`Face::user`](crate::payload::Face::user).
        user: Cow<'a, str>,
        /// See [`Face::real_name`](crate::payload::Face::real_name).
        real_name: Cow<'a, str>,
    },
    /// Take another name.
    Rename {
        /// The name wanted.
        name: Cow<'a, str>,
    },
    /// Say something in a room or to a person, with all that goes with it.
    Speak {
        /// To whom.
        to: Target,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// How.
        manner: Manner,
        /// Whether the sender wants a private copy of what became of it.
        echo: bool,
    },
    /// Say something to a person, by their name.
    Tell {
        /// Repeated in the answer.
        request: u64,
        /// Whom.
        name: Cow<'a, str>,
        /// What is said.
        bytes: Cow<'a, [u8]>,
        /// See [`Manner::is_notice`].
        is_notice: bool,
    },
    /// Tell other clients something that is not kept: somebody is typing.
    Signal {
        /// To whom.
        to: Target,
        /// What, as IRC writes it.
        tags: Rc<str>,
        /// Whether the sender wants a private copy.
        echo: bool,
    },
    /// Give a room a topic; an empty one takes it away.
    Topic {
        /// Which room.
        room: RoomId,
        /// The topic.
        text: Cow<'a, str>,
    },
    /// Change what a room demands and who may do what there.
    Change {
        /// Which room.
        room: RoomId,
        /// The changes, in order.
        changes: Vec<Change>,
    },
    /// Ask a person into a room.
    Invite {
        /// Which room.
        room: RoomId,
        /// Whom.
        whom: ConnId,
    },
    /// Put a member out of a room.
    Expel {
        /// Which room.
        room: RoomId,
        /// Whom.
        whom: ConnId,
        /// What everybody is told.
        reason: Cow<'a, str>,
    },
    /// Be away, and say so to whoever asks; or, without a message, be back.
    Away {
        /// What is said.
        message: Option<Cow<'a, str>>,
    },
    /// Be called something else in full.
    RealName {
        /// What.
        text: Cow<'a, str>,
    },
    /// Be known as what one is.
    Flags(Flags),
    /// Be told when somebody comes and goes.
    Watch {
        /// The name.
        name: Cow<'a, str>,
        /// Or no longer.
        on: bool,
    },
    /// What the others are told when this person goes.
    Farewell {
        /// The words.
        reason: Cow<'a, str>,
    },
    /// End another's connection. For operators of the relay.
    End {
        /// Whose.
        whom: ConnId,
        /// What everybody is told.
        reason: Cow<'a, str>,
    },
    /// Say something to all operators of the relay, and to whoever else wants to hear it.
    Call {
        /// What.
        text: Cow<'a, str>,
    },
}

/// A room, as whoever asks knows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Where<'a> {
    /// By the number it was given on joining: the answer is for members only.
    Joined(RoomId),
    /// By its name, from outside.
    Named(Cow<'a, str>),
}

impl Command<'_> {
    /// The same, with nothing borrowed.
    pub fn into_owned(self) -> Command<'static> {
        match self {
            Self::Hello { name, key, private } => {
                Command::Hello { name: owned(name), key, private }
            }
            Self::Join { request, room, key, resume } => {
                Command::Join { request, room: owned(room), key: key.map(owned), resume }
            }
            Self::Leave { request, room, reason } => {
                Command::Leave { request, room, reason: reason.map(owned) }
            }
            Self::Listen { room, resume } => Command::Listen { room: owned(room), resume },
            Self::Say { room, id, echo, bytes, form } => {
                Command::Say { room, id, echo, bytes: Cow::Owned(bytes.into_owned()), form }
            }
            Self::Members { request, room } => {
                Command::Members { request, room: room.into_owned() }
            }
            Self::History { request, room, select, limit } => {
                Command::History { request, room: room.into_owned(), select, limit }
            }
            Self::Post { room, sender, key, once, bytes, form } => Command::Post {
                room: owned(room),
                sender: owned(sender),
                key,
                once: once.map(owned),
                bytes: Cow::Owned(bytes.into_owned()),
                form,
            },
            Self::Rooms { from, limit } => Command::Rooms { from, limit },
            Self::Describe { user, real_name } => {
                Command::Describe { user: owned(user), real_name: owned(real_name) }
            }
            Self::Rename { name } => Command::Rename { name: owned(name) },
            Self::Speak { to, bytes, manner, echo } => {
                Command::Speak { to, bytes: Cow::Owned(bytes.into_owned()), manner, echo }
            }
            Self::Tell { request, name, bytes, is_notice } => {
                let (name, bytes) = (owned(name), Cow::Owned(bytes.into_owned()));
                Command::Tell { request, name, bytes, is_notice }
            }
            Self::Signal { to, tags, echo } => Command::Signal { to, tags, echo },
            Self::Topic { room, text } => Command::Topic { room, text: owned(text) },
            Self::Change { room, changes } => Command::Change { room, changes },
            Self::Invite { room, whom } => Command::Invite { room, whom },
            Self::Expel { room, whom, reason } => {
                Command::Expel { room, whom, reason: owned(reason) }
            }
            Self::Away { message } => Command::Away { message: message.map(owned) },
            Self::RealName { text } => Command::RealName { text: owned(text) },
            Self::Flags(flags) => Command::Flags(flags),
            Self::Watch { name, on } => Command::Watch { name: owned(name), on },
            Self::Farewell { reason } => Command::Farewell { reason: owned(reason) },
            Self::End { whom, reason } => Command::End { whom, reason: owned(reason) },
            Self::Call { text } => Command::Call { text: owned(text) },
        }
    }
}

impl Where<'_> {
    fn into_owned(self) -> Where<'static> {
        match self {
            Self::Joined(room) => Where::Joined(room),
            Self::Named(name) => Where::Named(owned(name)),
        }
    }
}

fn owned(text: Cow<'_, str>) -> Cow<'static, str> {
    Cow::Owned(text.into_owned())
}

/// To whom something is said.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// Everyone in a room.
    Room(RoomId),
    /// One person.
    Person(ConnId),
}

/// What a person is known as.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Flags {
    /// Not listed for those who share no room with them.
    pub invisible: bool,
    /// An operator of the relay: may end connections, and has an operator's rights in every room.
    pub operator: bool,
    /// Wants to hear what operators call out.
    pub listens: bool,
    /// A program.
    pub bot: bool,
}

/// A person, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name.
    pub name: Rc<str>,
    /// What stands beside it.
    pub seen: Seen,
}

impl fmt::Display for Who {
    /// The name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// What must happen next, in this order.
#[derive(Debug)]
pub enum Event {
    /// Tell one person something.
    Reply(ConnId, Reply),
    /// `conn` hears the room from now on; first, everything kept from `from` on.
    Seat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// The first offset to replay.
        from: Option<Offset>,
    },
    /// `conn` no longer hears the room. With a request, it is told up to where it did.
    Unseat {
        /// Who.
        conn: ConnId,
        /// Where.
        room: RoomId,
        /// The request to answer.
        request: Option<u64>,
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
    /// Everyone in the room hears of it, except for some. Never many: those who hear it otherwise.
    Notice(RoomId, Notice, Vec<ConnId>),
    /// End a connection.
    Close(ConnId, CloseReason),
    /// Call `room_due` at this time.
    Remind(RoomId, Tick),
    /// The room is no more: its id may be let again.
    Gone(RoomId),
}

/// News of a room: of its members, mostly.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// Somebody joined; members now.
    Came(Who, u32),
    /// Somebody left; members now.
    Went(Who, u32, Going),
    /// Members now, in a room too big for names.
    Count(u32),
    /// Somebody has another name; members, as before.
    Renamed(Who, Rc<str>, u32),
    /// The room has another topic.
    Topic(Who, Rc<str>),
    /// Rights changed.
    Changed(Who, Rc<[Change]>),
    /// Somebody was asked in.
    Invited(Who, Rc<str>),
    /// Somebody is away, or back.
    Away(Who, Option<Rc<str>>),
    /// Somebody is called something else in full: see their face.
    RealName(Who),
    /// What one client tells the others, and nobody keeps.
    Signal(Signal),
}

/// What one client tells others: see [`Command::Signal`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signal {
    /// Who.
    pub who: Who,
    /// What, as IRC writes it.
    pub tags: Rc<str>,
    /// Unlike that of any other signal or private message.
    pub id: u64,
}

/// How somebody left.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Going {
    /// Out of this room, with these words.
    Left(Option<Rc<str>>),
    /// Out of the relay, with these words.
    Quit(Rc<str>),
    /// Put out by somebody, with these words.
    Expelled(Who, Rc<str>),
}

/// An answer to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reply {
    /// To `Hello`.
    Welcome {
        /// The connection named.
        id: ConnId,
        /// The name given.
        name: Rc<str>,
        /// The key that proves it.
        key: u64,
    },
    /// To `Join`.
    Joined {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// Its name, as first spelt.
        name: Rc<str>,
        /// Whether all that was missed follows.
        recovered: bool,
        /// The room's numbering.
        epoch: Epoch,
        /// Its newest offset.
        head: Offset,
        /// Its oldest offset kept.
        oldest: Offset,
        /// Members now.
        members: u32,
    },
    /// To `Leave`.
    Left {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// The last message sent to this person.
        offset: Offset,
    },
    /// To `Say`.
    Ack {
        /// The room.
        room: RoomId,
        /// The sender's id of the message.
        id: u64,
        /// Its place.
        offset: Offset,
    },
    /// To `Members`.
    Members {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// Members now.
        count: u32,
        /// Their names, unless they are too many.
        names: Vec<Rc<str>>,
    },
    /// To `History`.
    History {
        /// The request answered.
        request: u64,
        /// The room.
        room: RoomId,
        /// What was found there.
        page: Page,
    },
    /// To `Post`.
    Posted {
        /// The room's name, as first spelt.
        room: Rc<str>,
        /// Its numbering.
        epoch: Epoch,
        /// The message's place, the first one if it was said before.
        offset: Offset,
        /// When it was said.
        unix_ms: u64,
        /// The name it was said under.
        sender: Rc<str>,
    },
    /// To `Rooms`.
    Rooms {
        /// Some rooms.
        rooms: Vec<RoomLine>,
        /// Where the next ones begin, if there may be more.
        next: Option<usize>,
        /// How many there are.
        total: usize,
    },
    /// These messages were lost to this person.
    Gap {
        /// The room.
        room: RoomId,
        /// The first one.
        from: Offset,
        /// The last one.
        to: Offset,
    },
    /// A private message: to whom, and what. The sender gets it, too, if it asked to.
    Whisper {
        /// To whom.
        to: Rc<str>,
        /// What.
        message: Rc<Message>,
        /// The sender's own copy.
        is_echo: bool,
    },
    /// To `Tell`: it is on its way.
    Passed {
        /// The request answered.
        request: u64,
        /// When it was said, in milliseconds since 1970.
        unix_ms: u64,
        /// What the other says to those who ask while they are away.
        away: Option<Rc<str>>,
    },
    /// The sender's own copy of what it said in a room.
    Said {
        /// Where.
        room: RoomId,
        /// What.
        message: Rc<Message>,
    },
    /// A private signal: see [`Command::Signal`].
    Signal {
        /// To whom.
        to: Rc<str>,
        /// What, and from whom.
        signal: Signal,
        /// The sender's own copy.
        is_echo: bool,
    },
    /// News of a room of which this person alone is told here: it made them.
    Notice(RoomId, Notice),
    /// News of a person: of oneself, or of one that is watched.
    News(Notice),
    /// A watched name came or went.
    Watched {
        /// The name, and who has it if somebody has.
        name: Rc<str>,
        /// Who has it now.
        who: Option<Who>,
    },
    /// Asked into a room.
    Invited {
        /// By whom.
        by: Who,
        /// The room's name.
        room: Rc<str>,
    },
    /// Put out of a room.
    Expelled {
        /// By whom.
        by: Who,
        /// The room.
        room: RoomId,
        /// Its name.
        name: Rc<str>,
        /// Why.
        reason: Rc<str>,
    },
    /// The connection is about to be ended by an operator of the relay.
    Ended {
        /// By whom.
        by: Who,
        /// Why.
        reason: Rc<str>,
    },
    /// An operator calls out.
    Call {
        /// Who.
        by: Who,
        /// What.
        text: Rc<str>,
    },
    /// To anything that was not carried out.
    Refused {
        /// Why.
        refusal: Refusal,
        /// The request or message id.
        request: u64,
    },
}

/// One room in a list of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RoomLine {
    /// Its name, as first spelt.
    pub name: Rc<str>,
    /// Its numbering.
    pub epoch: Epoch,
    /// Its newest offset.
    pub head: Offset,
    /// Its oldest offset kept.
    pub oldest: Offset,
    /// Members now.
    pub members: u32,
}

/// A piece of a room's past.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page {
    /// The room's numbering.
    pub epoch: Epoch,
    /// Its newest offset.
    pub head: Offset,
    /// Its oldest offset kept.
    pub oldest: Offset,
    /// What was asked for, ascending, or the end of it that one page has room for.
    pub messages: Vec<Rc<Message>>,
}
