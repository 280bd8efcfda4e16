//! The encoding of the hub's replies as lines.

use super::numeric::*;
use super::rooms::{write_names, write_topic};
use super::state::{Irc, PendingRequest};
use super::{history, relay, visible};
use crate::hub::{Departure, LIST_MAX, List, Notice, Reply};
use crate::payload::Identity;
use crate::reason::Refusal;
use crate::session::action::RequestId;
use crate::session::encode::irc::caps::Cap;
use crate::session::encode::irc::mask::mask_of;
use crate::session::encode::irc::mode_table::{self, letter_of_list};
use crate::session::encode::irc::names::{channel_of, nick_of, room_of};
use crate::session::encode::irc::{
    Heading, id_of, msgid, write_ephemeral, write_notice, write_spoken,
};
use crate::session::view::View;
use std::rc::Rc;

impl Irc {
    /// Appends the hub's reply to this peer. Returns true if it answers a line of the peer, and
    /// false if it is an event.
    pub(super) fn write_reply(
        &mut self,
        id: RequestId,
        reply: &Reply,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) -> bool {
        match reply {
            Reply::Welcome { name, .. } => {
                self.nick = nick_of(name).into();
                self.greeted = true;
                self.entry = None;
                relay::write_welcome(self, view, out);
            }
            Reply::Joined { room, .. } => self.write_joined(*room, view, out),
            // For a kick, see `Kicked`.
            Reply::Left { .. } if !id.is_some() => {}
            Reply::Left { .. } => self.write_left(id, view, out),
            Reply::Notice(room, notice) => self.write_own_notice(*room, notice, view, out),
            Reply::News(notice) => return self.write_news(notice, view, out),
            Reply::Echo { room, message } => {
                let Some(room) = view.hub.room(*room) else { return true };
                let id = msgid(room, message);
                write_spoken(self.style(), &channel_of(&room.name), &id, message, None, out);
            }
            Reply::DirectMessage { to, message, is_echo } => {
                let (to, id) = (nick_of(to), id_of(message.offset));
                write_spoken(self.style(), &to, &id, message, None, out);
                return *is_echo;
            }
            Reply::Ephemeral { to, message, is_echo } => {
                if self.caps.has(Cap::MessageTags) {
                    write_ephemeral(self.style(), &nick_of(to), message, view.unix_ms, out);
                }
                return *is_echo;
            }
            Reply::Watched { name, who } => {
                let (numeric, text) = match who {
                    Some(who) => (RPL_MONONLINE, mask_of(who)),
                    None => (RPL_MONOFFLINE, nick_of(name).into_owned()),
                };
                self.server_lines(view).numeric(numeric, &[], &text, out);
                return false;
            }
            Reply::Invited { by, room, .. } => {
                let line = self.heading(view).write(by, out).command("INVITE");
                line.middle(&self.nick).last(&channel_of(room));
                return false;
            }
            Reply::Kicked { by, name, reason, .. } => {
                let line = self.heading(view).write(by, out).command("KICK");
                line.middle(&channel_of(name)).middle(&self.nick).last(reason);
            }
            Reply::Disconnected { by, reason } => {
                let line = self.heading(view).write(by, out).command("KILL");
                line.middle(&self.nick).last(reason);
                let departure = Departure::Disconnected(by.clone(), Rc::clone(reason));
                self.departure = Some(Box::new(departure));
                return false;
            }
            Reply::Call { by, text } => {
                let line = self.heading(view).write(by, out).command("WALLOPS");
                line.last(text);
                return false;
            }
            Reply::History { room, page } => {
                history::write_page(self, id, (*room, page), view, out);
            }
            Reply::Refused { refusal, .. } => self.write_refusal(id, *refusal, view, out),
            // Replies that no IRC command requests.
            Reply::Ack { .. }
            | Reply::Members { .. }
            | Reply::Gap { .. }
            | Reply::Published { .. }
            | Reply::Rooms { .. }
            | Reply::DirectSent { .. } => {}
        }
        true
    }

    fn heading(&self, view: &View<'_>) -> Heading<'static> {
        Heading { style: self.style(), unix_ms: view.unix_ms, ..Heading::default() }
    }

    fn write_joined(&self, room: crate::id::RoomId, view: &View<'_>, out: &mut Vec<u8>) {
        let (Some(room), Some(who)) = (view.hub.room(room), view.hub.identity(view.conn)) else {
            return;
        };
        let notice = Notice::Came(who, 0);
        write_notice(self.style(), &room.name, &notice, view.unix_ms, out);
        write_topic(self, view, room, out);
        write_names(self, view, room, out);
        history::write_recent(self, view, room, out);
    }

    /// Appends the peer's own PART. The room may no longer exist.
    fn write_left(&self, id: RequestId, view: &View<'_>, out: &mut Vec<u8>) {
        let (Some(about), Some(who)) = (self.pending(id), view.hub.identity(view.conn)) else {
            return;
        };
        let words = about.words.as_deref().map(Rc::from);
        let notice = Notice::Went(who, 0, crate::hub::Departure::Left(words));
        let room = about.channel.strip_prefix('#').unwrap_or_default();
        write_notice(self.style(), room, &notice, view.unix_ms, out);
    }

    /// Appends the notice of the peer's own action in a room.
    fn write_own_notice(
        &self,
        room: crate::id::RoomId,
        notice: &Notice,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) {
        let Some(room) = view.hub.room(room) else { return };
        if let Notice::Invited(_, whom) = notice {
            let params = [&*nick_of(whom), &channel_of(&room.name)];
            self.server_lines(view).bare_numeric(RPL_INVITING, &params, out);
            let away = view.hub.holder(whom).and_then(|conn| view.hub.presence(conn));
            if let Some(away) = away.and_then(|presence| presence.away.as_deref()) {
                self.server_lines(view).numeric(RPL_AWAY, &[&nick_of(whom)], away, out);
            }
            return;
        }
        write_notice(self.style(), &room.name, notice, view.unix_ms, out);
    }

    /// Appends a notice about a person: the peer itself, or a person that it watches. Returns true
    /// if it answers a line of the peer.
    fn write_news(&mut self, notice: &Notice, view: &View<'_>, out: &mut Vec<u8>) -> bool {
        let is_own = |who: &Identity| view.hub.holder(&who.name) == Some(view.conn);
        match notice {
            Notice::Renamed(_, name, _) => {
                write_notice(self.style(), "", notice, view.unix_ms, out);
                self.nick = nick_of(name).into();
                true
            }
            Notice::Away(who, message) if is_own(who) => {
                let (numeric, text) = match message {
                    Some(_) => (RPL_NOWAWAY, "You have been marked as being away"),
                    None => (RPL_UNAWAY, "You are no longer marked as being away"),
                };
                self.server_lines(view).numeric(numeric, &[], text, out);
                true
            }
            Notice::RealName(who) if is_own(who) => {
                write_notice(self.style(), "", notice, view.unix_ms, out);
                true
            }
            notice => {
                if self.caps.has(Cap::ExtendedMonitor) {
                    write_notice(self.style(), "", notice, view.unix_ms, out);
                }
                false
            }
        }
    }

    /// Appends the numeric for a refusal.
    fn write_refusal(
        &mut self,
        id: RequestId,
        refusal: Refusal,
        view: &View<'_>,
        out: &mut Vec<u8>,
    ) {
        let about = self.pending(id).cloned().unwrap_or_default();
        // The loss of a message is reported even if nothing else is answered.
        let is_loss = matches!(
            refusal,
            Refusal::RateLimited | Refusal::NotKept | Refusal::Unknown | Refusal::Unavailable
        );
        if about.is_quiet && !is_loss {
            return;
        }
        if refusal == Refusal::RateLimited && about.verb == "SETNAME" {
            return self.server_lines(view).fail(
                about.verb,
                "CANNOT_CHANGE_REALNAME",
                &[],
                refusal.text(),
                out,
            );
        }
        let (channel, nick) = (&*about.channel, &*about.nick);
        let full = about.full_list(view);
        if let Some(code) = failure_of_store(refusal, about.verb) {
            let lines = self.server_lines(view);
            return lines.fail(about.verb, code, &[channel], refusal.text(), out);
        }
        let closed = mode_table::letter_behind(refusal);
        let closed = closed.map(|letter| format!("Cannot join channel (+{letter})"));
        let closed = closed.unwrap_or_default();
        let (numeric, params, text): (_, &[&str], _) = match refusal {
            Refusal::NameTaken => (ERR_NICKNAMEINUSE, &[nick], "Nickname is already in use"),
            Refusal::BadName => (ERR_ERRONEUSNICKNAME, &[nick], "Erroneous nickname"),
            Refusal::BadRoom | Refusal::NoRoom | Refusal::RelayRoomsFull => {
                (ERR_NOSUCHCHANNEL, &[channel], refusal.text())
            }
            Refusal::NotMember => (ERR_NOTONCHANNEL, &[channel], "You're not on that channel"),
            Refusal::TooManyRooms => {
                (ERR_TOOMANYCHANNELS, &[channel], "You have joined too many channels")
            }
            Refusal::MessageTooLong => (ERR_INPUTTOOLONG, &[], "Input line was too long"),
            Refusal::RateLimited => {
                (RPL_TRYAGAIN, &[about.verb], "Please wait a while and try again")
            }
            Refusal::NotOperator => {
                (ERR_CHANOPRIVSNEEDED, &[channel], "You're not channel operator")
            }
            Refusal::CannotSay if visible::is_hidden(view, channel) => {
                (ERR_NOSUCHCHANNEL, &[channel], "No such channel")
            }
            Refusal::CannotSay => (ERR_CANNOTSENDTOCHAN, &[channel], "Cannot send to channel"),
            Refusal::InviteOnly => (ERR_INVITEONLYCHAN, &[channel], &closed),
            Refusal::Banned => (ERR_BANNEDFROMCHAN, &[channel], &closed),
            Refusal::BadKey => (ERR_BADCHANNELKEY, &[channel], &closed),
            Refusal::RoomFull => (ERR_CHANNELISFULL, &[channel], &closed),
            Refusal::NoSuchPerson => (ERR_NOSUCHNICK, &[nick], "No such nick"),
            Refusal::ListFull => (ERR_BANLISTFULL, &[channel, &full], "Channel list is full"),
            Refusal::CannotHear | Refusal::NotReading => {
                (ERR_CANNOTSENDTOUSER, &[nick], refusal.text())
            }
            Refusal::Expelled
            | Refusal::Draining
            | Refusal::NotKept
            | Refusal::Unknown
            | Refusal::Unavailable => return,
        };
        // Before registration, the client may try another name.
        if !self.greeted && refusal == Refusal::NameTaken {
            self.nick = "".into();
        }
        self.server_lines(view).numeric(numeric, params, text, out);
    }
}

/// Returns the code of FAIL for a refusal that the store caused.
fn failure_of_store(refusal: Refusal, verb: &str) -> Option<&'static str> {
    match refusal {
        Refusal::NotKept => Some("NOT_KEPT"),
        Refusal::Unknown => Some("OUTCOME_UNKNOWN"),
        Refusal::Unavailable if verb == "CHATHISTORY" => Some("MESSAGE_ERROR"),
        Refusal::Unavailable => Some("TEMPORARILY_UNAVAILABLE"),
        _ => None,
    }
}

impl PendingRequest {
    /// Returns the letter of a full list, out of the lists that the request adds entries to.
    fn full_list(&self, view: &View<'_>) -> String {
        let room = room_of(&self.channel).and_then(|room| view.hub.find(room));
        let Some(room) = room.and_then(|id| view.hub.room(id)) else { return String::new() };
        let is_full = |list: &&List| room.rights.list(**list).len() >= LIST_MAX;
        let asked =
            |letter: &char| self.words.as_ref().is_some_and(|asked| asked.contains(*letter));
        let full = List::ALL.iter().filter(is_full).map(|list| letter_of_list(*list)).find(asked);
        // If no list is full any more, an entry was removed in the meantime. The first list stands
        // for it.
        let full = full.or_else(|| self.words.as_ref()?.chars().next());
        full.map(String::from).unwrap_or_default()
    }
}
