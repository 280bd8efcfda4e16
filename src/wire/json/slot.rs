//! Slots: the fields read so far. Each type in the table of verbs has a function that creates the
//! slot of a field.

use super::value::{Hex, Past, Text, payload_of};
use crate::id::{Epoch, Offset};
use crate::wire::frame::{self, FrameError, Resume};
use serde::Deserialize;
use serde::de::{IgnoredAny, MapAccess};
use std::borrow::Cow;

/// A field that does not match its verb.
pub(super) const WRONG_FIELD: FrameError =
    FrameError::Malformed("a field is missing, given twice, or not what its verb needs");

/// The name of the field with the verb.
const VERB: &str = "type";

/// The unread fields of an object.
pub(super) struct Fields<A> {
    map: A,
    /// True if the verb was read before them.
    verb_was_read: bool,
}

impl<'a, A: MapAccess<'a>> Fields<A> {
    /// Returns all fields of the object.
    pub(super) fn all(map: A) -> Self {
        Self { map, verb_was_read: false }
    }

    /// Reads the verb, which must be the next field.
    pub(super) fn verb(&mut self) -> Result<Cow<'a, str>, FrameError> {
        if self.name()?.as_deref() != Some(VERB) {
            return Err(WRONG_FIELD);
        }
        self.verb_was_read = true;
        self.value().map(|Text(verb)| verb)
    }

    /// Reads the name of the next field.
    pub(super) fn name(&mut self) -> Result<Option<Cow<'a, str>>, FrameError> {
        let name = self.map.next_key::<Text<'a>>().map_err(|_| WRONG_FIELD)?;
        Ok(name.map(|Text(name)| name))
    }

    /// Reads the value of the field whose name was read last.
    fn value<T: Deserialize<'a>>(&mut self) -> Result<T, FrameError> {
        self.map.next_value().map_err(|_| WRONG_FIELD)
    }

    /// Skips the value of the field whose name was read last.
    pub(super) fn skip(&mut self, name: &str) -> Result<(), FrameError> {
        if self.verb_was_read && name == VERB {
            return Err(WRONG_FIELD);
        }
        self.value().map(|IgnoredAny| ())
    }
}

/// The state of a field of a verb, which can consist of several fields of the object.
pub(super) trait Slot<'a> {
    /// The value in the frame.
    type Value;

    /// Reads the value if `name` is this field's name. Returns true if it is.
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError>;

    /// True if a required field is missing.
    fn is_missing(&self) -> bool {
        false
    }

    /// Returns the value for the frame.
    fn finish(self) -> Result<Self::Value, FrameError>;
}

/// A field of the object, read as `T` and converted to `V`.
///
/// Its methods are inlined so that the name is a constant where it is compared: otherwise each
/// comparison is a call, and a `say` takes a sixth more instructions.
pub(super) struct SingleField<T, V = T> {
    name: &'static str,
    read: Option<T>,
    default: Option<V>,
    convert: fn(T) -> Result<V, FrameError>,
}

impl<T, V> SingleField<T, V> {
    fn new(name: &'static str, convert: fn(T) -> Result<V, FrameError>) -> Self {
        Self { name, read: None, default: None, convert }
    }

    /// Makes the field optional.
    pub(super) fn or(self, default: V) -> Self {
        Self { default: Some(default), ..self }
    }
}

impl<'a, T: Deserialize<'a>, V> Slot<'a> for SingleField<T, V> {
    type Value = V;

    #[inline(always)]
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError> {
        if name != self.name {
            return Ok(false);
        }
        match self.read.replace(fields.value()?) {
            None => Ok(true),
            Some(_) => Err(WRONG_FIELD),
        }
    }

    #[inline(always)]
    fn is_missing(&self) -> bool {
        self.read.is_none() && self.default.is_none()
    }

    #[inline(always)]
    fn finish(self) -> Result<V, FrameError> {
        match self.read {
            Some(read) => (self.convert)(read),
            None => self.default.ok_or(WRONG_FIELD),
        }
    }
}

/// Creates the slot of a field without conversion.
fn plain<T>(name: &'static str) -> SingleField<T> {
    SingleField::new(name, Ok)
}

/// Creates the slot of an optional field, which may be null.
fn optional<T>(name: &'static str) -> SingleField<Option<T>> {
    plain(name).or(None)
}

pub(super) fn u16(name: &'static str) -> SingleField<u16> {
    plain(name)
}

pub(super) fn u32(name: &'static str) -> SingleField<u32> {
    plain(name)
}

pub(super) fn u64(name: &'static str) -> SingleField<u64> {
    plain(name)
}

pub(super) fn hex(name: &'static str) -> SingleField<Hex, u64> {
    SingleField::new(name, |hex| Ok(hex.0))
}

pub(super) fn key(name: &'static str) -> SingleField<Option<Hex>, u64> {
    SingleField::new(name, |key: Option<Hex>| Ok(key.map_or(0, |key| key.0))).or(0)
}

pub(super) fn epoch(name: &'static str) -> SingleField<Hex, Epoch> {
    SingleField::new(name, |hex| Ok(Epoch(hex.0)))
}

pub(super) fn flag(name: &'static str) -> SingleField<bool> {
    plain(name)
}

/// Only the binary encoding inverts the flag.
pub(super) use flag as inverse_flag;

pub(super) fn text<'a>(name: &'static str) -> SingleField<Text<'a>, Cow<'a, str>> {
    SingleField::new(name, |text| Ok(text.0))
}

/// Only the binary encoding has a short form.
pub(super) use text as short_text;

pub(super) fn names<'a>(name: &'static str) -> SingleField<Vec<Text<'a>>, Vec<Cow<'a, str>>> {
    SingleField::new(name, |names: Vec<Text<'a>>| {
        Ok(names.into_iter().map(|name| name.0).collect())
    })
}

pub(super) fn messages<'a>(name: &'static str) -> SingleField<Vec<Past<'a>>, Vec<frame::Past<'a>>> {
    SingleField::new(name, |messages: Vec<Past<'a>>| messages.into_iter().map(Past::read).collect())
}

pub(super) fn version(name: &'static str) -> Version {
    Version { version: u16(name), private: flag("private").or(false) }
}

pub(super) fn resume_and_key<'a>(_: &'static str) -> ResumeAndKey<'a> {
    ResumeAndKey { key: optional("key"), epoch: optional("epoch"), offset: optional("offset") }
}

pub(super) fn side(_: &'static str) -> Side {
    Side { before: optional("before"), after: optional("after") }
}

pub(super) fn payload<'a>(_: &'static str) -> Payload<'a> {
    Payload { text: optional("text"), base64: optional("base64") }
}

pub(super) struct Version {
    version: SingleField<u16>,
    private: SingleField<bool>,
}

impl<'a> Slot<'a> for Version {
    type Value = (u16, bool);

    #[inline(always)]
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError> {
        Ok(self.version.take(name, fields)? || self.private.take(name, fields)?)
    }

    #[inline(always)]
    fn is_missing(&self) -> bool {
        self.version.is_missing()
    }

    #[inline(always)]
    fn finish(self) -> Result<Self::Value, FrameError> {
        Ok((self.version.finish()?, self.private.finish()?))
    }
}

pub(super) struct ResumeAndKey<'a> {
    key: SingleField<Option<Text<'a>>>,
    epoch: SingleField<Option<Hex>>,
    offset: SingleField<Option<Offset>>,
}

impl<'a> Slot<'a> for ResumeAndKey<'a> {
    type Value = (Option<Resume>, Option<Cow<'a, str>>);

    #[inline(always)]
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError> {
        Ok(self.key.take(name, fields)?
            || self.epoch.take(name, fields)?
            || self.offset.take(name, fields)?)
    }

    #[inline(always)]
    fn finish(self) -> Result<Self::Value, FrameError> {
        let resume = match (self.epoch.finish()?, self.offset.finish()?) {
            (Some(Hex(epoch)), Some(offset)) => Some(Resume { epoch: Epoch(epoch), offset }),
            (None, None) => None,
            _ => return Err(FrameError::Malformed("\"epoch\" and \"offset\" go together")),
        };
        Ok((resume, self.key.finish()?.map(|Text(key)| key)))
    }
}

pub(super) struct Side {
    before: SingleField<Option<Offset>>,
    after: SingleField<Option<Offset>>,
}

impl<'a> Slot<'a> for Side {
    type Value = frame::Side;

    #[inline(always)]
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError> {
        Ok(self.before.take(name, fields)? || self.after.take(name, fields)?)
    }

    #[inline(always)]
    fn finish(self) -> Result<frame::Side, FrameError> {
        match (self.before.finish()?, self.after.finish()?) {
            (before, None) => Ok(frame::Side::Before(before.unwrap_or(0))),
            (None, Some(after)) => Ok(frame::Side::After(after)),
            _ => Err(FrameError::Malformed("either \"before\" or \"after\"")),
        }
    }
}

pub(super) struct Payload<'a> {
    text: SingleField<Option<Text<'a>>>,
    base64: SingleField<Option<Text<'a>>>,
}

impl<'a> Slot<'a> for Payload<'a> {
    type Value = Cow<'a, [u8]>;

    #[inline(always)]
    fn take<A: MapAccess<'a>>(
        &mut self,
        name: &str,
        fields: &mut Fields<A>,
    ) -> Result<bool, FrameError> {
        Ok(self.text.take(name, fields)? || self.base64.take(name, fields)?)
    }

    #[inline(always)]
    fn finish(self) -> Result<Cow<'a, [u8]>, FrameError> {
        payload_of(self.text.finish()?, self.base64.finish()?)
    }
}
