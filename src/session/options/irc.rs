//! The options of an `irc` listener.

use crate::password::Secret;
use std::sync::OnceLock;

/// The relay's default name.
const NAME: &str = "hobnob.local";

/// Longest line of a MOTD, in bytes. With everything before it, it fits an IRC line.
pub const MOTD_LINE_MAX: usize = 360;

/// The options of an `irc` listener.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Options {
    /// The relay's name: a word with a dot, as clients expect of server names.
    pub name: String,
    /// The network's name.
    pub network: String,
    /// The lines of the MOTD, sent to every client.
    pub motd: Vec<String>,
    /// The password that clients need to register, if there is one.
    pub password: Option<Secret>,
    /// The accounts for OPER.
    pub operators: Vec<Operator>,
    /// True if hosts are cloaked, so that they do not reveal addresses. Otherwise hosts are the
    /// addresses.
    pub cloak: bool,
    /// The number of messages that a client receives on joining, if it cannot request history.
    pub history: usize,
}

/// An account for OPER, which makes a person an operator of the relay.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operator {
    /// The account's name. It may differ from the person's name.
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
    /// Returns default options for a session without an `irc` listener, which never happens.
    pub fn fallback() -> &'static Self {
        static FALLBACK: OnceLock<Options> = OnceLock::new();
        FALLBACK.get_or_init(Self::default)
    }
}
