//! The load generator: thousands of clients on one thread and one `mio::Poll`, for this relay and
//! for other servers, and a record of what each client received.
//!
//! A [`Plan`] describes the load; [`run`] executes it and returns an [`Outcome`]. Nothing here uses
//! the engine: the measured server is a separate process.

pub mod chart;
pub mod comparison;
pub mod connection;
pub mod connections;
pub mod delivery_record;
mod error;
pub mod figures;
pub mod outcome;
pub mod page;
pub mod plan;
pub mod profile;
pub mod role;
mod run;
pub mod schedule;
pub mod server;
pub mod sources;
pub mod stamp;
pub mod target;
pub mod timer;

pub use error::LoadError;
pub use outcome::Outcome;
pub use plan::{Bound, LoadKind, Plan};
pub use run::{Progress, run};
pub use target::{Scheme, Target};
