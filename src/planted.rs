//! Points in the code where a bug can be put in on purpose, to see that the tests find it
//! (ARCHITECTURE.md, "Bugs put in on purpose").
//!
//! In every ordinary build each point is the constant `false`, and the branch behind it is compiled
//! away. Built with `--cfg planted`, the environment variable `HOBNOB_PLANTED` names one bug.

/// True if the bug of this name is put in.
#[cfg(not(planted))]
macro_rules! planted {
    ($name:literal) => {
        false
    };
}

/// True if the bug of this name is put in.
#[cfg(planted)]
macro_rules! planted {
    ($name:literal) => {
        $crate::planted::is_planted($name)
    };
}

/// True if the environment names this bug. The variable is read once.
#[cfg(planted)]
pub(crate) fn is_planted(name: &str) -> bool {
    static PLANTED: std::sync::OnceLock<Option<String>> = std::sync::OnceLock::new();
    let planted = PLANTED.get_or_init(|| std::env::var("HOBNOB_PLANTED").ok());
    planted.as_deref() == Some(name)
}
