//! Lines from stdin, read on a thread of their own: a blocked read must not keep a client from
//! answering its relay.

use hobnob::limits::MESSAGE_MAX;
use mio::Waker;
use std::io;
use std::io::BufRead;
use std::io::Read;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::sync_channel;
use std::thread;

/// Lines read ahead. More wait in the pipe, and so in whoever writes it.
const AHEAD: usize = 64;

/// Reads stdin until its end, without the line ends. The waker is called for every line and at the
/// end.
pub(super) fn from_stdin(waker: Arc<Waker>) -> Receiver<io::Result<Vec<u8>>> {
    let (sender, receiver) = sync_channel(AHEAD);
    thread::spawn(move || {
        let mut stdin = io::stdin().lock();
        while let Some(line) = next_line(&mut stdin, MESSAGE_MAX).transpose() {
            let failed = line.is_err();
            if sender.send(line).is_err() || failed {
                break;
            }
            // A poll that cannot be woken has ended, and everything with it.
            let _ = waker.wake();
        }
        drop(sender);
        let _ = waker.wake();
    });
    receiver
}

/// The next line without its `\n` or `\r\n`; `None` at the end.
fn next_line(input: &mut impl BufRead, max: usize) -> io::Result<Option<Vec<u8>>> {
    let mut line = Vec::new();
    // Two more than the limit: what fits exactly may be followed by its line end.
    let read = input.by_ref().take(max as u64 + 2).read_until(b'\n', &mut line)?;
    if line.last() == Some(&b'\n') {
        line.pop();
        if line.last() == Some(&b'\r') {
            line.pop();
        }
    }
    if line.len() > max {
        let text = format!("a line is longer than any message may be: {max} bytes");
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
