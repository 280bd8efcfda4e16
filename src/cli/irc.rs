//! The `[irc]` table of the file: how IRC is served where a listener's URL does not say otherwise.

use super::keys::refuse_unknown;
use hobnob::config::{add_operator, set_irc_option};
use hobnob::session::irc::Options;
use hobnob::{Config, password::Secret};
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// What the table may say.
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

/// One operator.
#[derive(Clone, Debug, serde::Deserialize)]
#[serde(deny_unknown_fields)]
struct Operator {
    name: String,
    password: String,
}

/// The keys of the table.
const KEYS: &[&str] =
    &["name", "network", "motd", "motd-file", "password", "operators", "cloak", "history"];

/// The keys of each operator in it.
const OPERATOR_KEYS: &[&str] = &["name", "password"];

/// Refuses keys that the table cannot have.
pub(super) fn refuse_unknown_keys(table: &toml::Table) -> Result<(), String> {
    refuse_unknown(table, KEYS, "irc.")?;
    let operators = table.get("operators").and_then(toml::Value::as_array);
    let mut operators = operators.into_iter().flatten().filter_map(toml::Value::as_table);
    operators.try_for_each(|operator| refuse_unknown(operator, OPERATOR_KEYS, "irc.operators."))
}

impl Table {
    /// Reads the MOTD, if it is in a file of its own: beside `file`, in which the table stands,
    /// unless its whole path is given.
    pub(super) fn read_motd(&mut self, file: &Path) -> Result<(), String> {
        let Some(motd_file) = self.motd_file.take() else { return Ok(()) };
        if self.motd.is_some() {
            return Err("irc: give motd or motd-file, not both".to_owned());
        }
        let path = file.parent().unwrap_or(Path::new("")).join(motd_file);
        let text = std::fs::read_to_string(&path);
        self.motd = Some(text.map_err(|error| format!("{}: {error}", path.display()))?);
        Ok(())
    }

    /// What it comes to.
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
        let in_irc = |error| format!("irc: {error}");
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

/// How IRC will be served, for a person: nothing if it is not.
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
            "irc as {} of {}: operators {}; {}; a MOTD of {} lines; {}",
            options.name,
            options.network,
            if operators.is_empty() { "none".to_owned() } else { operators.join(", ") },
            if options.password.is_some() { "a password" } else { "no password" },
            options.motd.len(),
            if options.cloak { "hosts are cloaked" } else { "everybody sees addresses" },
        );
        let passwords = options.operators.iter().map(|o| &o.password).chain(&options.password);
        if passwords.into_iter().any(|password| matches!(password, Secret::Plain(_))) {
            text.push_str("  a password stands there as it is: `hobnob password` makes a hash\n");
        }
    }
    text
}
