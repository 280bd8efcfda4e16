//! The engine in a bad world: many seeded peers over a kernel that cuts, stalls and breaks, against
//! a small model of what must come out. Everything follows from the seed.
//!
//! A peer acts by the table of its protocol (`peer/action.rs`). Its reader turns the bytes that it hears
//! into events that all protocols share (`peer/heard.rs`), and one checker (`peer/check.rs`) compares
//! these with the model.
//!
//! `HOBNOB_SEED=123` plays one seed alone, and `HOBNOB_TRACE=1` tells what happens in it;
//! `HOBNOB_SEEDS=5000` or `HOBNOB_SEEDS=1000..2000` plays others than the usual ones, and
//! `HOBNOB_EVENTS=100000` longer.

mod model;
mod peer;
mod random;
mod totals;
mod weather;
mod world;

use std::cell::RefCell;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::sync::Mutex;
use std::sync::atomic::{AtomicBool, AtomicU64, Ordering};
use totals::Totals;
use world::World;

const SEEDS: u64 = 200;
const EVENTS: u64 = 20_000;

thread_local! {
    /// What the last panic of this thread said, and where.
    static LAST_WORDS: RefCell<String> = const { RefCell::new(String::new()) };
}

fn setting(name: &str) -> Option<String> {
    std::env::var(name).ok()
}

fn seeds() -> Range<u64> {
    let number = |text: &str| text.parse().unwrap_or_else(|_| panic!("{text} is no number"));
    if let Some(seed) = setting("HOBNOB_SEED") {
        let seed = number(&seed);
        return seed..seed + 1;
    }
    match setting("HOBNOB_SEEDS") {
        None => 0..SEEDS,
        Some(seeds) => match seeds.split_once("..") {
            Some((from, to)) => number(from)..number(to),
            None => 0..number(&seeds),
        },
    }
}

/// Plays one seed.
fn play(seed: u64, events: u64, trace: bool) -> Result<Totals, String> {
    let mut world = World::new(seed, trace);
    match catch_unwind(AssertUnwindSafe(|| world.run(events))) {
        Ok(()) => Ok(world.totals),
        Err(_) => {
            let words = LAST_WORDS.with_borrow(Clone::clone);
            let after = world.totals.events;
            Err(format!("HOBNOB_SEED={seed} failed after {after} events: {words}"))
        }
    }
}

#[test]
fn a_bad_world_breaks_no_promise() {
    let (seeds, trace) = (seeds(), setting("HOBNOB_TRACE").is_some());
    let events = setting("HOBNOB_EVENTS").map_or(EVENTS, |events| events.parse().unwrap());
    let is_usual = seeds == (0..SEEDS) && events == EVENTS;
    std::panic::set_hook(Box::new(|panic| {
        let place = panic.location().map(ToString::to_string).unwrap_or_default();
        let text = panic.payload_as_str().unwrap_or("a panic without words");
        LAST_WORDS.set(format!("{} ({place})", text.replace('\n', " ")));
    }));
    let next = AtomicU64::new(seeds.start);
    let has_failed = AtomicBool::new(false);
    let (failures, totals) = (Mutex::new(Vec::new()), Mutex::new(Totals::default()));
    let threads = std::thread::available_parallelism().map_or(1, usize::from);
    std::thread::scope(|scope| {
        for _ in 0..threads {
            scope.spawn(|| {
                while !has_failed.load(Ordering::Relaxed) {
                    let seed = next.fetch_add(1, Ordering::Relaxed);
                    if seed >= seeds.end {
                        break;
                    }
                    match play(seed, events, trace) {
                        Ok(played) => totals.lock().unwrap().add(&played),
                        Err(failure) => {
                            has_failed.store(true, Ordering::Relaxed);
                            failures.lock().unwrap().push(failure);
                        }
                    }
                }
            });
        }
    });
    drop(std::panic::take_hook());
    let (failures, totals) = (failures.into_inner().unwrap(), totals.into_inner().unwrap());
    assert!(failures.is_empty(), "\n{}\n", failures.join("\n"));
    totals.print();
    if is_usual {
        totals.assert_not_vacuous();
    }
}
