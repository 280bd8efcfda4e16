//! Presence watches: the watchers of a name are notified when its holder connects or disconnects.

use crate::id::ConnId;
use std::collections::HashMap;
use std::rc::Rc;

/// The watchers of each (folded) name.
#[derive(Debug, Default)]
pub struct Watches {
    watchers: HashMap<Rc<str>, Vec<ConnId>>,
}

impl Watches {
    /// Returns the watchers of a name.
    pub fn of(&self, folded: &str) -> &[ConnId] {
        self.watchers.get(folded).map_or(&[], Vec::as_slice)
    }

    /// Adds a watcher, which must not watch the name yet.
    pub fn add(&mut self, folded: Rc<str>, conn: ConnId) {
        self.watchers.entry(folded).or_default().push(conn);
    }

    /// Removes a watcher.
    pub fn remove(&mut self, folded: &Rc<str>, conn: ConnId) {
        if let Some(watchers) = self.watchers.get_mut(folded) {
            watchers.retain(|watcher| *watcher != conn);
            if watchers.is_empty() {
                self.watchers.remove(folded);
            }
        }
    }
}
