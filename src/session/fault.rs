//! Why a conversation cannot go on.

use crate::reason::CloseReason;
use std::borrow::Cow;

/// Why a conversation cannot go on, and the sentence the peer is told.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason under which the close is counted.
    pub reason: CloseReason,
    /// More than the reason says by itself.
    pub text: Cow<'static, str>,
}

impl From<CloseReason> for Fault {
    fn from(reason: CloseReason) -> Self {
        Self { reason, text: Cow::Borrowed(reason.text()) }
    }
}
