//! The limits of peers, rooms and turns. None is unlimited.

use std::time::Duration;

/// The limits in force. `hobnob serve` starts with [`Limits::default`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Limits {
    /// Connections at once. `None`: the descriptor limit less [`RESERVED_DESCRIPTORS`].
    pub connections: Option<usize>,
    /// Connections accepted from one listener in one turn, so that a storm does not starve peers.
    pub accepts_per_turn: usize,
    /// Commands carried out for one peer in one turn; the others wait for the next turn.
    pub commands_per_turn: usize,
    /// Writes made in one turn before the loop polls its sockets again.
    pub flush_writes: usize,
    /// Bytes written in one turn before the loop polls its sockets again.
    pub flush_bytes: usize,
    /// Time from connecting to a valid login. Absolute: a byte now and then does not extend it.
    pub handshake: Duration,
    /// Longest frame or line read from a peer before login, in bytes.
    pub before_hello: usize,
    /// Longest payload of one message, in bytes.
    pub message: usize,
    /// Bytes that one tape may hold for slow members before the slowest are overrun.
    pub backlog: usize,
    /// Bytes that all tapes together may hold. Above it, the tape that holds most drops its oldest
    /// bytes.
    pub backlog_total: usize,
    /// Bytes of private replies waiting for one peer.
    pub outbox: usize,
    /// SO_SNDBUF of every accepted socket, in bytes. Without it the kernel buffers megabytes per
    /// stalled peer.
    pub send_buffer: usize,
    /// Rooms one peer may be in.
    pub rooms_per_peer: usize,
    /// Rooms that may exist at once.
    pub rooms: usize,
    /// Messages that a room keeps for peers that resume.
    pub history_messages: usize,
    /// Bytes of payload that a room keeps for peers that resume.
    pub history_bytes: usize,
    /// Time for which a room keeps a message.
    pub history_age: Duration,
    /// Bytes of payload that all rooms together keep.
    pub history_total: usize,
    /// Ids of messages that a room remembers, so that each message is published once.
    pub said_once_messages: usize,
    /// Time for which a room remembers the id of a message.
    pub said_once_age: Duration,
    /// Bytes of memory that the ids of all rooms together take. Above it, a room remembers fewer
    /// ids when a message is published to it, down to [`SAID_ONCE_LEAST`].
    pub said_once_total: usize,
    /// Time for which a peer waits for the outcome of its message. Then it receives the answer that
    /// the outcome is unknown; the message stays pending. The same limit applies to a peer that
    /// waits for a store to be read.
    pub commit_patience: Duration,
    /// Connections at once from one address (IPv4 /32, IPv6 /64).
    pub per_address: usize,
    /// New connections a minute from one address.
    pub per_address_minute: usize,
    /// True if the limits per address and the message rate apply to loopback peers.
    pub limit_loopback: bool,
    /// Messages that a peer may send at once before the rate applies. Joins and queries have a
    /// larger allowance: see [`ASKING_BURSTS`].
    pub rate_burst: u32,
    /// Time after which one more message is allowed. Zero switches the rate off.
    pub rate_every: Duration,
    /// Rooms with more members than this announce counts instead of names.
    pub presence_members: usize,
    /// Silence after which a peer is pinged, plus or minus a fifth, so that pings spread out.
    pub ping_after: Duration,
    /// Time to answer a ping.
    pub ping_grace: Duration,
    /// Time over which a drain spreads the closes of peers evenly.
    pub drain_grace: Duration,
    /// Time after which a drain no longer waits for any peer.
    pub drain_hard: Duration,
}

/// Ids that every room remembers for [`Limits::said_once_age`], however many other rooms remember.
/// Messages in other rooms must not cause a message here to be published twice.
pub const SAID_ONCE_LEAST: usize = 16;

/// Most memory that [`SAID_ONCE_LEAST`] ids take, in bytes.
pub const SAID_ONCE_ROOM: usize = 4 << 10;

/// Descriptors not used for connections: listeners, the poll, the log, and slack.
pub const RESERVED_DESCRIPTORS: usize = 96;

/// The largest `message` limit: a frame's length must still fit the protocol comfortably.
pub const MESSAGE_MAX: usize = 16 << 20;

/// Longest name of a room, in bytes.
pub const ROOM_NAME_MAX: usize = 128;

/// Longest name of a person, in bytes.
pub const PERSON_NAME_MAX: usize = 64;

/// Bytes read from one socket at once, and so also per peer and turn.
pub const READ_MAX: usize = 64 << 10;

/// Bytes of replies pending for a peer before login, above which the relay stops reading from it.
const OUTBOX_BEFORE_HELLO: usize = 4 << 10;

/// Bytes of history that are prepared for a peer at a time. More follow once the peer has read
/// these.
pub const REPLAY_PAGE: usize = 64 << 10;

/// The cost of a message, or of entering a room, in a peer's rate. Queries are charged by the bytes
/// of their answers: a message may be as long as a page, and is written to all members instead of
/// one.
pub const MESSAGE_COST: usize = REPLAY_PAGE;

/// The cost of a query beside the bytes of its answer, because finding the answer is work, too.
/// Sixteen short queries count as a message: by default eighty a second, which is more than clients
/// send.
pub const QUESTION_COST: usize = MESSAGE_COST / 16;

/// The number of bursts that a peer's queries and joins may use up. The peer may publish again once
/// no more than one burst is used up. A client that connects enters its rooms with one line, and
/// then queries each room's members, modes, bans and history. Twenty rooms come to 20 joins and 80
/// queries, which is 25 messages and the bytes of the answers; most clients never repeat a query
/// that is refused here.
pub const ASKING_BURSTS: u32 = 4;

/// Memory that checking one password may take, in KiB: more than five times the recommended amount.
/// The relay never runs more than one check at a time.
pub const PASSWORD_MEMORY_MAX: u32 = 256 << 10;

/// Memory times passes that checking one password may take, in KiB: about half a second, during
/// which all other peers that log in with a password wait.
pub const PASSWORD_WORK_MAX: u32 = 1 << 20;

/// The longest time that any limit may have: far beyond use, and far from overflowing.
const LONGEST: Duration = Duration::from_secs(30 * 24 * 3600);

/// Factor by which a client of IRC may take longer to answer a ping: a minute by default. Many
/// clients do one thing at a time, and IRC servers have always allowed for it.
pub const IRC_PATIENCE: u32 = 6;

/// Time for which a closed peer may take to read the reason of the close.
pub const LINGER: Duration = Duration::from_secs(2);

impl Default for Limits {
    fn default() -> Self {
        Self {
            connections: None,
            accepts_per_turn: 64,
            commands_per_turn: 64,
            // About 2 ms of system calls on the machines this was measured on: the longest that a
            // small room waits for its turn while a big one is being flushed.
            flush_writes: 512,
            flush_bytes: 4 << 20,
            handshake: Duration::from_secs(10),
            before_hello: 8 << 10,
            message: 64 << 10,
            backlog: 4 << 20,
            backlog_total: 256 << 20,
            outbox: 256 << 10,
            send_buffer: 128 << 10,
            rooms_per_peer: 128,
            rooms: 1 << 20,
            history_messages: 1_000,
            history_bytes: 1 << 20,
            history_age: Duration::from_secs(300),
            history_total: 256 << 20,
            said_once_messages: 1_000,
            said_once_age: Duration::from_secs(300),
            said_once_total: 64 << 20,
            commit_patience: Duration::from_secs(10),
            per_address: 64,
            per_address_minute: 64,
            limit_loopback: false,
            rate_burst: 10,
            rate_every: Duration::from_millis(200),
            presence_members: 500,
            ping_after: Duration::from_secs(25),
            ping_grace: Duration::from_secs(10),
            drain_grace: Duration::from_secs(5),
            // Container runtimes kill after ten seconds; the peer that is closed last has two
            // seconds to read the reason.
            drain_hard: Duration::from_secs(8),
        }
    }
}

impl Limits {
    /// Checks each number and the relations between them.
    ///
    /// # Errors
    /// A sentence that names the wrong limit and the values allowed.
    pub fn check(&self) -> Result<(), String> {
        let at_least_one = [
            ("connections", self.connections.unwrap_or(1)),
            ("accepts-per-turn", self.accepts_per_turn),
            ("commands-per-turn", self.commands_per_turn),
            ("flush-writes", self.flush_writes),
            ("flush-bytes", self.flush_bytes),
            ("max-message", self.message),
            ("send-buffer", self.send_buffer),
            ("rooms-per-peer", self.rooms_per_peer),
            ("max-rooms", self.rooms),
            ("per-address", self.per_address),
            ("per-address-minute", self.per_address_minute),
            ("rate-burst", self.rate_burst as usize),
            ("handshake", self.handshake.as_millis() as usize),
            ("ping-after", self.ping_after.as_millis() as usize),
            ("ping-grace", self.ping_grace.as_millis() as usize),
        ];
        if let Some((name, _)) = at_least_one.iter().find(|(_, value)| *value == 0) {
            return Err(format!("{name} must be at least 1"));
        }
        if self.message > MESSAGE_MAX {
            return Err(format!(
                "max-message is {}, but may be at most {MESSAGE_MAX}",
                self.message
            ));
        }
        if self.backlog / 4 < self.message {
            return Err(format!(
                "backlog is {}, but must hold at least four of the largest message ({}): raise backlog or lower max-message",
                self.backlog, self.message
            ));
        }
        if self.backlog_total < self.backlog {
            return Err(format!(
                "backlog-total is {}, but must hold at least one backlog ({})",
                self.backlog_total, self.backlog
            ));
        }
        let longest = [
            ("handshake", self.handshake),
            ("history-age", self.history_age),
            ("said-once-age", self.said_once_age),
            ("commit-patience", self.commit_patience),
            ("rate-every", self.rate_every),
            ("ping-after", self.ping_after),
            ("ping-grace", self.ping_grace),
            ("drain-grace", self.drain_grace),
            ("drain-hard", self.drain_hard),
        ];
        if let Some((name, _)) = longest.iter().find(|(_, time)| *time > LONGEST) {
            return Err(format!("{name} may be at most {} hours", LONGEST.as_secs() / 3600));
        }
        if self.backlog < 64 << 10 {
            return Err("backlog must be at least 65536".to_owned());
        }
        if self.before_hello < 256 || self.before_hello > READ_MAX {
            return Err(format!("before-hello must be between 256 and {READ_MAX}"));
        }
        if self.outbox < 16 << 10 {
            return Err("outbox must be at least 16384".to_owned());
        }
        let names = self.presence_members.saturating_mul(PERSON_NAME_MAX + 1);
        if names > self.outbox_soft() {
            return Err(format!(
                "presence-members is {}, but all their names must fit half an outbox ({}): raise outbox or lower it",
                self.presence_members, self.outbox
            ));
        }
        if self.rooms > crate::id::RoomId::MAX_ROOMS {
            return Err(format!("max-rooms may be at most {}", crate::id::RoomId::MAX_ROOMS));
        }
        Ok(())
    }

    /// Adopts each limit of `wanted` that may change at run time, because nothing was built on it.
    /// Returns the names of the limits that changed, and of those that need a restart.
    pub fn adopt(&mut self, wanted: &Self) -> (Vec<&'static str>, Vec<&'static str>) {
        let (mut applied, mut waiting) = (Vec::new(), Vec::new());
        macro_rules! adopt {
            ({$($now:ident $now_key:literal,)*} {$($later:ident $later_key:literal,)*}) => {
                // All of them, or this does not compile.
                let Self { $($now,)* $($later: _,)* } = self;
                $(if *$now != wanted.$now {
                    *$now = wanted.$now;
                    applied.push($now_key);
                })*
                $(if self.$later != wanted.$later {
                    waiting.push($later_key);
                })*
            };
        }
        adopt! {
            {
                handshake "handshake",
                commit_patience "commit-patience",
                per_address "per-address",
                per_address_minute "per-address-minute",
                limit_loopback "limit-loopback",
                rate_burst "rate-burst",
                rate_every "rate-every",
                ping_after "ping-after",
                ping_grace "ping-grace",
                drain_grace "drain-grace",
                drain_hard "drain-hard",
            }
            {
                connections "connections",
                accepts_per_turn "accepts-per-turn",
                commands_per_turn "commands-per-turn",
                flush_writes "flush-writes",
                flush_bytes "flush-bytes",
                before_hello "before-hello",
                message "max-message",
                backlog "backlog",
                backlog_total "backlog-total",
                outbox "outbox",
                send_buffer "send-buffer",
                rooms_per_peer "rooms-per-peer",
                rooms "max-rooms",
                history_messages "history-messages",
                history_bytes "history-bytes",
                history_age "history-age",
                history_total "history-total",
                said_once_messages "said-once-messages",
                said_once_age "said-once-age",
                said_once_total "said-once-total",
                presence_members "presence-members",
            }
        }
        (applied, waiting)
    }

    /// Returns the full query allowance of a peer before the rate applies, in units of
    /// [`MESSAGE_COST`].
    pub fn allowance(&self) -> usize {
        let messages = u64::from(self.rate_burst) * u64::from(ASKING_BURSTS);
        usize::try_from(messages).unwrap_or(usize::MAX).saturating_mul(MESSAGE_COST)
    }

    /// Returns the most bytes that the messages of one answer to `history` may weigh together,
    /// unless the answer has only one message. It is at most the longest message, so that an answer
    /// is no longer than a client must be ready to read anyway.
    pub fn history_page(&self) -> usize {
        REPLAY_PAGE.min(self.message)
    }

    /// Returns the bytes of private replies above which the relay stops reading a peer's requests.
    /// Replies already pending still fit between this limit and `outbox`.
    pub fn outbox_soft(&self) -> usize {
        self.outbox / 2
    }

    /// Returns the same limit for a peer that may not have logged in yet: error replies are output,
    /// too.
    pub fn outbox_soft_for(&self, is_greeted: bool) -> usize {
        if is_greeted { self.outbox_soft() } else { OUTBOX_BEFORE_HELLO }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_defaults_hold() {
        Limits::default().check().unwrap();
    }

    #[test]
    fn relations_between_numbers_are_checked() {
        let refused = |change: fn(&mut Limits)| {
            let mut limits = Limits::default();
            change(&mut limits);
            limits.check().unwrap_err()
        };
        assert!(refused(|l| l.message = MESSAGE_MAX + 1).contains("max-message"));
        assert!(refused(|l| l.backlog = 4 * l.message - 1).contains("backlog"));
        assert!(refused(|l| l.rooms_per_peer = 0).contains("rooms-per-peer"));
        assert!(refused(|l| l.before_hello = 1).contains("before-hello"));
        let defaults = Limits::default();
        Limits { backlog: 4 * defaults.message, ..defaults }.check().unwrap();
    }
}
