//! Direct messages that a client sends.

use super::Peer;
use super::want::Want;
use crate::model::Model;
use crate::random::Random;
use crate::weather::Manners;
use hobnob::wire::frame::ClientFrame;
use hobnob::wire::irc::LINE_MAX;
use std::borrow::Cow;

/// Somebody to tell something, in this spelling of the name or another; or nobody.
fn whom(random: &mut Random, model: &Model) -> String {
    let name = model.names.pick(random).filter(|_| random.chance(970)).unwrap_or("nobody");
    if random.chance(100) { name.to_ascii_uppercase() } else { name.to_owned() }
}

impl Peer {
    /// In frames.
    pub(super) fn send_direct(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
    ) {
        let (name, notice) = (whom(random, model), random.chance(300));
        let length = random.skewed(manners.largest);
        let payload = self.payload(random, length, model);
        let index = model.tell(self.serial, self.person, &name, notice, &payload);
        let request = self.request();
        let (name, payload) = (Cow::Owned(name), Cow::Owned(payload));
        let tell = ClientFrame::Tell { request, notice, name, payload };
        self.ask(&tell, Want::Passed { request, index });
    }

    /// In lines. The answer to the ping behind it says that there is none to it.
    pub(super) fn send_direct_line(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        model: &mut Model,
    ) {
        let (name, is_notice) = (whom(random, model), random.chance(300));
        let index = model.speakers[self.serial as usize].said.len();
        let mut text = format!("{}.{index};", self.serial);
        let most = random.skewed(manners.largest).min(LINE_MAX - 120);
        text.push_str(&"t".repeat(most.saturating_sub(text.len())));
        let index = model.tell(self.serial, self.person, &name, is_notice, text.as_bytes());
        let verb = if is_notice { "NOTICE" } else { "PRIVMSG" };
        self.line(&format!("{verb} {name} :{text}"));
        self.expect_next(Want::Direct { index, is_notice, is_echoed: false });
        self.ping_line(random);
    }
}
