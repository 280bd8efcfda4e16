//! Keyboard input, read on a separate thread, and output while a line is edited.

use crate::cli::stdin_lines;
#[cfg(feature = "chat")]
use crate::cli::text;
use mio::Waker;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::mpsc::Receiver;
use std::sync::mpsc::TryRecvError;

/// The state of the input.
pub(super) enum Typed {
    Line(String),
    Nothing,
    /// The end of input.
    End,
}

/// Prints a line, which includes its newline, above the edited line.
pub(super) type Printer = Box<dyn FnMut(&str) -> io::Result<()>>;

/// The source of input lines.
pub(super) struct Keyboard {
    lines: Lines,
    /// True if typed lines stay visible.
    pub(super) shows_lines: bool,
}

enum Lines {
    Plain(Receiver<io::Result<Vec<u8>>>),
    #[cfg(feature = "chat")]
    Edited(edited::Editor),
}

impl Keyboard {
    /// Starts to read. The waker is called for every line and at the end.
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<(Self, Printer)> {
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        #[cfg(feature = "chat")]
        if terminal {
            let (editor, printer) = edited::Editor::start(waker)?;
            return Ok((Self { lines: Lines::Edited(editor), shows_lines: true }, printer));
        }
        let lines = Lines::Plain(stdin_lines::from_stdin(waker));
        Ok((Self { lines, shows_lines: terminal }, Box::new(print_plain)))
    }

    /// Returns the next line, if there is one.
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

    /// Shows the prompt for the next line. To be called before the first line, and after each line
    /// is handled, so that the prompt shows the current room.
    pub(super) fn show_prompt(&self, room: &str) {
        match &self.lines {
            Lines::Plain(_) => _ = room,
            #[cfg(feature = "chat")]
            Lines::Edited(editor) => editor.show_prompt(format!("{}> ", text::printable(room))),
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

    /// A line editor on a separate thread.
    pub(super) struct Editor {
        lines: mpsc::Receiver<String>,
        prompts: mpsc::Sender<String>,
        /// The terminal's original mode, restored on drop: at exit the editor may be in the middle
        /// of a line.
        saved: Option<termios::Termios>,
    }

    impl Editor {
        /// Starts the thread. The editor cannot leave it, so the thread sends the printer back.
        pub(super) fn start(waker: Arc<Waker>) -> io::Result<(Self, Printer)> {
            // First: the editor changes the terminal mode.
            let saved = termios::tcgetattr(io::stdin()).ok();
            let (ready, printer) = mpsc::channel();
            let (typed, lines) = mpsc::channel();
            let (prompts, shown) = mpsc::channel();
            thread::spawn(move || {
                let printer_of = |mut editor: DefaultEditor| {
                    editor.create_external_printer().map(|printer| (editor, printer))
                };
                match DefaultEditor::new().and_then(printer_of) {
                    Ok((editor, printer)) => {
                        if ready.send(Ok(printer)).is_ok() {
                            read(editor, &shown, &typed, &waker);
                        }
                    }
                    // A closed channel means that the caller has given up.
                    Err(error) => _ = ready.send(Err(io::Error::other(error))),
                }
                drop(typed);
                let _ = waker.wake();
            });
            let ended = |_| io::Error::other("the line editor has ended");
            let mut printer = printer.recv().map_err(ended)??;
            let printer: Printer =
                Box::new(move |line| printer.print(line.to_owned()).map_err(io::Error::other));
            Ok((Self { lines, prompts, saved }, printer))
        }

        pub(super) fn try_next(&self) -> Result<String, mpsc::TryRecvError> {
            self.lines.try_recv()
        }

        pub(super) fn show_prompt(&self, prompt: String) {
            // If the thread has ended, `try_next` reports it.
            let _ = self.prompts.send(prompt);
        }
    }

    impl Drop for Editor {
        fn drop(&mut self) {
            if let Some(saved) = &self.saved {
                // Fails if the terminal is gone; then there is no mode to restore.
                let _ = termios::tcsetattr(io::stdin(), termios::OptionalActions::Now, saved);
            }
        }
    }

    /// Reads one line per prompt, until prompts or input end.
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
                    // A resized window (SIGWINCH) only interrupts the read.
                    Err(ReadlineError::Signal(_)) => {}
                    Err(_) => return,
                }
            };
            // Input history is optional: a line that cannot be added is still sent.
            let _ = editor.add_history_entry(&line);
            if lines.send(line).is_err() || waker.wake().is_err() {
                return;
            }
        }
    }
}
