//! The read-only view of the relay that a session gets.

use super::service::Service;
use crate::hub::Hub;
use crate::id::ConnId;
use crate::limits::Limits;
use std::time::Duration;

/// The read-only view of the relay that a session gets while it reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// The people, the rooms, and their history.
    pub hub: &'a Hub,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The service of the listener that accepted the peer.
    pub service: &'a Service,
    /// The peer's connection.
    pub conn: ConnId,
    /// The time, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The same time on the hub's clock: see [`Now::running`](crate::now::Now::running).
    pub running: Duration,
}
