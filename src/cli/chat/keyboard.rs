//! A person's lines, read on a thread of their own, and a way to print while they type.

use crate::cli::lines;
#[cfg(feature = "chat")]
use crate::cli::text;
use mio::Waker;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TryRecvError;

/// What the keyboard has to say.
pub(super) enum Typed {
    Line(String),
    Nothing,
    /// No more will come.
    End,
}

/// Prints a line, with its newline, above what is being typed.
pub(super) type Printer = Box<dyn FnMut(&str) -> io::Result<()>>;

/// Where lines come from.
pub(super) struct Keyboard {
    lines: Lines,
    /// Whether what is typed stays to be seen.
    pub(super) shows_lines: bool,
}

enum Lines {
    Plain(Receiver<io::Result<Vec<u8>>>),
    #[cfg(feature = "chat")]
    Edited(edited::Editor),
}

impl Keyboard {
    /// Starts to read; the waker is called for every line and at the end.
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<(Self, Printer)> {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        #[cfg(feature = "chat")]
        if terminal {
            let (editor, printer) = edited::Editor::start(waker)?;
            return Ok((Self { lines: Lines::Edited(editor), shows_lines: true }, printer));
        }
        let lines = Lines::Plain(lines::from_stdin(waker));
        Ok((Self { lines, shows_lines: terminal }, Box::new(print_plain)))
    }

    /// The next line, if there is one.
    pub(super) fn next(&self) -> io::Result<Typed> {
        let line = match &self.lines {
            Lines::Plain(lines) => match lines.try_recv() {
                Ok(line) => Ok(String::from_utf8_lossy(&line?).into_owned()),
                Err(error) => Err(error),
            },
            #[cfg(feature = "chat")]
            Lines::Edited(editor) => editor.try_next(),
        };
        Ok(match line {
            Ok(line) => Typed::Line(line),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::End,
        })
    }

    /// Lets the next line be typed, to be said in that room. To be called before the first line and
    /// once each line is dealt with, so that the prompt shows what came of it.
    pub(super) fn go_on(&self, room: &str) {
        match &self.lines {
            Lines::Plain(_) => _ = room,
            #[cfg(feature = "chat")]
            Lines::Edited(editor) => editor.go_on(format!("{}> ", text::printable(room))),
        }
    }
}

fn print_plain(line: &str) -> io::Result<()> {
    use io::Write;
    let mut out = io::stdout().lock();
    out.write_all(line.as_bytes())?;
    out.flush()
}

#[cfg(feature = "chat")]
mod edited {
    use super::Printer;
    use mio::Waker;
    use rustix::termios;
    use rustyline::DefaultEditor;
    use rustyline::ExternalPrinter;
    use rustyline::error::ReadlineError;
    use std::io;
    use std::sync::Arc;
    use std::sync::mpsc;
    use std::thread;

    /// A line editor on a thread of its own.
    pub(super) struct Editor {
        lines: mpsc::Receiver<String>,
        prompts: mpsc::Sender<String>,
        /// The terminal as it was, to be put back: when the chat ends from the other side, the
        /// editor is in the middle of a line and has no chance to.
        saved: Option<termios::Termios>,
    }

    impl Editor {
        /// Starts the thread. The editor cannot leave it, so the printer is sent back from there.
        pub(super) fn start(waker: Arc<Waker>) -> io::Result<(Self, Printer)> {
            // First: the editor changes the terminal.
            let saved = termios::tcgetattr(io::stdin()).ok();
            let (made, printer) = mpsc::channel();
            let (typed, lines) = mpsc::channel();
            let (prompts, shown) = mpsc::channel();
            thread::spawn(move || {
                let printer_of = |mut editor: DefaultEditor| {
                    editor.create_external_printer().map(|printer| (editor, printer))
                };
                match DefaultEditor::new().and_then(printer_of) {
                    Ok((editor, printer)) => {
                        if made.send(Ok(printer)).is_ok() {
                            read(editor, &shown, &typed, &waker);
                        }
                    }
                    // If nobody waits for the error any more, nobody needs it.
                    Err(error) => _ = made.send(Err(io::Error::other(error))),
                }
                drop(typed);
                let _ = waker.wake();
            });
            let ended = |_| io::Error::other("the line editor ended");
            let mut printer = printer.recv().map_err(ended)??;
            let printer: Printer =
                Box::new(move |line| printer.print(line.to_owned()).map_err(io::Error::other));
            Ok((Self { lines, prompts, saved }, printer))
        }

        pub(super) fn try_next(&self) -> Result<String, mpsc::TryRecvError> {
            self.lines.try_recv()
        }

        pub(super) fn go_on(&self, prompt: String) {
            // If the thread has ended, `try_next` says so.
            let _ = self.prompts.send(prompt);
        }
    }

    impl Drop for Editor {
        fn drop(&mut self) {
            if let Some(saved) = &self.saved {
                // If the terminal is gone, it has no state to put back.
                let _ = termios::tcsetattr(io::stdin(), termios::OptionalActions::Now, saved);
            }
        }
    }

    /// One line for each prompt, until there is no more of either.
    fn read(
        mut editor: DefaultEditor,
        prompts: &mpsc::Receiver<String>,
        lines: &mpsc::Sender<String>,
        waker: &Waker,
    ) {
        for prompt in prompts {
            let line = loop {
                match editor.readline(&prompt) {
                    Ok(line) => break line,
                    // A changed window is no reason to stop.
                    Err(ReadlineError::Signal(_)) => {}
                    Err(_) => return,
                }
            };
            // A line that cannot be remembered can still be said.
            let _ = editor.add_history_entry(&line);
            if lines.send(line).is_err() || waker.wake().is_err() {
                return;
            }
        }
    }
}
