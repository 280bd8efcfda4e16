//! The settings of `hobnob serve`: each one a flag, an environment variable, and a key of the
//! configuration file.

#[cfg(feature = "config")]
use super::irc::Table as IrcTable;
#[cfg(feature = "config")]
use hobnob::secret::SecretKey;
use hobnob::session::irc::Options as IrcOptions;
use hobnob::{Config, ConfigError, Limits, Listen};
use std::fmt;
use std::str::FromStr;
use std::time::Duration;

/// Declares the settings. `name "VARIABLE": type => field of Limits;`
macro_rules! settings {
    ($($(#[$doc:meta])* $key:ident $env:literal: $type:ty => $target:ident;)*) => {
        /// The given settings. A setting that is not given has its default.
        #[derive(Clone, Debug, Default, clap::Args)]
        #[cfg_attr(feature = "config", derive(serde::Deserialize))]
        #[cfg_attr(feature = "config", serde(rename_all = "kebab-case", deny_unknown_fields))]
        pub(super) struct Settings {
            /// A listener: SCHEME://HOST:PORT?option=value, or SCHEME+unix:/path. Can be repeated;
            /// in the environment, separated by spaces
            #[arg(long, value_name = "URL", env = "HOBNOB_LISTEN", value_delimiter = ' ')]
            #[cfg_attr(feature = "config", serde(default))]
            listen: Vec<String>,
            /// Origins whose pages may open a WebSocket, besides the relay's own: https://HOST. Can
            /// be repeated; in the environment, separated by spaces
            #[cfg(feature = "http")]
            #[arg(long, value_name = "ORIGIN", env = "HOBNOB_ALLOW_ORIGIN", value_delimiter = ' ')]
            #[cfg_attr(feature = "config", serde(default))]
            allow_origin: Vec<String>,
            /// Host names that browsers may request, besides localhost and addresses: chat.example,
            /// or .chat.example for all its subdomains. Required if a proxy on this machine passes
            /// on its own host name. Can be repeated; in the environment, separated by spaces
            #[cfg(feature = "http")]
            #[arg(long, value_name = "HOST", env = "HOBNOB_ALLOW_HOST", value_delimiter = ' ')]
            #[cfg_attr(feature = "config", serde(default))]
            allow_host: Vec<String>,
            /// The listener for metrics and health: http://HOST:PORT, or off [default:
            /// http://127.0.0.1:9090 if --listen is not given, otherwise off]
            #[cfg(feature = "http")]
            #[arg(long, value_name = "URL", env = "HOBNOB_ADMIN")]
            admin: Option<String>,
            /// The IRC options. In the file only, because other users can read arguments and
            /// environment.
            #[cfg(feature = "config")]
            #[arg(skip)]
            #[serde(default)]
            pub(super) irc: IrcTable,
            /// The key that cloaks are derived from, in the file only for the same reason.
            #[cfg(feature = "config")]
            #[arg(skip)]
            #[serde(default, deserialize_with = "file::secret")]
            secret: Option<SecretKey>,
            $(
                $(#[$doc])*
                #[arg(long, env = $env, value_name = <$type>::NAME)]
                $key: Option<$type>,
            )*
        }

        impl Settings {
            /// Merges two sets: values of `self` take precedence.
            #[cfg(feature = "config")]
            pub(super) fn or(self, other: Self) -> Self {
                Self {
                    listen: if self.listen.is_empty() { other.listen } else { self.listen },
                    #[cfg(feature = "http")]
                    allow_origin: match self.allow_origin.is_empty() {
                        true => other.allow_origin,
                        false => self.allow_origin,
                    },
                    #[cfg(feature = "http")]
                    allow_host: match self.allow_host.is_empty() {
                        true => other.allow_host,
                        false => self.allow_host,
                    },
                    #[cfg(feature = "http")]
                    admin: self.admin.or(other.admin),
                    irc: other.irc,
                    secret: other.secret,
                    $($key: self.$key.or(other.$key),)*
                }
            }

            fn apply(&self, limits: &mut Limits) {
                $(if let Some(value) = &self.$key { limits.$target = value.clone().into(); })*
            }
        }

        /// Returns every limit with its key and value, as written in the file.
        pub(super) fn rows(limits: &Limits) -> Vec<(String, String)> {
                // No store can be configured yet, so its limit has no key.
            let Limits { $($target,)* commit_patience: _, } = limits.clone();
            vec![$((stringify!($key).replace('_', "-"), <$type>::show(&$target)),)*]
        }
    };
}

settings! {
    /// Connections at once [default: the descriptor limit less 96]
    connections "HOBNOB_CONNECTIONS": OptionalCount => connections;
    /// Longest payload of a message, in bytes [default: 64K]
    max_message "HOBNOB_MAX_MESSAGE": Size => message;
    /// Bytes kept per room and encoding, for members that lag [default: 4M]
    backlog "HOBNOB_BACKLOG": Size => backlog;
    /// Bytes kept for members that lag, in all rooms together [default: 256M]
    backlog_total "HOBNOB_BACKLOG_TOTAL": Size => backlog_total;
    /// Bytes of replies and direct messages that may wait for one peer [default: 256K]
    outbox "HOBNOB_OUTBOX": Size => outbox;
    /// Bytes that the kernel may buffer for one peer [default: 128K]
    send_buffer "HOBNOB_SEND_BUFFER": Size => send_buffer;
    /// Rooms per peer [default: 128]
    rooms_per_peer "HOBNOB_ROOMS_PER_PEER": Count => rooms_per_peer;
    /// Number of rooms [default: 1048576]
    max_rooms "HOBNOB_MAX_ROOMS": Count => rooms;
    /// Messages kept per room for members that resume [default: 1000]
    history_messages "HOBNOB_HISTORY_MESSAGES": Count => history_messages;
    /// Bytes kept per room for members that resume [default: 1M]
    history_bytes "HOBNOB_HISTORY_BYTES": Size => history_bytes;
    /// Time for which a room keeps a message [default: 5m]
    history_age "HOBNOB_HISTORY_AGE": Span => history_age;
    /// Bytes kept for members that resume, in all rooms together [default: 256M]
    history_total "HOBNOB_HISTORY_TOTAL": Size => history_total;
    /// Ids of messages that a room remembers, so that a repeated message is published once
    /// [default: 1000]
    said_once_messages "HOBNOB_SAID_ONCE_MESSAGES": Count => said_once_messages;
    /// Time for which a room remembers an id [default: 5m]
    said_once_age "HOBNOB_SAID_ONCE_AGE": Span => said_once_age;
    /// Bytes for the ids of all rooms together [default: 64M]
    said_once_total "HOBNOB_SAID_ONCE_TOTAL": Size => said_once_total;
    /// Concurrent connections per address [default: 64]
    per_address "HOBNOB_PER_ADDRESS": Count => per_address;
    /// New connections per minute and address [default: 64]
    per_address_minute "HOBNOB_PER_ADDRESS_MINUTE": Count => per_address_minute;
    /// Apply the limits per address and the message rate to peers on this machine, too [default:
    /// false]
    limit_loopback "HOBNOB_LIMIT_LOOPBACK": Switch => limit_loopback;
    /// Messages a peer may publish at once; joins and queries, four times as many [default: 10]
    rate_burst "HOBNOB_RATE_BURST": Number => rate_burst;
    /// Time after which one more is allowed; 0 for no limit [default: 200ms]
    rate_every "HOBNOB_RATE_EVERY": Span => rate_every;
    /// Rooms with more members announce counts instead of names [default: 500]
    presence_members "HOBNOB_PRESENCE_MEMBERS": Count => presence_members;
    /// Time to log in [default: 10s]
    handshake "HOBNOB_HANDSHAKE": Span => handshake;
    /// Longest frame or line before login, in bytes [default: 8K]
    before_hello "HOBNOB_BEFORE_HELLO": Size => before_hello;
    /// Silence after which a peer is pinged [default: 25s]
    ping_after "HOBNOB_PING_AFTER": Span => ping_after;
    /// Time to answer a ping [default: 10s]
    ping_grace "HOBNOB_PING_GRACE": Span => ping_grace;
    /// Connections accepted per listener and turn [default: 64]
    accepts_per_turn "HOBNOB_ACCEPTS_PER_TURN": Count => accepts_per_turn;
    /// Commands carried out per peer and turn [default: 64]
    commands_per_turn "HOBNOB_COMMANDS_PER_TURN": Count => commands_per_turn;
    /// Writes per turn [default: 512]
    flush_writes "HOBNOB_FLUSH_WRITES": Count => flush_writes;
    /// Bytes written per turn [default: 4M]
    flush_bytes "HOBNOB_FLUSH_BYTES": Size => flush_bytes;
    /// Time over which a drain closes connections [default: 5s]
    drain_grace "HOBNOB_DRAIN_GRACE": Span => drain_grace;
    /// Time after which a drain stops waiting [default: 8s]
    drain_hard "HOBNOB_DRAIN_HARD": Span => drain_hard;
}

/// The listeners of `hobnob serve` without `--listen`.
const DEFAULT_LISTENERS: &[&str] = &[
    "raw://127.0.0.1:12345",
    "frame://127.0.0.1:7000",
    #[cfg(feature = "http")]
    "http://127.0.0.1:8080",
    "irc://127.0.0.1:6667",
];

/// The admin listener of `hobnob serve` without `--listen`: this machine only.
#[cfg(feature = "http")]
const DEFAULT_ADMIN: &str = "http://127.0.0.1:9090";

impl Settings {
    /// Converts the settings to a checked config.
    ///
    /// # Errors
    /// The first invalid setting.
    pub(super) fn into_config(self) -> Result<Config, String> {
        let mut limits = Limits::default();
        self.apply(&mut limits);
        let irc = self.irc_options()?;
        let urls = self.listen.iter().map(String::as_str);
        let defaults = DEFAULT_LISTENERS.iter().copied().filter(|_| self.listen.is_empty());
        let urls = urls.chain(defaults);
        let listeners: Result<Vec<Listen>, _> = urls.map(|url| Listen::parse(url, &irc)).collect();
        let listeners = listeners.map_err(|error| error.to_string())?;
        #[cfg(feature = "http")]
        let mut listeners = self.apply_allow_lists(listeners)?;
        #[cfg(feature = "http")]
        listeners.extend(self.admin()?);
        let config = Config {
            listeners,
            limits,
            #[cfg(feature = "config")]
            secret: self.secret,
            signals: true,
            raise_descriptor_limit: true,
            ..Config::default()
        };
        config.check().map_err(|error| match error {
            ConfigError::TooManyListeners { .. } => format!("{error}: give fewer --listen"),
            error => error.to_string(),
        })?;
        Ok(config)
    }
}

impl Settings {
    /// Returns the IRC options for listeners without their own.
    #[cfg(feature = "config")]
    fn irc_options(&self) -> Result<IrcOptions, String> {
        self.irc.options()
    }

    #[cfg(not(feature = "config"))]
    fn irc_options(&self) -> Result<IrcOptions, String> {
        Ok(IrcOptions::default())
    }
}

#[cfg(feature = "http")]
impl Settings {
    /// Adds the allowed origins and hosts to the listeners.
    fn apply_allow_lists(&self, mut listeners: Vec<Listen>) -> Result<Vec<Listen>, String> {
        for listen in &mut listeners {
            for origin in &self.allow_origin {
                listen.allow_origin(origin).map_err(|error| format!("allow-origin: {error}"))?;
            }
            for host in &self.allow_host {
                listen.allow_host(host).map_err(|error| format!("allow-host: {error}"))?;
            }
        }
        Ok(listeners)
    }

    /// Returns the admin listener. With `--listen`, there is no default one.
    fn admin(&self) -> Result<Option<Listen>, String> {
        let url = match self.admin.as_deref() {
            Some("off") => return Ok(None),
            Some(url) => url,
            None if self.listen.is_empty() => DEFAULT_ADMIN,
            None => return Ok(None),
        };
        let mark = if url.contains('?') { '&' } else { '?' };
        let listen: Result<Listen, _> = format!("{url}{mark}serve=admin").parse();
        let listen = listen.map_err(|error| format!("admin: {error}"))?;
        Ok(Some(listen))
    }
}

/// Declares the types of values, which are written alike in the file and on the command line.
macro_rules! value_types {
    ($($name:ident($inner:ty), $shown:literal, $expected:literal;)*) => {$(
        #[derive(Clone, Debug)]
        pub(super) struct $name($inner);

        impl $name {
            const NAME: &str = $shown;
        }

        impl From<$name> for $inner {
            fn from(value: $name) -> Self {
                value.0
            }
        }

        #[cfg(feature = "config")]
        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(source: D) -> Result<Self, D::Error> {
                let text = source.deserialize_any(file::Scalar($expected))?;
                text.parse().map_err(serde::de::Error::custom)
            }
        }
    )*};
}

value_types! {
    Count(usize), "N", "a number";
    Number(u32), "N", "a number";
    OptionalCount(Option<usize>), "N", "a number";
    Switch(bool), "true|false", "true or false";
    Size(usize), "BYTES", "a number of bytes, as in 65536 or \"64K\"";
    Span(Duration), "TIME", "a time, as in 10 (seconds) or \"500ms\"";
}

#[cfg(feature = "config")]
mod file {
    use hobnob::secret::SecretKey;
    use serde::Deserializer;
    use serde::de::Error;

    /// Reads the relay's secret. Errors do not repeat it.
    pub(super) fn secret<'de, D: Deserializer<'de>>(
        source: D,
    ) -> Result<Option<SecretKey>, D::Error> {
        let text = source.deserialize_any(Scalar("32 hexadecimal digits in quotes"))?;
        text.parse().map(Some).map_err(Error::custom)
    }

    /// Reads a number, a boolean or a string as text.
    pub(super) struct Scalar(pub(super) &'static str);

    impl serde::de::Visitor<'_> for Scalar {
        type Value = String;

        fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
            f.write_str(self.0)
        }

        fn visit_str<E>(self, text: &str) -> Result<String, E> {
            Ok(text.to_owned())
        }

        fn visit_bool<E>(self, value: bool) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_i64<E>(self, value: i64) -> Result<String, E> {
            Ok(value.to_string())
        }

        fn visit_u64<E>(self, value: u64) -> Result<String, E> {
            Ok(value.to_string())
        }
    }
}

impl FromStr for Count {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "expected a number".to_owned())
    }
}

impl Count {
    fn show(value: &usize) -> String {
        value.to_string()
    }
}

impl FromStr for Number {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "expected a number".to_owned())
    }
}

impl Number {
    fn show(value: &u32) -> String {
        value.to_string()
    }
}

impl FromStr for OptionalCount {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        Count::from_str(text).map(|count| Self(Some(count.0)))
    }
}

impl OptionalCount {
    fn show(value: &Option<usize>) -> String {
        value.map_or_else(|| "auto".to_owned(), |most| most.to_string())
    }
}

impl FromStr for Switch {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        text.parse().map(Self).map_err(|_| "expected true or false".to_owned())
    }
}

impl Switch {
    fn show(value: &bool) -> String {
        value.to_string()
    }
}

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("K", 10), ("M", 20), ("G", 30)];
        let found = units.iter().find_map(|(unit, shift)| Some((text.strip_suffix(unit)?, *shift)));
        let (digits, shift) = found.unwrap_or((text, 0));
        let size = digits.parse::<usize>().ok().and_then(|number| number.checked_mul(1 << shift));
        size.map(Self).ok_or_else(|| "expected bytes, as in 65536, 64K, 4M or 1G".to_owned())
    }
}

impl Size {
    fn show(value: &usize) -> String {
        let units = [("G", 30), ("M", 20), ("K", 10)];
        let unit = units.iter().find(|(_, shift)| *value > 0 && value.trailing_zeros() >= *shift);
        unit.map_or_else(|| value.to_string(), |(unit, shift)| format!("{}{unit}", value >> shift))
    }
}

impl FromStr for Span {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000)];
        let found =
            units.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis)));
        let (digits, millis) = found.unwrap_or((text, 1_000));
        let span = digits.parse::<u64>().ok().and_then(|number| number.checked_mul(millis));
        let span = span.map(|millis| Self(Duration::from_millis(millis)));
        span.ok_or_else(|| "expected a time, as in 10s, 500ms, 5m or 1h".to_owned())
    }
}

impl Span {
    fn show(value: &Duration) -> String {
        match value.as_millis() {
            millis if millis % 60_000 == 0 && millis > 0 => format!("{}m", millis / 60_000),
            millis if millis % 1_000 == 0 => format!("{}s", millis / 1_000),
            millis => format!("{millis}ms"),
        }
    }
}

/// The limits in force, as a table with two columns of key and value.
pub(super) struct Table<'a>(pub(super) &'a Limits);

impl fmt::Display for Table<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let rows = rows(self.0);
        let half = rows.len().div_ceil(2);
        let (left, right) = rows.split_at(half);
        for (index, (key, value)) in left.iter().enumerate() {
            write!(f, "  {key:<18} {value:>10}")?;
            match right.get(index) {
                Some((key, value)) => writeln!(f, "    {key:<20} {value:>10}")?,
                None => writeln!(f)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn values_are_read_as_they_are_shown() {
        for (text, bytes) in
            [("65536", 65_536), ("64K", 65_536), ("4M", 4 << 20), ("1G", 1 << 30), ("0", 0)]
        {
            assert_eq!(text.parse::<Size>().unwrap().0, bytes);
        }
        for (text, millis) in
            [("10", 10_000), ("10s", 10_000), ("500ms", 500), ("5m", 300_000), ("0", 0)]
        {
            assert_eq!(text.parse::<Span>().unwrap().0, Duration::from_millis(millis));
        }
        for text in ["", "K", "-1", "1.5M", "64k ", "99999999999999999999", "99999999999G"] {
            assert!(text.parse::<Size>().is_err(), "{text:?}");
        }
        assert_eq!(
            ["65536", "1000", "0"].map(|text| Size::show(&text.parse().unwrap())),
            ["64K", "1000", "0"]
        );
        assert_eq!(
            [300_000, 10_000, 1].map(|ms| Span::show(&Duration::from_millis(ms))),
            ["5m", "10s", "1ms"]
        );
    }

    #[test]
    fn what_is_not_set_keeps_its_default() {
        let config = Settings::default().into_config().unwrap();
        assert_eq!(config.limits, Limits::default());
        let admins = config.listeners.iter().filter(|listen| listen.service.is_admin()).count();
        assert_eq!(admins, usize::from(cfg!(feature = "http")));
        assert_eq!(config.listeners.len(), DEFAULT_LISTENERS.len() + admins);
    }
}
