//! Passwords in the configuration, and the jobs that check them.

use std::fmt;
use std::str::FromStr;
use std::sync::Arc;

/// A password as the configuration gives it.
#[derive(Clone, PartialEq, Eq)]
pub enum Secret {
    /// The password itself.
    Plain(Box<str>),
    /// The hash of the password.
    Hash(Hash),
}

/// An expensive hash of a password: a PHC string, `$argon2id$v=19$m=…,t=…,p=…$salt$hash`. Cheap to
/// clone.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Hash(Arc<str>);

/// A job that checks a password against a hash. The check takes tens of milliseconds and as many
/// MiB, which is the purpose of the hash.
#[derive(Clone, PartialEq, Eq, Hash)]
pub struct Claim {
    /// The hash.
    pub hash: Hash,
    /// The password.
    pub password: String,
}

/// The reason why a text is not a valid password or hash.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SecretError(String);

impl Secret {
    /// Compares a password with this one. `None` if a hash has to be checked: see [`Claim`].
    ///
    /// The time taken does not depend on where they differ.
    pub fn is(&self, password: &str) -> Option<bool> {
        let Self::Plain(wanted) = self else { return None };
        let (wanted, given) = (wanted.as_bytes(), password.as_bytes());
        let differ = wanted.iter().zip(given).fold(0, |differ, (a, b)| differ | (a ^ b));
        Some(wanted.len() == given.len() && differ == 0)
    }

    /// Returns the hash, if the secret is one.
    pub fn hash(&self) -> Option<&Hash> {
        match self {
            Self::Plain(_) => None,
            Self::Hash(hash) => Some(hash),
        }
    }
}

impl FromStr for Secret {
    type Err = SecretError;

    /// Parses a password or a hash. A text that begins with `$` must be a supported hash: an
    /// unsupported one, taken for a password, would lock everybody out.
    fn from_str(text: &str) -> Result<Self, SecretError> {
        if text.is_empty() {
            return Err(SecretError("a password is empty".to_owned()));
        }
        if text.starts_with('$') {
            return text.parse().map(Self::Hash);
        }
        Ok(Self::Plain(text.into()))
    }
}

impl Hash {
    /// Returns the PHC string.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for Hash {
    type Err = SecretError;

    fn from_str(text: &str) -> Result<Self, SecretError> {
        check(text).map_err(SecretError)?;
        Ok(Self(text.into()))
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain(_) => "Plain(…)",
            Self::Hash(_) => "Hash(…)",
        })
    }
}

impl fmt::Debug for Hash {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Hash(…)")
    }
}

impl fmt::Debug for Claim {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Claim(…)")
    }
}

impl fmt::Display for SecretError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for SecretError {}

#[cfg(feature = "passwords")]
mod argon {
    use super::Claim;
    use crate::limits::{PASSWORD_MEMORY_MAX, PASSWORD_WORK_MAX};
    use argon2::password_hash::phc::PasswordHash;
    use argon2::password_hash::{PasswordHasher, PasswordVerifier};
    use argon2::{Algorithm, Argon2, Params};

    impl Claim {
        /// Checks the password. Blocks, so it must not run on the engine's thread.
        pub fn holds(&self) -> bool {
            let Ok(hash) = PasswordHash::new(&self.hash.0) else { return false };
            Argon2::default().verify_password(self.password.as_bytes(), &hash).is_ok()
        }
    }

    /// Hashes a password with a new salt, at the price that argon2's authors recommend (19 MiB).
    ///
    /// # Errors
    /// The system provides no random bytes.
    pub fn hash(password: &str) -> Result<String, String> {
        let hash = Argon2::default().hash_password(password.as_bytes());
        hash.map(|hash| hash.to_string()).map_err(|error| error.to_string())
    }

    /// Checks that the text is a hash that can be checked at an acceptable cost.
    pub(super) fn check(text: &str) -> Result<(), String> {
        let is_none = "what begins with $ must be an argon2 hash, as hobnob password makes them";
        let hash = PasswordHash::new(text).map_err(|error| format!("{is_none}: {error}"))?;
        let is_whole = hash.salt.is_some() && hash.hash.is_some();
        if !is_whole || Algorithm::new(hash.algorithm.as_str()).is_err() {
            return Err(is_none.to_owned());
        }
        let params = Params::try_from(&hash).map_err(|error| format!("{is_none}: {error}"))?;
        let (memory, passes) = (params.m_cost(), params.t_cost());
        if memory > PASSWORD_MEMORY_MAX || memory.saturating_mul(passes) > PASSWORD_WORK_MAX {
            return Err(format!(
                "a hash of m={memory},t={passes} takes too long to check: m may be {PASSWORD_MEMORY_MAX}, and m times t {PASSWORD_WORK_MAX}"
            ));
        }
        Ok(())
    }
}

#[cfg(feature = "passwords")]
use argon::check;
#[cfg(feature = "passwords")]
pub use argon::hash;

#[cfg(not(feature = "passwords"))]
impl Claim {
    /// Returns false: this build does not support hashes.
    pub fn holds(&self) -> bool {
        false
    }
}

#[cfg(not(feature = "passwords"))]
fn check(_: &str) -> Result<(), String> {
    Err("this build cannot check hashes: build it with --features passwords".to_owned())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn plain_passwords_are_compared_and_not_shown() {
        let secret: Secret = "sesame".parse().unwrap();
        for (given, is_right) in
            [("sesame", true), ("sesam", false), ("sesamee", false), ("sesamE", false), ("", false)]
        {
            assert_eq!(secret.is(given), Some(is_right), "{given:?}");
        }
        assert!(!format!("{secret:?}").contains("sesame"));
        assert!("".parse::<Secret>().is_err());
    }

    #[cfg(feature = "passwords")]
    #[test]
    fn hashes_are_checked() {
        // The example of the reference implementation's README.
        let reference =
            "$argon2i$v=19$m=65536,t=2,p=4$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG";
        let own = hash("password").unwrap();
        assert!(own.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{own}");
        assert_ne!(own, hash("password").unwrap(), "salted");
        for text in [reference, &own] {
            let secret: Secret = text.parse().unwrap();
            assert_eq!(secret.is("password"), None);
            let hash = secret.hash().unwrap().clone();
            let holds = |password: &str| {
                let password = password.to_owned();
                Claim { hash: hash.clone(), password }.holds()
            };
            assert!(holds("password"), "{text}");
            for wrong in ["", "passwor", "password1", "Password", text] {
                assert!(!holds(wrong), "{wrong:?}");
            }
        }
    }

    #[cfg(feature = "passwords")]
    #[test]
    fn what_is_no_hash_or_costs_too_much_is_refused() {
        for (text, said) in [
            ("$", "hobnob password"),
            ("$2b$12$EixZaYVK1fsbw1ZfbX3OXePaWxn96p36WQoeG6Lruj3vjPGga31lW", "argon2"),
            ("$argon2id$v=19$m=19456,t=2,p=1$c29tZXNhbHQ", "argon2"),
            ("$argon2id$v=19$m=19456,t=2,p=1", "argon2"),
            ("$pbkdf2-sha256$i=1000$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG", "argon2"),
            (
                "$argon2id$v=19$m=300000,t=1,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
                "too long to check",
            ),
            (
                "$argon2id$v=19$m=19456,t=900,p=1$c29tZXNhbHQ$RdescudvJCsgt3ub+b+dWRWJTmaaJObG",
                "too long to check",
            ),
        ] {
            let error = text.parse::<Secret>().unwrap_err().to_string();
            assert!(error.contains(said), "{text}: {error}");
        }
    }

    #[cfg(not(feature = "passwords"))]
    #[test]
    fn a_build_without_hashes_says_so() {
        let error = "$argon2id$".parse::<Secret>().unwrap_err().to_string();
        assert!(error.contains("--features passwords"), "{error}");
    }
}
