//! Which name to ask for.

use crate::limits::PERSON_NAME_MAX;

/// How often a taken name is lengthened before the relay is asked to choose.
const TRIES_MAX: u32 = 4;

/// The name the next hello asks for; empty to be given a guest's.
#[derive(Debug)]
pub(super) struct Naming {
    asked: String,
    /// The relay gave the present name itself.
    given: bool,
    tries: u32,
}

impl Naming {
    pub(super) fn new(wish: String) -> Self {
        Self { asked: wish, given: false, tries: 0 }
    }

    pub(super) fn asked(&self) -> &str {
        &self.asked
    }

    /// The relay knows this client by that name, and will again on the next connection.
    pub(super) fn welcomed(&mut self, name: &str) {
        self.given |= self.asked.is_empty();
        self.tries = 0;
        name.clone_into(&mut self.asked);
    }

    /// Somebody else has the name. The next one to try, if there is any.
    pub(super) fn taken(&mut self) -> Option<&str> {
        if self.asked.is_empty() {
            return None;
        }
        self.tries += 1;
        if self.given || self.tries > TRIES_MAX || self.asked.len() >= PERSON_NAME_MAX {
            self.asked.clear();
        } else {
            self.asked.push('_');
        }
        Some(&self.asked)
    }

    /// The name is none. Only one that the relay gave itself has another after it: its rules for
    /// guests are its own.
    pub(super) fn bad(&mut self) -> Option<&str> {
        if !self.given || self.asked.is_empty() {
            return None;
        }
        self.asked.clear();
        Some(&self.asked)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_grows_a_few_times_and_then_the_relay_chooses() {
        let mut naming = Naming::new("ann".to_owned());
        for next in ["ann_", "ann__", "ann___", "ann____", ""] {
            assert_eq!(naming.taken(), Some(next));
        }
        assert_eq!(naming.taken(), None);
        naming.welcomed("guest3");
        assert_eq!(naming.asked(), "guest3");
        assert_eq!(naming.taken(), Some(""), "another guest has it now");
    }

    #[test]
    fn a_name_never_grows_past_its_limit() {
        let mut naming = Naming::new("x".repeat(PERSON_NAME_MAX));
        assert_eq!(naming.taken(), Some(""));
    }

    #[test]
    fn a_bad_name_is_only_replaced_if_it_was_given() {
        assert_eq!(Naming::new("a b".to_owned()).bad(), None);
        let mut naming = Naming::new(String::new());
        naming.welcomed("guest1");
        assert_eq!(naming.bad(), Some(""));
        assert_eq!(naming.bad(), None);
    }
}
