//! `hobnob password`: a hash of a password, for the configuration.

use hobnob::password;
use rustix::termios::{LocalModes, OptionalActions, Termios, tcgetattr, tcsetattr};
use std::io::{self, IsTerminal, Write};

/// Make a hash of a password.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob password, and then in hobnob.toml:\n\n  \
    [[irc.operators]]\n  name = \"ann\"\n  password = \"$argon2id$…\"\n\n\
    From a pipe, one line is read: pwgen 20 1 | hobnob password")]
pub(super) struct Args {}

/// Asks twice, if it is a person who is asked, and prints the hash.
pub(super) fn run(_: &Args) -> Result<(), String> {
    let password = if io::stdin().is_terminal() { ask_twice()? } else { read_line()? };
    if password.is_empty() {
        return Err("no password was given".to_owned());
    }
    println!("{}", password::hash(&password)?);
    Ok(())
}

fn ask_twice() -> Result<String, String> {
    let password = ask("Password: ")?;
    if !password.is_empty() && ask("Once more: ")? != password {
        return Err("that was not the same password twice".to_owned());
    }
    Ok(password)
}

/// Asks a person, and does not show what is typed.
fn ask(prompt: &str) -> Result<String, String> {
    let told = |error: io::Error| error.to_string();
    let quiet = Quiet::begin().map_err(told)?;
    // Standard output is for the hash.
    write!(io::stderr(), "{prompt}").map_err(told)?;
    let line = read_line();
    drop(quiet);
    eprintln!();
    line
}

fn read_line() -> Result<String, String> {
    let mut line = String::new();
    io::stdin().read_line(&mut line).map_err(|error| error.to_string())?;
    Ok(line.trim_end_matches(['\r', '\n']).to_owned())
}

/// A terminal that shows nothing of what is typed, and does not end the process halfway, which would
/// leave it so: as getpass(3) has it.
struct Quiet {
    before: Termios,
}

impl Quiet {
    fn begin() -> io::Result<Self> {
        let before = tcgetattr(io::stdin())?;
        let mut quiet = before.clone();
        quiet.local_modes.remove(LocalModes::ECHO | LocalModes::ISIG);
        tcsetattr(io::stdin(), OptionalActions::Flush, &quiet)?;
        Ok(Self { before })
    }
}

impl Drop for Quiet {
    fn drop(&mut self) {
        // If the terminal is gone, it has no state to put back.
        let _ = tcsetattr(io::stdin(), OptionalActions::Flush, &self.before);
    }
}
