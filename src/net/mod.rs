//! The only place of the server that names mio, sockets, clocks and `io::Error`.

mod admission;
mod clock;
mod descriptors;
mod event_loop;
mod listener;
mod logbook;
mod orders;
mod remote;
mod socket_options;
mod transport;
mod unfinished;

pub use descriptors::raise_descriptor_limit;
pub use event_loop::{EventLoop, Options, Status};
pub use listener::{Bound, Endpoint};
pub use orders::{Handle, HandleError};
