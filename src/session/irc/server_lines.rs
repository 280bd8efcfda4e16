//! Lines from the relay itself: numerics, FAIL, and all others with the relay's name as source.

use super::numeric::Numeric;
use super::options::options_of;
use super::state::Irc;
use crate::session::view::View;
use crate::wire::irc::LineWriter;

/// A writer of lines from the relay to one peer.
#[derive(Clone, Copy)]
pub(super) struct ServerLines<'a> {
    server: &'a str,
    target: &'a str,
}

impl Irc {
    /// Returns the writer of lines from the relay to this peer.
    pub(super) fn server_lines<'a>(&'a self, view: &View<'a>) -> ServerLines<'a> {
        ServerLines { server: &options_of(view).name, target: self.target() }
    }
}

impl ServerLines<'_> {
    /// Begins a line.
    pub(super) fn line<'o>(self, out: &'o mut Vec<u8>) -> LineWriter<'o> {
        LineWriter::new(out).from_server(self.server)
    }

    /// Begins a numeric. Its first parameter is the peer's nick.
    pub(super) fn begin<'o>(
        self,
        numeric: Numeric,
        params: &[&str],
        out: &'o mut Vec<u8>,
    ) -> LineWriter<'o> {
        let line = self.line(out).command(numeric).middle(self.target);
        params.iter().fold(line, |line, param| line.middle(param))
    }

    /// Appends a numeric with a text at its end.
    pub(super) fn numeric(self, numeric: Numeric, params: &[&str], text: &str, out: &mut Vec<u8>) {
        self.begin(numeric, params, out).last(text);
    }

    /// Appends a numeric without a text.
    pub(super) fn bare_numeric(self, numeric: Numeric, params: &[&str], out: &mut Vec<u8>) {
        self.begin(numeric, params, out).end();
    }

    /// Appends a FAIL, one of IRCv3's standard replies.
    pub(super) fn fail(
        self,
        verb: &str,
        code: &str,
        context: &[&str],
        text: &str,
        out: &mut Vec<u8>,
    ) {
        let line = self.line(out).command("FAIL").middle(verb).middle(code);
        context.iter().fold(line, |line, word| line.middle(word)).last(text);
    }
}
