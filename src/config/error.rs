//! Errors of the configuration. They name fields; the command line adds its flags.

use std::fmt;

/// An invalid [`Config`](super::Config).
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum ConfigError {
    /// `listeners` is empty.
    NoListeners,
    /// `listeners` has too many entries.
    TooManyListeners {
        /// The number of listeners.
        count: usize,
        /// The most listeners.
        max: usize,
    },
    /// A field of `limits` is out of range, or contradicts another.
    Limits(String),
    /// The MOTD of an IRC listener does not fit half an outbox.
    MotdTooLong {
        /// Its number of lines.
        lines: usize,
        /// The limit `outbox`, in bytes.
        outbox: usize,
    },
}

impl fmt::Display for ConfigError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::NoListeners => f.write_str("listeners: at least one is required"),
            Self::TooManyListeners { count, max } => {
                write!(f, "listeners: {count} are too many, at most {max} are possible")
            }
            Self::Limits(text) => f.write_str(text),
            Self::MotdTooLong { lines, outbox } => write!(
                f,
                "motd has {lines} lines, but all of them must fit half an outbox ({outbox}): shorten it or raise outbox"
            ),
        }
    }
}

impl std::error::Error for ConfigError {}

macro_rules! text_errors {
    ($($(#[$doc:meta])* $name:ident;)*) => {$(
        $(#[$doc])*
        #[derive(Clone, Debug, PartialEq, Eq)]
        pub struct $name(pub(super) String);

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&self.0)
            }
        }

        impl std::error::Error for $name {}
    )*};
}

text_errors! {
    /// An invalid listener URL. Its text says what was expected.
    ListenError;
    /// An invalid option of an IRC listener. Its text says what was expected, and never contains a
    /// password.
    IrcOptionError;
    /// A configuration that could not be read again. Its text goes to the log, and to the operator
    /// who requested the reload.
    ReadConfigError;
}

impl ReadConfigError {
    /// Creates an error with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Self(text.into())
    }
}
