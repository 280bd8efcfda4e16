//! `hobnob check`: what a configuration file comes to.

use super::settings::{Settings, Table};
use clap::CommandFactory;
use std::fmt::Write as _;
use std::path::{Path, PathBuf};

/// Check a configuration file.
#[derive(clap::Args)]
#[command(after_help = "Example: hobnob check hobnob.toml")]
pub(super) struct Args {
    /// The file
    #[arg(value_name = "CONFIG")]
    file: PathBuf,
}

/// Checks the file and prints what would be in force.
pub(super) fn run(args: &Args) -> Result<(), String> {
    let config = read(&args.file)?.into_config().map_err(|error| at(&args.file, &error))?;
    let mut text = format!("{} is in order\n", args.file.display());
    for listen in &config.listeners {
        let _ = writeln!(text, "  {:<6} {}", listen.service.word(), listen.endpoint);
    }
    print!("{text}{}", Table(&config.limits));
    Ok(())
}

/// Reads a file. Unknown keys are refused with the nearest right one.
pub(super) fn read(path: &Path) -> Result<Settings, String> {
    let text = std::fs::read_to_string(path).map_err(|error| at(path, &error.to_string()))?;
    let table: toml::Table = toml::from_str(&text).map_err(|error| at(path, &error.to_string()))?;
    let known = keys();
    if let Some(unknown) = table.keys().find(|key| !known.contains(key)) {
        let similarity = |key: &&String| (strsim::jaro_winkler(key, unknown) * 1e6) as u64;
        let nearest = known.iter().max_by_key(similarity).map_or("", String::as_str);
        return Err(at(path, &format!("there is no key {unknown:?}; did you mean {nearest:?}?")));
    }
    toml::from_str(&text).map_err(|error| at(path, &error.to_string()))
}

fn at(path: &Path, what: &str) -> String {
    format!("{}: {}", path.display(), what.trim_end())
}

/// Every key of a file: the flags of `serve`, but for the one that names the file.
fn keys() -> Vec<String> {
    let cli = super::Cli::command();
    let serve = cli.find_subcommand("serve");
    let flags = serve.into_iter().flat_map(clap::Command::get_arguments);
    flags
        .filter_map(|flag| flag.get_long())
        .filter(|key| *key != "config")
        .map(str::to_owned)
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

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
    fn mistakes_are_named() {
        for (text, said) in [
            ("max-mesage = 5", "did you mean \"max-message\"?"),
            ("max_message = 5", "did you mean \"max-message\"?"),
            ("lisen = []", "did you mean \"listen\"?"),
            ("max-message = \"many\"", "expected bytes"),
            ("max-message = [1]", "a number of bytes"),
            ("max-message = ", "line 1"),
        ] {
            let error = check(text).unwrap_err();
            assert!(error.contains(said), "{text}: {error}");
        }
        let error = check("backlog = 70000").unwrap().into_config().unwrap_err();
        assert!(error.contains("backlog"), "{error}");
    }
}
