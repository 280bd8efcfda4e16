//! Bystanders of a test, who must notice nothing.

use super::frames::{ack, came, message};
use super::{SPELLINGS, Server};
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread::{self, JoinHandle};

/// Two who talk in a room of their own for as long as this lives, and lose nothing.
pub struct Neighbours {
    is_over: Arc<AtomicBool>,
    thread: Option<JoinHandle<u64>>,
}

impl Neighbours {
    /// One speaks JSON, if it is built, and the other binary.
    pub fn talk(server: &Server) -> Self {
        Self::talk_at(server, 0)
    }

    /// The same, at the `index`th listener, which must serve frames.
    pub fn talk_at(server: &Server, index: usize) -> Self {
        let mut amy = server.connect_to(index);
        let mut ben = server.connect_to(index);
        ben.spelling = SPELLINGS[SPELLINGS.len() - 1];
        amy.hello("amy-next-door");
        ben.hello("ben-next-door");
        let room = amy.join("next-door").room;
        ben.join("next-door");
        amy.expect(&came(room, 2, "ben-next-door"));
        let is_over = Arc::new(AtomicBool::new(false));
        let over = Arc::clone(&is_over);
        let thread = thread::spawn(move || {
            let mut said = 0;
            // Once at the end, too: they are still there, and still hear each other.
            let mut is_last = false;
            while !is_last {
                is_last = over.load(Ordering::Acquire);
                said += 1;
                let text = format!("the {said}th thing I tell you");
                amy.say(room, said, &text);
                let heard = message(room, said, "amy-next-door", &text);
                amy.expect_all(&[heard.clone(), ack(room, said, said)]);
                ben.expect(&heard);
            }
            said
        });
        Self { is_over, thread: Some(thread) }
    }

    /// Says goodbye; how much was said.
    pub fn part(mut self) -> u64 {
        self.is_over.store(true, Ordering::Release);
        let said = self.thread.take().expect("parted once").join();
        said.expect("the neighbours lose nothing")
    }
}

impl Drop for Neighbours {
    fn drop(&mut self) {
        self.is_over.store(true, Ordering::Release);
        if let Some(thread) = self.thread.take() {
            let said = thread.join();
            assert!(thread::panicking() || said.is_ok(), "the neighbours lose nothing");
        }
    }
}
