//! Messages and their senders, in the form that all layers share.

use crate::hex::Hex;
use crate::id::Offset;
use core::net::IpAddr;
use std::borrow::Cow;
use std::fmt;
use std::rc::Rc;

/// One message of a room, or to one person.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Message {
    /// The message's offset in the room.
    pub offset: Offset,
    /// The time at which the relay received the message, in milliseconds since 1970.
    pub unix_ms: u64,
    /// The sender.
    pub sender: Identity,
    /// The content.
    pub payload: Payload,
}

/// A person, as others see it: the sender that a message carries.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Identity {
    /// The name; empty before login.
    pub name: Rc<str>,
    /// A number that stands for the person's network without revealing it.
    pub cloak: u64,
    /// The profile, if the person's protocol has one.
    pub profile: Option<Rc<Profile>>,
}

impl Identity {
    /// Creates an identity without a cloak and a profile, for the program that embeds the relay.
    pub fn named(name: &str) -> Self {
        Self { name: name.into(), cloak: 0, profile: None }
    }

    /// Returns the user name; a fixed one if the protocol has none.
    pub fn user(&self) -> &str {
        self.profile.as_ref().map_or("hobnob", |profile| &*profile.user)
    }

    /// Returns the host shown for the person's address.
    pub fn host(&self) -> Host {
        self.address().map_or(Host::Cloak(self.cloak), Host::Address)
    }

    /// Returns the person's address, if it is shown.
    pub fn address(&self) -> Option<IpAddr> {
        self.profile.as_ref().and_then(|profile| profile.address)
    }

    /// Returns the full name; the name, if the protocol has no full names.
    pub fn real_name(&self) -> &str {
        self.profile.as_ref().map_or(&*self.name, |profile| &*profile.real_name)
    }

    /// True if the person declares to be a program.
    pub fn is_bot(&self) -> bool {
        self.profile.as_ref().is_some_and(|profile| profile.is_bot)
    }
}

impl fmt::Display for Identity {
    /// Writes the name only.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.name)
    }
}

/// The host of a person, as shown to everybody.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Host {
    /// A number that distinguishes networks without revealing them.
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

/// A profile: a person's description of itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Profile {
    /// The user name on the person's machine, as declared.
    pub user: Rc<str>,
    /// The full name.
    pub real_name: Rc<str>,
    /// True if the person declares to be a program.
    pub is_bot: bool,
    /// The person's address, if the relay shows it. The relay sets it, not the person.
    pub address: Option<IpAddr>,
}

/// Content of a message: any bytes, and their properties.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Payload {
    /// The bytes as received.
    pub bytes: Box<[u8]>,
    /// The form that the sender's protocol declares.
    pub form: Form,
    /// The properties that came with the message.
    pub manner: Manner,
}

/// The form of a payload, as the sender's protocol declares it. Only protocols that distinguish the
/// forms use it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Form {
    /// A message of an undeclared kind.
    #[default]
    Unsaid,
    /// A message that is text: UTF-8.
    Text,
    /// A binary message, even if its bytes are valid UTF-8.
    Binary,
    /// A piece of a stream, cut where a read ended, as plain sockets send. Plain sockets receive it
    /// unchanged. A message of another form ends the line there.
    Chunk,
}

/// Properties of a message, for the protocols that have them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Manner {
    /// True if no program may answer the message automatically.
    pub is_notice: bool,
    /// Attributes from the sender's client for other clients.
    pub attributes: Attributes,
}

/// Key/value pairs that one client sends to others. The relay does not interpret them. They take
/// one allocation, and none if there are no pairs.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Attributes {
    /// `key` or `key=value`, each but the last followed by a NUL.
    pairs: Option<Rc<str>>,
}

impl Attributes {
    /// Joins the pairs in the order given. `=` is removed from keys, and NUL from keys and values.
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

    /// Iterates over the keys, each with its value if it has one.
    pub fn iter(&self) -> impl Iterator<Item = (&str, Option<&str>)> {
        let pairs = self.pairs.iter().flat_map(|pairs| pairs.split('\0'));
        pairs.map(|pair| {
            pair.split_once('=').map_or((pair, None), |(key, value)| (key, Some(value)))
        })
    }

    /// Returns the bytes of all keys and values, about as long as a protocol writes them.
    pub fn as_bytes(&self) -> &[u8] {
        self.pairs.as_ref().map_or(&[], |pairs| pairs.as_bytes())
    }
}

impl Message {
    /// Memory that a message takes beside its payload, in bytes.
    pub const OVERHEAD: usize = 160;

    /// Returns the bytes of memory that the message is counted as.
    pub fn weight(&self) -> usize {
        let attributes = self.payload.manner.attributes.as_bytes().len();
        self.payload.bytes.len() + attributes + Self::OVERHEAD
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A history keeps many messages, and every member has an identity, so both stay small.
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
