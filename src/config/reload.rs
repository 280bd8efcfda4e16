//! What of another config can be put in force while the relay runs.

use super::{Config, Listen};
use crate::session::{Service, irc};
use std::fmt;
use std::sync::Arc;

/// Reads a configuration, on another thread than the loop's.
#[derive(Clone)]
pub struct ReadConfig {
    file: Arc<str>,
    read: Arc<dyn Fn() -> Result<Config, String> + Send + Sync>,
}

impl ReadConfig {
    /// A reader of `file`, which is only a name for those who are told of it.
    pub fn new(
        file: &str,
        read: impl Fn() -> Result<Config, String> + Send + Sync + 'static,
    ) -> Self {
        Self { file: file.into(), read: Arc::new(read) }
    }

    /// The name of what is read.
    pub fn file(&self) -> &str {
        &self.file
    }

    /// Reads it. This may block.
    ///
    /// # Errors
    /// A sentence that says what is wrong with it.
    pub fn read(&self) -> Result<Config, String> {
        (self.read)()
    }
}

impl fmt::Debug for ReadConfig {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("ReadConfig").field("file", &self.file).finish_non_exhaustive()
    }
}

/// What another config comes to in a relay that runs already.
#[derive(Clone, Debug, Default)]
pub struct Reload {
    /// What is in force from now on.
    pub config: Config,
    /// The keys whose values are.
    pub applied: Vec<&'static str>,
    /// The keys whose values wait for a restart.
    pub waiting: Vec<&'static str>,
}

impl Config {
    /// What of `wanted` can be put in force: all that IRC is served with but its names, and the
    /// limits that nothing was built on.
    ///
    /// # Errors
    /// Why all of it is not sound. Nothing is to change then.
    pub fn reload(&self, wanted: &Self) -> Result<Reload, String> {
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

    /// The listener that serves the same in the same place.
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
        // Every line to a client begins with it; clients were told the network's name.
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
        assert!(before.reload(&wanted).unwrap_err().contains("rate-burst"));
        let same = before.reload(&before).unwrap();
        assert_eq!((same.applied.len(), same.waiting.len()), (0, 0));
    }
}
