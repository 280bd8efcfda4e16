//! The actions of peers, and how often each is done.

use super::Peer;
use crate::random::Random;
use crate::weather::Manners;
use std::fmt::Debug;

/// Weight of joining for a peer that is in no room.
const LONELY: usize = 200;

/// One thing that a peer may do. A protocol has those that its table lists.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    Join,
    Leave,
    Publish,
    QueryMembers,
    QueryHistory,
    Ping,
    Bye,
    /// Asks for something that must be refused.
    Mistake,
    /// Sends bytes that no client sends.
    Garbage,
    DirectMessage,
    ChangeCapabilities,
    ChangeName,
    Moderate,
    /// Says that it is away, or back.
    Away,
    /// Does nothing.
    Wait,
}

/// Weight of each action of one protocol, by the manners of a seed.
pub type Weights = [(Action, fn(&Manners) -> usize)];

impl Action {
    /// True if only a member of a room can do it.
    fn needs_room(self) -> bool {
        let of_members = [Self::Leave, Self::Publish, Self::Moderate];
        of_members.contains(&self) || matches!(self, Self::QueryMembers | Self::QueryHistory)
    }
}

impl Peer {
    /// Draws the next action of a peer; one that is in no room mostly joins one.
    pub(super) fn choose_action(
        &self,
        weights: &Weights,
        is_member: bool,
        random: &mut Random,
        manners: &Manners,
    ) -> Action {
        let weights = weights.iter().map(|(action, weight)| match action {
            Action::Join if !is_member => (*action, weight(manners).max(LONELY)),
            action if action.needs_room() && !is_member => (*action, 0),
            action => (*action, weight(manners)),
        });
        self.choose(&weights.collect::<Vec<_>>(), random)
    }

    /// Draws from a table, and tells the trace what came.
    pub(super) fn choose<T: Copy + Debug>(&self, table: &[(T, usize)], random: &mut Random) -> T {
        let choice = random.choose(table);
        if self.is_traced {
            eprintln!("       {} does {choice:?}", self.conn);
        }
        choice
    }
}
