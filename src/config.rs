//! What a relay is told before it begins, checked once.

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
use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::sync::Arc;

pub use irc::{add_operator, set_irc_option};
pub use reload::{ReadConfig, Reload};

/// Most listeners of a relay: each peer keeps the number of its own in a byte.
const LISTENERS_MAX: usize = 256;

/// Everything a relay needs to know.
#[derive(Clone, Debug, Default)]
pub struct Config {
    /// Where to listen, and for what. At least one.
    pub listeners: Vec<Listen>,
    /// The limits.
    pub limits: Limits,
    /// Drain on SIGTERM and SIGINT, and stop at once on the second. Takes the signals away from the
    /// rest of the process.
    pub signals: bool,
    /// Reads the configuration again when that is wanted: by SIGHUP, if `signals` is set, or by an
    /// operator's REHASH. `None`: there is nothing to read.
    pub reload: Option<ReadConfig>,
    /// Threads for jobs that may block, started when they are needed; `None`: one. 0 leaves the jobs to
    /// the program around the relay: see [`Relay::take_job`](crate::Relay::take_job).
    pub workers: Option<usize>,
    /// Raise the process's limit on open descriptors as far as it goes.
    pub raise_descriptor_limit: bool,
    /// The key that cloaks, epochs and keys are derived from. `None`: a random one for this run, so that
    /// cloaks are others after a restart.
    pub secret: Option<SecretKey>,
    /// The number of this run, which keeps epochs and keys apart from those of other runs with the same
    /// secret. `None`: random, as it should be outside tests.
    pub run: Option<u64>,
}

impl Config {
    /// Checks every part and the relations between them.
    ///
    /// # Errors
    /// A sentence that names what is wrong and what would be right.
    pub fn check(&self) -> Result<(), String> {
        if self.listeners.is_empty() {
            return Err("there is nothing to listen on: give at least one --listen".to_owned());
        }
        if self.listeners.len() > LISTENERS_MAX {
            return Err(format!(
                "there are {} listeners, but {LISTENERS_MAX} are the most: give fewer --listen",
                self.listeners.len()
            ));
        }
        self.limits.check()?;
        for options in self.listeners.iter().filter_map(|listen| listen.service.irc()) {
            if options.motd.len() * LINE_MAX > self.limits.outbox_soft() {
                return Err(format!(
                    "motd has {} lines, but all of them must fit half an outbox ({}): shorten it or raise outbox",
                    options.motd.len(),
                    self.limits.outbox
                ));
            }
        }
        Ok(())
    }
}

/// One listener, as written in a URL: `SCHEME://HOST:PORT?option=value`, or
/// `SCHEME+unix:/path?option=value` (`unix:/path` alone serves frames).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Listen {
    /// What is served.
    pub service: Service,
    /// Where.
    pub endpoint: Endpoint,
}

/// What is wrong with a listener's URL.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ListenError(String);

impl fmt::Display for ListenError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for ListenError {}

impl FromStr for Listen {
    type Err = ListenError;

    fn from_str(url: &str) -> Result<Self, ListenError> {
        Self::parse(url, &IrcOptions::default())
    }
}

impl Listen {
    /// Reads a URL. What it does not say of how IRC is served is as in `irc`.
    ///
    /// # Errors
    /// When it is no listener's URL.
    pub fn parse(url: &str, irc: &IrcOptions) -> Result<Self, ListenError> {
        let (address, query) = url.split_once('?').unwrap_or((url, ""));
        // Without the options: there may be a password among them.
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
            let what = "proxy=true needs trust=NETWORK: whose headers are to be believed";
            return Err(explain(what.to_owned()));
        }
        Ok(Self { service, endpoint })
    }
}

fn parse_address(address: &str) -> Result<(&str, Endpoint), String> {
    if let Some((scheme, path)) = address.split_once("unix:") {
        let scheme = match scheme {
            "" => "frame",
            scheme => scheme
                .strip_suffix('+')
                .ok_or("before unix: stands SCHEME+, as in raw+unix:/path")?,
        };
        let path = path.strip_prefix("//").unwrap_or(path);
        if path.is_empty() {
            return Err("after unix: comes the path of the socket".to_owned());
        }
        return Ok((scheme, Endpoint::Unix(PathBuf::from(path))));
    }
    let Some((scheme, host)) = address.split_once("://") else {
        return Err(
            "a listener is written SCHEME://HOST:PORT, as in raw://127.0.0.1:12345".to_owned()
        );
    };
    let port = host.rsplit_once(':').map(|(_, port)| port.parse::<u16>());
    if !matches!(port, Some(Ok(_))) {
        return Err("after the host comes :PORT, a number up to 65535".to_owned());
    }
    Ok((scheme, Endpoint::Tcp(host.to_owned())))
}

/// The table of what a listener can serve. `irc`, `udp` and the TLS forms have their place here and
/// are not built yet.
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
        "http" => Err("this build is without http: build it with --features http".to_owned()),
        "irc" => Ok(Service::Irc(Arc::new(irc.clone()))),
        "https" | "ircs" | "udp" | "frames" => {
            Err(format!("{scheme} is not built into this version: raw, frame, http and irc are"))
        }
        _ => Err(format!("nobody speaks {scheme:?} here: use raw, frame, http or irc")),
    }
}

fn set_option(service: &mut Service, name: &str, value: &str) -> Result<(), String> {
    match (service, name) {
        (Service::Raw(raw), "room") => {
            if !crate::hub::is_room_name(value) {
                return Err(format!("{value:?} cannot name a room"));
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
                let what = "this build cannot compress: build it with --features deflate";
                return Err(what.to_owned());
            }
        }
        #[cfg(feature = "http")]
        (Service::Http(_), _) => {
            return Err(format!(
                "http has no option {name:?}: it has overrun, allow-origin, host, serve, trust, proxy and deflate"
            ));
        }
        (Service::Raw(_), _) => {
            return Err(format!(
                "raw has no option {name:?}: it has room, echo, greeting and framing"
            ));
        }
        (Service::Irc(irc), _) => set_irc_option(Arc::make_mut(irc), name, value)?,
        (Service::Frame(_), _) => {
            return Err(format!("frame has no option {name:?}: it has overrun"));
        }
    }
    Ok(())
}

#[cfg(feature = "http")]
fn parse_origin(value: &str) -> Result<AllowedOrigin, String> {
    value.parse().map_err(|error: OriginError| error.to_string())
}

/// Reads the name of a host, as a proxy would pass it on.
#[cfg(feature = "http")]
fn parse_host(value: &str) -> Result<String, String> {
    let name = value.to_ascii_lowercase();
    if web::host::is_host_name(&name) {
        return Ok(name);
    }
    Err(format!(
        "{value:?} is no host: it is written chat.example, or .chat.example with all that end so; \
         addresses need not be named"
    ))
}

impl Listen {
    /// Answers requests for this host, if HTTP is spoken here at all: see
    /// [`web::Options::allow_host`].
    ///
    /// # Errors
    /// When it is no name.
    #[cfg(feature = "http")]
    pub fn allow_host(&mut self, host: &str) -> Result<(), ListenError> {
        let host = parse_host(host).map_err(ListenError)?;
        if let Service::Http(http) = &mut self.service {
            http.allow_host.push(host);
        }
        Ok(())
    }

    /// Lets pages of this origin open a WebSocket, if pages are served here at all.
    ///
    /// # Errors
    /// When it is not written as a browser would send it.
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
        format!("{name} is {}, not {value:?}", words.join(" or "))
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
        assert!(with(257).unwrap_err().contains("257 listeners"));
    }

    #[test]
    fn what_is_wrong_is_said() {
        for (url, said) in [
            ("127.0.0.1:7000", "SCHEME://HOST:PORT"),
            ("raw://127.0.0.1", ":PORT"),
            ("raw://127.0.0.1:99999", "65535"),
            ("udp://127.0.0.1:6667", "not built"),
            ("irc://127.0.0.1:6667?x=y", "irc has no option \"x\""),
            ("tcp://127.0.0.1:6667", "use raw, frame, http or irc"),
            ("raw://127.0.0.1:1?rooms=x", "no option \"rooms\""),
            ("raw://127.0.0.1:1?room=a%20b", "cannot name a room"),
            ("raw://127.0.0.1:1?echo=yes", "true or false"),
            ("frame://127.0.0.1:1?echo=true", "it has overrun"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?allow-origin=nil", "no origin"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?allow-origin=https://a.example/chat", "no origin"),
            #[cfg(feature = "http")]
            ("http://127.0.0.1:1?host=https://chat.example", "no host"),
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
