//! Delivery of a notice that concerns several rooms: once to each person.

use super::person::People;
use super::room::Room;
use crate::id::{ConnId, RoomId};
use crate::limits::Limits;
use std::collections::HashSet;

/// The most members that are compared, so that persons who share several rooms with another receive
/// its notices once. Beyond it they may receive a notice twice.
const COMPARED_MAX: usize = 4_096;

/// The people who have received a notice that concerns several rooms.
#[derive(Debug)]
pub(super) struct Told {
    heard: HashSet<ConnId>,
    /// True if there is one room only: nobody can receive the notice twice.
    is_single: bool,
    /// The most members of a room that receives the notice at all.
    members_max: usize,
}

impl Told {
    pub(super) fn new(rooms: &[RoomId], limits: &Limits) -> Self {
        let (is_single, members_max) = (rooms.len() < 2, limits.presence_members);
        Self { heard: HashSet::new(), is_single, members_max }
    }

    /// Returns the members that have received the notice before and whose protocol knows persons
    /// beyond rooms. For other members each room is separate.
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
