//! The reason why a conversation ends, with the text for the peer.

use crate::reason::CloseReason;
use std::borrow::Cow;

/// The reason why a conversation ends, and the sentence that the peer receives.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fault {
    /// The reason under which the close is counted.
    pub reason: CloseReason,
    /// A sentence that may be more specific than the reason.
    pub text: Cow<'static, str>,
}

impl From<CloseReason> for Fault {
    fn from(reason: CloseReason) -> Self {
        Self { reason, text: Cow::Borrowed(reason.text()) }
    }
}
