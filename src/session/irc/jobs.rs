//! The outcomes of jobs: password checks and the reload of the configuration.

use super::numeric::*;
use super::register::{short, try_to_enter, turn_away};
use super::relay::be_operator;
use super::state::{Irc, PendingJob};
use super::talk::{Said, Talk};
use crate::password::Hash;
use crate::session::action::{Outcome, Reloaded};
use crate::session::encode::irc::caps::Cap;
use crate::session::view::View;

/// Maximum number of lines of a report that are sent.
const NOTES_MAX: usize = 32;

/// Maximum length of a line of a report, in bytes. With everything before it, it fits an IRC line.
const NOTE_MAX: usize = 350;

impl Irc {
    /// Continues the command that waited for a job.
    pub(super) fn job_done(&mut self, job: PendingJob, outcome: &Outcome, view: &View<'_>) {
        let is_right = *outcome == Outcome::Verified(true);
        match (job, outcome) {
            (PendingJob::Pass(hash), _) => {
                pass_checked(&mut answer(self, view, "PASS"), hash, is_right);
            }
            // The configuration may have changed since the job began.
            (PendingJob::Oper { name, hash }, _) => {
                let mut talk = answer(self, view, "OPER");
                let mut operators = talk.options().operators.iter();
                let is_known = operators.any(|operator| {
                    operator.name == *name && operator.password.hash() == hash.as_ref()
                });
                be_operator(&mut talk, is_right && hash.is_some() && is_known);
            }
            (PendingJob::Rehash, Outcome::Reloaded(reloaded)) => {
                reloaded_by(&mut answer(self, view, "REHASH"), reloaded);
            }
            (PendingJob::Rehash, _) => {
                cannot_rehash(&mut answer(self, view, "REHASH"), "The configuration was not read");
            }
        }
    }
}

/// Returns a handler that answers an earlier line.
fn answer<'t>(irc: &'t mut Irc, view: &'t View<'t>, verb: &'static str) -> Talk<'t> {
    Talk::new(irc, view, verb, Said::default())
}

fn pass_checked(talk: &mut Talk<'_>, hash: Hash, is_right: bool) {
    if !is_right {
        return turn_away(talk);
    }
    if let Some(entry) = &mut talk.irc.entry {
        entry.proven = Some(hash);
    }
    try_to_enter(talk);
}

fn reloaded_by(talk: &mut Talk<'_>, reloaded: &Reloaded) {
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
}

/// Reports that the reload failed. No specification defines a reply, so a client without standard
/// replies receives a NOTICE.
fn cannot_rehash(talk: &mut Talk<'_>, text: &str) {
    if talk.irc.caps.has(Cap::StandardReplies) {
        return talk.fail("CANNOT_REHASH", &[], text);
    }
    let nick = talk.irc.target().to_owned();
    talk.server(|line| line.command("NOTICE").middle(&nick).last(text));
}
