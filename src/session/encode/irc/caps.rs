//! The capabilities that a client and the relay have negotiated (IRCv3 capability negotiation).

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

            /// Returns the capability's name on the wire.
            pub fn name(self) -> &'static str {
                match self { $(Self::$cap => $name,)* }
            }
        }
    };
}

caps! {
    /// AWAY of people in shared rooms.
    AwayNotify = 0, "away-notify";
    /// Groups of related lines.
    Batch = 1, "batch";
    /// Changes of capabilities. None change while the relay runs.
    CapNotify = 2, "cap-notify";
    /// Changes of hosts. None change; the capability is reserved for accounts.
    Chghost = 3, "chghost";
    /// The history of a room, page by page.
    ChatHistory = 4, "draft/chathistory";
    /// The client's own messages.
    EchoMessage = 5, "echo-message";
    /// Account and full name with every JOIN.
    ExtendedJoin = 6, "extended-join";
    /// AWAY and SETNAME of monitored people.
    ExtendedMonitor = 7, "extended-monitor";
    /// Invitations to rooms that the client is in.
    InviteNotify = 8, "invite-notify";
    /// Answers that carry the label of their line.
    LabeledResponse = 9, "labeled-response";
    /// Tags of other clients, and message ids.
    MessageTags = 10, "message-tags";
    /// All prefixes of a member.
    MultiPrefix = 11, "multi-prefix";
    /// The time of each line.
    ServerTime = 12, "server-time";
    /// Changes of full names.
    Setname = 13, "setname";
    /// FAIL, WARN and NOTE.
    StandardReplies = 14, "standard-replies";
    /// Hosts in NAMES.
    UserhostInNames = 15, "userhost-in-names";
}

impl Cap {
    /// Returns the capability of this name.
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.iter().copied().find(|cap| cap.name() == name)
    }
}

/// The capabilities that a client has negotiated.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Caps {
    bits: u16,
    /// True if the client reads values and long lists (CAP LS 302).
    pub is_302: bool,
}

impl Caps {
    /// True if the capability was negotiated.
    pub fn has(self, cap: Cap) -> bool {
        self.bits & 1 << cap as u16 != 0
    }

    /// Enables or disables a capability.
    pub fn set(&mut self, cap: Cap, on: bool) {
        if on {
            self.bits |= 1 << cap as u16;
        } else {
            self.bits &= !(1 << cap as u16);
        }
    }

    /// Returns all negotiated capabilities.
    pub fn iter(self) -> impl Iterator<Item = Cap> {
        Cap::ALL.iter().copied().filter(move |cap| self.has(*cap))
    }

    /// Returns the capabilities that change the lines of a whole room.
    pub fn style(self, is_binary: bool) -> Style {
        Style { bits: self.bits & Style::BITS, is_binary }
    }
}

/// The capabilities that change the lines of a whole room. All clients with the same ones read the
/// same tape.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Style {
    bits: u16,
    /// True if lines are binary WebSocket messages. Without effect on other carriers.
    pub is_binary: bool,
}

impl Style {
    const BITS: u16 = 1 << Cap::AwayNotify as u16
        | 1 << Cap::ExtendedJoin as u16
        | 1 << Cap::InviteNotify as u16
        | 1 << Cap::MessageTags as u16
        | 1 << Cap::ServerTime as u16
        | 1 << Cap::Setname as u16;

    /// True if the style includes the capability.
    pub fn has(self, cap: Cap) -> bool {
        self.bits & 1 << cap as u16 != 0
    }
}
