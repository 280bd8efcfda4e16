//! The choice of the name to request.

use crate::limits::PERSON_NAME_MAX;

/// Underscores appended to a name in use before the relay is asked to choose.
const TRIES_MAX: u32 = 4;

/// The name that the next hello requests; empty to be given a guest's name.
#[derive(Debug)]
pub(super) struct NameChoice {
    requested: String,
    /// True if the relay chose the present name.
    assigned: bool,
    tries: u32,
}

impl NameChoice {
    pub(super) fn new(name: String) -> Self {
        Self { requested: name, assigned: false, tries: 0 }
    }

    pub(super) fn requested(&self) -> &str {
        &self.requested
    }

    /// Records the name that the relay confirmed; the next connection requests it again.
    pub(super) fn welcomed(&mut self, name: &str) {
        self.assigned |= self.requested.is_empty();
        self.tries = 0;
        name.clone_into(&mut self.requested);
    }

    /// Returns the next name to try after `name_taken`, if there is one.
    pub(super) fn taken(&mut self) -> Option<&str> {
        if self.requested.is_empty() {
            return None;
        }
        self.tries += 1;
        if self.assigned || self.tries > TRIES_MAX || self.requested.len() >= PERSON_NAME_MAX {
            self.requested.clear();
        } else {
            self.requested.push('_');
        }
        Some(&self.requested)
    }

    /// Returns the next name to try after `bad_name`. Only a name that the relay chose has a
    /// successor.
    pub(super) fn bad(&mut self) -> Option<&str> {
        if !self.assigned || self.requested.is_empty() {
            return None;
        }
        self.requested.clear();
        Some(&self.requested)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_taken_name_grows_a_few_times_and_then_the_relay_chooses() {
        let mut name_choice = NameChoice::new("ann".to_owned());
        for next in ["ann_", "ann__", "ann___", "ann____", ""] {
            assert_eq!(name_choice.taken(), Some(next));
        }
        assert_eq!(name_choice.taken(), None);
        name_choice.welcomed("guest3");
        assert_eq!(name_choice.requested(), "guest3");
        assert_eq!(name_choice.taken(), Some(""), "another guest has it now");
    }

    #[test]
    fn a_name_never_grows_past_its_limit() {
        let mut name_choice = NameChoice::new("x".repeat(PERSON_NAME_MAX));
        assert_eq!(name_choice.taken(), Some(""));
    }

    #[test]
    fn a_bad_name_is_only_replaced_if_it_was_given() {
        assert_eq!(NameChoice::new("a b".to_owned()).bad(), None);
        let mut name_choice = NameChoice::new(String::new());
        name_choice.welcomed("guest1");
        assert_eq!(name_choice.bad(), Some(""));
        assert_eq!(name_choice.bad(), None);
    }
}
