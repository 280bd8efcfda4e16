//! MQTT 3.1.1 at QoS 0.

use super::{ConnectionOptions, LONGEST, ProtocolError, ServerEvent};
use crate::wire::Parsed;

const CONNECT: u8 = 0x10;
const CONNACK: u8 = 0x20;
const PUBLISH: u8 = 0x30;
const SUBSCRIBE: u8 = 0x82;
const SUBACK: u8 = 0x90;
const UNSUBSCRIBE: u8 = 0xa2;

/// The adapter of one connection; the protocol needs no state.
#[derive(Debug)]
pub struct Mqtt;

impl Mqtt {
    pub(super) fn open(options: ConnectionOptions, out: &mut Vec<u8>) -> Self {
        let mut body = Vec::new();
        text("MQTT", &mut body);
        // Level 4, a clean session, and no keep-alive: an idle connection stays open.
        body.extend_from_slice(&[4, 2, 0, 0]);
        text(&format!("bench{}", options.name_number), &mut body);
        packet(CONNECT, &[&body], out);
        Self
    }

    pub(super) fn join(&mut self, room: u32, out: &mut Vec<u8>) -> bool {
        let mut body = vec![0, 1];
        text(&topic(room), &mut body);
        body.push(0);
        packet(SUBSCRIBE, &[&body], out);
        true
    }

    pub(super) fn leave(&mut self, room: u32, out: &mut Vec<u8>) {
        let mut body = vec![0, 2];
        text(&topic(room), &mut body);
        packet(UNSUBSCRIBE, &[&body], out);
    }

    pub(super) fn publish(&self, room: u32, payload: &[u8], out: &mut Vec<u8>) {
        let mut topic_field = Vec::with_capacity(16);
        text(&topic(room), &mut topic_field);
        packet(PUBLISH, &[&topic_field, payload], out);
    }

    pub(super) fn parse<'a>(
        &mut self,
        bytes: &'a [u8],
        _reply: &mut Vec<u8>,
    ) -> Result<Parsed<ServerEvent<'a>>, ProtocolError> {
        let Some((length, header)) = remaining_length(bytes)? else { return Ok(Parsed::Partial) };
        if length > LONGEST {
            return Err(format!("a packet of {length} bytes"));
        }
        let Some(body) = bytes.get(header..header + length) else { return Ok(Parsed::Partial) };
        let short = || "a packet that ends before its fields do".to_owned();
        let heard = match bytes[0] & 0xf0 {
            PUBLISH => {
                let (topic, rest) = body.split_first_chunk::<2>().ok_or_else(short)?;
                let topic = usize::from(u16::from_be_bytes(*topic));
                // With QoS 1 and 2, which are not requested here, a packet id would follow.
                ServerEvent::Message(rest.get(topic..).ok_or_else(short)?)
            }
            CONNACK => match body.get(1).ok_or_else(short)? {
                0 => ServerEvent::Ready,
                code => ServerEvent::Ended(format!("CONNECT refused with code {code}")),
            },
            SUBACK => match body.get(2).ok_or_else(short)? {
                0..=2 => ServerEvent::Joined,
                _ => ServerEvent::Refused("SUBSCRIBE refused".to_owned()),
            },
            _ => ServerEvent::Other,
        };
        Ok(Parsed::Complete(heard, header + length))
    }
}

fn topic(room: u32) -> String {
    format!("bench/{room}")
}

fn text(text: &str, out: &mut Vec<u8>) {
    // Names of the generator have a few bytes.
    out.extend_from_slice(&(text.len() as u16).to_be_bytes());
    out.extend_from_slice(text.as_bytes());
}

fn packet(kind: u8, parts: &[&[u8]], out: &mut Vec<u8>) {
    out.push(kind);
    let mut left: usize = parts.iter().map(|part| part.len()).sum();
    loop {
        let (low, more) = ((left % 128) as u8, left >= 128);
        out.push(if more { low | 0x80 } else { low });
        left /= 128;
        if !more {
            break;
        }
    }
    parts.iter().for_each(|part| out.extend_from_slice(part));
}

/// Returns the remaining length, and the position of the body.
fn remaining_length(bytes: &[u8]) -> Result<Option<(usize, usize)>, ProtocolError> {
    let mut length = 0;
    for (index, byte) in bytes.iter().skip(1).enumerate() {
        length |= usize::from(byte & 0x7f) << (7 * index);
        if byte & 0x80 == 0 {
            return Ok(Some((length, index + 2)));
        }
        if index == 3 {
            return Err("a length of more than four bytes".to_owned());
        }
    }
    Ok(None)
}
