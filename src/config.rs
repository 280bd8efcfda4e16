//! The configuration of a relay, checked once.

mod error;
mod irc;
mod reload;

use crate::limits::Limits;
use crate::net::Endpoint;
use crate::secret::SecretKey;
use crate::session::irc::Options as IrcOptions;
#[cfg(feature = "http")]
use crate::session::options::origin::{AllowedOrigin, OriginError};
use crate::session::raw::Framing;
#[cfg(feature = "http")]
use crate::session::web;
use crate::session::{Overrun, Service, frame, raw};
use crate::wire::irc::LINE_MAX;
use percent_encoding::percent_decode_str;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

pub use error::{ConfigError, IrcOptionError, ListenError, ReadConfigError};
pub use irc::{add_operator, set_irc_option};
pub use reload::{ReadConfig, Reload};

/// The most listeners: each peer stores its listener's index in a byte.
const LISTENERS_MAX: usize = 256;

/// The configuration of a relay.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// The listeners, at least one.
    pub listeners: Vec<Listen>,
    /// The limits in force.
    pub limits: Limits,
    /// Drain on SIGTERM and SIGINT, and stop at once on the second signal. The rest of the process
    /// no longer receives them. Needs the feature `signals`.
    pub signals: bool,
    /// Reloads the configuration on SIGHUP, if `signals` is set, and on an IRC operator's REHASH.
    /// `None`: no reload.
    pub reload: Option<ReadConfig>,
    /// The most worker threads for jobs that may block, started on demand; `None`: one. 0 leaves
    /// the jobs to the program: see [`Relay::take_job`](crate::Relay::take_job).
    pub workers: Option<usize>,
    /// Raise the process's descriptor limit to the hard limit.
    pub raise_descriptor_limit: bool,
    /// The key from which cloaks, epochs and keys are derived. `None`: a random one, so that cloaks
    /// change with a restart.
    pub secret: Option<SecretKey>,
    /// The number of this run, which keeps epochs and keys of different runs apart. `None`: random,
    /// as it should be outside tests.
    pub run: Option<u64>,
}

impl Config {
    /// Checks every field, and the relations between them.
    ///
    /// # Errors
    /// [`ConfigError`].
    pub fn check(&self) -> Result<(), ConfigError> {
        if self.listeners.is_empty() {
            return Err(ConfigError::NoListeners);
        }
        if self.listeners.len() > LISTENERS_MAX {
            let (count, max) = (self.listeners.len(), LISTENERS_MAX);
            return Err(ConfigError::TooManyListeners { count, max });
        }
        self.limits.check().map_err(ConfigError::Limits)?;
        for options in self.listeners.iter().filter_map(|listen| listen.service.irc()) {
            if options.motd.len() * LINE_MAX > self.limits.outbox_soft() {
                let (lines, outbox) = (options.motd.len(), self.limits.outbox);
                return Err(ConfigError::MotdTooLong { lines, outbox });
            }
        }
        Ok(())
    }
}

/// A listener, written as a URL: `SCHEME://HOST:PORT?option=value`, or
/// `SCHEME+unix:/path?option=value` (`unix:/path` serves frames).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// The protocol and its options.
    pub service: Service,
    /// The address.
    pub endpoint: Endpoint,
}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(url: &str) -> Result<Self, ListenError> {
        Self::parse(url, &IrcOptions::default())
    }
}

impl Listen {
    /// Parses a URL. IRC options that it does not set are taken from `irc`.
    ///
    /// # Errors
    /// An invalid URL or option.
    pub fn parse(url: &str, irc: &IrcOptions) -> Result<Self, ListenError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        // Without the options, which may contain a password.
        let explain = |what: String| ListenError(format!("{address:?}: {what}"));
        let (scheme, endpoint) = parse_address(address).map_err(explain)?;
        let mut service = parse_scheme(scheme, irc).map_err(explain)?;
        for option in query.split('&').filter(|option| !option.is_empty()) {
            let (name, value) = option.split_once('=').unwrap_or((option, ""));
            let value = percent_decode_str(value).decode_utf8();
            let value = value.map_err(|_| explain(format!("the value of {name} is not UTF-8")))?;
            set_option(&mut service, name, &value).map_err(explain)?;
        }
        #[cfg(feature = "http")]
        if let Service::Http(http) = &service
            && http.proxy
            && http.trust.is_empty()
        {
            let what = "proxy=true needs trust=NETWORK, the network of the proxy";
            return Err(explain(what.to_owned()));
        }
        Ok(Self { service, endpoint })
    }
}

fn parse_address(address: &str) -> Result<(&str, Endpoint), String> {
    if let Some((scheme, path)) = address.split_once("unix:") {
        let scheme = match scheme {
            "" => "frame",
            scheme => scheme.strip_suffix('+').ok_or(
                "invalid scheme before unix: expected SCHEME+unix:/path, as in raw+unix:/path",
            )?,
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err("the path is missing: expected unix:/path".to_owned());
        }
        return Ok((scheme, Endpoint::Unix(PathBuf::from(path))));
    }
    let Some((scheme, host)) = address.split_once("://") else {
        return Err(
            "no scheme: expected SCHEME://HOST:PORT, as in raw://127.0.0.1:12345".to_owned()
        );
    };
    let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err("no valid port: expected HOST:PORT with a port up to 65535".to_owned());
    }
    Ok((scheme, Endpoint::Tcp(host.to_owned())))
}

/// Returns the service of a scheme, with default options.
fn parse_scheme(scheme: &str, irc: &IrcOptions) -> Result<Service, String> {
    match scheme {
        "raw" => Ok(Service::Raw(raw::Options::default())),
        "frame" => Ok(Service::Frame(frame::Options::default())),
        #[cfg(feature = "http")]
        "http" => {
            let irc = Arc::new(irc.clone());
            Ok(Service::Http(web::Options { irc, ..web::Options::default() }))
        }
        #[cfg(not(feature = "http"))]
        "http" => Err("this build has no http: build it with --features http".to_owned()),
        "irc" => Ok(Service::Irc(Arc::new(irc.clone()))),
        "https" | "ircs" | "udp" | "frames" => {
            Err(format!("{scheme} is not built yet: use raw, frame, http or irc"))
        }
        _ => Err(format!("unknown scheme {scheme:?}: expected raw, frame, http or irc")),
    }
}

fn set_option(service: &mut Service, name: &str, value: &str) -> Result<(), String> {
    match (service, name) {
        (Service::Raw(raw), "room") => {
            if !crate::hub::is_room_name(value) {
                return Err(format!(
                    "invalid room name {value:?}: expected 1 to 128 bytes without spaces and control characters"
                ));
            }
            value.clone_into(&mut raw.room);
        }
        (Service::Raw(raw), "greeting") => value.clone_into(&mut raw.greeting),
        (Service::Raw(raw), "echo") => {
            raw.echo = parse_choice(name, value, &[("true", true), ("false", false)])?;
        }
        (Service::Raw(raw), "framing") => {
            let framings = [("chunk", Framing::Chunk), ("line", Framing::Line)];
            raw.framing = parse_choice(name, value, &framings)?;
        }
        (Service::Frame(frame), "overrun") => frame.overrun = parse_overrun(name, value)?,
        #[cfg(feature = "http")]
        (Service::Http(http), "overrun") => http.overrun = parse_overrun(name, value)?,
        #[cfg(feature = "http")]
        (Service::Http(http), "allow-origin") => http.allow_origin.push(parse_origin(value)?),
        #[cfg(feature = "http")]
        (Service::Http(http), "host") => http.allow_host.push(parse_host(value)?),
        #[cfg(feature = "http")]
        (Service::Http(http), "serve") => {
            let choices = [("public", web::Serve::Public), ("admin", web::Serve::Admin)];
            http.serve = parse_choice(name, value, &choices)?;
        }
        #[cfg(feature = "http")]
        (Service::Http(http), "trust") => {
            for network in value.split(',') {
                let network = network.parse().map_err(|error| format!("{network:?}: {error}"))?;
                http.trust.push(network);
            }
        }
        #[cfg(feature = "http")]
        (Service::Http(http), "proxy") => {
            http.proxy = parse_choice(name, value, &[("true", true), ("false", false)])?;
        }
        #[cfg(feature = "http")]
        (Service::Http(http), "deflate") => {
            http.deflate = parse_choice(name, value, &[("true", true), ("false", false)])?;
            if http.deflate && cfg!(not(feature = "deflate")) {
                let what = "this build has no compression: build it with --features deflate";
                return Err(what.to_owned());
            }
        }
        #[cfg(feature = "http")]
        (Service::Http(_), _) => {
            return Err(format!(
                "http has no option {name:?}: expected overrun, allow-origin, host, serve, trust, proxy or deflate"
            ));
        }
        (Service::Raw(_), _) => {
            return Err(format!(
                "raw has no option {name:?}: expected room, echo, greeting or framing"
            ));
        }
        (Service::Irc(irc), _) => {
            set_irc_option(Arc::make_mut(irc), name, value).map_err(|error| error.to_string())?;
        }
        (Service::Frame(_), _) => {
            return Err(format!("frame has no option {name:?}: expected overrun"));
        }
    }
    Ok(())
}

/// Parses an origin, written as browsers send it.
#[cfg(feature = "http")]
fn parse_origin(value: &str) -> Result<AllowedOrigin, String> {
    value.parse().map_err(|error: OriginError| error.to_string())
}

/// Parses a host name, as a proxy would pass it on.
#[cfg(feature = "http")]
fn parse_host(value: &str) -> Result<String, String> {
    let name = value.to_ascii_lowercase();
    if web::host::is_host_name(&name) {
        return Ok(name);
    }
    Err(format!(
        "invalid host {value:?}: expected chat.example, or .chat.example for all its subdomains; \
         addresses are always allowed"
    ))
}

impl Listen {
    /// Allows requests for this host, on listeners that serve HTTP: see
    /// [`web::Options::allow_host`].
    ///
    /// # Errors
    /// An invalid host name.
    #[cfg(feature = "http")]
    pub fn allow_host(&mut self, host: &str) -> Result<(), ListenError> {
        let host = parse_host(host).map_err(ListenError)?;
        if let Service::Http(http) = &mut self.service {
            http.allow_host.push(host);
        }
        Ok(())
    }

    /// Allows pages of this origin to open a WebSocket, on listeners that serve HTTP.
    ///
    /// # Errors
    /// An origin that is not written as browsers send it.
    #[cfg(feature = "http")]
    pub fn allow_origin(&mut self, origin: &str) -> Result<(), ListenError> {
        let origin = parse_origin(origin).map_err(ListenError)?;
        if let Service::Http(http) = &mut self.service {
            http.allow_origin.push(origin);
        }
        Ok(())
    }
}

fn parse_overrun(name: &str, value: &str) -> Result<Overrun, String> {
    parse_choice(name, value, &[("gap", Overrun::Gap), ("close", Overrun::Close)])
}

fn parse_choice<T: Copy>(name: &str, value: &str, choices: &[(&str, T)]) -> Result<T, String> {
    let chosen = choices.iter().find(|(word, _)| *word == value);
    chosen.map(|(_, choice)| *choice).ok_or_else(|| {
        let words: Vec<&str> = choices.iter().map(|(word, _)| *word).collect();
        format!("invalid {name} {value:?}: expected {}", words.join(" or "))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    fn listen(url: &str) -> Listen {
        url.parse().unwrap_or_else(|error| panic!("{error}"))
    }

    #[test]
    fn urls_name_service_place_and_options() {
        let raw = listen(
            "raw://127.0.0.1:12345?room=tea&echo=false&greeting=Hello%20there%0A&framing=line",
        );
        let (room, greeting) = ("tea".to_owned(), "Hello there\n".to_owned());
        let options = raw::Options { room, echo: false, greeting, framing: Framing::Line };
        assert_eq!(raw.service, Service::Raw(options));
        assert_eq!(raw.endpoint, Endpoint::Tcp("127.0.0.1:12345".to_owned()));
        assert_eq!(listen("frame://[::]:7000").endpoint, Endpoint::Tcp("[::]:7000".to_owned()));
        let overrun = Service::Frame(frame::Options { overrun: Overrun::Close });
        assert_eq!(listen("frame://localhost:0?overrun=close").service, overrun);
        let unix = Endpoint::Unix(PathBuf::from("/run/hobnob.sock"));
        for url in
            ["unix:/run/hobnob.sock", "frame+unix:/run/hobnob.sock", "raw+unix:///run/hobnob.sock"]
        {
            assert_eq!(listen(url).endpoint, unix, "{url}");
        }
    }

    #[test]
    fn listeners_are_numbered_by_a_byte() {
        let with = |count| {
            let listeners = vec![listen("raw://127.0.0.1:0"); count];
            Config { listeners, ..Config::default() }.check()
        };
        assert_eq!(with(256), Ok(()));
        assert!(with(257).unwrap_err().to_string().contains("257 are too many"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (url, said) in [
            ("127.0.0.1:7000", "SCHEME://HOST:PORT"),
            ("raw://127.0.0.1", ":PORT"),
            ("raw://127.0.0.1:99999", "65535"),
            ("udp://127.0.0.1:6667", "not built yet"),
            ("irc://127.0.0.1:6667?x=y", "irc has no option \"x\""),
            ("tcp://127.0.0.1:6667", "expected raw, frame, http or irc"),
            ("raw://127.0.0.1:1?rooms=x", "no option \"rooms\""),
            ("raw://127.0.0.1:1?room=a%20b", "invalid room name"),
            ("raw://127.0.0.1:1?echo=yes", "true or false"),
            ("frame://127.0.0.1:1?echo=true", "expected overrun"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?allow-origin=nil", "invalid origin"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?allow-origin=https://a.example/chat", "invalid origin"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?host=https://chat.example", "invalid host"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?trust=10.0.0.1/8", "192.0.2.0/24"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?proxy=true", "needs trust"),
            ("unix:", "path"),
            ("rawunix:/x", "raw+unix"),
        ] {
            let error = url.parse::<Listen>().unwrap_err().to_string();
            assert!(error.contains(said), "{url}: {error}");
        }
    }
}
