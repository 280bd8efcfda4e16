//! The rooms and people that a peer may see.

use super::numeric::*;
use super::talk::Talk;
use crate::hub::{Room, Switch, Target};
use crate::id::{ConnId, RoomId};
use crate::session::encode::irc::names::room_of;
use crate::session::view::View;

/// Returns the room of a channel, if it is visible to the peer. Otherwise sends `No such channel`,
/// also for a hidden room.
pub(super) fn known<'t>(talk: &mut Talk<'t>, channel: &str) -> Option<&'t Room> {
    let hub = talk.hub();
    let room = room_of(channel).and_then(|room| hub.find(room)).and_then(|id| hub.room(id));
    // A room that exists only for its history is no channel.
    let room = room.filter(|room| !room.members.is_empty() && is_visible(talk.view, room));
    if room.is_none() {
        talk.no_such_channel(channel);
    }
    room
}

/// Returns the room of a channel, if the peer is in it. Otherwise sends the reason.
pub(super) fn joined<'t>(talk: &mut Talk<'t>, channel: &str) -> Option<(&'t Room, RoomId)> {
    let room = known(talk, channel)?;
    if !talk.hub().is_member(talk.conn(), room.id) {
        talk.numeric(ERR_NOTONCHANNEL, &[channel], "You're not on that channel");
        return None;
    }
    Some((room, room.id))
}

/// True if the peer may see a room and its members.
pub(super) fn is_visible(view: &View<'_>, room: &Room) -> bool {
    !room.rights.is_on(Switch::Secret)
        || view.hub.is_member(view.conn, room.id)
        || view.hub.is_operator(view.conn, room.id)
}

/// True if the peer may see this member of a visible room. Invisible members are shown only to
/// members and operators of the room.
pub(super) fn is_shown(view: &View<'_>, room: &Room, member: ConnId) -> bool {
    let is_invisible =
        || view.hub.presence(member).is_some_and(|presence| presence.flags.invisible);
    view.hub.is_member(view.conn, room.id)
        || view.hub.is_operator(view.conn, room.id)
        || !is_invisible()
}

/// True if the channel exists but is not visible to the peer.
pub(super) fn is_hidden(view: &View<'_>, channel: &str) -> bool {
    let room = room_of(channel).and_then(|room| view.hub.find(room));
    room.and_then(|id| view.hub.room(id)).is_some_and(|room| !is_visible(view, room))
}

/// Returns the target of a line, if it exists.
pub(super) fn target_of(talk: &Talk<'_>, target: &str) -> Option<Target> {
    // An invalid room name is the name of no room.
    if let Some(room) = target.strip_prefix('#') {
        let room = talk.hub().find(room).and_then(|id| talk.hub().room(id))?;
        // A room without members has no recipients. If the peer may not publish in a hidden room,
        // other errors of the line must not reveal that the room exists.
        let is_told =
            is_visible(talk.view, room) || talk.hub().may_say(talk.conn(), room.id).is_ok();
        return (!room.members.is_empty() && is_told).then_some(Target::Room(room.id));
    }
    talk.person(target).map(|(conn, _)| Target::Person(conn))
}
