//! A person, as others see them.

use super::nick::nick_of;
use crate::payload::Seen;
use std::fmt;
use std::rc::Rc;

/// A person, as others see them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Who {
    /// The name.
    pub name: Rc<str>,
    /// What stands beside it.
    pub seen: Seen,
}

impl Who {
    /// What they are called in full; by their name, if their protocol has no word for it.
    pub fn real_name(&self) -> &str {
        self.seen.real_name().unwrap_or(&self.name)
    }

    /// What patterns are compared with: `nick!user@host`, as everybody sees it.
    pub fn mask(&self) -> String {
        format!("{}!{}@{}", nick_of(&self.name), self.seen.user(), self.seen.host())
    }
}

impl fmt::Display for Who {
    /// The name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}
