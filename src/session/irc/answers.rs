//! The answers to a labelled line (<https://ircv3.net/specs/extensions/labeled-response>). They are
//! buffered until their form is known, and then sent as one line or as one batch.

use super::label::Label;
use super::options::options_of;
use super::state::Irc;
use crate::session::encode::irc::text;
use crate::session::view::View;
use crate::wire::irc::{LineWriter, escape, parse};

/// The divisor that gives the size of the buffer for one label from that of an outbox. Beyond the
/// buffer, the answers go out in a batch that stays open, so that an answer of any length is sent
/// complete while the client reads it.
const HELD_SHARE: usize = 16;

impl Irc {
    /// Appends lines for this peer alone. Buffers them instead if they answer a labelled line.
    pub(super) fn write_answers(&mut self, lines: &[u8], view: &View<'_>, out: &mut Vec<u8>) {
        let Some(mut label) = self.take_label() else {
            return out.extend_from_slice(lines);
        };
        if label.batch.is_none() && label.held.len() > view.limits.outbox / HELD_SHARE {
            self.open(&mut label, view, out);
        }
        match &label.batch {
            Some(batch) => write_in(batch, lines, out),
            None => label.held.extend_from_slice(lines),
        }
        self.line_mut().label = Some(label);
    }

    /// Appends the end of the answer to a labelled line.
    pub(super) fn write_completion(&mut self, view: &View<'_>, out: &mut Vec<u8>) {
        let Some(mut label) = self.take_label() else { return };
        if label.batch.is_none() {
            let (first, rest) = first_line(&label.held);
            if first.is_empty() {
                let line = LineWriter::new(out).tag("label", &label.text);
                line.from_server(&options_of(view).name).command("ACK").end();
            } else if rest.is_empty() || is_one_batch(&label.held) {
                write_tagged("label", &label.text, first, out);
                out.extend_from_slice(rest);
            } else {
                self.open(&mut label, view, out);
            }
        }
        if let Some(batch) = label.batch {
            let line = self.server_lines(view).line(out).command("BATCH");
            line.middle(&format!("-{batch}")).end();
        }
    }

    fn take_label(&mut self) -> Option<Label> {
        self.line.as_mut()?.label.take()
    }

    /// Opens a batch with the buffered answers.
    fn open(&mut self, label: &mut Label, view: &View<'_>, out: &mut Vec<u8>) {
        let batch = self.next_batch();
        let line = LineWriter::new(out).tag("label", &label.text);
        let line = line.from_server(&options_of(view).name).command("BATCH");
        line.middle(&format!("+{batch}")).middle("labeled-response").end();
        write_in(&batch, &std::mem::take(&mut label.held), out);
        label.batch = Some(batch);
    }
}

fn first_line(lines: &[u8]) -> (&[u8], &[u8]) {
    let end = lines.iter().position(|byte| *byte == b'\n').map_or(lines.len(), |at| at + 1);
    lines.split_at_checked(end).unwrap_or((lines, &[]))
}

/// Appends lines as part of a batch. Lines of an inner batch keep the reference to that batch
/// alone.
fn write_in(batch: &str, lines: &[u8], out: &mut Vec<u8>) {
    for line in lines.split_inclusive(|byte| *byte == b'\n') {
        let said = text(line);
        if parse(&said).is_some_and(|line| line.tags.get("batch").is_some()) {
            out.extend_from_slice(line);
        } else {
            write_tagged("batch", batch, line, out);
        }
    }
}

/// True if the lines are exactly one batch, from its first line to its last.
fn is_one_batch(lines: &[u8]) -> bool {
    let lines = text(lines);
    let mut each = lines.lines();
    let (Some(first), Some(last)) = (each.next(), each.next_back()) else { return false };
    let reference = |line, sign| {
        let line = parse(line).filter(|line| line.command == "BATCH")?;
        line.params.first()?.strip_prefix(sign).map(str::to_owned)
    };
    let begun = reference(first, '+');
    begun.is_some() && begun == reference(last, '-')
}

/// Appends a line with one additional tag.
fn write_tagged(key: &str, value: &str, line: &[u8], out: &mut Vec<u8>) {
    out.push(b'@');
    out.extend_from_slice(key.as_bytes());
    out.push(b'=');
    escape(value, out);
    match line.strip_prefix(b"@") {
        Some(tagged) => {
            out.push(b';');
            out.extend_from_slice(tagged);
        }
        None => {
            out.push(b' ');
            out.extend_from_slice(line);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn only_a_batch_from_the_first_line_to_the_last_is_one() {
        for (lines, is_one) in [
            ("BATCH +a x\r\n@batch=a :n!u@h PRIVMSG #x :hi\r\n:s BATCH -a\r\n", true),
            (":s BATCH +a x\r\n:s BATCH -a\r\n", true),
            (":s BATCH +a x\r\n:s BATCH -a\r\n:s BATCH +b x\r\n:s BATCH -b\r\n", false),
            (":s BATCH +a x\r\n", false),
            (":s 1 ann :x\r\n:s BATCH +a x\r\n:s BATCH -a\r\n", false),
            // The text of a message is no batch.
            (":n!u@h PRIVMSG ann :a BATCH +a\r\n:n!u@h PRIVMSG ann :a BATCH -a\r\n", false),
            ("", false),
        ] {
            assert_eq!(is_one_batch(lines.as_bytes()), is_one, "{lines}");
        }
    }

    #[test]
    fn a_line_in_a_batch_is_in_no_other() {
        let mut out = Vec::new();
        let lines = "@time=t;batch=in :n PRIVMSG x :y\r\n:n PRIVMSG x :@batch=in ;batch=in\r\n@time=t :s 1\r\n";
        write_in("b1", lines.as_bytes(), &mut out);
        assert_eq!(
            String::from_utf8(out).unwrap(),
            "@time=t;batch=in :n PRIVMSG x :y\r\n@batch=b1 :n PRIVMSG x :@batch=in ;batch=in\r\n@batch=b1;time=t :s 1\r\n"
        );
    }
}
