//! The load itself: streams of messages, on time or as fast as they are heard.

use super::super::ledger::new_histogram;
use super::super::outcome::{Latency, Tick};
use super::super::plan::Act;
use super::super::schedule::{Clock, Pacing, Stream};
use super::super::server;
use super::super::stamp::Stamp;
use super::{Progress, Run};
use hdrhistogram::Histogram;
use std::time::Duration;

/// Bytes a server may leave unread before messages wait with us. They keep the time at which they
/// were due.
const UNSENT_MAX: usize = 1 << 20;

/// Silence after which messages of a closed loop are taken as lost.
const STALL: u64 = 2_000_000_000;

/// A stream under way, and how well it keeps time.
struct Flow {
    clock: Clock,
    /// The server did not take what was due, so that being late is not our fault.
    is_held: bool,
}

/// A moment, for differences.
struct Mark {
    look: Tick,
    overheard: u64,
    busy: Duration,
    /// Time the server and we had no core.
    waited: (f64, f64),
    now: u64,
}

impl<W: FnMut(&Progress)> Run<'_, W> {
    /// Lets the streams speak: `warmup`, then `duration`, which is measured; and waits until all is
    /// heard.
    pub(super) fn say(
        &mut self,
        streams: &[Stream],
        warmup: Duration,
        duration: Duration,
    ) -> Result<(), String> {
        self.stage = "load";
        let start = self.crowd.now();
        let measured = start + warmup.as_nanos() as u64;
        let end = measured + duration.as_nanos() as u64;
        self.load_began.get_or_insert(start);
        self.ledger.measure(measured..end);
        let clock =
            |stream: &Stream| Flow { clock: Clock::new(stream.clone(), start), is_held: false };
        let mut flows: Vec<Flow> = streams.iter().map(clock).collect();
        let (mut slip, mut through) = (new_histogram(), Vec::new());
        let (mut from, mut heard_at, mut stalls) = (None, start, 0u64);
        self.fill_windows(&flows);
        loop {
            let now = self.crowd.now();
            if from.is_none() && now >= measured {
                self.crowd.take_turns();
                slip.reset();
                from = Some(self.mark());
            }
            // Before the end is looked at: what was due is said, however late it is.
            let mut wake = self.say_what_is_due(&mut flows, now, end, &mut slip);
            if now >= end {
                break;
            }
            self.ledger.take_through(&mut through);
            if !through.is_empty() {
                heard_at = now;
                for voice in through.drain(..) {
                    self.fill_window(&flows, voice, now);
                }
            } else if now - heard_at > STALL {
                heard_at = now;
                stalls += self.forgive(&flows);
            }
            if from.is_none() {
                wake = wake.min(measured);
            }
            self.done = (now - start) as f64 / (end - start) as f64;
            self.turn(wake.min(end))?;
        }
        let from = from.unwrap_or_else(|| self.mark());
        self.keep_segment(&from, &slip);
        if stalls > 0 {
            let text = "(nothing was heard for 2 s: the window was opened again)".to_owned();
            *self.ended.entry(text).or_default() += stalls;
        }
        // Who stands still has nothing to say to this yet.
        let is_stalled = self.plan.act == Act::Stall;
        self.drain(if is_stalled { 1 } else { u8::MAX })
    }

    fn mark(&self) -> Mark {
        let waited = |pid| server::waited(pid);
        Mark {
            waited: (self.pid.map_or(0.0, waited), waited(std::process::id())),
            look: self.look(),
            overheard: self.ledger.overheard,
            busy: self.crowd.busy(),
            now: self.crowd.now(),
        }
    }

    /// Keeps what was used since `from`.
    fn keep_segment(&mut self, from: &Mark, slip: &Histogram<u64>) {
        let to = self.mark();
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
        for micros in self.crowd.take_turns() {
            lag.saturating_record(u64::from(micros) * 1_000);
        }
        let generator = &mut outcome.generator;
        generator.cpu = (to.look.own_cpu - from.look.own_cpu) / seconds;
        generator.waited = (to.waited.1 - from.waited.1) / seconds;
        generator.busy = (to.busy - from.busy).as_secs_f64() / seconds;
        generator.lag = Latency::of(&lag);
        generator.slip = Latency::of(slip);
    }

    /// Says whatever is due in the open loops; when something next is.
    fn say_what_is_due(
        &mut self,
        flows: &mut [Flow],
        now: u64,
        end: u64,
        slip: &mut Histogram<u64>,
    ) -> u64 {
        let mut wake = u64::MAX;
        for flow in flows {
            while let Some(due) = flow.clock.next_due().filter(|due| *due < end) {
                if due > now {
                    flow.is_held = false;
                    wake = wake.min(due);
                    break;
                }
                let voice = flow.clock.next_voice();
                if self.crowd.unsent(self.body(voice)) > UNSENT_MAX {
                    flow.is_held = true;
                    break;
                }
                self.say_one(voice, due);
                flow.clock.take();
                if !flow.is_held {
                    slip.saturating_record(now - due);
                }
            }
        }
        wake
    }

    /// A voice says its next message.
    pub(super) fn say_one(&mut self, voice: u32, due: u64) {
        self.payload.clear();
        let sequence = self.ledger.said(voice);
        Stamp { voice, sequence, due }.write(self.plan.size, &mut self.payload);
        let member = self.body(voice);
        self.crowd.say(member, &self.payload);
    }

    fn fill_windows(&mut self, flows: &[Flow]) {
        let now = self.crowd.now();
        for voice in flows.iter().flat_map(|flow| flow.clock.stream().voices.clone()) {
            self.fill_window(flows, voice, now);
        }
    }

    /// Says as much as the voice's window has room for.
    fn fill_window(&mut self, flows: &[Flow], voice: u32, now: u64) {
        let mut streams = flows.iter().map(|flow| flow.clock.stream());
        let stream = streams.find(|stream| stream.voices.contains(&voice));
        let Some(Pacing::Window(window)) = stream.map(|stream| stream.pacing) else { return };
        while self.ledger.in_flight(voice) < u64::from(window)
            && self.crowd.unsent(self.body(voice)) <= UNSENT_MAX
        {
            self.say_one(voice, now);
        }
    }

    /// Nothing came for long: what is under way in the closed loops will not come.
    fn forgive(&mut self, flows: &[Flow]) -> u64 {
        let closed = |flow: &&Flow| matches!(flow.clock.stream().pacing, Pacing::Window(_));
        let voices =
            flows.iter().filter(closed).flat_map(|flow| flow.clock.stream().voices.clone());
        let mut count = 0;
        for voice in voices {
            self.ledger.forgive(voice);
            count += 1;
        }
        self.fill_windows(flows);
        u64::from(count > 0)
    }

    /// Waits until everything said was heard by the first so many groups, or nothing comes any more.
    pub(super) fn drain(&mut self, groups: u8) -> Result<(), String> {
        self.stage = "waiting for the rest";
        let grace = self.plan.grace.as_nanos() as u64;
        let mut heard = (self.ledger.delivered, self.crowd.now());
        while self.ledger.outstanding(groups) > 0 {
            let now = self.crowd.now();
            if self.ledger.delivered != heard.0 {
                heard = (self.ledger.delivered, now);
            } else if now - heard.1 > grace {
                break;
            }
            self.rest(Duration::from_millis(20))?;
        }
        Ok(())
    }

    /// The same load while one group of readers does not read; then they read, and what they
    /// missed is counted.
    pub(super) fn say_to_the_stalled(&mut self) -> Result<(), String> {
        let stalled = self.plan.readers.iter().enumerate().filter(|(_, (_, group))| *group == 1);
        let stalled: Vec<usize> = stalled.map(|(index, _)| index).collect();
        stalled.iter().for_each(|index| self.crowd.stall(*index, true));
        self.say(&self.plan.streams, self.plan.warmup, self.plan.duration)?;
        stalled.iter().for_each(|index| self.crowd.stall(*index, false));
        self.drain(u8::MAX)
    }
}
