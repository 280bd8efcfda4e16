//! File descriptors: their limit, the kernel's table, and one spare descriptor.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io;

/// Raises the limit on open descriptors to the hard limit, and returns the limit in force.
///
/// The limit belongs to the process, so a library must not do this unasked.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // macOS refuses limits above OPEN_MAX even if the hard limit is higher: then the old limit
        // stays.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    descriptor_limit()
}

/// Returns the limit on open descriptors in force.
pub(super) fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Makes the kernel grow the process's descriptor table for `connections`, by opening a high
/// descriptor for a moment. Linux otherwise doubles the table whenever it is full; in a process
/// with several threads each doubling waits for an RCU grace period, and the loop stood still for
/// 12 to 30 ms (measured at 64, 256, 512, 1024 … connections).
pub(super) fn grow_descriptor_table(connections: usize) {
    let highest =
        connections.min(TABLE_MAX).min(descriptor_limit().try_into().unwrap_or(TABLE_MAX));
    if let (Ok(file), Ok(highest)) = (File::open("/dev/null"), i32::try_from(highest)) {
        // At the limit the kernel refuses, and the table grows later, on demand.
        let _ = rustix::io::fcntl_dupfd_cloexec(&file, highest.saturating_sub(1));
    }
}

/// The largest table requested in advance: 512 KiB of kernel memory.
const TABLE_MAX: usize = 1 << 16;

/// A reserved descriptor. At the descriptor limit it is released for a moment, to accept one
/// connection and close it; otherwise that client would wait in the kernel's queue without an
/// answer.
#[derive(Debug)]
pub(super) struct SpareDescriptor {
    file: Option<File>,
}

impl SpareDescriptor {
    pub(super) fn reserve() -> Self {
        Self { file: File::open("/dev/null").ok() }
    }

    /// Releases the descriptor, calls `action`, and reserves a descriptor again.
    pub(super) fn release_for(&mut self, action: impl FnOnce()) {
        if self.file.take().is_some() {
            action();
        }
        *self = Self::reserve();
    }
}

/// True if `accept` failed for lack of a resource that the process or the system shares: an
/// immediate retry would fail too.
pub(super) fn is_out_of_resources(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let shared_resources = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    shared_resources.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
