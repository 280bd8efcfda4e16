//! Sockets, clocks and the event loop: the only server module that uses mio, clocks and
//! `io::Error`.

mod admission;
mod clock;
mod descriptors;
mod event_loop;
mod handle;
mod listener;
mod peer_addr;
mod rate_limited_log;
mod socket_options;
mod transport;
mod unfinished;

pub use descriptors::raise_descriptor_limit;
pub use event_loop::{EventLoop, Options, Status};
pub use handle::{Handle, HandleError};
pub use listener::{Bound, Endpoint};
