//! Reading from the store: pages of older messages, and rooms that the relay does not have in memory. Late,
//! in any order, twice, not at all, or with fewer messages than there were.

use super::Store;
use crate::random::Random;
use hobnob::engine::Engine;
use hobnob::history::{
    Mark, OpenOutcome, OpenRequest, PageOutcome, PageRequest, Question, SaidId, Select, StoredPage,
    StoredRoom,
};
use hobnob::hub::Append;
use hobnob::id::{Epoch, Offset};
use hobnob::now::Now;
use hobnob::payload::Message;
use std::collections::{HashMap, VecDeque};
use std::rc::Rc;

/// A room that is kept.
struct Kept {
    name: Rc<str>,
    epoch: Epoch,
    head: Offset,
    messages: VecDeque<(Rc<Message>, Option<SaidId>)>,
}

/// Requests under way, and what the store can answer.
pub struct Reads {
    /// How often a read fails, takes very long, or is never answered.
    fail_per_mille: usize,
    stall_per_mille: usize,
    never_per_mille: usize,
    /// How often a room that the relay has forgotten has lost its newest messages.
    lose_per_mille: usize,
    /// How often the oldest messages of a room are thrown away.
    expire_per_mille: usize,
    rooms: HashMap<String, Kept>,
    /// In which turn each is answered.
    pages: Vec<(PageRequest, u64)>,
    opens: Vec<(OpenRequest, OpenOutcome, u64)>,
    /// The last outcome for each room, which may come once more.
    past: HashMap<String, (OpenRequest, OpenOutcome)>,
    /// True once anything may go wrong.
    pub is_unreliable: bool,
    pub counts: ReadCounts,
}

/// What a store was asked for.
#[derive(Clone, Copy, Default)]
pub struct ReadCounts {
    pub pages: u64,
    pub opened: u64,
    /// Rooms that came back with fewer messages.
    pub shorter: u64,
    /// Outcomes that came once more.
    pub repeated: u64,
}

impl Reads {
    pub fn new(random: &mut Random, is_patient: bool) -> Self {
        Self {
            fail_per_mille: *random.pick(&[0, 20, 200]),
            stall_per_mille: *random.pick(&[0, 5, 50]),
            never_per_mille: if is_patient { 0 } else { *random.pick(&[0, 10, 100]) },
            lose_per_mille: *random.pick(&[0, 400, 800]),
            expire_per_mille: *random.pick(&[0, 0, 20]),
            rooms: HashMap::new(),
            pages: Vec::new(),
            opens: Vec::new(),
            past: HashMap::new(),
            is_unreliable: false,
            counts: ReadCounts::default(),
        }
    }

    /// True if nothing is under way that will have an outcome.
    pub fn is_idle(&self) -> bool {
        let opens = self.opens.iter().map(|(_, _, due)| *due);
        let mut all = self.pages.iter().map(|(_, due)| *due).chain(opens);
        all.all(|due| due == u64::MAX)
    }

    /// The first messages of an append are kept.
    pub fn keep(&mut self, append: &Append, count: usize, random: &mut Random, least: usize) {
        let key = append.name.to_ascii_lowercase();
        let (epoch, after) = (append.epoch, append.after);
        let known = self.rooms.entry(key).or_insert_with(|| {
            let name = Rc::clone(&append.name);
            Kept { name, epoch, head: after, messages: VecDeque::new() }
        });
        let place = (known.epoch, known.head);
        assert_eq!(place, (epoch, after), "[open] {} is not what the store knows", append.name);
        known.messages.extend(append.messages.iter().take(count).cloned());
        known.head += count as Offset;
        if random.chance(self.expire_per_mille) {
            let spare = known.messages.len().saturating_sub(least);
            known.messages.drain(..random.within(0, spare));
        }
    }
}

impl Reads {
    /// A room is forgotten, unless it is another of that name.
    pub fn forget(&mut self, append: &Append) {
        let key = append.name.to_ascii_lowercase();
        if self.rooms.get(&key).is_some_and(|known| known.epoch == append.epoch) {
            self.rooms.remove(&key);
        }
    }
}

impl Store {
    /// Takes what is to be read, and answers some of it; all, if nobody is to wait.
    pub(super) fn read(&mut self, engine: &mut Engine, turn: u64, is_prompt: bool, now: Now) {
        while let Some(request) = engine.take_page_request() {
            let known = self.reads.rooms.get(&request.name.to_ascii_lowercase());
            let is_kept = known
                .is_some_and(|known| known.epoch == request.epoch && known.head >= request.head);
            assert!(is_kept, "[page] of {}, which is not kept", request.name);
            let due = turn + self.wait();
            let is_never = self.random.chance(self.reads.never_per_mille);
            self.reads.pages.push((request, if is_never { u64::MAX } else { due }));
        }
        while let Some(request) = engine.take_open_request() {
            self.begin_open(request, engine, turn, now);
        }
        let is_due = |due: u64| is_prompt || due <= turn;
        let pages = self.reads.pages.extract_if(.., |(_, due)| is_due(*due));
        let mut pages: Vec<PageRequest> = pages.map(|(page, _)| page).collect();
        while !pages.is_empty() {
            let request = pages.swap_remove(self.random.below(pages.len()));
            let outcome = self.page(&request);
            self.reads.counts.pages += 1;
            engine.page(request.id, outcome.clone(), now);
            if self.random.chance(50) {
                engine.page(request.id, outcome, now);
            }
        }
        let opens = self.reads.opens.extract_if(.., |(_, _, due)| is_due(*due));
        let mut opens: Vec<_> = opens.collect();
        while !opens.is_empty() {
            let (request, outcome, _) = opens.swap_remove(self.random.below(opens.len()));
            engine.opened(&request, outcome.clone(), now);
            let key = request.name.to_ascii_lowercase();
            self.reads.past.insert(key, (request, outcome));
        }
    }

    /// Turns until a read has its outcome.
    fn wait(&mut self) -> u64 {
        let stall = if self.random.chance(self.reads.stall_per_mille) { 300 } else { 0 };
        self.random.within(0, self.slowness) as u64 + stall
    }

    /// The outcome is what the store knows now, however late it comes.
    fn begin_open(&mut self, request: OpenRequest, engine: &mut Engine, turn: u64, now: Now) {
        let key = request.name.to_ascii_lowercase();
        let is_twice = self.reads.opens.iter().any(|(other, _, due)| {
            other.name.eq_ignore_ascii_case(&request.name) && *due != u64::MAX
        });
        assert!(!is_twice || self.is_doubtful(), "[open] two requests for {key} are under way");
        if self.random.chance(300)
            && let Some((past, outcome)) = self.reads.past.get(&key)
        {
            self.reads.counts.repeated += 1;
            engine.opened(past, outcome.clone(), now);
        }
        // Where only the program around the relay speaks, all is well.
        let is_calm = !self.reads.is_unreliable || key.len() != 2 || key.as_bytes()[1] >= b'6';
        if is_calm {
            let outcome = self.open(&request);
            return self.reads.opens.push((request, outcome, turn + 1));
        }
        if self.random.chance(self.reads.lose_per_mille) {
            self.lose(&key);
        }
        let fails = self.random.chance(self.reads.fail_per_mille);
        let outcome = if fails { OpenOutcome::Failed } else { self.open(&request) };
        let due = turn + self.wait();
        let is_never = self.random.chance(self.reads.never_per_mille);
        self.reads.opens.push((request, outcome, if is_never { u64::MAX } else { due }));
    }

    /// A room loses messages at its end, and so has another numbering.
    fn lose(&mut self, key: &str) {
        let known = self.reads.rooms.get_mut(key).filter(|known| known.head > 0);
        let Some(known) = known else { return };
        known.head = self.random.below(known.head as usize) as Offset;
        known.epoch = Epoch(self.random.next());
        known.messages.clear();
        self.heads.insert(known.epoch.0, known.head);
        self.reads.counts.shorter += 1;
    }

    fn open(&mut self, request: &OpenRequest) -> OpenOutcome {
        let key = request.name.to_ascii_lowercase();
        let Some(known) = self.reads.rooms.get(&key) else { return OpenOutcome::Absent };
        let mut bytes = 0;
        let newest = known.messages.iter().rev().take(request.messages).enumerate();
        let newest = newest.take_while(|(index, (message, _))| {
            bytes += message.weight();
            *index == 0 || bytes <= request.bytes
        });
        let mut messages: Vec<_> = newest.map(|(_, kept)| kept.clone()).collect();
        messages.reverse();
        let oldest = known.messages.front().map_or(known.head + 1, |(first, _)| first.offset);
        let (name, epoch, head) = (Rc::clone(&known.name), known.epoch, known.head);
        self.reads.counts.opened += 1;
        let events = self.events.get(&epoch.0).copied().unwrap_or(0);
        OpenOutcome::Found(StoredRoom { name, epoch, head, oldest, messages, events })
    }

    fn page(&mut self, request: &PageRequest) -> PageOutcome {
        let fails = self.random.chance(self.reads.fail_per_mille);
        let known = self.reads.rooms.get(&request.name.to_ascii_lowercase());
        let known = known.filter(|known| known.epoch == request.epoch && !fails);
        let Some(known) = known else { return PageOutcome::Failed };
        let kept: Vec<&Rc<Message>> = known.messages.iter().map(|(message, _)| message).collect();
        let oldest = kept.first().map_or(known.head + 1, |first| first.offset);
        let kept = kept.into_iter().filter(|message| message.offset <= request.head);
        let messages = found(kept.collect(), request.question);
        PageOutcome::Page(StoredPage { oldest: oldest.min(request.head + 1), messages })
    }
}

/// The messages that answer a question.
fn found(mut kept: Vec<&Rc<Message>>, question: Question) -> Vec<Rc<Message>> {
    let Question { select, limit, bytes } = question;
    let is_newest = match select {
        Select::Before(Mark::End) => true,
        Select::Before(Mark::Offset(end)) => {
            kept.retain(|message| message.offset < end);
            true
        }
        Select::After(Mark::Offset(start)) => {
            kept.retain(|message| message.offset > start);
            false
        }
        other => panic!("[page] nobody asks for {other:?}"),
    };
    if is_newest {
        kept.reverse();
    }
    let (most, mut weight) = (if limit == 0 { usize::MAX } else { limit }, 0);
    let fitting = kept.into_iter().take(most).enumerate().take_while(|(index, message)| {
        weight += message.weight();
        *index == 0 || weight <= bytes
    });
    let mut messages: Vec<Rc<Message>> = fitting.map(|(_, message)| Rc::clone(message)).collect();
    if is_newest {
        messages.reverse();
    }
    messages
}
