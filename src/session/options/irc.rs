//! How an `irc` listener serves.

use crate::password::Secret;
use std::sync::OnceLock;

/// The relay's name, where none is given.
const NAME: &str = "hobnob.local";

/// Longest line of a MOTD, in bytes: with all that stands before it, it fits a line.
pub const MOTD_LINE_MAX: usize = 360;

/// How an `irc` listener serves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The relay's name: a word with a dot, as clients expect of servers.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// Lines that everybody who comes is shown.
    pub motd: Vec<String>,
    /// What one must know to come in.
    pub password: Option<Secret>,
    /// Who may become an operator of the relay.
    pub operators: Vec<Operator>,
    /// Whether hosts stand for addresses without telling them, or are the addresses.
    pub cloak: bool,
    /// Messages shown to those who enter a room and cannot ask for them.
    pub history: usize,
}

/// Somebody who may become an operator of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The name, which need not be that of a person.
    pub name: String,
    /// The password.
    pub password: Secret,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            name: NAME.to_owned(),
            network: "hobnob".to_owned(),
            motd: Vec::new(),
            password: None,
            operators: Vec::new(),
            cloak: true,
            history: 20,
        }
    }
}

impl Options {
    /// For a session that does not know its listener. It never happens.
    pub fn fallback() -> &'static Self {
        static FALLBACK: OnceLock<Options> = OnceLock::new();
        FALLBACK.get_or_init(Self::default)
    }
}
