//! The `[irc]` table of the configuration file: defaults for listeners that serve IRC.

use super::unknown_keys::refuse_unknown;
use hobnob::config::{IrcOptionError, add_operator, set_irc_option};
use hobnob::session::irc::Options;
use hobnob::{Config, password::Secret};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// The keys of the table.
#[derive(Clone, Debug, Default, serde::Deserialize)]
#[serde(rename_all = "kebab-case", deny_unknown_fields)]
pub(super) struct Table {
    name: Option<String>,
    network: Option<String>,
    motd: Option<String>,
    motd_file: Option<PathBuf>,
    password: Option<String>,
    #[serde(default)]
    operators: Vec<Operator>,
    cloak: Option<bool>,
    history: Option<usize>,
}

/// An IRC operator.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Operator {
    name: String,
    password: String,
}

/// The keys of the table.
const KEYS: &[&str] =
    &["name", "network", "motd", "motd-file", "password", "operators", "cloak", "history"];

/// The keys of an operator.
const OPERATOR_KEYS: &[&str] = &["name", "password"];

/// Refuses unknown keys.
pub(super) fn refuse_unknown_keys(table: &toml::Table) -> Result<(), String> {
    refuse_unknown(table, KEYS, "irc.")?;
    let operators = table.get("operators").and_then(toml::Value::as_array);
    let mut operators = operators.into_iter().flatten().filter_map(toml::Value::as_table);
    operators.try_for_each(|operator| refuse_unknown(operator, OPERATOR_KEYS, "irc.operators."))
}

impl Table {
    /// Reads the MOTD from its file, if one is set. A relative path starts at the folder of `file`,
    /// the configuration file.
    pub(super) fn read_motd(&mut self, file: &Path) -> Result<(), String> {
        let Some(motd_file) = self.motd_file.take() else { return Ok(()) };
        if self.motd.is_some() {
            return Err("irc: both motd and motd-file are set: remove one".to_owned());
        }
        let path = file.parent().unwrap_or(Path::new("")).join(motd_file);
        let text = std::fs::read_to_string(&path);
        self.motd = Some(text.map_err(|error| format!("{}: {error}", path.display()))?);
        Ok(())
    }

    /// Converts the table to options.
    pub(super) fn options(&self) -> Result<Options, String> {
        let mut options = Options::default();
        let history = self.history.map(|history| history.to_string());
        let cloak = self.cloak.map(|cloak| cloak.to_string());
        let values = [
            ("name", &self.name),
            ("network", &self.network),
            ("motd", &self.motd),
            ("password", &self.password),
            ("cloak", &cloak),
            ("history", &history),
        ];
        let in_irc = |error: IrcOptionError| format!("irc: {error}");
        for (key, value) in values {
            if let Some(value) = value {
                set_irc_option(&mut options, key, value).map_err(in_irc)?;
            }
        }
        for Operator { name, password } in &self.operators {
            add_operator(&mut options, name, password).map_err(in_irc)?;
        }
        Ok(options)
    }
}

/// Describes the IRC options in force; empty if they are the defaults.
pub(super) fn summary(config: &Config) -> String {
    let mut text = String::new();
    let mut seen: Vec<&Options> = Vec::new();
    for options in config.listeners.iter().filter_map(|listen| listen.service.irc()) {
        if seen.contains(&options) || *options == Options::default() {
            continue;
        }
        seen.push(options);
        let operators: Vec<&str> = options.operators.iter().map(|o| &*o.name).collect();
        let _ = writeln!(
            text,
            "irc as {} of {}: operators {}; {}; MOTD of {} lines; {}",
            options.name,
            options.network,
            if operators.is_empty() { "none".to_owned() } else { operators.join(", ") },
            if options.password.is_some() { "a password" } else { "no password" },
            options.motd.len(),
            if options.cloak { "hosts are cloaked" } else { "hosts are visible" },
        );
        let passwords = options.operators.iter().map(|o| &o.password).chain(&options.password);
        if passwords.into_iter().any(|password| matches!(password, Secret::Plain(_))) {
            text.push_str("  a password is stored in plain text: hash it with `hobnob password`\n");
        }
    }
    text
}
