//! The carriers of a protocol: a byte stream, WebSocket messages or HTTP chunks.

/// The transport framing between a protocol and its peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A stream of bytes. The protocol itself marks the end of each message.
    #[default]
    Stream,
    /// WebSocket messages, one for each message, frame or line.
    WebSocket,
    /// The body of an HTTP/1.1 response of unknown length, one chunk for each message. Without
    /// chunks, a client that reads blocks of a fixed size would wait for bytes that never come.
    Chunked,
}
