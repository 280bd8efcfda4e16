//! The execution of a plan: connect, probe, load, result.

mod churn;
mod connect;
mod load;
mod max_rate;
mod storm;
mod verdict;

use super::connections::{ConnectionEvent, Connections};
use super::delivery_record::{DeliveryRecord, new_histogram};
use super::error::LoadError;
use super::outcome::{ConnectFacts, FORMAT, Group, Latency, Outcome, ServerUse, Tick};
use super::plan::{LoadKind, Plan};
use super::role::Role;
use super::server;
use super::sources::reserve_descriptors;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// The progress of a run.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// The name of the current stage.
    pub stage: &'static str,
    /// True during the load itself.
    pub is_load: bool,
    /// The share of the stage that is done, from 0 to 1.
    pub done: f64,
    /// Connections that have joined.
    pub present: usize,
    /// Connections in total.
    pub connections: usize,
    /// Messages published so far.
    pub said: u64,
    /// Copies delivered so far.
    pub delivered: u64,
    /// Copies delivered per second, since the last report.
    pub rate: f64,
}

/// Nanoseconds between two samples.
const TICK: u64 = 100_000_000;

/// Executes `plan`. `pid` is the server's process, if known; `watch` receives the progress ten
/// times a second.
///
/// # Errors
/// The reason why nothing can be measured, and what to do about it.
pub fn run(
    plan: &Plan,
    pid: Option<u32>,
    watch: &mut impl FnMut(&Progress),
) -> Result<Outcome, LoadError> {
    plan.check()?;
    reserve_descriptors(plan.connections())?;
    let mut run = Run::new(plan, pid, watch)?;
    let before = run.sample();
    if let LoadKind::Storm { cuts } = plan.kind {
        run.storm(cuts)?;
    } else {
        run.connect_all()?;
        run.probe_rooms()?;
    }
    run.run_for(plan.settle)?;
    run.record_idle(before);
    match &plan.kind {
        LoadKind::Publish => run.publish(&plan.streams, plan.warmup, plan.duration)?,
        LoadKind::Stall => run.publish_with_stalled_readers()?,
        LoadKind::Idle => run.measure_idle()?,
        LoadKind::Storm { .. } => {}
        LoadKind::Churn { rate } => run.churn(*rate)?,
        LoadKind::FindMax(bound) => run.find_max(*bound)?,
    }
    Ok(run.finish())
}

/// A running measurement.
struct Run<'a, W> {
    plan: &'a Plan,
    watch: &'a mut W,
    pid: Option<u32>,
    connections: Connections,
    record: DeliveryRecord,
    outcome: Outcome,
    /// Time from connect to join.
    join: Histogram<u64>,
    present: usize,
    /// Close reasons and refusals, with their counts.
    ended: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    /// Connections that joined, and connections that were closed, since the last check.
    arrived: Vec<usize>,
    gone: Vec<usize>,
    /// The start of the load, once it has begun.
    load_began: Option<u64>,
    next_tick: u64,
    /// Time and deliveries of the last report.
    last: (u64, u64),
    stage: &'static str,
    done: f64,
    payload: Vec<u8>,
}

impl<'a, W: FnMut(&Progress)> Run<'a, W> {
    fn new(plan: &'a Plan, pid: Option<u32>, watch: &'a mut W) -> Result<Self, LoadError> {
        let scheme = plan.target.scheme;
        let reader = |(index, (room, _)): (usize, &(u32, u8))| Role {
            room: *room,
            joins: true,
            reader: Some(index as u32),
            own_copies: plan.one_connection,
        };
        let publisher = |room: &u32| Role {
            room: *room,
            joins: scheme.joins_to_publish(),
            reader: None,
            own_copies: false,
        };
        let mut roles: Vec<Role> = plan.readers.iter().enumerate().map(reader).collect();
        if !plan.one_connection {
            roles.extend(plan.publishers.iter().map(publisher));
        }
        let mut connections = Connections::new(&plan.target, &roles, plan.sources)?;
        plan.every_turn.clone().for_each(|index| connections.read_every_turn(index));
        let mut record = DeliveryRecord::new(&plan.publishers, &plan.readers, plan.groups.len());
        record.is_one_room = !scheme.has_rooms();
        record.work = plan.work;
        let facts = ConnectFacts {
            connections: plan.connections() as u64,
            readers: plan.readers.len() as u64,
            publishers: plan.publishers.len() as u64,
            rooms: plan.room_count() as u64,
            size: plan.size as u64,
            sources: connections.sources() as u64,
            ..ConnectFacts::default()
        };
        let outcome = Outcome {
            format: FORMAT,
            scenario: plan.scenario.to_owned(),
            load: plan.load.clone(),
            target: plan.target.to_string(),
            connect: facts,
            ..Outcome::default()
        };
        Ok(Self {
            plan,
            watch,
            pid,
            connections,
            record,
            outcome,
            join: new_histogram(),
            present: 0,
            ended: BTreeMap::new(),
            refused: BTreeMap::new(),
            arrived: Vec::new(),
            gone: Vec::new(),
            load_began: None,
            next_tick: 0,
            last: (0, 0),
            stage: "connecting",
            done: 0.0,
            payload: Vec::new(),
        })
    }

    /// Returns the connection of a publisher.
    fn connection_of(&self, publisher: u32) -> usize {
        publisher as usize + if self.plan.one_connection { 0 } else { self.plan.readers.len() }
    }

    /// Runs one turn, and takes a sample if it is due.
    fn turn(&mut self, until: u64) -> Result<(), LoadError> {
        self.tick();
        self.connections.turn(until.min(self.next_tick), &mut self.record);
        self.handle_events()
    }

    /// Handles the connection events.
    fn handle_events(&mut self) -> Result<(), LoadError> {
        for event in self.connections.take_events() {
            match event {
                ConnectionEvent::Joined(index, took) => {
                    self.present += 1;
                    self.arrived.push(index);
                    self.join.saturating_record(took.as_nanos() as u64);
                }
                ConnectionEvent::Refused(_, text) => *self.refused.entry(text).or_default() += 1,
                ConnectionEvent::Ended(index, reason) => {
                    self.gone.push(index);
                    *self.ended.entry(reason).or_default() += 1;
                    if let (Some(reader), true) =
                        (self.connections.connection(index).reader(), self.load_began.is_some())
                    {
                        self.record.close(reader);
                    }
                }
            }
        }
        let everyone = self.connections.len();
        if self.load_began.is_some() && !self.gone.is_empty() && self.gone.len() >= everyone {
            return Err(LoadError::Server(format!(
                "the server closed every connection: {}",
                self.reasons()
            )));
        }
        Ok(())
    }

    /// Returns the close reasons and refusals, the most frequent first.
    fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.refused.iter().chain(&self.ended).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons = reasons.iter().take(3).map(|(reason, count)| format!("{reason} ({count}×)"));
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        if reasons.is_empty() { "it gave no reason".to_owned() } else { reasons }
    }

    /// Takes a sample.
    fn sample(&self) -> Tick {
        let used = self.pid.and_then(server::usage).unwrap_or_default();
        Tick {
            at: self
                .load_began
                .map_or(0.0, |began| self.connections.now().saturating_sub(began) as f64 / 1e9),
            said: self.record.published_total(),
            delivered: self.record.delivered,
            server_cpu: used.cpu,
            own_cpu: server::own_cpu(),
            resident: used.resident,
            kernel: server::socket_memory(),
        }
    }

    /// Ten times a second, records a sample and reports the progress.
    fn tick(&mut self) {
        let now = self.connections.now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        if self.load_began.is_some() {
            let look = self.sample();
            self.outcome.timeline.push(look);
        }
        let (at, delivered) = std::mem::replace(&mut self.last, (now, self.record.delivered));
        let progress = Progress {
            stage: self.stage,
            is_load: matches!(self.stage, "load" | "storm" | "visits"),
            done: self.done,
            present: self.present,
            connections: self.connections.len(),
            said: self.record.published_total(),
            delivered: self.record.delivered,
            rate: (self.record.delivered - delivered) as f64 * 1e9 / (now - at).max(1) as f64,
        };
        (self.watch)(&progress);
    }

    /// Runs turns for a while.
    fn run_for(&mut self, time: Duration) -> Result<(), LoadError> {
        let until = self.connections.now() + time.as_nanos() as u64;
        while self.connections.now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Records the cost of idle connections.
    fn record_idle(&mut self, before: Tick) {
        let (now, count) = (self.sample(), self.connections.len() as f64);
        let Some(pid) = self.pid else { return };
        self.outcome.server = Some(ServerUse {
            pid,
            resident_before: before.resident,
            resident_idle: now.resident,
            resident_peak: now.resident,
            resident_per_connection: now.resident.saturating_sub(before.resident) as f64 / count,
            cpu_per_connection: (now.server_cpu - before.server_cpu) * 1e9 / count,
            kernel_per_connection: now.kernel.saturating_sub(before.kernel) as f64 / count,
            ..ServerUse::default()
        });
    }

    /// Measures idle connections.
    fn measure_idle(&mut self) -> Result<(), LoadError> {
        self.publish(&[], Duration::ZERO, self.plan.duration)
    }

    /// Returns the result.
    fn finish(mut self) -> Outcome {
        let deliveries = self.record.settle();
        if self.outcome.groups.is_empty() {
            let groups = self.plan.groups.iter().zip(&deliveries).enumerate();
            self.outcome.groups = groups
                .map(|(index, (name, deliveries))| {
                    let readers = self.plan.readers.iter();
                    let readers = readers.filter(|(_, group)| usize::from(*group) == index).count();
                    Group::new(name, readers as u64, deliveries)
                })
                .collect();
        }
        let ticks = &self.outcome.timeline;
        let resident = ticks.iter().map(|tick| tick.resident).max().unwrap_or(0);
        let kernel = ticks.iter().map(|tick| tick.kernel).max().unwrap_or(0);
        if let Some(server) = &mut self.outcome.server {
            server.resident_peak = server.resident_peak.max(resident);
            server.kernel_peak = kernel;
        }
        self.outcome.connect.join = Latency::of(&self.join);
        self.outcome.garbled = self.record.garbled;
        self.outcome.strays = self.record.strays;
        self.outcome.ended = self.ended.into_iter().collect();
        self.outcome.refused = self.refused.into_iter().collect();
        self.outcome.generator.complaints = verdict::complaints(self.plan, &self.outcome);
        self.outcome
    }
}
