//! The bench's side of a relay: thousands of clients on one thread and one `mio::Poll`, for this
//! relay and for other servers, and an account of what each of them heard.
//!
//! A [`Plan`] says who talks to whom and how fast; [`run`] does it and returns an [`Outcome`].
//! Nothing here knows the engine: what is measured stands on the other side of a socket.

pub mod chart;
pub mod comparison;
pub mod crowd;
pub mod figures;
pub mod ledger;
pub mod member;
pub mod outcome;
pub mod page;
pub mod part;
pub mod plan;
pub mod profile;
mod run;
pub mod schedule;
pub mod server;
pub mod sources;
pub mod stamp;
pub mod target;
pub mod timer;

pub use outcome::Outcome;
pub use plan::{Act, Bound, Plan};
pub use run::{Progress, run};
pub use target::{Scheme, Target};
