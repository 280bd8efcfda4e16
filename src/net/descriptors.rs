//! File descriptors: how many there may be, and one kept back for the day there are none.

use rustix::process::{Resource, Rlimit, getrlimit, setrlimit};
use std::fs::File;
use std::io;

/// Raises the limit on open descriptors to the hard limit; what it is now.
///
/// The limit belongs to the process, so a library must not do this unasked.
pub fn raise_descriptor_limit() -> u64 {
    let limit = getrlimit(Resource::Nofile);
    if limit.current != limit.maximum {
        let raised = Rlimit { current: limit.maximum, maximum: limit.maximum };
        // Refused on systems whose hard limit is not what it says: then the old one stays.
        let _ = setrlimit(Resource::Nofile, raised);
    }
    descriptor_limit()
}

/// The limit on open descriptors in force.
pub(super) fn descriptor_limit() -> u64 {
    getrlimit(Resource::Nofile).current.unwrap_or(u64::MAX)
}

/// Has the kernel make the process's table of descriptors as large as `connections` will need, by
/// asking for a high one for a moment. Linux otherwise doubles the table whenever it is full, and in
/// a process of several threads each time waits for all processors to let go of the old one: 12 to
/// 30 ms in which the loop stood still, measured at 64, 256, 512, 1024 … connections.
pub(super) fn widen_table(connections: usize) {
    let highest = connections.min(WIDEST).min(descriptor_limit().try_into().unwrap_or(WIDEST));
    if let (Ok(file), Ok(highest)) = (File::open("/dev/null"), i32::try_from(highest)) {
        // At the limit it is refused, and then the table grows when it must.
        let _ = rustix::io::fcntl_dupfd_cloexec(&file, highest.saturating_sub(1));
    }
}

/// Descriptors to make room for at most: 512 KiB of the kernel's memory.
const WIDEST: usize = 1 << 16;

/// A descriptor kept back, so that at the limit a connection can still be taken off the queue and
/// closed. Otherwise it would stay there, and its client wait for an answer that cannot come.
#[derive(Debug)]
pub(super) struct Spare {
    file: Option<File>,
}

impl Spare {
    pub(super) fn reserve() -> Self {
        Self { file: File::open("/dev/null").ok() }
    }

    /// Lends the descriptor to `use_it`, and takes it back.
    pub(super) fn lend(&mut self, use_it: impl FnOnce()) {
        if self.file.take().is_some() {
            use_it();
        }
        *self = Self::reserve();
    }
}

/// Whether `accept` failed for want of something the whole process shares, so that trying again at
/// once is no use.
pub(super) fn is_starved(error: &io::Error) -> bool {
    use rustix::io::Errno;
    let starved = [Errno::MFILE, Errno::NFILE, Errno::NOBUFS, Errno::NOMEM];
    starved.iter().any(|errno| error.raw_os_error() == Some(errno.raw_os_error()))
}
