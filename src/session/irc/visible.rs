//! What a peer may know of: rooms, and people in them.

use super::numeric::*;
use super::talk::Talk;
use crate::hub::{Room, Switch, Target};
use crate::id::{ConnId, RoomId};
use crate::session::encode::irc::names::room_of;
use crate::session::view::View;

/// The room that a channel is, if there is one; else the peer is told that there is none. So it is told
/// of rooms that it may not know of.
pub(super) fn known<'t>(talk: &mut Talk<'t>, channel: &str) -> Option<&'t Room> {
    let hub = talk.hub();
    let room = room_of(channel).and_then(|room| hub.find(room)).and_then(|id| hub.room(id));
    // A room that is only kept for its past is no channel.
    let room = room.filter(|room| !room.members.is_empty() && is_visible(talk.view, room));
    if room.is_none() {
        talk.no_such_channel(channel);
    }
    room
}

/// The room that a channel is, if the peer is in it; else the peer is told why not.
pub(super) fn joined<'t>(talk: &mut Talk<'t>, channel: &str) -> Option<(&'t Room, RoomId)> {
    let room = known(talk, channel)?;
    if !talk.hub().is_member(talk.conn(), room.id) {
        talk.numeric(ERR_NOTONCHANNEL, &[channel], "You're not on that channel");
        return None;
    }
    Some((room, room.id))
}

/// Whether the peer may know of a room, and of who is in it.
pub(super) fn is_visible(view: &View<'_>, room: &Room) -> bool {
    !room.rights.is_on(Switch::Secret)
        || view.hub.is_member(view.conn, room.id)
        || view.hub.is_operator(view.conn, room.id)
}

/// Whether the peer is shown that somebody is in a room that it may know of: if they are invisible, who
/// is there, too, sees them.
pub(super) fn is_shown(view: &View<'_>, room: &Room, member: ConnId) -> bool {
    let is_invisible =
        || view.hub.presence(member).is_some_and(|presence| presence.flags.invisible);
    view.hub.is_member(view.conn, room.id)
        || view.hub.is_operator(view.conn, room.id)
        || !is_invisible()
}

/// Whether there is a room of which the peer may not know.
pub(super) fn is_hidden(view: &View<'_>, channel: &str) -> bool {
    let room = room_of(channel).and_then(|room| view.hub.find(room));
    room.and_then(|id| view.hub.room(id)).is_some_and(|room| !is_visible(view, room))
}

/// To whom a line is said, if that is somebody.
pub(super) fn target_of(talk: &Talk<'_>, target: &str) -> Option<Target> {
    // What cannot be a room's name is no room's name.
    if let Some(room) = target.strip_prefix('#') {
        let room = talk.hub().find(room).and_then(|id| talk.hub().room(id))?;
        // Where nobody is, nobody hears. Who may not speak in a room that is hidden from them is not
        // to learn of it by what else is wrong with the line.
        let is_told =
            is_visible(talk.view, room) || talk.hub().may_say(talk.conn(), room.id).is_ok();
        return (!room.members.is_empty() && is_told).then_some(Target::Room(room.id));
    }
    talk.person(target).map(|(conn, _)| Target::Person(conn))
}
