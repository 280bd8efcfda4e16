//! Who heard what: every message at every reader, in its sequence.

use super::stamp::{ROLL_CALL, Stamp};
use hdrhistogram::Histogram;
use smallvec::SmallVec;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Latencies from a microsecond to two minutes, to three digits.
pub fn new_histogram() -> Histogram<u64> {
    // The bounds are constants that a histogram allows.
    Histogram::new_with_bounds(1_000, 120_000_000_000, 3).unwrap_or_else(|_| unreachable!())
}

/// What became of the messages of one group of readers.
#[derive(Clone, Debug)]
pub struct Tally {
    /// From when a message was due to when it was heard, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Copies heard.
    pub delivered: u64,
    /// Never heard, and nobody said so.
    pub lost: u64,
    /// Never heard, and the server said so in a gap notice.
    pub told: u64,
    /// Never heard by readers whose connection the server had ended.
    pub cut_off: u64,
    /// Heard again.
    pub duplicated: u64,
    /// Heard after one that was said later.
    pub reordered: u64,
}

impl Tally {
    fn new() -> Self {
        Self {
            latency: new_histogram(),
            delivered: 0,
            lost: 0,
            told: 0,
            cut_off: 0,
            duplicated: 0,
            reordered: 0,
        }
    }
}

/// One who says things.
#[derive(Debug)]
struct Voice {
    room: u32,
    /// Its place among the voices of its room.
    place: u32,
    said: u64,
    /// The reader whose copy tells that a message is through.
    witness: Option<u32>,
    /// Messages the witness has heard, or missed.
    through: u64,
}

/// One who hears things.
#[derive(Debug)]
struct Line {
    room: u32,
    group: u8,
    is_witness: bool,
    is_present: bool,
    is_closed: bool,
    /// By the voice's place: how many of its messages were heard or are holes.
    next: SmallVec<[u64; 1]>,
    /// Messages that did not come when those behind them did.
    holes: Vec<(u32, Range<u64>)>,
    told: u64,
}

/// Who heard what.
#[derive(Debug)]
pub struct Ledger {
    voices: Vec<Voice>,
    lines: Vec<Line>,
    tallies: Vec<Tally>,
    /// Voices whose witness heard something, since somebody asked.
    through: Vec<u32>,
    /// Readers that answered the roll call.
    present: usize,
    /// Only messages due in this time have their latency measured.
    measured: Range<u64>,
    /// Copies heard by readers, from the beginning.
    pub delivered: u64,
    /// Copies heard by those who only came to say something.
    pub overheard: u64,
    /// What carried no stamp.
    pub garbled: u64,
    /// What was said in another room, or by nobody.
    pub strays: u64,
    /// A server with one room for all: what is said in other rooms of the load is no stray.
    pub is_one_room: bool,
    /// Work done for each message, for tests of the verdict.
    pub work: Duration,
}

impl Ledger {
    /// Voices by their rooms, readers by their rooms and groups.
    pub fn new(voices: &[u32], readers: &[(u32, u8)], groups: usize) -> Self {
        let rooms = voices.iter().chain(readers.iter().map(|(room, _)| room)).max();
        let mut places = vec![0u32; rooms.map_or(0, |&room| room as usize + 1)];
        let voices: Vec<Voice> = voices
            .iter()
            .map(|&room| {
                let place = places[room as usize];
                places[room as usize] += 1;
                Voice { room, place, said: 0, witness: None, through: 0 }
            })
            .collect();
        let lines = readers.iter().map(|&(room, group)| Line {
            room,
            group,
            is_witness: false,
            // Where nobody says anything there is no roll call.
            is_present: places[room as usize] == 0,
            is_closed: false,
            next: SmallVec::from_elem(0, places[room as usize] as usize),
            holes: Vec::new(),
            told: 0,
        });
        let (lines, tallies): (Vec<Line>, _) = (lines.collect(), vec![Tally::new(); groups]);
        let present = lines.iter().filter(|line| line.is_present).count();
        let mut ledger = Self {
            voices,
            lines,
            tallies,
            through: Vec::new(),
            present,
            measured: 0..u64::MAX,
            delivered: 0,
            overheard: 0,
            garbled: 0,
            strays: 0,
            is_one_room: false,
            work: Duration::ZERO,
        };
        ledger.choose_witnesses();
        ledger
    }

    /// For each voice the last reader of its room that is still there and does not belong to a
    /// group that stalls: servers mostly write in the order in which readers joined.
    fn choose_witnesses(&mut self) {
        let rooms = self.voices.iter().map(|voice| voice.room as usize + 1).max().unwrap_or(0);
        let mut last = vec![None; rooms];
        for (index, line) in self.lines.iter_mut().enumerate() {
            line.is_witness = false;
            if !line.is_closed
                && line.group == 0
                && let Some(last) = last.get_mut(line.room as usize)
            {
                *last = Some(index as u32);
            }
        }
        for voice in &mut self.voices {
            // Where all readers are of other groups, one of those has to do.
            let any = || {
                let mut lines = self.lines.iter().enumerate().rev();
                let found = lines.find(|(_, line)| line.room == voice.room && !line.is_closed);
                found.map(|(index, _)| index as u32)
            };
            voice.witness = last[voice.room as usize].or_else(any);
            if let Some(witness) = voice.witness {
                self.lines[witness as usize].is_witness = true;
            }
        }
    }

    /// Notes what a connection heard; `line` is its line, if it is a reader.
    pub fn hear(&mut self, line: Option<u32>, payload: &[u8], now: u64) {
        if !self.work.is_zero() {
            let began = Instant::now();
            while began.elapsed() < self.work {}
        }
        let Some(stamp) = Stamp::read(payload) else {
            self.garbled += 1;
            return;
        };
        let Some(line_number) = line else {
            self.overheard += 1;
            return;
        };
        let line = &mut self.lines[line_number as usize];
        if stamp.voice == ROLL_CALL {
            self.present += usize::from(!std::mem::replace(&mut line.is_present, true));
            return;
        }
        let voice = self.voices.get_mut(stamp.voice as usize);
        let Some(voice) = voice.filter(|voice| voice.room == line.room) else {
            *(if self.is_one_room { &mut self.overheard } else { &mut self.strays }) += 1;
            return;
        };
        self.delivered += 1;
        let tally = &mut self.tallies[usize::from(line.group)];
        tally.delivered += 1;
        if self.measured.contains(&stamp.due) {
            tally.latency.saturating_record(now.saturating_sub(stamp.due));
        }
        let next = &mut line.next[voice.place as usize];
        if stamp.sequence >= *next {
            if stamp.sequence > *next {
                line.holes.push((voice.place, *next..stamp.sequence));
            }
            *next = stamp.sequence + 1;
            if line.is_witness && voice.witness == Some(line_number) {
                voice.through = voice.through.max(*next);
                self.through.push(stamp.voice);
            }
        } else if fill(&mut line.holes, voice.place, stamp.sequence) {
            tally.reordered += 1;
        } else {
            tally.duplicated += 1;
        }
    }

    /// Notes that a reader was told what it will not hear.
    pub fn gap(&mut self, line: Option<u32>, from: u64, to: u64) {
        if let Some(line) = line {
            self.lines[line as usize].told += (to + 1).saturating_sub(from);
        }
    }

    /// Notes that a reader's connection ended.
    pub fn close(&mut self, line: u32) {
        let line = &mut self.lines[line as usize];
        line.is_closed = true;
        if line.is_witness {
            self.choose_witnesses();
        }
    }

    /// The number of the voice's next message, which is from now on expected everywhere.
    pub fn said(&mut self, voice: u32) -> u64 {
        let voice = &mut self.voices[voice as usize];
        voice.said += 1;
        voice.said - 1
    }

    /// Messages of all voices.
    pub fn said_in_all(&self) -> u64 {
        self.voices.iter().map(|voice| voice.said).sum()
    }

    /// Messages of a voice that its witness has not heard.
    pub fn in_flight(&self, voice: u32) -> u64 {
        let voice = &self.voices[voice as usize];
        voice.said.saturating_sub(voice.through)
    }

    /// Gives up waiting for what is in flight of a voice.
    pub fn forgive(&mut self, voice: u32) {
        let voice = &mut self.voices[voice as usize];
        voice.through = voice.said;
    }

    /// The voices whose witness heard something, into `out`; some may be named more than once.
    pub fn take_through(&mut self, out: &mut Vec<u32>) {
        out.clear();
        std::mem::swap(out, &mut self.through);
    }

    /// Whether everybody answered the roll call; how many did not.
    pub fn absent(&self) -> usize {
        self.lines.len() - self.present
    }

    /// Rooms in which somebody did not answer the roll call.
    pub fn rooms_with_absent(&self) -> Vec<u32> {
        let absent = self.lines.iter().filter(|line| !line.is_present);
        let mut rooms: Vec<u32> = absent.map(|line| line.room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms
    }

    /// Only messages due in this time have their latency measured from now on.
    pub fn measure(&mut self, due: Range<u64>) {
        self.measured = due;
    }

    /// Copies that are still to come to readers that are there, of the first so many groups.
    pub fn outstanding(&self, groups: u8) -> u64 {
        let expected = self.expected_by_room();
        let open = self.lines.iter().filter(|line| !line.is_closed && line.group < groups);
        open.map(|line| expected[line.room as usize] - line.next.iter().sum::<u64>()).sum()
    }

    fn expected_by_room(&self) -> Vec<u64> {
        let rooms =
            self.lines.iter().map(|line| line.room).chain(self.voices.iter().map(|v| v.room));
        let mut expected = vec![0; rooms.max().map_or(0, |room| room as usize + 1)];
        self.voices.iter().for_each(|voice| expected[voice.room as usize] += voice.said);
        expected
    }

    /// Closes the books: whatever was said and did not come is lost, told, or cut off. Afterwards
    /// everything begins at zero, but for the numbers of messages.
    pub fn settle(&mut self) -> Vec<Tally> {
        let expected = self.expected_by_room();
        let mut said = vec![SmallVec::<[u64; 1]>::new(); expected.len()];
        self.voices.iter().for_each(|voice| said[voice.room as usize].push(voice.said));
        for line in &mut self.lines {
            let tail = expected[line.room as usize] - line.next.iter().sum::<u64>();
            let holes = line.holes.drain(..).map(|(_, hole)| hole.end - hole.start);
            let missing = tail + holes.sum::<u64>();
            let tally = &mut self.tallies[usize::from(line.group)];
            let told = missing.min(std::mem::take(&mut line.told));
            tally.told += told;
            *(if line.is_closed { &mut tally.cut_off } else { &mut tally.lost }) += missing - told;
            line.next.clone_from(&said[line.room as usize]);
        }
        let groups = self.tallies.len();
        std::mem::replace(&mut self.tallies, vec![Tally::new(); groups])
    }
}

/// Takes a number out of the holes; whether it was in one.
fn fill(holes: &mut Vec<(u32, Range<u64>)>, place: u32, number: u64) -> bool {
    // What comes late is mostly what is missing since a short time.
    let found = holes.iter().rposition(|(at, hole)| *at == place && hole.contains(&number));
    let Some(index) = found else { return false };
    let hole = &mut holes[index].1;
    let rest = number + 1..hole.end;
    hole.end = number;
    if hole.is_empty() {
        holes.swap_remove(index);
    }
    if !rest.is_empty() {
        holes.push((place, rest));
    }
    true
}

#[cfg(test)]
mod tests {
    use super::*;

    fn hear(ledger: &mut Ledger, line: u32, voice: u32, sequence: u64) {
        let mut payload = Vec::new();
        Stamp { voice, sequence, due: 0 }.write(0, &mut payload);
        ledger.hear(Some(line), &payload, 5_000);
    }

    /// One voice that said `said` messages, and one reader that heard `heard` of them.
    fn heard(said: u64, heard: &[u64], after: impl Fn(&mut Ledger)) -> [u64; 6] {
        let mut ledger = Ledger::new(&[0], &[(0, 0)], 1);
        (0..said).for_each(|_| _ = ledger.said(0));
        heard.iter().for_each(|&sequence| hear(&mut ledger, 0, 0, sequence));
        after(&mut ledger);
        let tally = ledger.settle().remove(0);
        assert_eq!(tally.latency.len(), tally.delivered);
        [tally.delivered, tally.lost, tally.told, tally.cut_off, tally.duplicated, tally.reordered]
    }

    #[test]
    fn each_fault_has_its_name() {
        let nothing = |_: &mut Ledger| {};
        assert_eq!(heard(4, &[0, 1, 2, 3], nothing), [4, 0, 0, 0, 0, 0]);
        assert_eq!(heard(4, &[0, 2, 3], nothing), [3, 1, 0, 0, 0, 0], "a hole");
        assert_eq!(heard(4, &[0, 1], nothing), [2, 2, 0, 0, 0, 0], "the last ones");
        assert_eq!(heard(4, &[], nothing), [0, 4, 0, 0, 0, 0]);
        assert_eq!(heard(4, &[0, 2, 1, 3], nothing), [4, 0, 0, 0, 0, 1], "two swapped");
        assert_eq!(heard(4, &[3, 2, 1, 0], nothing), [4, 0, 0, 0, 0, 3], "all backwards");
        assert_eq!(heard(4, &[0, 1, 1, 2, 3, 0], nothing), [6, 0, 0, 0, 2, 0], "twice");
        assert_eq!(heard(4, &[0, 2, 1, 1, 3], nothing), [5, 0, 0, 0, 1, 1], "late and twice");
        assert_eq!(heard(5, &[0, 4], |l| l.gap(Some(0), 7, 9)), [2, 0, 3, 0, 0, 0]);
        assert_eq!(heard(5, &[0, 4], |l| l.gap(Some(0), 7, 8)), [2, 1, 2, 0, 0, 0]);
        assert_eq!(heard(5, &[0, 1], |l| l.close(0)), [2, 0, 0, 3, 0, 0], "hung up on");
    }

    #[test]
    fn voices_are_told_apart_and_other_rooms_are_strays() {
        let mut ledger = Ledger::new(&[0, 1, 0], &[(0, 0), (1, 1)], 2);
        (0..3).for_each(|voice| _ = ledger.said(voice));
        hear(&mut ledger, 0, 0, 0);
        hear(&mut ledger, 0, 2, 0);
        hear(&mut ledger, 0, 1, 0);
        hear(&mut ledger, 1, 9, 0);
        ledger.hear(Some(1), b"what?", 0);
        assert_eq!((ledger.delivered, ledger.strays, ledger.garbled), (2, 2, 1));
        assert_eq!(ledger.outstanding(9), 1);
        let tallies = ledger.settle();
        assert_eq!([tallies[0].lost, tallies[1].lost], [0, 1]);
        assert_eq!(ledger.outstanding(9), 0);
    }

    #[test]
    fn a_voice_may_go_on_when_its_witness_has_heard() {
        let mut ledger = Ledger::new(&[0], &[(0, 0), (0, 0)], 1);
        (0..3).for_each(|_| _ = ledger.said(0));
        let mut through = Vec::new();
        hear(&mut ledger, 0, 0, 0);
        ledger.take_through(&mut through);
        assert_eq!((ledger.in_flight(0), through.len()), (3, 0), "the first reader is no witness");
        hear(&mut ledger, 1, 0, 1);
        ledger.take_through(&mut through);
        assert_eq!(
            (ledger.in_flight(0), through.len()),
            (1, 1),
            "what it missed is no longer under way"
        );
        ledger.close(1);
        hear(&mut ledger, 0, 0, 2);
        assert_eq!(ledger.in_flight(0), 0, "the other one took its place");
    }
}
