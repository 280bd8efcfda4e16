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

/// Any bytes, and what is known of them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Payload {
    /// The bytes as they came.
    pub bytes: Box<[u8]>,
    /// What their sender's protocol says of them.
    pub form: Form,
}

/// What a sender's protocol says of a payload. Only a protocol that tells these apart heeds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A message, of whatever kind.
    #[default]
    Unsaid,
    /// A message that is text: UTF-8.
    Text,
    /// A message that is not text, whatever its bytes look like.
    Binary,
    /// Cut from a stream wherever a read ended, as plain sockets send. Such bytes are passed on to
    /// plain sockets untouched; a message with edges of its own ends its line there.
    Chunk,
}

impl Message {
    /// What a message costs beside its payload, for counting memory honestly.
    pub const OVERHEAD: usize = 128;

    /// Bytes of memory this message is counted as.
    pub fn weight(&self) -> usize {
        self.payload.bytes.len() + Self::OVERHEAD
    }
}
