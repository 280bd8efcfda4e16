//! What is said: the message as every floor knows it.

use crate::id::Offset;
use std::rc::Rc;

/// One thing somebody said in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room.
    pub offset: Offset,
    /// When the relay received it, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The name it was said under.
    pub sender: Rc<str>,
    /// What was said.
    pub payload: Payload,
}

/// Any bytes, and whether their edges mean anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes as they came.
    pub bytes: Box<[u8]>,
    /// Cut from a stream wherever a read ended, as plain sockets send. Such bytes are passed on to
    /// plain sockets untouched; a message with edges of its own ends its line there.
    pub chunk: bool,
}

impl Message {
    /// What a message costs beside its payload, for counting memory honestly.
    pub const OVERHEAD: usize = 128;

    /// Bytes of memory this message is counted as.
    pub fn weight(&self) -> usize {
        self.payload.bytes.len() + Self::OVERHEAD
    }
}
