//! The relay, as a session may look at it.

use super::service::Service;
use crate::hub::Hub;
use crate::id::ConnId;
use crate::limits::Limits;
use std::time::Duration;

/// What a session may look at while it reads and writes.
#[derive(Clone, Copy, Debug)]
pub struct View<'a> {
    /// People, rooms, and what was published.
    pub hub: &'a Hub,
    /// The limits in force.
    pub limits: &'a Limits,
    /// The service that the peer came to.
    pub service: &'a Service,
    /// The peer itself.
    pub conn: ConnId,
    /// The time, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The same as the hub counts it: see [`Now::running`](crate::now::Now::running).
    pub running: Duration,
}
