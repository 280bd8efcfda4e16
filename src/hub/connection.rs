//! Connections: a person arrives, turns out to come from elsewhere, departs.

use super::heard::Told;
use super::notice::{Going, Notice};
use super::state::Hub;
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::reason::CloseReason;
use core::net::IpAddr;
use std::rc::Rc;

impl Hub {
    /// Somebody connected. `unlimited` peers are not held to the message rate. `network` stands for
    /// where they come from; only a number derived from it is ever shown.
    pub fn arrive(&mut self, conn: ConnId, unlimited: bool, network: u64) {
        self.people.arrive(conn, unlimited, self.cloak(network));
    }

    /// `conn` turned out to come from elsewhere: see [`arrive`](Self::arrive).
    pub fn introduce(&mut self, conn: ConnId, unlimited: bool, network: u64) {
        let cloak = self.cloak(network);
        if let Some(person) = self.people.get_mut(conn) {
            person.introduce(unlimited, cloak);
        }
    }

    /// Where `conn` comes from is to be shown: to those who speak IRC, if it does so as well.
    pub fn show(&mut self, conn: ConnId, ip: IpAddr) {
        self.people.show(conn, ip);
    }

    /// Somebody is gone, for whatever reason. Nothing happens the second time.
    pub fn depart(&mut self, conn: ConnId, why: CloseReason, now: Now) {
        let Some(who) = self.people.who(conn) else { return };
        let record = self.people.record(conn);
        let words = record.and_then(|record| record.farewell.clone());
        let words = words.unwrap_or_else(|| why.text().into());
        let rooms: Vec<RoomId> = self.rooms_of(conn).collect();
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            self.unseat(conn, room, None);
            let except = told.but_once(self.room(room), &self.people);
            let going = Going::Quit(Rc::clone(&words));
            self.announce(room, now, except, |count| Notice::Went(who.clone(), count, going));
            self.forget_if_over(room);
        }
        if !who.name.is_empty() {
            if who.seen.face.is_some() {
                self.people.remember(who.clone(), now.unix_ms / 1000);
            }
            self.tell_watchers(&who.name, None);
        }
        self.people.depart(conn);
    }
}
