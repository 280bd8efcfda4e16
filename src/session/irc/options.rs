//! The options of the listener that a session came to.

pub(super) use crate::session::options::irc::Options;
use crate::session::view::View;

/// Returns the options of the listener that a session came to.
pub(super) fn options_of<'a>(view: &View<'a>) -> &'a Options {
    view.service.irc().unwrap_or_else(|| Options::fallback())
}
