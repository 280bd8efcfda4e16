//! The options that every client's socket has.

use socket2::{Socket, TcpKeepalive};
use std::io;
use std::time::Duration;

/// Whether an accepted TCP socket has the options of its listener, which saves three system calls a
/// connection. So it is on Linux; POSIX leaves it open.
const INHERITS: bool = cfg!(any(target_os = "linux", target_os = "android"));

/// The options that every client's socket has.
#[derive(Clone, Copy, Debug)]
pub(super) struct SocketOptions {
    /// Bytes the kernel may hold for it.
    pub(super) send_buffer: usize,
    /// It cannot answer a ping of ours; the kernel asks in our place whether it still exists.
    pub(super) silent: bool,
}

impl SocketOptions {
    /// Sets the options of a TCP socket, or of the listener whose clients inherit them.
    pub(super) fn set_tcp(self, socket: &Socket) -> io::Result<()> {
        socket.set_tcp_nodelay(true)?;
        // The kernel doubles what it is given, for its own use.
        socket.set_send_buffer_size(self.send_buffer / 2)?;
        if self.silent {
            let minute = TcpKeepalive::new().with_time(Duration::from_secs(60));
            socket.set_tcp_keepalive(&minute.with_interval(Duration::from_secs(10)))?;
        }
        Ok(())
    }

    /// Sets the options of an accepted TCP socket, unless it has them from its listener.
    pub(super) fn set_accepted_tcp(self, socket: &Socket) -> io::Result<()> {
        if INHERITS { Ok(()) } else { self.set_tcp(socket) }
    }

    /// Sets the options of a Unix socket.
    pub(super) fn set_unix(self, socket: &Socket) -> io::Result<()> {
        socket.set_send_buffer_size(self.send_buffer / 2)
    }
}
