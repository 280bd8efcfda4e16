//! `hobnob password`: hashes a password for the configuration.

use hobnob::password;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write};

/// Hash a password.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob password, and then in hobnob.toml:\n\n  \
    [[irc.operators]]\n  name = \"ann\"\n  password = \"$argon2id$…\"\n\n\
    From a pipe, one line is read: pwgen 20 1 | hobnob password")]
pub(super) struct Args {}

/// Reads the password, twice from a terminal, and prints the hash.
pub(super) fn run(_: &Args) -> Result<(), String> {
    let password = if io::stdin().is_terminal() { prompt_twice()? } else { read_line()? };
    if password.is_empty() {
        return Err("no password was given: type one, or pass one line on stdin".to_owned());
    }
    println!("{}", password::hash(&password)?);
    Ok(())
}

fn prompt_twice() -> Result<String, String> {
    let password = prompt("Password: ")?;
    if !password.is_empty() && prompt("Repeat the password: ")? != password {
        return Err("the two passwords differ: run the command again".to_owned());
    }
    Ok(password)
}

/// Prompts without echo.
fn prompt(prompt: &str) -> Result<String, String> {
    let text = |error: io::Error| error.to_string();
    let hidden = HiddenInput::begin().map_err(text)?;
    // Stdout is reserved for the hash.
    write!(io::stderr(), "{prompt}").map_err(text)?;
    let line = read_line();
    drop(hidden);
    eprintln!();
    line
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal with echo and signals disabled, as in getpass(3): a signal would end the process
/// without restoring the terminal.
struct HiddenInput {
    before: Termios,
}

impl HiddenInput {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for HiddenInput {
    fn drop(&mut self) {
        // Fails if the terminal is gone; then there is no mode to restore.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
