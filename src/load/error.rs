//! The error of a run that cannot be carried out.

use std::fmt;

/// The reason why a load cannot be measured. Every text says what to do about it.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum LoadError {
    /// A field of the [`Plan`](super::Plan) is invalid.
    Plan {
        /// The name of the field.
        field: &'static str,
        /// The fault, and the expected value.
        text: String,
    },
    /// This machine lacks descriptors, ports or another resource.
    Resources(String),
    /// The server cannot be found or started, or closes its connections.
    Server(String),
    /// Clients cannot join, or messages do not arrive.
    NoProgress(String),
    /// A profile cannot be recorded or drawn.
    Profile(String),
}

impl fmt::Display for LoadError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Plan { field, text } => write!(f, "{field}: {text}"),
            Self::Resources(text)
            | Self::Server(text)
            | Self::NoProgress(text)
            | Self::Profile(text) => f.write_str(text),
        }
    }
}

impl std::error::Error for LoadError {}
