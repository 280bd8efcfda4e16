//! What was really said, as far as anybody has seen it. Knows nothing of tapes, cursors or queues.
//!
//! Every call of the engine is given a wall clock reading of its own, so the time on a message tells
//! in which call it was said, and so by whom, and which of two messages of different rooms was said
//! first. The payload says which of the sender's messages it is.

mod names;
mod private;

pub use names::Names;
pub use private::{Passed, Private};

use hobnob::id::Offset;
use hobnob::limits::{Limits, SAID_ONCE_LEAST};
use hobnob::reason::Refusal;
use std::collections::HashMap;
use std::rc::Rc;
use std::time::Duration;

/// The serial number under which the program around the relay speaks.
pub const HOST: u32 = 0;

/// In whose name the engine was called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    Nobody,
    Peer(u32),
}

/// One call of the engine.
pub struct Call {
    pub who: Who,
    pub running: Duration,
}

/// Something that a peer asked to be said.
pub struct Say {
    pub room: usize,
    pub echo: bool,
    pub id: u64,
    pub person: usize,
    pub bytes: Rc<[u8]>,
    /// Nothing can keep it from being said, once the relay has read it.
    pub is_sure: bool,
    /// True if it is text; nothing if its sender's protocol does not tell.
    pub is_text: Option<bool>,
    /// To whom alone, if it is not for a room.
    pub private: Option<Box<Private>>,
    /// Its sender was told that it is not kept.
    pub is_lost: bool,
    /// Where it was seen: epoch and offset.
    pub placed: Option<(u64, Offset)>,
}

impl Say {
    /// A message of one person, until more is known of it.
    pub fn of(person: usize, bytes: &[u8]) -> Self {
        let (room, echo, id, bytes) = (usize::MAX, true, 0, bytes.into());
        let (is_sure, is_text, private, is_lost, placed) = (false, None, None, false, None);
        Self { room, echo, id, person, bytes, is_sure, is_text, private, is_lost, placed }
    }
}

/// Somebody who says things.
#[derive(Default)]
pub struct Speaker {
    pub said: Vec<Say>,
    /// A plain socket's bytes, which are cut into messages by the relay as it reads them.
    pub stream: Option<Vec<u8>>,
    /// Bytes of the stream that were seen in messages.
    pub heard: usize,
    pub echo: bool,
    pub is_raw: bool,
    /// Some of what it says is refused.
    pub has_rate: bool,
    /// It has asked to be an operator of the relay.
    pub is_operator: bool,
    /// Direct messages reach it.
    pub hears: bool,
}

/// A message as somebody received it.
pub struct Told {
    pub call: u32,
    /// Where it stands in the order of everything that came about.
    pub key: Key,
    pub serial: u32,
    /// Which of the sender's messages; for plain sockets, the offset.
    pub index: u64,
    pub echo: bool,
    pub is_text: bool,
    pub sender: Rc<str>,
    pub bytes: Rc<[u8]>,
}

/// One numbering of one room.
#[derive(Default)]
pub struct Log {
    pub told: Vec<Option<Told>>,
    /// Offsets up to here are known without a hole.
    pub known: usize,
    checked: usize,
    /// Which message of each speaker was the last.
    last: HashMap<u32, u64>,
    /// Ids of messages, and where they were said last.
    ids: HashMap<(usize, u64), usize>,
}

/// Place of a message in the one order of everything that was said.
pub type Key = (u32, u64);

/// An ack that somebody received: the message at this place must be the sender's, of that id.
pub struct Acked {
    pub epoch: u64,
    pub offset: Offset,
    pub person: usize,
    pub id: u64,
}

/// Somebody left a room: to whom all was owed that was said after one call and before another.
pub struct LetGo {
    pub epoch: u64,
    /// The next offset that it was due.
    pub next: Offset,
    pub serial: u32,
    pub after: u32,
    pub before: u32,
}

pub struct Model {
    pub calls: Vec<Call>,
    pub speakers: Vec<Speaker>,
    pub logs: HashMap<u64, Log>,
    /// Where messages are not kept at once: when each place came to be kept, for everybody.
    pub kept: Option<HashMap<(u64, Offset), Key>>,
    /// What is said may be lost, and its sender is told so.
    pub may_fail: bool,
    /// A sender may be told that nobody knows what becomes of its message, and goes on without it.
    pub is_doubtful: bool,
    /// Offsets that a peer did not get: they must be what it said itself and did not want back.
    pub unheard: Vec<(u64, Offset, u32)>,
    pub acks: Vec<Acked>,
    /// Peers that left, or hung up, with everything read.
    pub let_go: Vec<LetGo>,
    /// Private messages that were let pass, until it is clear whether they arrived.
    pub passed: Vec<Passed>,
    pub names: Names,
    /// There are operators, who may refuse what others may do elsewhere.
    pub is_governed: bool,
    /// Rooms and names of invitations, if the one who invited was let.
    pub invited: Vec<(usize, String)>,
    pub limits: Limits,
}

impl Model {
    pub fn new(limits: Limits) -> Self {
        Self {
            calls: Vec::new(),
            speakers: vec![Speaker { echo: true, ..Speaker::default() }],
            logs: HashMap::new(),
            kept: None,
            may_fail: false,
            is_doubtful: false,
            unheard: Vec::new(),
            acks: Vec::new(),
            let_go: Vec::new(),
            passed: Vec::new(),
            names: Names::default(),
            is_governed: false,
            invited: Vec::new(),
            limits,
        }
    }

    /// True if somebody who is or was called so may be an operator of the relay.
    pub fn is_operator(&self, name: &str) -> bool {
        let holders = self.names.holders(name, 0, u32::MAX);
        holders.iter().flatten().any(|holder| self.speakers[*holder as usize].is_operator)
    }

    /// True if somebody who is or was called so may have been asked into a room.
    pub fn is_invited(&self, name: &str, room: usize) -> bool {
        let holders = self.names.holders(name, 0, u32::MAX);
        let names = self.invited.iter().filter(|(to, _)| *to == room).map(|(_, name)| name);
        let mut invited = names.flat_map(|name| self.names.holders(name, 0, u32::MAX)).flatten();
        invited.any(|invited| holders.contains(&Some(invited)))
    }

    pub fn log(&self, epoch: u64) -> Option<&Log> {
        self.logs.get(&epoch)
    }

    pub fn told(&self, epoch: u64, offset: Offset) -> Option<&Told> {
        self.logs.get(&epoch)?.told.get(offset as usize - 1)?.as_ref()
    }

    /// Somebody received a message: where it stands among everything said.
    pub fn observe(
        &mut self,
        epoch: u64,
        offset: Offset,
        time: u64,
        sender: &str,
        payload: &[u8],
    ) -> Key {
        assert!(offset > 0, "[offset] offset 0 is before the first");
        let log = self.logs.entry(epoch).or_default();
        let slot = offset as usize - 1;
        assert!(slot < log.told.len() + 1_000_000, "[offset] {offset} is far beyond what was said");
        if log.told.len() <= slot {
            log.told.resize_with(slot + 1, || None);
        }
        let call = (time & 0xff_ffff_ffff) as u32;
        if let Some(told) = &log.told[slot] {
            assert_eq!(told.call, call, "[same for all] offset {offset}: said at two times");
            assert_eq!(&*told.sender, sender, "[same for all] offset {offset}: two senders");
            assert!(*told.bytes == *payload, "[same for all] offset {offset}: two contents");
            return told.key;
        }
        let who = self.calls.get(call as usize).map(|call| call.who);
        let Some(Who::Peer(serial)) = who else {
            panic!("[time] offset {offset} was said in call {call}, by nobody");
        };
        let speaker = &mut self.speakers[serial as usize];
        let seems_text = std::str::from_utf8(payload).is_ok();
        let (index, echo, is_text) = if speaker.stream.is_some() {
            (offset, speaker.echo, seems_text)
        } else {
            let index = index_of(payload, serial);
            let say = speaker.said.get_mut(index as usize);
            let say = say.expect("[content] a message that its sender did not send");
            assert!(*say.bytes == *payload, "[content] {serial}.{index} arrived altered");
            assert!(say.private.is_none(), "[privacy] {serial}.{index} is said in a room");
            assert!(!say.is_lost, "[kept] {serial}.{index} was said not to be");
            assert!(
                say.placed.is_none(),
                "[said twice] {serial}.{index} at {:?} and {:?}",
                say.placed,
                (epoch, offset)
            );
            say.placed = Some((epoch, offset));
            (index, say.echo, say.is_text.unwrap_or(seems_text))
        };
        let (bytes, sender) = (Rc::from(payload), sender.into());
        let key = match &self.kept {
            None => (call, index),
            Some(kept) => *kept.get(&(epoch, offset)).unwrap_or_else(|| {
                panic!("[kept] offset {offset} is told of, and not kept: {serial}.{index}")
            }),
        };
        log.told[slot] = Some(Told { call, key, serial, index, echo, is_text, sender, bytes });
        while log.told.get(log.known).is_some_and(Option::is_some) {
            log.known += 1;
        }
        key
    }

    /// True if something may be refused only because of the store.
    pub fn may_refuse_all(&self) -> bool {
        self.may_fail || self.is_doubtful
    }

    /// True if that is how a question to the store is refused, or a room that it was asked for.
    pub fn is_unavailable(&self, refusal: Option<Refusal>) -> bool {
        self.kept.is_some() && refusal == Some(Refusal::Unavailable)
    }

    /// True if that is how the store refuses a message.
    pub fn is_lost(&self, refusal: Option<Refusal>) -> bool {
        match refusal {
            Some(Refusal::NotKept) => self.may_fail,
            Some(Refusal::Unknown) => self.is_doubtful,
            _ => false,
        }
    }

    /// A place has come to be kept, in this order.
    pub fn note_kept(&mut self, place: (u64, Offset), key: Key) {
        let kept = self.kept.as_mut().expect("a store");
        assert!(kept.insert(place, key).is_none(), "[kept] {place:?} twice");
    }

    /// A message was acknowledged at this place.
    pub fn check_kept(&self, epoch: u64, offset: Offset) {
        let is_kept = self.kept.as_ref().is_none_or(|kept| kept.contains_key(&(epoch, offset)));
        assert!(is_kept, "[kept] offset {offset} is acknowledged, and not kept");
    }

    /// Checks everything that can be checked by now. At quiet points.
    pub fn settle(&mut self) {
        for log in self.logs.values_mut() {
            log.check(&mut self.speakers, &self.calls, &self.limits);
        }
        let unheard = std::mem::take(&mut self.unheard);
        for (epoch, offset, serial) in unheard {
            let Some(told) = self.told(epoch, offset) else { continue };
            assert!(
                told.serial == serial && !told.echo,
                "[hole] peer {serial} never got offset {offset}, said by {} in call {}",
                told.serial,
                told.call
            );
        }
        for LetGo { epoch, next, serial, after, before } in std::mem::take(&mut self.let_go) {
            for offset in next.. {
                let Some(told) = self.told(epoch, offset) else { break };
                let is_own = told.serial == serial && !told.echo;
                assert!(
                    is_own || told.key.0 <= after || told.key.0 >= before,
                    "[owed at the end] peer {serial} left in call {before} and lacks {offset}"
                );
            }
        }
        for ack in std::mem::take(&mut self.acks) {
            let Some(told) = self.told(ack.epoch, ack.offset) else { continue };
            let say = self.speakers[told.serial as usize].said.get(told.index as usize);
            assert!(
                say.is_some_and(|say| say.id == ack.id && say.person == ack.person),
                "[ack] id {} was acknowledged at offset {}, where {}.{} stands",
                ack.id,
                ack.offset,
                told.serial,
                told.index
            );
        }
    }
}

/// Memory for the ids of all rooms that is never short here.
const WIDE: usize = 1 << 20;

impl Log {
    /// Goes on through what is known without a hole.
    fn check(&mut self, speakers: &mut [Speaker], calls: &[Call], limits: &Limits) {
        let last = self.checked.checked_sub(1).map(|last| self.at(last));
        let (mut call, mut key) = last.map_or((0, (0, 0)), |last| (last.call, last.key));
        while self.checked < self.known {
            let at = self.checked;
            let told = self.told[at].as_ref().expect("known");
            assert!(told.call >= call, "[order] offset {} was said before the one before", at + 1);
            call = told.call;
            assert!(told.key >= key, "[order] offset {} was kept before the one before", at + 1);
            key = told.key;
            let (serial, index, said_in) = (told.serial, told.index, told.call);
            if let Some(last) = self.last.insert(serial, index) {
                assert!(index > last, "[order] {serial}.{index} after {serial}.{last}");
            }
            let speaker = &mut speakers[serial as usize];
            if let Some(stream) = speaker.stream.as_ref().filter(|_| !speaker.has_rate) {
                let end = speaker.heard + told.bytes.len();
                assert!(
                    stream.get(speaker.heard..end) == Some(&*told.bytes),
                    "[content] peer {serial}'s stream went wrong at byte {}: {:?} for {:?}",
                    speaker.heard,
                    told.bytes.escape_ascii().to_string(),
                    stream.escape_ascii().to_string(),
                );
                speaker.heard = end;
            }
            let said = speaker.said.get(index as usize).filter(|say| say.id != 0);
            if let Some(first) = said.and_then(|say| self.ids.insert((say.person, say.id), at)) {
                let first_call = &calls[self.at(first).call as usize];
                let age = calls[said_in as usize].running - first_call.running;
                // However little is kept to be read, here or elsewhere.
                let most = match limits.said_once_total {
                    0..WIDE => limits.said_once_messages.min(SAID_ONCE_LEAST),
                    WIDE.. => limits.said_once_messages,
                };
                let is_remembered =
                    at - first < most && age + Duration::from_millis(300) < limits.said_once_age;
                assert!(
                    !is_remembered,
                    "[said twice] one id at offsets {} and {}",
                    first + 1,
                    at + 1
                );
            }
            self.checked += 1;
        }
    }

    fn at(&self, slot: usize) -> &Told {
        self.told[slot].as_ref().expect("known")
    }
}

/// Which of `serial`'s messages a payload says it is.
fn index_of(payload: &[u8], serial: u32) -> u64 {
    let header = payload.split(|byte| *byte == b';').next().unwrap_or_default();
    let header = std::str::from_utf8(header).unwrap_or_default();
    let index = header.strip_prefix(&format!("{serial}.")).and_then(|index| index.parse().ok());
    index.unwrap_or_else(|| panic!("[content] {header:?} is not what peer {serial} says"))
}
