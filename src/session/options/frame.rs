//! How a `frame` listener serves.

use crate::session::overrun::Overrun;

/// How a `frame` listener serves.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// What happens to a peer that falls off the end of a tape.
    pub overrun: Overrun,
}
