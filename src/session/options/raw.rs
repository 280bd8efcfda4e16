//! How a `raw` listener serves.

/// How a `raw` listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The room everyone here is in.
    pub room: String,
    /// Whether a sender receives its own bytes back, as the simplest clients expect.
    pub echo: bool,
    /// Sent to everyone who connects.
    pub greeting: String,
    /// What counts as one message.
    pub framing: Framing,
}

impl Default for Options {
    fn default() -> Self {
        let (room, greeting) = ("lobby".to_owned(), String::new());
        Self { room, echo: true, greeting, framing: Framing::Chunk }
    }
}

/// What counts as one message of a plain socket.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Framing {
    /// Whatever one read returns: clients that send without any newline work.
    #[default]
    Chunk,
    /// A line: people's lines stay whole.
    Line,
}
