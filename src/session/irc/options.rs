//! The IRC options of the listener that accepted the peer.

pub(super) use crate::session::options::irc::Options;
use crate::session::view::View;

/// Returns the IRC options of the listener that accepted the peer.
pub(super) fn options_of<'a>(view: &View<'a>) -> &'a Options {
    view.service.irc().unwrap_or_else(|| Options::fallback())
}
