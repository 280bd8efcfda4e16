//! Reloading: the changes of a config that can be applied to a running relay.

use super::{Config, ConfigError, Listen, ReadConfigError};
use crate::session::{Service, irc};
use std::fmt;
use std::sync::Arc;

/// A function that reads the configuration, on a worker thread.
#[derive(Clone)]
pub struct ReadConfig {
    file: Arc<str>,
    read: Arc<dyn Fn() -> Result<Config, ReadConfigError> + Send + Sync>,
}

impl ReadConfig {
    /// Creates a reader. `file` is a name for logs and replies.
    pub fn new(
        file: &str,
        read: impl Fn() -> Result<Config, ReadConfigError> + Send + Sync + 'static,
    ) -> Self {
        Self { file: file.into(), read: Arc::new(read) }
    }

    /// Returns the name of the configuration file.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Reads the configuration. It may block.
    ///
    /// # Errors
    /// The reason why it is invalid.
    pub fn read(&self) -> Result<Config, ReadConfigError> {
        (self.read)()
    }
}

impl fmt::Debug for ReadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadConfig").field("file", &self.file).finish_non_exhaustive()
    }
}

/// The effect of a new config on a running relay.
#[derive(Clone, Debug, Default)]
pub struct Reload {
    /// The config in force after the reload.
    pub config: Config,
    /// The keys whose new values are applied.
    pub applied: Vec<&'static str>,
    /// The keys whose new values need a restart.
    pub waiting: Vec<&'static str>,
}

impl Config {
    /// Computes which changes of `wanted` can be applied: all IRC options except the names, and the
    /// limits that need no restart.
    ///
    /// # Errors
    /// The reason why `wanted` is invalid. Then nothing may change.
    pub fn reload(&self, wanted: &Self) -> Result<Reload, ConfigError> {
        wanted.check()?;
        let mut reload = Reload { config: self.clone(), ..Reload::default() };
        let (applied, waiting) = reload.config.limits.adopt(&wanted.limits);
        (reload.applied, reload.waiting) = (applied, waiting);
        if self.listeners.len() != wanted.listeners.len() {
            reload.waiting.push("listen");
        }
        if self.secret != wanted.secret {
            reload.waiting.push("secret");
        }
        let mut listeners = std::mem::take(&mut reload.config.listeners);
        for (index, listen) in listeners.iter_mut().enumerate() {
            reload.adopt(listen, wanted.counterpart(index, listen));
        }
        reload.config.listeners = listeners;
        for keys in [&mut reload.applied, &mut reload.waiting] {
            keys.sort_unstable();
            keys.dedup();
        }
        reload.config.check()?;
        Ok(reload)
    }

    /// Returns the listener with the same address and protocol, preferably at the same index.
    fn counterpart(&self, index: usize, listen: &Listen) -> Option<&Listen> {
        let is_same = |other: &&Listen| {
            other.endpoint == listen.endpoint && other.service.word() == listen.service.word()
        };
        self.listeners.get(index).filter(is_same).or_else(|| self.listeners.iter().find(is_same))
    }
}

impl Reload {
    fn adopt(&mut self, listen: &mut Listen, wanted: Option<&Listen>) {
        let Some(wanted) = wanted else { return self.waiting.push("listen") };
        match (&mut listen.service, &wanted.service) {
            (Service::Irc(irc), Service::Irc(wanted)) => self.adopt_irc(Arc::make_mut(irc), wanted),
            #[cfg(feature = "http")]
            (Service::Http(http), Service::Http(wanted)) => {
                self.adopt_irc(Arc::make_mut(&mut http.irc), &wanted.irc);
                let irc = Arc::clone(&http.irc);
                if *http != (crate::session::web::Options { irc, ..wanted.clone() }) {
                    self.waiting.push("listen");
                }
            }
            (service, wanted) if service != wanted => self.waiting.push("listen"),
            _ => {}
        }
    }

    fn adopt_irc(&mut self, irc: &mut irc::Options, wanted: &irc::Options) {
        let irc::Options { name, network, motd, password, operators, cloak, history } =
            wanted.clone();
        let changed = [
            ("motd", irc.motd != motd),
            ("password", irc.password != password),
            ("operators", irc.operators != operators),
            ("cloak", irc.cloak != cloak),
            ("history", irc.history != history),
        ];
        self.applied.extend(changed.iter().filter(|(_, is_so)| *is_so).map(|(key, _)| *key));
        // Every line to a client begins with the server's name, and clients know the network's
        // name.
        let kept = [("name", irc.name != name), ("network", irc.network != network)];
        self.waiting.extend(kept.iter().filter(|(_, is_so)| *is_so).map(|(key, _)| *key));
        (irc.motd, irc.password, irc.operators) = (motd, password, operators);
        (irc.cloak, irc.history) = (cloak, history);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::Limits;
    use crate::secret::SecretKey;

    fn config(urls: &[&str], limits: Limits) -> Config {
        let listeners = urls.iter().map(|url| url.parse().unwrap()).collect();
        Config { listeners, limits, ..Config::default() }
    }

    #[test]
    fn what_can_change_does_and_the_rest_is_named() {
        let before = config(
            &["irc://127.0.0.1:0?motd=One&operator=ann:a", "raw://127.0.0.1:0", "irc://[::1]:0"],
            Limits::default(),
        );
        let limits = Limits { rate_burst: 99, message: 1_000, ..Limits::default() };
        let mut wanted = config(
            &[
                "irc://127.0.0.1:0?motd=Two&name=other.example",
                "raw://127.0.0.1:0?room=tea",
                "irc://[::1]:1",
            ],
            limits,
        );
        wanted.secret = Some(SecretKey::from_number(7));
        let reload = before.reload(&wanted).unwrap();
        assert_eq!(reload.applied, ["motd", "operators", "rate-burst"]);
        assert_eq!(reload.waiting, ["listen", "max-message", "name", "secret"]);
        let limits = Limits { rate_burst: 99, ..Limits::default() };
        let expected =
            config(&["irc://127.0.0.1:0?motd=Two", "raw://127.0.0.1:0", "irc://[::1]:0"], limits);
        assert_eq!(reload.config.listeners, expected.listeners);
        assert_eq!(reload.config.limits, expected.limits);
    }

    #[test]
    fn what_is_unsound_changes_nothing() {
        let before = config(&["irc://127.0.0.1:0"], Limits::default());
        let wanted = config(&["irc://127.0.0.1:0"], Limits { rate_burst: 0, ..Limits::default() });
        assert!(before.reload(&wanted).unwrap_err().to_string().contains("rate-burst"));
        let same = before.reload(&before).unwrap();
        assert_eq!((same.applied.len(), same.waiting.len()), (0, 0));
    }
}
