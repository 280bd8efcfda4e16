//! A socket without encryption: it accepts what the kernel accepts, and holds no output.

use super::{Drained, Filled};
use std::io::{ErrorKind, IoSlice, Read, Write};

/// True if a read shorter than its buffer has emptied the socket, so that the next edge will
/// announce further input. epoll guarantees it (epoll(7), question 9); mio's poll(2) emulation
/// rearms only on `WouldBlock`.
const SHORT_READ_DRAINS: bool =
    cfg!(any(target_os = "linux", target_os = "android")) && !cfg!(mio_unsupported_force_poll_poll);

/// A socket, and the end of input that the kernel has announced.
#[derive(Debug)]
pub struct Plain<S> {
    pub(super) socket: S,
    /// True if the kernel has announced the end of the stream or an error. It may follow a short
    /// read and is not announced again.
    pub(super) is_ending: bool,
}

impl<S> Plain<S> {
    pub(super) fn new(socket: S) -> Self {
        Self { socket, is_ending: false }
    }
}

impl<S: Read + Write> Plain<S> {
    pub(super) fn fill(&mut self, buffer: &mut [u8]) -> (usize, Filled) {
        loop {
            return match self.socket.read(buffer) {
                Ok(0) => (0, Filled::Ended),
                Ok(len) if len < buffer.len() && SHORT_READ_DRAINS && !self.is_ending => {
                    (len, Filled::WouldBlock)
                }
                Ok(len) => (len, Filled::Unfinished),
                Err(error) if error.kind() == ErrorKind::WouldBlock => (0, Filled::WouldBlock),
                Err(error) if error.kind() == ErrorKind::Interrupted => continue,
                Err(_) => (0, Filled::Broken),
            };
        }
    }

    /// Writes until the kernel accepts no more: a short write is followed by another, because only
    /// `WouldBlock` rearms the edge on every system.
    pub(super) fn drain(&mut self, mut slices: &mut [IoSlice<'_>]) -> (usize, Drained) {
        let mut accepted = 0;
        // Skips empty slices.
        IoSlice::advance_slices(&mut slices, 0);
        while !slices.is_empty() {
            let result = match &*slices {
                [only] => self.socket.write(only),
                several => self.socket.write_vectored(several),
            };
            match result {
                Ok(0) => return (accepted, Drained::Broken),
                Ok(count) => {
                    accepted += count;
                    IoSlice::advance_slices(&mut slices, count);
                }
                Err(error) if error.kind() == ErrorKind::WouldBlock => {
                    return (accepted, Drained::WouldBlock);
                }
                Err(error) if error.kind() == ErrorKind::Interrupted => {}
                Err(_) => return (accepted, Drained::Broken),
            }
        }
        (accepted, Drained::Writable)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::VecDeque;
    use std::io;

    /// A kernel that answers each call as the test says.
    struct Script {
        answers: VecDeque<io::Result<usize>>,
        written: Vec<u8>,
    }

    fn plain(answers: impl IntoIterator<Item = io::Result<usize>>) -> Plain<Script> {
        Plain::new(Script { answers: answers.into_iter().collect(), written: Vec::new() })
    }

    fn fails(kind: ErrorKind) -> io::Result<usize> {
        Err(kind.into())
    }

    impl Read for Script {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let count = self.answers.pop_front().expect("no more calls")?;
            buffer[..count].fill(b'x');
            Ok(count)
        }
    }

    impl Write for Script {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let count = self.answers.pop_front().expect("no more calls")?;
            self.written.extend_from_slice(&bytes[..count]);
            Ok(count)
        }

        fn write_vectored(&mut self, slices: &[IoSlice<'_>]) -> io::Result<usize> {
            self.write(&slices.iter().flat_map(|slice| slice.to_vec()).collect::<Vec<_>>())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn a_read_ends_as_the_kernel_says() {
        let short = if SHORT_READ_DRAINS { Filled::WouldBlock } else { Filled::Unfinished };
        for (answer, expected) in [
            (Ok(8), (8, Filled::Unfinished)),
            (Ok(3), (3, short)),
            (Ok(0), (0, Filled::Ended)),
            (fails(ErrorKind::WouldBlock), (0, Filled::WouldBlock)),
            (fails(ErrorKind::ConnectionReset), (0, Filled::Broken)),
        ] {
            let mut plain = plain([fails(ErrorKind::Interrupted), answer]);
            assert_eq!(plain.fill(&mut [0; 8]), expected);
        }
    }

    #[test]
    fn an_announced_end_may_stand_behind_a_short_read() {
        let mut plain = plain([Ok(3), Ok(0)]);
        plain.is_ending = true;
        assert_eq!(plain.fill(&mut [0; 8]), (3, Filled::Unfinished));
        assert_eq!(plain.fill(&mut [0; 8]), (0, Filled::Ended));
    }

    #[test]
    fn a_short_write_goes_on_until_the_kernel_takes_no_more() {
        for (answers, expected) in [
            (vec![Ok(10)], (10, Drained::Writable)),
            (vec![Ok(2), fails(ErrorKind::Interrupted), Ok(8)], (10, Drained::Writable)),
            (vec![Ok(4), fails(ErrorKind::WouldBlock)], (4, Drained::WouldBlock)),
            (vec![Ok(5), Ok(1), fails(ErrorKind::BrokenPipe)], (6, Drained::Broken)),
            (vec![Ok(0)], (0, Drained::Broken)),
        ] {
            let mut plain = plain(answers);
            let mut slices = [&b""[..], b"0123", b"", b"456", b"789"].map(IoSlice::new);
            let (accepted, drained) = plain.drain(&mut slices);
            assert_eq!((accepted, drained), expected);
            assert_eq!(plain.socket.written, b"0123456789"[..accepted]);
            assert!(plain.socket.answers.is_empty());
        }
    }

    #[test]
    fn nothing_is_written_where_there_is_nothing() {
        assert_eq!(plain([]).drain(&mut []), (0, Drained::Writable));
        assert_eq!(plain([]).drain(&mut [IoSlice::new(&[])]), (0, Drained::Writable));
    }
}
