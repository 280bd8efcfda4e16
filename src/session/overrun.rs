//! The treatment of a peer that an overrun hits: it falls off the end of a tape.

/// The treatment of a peer that an overrun hits: it falls off the end of a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// The peer receives a gap and continues.
    #[default]
    Gap,
    /// The peer is closed with
    /// [`CloseReason::SlowConsumer`](crate::reason::CloseReason::SlowConsumer).
    Close,
}
