//! The load: streams of messages, in an open or closed loop.

use super::super::delivery_record::new_histogram;
use super::super::outcome::{Latency, Tick};
use super::super::plan::LoadKind;
use super::super::schedule::{Clock, Pacing, Stream};
use super::super::server;
use super::super::stamp::Stamp;
use super::{Progress, Run};
use crate::load::error::LoadError;
use hdrhistogram::Histogram;
use std::time::Duration;

/// Unsent bytes beyond which messages wait in the generator. They keep their due time.
const UNSENT_MAX: usize = 1 << 20;

/// Silence after which the messages of a closed loop count as lost.
const SILENCE_MAX: u64 = 2_000_000_000;

/// A running stream.
struct RunningStream {
    clock: Clock,
    /// True while the server does not accept the due messages: the delay is not the generator's.
    is_blocked: bool,
}

/// A snapshot of counters, to compute differences.
struct Snapshot {
    look: Tick,
    overheard: u64,
    busy: Duration,
    /// Time that the server and the generator waited for a core.
    waited: (f64, f64),
    now: u64,
}

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Runs the streams for `warmup` and then for the measured `duration`, and waits for the
    /// deliveries.
    pub(super) fn publish(
        &mut self,
        streams: &[Stream],
        warmup: Duration,
        duration: Duration,
    ) -> Result<(), LoadError> {
        self.stage = "load";
        let start = self.connections.now();
        let measured = start + warmup.as_nanos() as u64;
        let end = measured + duration.as_nanos() as u64;
        self.load_began.get_or_insert(start);
        self.record.measure(measured..end);
        let clock = |stream: &Stream| RunningStream {
            clock: Clock::new(stream.clone(), start),
            is_blocked: false,
        };
        let mut streams_running: Vec<RunningStream> = streams.iter().map(clock).collect();
        let (mut slip, mut confirmed) = (new_histogram(), Vec::new());
        let (mut from, mut heard_at, mut stalls) = (None, start, 0u64);
        self.fill_windows(&streams_running);
        loop {
            let now = self.connections.now();
            if from.is_none() && now >= measured {
                self.connections.take_turns();
                slip.reset();
                from = Some(self.snapshot());
            }
            // Before the end is checked: a due message is published, however late.
            let mut wake = self.publish_due(&mut streams_running, now, end, &mut slip);
            if now >= end {
                break;
            }
            self.record.take_confirmed(&mut confirmed);
            if !confirmed.is_empty() {
                heard_at = now;
                for publisher in confirmed.drain(..) {
                    self.fill_window(&streams_running, publisher, now);
                }
            } else if now - heard_at > SILENCE_MAX {
                heard_at = now;
                stalls += self.give_up(&streams_running);
            }
            if from.is_none() {
                wake = wake.min(measured);
            }
            self.done = (now - start) as f64 / (end - start) as f64;
            self.turn(wake.min(end))?;
        }
        let from = from.unwrap_or_else(|| self.snapshot());
        self.record_segment(&from, &slip);
        if stalls > 0 {
            let text = "(no message for 2 s: the window was reset)".to_owned();
            *self.ended.entry(text).or_default() += stalls;
        }
        // Stalled readers receive nothing yet.
        let is_stalled = self.plan.kind == LoadKind::Stall;
        self.drain(if is_stalled { 1 } else { u8::MAX })
    }

    fn snapshot(&self) -> Snapshot {
        let waited = |pid| server::waited(pid);
        Snapshot {
            waited: (self.pid.map_or(0.0, waited), waited(std::process::id())),
            look: self.sample(),
            overheard: self.record.overheard,
            busy: self.connections.busy(),
            now: self.connections.now(),
        }
    }

    /// Records the resources used since `from`.
    fn record_segment(&mut self, from: &Snapshot, slip: &Histogram<u64>) {
        let to = self.snapshot();
        let seconds = (to.now - from.now).max(1) as f64 / 1e9;
        let outcome = &mut self.outcome;
        outcome.seconds = seconds;
        outcome.said = to.look.said - from.look.said;
        outcome.delivered = to.look.delivered - from.look.delivered;
        outcome.overheard = to.overheard - from.overheard;
        if let Some(server) = &mut outcome.server {
            let cpu = to.look.server_cpu - from.look.server_cpu;
            server.cpu = cpu / seconds;
            server.waited = (to.waited.0 - from.waited.0) / seconds;
            let copies = outcome.delivered + outcome.overheard;
            server.cpu_per_delivery = if copies > 0 { cpu * 1e9 / copies as f64 } else { 0.0 };
        }
        let mut lag = new_histogram();
        for micros in self.connections.take_turns() {
            lag.saturating_record(u64::from(micros) * 1_000);
        }
        let generator = &mut outcome.generator;
        generator.cpu = (to.look.own_cpu - from.look.own_cpu) / seconds;
        generator.waited = (to.waited.1 - from.waited.1) / seconds;
        generator.busy = (to.busy - from.busy).as_secs_f64() / seconds;
        generator.lag = Latency::of(&lag);
        generator.slip = Latency::of(slip);
    }

    /// Publishes the due messages of open loops. Returns the time of the next one.
    fn publish_due(
        &mut self,
        streams_running: &mut [RunningStream],
        now: u64,
        end: u64,
        slip: &mut Histogram<u64>,
    ) -> u64 {
        let mut wake = u64::MAX;
        for running in streams_running {
            while let Some(due) = running.clock.next_due().filter(|due| *due < end) {
                if due > now {
                    running.is_blocked = false;
                    wake = wake.min(due);
                    break;
                }
                let publisher = running.clock.next_publisher();
                if self.connections.unsent(self.connection_of(publisher)) > UNSENT_MAX {
                    running.is_blocked = true;
                    break;
                }
                self.publish_one(publisher, due);
                running.clock.take();
                if !running.is_blocked {
                    slip.saturating_record(now - due);
                }
            }
        }
        wake
    }

    /// Publishes a publisher's next message.
    pub(super) fn publish_one(&mut self, publisher: u32, due: u64) {
        self.payload.clear();
        let sequence = self.record.next_sequence(publisher);
        Stamp { publisher, sequence, due }.write(self.plan.size, &mut self.payload);
        let connection = self.connection_of(publisher);
        self.connections.publish(connection, &self.payload);
    }

    fn fill_windows(&mut self, streams_running: &[RunningStream]) {
        let now = self.connections.now();
        for publisher in
            streams_running.iter().flat_map(|running| running.clock.stream().publishers.clone())
        {
            self.fill_window(streams_running, publisher, now);
        }
    }

    /// Publishes as many messages as a publisher's window allows.
    fn fill_window(&mut self, streams_running: &[RunningStream], publisher: u32, now: u64) {
        let mut streams = streams_running.iter().map(|running| running.clock.stream());
        let stream = streams.find(|stream| stream.publishers.contains(&publisher));
        let Some(Pacing::Window(window)) = stream.map(|stream| stream.pacing) else { return };
        while self.record.in_flight(publisher) < u64::from(window)
            && self.connections.unsent(self.connection_of(publisher)) <= UNSENT_MAX
        {
            self.publish_one(publisher, now);
        }
    }

    /// Gives up the messages in flight of closed loops, after a long silence.
    fn give_up(&mut self, streams_running: &[RunningStream]) -> u64 {
        let closed =
            |running: &&RunningStream| matches!(running.clock.stream().pacing, Pacing::Window(_));
        let publishers = streams_running
            .iter()
            .filter(closed)
            .flat_map(|running| running.clock.stream().publishers.clone());
        let mut count = 0;
        for publisher in publishers {
            self.record.give_up(publisher);
            count += 1;
        }
        self.fill_windows(streams_running);
        u64::from(count > 0)
    }

    /// Waits until the first `groups` groups have received all messages, or until none arrives any
    /// more.
    pub(super) fn drain(&mut self, groups: u8) -> Result<(), LoadError> {
        self.stage = "waiting for deliveries";
        let grace = self.plan.grace.as_nanos() as u64;
        let mut heard = (self.record.delivered, self.connections.now());
        while self.record.outstanding(groups) > 0 {
            let now = self.connections.now();
            if self.record.delivered != heard.0 {
                heard = (self.record.delivered, now);
            } else if now - heard.1 > grace {
                break;
            }
            self.run_for(Duration::from_millis(20))?;
        }
        Ok(())
    }

    /// Runs the load while one group of readers does not read; then they read, and their losses are
    /// counted.
    pub(super) fn publish_with_stalled_readers(&mut self) -> Result<(), LoadError> {
        let stalled = self.plan.readers.iter().enumerate().filter(|(_, (_, group))| *group == 1);
        let stalled: Vec<usize> = stalled.map(|(index, _)| index).collect();
        stalled.iter().for_each(|index| self.connections.stall(*index, true));
        self.publish(&self.plan.streams, self.plan.warmup, self.plan.duration)?;
        stalled.iter().for_each(|index| self.connections.stall(*index, false));
        self.drain(u8::MAX)
    }
}
