//! The delivery record: every message at every reader, by its sequence number.

use super::stamp::{PROBE, Stamp};
use hdrhistogram::Histogram;
use smallvec::SmallVec;
use std::ops::Range;
use std::time::{Duration, Instant};

/// Creates a histogram from one microsecond to two minutes, with three digits.
pub fn new_histogram() -> Histogram<u64> {
    // A histogram accepts these constant bounds.
    Histogram::new_with_bounds(1_000, 120_000_000_000, 3).unwrap_or_else(|_| unreachable!())
}

/// The deliveries and faults of one group of readers.
#[derive(Clone, Debug)]
pub struct Deliveries {
    /// Latency from the time a message was due to its arrival, in nanoseconds.
    pub latency: Histogram<u64>,
    /// Copies delivered.
    pub delivered: u64,
    /// Copies that never arrived, without a notice by the server.
    pub lost: u64,
    /// Copies that never arrived, covered by a gap notice.
    pub told: u64,
    /// Copies that never arrived because the server had closed the connection.
    pub cut_off: u64,
    /// Copies that arrived again.
    pub duplicated: u64,
    /// Copies that arrived after a later message.
    pub reordered: u64,
}

impl Deliveries {
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

/// A publisher.
#[derive(Debug)]
struct Publisher {
    room: u32,
    /// Its index among the publishers of its room.
    place: u32,
    said: u64,
    /// The reader whose copy shows that a message was delivered.
    witness: Option<u32>,
    /// Messages that the witness has received or missed.
    confirmed: u64,
}

/// A reader.
#[derive(Debug)]
struct Reader {
    room: u32,
    group: u8,
    is_witness: bool,
    is_present: bool,
    is_closed: bool,
    /// For each publisher of the room: messages received or missing so far.
    next: SmallVec<[u64; 1]>,
    /// Missing messages before the last one received: publisher's index, and sequence numbers.
    holes: Vec<(u32, Range<u64>)>,
    told: u64,
}

/// The delivery record of a load.
#[derive(Debug)]
pub struct DeliveryRecord {
    publishers: Vec<Publisher>,
    readers: Vec<Reader>,
    deliveries: Vec<Deliveries>,
    /// Publishers whose witness received a message since the last call.
    confirmed: Vec<u32>,
    /// Readers that have received the probe message.
    present: usize,
    /// Latency is measured only for messages due in this range.
    measured: Range<u64>,
    /// Copies delivered to readers since the start.
    pub delivered: u64,
    /// Copies delivered to connections that only publish.
    pub overheard: u64,
    /// Messages without a stamp.
    pub garbled: u64,
    /// Messages of another room, or of an unknown publisher.
    pub strays: u64,
    /// True if the server has only one room: messages of the load's other rooms are expected.
    pub is_one_room: bool,
    /// Busy time per message, to test the detection of an overloaded generator.
    pub work: Duration,
}

impl DeliveryRecord {
    /// Creates a record from the rooms of the publishers, and the rooms and groups of the readers.
    pub fn new(publishers: &[u32], readers: &[(u32, u8)], groups: usize) -> Self {
        let rooms = publishers.iter().chain(readers.iter().map(|(room, _)| room)).max();
        let mut places = vec![0u32; rooms.map_or(0, |&room| room as usize + 1)];
        let publishers: Vec<Publisher> = publishers
            .iter()
            .map(|&room| {
                let place = places[room as usize];
                places[room as usize] += 1;
                Publisher { room, place, said: 0, witness: None, confirmed: 0 }
            })
            .collect();
        let readers = readers.iter().map(|&(room, group)| Reader {
            room,
            group,
            is_witness: false,
            // Without a publisher there is no probe.
            is_present: places[room as usize] == 0,
            is_closed: false,
            next: SmallVec::from_elem(0, places[room as usize] as usize),
            holes: Vec::new(),
            told: 0,
        });
        let (readers, deliveries): (Vec<Reader>, _) =
            (readers.collect(), vec![Deliveries::new(); groups]);
        let present = readers.iter().filter(|reader| reader.is_present).count();
        let mut record = Self {
            publishers,
            readers,
            deliveries,
            confirmed: Vec::new(),
            present,
            measured: 0..u64::MAX,
            delivered: 0,
            overheard: 0,
            garbled: 0,
            strays: 0,
            is_one_room: false,
            work: Duration::ZERO,
        };
        record.choose_witnesses();
        record
    }

    /// Chooses a witness per publisher: the last open reader of its room in the first group,
    /// because most servers write to readers in the order of joining.
    fn choose_witnesses(&mut self) {
        let rooms =
            self.publishers.iter().map(|publisher| publisher.room as usize + 1).max().unwrap_or(0);
        let mut last = vec![None; rooms];
        for (index, reader) in self.readers.iter_mut().enumerate() {
            reader.is_witness = false;
            if !reader.is_closed
                && reader.group == 0
                && let Some(last) = last.get_mut(reader.room as usize)
            {
                *last = Some(index as u32);
            }
        }
        for publisher in &mut self.publishers {
            // If all readers belong to other groups, one of them is chosen.
            let any = || {
                let mut readers = self.readers.iter().enumerate().rev();
                let found =
                    readers.find(|(_, reader)| reader.room == publisher.room && !reader.is_closed);
                found.map(|(index, _)| index as u32)
            };
            publisher.witness = last[publisher.room as usize].or_else(any);
            if let Some(witness) = publisher.witness {
                self.readers[witness as usize].is_witness = true;
            }
        }
    }

    /// Records a message received by a connection; `line` is its index if it is a reader.
    pub fn hear(&mut self, reader: Option<u32>, payload: &[u8], now: u64) {
        if !self.work.is_zero() {
            let began = Instant::now();
            while began.elapsed() < self.work {}
        }
        let Some(stamp) = Stamp::read(payload) else {
            self.garbled += 1;
            return;
        };
        let Some(reader_index) = reader else {
            self.overheard += 1;
            return;
        };
        let reader = &mut self.readers[reader_index as usize];
        if stamp.publisher == PROBE {
            self.present += usize::from(!std::mem::replace(&mut reader.is_present, true));
            return;
        }
        let publisher = self.publishers.get_mut(stamp.publisher as usize);
        let Some(publisher) = publisher.filter(|publisher| publisher.room == reader.room) else {
            *(if self.is_one_room { &mut self.overheard } else { &mut self.strays }) += 1;
            return;
        };
        self.delivered += 1;
        let deliveries = &mut self.deliveries[usize::from(reader.group)];
        deliveries.delivered += 1;
        if self.measured.contains(&stamp.due) {
            deliveries.latency.saturating_record(now.saturating_sub(stamp.due));
        }
        let next = &mut reader.next[publisher.place as usize];
        if stamp.sequence >= *next {
            if stamp.sequence > *next {
                reader.holes.push((publisher.place, *next..stamp.sequence));
            }
            *next = stamp.sequence + 1;
            if reader.is_witness && publisher.witness == Some(reader_index) {
                publisher.confirmed = publisher.confirmed.max(*next);
                self.confirmed.push(stamp.publisher);
            }
        } else if fill(&mut reader.holes, publisher.place, stamp.sequence) {
            deliveries.reordered += 1;
        } else {
            deliveries.duplicated += 1;
        }
    }

    /// Records a gap notice.
    pub fn gap(&mut self, reader: Option<u32>, from: u64, to: u64) {
        if let Some(reader) = reader {
            self.readers[reader as usize].told += (to + 1).saturating_sub(from);
        }
    }

    /// Records that a reader's connection was closed.
    pub fn close(&mut self, reader: u32) {
        let reader = &mut self.readers[reader as usize];
        reader.is_closed = true;
        if reader.is_witness {
            self.choose_witnesses();
        }
    }

    /// Returns the sequence number of a publisher's next message, which all readers now expect.
    pub fn next_sequence(&mut self, publisher: u32) -> u64 {
        let publisher = &mut self.publishers[publisher as usize];
        publisher.said += 1;
        publisher.said - 1
    }

    /// Returns the number of messages of all publishers.
    pub fn published_total(&self) -> u64 {
        self.publishers.iter().map(|publisher| publisher.said).sum()
    }

    /// Returns the number of a publisher's messages that its witness has not received.
    pub fn in_flight(&self, publisher: u32) -> u64 {
        let publisher = &self.publishers[publisher as usize];
        publisher.said.saturating_sub(publisher.confirmed)
    }

    /// Stops waiting for a publisher's messages in flight.
    pub fn give_up(&mut self, publisher: u32) {
        let publisher = &mut self.publishers[publisher as usize];
        publisher.confirmed = publisher.said;
    }

    /// Moves the publishers whose witness received a message to `out`; duplicates are possible.
    pub fn take_confirmed(&mut self, out: &mut Vec<u32>) {
        out.clear();
        std::mem::swap(out, &mut self.confirmed);
    }

    /// Returns the number of readers that have not received the probe message.
    pub fn without_probe(&self) -> usize {
        self.readers.len() - self.present
    }

    /// Returns the rooms with readers that have not received the probe message.
    pub fn rooms_without_probe(&self) -> Vec<u32> {
        let absent = self.readers.iter().filter(|reader| !reader.is_present);
        let mut rooms: Vec<u32> = absent.map(|reader| reader.room).collect();
        rooms.sort_unstable();
        rooms.dedup();
        rooms
    }

    /// Sets the range of due times in which latency is measured.
    pub fn measure(&mut self, due: Range<u64>) {
        self.measured = due;
    }

    /// Returns the number of copies that open readers of the first `groups` groups still expect.
    pub fn outstanding(&self, groups: u8) -> u64 {
        let expected = self.expected_by_room();
        let open = self.readers.iter().filter(|reader| !reader.is_closed && reader.group < groups);
        open.map(|reader| expected[reader.room as usize] - reader.next.iter().sum::<u64>()).sum()
    }

    fn expected_by_room(&self) -> Vec<u64> {
        let rooms = self
            .readers
            .iter()
            .map(|reader| reader.room)
            .chain(self.publishers.iter().map(|v| v.room));
        let mut expected = vec![0; rooms.max().map_or(0, |room| room as usize + 1)];
        self.publishers
            .iter()
            .for_each(|publisher| expected[publisher.room as usize] += publisher.said);
        expected
    }

    /// Closes the record: every missing copy counts as lost, covered by a notice, or cut off. All
    /// counts restart at zero; sequence numbers continue.
    pub fn settle(&mut self) -> Vec<Deliveries> {
        let expected = self.expected_by_room();
        let mut said = vec![SmallVec::<[u64; 1]>::new(); expected.len()];
        self.publishers
            .iter()
            .for_each(|publisher| said[publisher.room as usize].push(publisher.said));
        for reader in &mut self.readers {
            let tail = expected[reader.room as usize] - reader.next.iter().sum::<u64>();
            let holes = reader.holes.drain(..).map(|(_, hole)| hole.end - hole.start);
            let missing = tail + holes.sum::<u64>();
            let deliveries = &mut self.deliveries[usize::from(reader.group)];
            let told = missing.min(std::mem::take(&mut reader.told));
            deliveries.told += told;
            *(if reader.is_closed { &mut deliveries.cut_off } else { &mut deliveries.lost }) +=
                missing - told;
            reader.next.clone_from(&said[reader.room as usize]);
        }
        let groups = self.deliveries.len();
        std::mem::replace(&mut self.deliveries, vec![Deliveries::new(); groups])
    }
}

/// Removes a number from the missing ranges. Returns false if it was not missing.
fn fill(holes: &mut Vec<(u32, Range<u64>)>, place: u32, number: u64) -> bool {
    // A late message is usually one of the most recently missed.
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

    fn hear(record: &mut DeliveryRecord, reader: u32, publisher: u32, sequence: u64) {
        let mut payload = Vec::new();
        Stamp { publisher, sequence, due: 0 }.write(0, &mut payload);
        record.hear(Some(reader), &payload, 5_000);
    }

    /// A publisher of `said` messages, and a reader that received those in `heard`.
    fn heard(said: u64, heard: &[u64], after: impl Fn(&mut DeliveryRecord)) -> [u64; 6] {
        let mut record = DeliveryRecord::new(&[0], &[(0, 0)], 1);
        (0..said).for_each(|_| _ = record.next_sequence(0));
        heard.iter().for_each(|&sequence| hear(&mut record, 0, 0, sequence));
        after(&mut record);
        let deliveries = record.settle().remove(0);
        assert_eq!(deliveries.latency.len(), deliveries.delivered);
        [
            deliveries.delivered,
            deliveries.lost,
            deliveries.told,
            deliveries.cut_off,
            deliveries.duplicated,
            deliveries.reordered,
        ]
    }

    #[test]
    fn each_fault_has_its_name() {
        let nothing = |_: &mut DeliveryRecord| {};
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
        let mut record = DeliveryRecord::new(&[0, 1, 0], &[(0, 0), (1, 1)], 2);
        (0..3).for_each(|publisher| _ = record.next_sequence(publisher));
        hear(&mut record, 0, 0, 0);
        hear(&mut record, 0, 2, 0);
        hear(&mut record, 0, 1, 0);
        hear(&mut record, 1, 9, 0);
        record.hear(Some(1), b"what?", 0);
        assert_eq!((record.delivered, record.strays, record.garbled), (2, 2, 1));
        assert_eq!(record.outstanding(9), 1);
        let deliveries = record.settle();
        assert_eq!([deliveries[0].lost, deliveries[1].lost], [0, 1]);
        assert_eq!(record.outstanding(9), 0);
    }

    #[test]
    fn a_voice_may_go_on_when_its_witness_has_heard() {
        let mut record = DeliveryRecord::new(&[0], &[(0, 0), (0, 0)], 1);
        (0..3).for_each(|_| _ = record.next_sequence(0));
        let mut confirmed = Vec::new();
        hear(&mut record, 0, 0, 0);
        record.take_confirmed(&mut confirmed);
        assert_eq!(
            (record.in_flight(0), confirmed.len()),
            (3, 0),
            "the first reader is no witness"
        );
        hear(&mut record, 1, 0, 1);
        record.take_confirmed(&mut confirmed);
        assert_eq!(
            (record.in_flight(0), confirmed.len()),
            (1, 1),
            "what it missed is no longer under way"
        );
        record.close(1);
        hear(&mut record, 0, 0, 2);
        assert_eq!(record.in_flight(0), 0, "the other one took its place");
    }
}
