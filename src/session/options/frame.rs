//! The options of a `frame` listener.

use crate::session::overrun::Overrun;

/// The options of a `frame` listener.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Options {
    /// The treatment of a peer that an overrun hits.
    pub overrun: Overrun,
}
