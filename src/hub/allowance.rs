//! Allowances: the rate as the hub and its callers apply it to one person.

use super::rate::Act;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use crate::payload::Identity;
use crate::reason::Refusal;
use std::time::Duration;

impl Hub {
    /// Returns the time until a person may do something, `running` being the time; zero if they may now.
    /// Whoever then answers them without asking the hub says what it came to ([`charge`](Self::charge)).
    pub fn wait(&self, conn: ConnId, act: Act, running: Duration) -> Duration {
        let person = self.people.get(conn);
        person.map_or(Duration::ZERO, |person| person.rate.wait(act, running, &self.limits))
    }

    /// Somebody was answered at this cost: the bytes of the answer, and what else was done for it. See
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST).
    pub fn charge(&mut self, conn: ConnId, cost: usize, now: Now) {
        if let Some(person) = self.people.get_mut(conn) {
            person.rate.charge(cost, now.running, &self.limits);
        }
    }

    /// Refuses a question of a person whose allowance is used up.
    pub(super) fn asking(&self, conn: ConnId, now: Now) -> Result<(), Refusal> {
        let wait = self.wait(conn, Act::Ask, now.running);
        if wait.is_zero() { Ok(()) } else { Err(Refusal::RateLimited) }
    }

    /// Takes the price of one message out of a person's allowance, and returns the person's identity.
    ///
    /// # Errors
    /// It has no name yet, or too little is left.
    pub(super) fn charge_message(&mut self, conn: ConnId, now: Now) -> Result<Identity, Refusal> {
        let person = self.people.get_mut(conn).filter(|person| !person.name.is_empty());
        let person = person.ok_or(Refusal::NotMember)?;
        if !person.take_allowance(Act::Say, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        self.people.identity(conn).ok_or(Refusal::NotMember)
    }
}
