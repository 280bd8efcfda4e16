//! Connections: the arrival, the change of origin and the departure of a person.

use super::heard::Told;
use super::notice::{Departure, Notice};
use super::state::Hub;
use crate::id::{ConnId, RoomId};
use crate::now::Now;
use crate::reason::CloseReason;
use core::net::IpAddr;

/// The origin of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Origin {
    /// True if the message rate does not apply.
    pub exempt: bool,
    /// A number that stands for the network; only a number derived from it is ever shown.
    pub network: u64,
    /// The address, if clients whose protocol shows addresses may see it.
    pub shown: Option<IpAddr>,
}

impl Hub {
    /// Registers a connection.
    pub fn arrive(&mut self, conn: ConnId, origin: Origin) {
        self.people.arrive(conn, origin.exempt, self.secrets.cloak(origin.network));
        self.people.show(conn, origin.shown);
    }

    /// Replaces a connection's origin, and gives it a fresh allowance, after a proxy has forwarded
    /// the client's address.
    pub fn moved(&mut self, conn: ConnId, origin: Origin) {
        let cloak = self.secrets.cloak(origin.network);
        if let Some(person) = self.people.get_mut(conn) {
            person.moved(origin.exempt, cloak);
        }
        self.people.show(conn, origin.shown);
    }

    /// Returns the number that stands for a connection's network.
    pub fn cloak_of(&self, conn: ConnId) -> u64 {
        self.people.cloak_of(conn)
    }

    /// Removes a person that disconnected, and notifies the others. The second call has no effect.
    pub fn depart(&mut self, conn: ConnId, why: CloseReason, now: Now) {
        let Some(who) = self.people.identity(conn) else { return };
        let presence = self.people.presence(conn);
        let departure = presence.and_then(|presence| presence.departure.as_deref().cloned());
        let mut departure = departure.unwrap_or_else(|| Departure::Quit(why.text().into()));
        let rooms: Vec<RoomId> = self.rooms_of(conn).collect();
        let is_late = self.is_late(&rooms);
        if is_late {
            departure = departure.of_one_room();
        }
        let mut told = Told::new(&rooms, &self.limits);
        for room in rooms {
            self.unseat(conn, room, None);
            let except = match is_late {
                true => Vec::new(),
                false => told.but_once(self.room(room), &self.people),
            };
            let going = departure.clone();
            self.announce(room, now, except, |count| Notice::Went(who.clone(), count, going));
            self.forget_if_over(room);
        }
        if !who.name.is_empty() {
            if who.profile.is_some() {
                self.people.remember(who.clone(), now.unix_ms / 1000);
            }
            self.tell_watchers(&who.name, None);
        }
        self.people.depart(conn);
    }
}
