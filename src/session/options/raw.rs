//! The options of a `raw` listener.

/// The options of a `raw` listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The room that every peer of the listener joins.
    pub room: String,
    /// True if a sender receives its own bytes back, as the simplest clients expect.
    pub echo: bool,
    /// The text that every peer receives on connecting.
    pub greeting: String,
    /// The rule that divides a stream into messages.
    pub framing: Framing,
}

impl Default for Options {
    fn default() -> Self {
        let (room, greeting) = ("lobby".to_owned(), String::new());
        Self { room, echo: true, greeting, framing: Framing::Chunk }
    }
}

/// The rule that divides the stream of a plain socket into messages.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Each read is a message. Clients that send no newlines work.
    #[default]
    Chunk,
    /// Each line is a message. Lines stay whole.
    Line,
}
