//! Allowances: the rate as the hub and its callers apply it to one person.

use super::rate::Act;
use super::state::Hub;
use crate::id::ConnId;
use crate::now::Now;
use crate::payload::Identity;
use crate::reason::Refusal;
use std::time::Duration;

impl Hub {
    /// Returns the time until the person may do something; zero if it is allowed now. `running` is
    /// the current time. A caller that then answers the person without the hub must
    /// [`charge`](Self::charge) the cost.
    pub fn wait(&self, conn: ConnId, act: Act, running: Duration) -> Duration {
        let person = self.people.get(conn);
        person.map_or(Duration::ZERO, |person| person.rate.wait(act, running, &self.limits))
    }

    /// Charges a person for an answer: the bytes of the answer, and the other work done for it. See
    /// [`MESSAGE_COST`](crate::limits::MESSAGE_COST).
    pub fn charge(&mut self, conn: ConnId, cost: usize, now: Now) {
        if let Some(person) = self.people.get_mut(conn) {
            person.rate.charge(cost, now.running, &self.limits);
        }
    }

    /// Refuses a query if the person's allowance is used up.
    pub(super) fn asking(&self, conn: ConnId, now: Now) -> Result<(), Refusal> {
        let wait = self.wait(conn, Act::Ask, now.running);
        if wait.is_zero() { Ok(()) } else { Err(Refusal::RateLimited) }
    }

    /// Charges the person for one message, and returns the person's identity.
    ///
    /// # Errors
    /// The person has no name yet, or too little is left of the allowance.
    pub(super) fn charge_message(&mut self, conn: ConnId, now: Now) -> Result<Identity, Refusal> {
        let person = self.people.get_mut(conn).filter(|person| !person.name.is_empty());
        let person = person.ok_or(Refusal::NotMember)?;
        if !person.take_allowance(Act::Say, now, &self.limits) {
            return Err(Refusal::RateLimited);
        }
        self.people.identity(conn).ok_or(Refusal::NotMember)
    }
}
