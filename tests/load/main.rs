//! The bench against a server that misbehaves on purpose: each fault is seen, and has its name.

mod process;
mod server;

use hobnob::load::outcome::{Group, Outcome};
use hobnob::load::schedule::Pacing;
use hobnob::load::{LoadError, Plan, Target, run};
use server::{Fault, Protocol, Server};
use std::time::Duration;

const READERS: u32 = 5;
const RATE: f64 = 4_000.0;
/// Messages published in half a second of warm-up and half a second of measuring.
const SAID: u64 = 4_000;

fn plan(target: &Target) -> Plan {
    let mut plan = Plan::fanout(target, READERS, 1, Pacing::Rate(RATE));
    plan.settle = Duration::ZERO;
    plan.warmup = Duration::from_millis(500);
    plan.duration = Duration::from_millis(500);
    // Patience for a busy machine; it ends as soon as nothing is missing.
    plan.grace = Duration::from_secs(10);
    plan.size = 64;
    plan
}

fn measure(protocol: Protocol, fault: Fault) -> Outcome {
    let server = Server::start(protocol, fault);
    run(&plan(&server.target), None, &mut |_| {}).unwrap()
}

fn only_group(outcome: &Outcome) -> &Group {
    let [group] = &outcome.groups[..] else { panic!("{:?}", outcome.groups) };
    group
}

/// Lost, told, cut off, duplicated, reordered.
fn faults(outcome: &Outcome) -> [u64; 5] {
    let Group { lost, told, cut_off, duplicated, reordered, .. } = only_group(outcome);
    [*lost, *told, *cut_off, *duplicated, *reordered]
}

/// One in so many of what each reader was to hear.
const fn one_in(many: u64) -> u64 {
    SAID / many * READERS as u64
}

#[test]
fn a_clean_server_has_none_of_each() {
    for protocol in [Protocol::Line, Protocol::Frame] {
        let outcome = measure(protocol, Fault::None);
        assert_eq!(faults(&outcome), [0; 5]);
        assert_eq!(only_group(&outcome).delivered, SAID * u64::from(READERS));
        assert_eq!((outcome.garbled, outcome.strays), (0, 0));
        assert!(outcome.ended.is_empty(), "{:?}", outcome.ended);
        // Due in the measured half, and nothing else.
        let count = only_group(&outcome).latency.count;
        assert_eq!(count, SAID / 2 * u64::from(READERS));
    }
}

#[test]
fn one_in_a_thousand_dropped_is_lost() {
    for protocol in [Protocol::Line, Protocol::Frame] {
        let outcome = measure(protocol, Fault::Drop);
        assert_eq!(faults(&outcome), [one_in(1_000), 0, 0, 0, 0]);
    }
}

#[test]
fn two_swapped_are_reordered_and_not_lost() {
    let outcome = measure(Protocol::Line, Fault::Swap);
    assert_eq!(faults(&outcome), [0, 0, 0, 0, one_in(1_000)]);
}

#[test]
fn one_sent_twice_is_duplicated() {
    let outcome = measure(Protocol::Line, Fault::Duplicate);
    assert_eq!(faults(&outcome), [0, 0, 0, one_in(1_000), 0]);
}

#[test]
fn a_gap_that_is_told_is_no_silent_loss() {
    let outcome = measure(Protocol::Frame, Fault::Gap);
    assert_eq!(faults(&outcome), [0, one_in(1_000), 0, 0, 0]);
}

#[test]
fn what_somebody_misses_who_was_hung_up_on_is_told_apart() {
    let outcome = measure(Protocol::Line, Fault::HangUpOnOne);
    let [lost, told, cut_off, duplicated, reordered] = faults(&outcome);
    assert_eq!([lost, told, duplicated, reordered], [0; 4]);
    assert!(cut_off > 0);
    assert_eq!(only_group(&outcome).delivered + cut_off, SAID * u64::from(READERS));
    assert_eq!(outcome.ended.iter().map(|(_, count)| count).sum::<u64>(), 1, "{:?}", outcome.ended);
}

#[test]
fn one_in_a_hundred_late_by_50_ms_is_in_the_tail() {
    let server = Server::start(Protocol::Line, Fault::Delay);
    let mut plan = plan(&server.target);
    // So slow that what is behind a late one has caught up before the next late one.
    plan.streams[0].pacing = Pacing::Rate(100.0);
    plan.warmup = Duration::ZERO;
    plan.duration = Duration::from_secs(2);
    let outcome = run(&plan, None, &mut |_| {}).unwrap();
    let group = only_group(&outcome);
    assert_eq!((group.delivered, group.latency.count), (200 * 5, 200 * 5));
    assert!(group.latency.p999 >= 50_000_000, "{:?}", group.latency);
    assert!(group.latency.max >= 50_000_000, "{:?}", group.latency);
    assert_eq!(faults(&outcome), [0; 5], "late is not lost");
}

#[test]
fn torn_lines_are_seen() {
    let outcome = measure(Protocol::Line, Fault::Garble);
    // The publisher is a member, too, and hears its own.
    assert_eq!(outcome.garbled, one_in(1_000) + SAID / 1_000);
    assert_eq!(faults(&outcome)[0], one_in(1_000), "a line nobody can read is lost");
}

#[test]
fn a_window_that_is_lost_does_not_stop_the_load() {
    let server = Server::start(Protocol::Line, Fault::Drop);
    let mut plan = plan(&server.target);
    // One at a time, and each thousandth never comes: only giving up on it goes on.
    plan.streams[0].pacing = Pacing::Window(1);
    plan.readers.truncate(1);
    plan.duration = Duration::from_secs(4);
    plan.grace = Duration::from_secs(1);
    let outcome = run(&plan, None, &mut |_| {}).unwrap();
    let group = only_group(&outcome);
    assert!(group.delivered > 999, "{group:?}");
    assert!(group.lost > 0 && outcome.ended[0].0.contains("window"), "{:?}", outcome.ended);
}

#[test]
fn a_starved_generator_says_so() {
    let server = Server::start(Protocol::Line, Fault::None);
    let mut plan = plan(&server.target);
    // Twice as much work as there is time.
    plan.work = Duration::from_millis(1);
    plan.streams[0].pacing = Pacing::Rate(400.0);
    let outcome = run(&plan, None, &mut |_| {}).unwrap();
    assert!(!outcome.generator.complaints.is_empty(), "{:?}", outcome.generator);
    assert_eq!(faults(&outcome), [0; 5], "what is late by our fault is not lost");
}

#[test]
fn a_room_that_stays_silent_is_an_error_and_no_measurement() {
    let server = Server::start(Protocol::Line, Fault::Mute);
    let error = run(&plan(&server.target), None, &mut |_| {}).unwrap_err();
    assert!(
        matches!(&error, LoadError::NoProgress(text) if text.starts_with("5 of 5 readers receive no messages")),
        "{error}"
    );
}
