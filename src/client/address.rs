//! The address of a relay's frame listener.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The default port of frame listeners.
pub const DEFAULT_PORT: u16 = 7000;

/// The address of a frame listener: `frame://host:port`, `host:port` or `unix:/path`. With
/// `frame://` the port is optional.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp {
        /// The host without the brackets of an IPv6 address. It is resolved at every connect.
        host: String,
        /// The port.
        port: u16,
    },
    /// The path of a Unix socket.
    Unix(PathBuf),
}

impl Default for Address {
    fn default() -> Self {
        Self::Tcp { host: "127.0.0.1".to_owned(), port: DEFAULT_PORT }
    }
}

/// An invalid address. Its text says what was expected.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AddressError(String);

impl fmt::Display for AddressError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for AddressError {}

impl fmt::Display for Address {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Tcp { host, port } if host.contains(':') => write!(f, "frame://[{host}]:{port}"),
            Self::Tcp { host, port } => write!(f, "frame://{host}:{port}"),
            Self::Unix(path) => write!(f, "unix:{}", path.display()),
        }
    }
}

impl FromStr for Address {
    type Err = AddressError;

    fn from_str(text: &str) -> Result<Self, AddressError> {
        if let Some(path) = text.strip_prefix("unix:") {
            return unix(path);
        }
        match text.split_once("://") {
            Some(("frame", rest)) => tcp(rest.strip_suffix('/').unwrap_or(rest), true),
            Some((scheme, _)) => Err(AddressError(format!(
                "unknown scheme `{scheme}`: expected frame://host:port or unix:/path"
            ))),
            None => tcp(text, false),
        }
    }
}

fn unix(path: &str) -> Result<Address, AddressError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(AddressError("the path is missing: expected unix:/path".to_owned()));
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

fn tcp(text: &str, port_optional: bool) -> Result<Address, AddressError> {
    let (host, port) = split_port(text)?;
    if host.is_empty() || host.contains(['/', ' ', '?']) {
        return Err(AddressError(format!("`{text}` has no valid host: expected host:port")));
    }
    let port = match port {
        Some(digits) => digits.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
            AddressError(format!("invalid port `{digits}`: expected a number from 1 to 65535"))
        })?,
        None if port_optional => DEFAULT_PORT,
        None => {
            return Err(AddressError(format!(
                "`{text}` has no port: expected {text}:{DEFAULT_PORT} or frame://{text}"
            )));
        }
    };
    Ok(Address::Tcp { host: host.to_owned(), port })
}

/// Splits off the port, if there is one. An IPv6 address needs brackets; otherwise its last group
/// could be read as a port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest.split_once(']').ok_or_else(|| {
            AddressError(format!("`{text}` has no closing bracket: expected [::1]:{DEFAULT_PORT}"))
        })?;
        return match after {
            "" => Ok((host, None)),
            _ => match after.strip_prefix(':') {
                Some(port) => Ok((host, Some(port))),
                None => {
                    Err(AddressError(format!("unexpected `{after}` after `]`: expected :port")))
                }
            },
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(AddressError(format!(
            "`{text}` has too many colons: expected an IPv6 address in brackets, as in [::1]:{DEFAULT_PORT}"
        ))),
        Some((host, port)) => Ok((host, Some(port))),
        None => Ok((text, None)),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn tcp(host: &str, port: u16) -> Address {
        Address::Tcp { host: host.to_owned(), port }
    }

    #[test]
    fn what_a_person_writes_is_understood() {
        let read = |text: &str| text.parse::<Address>().unwrap();
        assert_eq!(read("frame://127.0.0.1:7000"), Address::default());
        assert_eq!(read("frame://example.org/"), tcp("example.org", 7000));
        assert_eq!(read("localhost:81"), tcp("localhost", 81));
        assert_eq!(read("[::1]:81"), tcp("::1", 81));
        assert_eq!(read("unix:/run/hobnob.sock"), Address::Unix("/run/hobnob.sock".into()));
        for text in ["frame://127.0.0.1:7000", "frame://[::1]:81", "unix:/run/x"] {
            assert_eq!(read(text).to_string(), text);
        }
    }

    #[test]
    fn what_is_wrong_is_said() {
        let complaint = |text: &str| text.parse::<Address>().unwrap_err().to_string();
        assert!(complaint("lobby").contains("lobby:7000"));
        assert!(complaint("http://x:1").contains("unknown scheme `http`"));
        assert!(complaint("x:0").contains("1 to 65535"));
        assert!(complaint("x:99999").contains("99999"));
        assert!(complaint("::1").contains("[::1]"));
        assert!(complaint("[::1").contains("bracket"));
        assert!(complaint("[::1]x").contains("`x`"));
        assert!(complaint("unix:").contains("path"));
        assert!(complaint(":80").contains("host"));
        assert!(complaint("").contains("host"));
    }
}
