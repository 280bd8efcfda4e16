//! The carrier for protocols on a plain stream of bytes.

use super::action::{Action, Outcome, RequestId};
use super::carrier::Carrier;
use super::dialect::Dialect;
use super::fault::Fault;
use super::protocol::{Conversation, Input, OverStream};
use super::service::Service;
use super::view::View;
use crate::hub::Reply;
use crate::wire::Parsed;
use crate::wire::deflate::Inflater;

/// A protocol on a plain stream of bytes. The carrier adds nothing.
#[derive(Debug, Default)]
pub struct Stream<P>(pub P);

impl<P: OverStream> Conversation for Stream<P> {
    fn receive<'a>(
        &mut self,
        input: Input<'a>,
        view: &View<'_>,
        _: &mut Inflater,
    ) -> Result<Parsed<Action<'a>>, Fault> {
        self.0.receive(input, view)
    }

    fn poll_action(&mut self, view: &View<'_>) -> Option<Action<'static>> {
        self.0.poll_action(Carrier::Stream, view)
    }

    fn has_actions(&self) -> bool {
        self.0.has_actions()
    }

    fn deliver(&mut self, id: RequestId, reply: &Reply, view: &View<'_>, out: &mut Vec<u8>) {
        self.0.deliver(Carrier::Stream, id, reply, view, out);
    }

    fn completed(&mut self, id: RequestId, outcome: Outcome, view: &View<'_>, out: &mut Vec<u8>) {
        self.0.completed(Carrier::Stream, id, outcome, view, out);
    }

    fn write_pong(&self, token: u64, out: &mut Vec<u8>) {
        self.0.write_pong(Carrier::Stream, token, out);
    }

    fn write_ping(&self, view: &View<'_>, out: &mut Vec<u8>) {
        self.0.write_ping(view, out);
    }

    fn write_draining(&self, view: &View<'_>, out: &mut Vec<u8>) {
        self.0.write_draining(Carrier::Stream, view, out);
    }

    fn write_close(&self, fault: &Fault, out: &mut Vec<u8>) {
        self.0.write_close(Carrier::Stream, fault, out);
    }

    fn dialect(&self, service: &Service) -> Dialect {
        Dialect::stream(self.0.language(service))
    }

    fn can_tell_refusal(&self) -> bool {
        self.0.can_tell_refusal()
    }

    fn answers_from_hub(&self) -> bool {
        self.0.answers_from_hub()
    }

    fn has_one_room(&self) -> bool {
        self.0.has_one_room()
    }

    fn is_greeted(&self) -> bool {
        self.0.is_greeted()
    }
}
