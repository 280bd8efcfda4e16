//! Lines of stdin, read on a separate thread: a blocked read must not stop a client from replying
//! to its relay.

use hobnob::limits::MESSAGE_MAX;
use mio::Waker;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Lines read in advance. Further input waits in the pipe.
const LINES_MAX: usize = 64;

/// Reads stdin to its end, without line ends. The waker is called for every line and at the end.
pub(super) fn from_stdin(waker: Arc<Waker>) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(LINES_MAX);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = next_line(&mut stdin, MESSAGE_MAX).transpose() {
            let failed = line.is_err();
            if sender.send(line).is_err() || failed {
                break;
            }
            // Fails only if the poll is closed, and then the client has ended.
            let _ = waker.wake();
        }
        drop(sender);
        let _ = waker.wake();
    });
    receiver
}

/// Returns the next line without its `
/// ` or `\r
/// `; `None` at the end.
fn next_line(input: &mut impl BufRead, max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // Two more than the limit, for the line end.
    let read = input.by_ref().take(max as u64 + 2).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.len() > max {
        let text = format!("a line is too long for a message: the limit is {max} bytes");
        return Err(io::Error::new(io::ErrorKind::InvalidData, text));
    }
    Ok((read > 0).then_some(line))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lines_come_without_their_ends_and_within_the_limit() {
        let mut input = &b"one\r\n\ntwo\nlast"[..];
        let mut lines = Vec::new();
        while let Some(line) = next_line(&mut input, 4).unwrap() {
            lines.push(line);
        }
        assert_eq!(lines, [&b"one"[..], b"", b"two", b"last"]);
        assert!(next_line(&mut &b"12345"[..], 4).is_err());
        assert!(next_line(&mut &b"1234\n"[..], 4).is_ok());
    }
}
