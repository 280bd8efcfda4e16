//! What is said: the message as every floor knows it.

use crate::id::Offset;
use core::net::IpAddr;
use std::fmt;
use std::rc::Rc;

/// One thing somebody said in a room.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room.
    pub offset: Offset,
    /// When the relay received it, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The name it was said under.
    pub sender: Rc<str>,
    /// How the sender was seen beside the name.
    pub seen: Seen,
    /// What was said.
    pub payload: Payload,
}

/// How a person is seen beside their name, where a protocol shows it.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// A number that stands for the network they come from, and does not tell it.
    pub cloak: u32,
    /// What they said about themselves, if their protocol has words for it.
    pub face: Option<Rc<Face>>,
}

impl Seen {
    /// Their name on their own machine; one for everybody whose protocol has no word for it.
    pub fn user(&self) -> &str {
        self.face.as_ref().map_or("hobnob", |face| &*face.user)
    }

    /// What stands for their address.
    pub fn host(&self) -> Host {
        self.address().map_or(Host::Cloak(self.cloak), Host::Address)
    }

    /// Their address, if it is shown.
    pub fn address(&self) -> Option<IpAddr> {
        self.face.as_ref().and_then(|face| face.address)
    }

    /// What they are called in full, if they say.
    pub fn real_name(&self) -> Option<&str> {
        self.face.as_ref().map(|face| &*face.real_name)
    }

    /// Whether they say that they are a program.
    pub fn is_bot(&self) -> bool {
        self.face.as_ref().is_some_and(|face| face.is_bot)
    }
}

/// Where somebody comes from, as everybody is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name that tells networks apart and does not tell them.
    Cloak(u32),
    /// The address itself.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloak(number) => write!(f, "{number:08x}.cloaked"),
            // A word that begins with a colon would be the last of its line.
            Self::Address(ip) => match ip.to_string() {
                text if text.starts_with(':') => write!(f, "0{text}"),
                text => f.write_str(&text),
            },
        }
    }
}

/// What a person says about themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Face {
    /// Their name on their own machine, or so they say.
    pub user: Rc<str>,
    /// What they are called in full.
    pub real_name: Rc<str>,
    /// They say that they are a program.
    pub is_bot: bool,
    /// Where they come from, if the relay shows that: not what they say.
    pub address: Option<IpAddr>,
}

/// Any bytes, and what is known of them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The bytes as they came.
    pub bytes: Box<[u8]>,
    /// What their sender's protocol says of them.
    pub form: Form,
    /// What came with it.
    pub manner: Manner,
}

/// What a sender's protocol says of a payload. Only a protocol that tells these apart heeds it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A message, of whatever kind.
    #[default]
    Unsaid,
    /// A message that is text: UTF-8.
    Text,
    /// A message that is not text, whatever its bytes look like.
    Binary,
    /// Cut from a stream wherever a read ended, as plain sockets send. Such bytes are passed on to
    /// plain sockets untouched; a message with edges of its own ends its line there.
    Chunk,
}

/// How something was said, for the protocols that tell.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// Said so that no program answers it (IRC: NOTICE).
    pub is_notice: bool,
    /// Notes of the sender's client to other clients, as IRC writes them: `+typing=active;+x`.
    pub tags: Option<Rc<str>>,
}

impl Message {
    /// What a message costs beside its payload, for counting memory honestly.
    pub const OVERHEAD: usize = 160;

    /// Bytes of memory this message is counted as.
    pub fn weight(&self) -> usize {
        let tags = self.payload.manner.tags.as_ref().map_or(0, |tags| tags.len());
        self.payload.bytes.len() + tags + Self::OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_are_words() {
        for (ip, host) in [
            ("192.0.2.1", "192.0.2.1"),
            ("2001:db8::1", "2001:db8::1"),
            ("::1", "0::1"),
            ("0:0:5::1", "0:0:5::1"),
        ] {
            assert_eq!(Host::Address(ip.parse().unwrap()).to_string(), host);
        }
        assert_eq!(Host::Cloak(0x2a).to_string(), "0000002a.cloaked");
    }
}
