//! Where a relay listens for frames.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;

/// The port on which `hobnob serve` listens for frames unless told otherwise.
pub const DEFAULT_PORT: u16 = 7000;

/// A relay's frame listener, as a person writes it: `frame://host:port`, `host:port` or
/// `unix:/path`. With `frame://` the port may be left out.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Address {
    /// A host name or IP address, and a port.
    Tcp {
        /// As given, without the brackets of an IPv6 address. Resolved at every connect.
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

/// Why a text is no [`Address`]: a sentence that says what to write instead.
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
                "`{scheme}://` is not spoken here: write frame://host:port or unix:/path"
            ))),
            None => tcp(text, false),
        }
    }
}

fn unix(path: &str) -> Result<Address, AddressError> {
    let path = path.strip_prefix("//").unwrap_or(path);
    if path.is_empty() {
        return Err(AddressError("`unix:` needs the path of a socket: unix:/path".to_owned()));
    }
    Ok(Address::Unix(PathBuf::from(path)))
}

fn tcp(text: &str, port_optional: bool) -> Result<Address, AddressError> {
    let (host, port) = split_port(text)?;
    if host.is_empty() || host.contains(['/', ' ', '?']) {
        return Err(AddressError(format!("`{text}` names no host: write host:port")));
    }
    let port = match port {
        Some(digits) => digits.parse().ok().filter(|&port| port != 0).ok_or_else(|| {
            AddressError(format!("`{digits}` is no port: ports are numbers from 1 to 65535"))
        })?,
        None if port_optional => DEFAULT_PORT,
        None => {
            return Err(AddressError(format!(
                "`{text}` has no port: write {text}:{DEFAULT_PORT} or frame://{text}"
            )));
        }
    };
    Ok(Address::Tcp { host: host.to_owned(), port })
}

/// The host, and the port if there is one. An IPv6 address must stand in brackets, else its last
/// group could be taken for a port.
fn split_port(text: &str) -> Result<(&str, Option<&str>), AddressError> {
    if let Some(rest) = text.strip_prefix('[') {
        let (host, after) = rest
            .split_once(']')
            .ok_or_else(|| AddressError(format!("`{text}` opens a bracket and never closes it")))?;
        return match after {
            "" => Ok((host, None)),
            _ => match after.strip_prefix(':') {
                Some(port) => Ok((host, Some(port))),
                None => Err(AddressError(format!("`{after}` after `]` is no port"))),
            },
        };
    }
    match text.split_once(':') {
        Some((_, port)) if port.contains(':') => Err(AddressError(format!(
            "`{text}` has too many colons: write an IPv6 address as [::1]:{DEFAULT_PORT}"
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
        assert!(complaint("http://x:1").contains("http://"));
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
