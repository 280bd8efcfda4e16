//! Messages and their senders, as every floor knows them.

use crate::hex::Hex;
use crate::id::Offset;
use core::net::IpAddr;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// One message of a room, or to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// Its place in the room.
    pub offset: Offset,
    /// When the relay received it, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The sender.
    pub sender: Identity,
    /// The content.
    pub payload: Payload,
}

/// A person, as others see them: what a message carries of its sender.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name; empty before login.
    pub name: Rc<str>,
    /// A number that stands for the network they come from, and does not tell it.
    pub cloak: u64,
    /// What they say about themselves, if their protocol has words for it.
    pub profile: Option<Rc<Profile>>,
}

impl Identity {
    /// An identity without a cloak and a profile: that of the program around the relay.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), cloak: 0, profile: None }
    }

    /// Their name on their own machine; one for everybody whose protocol has no word for it.
    pub fn user(&self) -> &str {
        self.profile.as_ref().map_or("hobnob", |profile| &*profile.user)
    }

    /// What stands for their address.
    pub fn host(&self) -> Host {
        self.address().map_or(Host::Cloak(self.cloak), Host::Address)
    }

    /// Their address, if it is shown.
    pub fn address(&self) -> Option<IpAddr> {
        self.profile.as_ref().and_then(|profile| profile.address)
    }

    /// Their full name; the name, if their protocol has no word for it.
    pub fn real_name(&self) -> &str {
        self.profile.as_ref().map_or(&*self.name, |profile| &*profile.real_name)
    }

    /// True if they say that they are a program.
    pub fn is_bot(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.is_bot)
    }
}

impl fmt::Display for Identity {
    /// The name alone.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The place that a person comes from, as everybody is shown it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A name that tells networks apart and does not tell them.
    Cloak(u64),
    /// The address itself.
    Address(IpAddr),
}

impl fmt::Display for Host {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Cloak(number) => write!(f, "{}.cloaked", Hex(*number)),
            // In protocols of lines, a word that begins with a colon is the last of its line.
            Self::Address(ip) => match ip.to_string() {
                text if text.starts_with(':') => write!(f, "0{text}"),
                text => f.write_str(&text),
            },
        }
    }
}

/// A profile: what a person says about themselves.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// Their name on their own machine, or so they say.
    pub user: Rc<str>,
    /// Their full name.
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
    /// Sent so that no program answers it.
    pub is_notice: bool,
    /// Notes of the sender's client to other clients.
    pub attributes: Attributes,
}

/// Key/value pairs that one client sends to others, with the relay as a mere carrier: in one allocation,
/// and in none if there are none.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `key` or `key=value`, each but the last followed by a NUL.
    pairs: Option<Rc<str>>,
}

impl Attributes {
    /// The pairs in the order given. A key has no `=`, and NULs are left out.
    pub fn new<'a>(pairs: impl IntoIterator<Item = (&'a str, Option<Cow<'a, str>>)>) -> Self {
        let mut text = String::new();
        for (key, value) in pairs {
            if !text.is_empty() {
                text.push('\0');
            }
            text.extend(key.chars().filter(|c| !matches!(c, '\0' | '=')));
            if let Some(value) = value {
                text.push('=');
                text.extend(value.chars().filter(|c| *c != '\0'));
            }
        }
        Self { pairs: (!text.is_empty()).then(|| text.into()) }
    }

    /// Each key, and its value if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let pairs = self.pairs.iter().flat_map(|pairs| pairs.split('\0'));
        pairs.map(|pair| {
            pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)))
        })
    }

    /// The bytes of all keys and values, about as long as a protocol writes them.
    pub fn as_bytes(&self) -> &[u8] {
        self.pairs.as_ref().map_or(&[], |pairs| pairs.as_bytes())
    }
}

impl Message {
    /// What a message costs beside its payload, for counting memory honestly.
    pub const OVERHEAD: usize = 160;

    /// Bytes of memory this message is counted as.
    pub fn weight(&self) -> usize {
        let attributes = self.payload.manner.attributes.as_bytes().len();
        self.payload.bytes.len() + attributes + Self::OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history keeps many messages, and every member is a person.
    #[test]
    fn a_message_has_a_known_size() {
        assert!(size_of::<Identity>() <= 32 && size_of::<Message>() <= 96);
    }

    #[test]
    fn attributes_come_out_as_they_went_in() {
        let pairs = [("+a", Some("1=;2")), ("+b", None), ("+c", Some("")), ("+d", Some(" \n"))];
        let attributes = Attributes::new(pairs.map(|(key, value)| (key, value.map(Cow::Borrowed))));
        assert_eq!(attributes.iter().collect::<Vec<_>>(), pairs);
        assert_eq!(Attributes::new([]), Attributes::default());
        assert_eq!(Attributes::default().iter().count(), 0);
        let evil = Attributes::new([("+a\0b=", Some("c\0d".into())), ("e", None)]);
        assert_eq!(evil.iter().collect::<Vec<_>>(), [("+ab", Some("cd")), ("e", None)]);
    }

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
        assert_eq!(Host::Cloak(0x2a).to_string(), "000000000000002a.cloaked");
    }
}
