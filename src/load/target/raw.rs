//! Lines to all clients, without a handshake: hobnob's `raw` listener with `framing=line`, and the
//! chat servers of many tutorials.

use super::{LONGEST, ProtocolError, ServerEvent, line};
use crate::wire::Parsed;

/// The adapter of one connection; the protocol needs no state.
#[derive(Debug)]
pub struct Raw;

impl Raw {
    pub(super) fn join(&mut self, _room: u32, _out: &mut Vec<u8>) -> bool {
        false
    }

    pub(super) fn leave(&mut self, _room: u32, _out: &mut Vec<u8>) {}

    pub(super) fn publish(&self, _room: u32, payload: &[u8], out: &mut Vec<u8>) {
        out.extend_from_slice(payload);
        out.push(b'\n');
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        _reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        match line(bytes) {
            Some((line, used)) => Ok(Parsed::Complete(ServerEvent::Message(line), used)),
            None if bytes.len() > LONGEST => Err("a line that does not end".to_owned()),
            None => Ok(Parsed::Partial),
        }
    }
}
