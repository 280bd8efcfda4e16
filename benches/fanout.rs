//! The cost of a message per member in the engine alone: one encoding, one append, and per member
//! the slices and their accounting. No system call is made, so this is hobnob's share of a
//! delivery.
//!
//! `cargo bench --bench fanout` prints nanoseconds per member and message, for one message per turn
//! and for 64, as under load.

use hobnob::Limits;
use hobnob::address::Remote;
use hobnob::engine::{Engine, SLICES};
use hobnob::id::ConnId;
use hobnob::now::Now;
use hobnob::secret::Secrets;
use hobnob::session::{Service, frame};
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, ServerFrame, VERSION};
use std::borrow::Cow;
use std::hint::black_box;
use std::io::IoSlice;
use std::time::{Duration, Instant};

const PAYLOAD: usize = 125;
const SIZES: [usize; 5] = [10, 100, 1_000, 10_000, 100_000];
const BATCHES: [usize; 2] = [1, 64];

/// The least time measured per row.
const ENOUGH: Duration = Duration::from_millis(500);

fn main() {
    let is_test = std::env::args().any(|arg| arg == "--test");
    println!(
        "{:>8} {:>14} {:>22} {:>16}",
        "members", "messages/turn", "ns per member+message", "us per turn"
    );
    for members in SIZES {
        for batch in BATCHES {
            if is_test && members > 100 {
                continue;
            }
            let mut room = Room::of(members);
            let (mut turns, began) = (0, Instant::now());
            while turns < 3 || began.elapsed() < ENOUGH && !is_test {
                room.turn(batch);
                turns += 1;
            }
            let nanos = began.elapsed().as_nanos() as f64 / f64::from(turns);
            let each = nanos / (members * batch) as f64;
            println!("{members:>8} {batch:>14} {each:>22.2} {:>16.1}", nanos / 1_000.0);
        }
    }
}

/// An engine with one room and its members, whose sockets accept everything.
struct Room {
    engine: Engine,
    publisher: ConnId,
    say: Vec<u8>,
    now: Now,
}

impl Room {
    fn of(members: usize) -> Self {
        let limits = Limits { presence_members: 0, ..Limits::default() };
        let services = vec![Service::Frame(frame::Options::default())];
        let mut engine = Engine::new(limits, services, Secrets::from_number(1));
        let now = Now { running: Duration::from_secs(1), unix_ms: 1_790_000_000_000 };
        engine.wake(now);
        let mut hello = Vec::new();
        let name = Cow::Borrowed("");
        binary::write_client(
            &ClientFrame::Hello { version: VERSION, private: false, key: 0, name },
            &mut hello,
        );
        let room = Cow::Borrowed("fanout");
        binary::write_client(
            &ClientFrame::Join { request: 1, resume: None, key: None, room },
            &mut hello,
        );
        let mut publisher = None;
        for _ in 0..members {
            let conn = engine
                .connected(0, Remote { exempt: true, ..Remote::default() }, now)
                .expect("room");
            engine.received(conn, &hello, now);
            publisher = Some(conn);
        }
        let publisher = publisher.expect("at least one member");
        let room = joined_room(&mut engine, publisher);
        let mut say = Vec::new();
        let payload = Cow::Owned(vec![b'x'; PAYLOAD]);
        binary::write_client(&ClientFrame::Say { room, id: 0, echo: true, payload }, &mut say);
        Self { engine, publisher, say, now }
    }

    fn turn(&mut self, batch: usize) {
        for _ in 0..batch {
            self.engine.received(self.publisher, &self.say, self.now);
        }
        self.engine.expire(self.now);
        self.engine.reap(self.now);
        while let Some(conn) = self.engine.take_dirty() {
            let mut slices = [IoSlice::new(&[]); SLICES];
            let (filled, total) = self.engine.slices(conn, &mut slices);
            black_box(&slices[..filled]);
            self.engine.sent(conn, total);
        }
    }
}

/// Flushes the replies of all members, and returns the room's number from one of them.
fn joined_room(engine: &mut Engine, member: ConnId) -> u32 {
    let mut bytes = Vec::new();
    while let Some(conn) = engine.take_dirty() {
        let mut slices = [IoSlice::new(&[]); SLICES];
        let (filled, total) = engine.slices(conn, &mut slices);
        if conn == member {
            slices[..filled].iter().for_each(|slice| bytes.extend_from_slice(slice));
        }
        engine.sent(conn, total);
    }
    let mut rest = &bytes[..];
    while let Ok(Parsed::Complete(frame, used)) = binary::parse_server(rest, 1 << 20) {
        if let ServerFrame::Joined { room, .. } = frame {
            return room;
        }
        rest = &rest[used..];
    }
    panic!("the member has joined");
}
