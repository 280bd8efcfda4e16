//! Faults of the world in one seed, and the behaviour of its people.

use crate::random::Random;
use hobnob::limits::Limits;
use std::time::Duration;

/// Behaviour of a seed's peers, in weights.
#[derive(Debug)]
pub struct Manners {
    pub join: usize,
    pub leave: usize,
    pub publish: usize,
    pub query: usize,
    pub direct: usize,
    /// Actions of operators, where there are any.
    pub moderate: usize,
    pub ping: usize,
    pub bye: usize,
    pub mistake: usize,
    pub garbage: usize,
    pub repeat_per_mille: usize,
    pub silent_echo_per_mille: usize,
    pub largest: usize,
}

/// One thing that happens in a world.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    Connect,
    /// A peer asks for something, or publishes something.
    Act,
    /// The relay reads.
    Deliver,
    /// A peer reads.
    Read,
    Reset,
    HalfClose,
    Stall,
    /// The loop is told of a connection that is gone.
    Stale,
    SpuriousWritable,
    PublishFromHost,
    /// The process of the relay stands still.
    Stop,
    WallClock,
    OperatorCloses,
    /// There is room in a send buffer that was full.
    Writable,
}

/// Faults of the world in one seed.
#[derive(Debug)]
pub struct Weather {
    pub peers: usize,
    pub rooms: usize,
    pub events: [(Event, usize); 14],
    pub stall_turns: usize,
    pub is_audited_everywhere: bool,
    pub late_per_mille: usize,
    pub is_drained: bool,
}

impl Weather {
    /// Keeps something from happening from now on.
    pub fn rule_out(&mut self, event: Event) {
        let weights = self.events.iter_mut().filter(|(which, _)| *which == event);
        weights.for_each(|(_, weight)| *weight = 0);
    }
}

pub fn draw_limits(random: &mut Random) -> Limits {
    let backlog = 64 << 10 << random.below(2);
    let message = *random.pick(&[2 << 10, 4 << 10, 16 << 10]);
    let is_wide = random.chance(700);
    let history_bytes = *random.pick(&[4 << 10, 32 << 10, 256 << 10]);
    let millis =
        |random: &mut Random, least, most| Duration::from_millis(random.within(least, most) as u64);
    let limits = Limits {
        commands_per_turn: random.within(1, 16),
        flush_writes: random.within(2, 64),
        flush_bytes: random.within(4 << 10, 256 << 10),
        handshake: millis(random, 500, 3_000),
        before_hello: random.within(256, 1_024),
        message,
        backlog,
        backlog_total: if random.chance(200) { backlog * 2 } else { backlog * 64 },
        outbox: 16 << 10 << random.below(3),
        send_buffer: random.within(2 << 10, 32 << 10),
        rooms_per_peer: random.within(2, 6),
        rooms: 1_000,
        history_messages: *random.pick(&[1, 10, 100, 1_000]),
        history_bytes,
        history_age: millis(random, 1_000, 60_000),
        history_total: if is_wide { 64 << 20 } else { history_bytes * 2 },
        said_once_messages: *random.pick(&[1, 10, 100, 1_000]),
        said_once_age: millis(random, 1_000, 60_000),
        said_once_total: *random.pick(&[0, 4 << 10, 64 << 20]),
        rate_burst: 5,
        rate_every: Duration::from_millis(if random.chance(250) { 50 } else { 0 }),
        presence_members: random.within(2, 8),
        ping_after: millis(random, 1_000, 6_000),
        ping_grace: millis(random, 500, 2_000),
        drain_grace: millis(random, 100, 3_000),
        drain_hard: millis(random, 2_000, 20_000),
        ..Limits::default()
    };
    limits.check().expect("limits that an operator could choose");
    limits
}

pub fn draw_weather(random: &mut Random, per_peer: usize) -> (Weather, Manners) {
    // Some seeds are calm, and some have all faults at once; most have a few.
    let wild = *random.pick(&[0, 1, 2, 4]);
    let some = |random: &mut Random, most: usize| {
        if random.chance(500) { random.within(0, most * wild) } else { 0 }
    };
    let events = [
        (Event::Connect, random.within(10, 60)),
        (Event::Act, 300),
        (Event::Deliver, 300),
        (Event::Read, random.within(100, 400)),
        (Event::Reset, some(random, 3)),
        (Event::HalfClose, some(random, 3)),
        (Event::Stall, some(random, 8)),
        (Event::Stale, some(random, 10)),
        (Event::SpuriousWritable, some(random, 10)),
        (Event::PublishFromHost, some(random, 6)),
        (Event::Stop, some(random, 1)),
        (Event::WallClock, some(random, 3)),
        (Event::OperatorCloses, some(random, 1)),
        (Event::Writable, 100),
    ];
    let (rooms, is_audited_everywhere) = (random.within(1, 6), random.chance(700));
    let weather = Weather {
        peers: if random.chance(300) { random.within(20, 60) } else { random.within(2, 20) },
        rooms: if is_audited_everywhere { rooms.min(per_peer) } else { rooms },
        events,
        stall_turns: random.within(1, 400),
        is_audited_everywhere,
        late_per_mille: *random.pick(&[0, 100, 500]),
        is_drained: random.chance(400),
    };
    let manners = Manners {
        join: random.within(5, 60),
        leave: random.within(0, 20),
        publish: random.within(100, 500),
        query: random.within(0, 30),
        direct: random.within(0, 60),
        moderate: if random.chance(400) { random.within(50, 250) } else { 0 },
        ping: random.within(0, 60),
        bye: some(random, 2),
        mistake: some(random, 10),
        garbage: some(random, 2),
        repeat_per_mille: *random.pick(&[0, 50, 300]),
        silent_echo_per_mille: *random.pick(&[0, 300, 1_000]),
        largest: *random.pick(&[200, 2_000, 16_000]),
    };
    (weather, manners)
}
