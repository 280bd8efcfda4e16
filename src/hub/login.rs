//! Login: a chosen name, or a guest's.

use super::event::Event;
use super::name;
use super::reply::Reply;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use crate::reason::{CloseReason, Refusal};
use std::rc::Rc;

impl Hub {
    pub(super) fn hello(
        &mut self,
        conn: ConnId,
        name: &str,
        key: u64,
        now: Now,
    ) -> Result<(), Refusal> {
        // A guest's name is valid only with the key that it was given with. Otherwise it is treated
        // as if no name was requested, so that a client that reconnects after a restart is not
        // refused.
        let returning = name::guest_number(name).filter(|number| self.guest_key(*number) == key);
        let (name, key) = match returning {
            Some(_) => (Rc::from(name), key),
            None if name.is_empty() || name::guest_number(name).is_some() => self.new_guest(),
            None if !name::is_person_name(name) => return Err(Refusal::BadName),
            None => (Rc::from(name), if key == 0 { self.mint() } else { key }),
        };
        let folded = name::folded(&name);
        if let Some(holder) = self.people.holder(&folded).filter(|holder| *holder != conn) {
            if self.people.get(holder).is_none_or(|person| person.key != key) {
                return Err(Refusal::NameTaken);
            }
            // The hub removes the holder at once, so that its departure is announced before the new
            // arrival.
            self.events.push_back(Event::Close(holder, CloseReason::Replaced));
            self.depart(holder, CloseReason::Replaced, now);
        }
        self.people.name(conn, &name, folded, key);
        let news = Rc::clone(&name);
        self.reply(conn, Reply::Welcome { id: conn, name, key });
        self.tell_watchers(&news, self.people.identity(conn).as_ref());
        Ok(())
    }

    /// Creates a guest's name and key. No person holds the name yet: it cannot be chosen, and no
    /// number is given twice.
    pub(super) fn new_guest(&mut self) -> (Rc<str>, u64) {
        self.people.guests += 1;
        let number = self.people.guests;
        (format!("guest{number}").into(), self.guest_key(number))
    }

    /// Returns a guest's key. It is derived from the number, so it need not be stored.
    pub(super) fn guest_key(&self, number: u64) -> u64 {
        self.secrets.guest_key(number)
    }
}
