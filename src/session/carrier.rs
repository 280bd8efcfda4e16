//! What carries a protocol to a peer.

/// What carries a protocol to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A stream of bytes, in which messages say themselves where they end.
    #[default]
    Stream,
    /// WebSocket messages, one for each message, frame or line.
    WebSocket,
    /// The body of an HTTP/1.1 answer whose length nobody knows, one chunk for each message. Without
    /// it a reader that wants blocks of some size waits for more than there is.
    Chunked,
}
