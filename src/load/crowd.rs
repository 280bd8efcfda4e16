//! All connections of a load, on one poll: connecting, joining, saying, hearing.

use super::ledger::Ledger;
use super::member::{Fate, Member, State};
use super::part::Part;
use super::sources::Sources;
use super::target::Target;
use super::timer::Timer;
use mio::{Events, Poll, Token};
use std::collections::VecDeque;
use std::io;
use std::net::SocketAddr;
use std::time::{Duration, Instant};

/// Events taken at a time. Few, because what stands last among them waits for those before it, and
/// that wait is ours and not the server's.
const EVENTS: usize = 128;

/// What one read can take.
const SCRATCH: usize = 128 << 10;

const TIMER: Token = Token(usize::MAX);

/// What happened to a member.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum News {
    /// It is where it should be, so long after its connect began.
    In(usize, Duration),
    /// Something it asked for was refused.
    Refused(usize, String),
    /// Its connection is over.
    Ended(usize, String),
}

/// All connections of a load.
pub struct Crowd {
    poll: Poll,
    events: Events,
    timer: Timer,
    target: Target,
    address: SocketAddr,
    sources: Sources,
    members: Vec<Member>,
    /// Every read goes through here, behind what was left of the last one.
    scratch: Vec<u8>,
    /// Members with bytes left in the kernel although no event will say so.
    again: VecDeque<usize>,
    /// Members that are read from in every turn, whatever the poll says.
    prompt: Vec<usize>,
    /// Members with something to write.
    dirty: Vec<usize>,
    news: Vec<News>,
    began: Instant,
    /// Connections made so far: names are numbers that nobody had before.
    born: u32,
    /// When the last poll came back.
    woke: Instant,
    /// Time spent outside of the poll.
    busy: Duration,
    /// The longest turns since somebody asked.
    turns: Vec<u32>,
}

impl Crowd {
    /// A crowd that is not there yet.
    ///
    /// # Errors
    /// A sentence, if the target's name means nothing or the system gives no poll.
    pub fn new(target: &Target, parts: &[Part], sources: usize) -> Result<Self, String> {
        let address = target.resolve()?;
        let poll = Poll::new().map_err(|error| format!("no poll: {error}"))?;
        let timer = Timer::new(poll.registry(), TIMER);
        let timer = timer.map_err(|error| format!("no timer: {error}"))?;
        let woke = Instant::now();
        Ok(Self {
            poll,
            events: Events::with_capacity(EVENTS),
            timer,
            target: target.clone(),
            address,
            sources: Sources::new(address, parts.len(), sources),
            members: parts.iter().map(|part| Member::new(*part)).collect(),
            scratch: vec![0; SCRATCH],
            again: VecDeque::new(),
            prompt: Vec::new(),
            dirty: Vec::new(),
            news: Vec::new(),
            began: woke,
            // So that two loads on one server do not meet under one name.
            born: std::process::id().wrapping_mul(100_003) & 0x7ff_ffff,
            woke,
            busy: Duration::ZERO,
            turns: Vec::new(),
        })
    }

    /// Nanoseconds since the crowd was made: the clock of every stamp.
    pub fn now(&self) -> u64 {
        self.began.elapsed().as_nanos() as u64
    }

    /// The member in a place.
    pub fn member(&self, index: usize) -> &Member {
        &self.members[index]
    }

    /// How many places there are.
    pub fn len(&self) -> usize {
        self.members.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.members.is_empty()
    }

    /// What happened since this was last asked.
    pub fn take_news(&mut self) -> Vec<News> {
        std::mem::take(&mut self.news)
    }

    /// Time spent outside of the poll since the crowd was made.
    pub fn busy(&self) -> Duration {
        self.busy
    }

    /// How long turns were since this was last asked, in microseconds.
    pub fn take_turns(&mut self) -> Vec<u32> {
        std::mem::take(&mut self.turns)
    }

    /// How many source addresses are used.
    pub fn sources(&self) -> usize {
        self.sources.count()
    }

    /// Begins a connection in this place, in place of one there was.
    ///
    /// # Errors
    /// A sentence, if the system refuses: then more of the same will not help.
    pub fn connect(&mut self, index: usize) -> Result<(), String> {
        let source = self.sources.take();
        let habits = self.members[index].habits(self.born);
        self.born = self.born.wrapping_add(1) & 0x7ff_ffff;
        let began = self.now();
        let (registry, target) = (self.poll.registry(), &self.target);
        let connected =
            self.members[index].connect(registry, Token(index), self.address, source, began);
        connected.map_err(|error| self.sources.explain(&error))?;
        self.members[index].open(target, habits);
        Ok(())
    }

    /// Has this member read from in every turn. An event of its would stand in the poll's queue behind
    /// those of everybody else who has something to read, and the wait would look like the server's.
    pub fn read_promptly(&mut self, index: usize) {
        self.prompt.push(index);
    }

    /// Members that began to connect before then and are not in.
    pub fn still_coming(&self, before: u64) -> Vec<usize> {
        let coming = |member: &Member| !matches!(member.state, State::Out | State::In);
        let members = self.members.iter().enumerate();
        let late = members.filter(|(_, member)| coming(member) && member.began < before);
        late.map(|(index, _)| index).collect()
    }

    /// Hangs up at once, without waiting for what is under way.
    pub fn cut(&mut self, index: usize) {
        self.members[index].cut();
    }

    /// Asks to leave the room.
    pub fn leave(&mut self, index: usize) {
        self.members[index].leave();
        // A connection that broke meanwhile will say so itself.
        let _ = self.members[index].flush();
    }

    /// Says `payload` at the end of the turn.
    pub fn say(&mut self, index: usize, payload: &[u8]) {
        if self.members[index].say(payload) {
            self.dirty.push(index);
        }
    }

    /// Bytes that wait because the server does not take them.
    pub fn unsent(&self, index: usize) -> usize {
        self.members[index].unsent()
    }

    /// Stops reading, or reads on.
    pub fn stall(&mut self, index: usize, stalled: bool) {
        self.members[index].stalled = stalled;
        self.again.push_back(index);
    }

    /// Writes what was said, waits until something happens or `until` has come, and hears it.
    pub fn turn(&mut self, until: u64, ledger: &mut Ledger) {
        self.flush();
        let left = Duration::from_nanos(until.saturating_sub(self.now()));
        let wait = match self.again.is_empty() && self.news.is_empty() {
            true if left.is_zero() => Duration::ZERO,
            true => self.timer.set(left),
            false => Duration::ZERO,
        };
        let turn = self.woke.elapsed();
        self.busy += turn;
        self.turns.push(turn.as_micros().min(u128::from(u32::MAX)) as u32);
        let polled = self.poll.poll(&mut self.events, Some(wait));
        self.woke = Instant::now();
        if let Err(error) = polled {
            debug_assert_eq!(error.kind(), io::ErrorKind::Interrupted);
            return;
        }
        for _ in 0..self.again.len() {
            if let Some(index) = self.again.pop_front() {
                self.read(index, ledger);
            }
        }
        for at in 0..self.prompt.len() {
            self.read(self.prompt[at], ledger);
        }
        let events = std::mem::replace(&mut self.events, Events::with_capacity(0));
        for event in &events {
            let Token(index) = event.token();
            if event.token() == TIMER || index >= self.members.len() {
                continue;
            }
            if event.is_writable() && self.members[index].state == State::Connecting {
                self.connected(index);
            } else if event.is_writable() && self.members[index].unsent() > 0 {
                self.dirty.push(index);
            }
            if event.is_readable() || event.is_read_closed() || event.is_error() {
                self.members[index].hung_up |= event.is_read_closed();
                self.read(index, ledger);
            }
        }
        self.events = events;
        self.flush();
    }

    fn connected(&mut self, index: usize) {
        match self.members[index].connected() {
            Ok(false) => {}
            Ok(true) => {
                self.dirty.push(index);
                self.arrive(index);
            }
            Err(error) => {
                let reason = self.sources.explain(&error);
                self.ended(index, reason);
            }
        }
    }

    /// Says that a member is in, if it is.
    fn arrive(&mut self, index: usize) {
        let now = self.now();
        let member = &mut self.members[index];
        if member.state == State::In && !std::mem::replace(&mut member.told, true) {
            let took = Duration::from_nanos(now.saturating_sub(member.began));
            self.news.push(News::In(index, took));
        }
    }

    fn ended(&mut self, index: usize, reason: String) {
        self.members[index].close();
        self.news.push(News::Ended(index, reason));
    }

    fn read(&mut self, index: usize, ledger: &mut Ledger) {
        let member = &mut self.members[index];
        if member.stalled || !member.is_open() || member.state == State::Connecting {
            return;
        }
        let fate = member.read(&mut self.scratch, ledger, self.began);
        let (was_in, has_more) = (member.told, member.unsent() > 0);
        if has_more {
            self.dirty.push(index);
        }
        if !was_in {
            self.arrive(index);
        }
        for refusal in std::mem::take(&mut self.members[index].refusals) {
            self.news.push(News::Refused(index, refusal));
        }
        match fate {
            Fate::More => self.again.push_back(index),
            Fate::Drained | Fate::Nothing => {}
            Fate::Over(reason) => self.ended(index, reason),
        }
    }

    fn flush(&mut self) {
        let mut dirty = std::mem::take(&mut self.dirty);
        for index in dirty.drain(..) {
            if let Err(error) = self.members[index].flush() {
                self.ended(index, error.to_string());
            }
        }
        self.dirty = dirty;
    }
}
