//! What a client waits for while it is not listened to: somebody outside checks a password, or reads
//! the configuration again.

use super::commands::{Said, Talk};
use super::numeric::*;
use super::register::{short, try_to_enter, turn_away};
use super::relay::be_operator;
use super::{Cap, Irc, View};
use crate::password::Hash;

/// What a client waits for.
#[derive(Debug)]
pub(super) enum Waiting {
    /// Whether the password it gave is the one behind this hash, which was the relay's.
    Pass(Hash),
    /// Whether the password it gave is that operator's.
    Oper {
        name: Box<str>,
        /// Which is this one, if there is an operator of that name.
        hash: Option<Hash>,
    },
    /// What has changed in the configuration.
    Rehash,
}

/// What came of reading the configuration again.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Reloaded {
    /// What was read. Empty if there is nothing to read.
    pub file: String,
    /// What is different now, and what will be after a restart; or what was wrong. A line each.
    pub notes: Vec<String>,
    /// Whether what was read is in force.
    pub is_done: bool,
}

/// Lines of a report that are told.
const NOTES_MAX: usize = 32;

/// Longest line of a report that is told, in bytes: with all that stands before it, it fits a line.
const NOTE_MAX: usize = 350;

impl Irc {
    /// It was found out whether the password that the client gave is right.
    pub fn verified(&mut self, is_right: bool, view: &View<'_>) {
        let Some(waiting) = self.waiting.take() else { return };
        match *waiting {
            Waiting::Pass(hash) => self.answer(view, "PASS", |talk| {
                if !is_right {
                    return turn_away(talk);
                }
                if let Some(entry) = &mut talk.irc.entry {
                    entry.proven = Some(hash);
                }
                try_to_enter(talk);
            }),
            // The configuration may be another one by now.
            Waiting::Oper { name, hash } => self.answer(view, "OPER", |talk| {
                let mut operators = talk.options().operators.iter();
                let is_known = operators.any(|operator| {
                    operator.name == *name && operator.password.hash() == hash.as_ref()
                });
                be_operator(talk, is_right && hash.is_some() && is_known);
            }),
            Waiting::Rehash => {}
        }
    }

    /// The configuration was read again, or could not be.
    pub fn reloaded(&mut self, reloaded: &Reloaded, view: &View<'_>) {
        self.waiting = None;
        self.answer(view, "REHASH", |talk| {
            if reloaded.file.is_empty() {
                return cannot_rehash(talk, "There is no configuration file to read");
            }
            talk.numeric(RPL_REHASHING, &[&reloaded.file], "Rehashing");
            let nick = talk.irc.target().to_owned();
            for note in reloaded.notes.iter().take(NOTES_MAX) {
                let note = short(note, NOTE_MAX);
                talk.server(|line| line.command("NOTICE").middle(&nick).last(note));
            }
            if !reloaded.is_done {
                cannot_rehash(talk, "Nothing was changed");
            }
        });
    }

    /// Answers a line of some time ago.
    fn answer(&mut self, view: &View<'_>, verb: &'static str, run: impl FnOnce(&mut Talk<'_>)) {
        run(&mut Talk::new(self, view, verb, Said::default()));
    }
}

/// No specification has a word for it: those who do not read any are told in plain ones.
fn cannot_rehash(talk: &mut Talk<'_>, text: &str) {
    if talk.irc.caps.has(Cap::StandardReplies) {
        return talk.fail("CANNOT_REHASH", &[], text);
    }
    let nick = talk.irc.target().to_owned();
    talk.server(|line| line.command("NOTICE").middle(&nick).last(text));
}
