//! Tests of jobs: the order in which peers get a worker.

use super::harness::{FRAMES, Harness};
use crate::address::Remote;
use crate::engine::Effect;
use crate::id::{ConnId, JobId, RequestId};
use crate::limits::Limits;
use crate::session::{Job, Outcome};
use core::net::{IpAddr, Ipv4Addr};

/// Connects a peer from an address, and logs it in if it is to be greeted.
fn connect(harness: &mut Harness, address: u8, is_greeted: bool) -> ConnId {
    let ip = Some(IpAddr::V4(Ipv4Addr::new(192, 0, 2, address)));
    let conn = harness.connect_from(FRAMES, Remote { ip, exempt: true, trusted: false });
    if is_greeted {
        harness.hello(conn, &format!("name{}", conn.slot()));
        harness.settle();
    }
    conn
}

fn begin(harness: &mut Harness, conn: ConnId) {
    harness.engine.begin_job(conn, RequestId::from_number(1), Job::ReloadConfig);
}

/// Returns the job that a worker receives, if it is free, and its owner.
fn started(harness: &mut Harness) -> Option<(JobId, ConnId)> {
    loop {
        match harness.engine.poll_effect()? {
            Effect::Job(id, _) => return Some((id, harness.engine.jobs.newest_owner()?)),
            Effect::Resume(_) => {}
            other => panic!("{other:?}"),
        }
    }
}

/// Returns the number of jobs of an address with 64 connections, which always send another, that
/// are started before the job of another address.
fn jobs_before(are_greeted: impl Fn(usize) -> bool, is_greeted: bool) -> usize {
    let mut harness = Harness::new(Limits::default());
    let many: Vec<ConnId> =
        (0..64).map(|index| connect(&mut harness, 1, are_greeted(index))).collect();
    let one = connect(&mut harness, 2, is_greeted);
    many.iter().for_each(|conn| begin(&mut harness, *conn));
    let (mut running, _) = started(&mut harness).expect("a worker has time");
    begin(&mut harness, one);
    for before in 0..200 {
        harness.engine.completed(running, &Outcome::Failed, harness.now);
        let owner;
        (running, owner) = started(&mut harness).expect("more jobs");
        if owner == one {
            return before;
        }
        // Those that have their outcome ask again.
        for conn in &many {
            if !harness.engine.peers.get(*conn).expect("a peer").awaits_answer() {
                begin(&mut harness, *conn);
            }
        }
    }
    panic!("its turn never comes");
}

#[test]
fn many_connections_of_one_address_delay_the_job_of_another_by_one() {
    for (are_greeted, is_greeted) in [(true, true), (false, false), (true, false), (false, true)] {
        let before = jobs_before(|_| are_greeted, is_greeted);
        assert!(before <= 1, "{before} before it: {are_greeted}, {is_greeted}");
    }
    // With both kinds, the address has a turn in both queues.
    for is_greeted in [true, false] {
        let before = jobs_before(|index| index % 2 == 0, is_greeted);
        assert!(before <= 3, "{before} before it: {is_greeted}");
    }
}
