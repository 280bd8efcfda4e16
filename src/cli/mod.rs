//! The command line: converts arguments to library calls.

#[cfg(feature = "bench")]
mod bench;
mod chat;
#[cfg(feature = "config")]
mod check;
#[cfg(feature = "config")]
mod irc;
#[cfg(feature = "json")]
mod json_lines;
#[cfg(feature = "passwords")]
mod password;
mod publish;
mod serve;
mod settings;
mod stdin_lines;
mod subscribe;
mod text;
#[cfg(feature = "top")]
mod top;
#[cfg(feature = "config")]
mod unknown_keys;

use clap::Parser;
use clap::Subcommand;
use hobnob::client::Address;
use hobnob::client::DisconnectCause;
use std::io;
use std::io::IsTerminal;
use std::io::Write;
use std::process::ExitCode;
use std::sync::mpsc::sync_channel;
use std::thread;
use std::time::Duration;

/// A real-time relay: each message published in a room is delivered to every member of the room
#[derive(Parser)]
#[command(name = "hobnob", version, arg_required_else_help = true)]
#[command(after_help = "Example: hobnob serve, and in another terminal: hobnob chat")]
pub(crate) struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Run the relay
    Serve(Box<serve::Args>),
    /// Check a configuration file and show the settings
    #[cfg(feature = "config")]
    Check(check::Args),
    /// Hash a password for the configuration
    #[cfg(feature = "passwords")]
    Password(password::Args),
    /// Chat in a room
    Chat(chat::Args),
    /// Publish messages in a room, and exit once they are acknowledged
    #[command(name = "pub")]
    Publish(publish::Args),
    /// Print a room's messages as they arrive
    #[command(name = "sub")]
    Subscribe(subscribe::Args),
    /// Watch a relay in the terminal
    #[cfg(feature = "top")]
    Top(top::Args),
    /// Measure this relay, or another server, under load
    #[cfg(feature = "bench")]
    Bench(Box<bench::Args>),
}

/// Runs the command. Errors are printed to stderr with exit status 1.
pub(crate) fn run(cli: Cli) -> ExitCode {
    let done = match cli.command {
        Command::Serve(args) => serve::run(&args),
        #[cfg(feature = "config")]
        Command::Check(args) => check::run(&args),
        #[cfg(feature = "passwords")]
        Command::Password(args) => password::run(&args),
        Command::Chat(args) => chat::run(args),
        Command::Publish(args) => publish::run(args),
        Command::Subscribe(args) => subscribe::run(args),
        #[cfg(feature = "top")]
        Command::Top(args) => top::run(args),
        #[cfg(feature = "bench")]
        Command::Bench(args) => bench::run(&args),
    };
    match done {
        Ok(()) => ExitCode::SUCCESS,
        Err(text) => {
            print_error(&text);
            ExitCode::FAILURE
        }
    }
}

/// Time to wait at exit for stderr to be read.
const STDERR_TIMEOUT: Duration = Duration::from_secs(1);

/// Prints an error to stderr, on a separate thread: a full stderr without a reader must not keep
/// the process alive.
fn print_error(text: &str) {
    let words = format!("hobnob: {text}\n");
    let (done, printed) = sync_channel(1);
    let printer = thread::Builder::new().spawn(move || {
        // A closed stderr has no reader.
        let _ = io::stderr().write_all(words.as_bytes());
        let _ = done.send(());
    });
    if printer.is_ok() {
        let _ = printed.recv_timeout(STDERR_TIMEOUT);
    }
}

/// The relay's address, and the name to request.
#[derive(clap::Args)]
struct Relay {
    /// The relay: frame://host:port or unix:/path
    #[arg(long, value_name = "URL", env = "HOBNOB_URL", default_value_t = Address::default())]
    url: Address,
    /// The name to request; without it, the relay chooses one
    #[arg(long, default_value = "", hide_default_value = true)]
    name: String,
}

/// Returns the message for a failed connection.
fn connection_error(address: &Address, cause: &DisconnectCause) -> String {
    let words = cause.to_string();
    let words = text::printable(&words);
    match cause {
        DisconnectCause::Unreachable { kind, .. } => {
            let hint = match kind {
                io::ErrorKind::ConnectionRefused | io::ErrorKind::NotFound => {
                    "\nis the relay running? start it with: hobnob serve"
                }
                _ => "",
            };
            format!("cannot reach {address}: {words}{hint}")
        }
        _ => format!("{address}: {words}"),
    }
}

/// True if stdout is a terminal, where control characters can do harm.
fn stdout_is_terminal() -> bool {
    io::stdout().is_terminal()
}

#[cfg(test)]
mod tests {
    use super::*;
    use clap::CommandFactory;

    #[test]
    fn the_arguments_are_sound_and_every_help_has_an_example() {
        let mut command = Cli::command();
        command.build();
        command.clone().debug_assert();
        for sub in command.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let help = sub.render_long_help().to_string();
            assert!(help.contains("Example"), "{help}");
            for deeper in sub.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
                let help = deeper.render_long_help().to_string();
                assert!(help.contains("Example"), "{help}");
            }
        }
    }

    /// The lines of a help text that are commands of this program.
    #[cfg(feature = "bench")]
    fn examples(help: &str) -> Vec<Vec<String>> {
        let lines = help.lines().filter_map(|line| line.find("hobnob bench").map(|at| &line[at..]));
        lines.map(|line| line.split_whitespace().map(str::to_owned).collect()).collect()
    }

    #[cfg(feature = "bench")]
    #[test]
    fn every_example_of_the_bench_is_understood() {
        let mut command = Cli::command();
        command.build();
        let bench = command.find_subcommand_mut("bench").unwrap();
        for sub in bench.get_subcommands_mut().filter(|sub| sub.get_name() != "help") {
            let after = sub.get_after_help().unwrap().to_string();
            let found = examples(&after);
            assert!(!found.is_empty(), "{after}");
            for words in found {
                if let Err(error) = Cli::try_parse_from(&words) {
                    panic!("{words:?}: {error}");
                }
            }
        }
    }

    #[test]
    fn a_relay_that_is_not_there_is_worth_a_hint() {
        let kind = io::ErrorKind::ConnectionRefused;
        let cause = DisconnectCause::Unreachable { kind, text: "refused".to_owned() };
        assert!(
            connection_error(&Address::default(), &cause).contains("start it with: hobnob serve")
        );
        assert!(!connection_error(&Address::default(), &DisconnectCause::Closed).contains("try:"));
    }
}
