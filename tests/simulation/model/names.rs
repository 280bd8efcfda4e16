//! Who was called what, and from which call on.

use crate::random::Random;
use std::collections::HashMap;

/// Names of late that most of what is told goes to: few enough that one of them is told much.
const OF_LATE: usize = 12;

/// The history of every name, in any case.
#[derive(Default)]
pub struct Names {
    held: HashMap<String, Vec<(u32, Option<u32>)>>,
    now: HashMap<u32, String>,
    /// Every name that anybody took, in that order.
    taken: Vec<String>,
}

impl Names {
    /// After this call the peer is called so; nothing if it has no name.
    pub fn note(&mut self, serial: u32, name: &str, call: u32) {
        let before = self.now.get(&serial).map_or("", String::as_str);
        if before == name {
            return;
        }
        let folded = before.to_ascii_lowercase();
        if let Some(held) = self.held.get_mut(&folded)
            && held.last().is_some_and(|(_, holder)| *holder == Some(serial))
        {
            held.push((call, None));
        }
        self.now.insert(serial, name.to_owned());
        if !name.is_empty() {
            self.held.entry(name.to_ascii_lowercase()).or_default().push((call, Some(serial)));
            self.taken.push(name.to_owned());
        }
    }

    /// Everybody who had the name at some moment of these calls, nobody among them.
    pub fn holders(&self, name: &str, from: u32, to: u32) -> Vec<Option<u32>> {
        let held = self.held.get(&name.to_ascii_lowercase()).map_or(&[][..], Vec::as_slice);
        let first = held.partition_point(|(call, _)| *call < from);
        let before = first.checked_sub(1).and_then(|before| held[before].1);
        let during = held[first..].iter().take_while(|(call, _)| *call <= to);
        std::iter::once(before).chain(during.map(|(_, holder)| *holder)).collect()
    }

    /// Somebody's name, or what was one.
    pub fn pick(&self, random: &mut Random) -> Option<&str> {
        let most = if random.chance(900) { OF_LATE } else { usize::MAX };
        let back = random.below(self.taken.len().clamp(1, most));
        let at = self.taken.len().checked_sub(back + 1)?;
        Some(&self.taken[at])
    }
}
