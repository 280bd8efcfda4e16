//! What happens to a peer that falls off the end of a tape.

/// What happens to a peer that falls off the end of a tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Overrun {
    /// It is told the gap and goes on.
    #[default]
    Gap,
    /// It is closed with [`CloseReason::SlowConsumer`](crate::reason::CloseReason::SlowConsumer).
    Close,
}
