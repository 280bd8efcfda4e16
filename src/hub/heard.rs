//! Delivers a notice that concerns several rooms once to each hearer.

use super::person::People;
use super::room::Room;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use std::collections::HashSet;

/// Members looked at, at most, so that those who share several rooms with somebody hear of them once.
/// Beyond it they may hear it twice.
const COMPARED_MAX: usize = 4_096;

/// The people who have received a notice that concerns several rooms.
#[derive(Debug)]
pub(super) struct Told {
    heard: HashSet<ConnId>,
    /// There is one room only: nobody can hear it twice.
    is_single: bool,
    /// In rooms with more members, nobody hears it at all.
    members_max: usize,
}

impl Told {
    pub(super) fn new(rooms: &[RoomId], limits: &Limits) -> Self {
        let (is_single, members_max) = (rooms.len() < 2, limits.presence_members);
        Self { heard: HashSet::new(), is_single, members_max }
    }

    /// Of the room's members, those who have heard it before and know people beyond rooms. To others
    /// each room is a world of its own.
    pub(super) fn but_once(&mut self, room: Option<&Room>, people: &People) -> Vec<ConnId> {
        let members_max = match planted!("news-is-told-in-a-count") {
            true => usize::MAX,
            false => self.members_max,
        };
        let is_told = |room: &&Room| !self.is_single && room.members.len() <= members_max;
        let Some(room) = room.filter(is_told) else { return Vec::new() };
        if self.heard.len() + room.members.len() > COMPARED_MAX {
            return Vec::new();
        }
        let members = room.members.iter().copied();
        let members = members.filter(|member| people.presence(*member).is_some());
        members.filter(|member| !self.heard.insert(*member)).collect()
    }
}
