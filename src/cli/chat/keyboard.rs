//! A person's lines, read on a thread of their own, and a way to print while they type.

use crate::cli::lines;
use mio::Waker;
use std::io;
use std::io::IsTerminal;
use std::sync::Arc;
use std::sync::Mutex;
use std::sync::PoisonError;
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
    /// Shown before the next line that is typed.
    prompt: Arc<Mutex<String>>,
    /// Whether what is typed stays to be seen.
    pub(super) shows_lines: bool,
    #[cfg(feature = "chat")]
    _terminal: Option<edited::Terminal>,
}

enum Lines {
    Plain(Receiver<io::Result<Vec<u8>>>),
    #[cfg(feature = "chat")]
    Edited(Receiver<String>),
}

impl Keyboard {
    /// Starts to read; the waker is called for every line and at the end.
    pub(super) fn start(waker: Arc<Waker>) -> io::Result<(Self, Printer)> {
        let prompt = Arc::new(Mutex::new(String::new()));
        let terminal = io::stdin().is_terminal() && io::stdout().is_terminal();
        #[cfg(feature = "chat")]
        if terminal {
            // First: the editor changes the terminal's state.
            let saved = Some(edited::Terminal::save());
            let (lines, printer) = edited::start(waker, Arc::clone(&prompt))?;
            let lines = Lines::Edited(lines);
            return Ok((Self { lines, prompt, shows_lines: true, _terminal: saved }, printer));
        }
        let keyboard = Self {
            lines: Lines::Plain(lines::from_stdin(waker)),
            prompt,
            shows_lines: terminal,
            #[cfg(feature = "chat")]
            _terminal: None,
        };
        Ok((keyboard, Box::new(print_plain)))
    }

    /// The next line, if there is one.
    pub(super) fn next(&self) -> io::Result<Typed> {
        let line = match &self.lines {
            Lines::Plain(lines) => match lines.try_recv() {
                Ok(line) => Ok(String::from_utf8_lossy(&line?).into_owned()),
                Err(error) => Err(error),
            },
            #[cfg(feature = "chat")]
            Lines::Edited(lines) => lines.try_recv(),
        };
        Ok(match line {
            Ok(line) => Typed::Line(line),
            Err(TryRecvError::Empty) => Typed::Nothing,
            Err(TryRecvError::Disconnected) => Typed::End,
        })
    }

    /// Changes the prompt, from the next line on.
    pub(super) fn prompt(&self, room: &str) {
        *self.prompt.lock().unwrap_or_else(PoisonError::into_inner) = format!("{room}> ");
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
    use super::super::command;
    use super::Printer;
    use mio::Waker;
    use rustix::termios;
    use rustyline::DefaultEditor;
    use rustyline::ExternalPrinter;
    use rustyline::error::ReadlineError;
    use std::io;
    use std::sync::Arc;
    use std::sync::Mutex;
    use std::sync::PoisonError;
    use std::sync::mpsc;
    use std::thread;

    /// The terminal as it was, to be put back: when the chat ends from the other side, the editor
    /// is in the middle of a line and has no chance to.
    pub(super) struct Terminal(Option<termios::Termios>);

    impl Terminal {
        pub(super) fn save() -> Self {
            Self(termios::tcgetattr(io::stdin()).ok())
        }
    }

    impl Drop for Terminal {
        fn drop(&mut self) {
            if let Some(saved) = &self.0 {
                // If the terminal is gone, it has no state to put back.
                let _ = termios::tcsetattr(io::stdin(), termios::OptionalActions::Now, saved);
            }
        }
    }

    /// Starts the thread. The editor cannot leave it, so the printer is sent back from there.
    pub(super) fn start(
        waker: Arc<Waker>,
        prompt: Arc<Mutex<String>>,
    ) -> io::Result<(mpsc::Receiver<String>, Printer)> {
        let (printers, printer) = mpsc::channel();
        let (sender, receiver) = mpsc::channel();
        thread::spawn(move || {
            let made = DefaultEditor::new().and_then(|mut editor| {
                let printer = editor.create_external_printer()?;
                Ok((editor, printer))
            });
            let mut editor = match made {
                Ok((editor, printer)) => {
                    if printers.send(Ok(printer)).is_err() {
                        return;
                    }
                    editor
                }
                Err(error) => {
                    let _ = printers.send(Err(io::Error::other(error)));
                    return;
                }
            };
            read(&mut editor, &prompt, &sender, &waker);
            drop(sender);
            let _ = waker.wake();
        });
        let ended = |_| io::Error::other("the line editor ended");
        let mut printer = printer.recv().map_err(ended)??;
        Ok((
            receiver,
            Box::new(move |line| printer.print(line.to_owned()).map_err(io::Error::other)),
        ))
    }

    fn read(
        editor: &mut DefaultEditor,
        prompt: &Mutex<String>,
        lines: &mpsc::Sender<String>,
        waker: &Waker,
    ) {
        loop {
            let shown = prompt.lock().unwrap_or_else(PoisonError::into_inner).clone();
            let line = match editor.readline(&shown) {
                Ok(line) => line,
                // A changed window is no reason to stop.
                Err(ReadlineError::Signal(_)) => continue,
                Err(_) => return,
            };
            // A line that cannot be remembered can still be said.
            let _ = editor.add_history_entry(&line);
            // Else the next line would be begun, and the terminal changed for it.
            let last = command::parse(&line) == command::Command::Quit;
            if lines.send(line).is_err() || waker.wake().is_err() || last {
                return;
            }
        }
    }
}
