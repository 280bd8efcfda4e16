//! Objects: the fields of each verb, read and written as in the table of verbs.

use super::slot::{self, Fields, Slot, WRONG_FIELD};
use super::value::{Hex, Past, text_or_base64};
use crate::id::Epoch;
use crate::wire::frame::{self, ClientFrame, FrameError, Resume, ServerFrame, Side};
use crate::wire::verbs::verbs;
use serde::Serialize;
use serde::de::{Deserializer as _, MapAccess, Visitor};
use std::borrow::Cow;
use std::marker::PhantomData;

const UNKNOWN_VERB: FrameError = FrameError::Malformed("no verb has that \"type\"");

/// The frames of one side.
pub(super) trait JsonFrame<'a>: Sized {
    /// Reads the fields of the verb, in any order.
    fn read<A: MapAccess<'a>>(verb: &str, fields: Fields<A>) -> Result<Self, FrameError>;

    /// Appends the frame as an object.
    fn write(&self, out: &mut Vec<u8>);
}

/// Reads a frame in one pass. `None` if the verb does not come first, or if the object is invalid.
pub(super) fn read_in_one_pass<'a, F: JsonFrame<'a>>(object: &'a [u8]) -> Option<F> {
    let mut deserializer = serde_json::Deserializer::from_slice(object);
    let read = deserializer.deserialize_map(Reader { verb: None, frame: PhantomData }).ok()?;
    deserializer.end().ok()?;
    read.ok()
}

/// Reads the frame of a complete object with this verb.
pub(super) fn read<'a, F: JsonFrame<'a>>(verb: &str, object: &'a [u8]) -> Result<F, FrameError> {
    let reader = Reader { verb: Some(verb), frame: PhantomData };
    let read = serde_json::Deserializer::from_slice(object).deserialize_map(reader);
    read.unwrap_or(Err(WRONG_FIELD))
}

struct Reader<'v, F> {
    /// The verb, if known; otherwise it must be the first field.
    verb: Option<&'v str>,
    frame: PhantomData<F>,
}

impl<'a, F: JsonFrame<'a>> Visitor<'a> for Reader<'_, F> {
    type Value = Result<F, FrameError>;

    fn expecting(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.write_str("an object")
    }

    fn visit_map<A: MapAccess<'a>>(self, map: A) -> Result<Self::Value, A::Error> {
        let mut fields = Fields::all(map);
        let verb = match self.verb {
            Some(verb) => Ok(Cow::Borrowed(verb)),
            None => fields.verb(),
        };
        Ok(verb.and_then(|verb| F::read(&verb, fields)))
    }
}

/// Implements reading, with the slots of the field types, and writing, with the methods of
/// [`Object`] that are named like the field types.
macro_rules! encoding {
    ($Frame:ident $side:ident $($name:literal $kind:literal $Verb:ident
        { $($field:ident $(+ $more:ident)*: $type:ident $(or $default:expr)?),* }
        $(json [$($ordered:ident),*])?;)*
    ) => {
        impl<'a> JsonFrame<'a> for $Frame<'a> {
            #[allow(unused_parens, unused_variables, reason = "a type may have one field, a verb none")]
            fn read<A: MapAccess<'a>>(verb: &str, mut fields: Fields<A>) -> Result<Self, FrameError> {
                match verb {
                    $($name => {
                        $(let mut $field = slot::$type(stringify!($field))$(.or($default))?;)*
                        while let Some(name) = fields.name()? {
                            let is_known = false $(|| $field.take(&name, &mut fields)?)*;
                            if !is_known {
                                fields.skip(&name)?;
                            }
                        }
                        if false $(|| $field.is_missing())* {
                            return Err(WRONG_FIELD);
                        }
                        $(let ($field $(, $more)*) = $field.finish()?;)*
                        Ok(Self::$Verb { $($field $(, $more)*),* })
                    })*
                    _ => {
                        while let Some(name) = fields.name()? {
                            fields.skip(&name)?;
                        }
                        Err(UNKNOWN_VERB)
                    }
                }
            }

            #[allow(unused_mut, reason = "a verb may have no field")]
            fn write(&self, out: &mut Vec<u8>) {
                match self {
                    $(Self::$Verb { $($field $(, $more)*),* } => {
                        let mut object = Object::begin($name, out);
                        // Each field becomes the function that writes it, so that a row can list
                        // the fields in another order.
                        $(let $field = |object: &mut Object<'_>| {
                            object.$type(stringify!($field), $field $(, $more)*);
                        };)*
                        call_each!([$($field)*] [$($($ordered)*)?] (&mut object));
                        object.end();
                    })*
                }
            }
        }
    };
}

/// Calls the functions of the second list or, if it is empty, those of the first.
macro_rules! call_each {
    ([$($function:ident)*] [] $arguments:tt) => { $($function $arguments;)* };
    ($in_binary_order:tt [$($function:ident)*] $arguments:tt) => { $($function $arguments;)* };
}

verbs!(encoding);

/// An object being written, with one method for each type in the table of verbs.
struct Object<'o>(&'o mut Vec<u8>);

impl<'o> Object<'o> {
    fn begin(verb: &str, out: &'o mut Vec<u8>) -> Self {
        out.extend_from_slice(b"{\"type\":\"");
        out.extend_from_slice(verb.as_bytes());
        out.push(b'"');
        Self(out)
    }

    fn end(self) {
        self.0.push(b'}');
    }

    /// Appends a field, whose name needs no escapes.
    fn field(&mut self, name: &str, value: &(impl Serialize + ?Sized)) {
        self.0.extend_from_slice(b",\"");
        self.0.extend_from_slice(name.as_bytes());
        self.0.extend_from_slice(b"\":");
        // Writing plain data to memory cannot fail.
        let written = serde_json::to_writer(&mut *self.0, value);
        debug_assert!(written.is_ok());
    }

    fn u16(&mut self, name: &str, number: &u16) {
        self.field(name, number);
    }

    fn u32(&mut self, name: &str, number: &u32) {
        self.field(name, number);
    }

    fn u64(&mut self, name: &str, number: &u64) {
        self.field(name, number);
    }

    fn hex(&mut self, name: &str, number: &u64) {
        self.field(name, &Hex(*number));
    }

    fn key(&mut self, name: &str, key: &u64) {
        if *key != 0 {
            self.hex(name, key);
        }
    }

    fn epoch(&mut self, name: &str, epoch: &Epoch) {
        self.hex(name, &epoch.0);
    }

    fn flag(&mut self, name: &str, flag: &bool) {
        self.field(name, flag);
    }

    /// Appends a flag: only the binary encoding inverts it.
    fn inverse_flag(&mut self, name: &str, flag: &bool) {
        self.flag(name, flag);
    }

    fn text(&mut self, name: &str, text: &str) {
        self.field(name, text);
    }

    /// Appends a text: only the binary encoding has a short form.
    fn short_text(&mut self, name: &str, text: &str) {
        self.text(name, text);
    }

    fn payload(&mut self, _: &str, payload: &[u8]) {
        let (text, base64) = text_or_base64(payload);
        if let Some(text) = text {
            self.field("text", &text);
        }
        if let Some(base64) = base64 {
            self.field("base64", &base64);
        }
    }

    fn version(&mut self, name: &str, version: &u16, private: &bool) {
        self.u16(name, version);
        if *private {
            self.flag("private", private);
        }
    }

    fn resume_and_key(&mut self, _: &str, resume: &Option<Resume>, key: &Option<Cow<'_, str>>) {
        if let Some(key) = key {
            self.text("key", key);
        }
        if let Some(Resume { epoch, offset }) = resume {
            self.epoch("epoch", epoch);
            self.u64("offset", offset);
        }
    }

    fn side(&mut self, _: &str, side: &Side) {
        match side {
            Side::Before(offset) => self.u64("before", offset),
            Side::After(offset) => self.u64("after", offset),
        }
    }

    fn names(&mut self, name: &str, names: &[Cow<'_, str>]) {
        self.field(name, names);
    }

    fn messages(&mut self, name: &str, messages: &[frame::Past<'_>]) {
        self.field(name, &messages.iter().map(Past::of).collect::<Vec<_>>());
    }
}
