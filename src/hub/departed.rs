//! Identities that departed recently.

use crate::payload::Identity;
use std::collections::VecDeque;

/// The most identities that are remembered.
const REMEMBERED_MAX: usize = 1_000;

/// Identities that departed or took another name, the latest first, each with the time in seconds
/// since 1970.
#[derive(Debug, Default)]
pub struct Departed {
    latest: VecDeque<(Identity, u64)>,
}

impl Departed {
    /// Remembers one more identity, and forgets the oldest if there are too many.
    pub fn remember(&mut self, who: Identity, at: u64) {
        self.latest.truncate(REMEMBERED_MAX - 1);
        self.latest.push_front((who, at));
    }

    /// Iterates over the identities of that name, in any case.
    pub fn named(&self, name: &str) -> impl Iterator<Item = (&Identity, u64)> {
        let latest = self.latest.iter().map(|(who, at)| (who, *at));
        latest.filter(move |(who, _)| who.name.eq_ignore_ascii_case(name))
    }
}
