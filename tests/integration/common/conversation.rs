//! A client's conversation in frames: what it asks, and what it must hear, to the byte.

use super::client::{Arrival, Client};
use super::frames::*;
use super::show::assert_same;
use super::spelling::{Spelling, encode_all, encode_server, parse};
use hobnob::id::{Epoch, Resume};
use hobnob::reason::CloseReason;
use hobnob::wire::frame::{ClientFrame, ServerFrame, Side};
use std::time::{SystemTime, UNIX_EPOCH};

/// The numbers of a `joined` frame.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Joined {
    pub room: u32,
    pub recovered: bool,
    pub epoch: Epoch,
    pub head: u64,
    pub oldest: u64,
    pub members: u32,
}

impl Joined {
    /// To join again behind this message.
    pub fn after(&self, offset: u64) -> Option<Resume> {
        Some(Resume { epoch: self.epoch, offset })
    }
}

impl Client {
    /// Sends frames, in one write.
    pub fn ask(&mut self, frames: &[ClientFrame<'_>]) {
        let bytes = encode_all(self.spelling, frames);
        self.send(&bytes);
    }

    /// Publishes in a room, and wants its own copy.
    pub fn say(&mut self, room: u32, id: u64, payload: &(impl AsRef<[u8]> + ?Sized)) {
        self.ask(&[say(room, id, payload)]);
    }

    /// Publishes in a room, and wants no copy.
    pub fn say_to_others(&mut self, room: u32, id: u64, payload: &(impl AsRef<[u8]> + ?Sized)) {
        self.ask(&[say_to_others(room, id, payload)]);
    }

    /// Sends a direct message.
    pub fn tell(&mut self, request: u64, name: &str, payload: &(impl AsRef<[u8]> + ?Sized)) {
        self.ask(&[tell(request, name, payload)]);
    }

    pub fn leave(&mut self, request: u64, room: u32) {
        self.ask(&[leave(request, room)]);
    }

    pub fn members(&mut self, request: u64, room: u32) {
        self.ask(&[members(request, room)]);
    }

    pub fn history(&mut self, request: u64, room: u32, side: Side, limit: u32) {
        self.ask(&[history(request, room, side, limit)]);
    }

    pub fn ping(&mut self, token: u64) {
        self.ask(&[ping(token)]);
    }

    pub fn bye(&mut self) {
        self.ask(&[bye()]);
    }

    /// The next frame's bytes; `None` when the connection ends between frames.
    #[track_caller]
    pub fn next_bytes(&mut self) -> Option<Vec<u8>> {
        loop {
            let unread = self.unread();
            let whole = match self.spelling {
                Spelling::Binary => unread
                    .first_chunk()
                    .map(|length| 4 + u32::from_be_bytes(*length) as usize)
                    .filter(|whole| *whole <= unread.len()),
                Spelling::Json => unread.iter().position(|byte| *byte == b'\n').map(|end| end + 1),
            };
            if let Some(whole) = whole {
                return Some(self.take(whole));
            }
            match self.read_once() {
                Arrival::Bytes => {}
                Arrival::End if self.unread().is_empty() => return None,
                end => panic!("{end:?} in the middle of a frame\n{}", self.so_far()),
            }
        }
    }

    /// The next frame.
    #[track_caller]
    pub fn next(&mut self) -> ServerFrame<'static> {
        let bytes = self.next_bytes().expect("a frame, but the connection ended");
        parse(self.spelling, &bytes)
    }

    /// All frames that come until the relay hangs up.
    pub fn frames_to_end(&mut self) -> Vec<ServerFrame<'static>> {
        let mut frames = Vec::new();
        while let Some(bytes) = self.next_bytes() {
            frames.push(parse(self.spelling, &bytes));
        }
        frames
    }

    /// Exactly this frame is next, to the byte. A message's time may be [`ANY_TIME`]; it must then
    /// be the present.
    #[track_caller]
    pub fn expect(&mut self, expected: &ServerFrame<'_>) {
        let bytes = self.next_bytes();
        let Some(bytes) = bytes else { panic!("the connection ended instead of {expected:?}") };
        let came = parse(self.spelling, &bytes);
        let mut expected = expected.clone();
        if let (Some(time), Some(was)) = (time_of(&mut expected), time_of(&mut came.clone()))
            && *time == ANY_TIME
        {
            *time = *was;
            let now = SystemTime::now().duration_since(UNIX_EPOCH).unwrap().as_millis() as u64;
            assert!(now - *time < 60_000, "said at {time}, and now it is {now}");
        }
        if came != expected {
            let brief = |frame| format!("{frame:?}").chars().take(400).collect::<String>();
            panic!("\nexpected: {}\n    came: {}", brief(&expected), brief(&came));
        }
        assert_same(&encode_server(self.spelling, &expected), &bytes);
    }

    /// Exactly these frames, and in this order.
    #[track_caller]
    pub fn expect_all(&mut self, expected: &[ServerFrame<'_>]) {
        for frame in expected {
            self.expect(frame);
        }
    }

    /// Everything up to the pong of a ping sent now.
    #[track_caller]
    pub fn until_pong(&mut self) -> Vec<ServerFrame<'static>> {
        self.token += 1;
        let token = 0xbeef_0000 + self.token;
        self.ping(token);
        let mut frames = Vec::new();
        loop {
            match self.next() {
                ServerFrame::Pong { token: came } if came == token => return frames,
                frame => frames.push(frame),
            }
        }
    }

    /// Nothing is under way to this client, and all that it asked was carried out.
    #[track_caller]
    pub fn expect_quiet(&mut self) {
        assert_eq!(self.until_pong(), []);
    }

    /// Hello, and the welcome: the key.
    #[track_caller]
    pub fn hello(&mut self, name: &str) -> u64 {
        self.hello_with(name, 0)
    }

    #[track_caller]
    pub fn hello_with(&mut self, name: &str, key: u64) -> u64 {
        self.ask(&[hello_with(name, key)]);
        match self.next() {
            ServerFrame::Welcome { key, .. } => key,
            other => panic!("expected a welcome for {name:?}, came: {other:?}"),
        }
    }

    /// Joins, and the answer.
    #[track_caller]
    pub fn join(&mut self, room: &str) -> Joined {
        self.join_after(room, None)
    }

    #[track_caller]
    pub fn join_after(&mut self, room: &str, resume: Option<Resume>) -> Joined {
        self.ask(&[ClientFrame::Join { request: 77, resume, key: None, room: room.into() }]);
        match self.next() {
            ServerFrame::Joined {
                request: 77,
                room,
                recovered,
                epoch,
                head,
                oldest,
                members,
                ..
            } => Joined { room, recovered, epoch, head, oldest, members },
            other => panic!("expected to have joined {room:?}, came: {other:?}"),
        }
    }

    /// An `error`, if its code is 300 or more, then `bye`, then the end.
    #[track_caller]
    pub fn expect_bye(&mut self, reason: CloseReason) {
        if reason.code() >= CloseReason::BadFrame.code() {
            match self.next() {
                ServerFrame::Error { code, request: 0, .. } if code == reason.code() => {}
                other => panic!("expected an error with {reason}, came: {other:?}"),
            }
        }
        self.expect(&bye_of(reason));
        self.expect_end();
    }
}

/// When a message was said.
fn time_of<'f>(frame: &'f mut ServerFrame<'_>) -> Option<&'f mut u64> {
    use ServerFrame as F;
    match frame {
        F::Message { time, .. } | F::Told { time, .. } | F::Passed { time, .. } => Some(time),
        _ => None,
    }
}
