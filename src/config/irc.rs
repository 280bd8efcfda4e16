//! The options of IRC listeners, with the same names in URLs and in the configuration file.

use super::{IrcOptionError, parse_choice};
use crate::password::Secret;
use crate::session::irc::{MOTD_LINE_MAX, Operator, Options};

/// Sets one option: `name`, `network`, `motd`, `password`, `operator` (adds one), `cloak` or
/// `history`.
///
/// # Errors
/// An unknown option or an invalid value. The text never contains a password.
pub fn set_irc_option(irc: &mut Options, name: &str, value: &str) -> Result<(), IrcOptionError> {
    match name {
        "name" => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            if !value.contains('.') || !value.chars().all(is_name) || value.len() > 63 {
                return Err(IrcOptionError(format!(
                    "invalid server name {value:?}: expected a host name with a dot"
                )));
            }
            value.clone_into(&mut irc.name);
        }
        "network" => value.clone_into(&mut irc.network),
        "motd" => {
            let lines: Vec<String> = value.lines().map(|line| line.trim_end().to_owned()).collect();
            if let Some(at) = lines.iter().position(|line| line.len() > MOTD_LINE_MAX) {
                return Err(IrcOptionError(format!(
                    "line {} of motd is too long: expected at most {MOTD_LINE_MAX} bytes",
                    at + 1
                )));
            }
            irc.motd = lines;
        }
        "password" => {
            let password = value.parse::<Secret>();
            irc.password =
                Some(password.map_err(|error| IrcOptionError(format!("password: {error}")))?);
        }
        "history" => {
            irc.history = value.parse().map_err(|_| {
                IrcOptionError(format!("invalid history {value:?}: expected a number"))
            })?;
        }
        "cloak" => {
            let choice = parse_choice(name, value, &[("true", true), ("false", false)]);
            irc.cloak = choice.map_err(IrcOptionError)?;
        }
        "operator" => {
            let (name, password) = value.split_once(':').ok_or_else(|| {
                IrcOptionError("invalid operator: expected NAME:PASSWORD".to_owned())
            })?;
            add_operator(irc, name, password)?;
        }
        _ => {
            return Err(IrcOptionError(format!(
                "irc has no option {name:?}: expected name, network, motd, password, operator, cloak or history"
            )));
        }
    }
    Ok(())
}

/// Adds an account for operators of the relay.
///
/// # Errors
/// An invalid name or password. The text never contains the password.
pub fn add_operator(irc: &mut Options, name: &str, password: &str) -> Result<(), IrcOptionError> {
    // OPER takes the name as one parameter.
    let is_word = !name.is_empty() && !name.starts_with(':') && !name.contains(char::is_whitespace);
    if !is_word {
        return Err(IrcOptionError(format!("invalid operator name {name:?}: expected one word")));
    }
    if irc.operators.iter().any(|operator| operator.name == name) {
        return Err(IrcOptionError(format!("operator {name:?} is defined twice: remove one")));
    }
    let password = password.parse::<Secret>();
    let password = password.map_err(|error| IrcOptionError(format!("operator {name}: {error}")))?;
    irc.operators.push(Operator { name: name.to_owned(), password });
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_are_set_and_mistakes_named() {
        let mut irc = Options::default();
        for (name, value) in [
            ("name", "irc.example"),
            ("network", "Example"),
            ("motd", "One\r\nTwo \n"),
            ("password", "sesame"),
            ("operator", "ann:se:cret"),
            ("operator", "bob:other"),
            ("cloak", "false"),
            ("history", "3"),
        ] {
            set_irc_option(&mut irc, name, value).unwrap_or_else(|error| panic!("{error}"));
        }
        assert_eq!((&*irc.name, &*irc.network, irc.history), ("irc.example", "Example", 3));
        assert_eq!(irc.motd, ["One", "Two"]);
        assert!(!irc.cloak);
        assert_eq!(irc.operators[0].password.is("se:cret"), Some(true));
        for (name, value, said) in [
            ("name", "irc", "with a dot"),
            ("motd", &format!("a\n{}", "x".repeat(MOTD_LINE_MAX + 1)), "line 2 of motd"),
            ("password", "", "empty"),
            ("password", "$secret", "argon2"),
            ("operator", "ann", "NAME:PASSWORD"),
            ("operator", "ann:another", "\"ann\""),
            ("operator", "carl:$secret", "operator carl: "),
            ("cloak", "no", "true or false"),
            ("history", "all", "expected a number"),
            ("motto", "x", "no option \"motto\""),
        ] {
            let error = set_irc_option(&mut irc, name, value).unwrap_err().to_string();
            assert!(error.contains(said) || cfg!(not(feature = "passwords")), "{name}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
