//! `hobnob check`: checks a configuration file.

use super::irc;
use super::settings::{Settings, Table};
use super::unknown_keys::refuse_unknown;
use clap::CommandFactory;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Check a configuration file.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob check hobnob.toml")]
pub(super) struct Args {
    /// The configuration file
    #[arg(value_name = "CONFIG")]
    file: PathBuf,
}

/// Checks the file, and prints the settings in force.
pub(super) fn run(args: &Args) -> Result<(), String> {
    let config = read(&args.file)?.into_config().map_err(|error| at(&args.file, &error))?;
    let mut text = format!("{} is valid\n", args.file.display());
    for listen in &config.listeners {
        let _ = writeln!(text, "  {:<6} {}", listen.service.word(), listen.endpoint);
    }
    text.push_str(&irc::summary(&config));
    print!("{text}{}", Table(&config.limits));
    Ok(())
}

/// Reads a file. An unknown key is an error that suggests the nearest key.
pub(super) fn read(path: &Path) -> Result<Settings, String> {
    let text = std::fs::read_to_string(path).map_err(|error| at(path, &error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| at(path, &error.to_string()))?;
    let known = keys();
    refuse_unknown(&table, &known, "").map_err(|error| at(path, &error))?;
    if let Some(toml::Value::Table(irc)) = table.get("irc") {
        irc::refuse_unknown_keys(irc).map_err(|error| at(path, &error))?;
    }
    let mut settings: Settings =
        toml::from_str(&text).map_err(|error| at(path, &error.to_string()))?;
    settings.irc.read_motd(path).map_err(|error| at(path, &error))?;
    Ok(settings)
}

/// Removes the quoted source lines from an error: they may contain a password, and the error is
/// sent over the network.
pub(super) fn without_source(error: &str) -> String {
    let is_source = |line: &str| {
        let line = line.trim_start().trim_start_matches(|c: char| c.is_ascii_digit());
        line.trim_start().starts_with('|')
    };
    let lines: Vec<&str> = error.lines().filter(|line| !is_source(line)).collect();
    lines.join("\n")
}

fn at(path: &Path, what: &str) -> String {
    format!("{}: {}", path.display(), what.trim_end())
}

/// Returns every key of the file: the flags of `serve`, except `--config`.
fn keys() -> Vec<String> {
    let cli = super::Cli::command();
    let serve = cli.find_subcommand("serve");
    let flags = serve.into_iter().flat_map(clap::Command::get_arguments);
    flags
        .filter_map(|flag| flag.get_long())
        .filter(|key| *key != "config")
        .chain(["irc", "secret"])
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use hobnob::secret::SecretKey;

    fn check(text: &str) -> Result<Settings, String> {
        let file = tempfile::NamedTempFile::new().unwrap();
        std::fs::write(file.path(), text).unwrap();
        read(file.path())
    }

    #[test]
    fn files_are_read_and_flags_go_first() {
        let file = check("listen = [\"raw://127.0.0.1:0\"]\nmax-message = \"1K\"\nping-after = 7\nlimit-loopback = true\n").unwrap();
        let flags = check("ping-after = \"9s\"").unwrap();
        let config = flags.or(file).into_config().unwrap();
        assert_eq!(config.listeners.len(), 1);
        assert_eq!((config.limits.message, config.limits.ping_after.as_secs()), (1024, 9));
        assert!(config.limits.limit_loopback);
    }

    #[test]
    fn the_secret_is_in_the_file() {
        let file = check("secret = \"00000000000000000000000000005eed\"").unwrap();
        let config = Settings::default().or(file).into_config().unwrap();
        assert_eq!(config.secret, Some(SecretKey::from_number(0x5eed)));
    }

    #[test]
    fn the_irc_table_is_for_all_listeners() {
        let file = check(
            r#"
            listen = ["irc://127.0.0.1:0", "irc://127.0.0.1:0?network=Other&operator=bob:b"]
            [irc]
            name = "irc.example"
            network = "Example"
            motd = """
One
Two
"""
            password = "sesame"
            cloak = false
            history = 7
            [[irc.operators]]
            name = "ann"
            password = "a"
            "#,
        )
        .unwrap();
        let config = file.into_config().unwrap();
        let irc: Vec<_> = config.listeners.iter().filter_map(|l| l.service.irc()).collect();
        let names = |index: usize| -> Vec<&str> {
            irc[index].operators.iter().map(|operator| &*operator.name).collect()
        };
        assert_eq!((&*irc[0].name, &*irc[0].network), ("irc.example", "Example"));
        assert_eq!((&*irc[1].name, &*irc[1].network), ("irc.example", "Other"));
        assert_eq!((names(0), names(1)), (vec!["ann"], vec!["ann", "bob"]));
        assert_eq!(irc[0].motd, ["One", "Two"]);
        assert_eq!((irc[0].cloak, irc[0].history), (false, 7));
        let summary = irc::summary(&config);
        assert!(summary.contains("irc.example of Other: operators ann, bob; a password;"));
        assert!(summary.contains("hosts are visible"), "{summary}");
        assert!(summary.contains("hash it with `hobnob password`"), "{summary}");
        assert!(!summary.contains("sesame"), "{summary}");
    }

    #[test]
    fn the_file_in_the_documentation_is_in_order() {
        let page = include_str!("../../docs/IRC.md");
        let file = page.split("```toml\n").nth(1).and_then(|rest| rest.split("```").next());
        // The documentation contains no hash, because its password would be public.
        let without_hash = |line: &str| match line.split_once("\"$argon2id$") {
            Some((key, _)) => format!("{key}\"secret\"\n"),
            None => format!("{line}\n"),
        };
        let file: String = file.unwrap().lines().map(without_hash).collect();
        let config = check(&file).and_then(Settings::into_config).unwrap();
        let irc = config.listeners.iter().find_map(|listen| listen.service.irc()).unwrap();
        assert_eq!((irc.motd.len(), irc.operators.len()), (2, 1));
        assert!(irc.password.is_some());
    }

    #[test]
    fn a_motd_may_be_a_file_beside_the_other() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hobnob.toml");
        std::fs::write(&file, "[irc]\nmotd-file = \"motd.txt\"\n").unwrap();
        assert!(read(&file).unwrap_err().contains("motd.txt"));
        std::fs::write(folder.path().join("motd.txt"), "Be kind.\n").unwrap();
        let config = read(&file).unwrap().into_config().unwrap();
        let irc = config.listeners.iter().find_map(|listen| listen.service.irc()).unwrap();
        assert_eq!(irc.motd, ["Be kind."]);
    }

    #[test]
    fn what_is_told_over_the_network_shows_no_line_of_the_file() {
        let error = check("[irc]\npassword = \"sesame\nname = 5\n").unwrap_err();
        assert!(error.contains("sesame"), "{error}");
        let brief = without_source(&error);
        assert!(!brief.contains("sesame") && brief.contains("line 2"), "{brief}");
    }

    #[test]
    fn mistakes_are_named() {
        for (text, said) in [
            ("max-mesage = 5", "did you mean \"max-message\"?"),
            ("max_message = 5", "did you mean \"max-message\"?"),
            ("lisen = []", "did you mean \"listen\"?"),
            ("max-message = \"many\"", "expected bytes"),
            ("max-message = [1]", "a number of bytes"),
            ("max-message = ", "line 1"),
            ("irc = 5", "irc"),
            ("secret = \"5eed\"", "32 hexadecimal digits"),
            ("secret = 5", "32 hexadecimal digits"),
            ("secret = []", "32 hexadecimal digits"),
            ("secrett = \"\"", "did you mean \"secret\"?"),
            ("[irc]\nmotdd = \"\"", "\"irc.motdd\"; did you mean \"irc.motd\"?"),
            ("[irc]\nhistory = \"all\"", "invalid type"),
            ("[irc]\nname = \"irc\"", "with a dot"),
            ("[irc]\npassword = \"\"", "empty"),
            ("[irc]\nmotd = \"\"\nmotd-file = \"x\"", "both motd and motd-file"),
            ("[irc]\nmotd-file = \"nowhere.txt\"", "nowhere.txt"),
            ("[[irc.operators]]\nname = \"ann\"", "missing field"),
            (
                "[[irc.operators]]\nname = \"ann\"\npasword = \"x\"",
                "\"irc.operators.pasword\"; did you mean \"irc.operators.password\"?",
            ),
        ] {
            let error = check(text).and_then(Settings::into_config).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let error = check("backlog = 70000").unwrap().into_config().unwrap_err();
        assert!(error.contains("backlog"), "{error}");
    }
}
