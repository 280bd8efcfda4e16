//! What a client and the relay have agreed on (IRCv3 capability negotiation).

/// Declares the capabilities: name on the wire, bit.
macro_rules! caps {
    ($($(#[$doc:meta])* $cap:ident = $bit:literal, $name:literal;)*) => {
        /// One capability.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Cap {
            $($(#[$doc])* $cap = $bit,)*
        }

        impl Cap {
            /// Every capability, in the order in which they are listed.
            pub const ALL: &[Self] = &[$(Self::$cap),*];

            /// Its name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$cap => $name,)* }
            }
        }
    };
}

caps! {
    /// AWAY of those who share a room.
    AwayNotify = 0, "away-notify";
    /// Lines that belong together.
    Batch = 1, "batch";
    /// News of capabilities. Nothing changes while the relay runs.
    CapNotify = 2, "cap-notify";
    /// News of hosts. None change; the place is kept for accounts.
    Chghost = 3, "chghost";
    /// What was said in a room, page by page.
    ChatHistory = 4, "draft/chathistory";
    /// One's own messages.
    EchoMessage = 5, "echo-message";
    /// Account and full name with every JOIN.
    ExtendedJoin = 6, "extended-join";
    /// AWAY and SETNAME of those who are monitored.
    ExtendedMonitor = 7, "extended-monitor";
    /// Invitations into rooms one is in.
    InviteNotify = 8, "invite-notify";
    /// Answers that name their question.
    LabeledResponse = 9, "labeled-response";
    /// Tags of other clients, ids of messages.
    MessageTags = 10, "message-tags";
    /// Every prefix of a member.
    MultiPrefix = 11, "multi-prefix";
    /// When it was said.
    ServerTime = 12, "server-time";
    /// Full names that change.
    Setname = 13, "setname";
    /// FAIL, WARN and NOTE.
    StandardReplies = 14, "standard-replies";
    /// Hosts in NAMES.
    UserhostInNames = 15, "userhost-in-names";
}

impl Cap {
    /// The capability of that name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cap| cap.name() == name)
    }
}

/// What was agreed on.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    bits: u16,
    /// The client reads values and long lists (CAP LS 302).
    pub is_302: bool,
}

impl Caps {
    /// Whether it was agreed on.
    pub fn has(self, cap: Cap) -> bool {
        self.bits & 1 << cap as u16 != 0
    }

    /// Agrees on it, or no longer.
    pub fn set(&mut self, cap: Cap, on: bool) {
        if on {
            self.bits |= 1 << cap as u16;
        } else {
            self.bits &= !(1 << cap as u16);
        }
    }

    /// All that were agreed on.
    pub fn iter(self) -> impl Iterator<Item = Cap> {
        Cap::ALL.iter().copied().filter(move |cap| self.has(*cap))
    }

    /// Returns those that change a line that a whole room receives.
    pub fn style(self, is_binary: bool) -> Style {
        Style { bits: self.bits & Style::BITS, is_binary }
    }
}

/// The capabilities that change a line that a whole room hears: who agrees on the same ones reads the
/// same tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    bits: u16,
    /// True if lines are binary messages, where they are messages of a WebSocket.
    pub is_binary: bool,
}

impl Style {
    const BITS: u16 = 1 << Cap::AwayNotify as u16
        | 1 << Cap::ExtendedJoin as u16
        | 1 << Cap::InviteNotify as u16
        | 1 << Cap::MessageTags as u16
        | 1 << Cap::ServerTime as u16
        | 1 << Cap::Setname as u16;

    /// Whether the capability is among them.
    pub fn has(self, cap: Cap) -> bool {
        self.bits & 1 << cap as u16 != 0
    }
}
