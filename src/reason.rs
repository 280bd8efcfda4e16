//! Reasons of refusals and closes. The lists are closed: every outcome that a peer can meet has a
//! number, a word and a sentence, and every close is counted under its reason.

use std::fmt;

/// Declares one of the closed lists below: variant, number on the wire, word, sentence.
macro_rules! reasons {
    ($(#[$doc:meta])* $name:ident { $($variant:ident = $code:literal, $word:literal, $text:literal;)* }) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
        #[repr(u16)]
        pub enum $name {
            $(#[doc = $text] $variant = $code,)*
        }

        impl $name {
            /// All members of the list, in the order of their numbers.
            pub const ALL: &[Self] = &[$(Self::$variant),*];

            /// Returns the number on the wire.
            pub fn code(self) -> u16 {
                self as u16
            }

            /// Returns one word, for logs and counters.
            pub fn word(self) -> &'static str {
                match self { $(Self::$variant => $word,)* }
            }

            /// Returns one sentence for a person.
            pub fn text(self) -> &'static str {
                match self { $(Self::$variant => $text,)* }
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(self.word())
            }
        }
    };
}

reasons! {
    /// The reason why a request was not carried out. The connection stays open.
    Refusal {
        NameTaken = 100, "name_taken", "somebody here has that name already";
        BadName = 101, "bad_name", "names are 1 to 64 bytes of UTF-8 without spaces, commas, control or invisible characters";
        BadRoom = 102, "bad_room", "room names are 1 to 128 bytes of UTF-8 without spaces, commas, control or invisible characters, and not . or ..";
        NotMember = 103, "not_member", "you are not in that room: join it first";
        TooManyRooms = 104, "too_many_rooms", "you are in as many rooms as one peer may be: leave one first";
        RelayRoomsFull = 105, "relay_rooms_full", "this relay holds as many rooms as it may";
        MessageTooLong = 106, "message_too_long", "the message is longer than the relay's limit";
        RateLimited = 107, "rate_limited", "too many messages: wait a moment and send it again";
        Draining = 108, "draining", "the relay is shutting down: reconnect in a moment and resume";
        NoRoom = 109, "no_room", "there is no room of that name";
        NotOperator = 110, "not_operator", "only operators of the room may do that";
        CannotSay = 111, "cannot_say", "the room does not let you speak: it is moderated, or you are banned from it";
        InviteOnly = 112, "invite_only", "one enters that room by invitation only";
        Banned = 113, "banned", "you are banned from that room";
        BadKey = 114, "bad_key", "that room has a key, and that was not it";
        RoomFull = 115, "room_full", "that room holds as many members as its operators allow";
        NoSuchPerson = 116, "no_such_person", "nobody of that name is here";
        ListFull = 117, "list_full", "the room's list holds as many entries as it may";
        Expelled = 118, "expelled", "an operator of the room put you out of it";
        CannotHear = 119, "cannot_hear", "that person's client takes no private messages";
        NotReading = 120, "not_reading", "that person has not read what they were told before: try again in a moment";
        NotKept = 121, "not_kept", "the message could not be kept, so nobody received it: send it again in a moment";
        Unknown = 122, "unknown", "it is not known yet whether the message is kept: send it again with the same id to find out";
        Unavailable = 123, "unavailable", "what is kept of that room cannot be read at the moment: try again in a moment";
    }
}

reasons! {
    /// The reason why a connection was closed. The peer receives it in its own protocol if that can
    /// express it.
    CloseReason {
        PeerClosed = 200, "peer_closed", "the peer ended the connection";
        Lost = 201, "lost", "the connection broke";
        HandshakeTimeout = 202, "handshake_timeout", "no hello arrived in time";
        PingTimeout = 203, "ping_timeout", "nothing was heard, not even the answer to a ping";
        SlowConsumer = 204, "slow_consumer", "the peer did not read what it was sent, for too long or too much of it";
        OutboxFull = 205, "outbox_full", "the peer asked for more replies than it was willing to read";
        Replaced = 206, "replaced", "the same person connected again";
        Shutdown = 207, "shutdown", "the relay is shutting down";
        Stopped = 208, "stopped", "the operator closed the connection";
        RelayFull = 209, "relay_full", "the relay holds as many connections as it may";
        AddressFull = 210, "address_full", "too many connections from that address";
        Refused = 211, "refused", "what was asked was refused, and a plain socket cannot be told so";
        Idle = 212, "idle", "nothing more was asked for";
        Expelled = 213, "put_out", "an operator put this peer out of its only room";
        BadPassword = 214, "bad_password", "the password is missing or wrong";
        BadFrame = 300, "bad_frame", "the bytes are not a frame of this protocol";
        FrameTooLong = 301, "frame_too_long", "a frame or line declares or reaches more than the limit";
        UnknownKind = 302, "unknown_kind", "no verb has that kind";
        BadState = 303, "bad_state", "that verb does not fit here: hello comes first, and once";
        BadVersion = 304, "bad_version", "this relay speaks version 1";
        WrongProtocol = 305, "wrong_protocol", "that is TLS or HTTP, and this listener speaks neither";
        BadRequest = 306, "bad_request", "the bytes are not an HTTP request that can be answered";
        BadText = 307, "bad_text", "a text message is not UTF-8";
        WrongSpelling = 308, "wrong_spelling", "a connection speaks binary or JSON, as it began, and not the other";
        WrongHost = 309, "wrong_host", "this listener is not asked for under that name";
        Internal = 500, "internal", "a fault in the relay itself";
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::collections::HashSet;

    #[test]
    fn every_code_and_word_is_one_of_a_kind() {
        let codes: Vec<u16> = Refusal::ALL
            .iter()
            .map(|r| r.code())
            .chain(CloseReason::ALL.iter().map(|r| r.code()))
            .collect();
        assert_eq!(codes.iter().collect::<HashSet<_>>().len(), codes.len());
        let words: HashSet<&str> = Refusal::ALL
            .iter()
            .map(|r| r.word())
            .chain(CloseReason::ALL.iter().map(|r| r.word()))
            .collect();
        assert_eq!(words.len(), codes.len());
    }
}
