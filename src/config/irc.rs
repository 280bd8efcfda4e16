//! How IRC is served: each option by its name, in a URL as in the file.

use super::parse_choice;
use crate::password::Secret;
use crate::session::irc::{MOTD_LINE_MAX, Operator, Options};

/// Sets one option: `name`, `network`, `motd`, `password`, `operator` (one more), `cloak` or
/// `history`.
///
/// # Errors
/// A sentence that says what is wrong, and never repeats a password.
pub fn set_irc_option(irc: &mut Options, name: &str, value: &str) -> Result<(), String> {
    match name {
        "name" => {
            let is_name = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '-');
            if !value.contains('.') || !value.chars().all(is_name) || value.len() > 63 {
                return Err(format!("{value:?} cannot name a server: it has a dot, as a host has"));
            }
            value.clone_into(&mut irc.name);
        }
        "network" => value.clone_into(&mut irc.network),
        "motd" => {
            let lines: Vec<String> = value.lines().map(|line| line.trim_end().to_owned()).collect();
            if let Some(at) = lines.iter().position(|line| line.len() > MOTD_LINE_MAX) {
                return Err(format!(
                    "line {} of motd is longer than {MOTD_LINE_MAX} bytes, which is what fits a line",
                    at + 1
                ));
            }
            irc.motd = lines;
        }
        "password" => {
            let password = value.parse::<Secret>();
            irc.password = Some(password.map_err(|error| format!("password: {error}"))?);
        }
        "history" => {
            irc.history =
                value.parse().map_err(|_| format!("history is a number, not {value:?}"))?;
        }
        "cloak" => irc.cloak = parse_choice(name, value, &[("true", true), ("false", false)])?,
        "operator" => {
            let (name, password) = value.split_once(':').ok_or("operator is NAME:PASSWORD")?;
            add_operator(irc, name, password)?;
        }
        _ => {
            return Err(format!(
                "irc has no option {name:?}: it has name, network, motd, password, operator, cloak and history"
            ));
        }
    }
    Ok(())
}

/// Adds somebody who may become an operator of the relay.
///
/// # Errors
/// A sentence that says what is wrong, and does not repeat the password.
pub fn add_operator(irc: &mut Options, name: &str, password: &str) -> Result<(), String> {
    // It must be possible to say it in OPER.
    let is_word = !name.is_empty() && !name.starts_with(':') && !name.contains(char::is_whitespace);
    if !is_word {
        return Err(format!("{name:?} cannot name an operator: a name is one word"));
    }
    if irc.operators.iter().any(|operator| operator.name == name) {
        return Err(format!("there are two operators called {name:?}"));
    }
    let password = password.parse::<Secret>();
    let password = password.map_err(|error| format!("operator {name}: {error}"))?;
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
            ("name", "irc", "has a dot"),
            ("motd", &format!("a\n{}", "x".repeat(MOTD_LINE_MAX + 1)), "line 2 of motd"),
            ("password", "", "empty"),
            ("password", "$secret", "argon2"),
            ("operator", "ann", "NAME:PASSWORD"),
            ("operator", "ann:another", "\"ann\""),
            ("operator", "carl:$secret", "operator carl: "),
            ("cloak", "no", "true or false"),
            ("history", "all", "a number"),
            ("motto", "x", "no option \"motto\""),
        ] {
            let error = set_irc_option(&mut irc, name, value).unwrap_err();
            assert!(error.contains(said) || cfg!(not(feature = "passwords")), "{name}: {error}");
            assert!(!error.contains("secret"), "{error}");
        }
    }
}
