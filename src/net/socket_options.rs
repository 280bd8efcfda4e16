//! The options of accepted sockets.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// True if an accepted TCP socket inherits the options of its listener, which saves three system
/// calls per connection. Linux does so; POSIX does not require it.
const INHERITS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The options of accepted sockets.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketOptions {
    /// Size of the kernel's send buffer.
    pub(super) send_buffer: usize,
    /// True if the protocol has no ping: TCP keepalive is enabled instead.
    pub(super) silent: bool,
}

impl SocketOptions {
    /// Sets the options of a TCP socket, or of the listener whose clients inherit them.
    pub(super) fn set_tcp(self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        // The kernel doubles the value for its own use.
        socket.set_send_buffer_size(self.send_buffer / 2)?;
        if self.silent {
            let minute = TcpKeepalive::new().with_time(Duration::from_secs(60));
            socket.set_tcp_keepalive(&minute.with_interval(Duration::from_secs(10)))?;
        }
        Ok(())
    }

    /// Sets the options of an accepted TCP socket, unless it inherited them.
    pub(super) fn set_accepted_tcp(self, socket: &Socket) -> io::Result<()> {
        if INHERITS { Ok(()) } else { self.set_tcp(socket) }
    }

    /// Sets the options of a Unix socket.
    pub(super) fn set_unix(self, socket: &Socket) -> io::Result<()> {
        socket.set_send_buffer_size(self.send_buffer / 2)
    }
}
