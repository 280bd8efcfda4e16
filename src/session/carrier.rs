//! What carries a protocol to a peer.

/// What carries a protocol to a peer.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Carrier {
    /// A stream of bytes, in which messages say themselves where they end.
    #[default]
    Stream,
    /// WebSocket messages, one for each message, frame or line.
    WebSocket,
}
