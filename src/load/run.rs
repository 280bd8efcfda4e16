//! A plan, carried out: everyone in, the roll called, the load, and what came of it.

mod assembly;
mod ceiling;
mod churn;
mod load;
mod storm;
mod verdict;

use super::crowd::{Crowd, News};
use super::ledger::{Ledger, new_histogram};
use super::outcome::{CrowdFacts, FORMAT, Group, Latency, Outcome, ServerUse, Tick};
use super::part::Part;
use super::plan::{Act, Plan};
use super::server;
use super::sources::reserve_descriptors;
use hdrhistogram::Histogram;
use std::collections::BTreeMap;
use std::time::Duration;

/// How far a run is, for whoever watches.
#[derive(Clone, Copy, Debug)]
pub struct Progress {
    /// What is being done.
    pub stage: &'static str,
    /// Whether that is the load itself, and not what goes before or after it.
    pub is_load: bool,
    /// How much of it is done, from 0 to 1.
    pub done: f64,
    /// Who is there.
    pub present: usize,
    /// Who is to be there.
    pub connections: usize,
    /// Messages said so far.
    pub said: u64,
    /// Copies heard so far.
    pub delivered: u64,
    /// Copies heard per second, lately.
    pub rate: f64,
}

/// Nanoseconds between two looks at everything.
const TICK: u64 = 100_000_000;

/// Carries out `plan`. `pid` is the server's process, if it can be watched; `watch` is told how far
/// it is ten times a second.
///
/// # Errors
/// A sentence that says why nothing can be measured, and what to do about it.
pub fn run(
    plan: &Plan,
    pid: Option<u32>,
    watch: &mut impl FnMut(&Progress),
) -> Result<Outcome, String> {
    plan.check()?;
    reserve_descriptors(plan.connections())?;
    let mut run = Run::new(plan, pid, watch)?;
    let before = run.look();
    if let Act::Storm { cuts } = plan.act {
        run.storm(cuts)?;
    } else {
        run.assemble()?;
        run.call_the_roll()?;
    }
    run.rest(plan.settle)?;
    run.keep_idle(before);
    match &plan.act {
        Act::Say => run.say(&plan.streams, plan.warmup, plan.duration)?,
        Act::Stall => run.say_to_the_stalled()?,
        Act::Hold => run.hold()?,
        Act::Storm { .. } => {}
        Act::Churn { rate } => run.churn(*rate)?,
        Act::FindMax(bound) => run.find_max(*bound)?,
    }
    Ok(run.finish())
}

/// A run under way.
struct Run<'a, W> {
    plan: &'a Plan,
    watch: &'a mut W,
    pid: Option<u32>,
    crowd: Crowd,
    ledger: Ledger,
    outcome: Outcome,
    /// From connect to being in.
    join: Histogram<u64>,
    present: usize,
    /// Why connections ended, and what was refused.
    ended: BTreeMap<String, u64>,
    refused: BTreeMap<String, u64>,
    /// Members that came in, and members whose connection ended, since somebody asked.
    arrived: Vec<usize>,
    gone: Vec<usize>,
    /// When the load began, if it did.
    load_began: Option<u64>,
    next_tick: u64,
    /// The last look, for rates.
    last: (u64, u64),
    stage: &'static str,
    done: f64,
    payload: Vec<u8>,
}

impl<'a, W: FnMut(&Progress)> Run<'a, W> {
    fn new(plan: &'a Plan, pid: Option<u32>, watch: &'a mut W) -> Result<Self, String> {
        let scheme = plan.target.scheme;
        let reader = |(index, (room, _)): (usize, &(u32, u8))| Part {
            room: *room,
            joins: true,
            line: Some(index as u32),
            own_copies: plan.one_body,
        };
        let voice = |room: &u32| Part {
            room: *room,
            joins: scheme.joins_to_say(),
            line: None,
            own_copies: false,
        };
        let mut parts: Vec<Part> = plan.readers.iter().enumerate().map(reader).collect();
        if !plan.one_body {
            parts.extend(plan.voices.iter().map(voice));
        }
        let mut crowd = Crowd::new(&plan.target, &parts, plan.sources)?;
        plan.prompt.clone().for_each(|index| crowd.read_promptly(index));
        let mut ledger = Ledger::new(&plan.voices, &plan.readers, plan.groups.len());
        ledger.is_one_room = !scheme.has_rooms();
        ledger.work = plan.work;
        let facts = CrowdFacts {
            connections: plan.connections() as u64,
            readers: plan.readers.len() as u64,
            voices: plan.voices.len() as u64,
            rooms: plan.room_count() as u64,
            size: plan.size as u64,
            sources: crowd.sources() as u64,
            ..CrowdFacts::default()
        };
        let outcome = Outcome {
            format: FORMAT,
            scenario: plan.scenario.to_owned(),
            load: plan.load.clone(),
            target: plan.target.to_string(),
            crowd: facts,
            ..Outcome::default()
        };
        Ok(Self {
            plan,
            watch,
            pid,
            crowd,
            ledger,
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

    /// The member that is this voice's body.
    fn body(&self, voice: u32) -> usize {
        voice as usize + if self.plan.one_body { 0 } else { self.plan.readers.len() }
    }

    /// One turn of the crowd, with everything that has to be looked at in between.
    fn turn(&mut self, until: u64) -> Result<(), String> {
        self.tick();
        self.crowd.turn(until.min(self.next_tick), &mut self.ledger);
        self.heed()
    }

    /// Takes note of what happened to the members.
    fn heed(&mut self) -> Result<(), String> {
        for news in self.crowd.take_news() {
            match news {
                News::In(index, took) => {
                    self.present += 1;
                    self.arrived.push(index);
                    self.join.saturating_record(took.as_nanos() as u64);
                }
                News::Refused(_, text) => *self.refused.entry(text).or_default() += 1,
                News::Ended(index, reason) => {
                    self.gone.push(index);
                    *self.ended.entry(reason).or_default() += 1;
                    if let (Some(line), true) =
                        (self.crowd.member(index).line(), self.load_began.is_some())
                    {
                        self.ledger.close(line);
                    }
                }
            }
        }
        let everyone = self.crowd.len();
        if self.load_began.is_some() && !self.gone.is_empty() && self.gone.len() >= everyone {
            return Err(format!("the server ended every connection: {}", self.reasons()));
        }
        Ok(())
    }

    /// Why connections ended and what was refused, the most frequent reason first.
    fn reasons(&self) -> String {
        let mut reasons: Vec<_> = self.refused.iter().chain(&self.ended).collect();
        reasons.sort_by_key(|(_, count)| std::cmp::Reverse(**count));
        let reasons = reasons.iter().take(3).map(|(reason, count)| format!("{reason} ({count}×)"));
        let reasons = reasons.collect::<Vec<_>>().join("; ");
        if reasons.is_empty() { "it gave no reason".to_owned() } else { reasons }
    }

    /// Everything that has a number, now.
    fn look(&self) -> Tick {
        let used = self.pid.and_then(server::usage).unwrap_or_default();
        Tick {
            at: self
                .load_began
                .map_or(0.0, |began| self.crowd.now().saturating_sub(began) as f64 / 1e9),
            said: self.ledger.said_in_all(),
            delivered: self.ledger.delivered,
            server_cpu: used.cpu,
            own_cpu: server::own_cpu(),
            resident: used.resident,
            kernel: server::socket_memory(),
        }
    }

    /// Ten times a second: looks, and tells whoever watches.
    fn tick(&mut self) {
        let now = self.crowd.now();
        if now < self.next_tick {
            return;
        }
        self.next_tick = now + TICK;
        if self.load_began.is_some() {
            let look = self.look();
            self.outcome.timeline.push(look);
        }
        let (at, delivered) = std::mem::replace(&mut self.last, (now, self.ledger.delivered));
        let progress = Progress {
            stage: self.stage,
            is_load: matches!(self.stage, "load" | "storm" | "visits"),
            done: self.done,
            present: self.present,
            connections: self.crowd.len(),
            said: self.ledger.said_in_all(),
            delivered: self.ledger.delivered,
            rate: (self.ledger.delivered - delivered) as f64 * 1e9 / (now - at).max(1) as f64,
        };
        (self.watch)(&progress);
    }

    /// Lets time pass.
    fn rest(&mut self, time: Duration) -> Result<(), String> {
        let until = self.crowd.now() + time.as_nanos() as u64;
        while self.crowd.now() < until {
            self.turn(until)?;
        }
        Ok(())
    }

    /// Keeps what everyone costs while they are quiet.
    fn keep_idle(&mut self, before: Tick) {
        let (now, count) = (self.look(), self.crowd.len() as f64);
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

    /// Nothing is said; what does it cost?
    fn hold(&mut self) -> Result<(), String> {
        self.say(&[], Duration::ZERO, self.plan.duration)
    }

    /// Everything that was found.
    fn finish(mut self) -> Outcome {
        let tallies = self.ledger.settle();
        if self.outcome.groups.is_empty() {
            let groups = self.plan.groups.iter().zip(&tallies).enumerate();
            self.outcome.groups = groups
                .map(|(index, (name, tally))| {
                    let readers = self.plan.readers.iter();
                    let readers = readers.filter(|(_, group)| usize::from(*group) == index).count();
                    Group::new(name, readers as u64, tally)
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
        self.outcome.crowd.join = Latency::of(&self.join);
        self.outcome.garbled = self.ledger.garbled;
        self.outcome.strays = self.ledger.strays;
        self.outcome.ended = self.ended.into_iter().collect();
        self.outcome.refused = self.refused.into_iter().collect();
        self.outcome.generator.complaints = verdict::complaints(self.plan, &self.outcome);
        self.outcome
    }
}
