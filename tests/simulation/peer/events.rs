//! Somebody who listens to one room over HTTP (Server-Sent Events): what it asks for.

use super::action::{Action, Weights};
use super::want::Want;
use super::{Peer, Person};
use crate::random::Random;
use crate::weather::Manners;

/// How often a listener does what, once it has asked to be let in.
const ACTIONS: &Weights = &[
    (Action::Wait, |_| 1_000),
    (Action::Ping, |manners| manners.ping),
    (Action::Bye, |manners| manners.bye),
];

impl Peer {
    /// Asks to be let in; after that nothing that it says is heard.
    pub(super) fn act_events(
        &mut self,
        random: &mut Random,
        manners: &Manners,
        person: &Person,
        rooms: usize,
    ) {
        if self.has_begun {
            return match self.choose_action(ACTIONS, true, random, manners) {
                Action::Ping => self.write(b"hello?\r\n\r\n"),
                Action::Bye => self.fin = true,
                _ => {}
            };
        }
        if random.chance(manners.garbage * 4) {
            self.is_bad = true;
            return self.write(b"GET what, and how?\r\n\r\n");
        }
        let room = random.below(rooms);
        let resume = self.place_in(room, random, person);
        let (mut query, mut headers) = (Vec::new(), String::new());
        if person.key != 0 && !person.name.is_empty() {
            query.push(format!("name={}", person.name));
            headers += &format!("Authorization: Bearer {:016x}\r\n", person.key);
        }
        if let Some((epoch, offset)) = resume {
            let id = format!("{epoch:016x}-{offset}");
            match random.chance(500) {
                true => query.push(format!("last_event_id={id}")),
                false => headers += &format!("Last-Event-ID: {id}\r\n"),
            }
        }
        let query = query.join("&");
        let mark = if query.is_empty() { "" } else { "?" };
        let path = format!("/rooms/r{room}/events{mark}{query}");
        // Old readers take the answer as it comes, and others in chunks.
        let version = if random.chance(300) { "1.0" } else { "1.1" };
        self.write(
            format!("GET {path} HTTP/{version}\r\nHost: localhost\r\n{headers}\r\n").as_bytes(),
        );
        self.expect_next(Want::Joined { request: 0, room, is_bad: false, resume });
        self.joining.push(room);
    }
}
