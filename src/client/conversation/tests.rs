//! Tests of the conversation against hand-written frames.

mod direct_messages;
mod lost;
mod refused;

use super::*;
use crate::client::event::HistoryMessage;
use crate::client::event::Recovered;
use crate::id::Epoch;
use crate::id::Offset;
use crate::reason::CloseReason;
use crate::wire::Parsed;
use crate::wire::binary;
use crate::wire::frame;
use crate::wire::frame::FrameError;
use crate::wire::frame::Resume;
use crate::wire::frame::ServerFrame;

const EPOCH: Epoch = Epoch(7);
const ROOM: u32 = 40;

/// A conversation, the test's clock, and the relay's end of the connection.
struct Play {
    client: Conversation,
    now: Instant,
}

impl Play {
    fn new() -> Self {
        let now = Instant::now();
        Self { client: Conversation::new("ann".to_owned(), 1, now), now }
    }

    /// A client that is logged in and has joined `lobby`, which holds ten messages.
    fn in_lobby() -> Self {
        let mut play = Self::new();
        play.client.join("lobby", 0, None);
        play.welcome();
        let join = play.heard_join();
        assert_eq!(join.1, None);
        play.serve(&joined(join.0, false, 10, 1));
        let events = play.events();
        assert_eq!(events[1], came_in(Recovered::Fresh { history: 0 }));
        play
    }

    fn later(&mut self, wait: Duration) {
        self.now += wait;
        self.client.expire(self.now);
    }

    /// Connects; the hello is not read yet.
    fn connect(&mut self) {
        while self.client.wanted_socket() != WantedSocket::Connecting {
            self.now = self.client.next_deadline().unwrap();
            self.client.expire(self.now);
        }
        self.client.connected(self.now);
    }

    fn welcome(&mut self) {
        self.connect();
        let heard = self.heard();
        assert!(matches!(heard[..], [Heard::Hello { .. }]), "{heard:?}");
        self.serve(&welcome("ann"));
    }

    fn break_off(&mut self) {
        self.client.disconnected(DisconnectCause::Closed, self.now);
    }

    fn serve(&mut self, frame: &ServerFrame<'_>) {
        let mut bytes = Vec::new();
        binary::write_server(frame, &mut bytes);
        self.client.received(&bytes, self.now);
    }

    fn heard(&mut self) -> Vec<Heard> {
        let mut bytes = self.client.outgoing().to_vec();
        let length = bytes.len();
        self.client.sent(length);
        let mut heard = Vec::new();
        while let Parsed::Complete(frame, used) = binary::parse_client(&bytes, MESSAGE_MAX).unwrap()
        {
            heard.push(Heard::from(frame));
            bytes.drain(..used);
        }
        assert!(bytes.is_empty());
        heard
    }

    /// Returns the request number and resume position of the only join sent.
    fn heard_join(&mut self) -> (u64, Option<Resume>) {
        match self.heard()[..] {
            [Heard::Join { request, resume, .. }] => (request, resume),
            ref other => panic!("{other:?}"),
        }
    }

    fn events(&mut self) -> Vec<Event> {
        std::iter::from_fn(|| self.client.next_event()).collect()
    }
}

/// A frame of the client, without borrows.
#[derive(Debug, PartialEq, Eq)]
enum Heard {
    Hello { key: u64, name: String },
    Join { request: u64, resume: Option<Resume>, room: String },
    Leave { request: u64, room: u32 },
    UnackedMessage { room: u32, id: u64, text: String },
    Members { request: u64 },
    History { request: u64, room: u32, side: Side, limit: u32 },
    DirectMessage { request: u64, name: String, text: String },
    Ping,
    Pong(u64),
    Bye,
}

impl From<ClientFrame<'_>> for Heard {
    fn from(frame: ClientFrame<'_>) -> Self {
        match frame {
            ClientFrame::Hello { version, private, key, name } => {
                assert_eq!((version, private), (VERSION, false));
                Self::Hello { key, name: name.into_owned() }
            }
            ClientFrame::Join { request, resume, key: _, room } => {
                Self::Join { request, resume, room: room.into_owned() }
            }
            ClientFrame::Leave { request, room } => Self::Leave { request, room },
            ClientFrame::Say { room, id, echo, payload } => {
                assert!(echo, "its own messages keep its place in the room");
                Self::UnackedMessage {
                    room,
                    id,
                    text: String::from_utf8(payload.into_owned()).unwrap(),
                }
            }
            ClientFrame::Members { request, .. } => Self::Members { request },
            ClientFrame::History { request, room, side, limit } => {
                Self::History { request, room, side, limit }
            }
            ClientFrame::Tell { request, notice: _, name, payload } => {
                let text = String::from_utf8(payload.into_owned()).unwrap();
                Self::DirectMessage { request, name: name.into_owned(), text }
            }
            ClientFrame::Ping { .. } => Self::Ping,
            ClientFrame::Pong { token } => Self::Pong(token),
            ClientFrame::Bye => Self::Bye,
        }
    }
}

fn welcome(name: &str) -> ServerFrame<'_> {
    ServerFrame::Welcome {
        version: VERSION,
        id: 1,
        key: 99,
        max_message: 1_000,
        max_rooms: 128,
        ping_ms: 20_000,
        name: name.into(),
    }
}

fn joined(request: u64, recovered: bool, head: Offset, oldest: Offset) -> ServerFrame<'static> {
    let name = "lobby".into();
    ServerFrame::Joined {
        request,
        room: ROOM,
        recovered,
        epoch: EPOCH,
        head,
        oldest,
        members: 2,
        name,
    }
}

fn message(offset: Offset) -> ServerFrame<'static> {
    ServerFrame::Message {
        room: ROOM,
        offset,
        time: 5,
        sender: "bob".into(),
        payload: b"hi"[..].into(),
    }
}

fn error(code: u16, request: u64) -> ServerFrame<'static> {
    ServerFrame::Error { code, request, text: "no".into() }
}

fn came_in(recovered: Recovered) -> Event {
    Event::Joined { room: "lobby".into(), members: 2, recovered }
}

fn told(offset: Offset) -> Event {
    let (sender, payload) = ("bob".to_owned(), b"hi".to_vec());
    Event::Message { room: "lobby".into(), offset, time: 5, sender, payload }
}

fn say(id: u64, text: &str) -> Heard {
    Heard::UnackedMessage { room: ROOM, id, text: text.to_owned() }
}

#[test]
fn hello_join_say_ack() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    let id = play.client.publish("lobby", b"early").unwrap();
    play.connect();
    assert_eq!(play.heard(), [Heard::Hello { key: 0, name: "ann".to_owned() }]);
    play.serve(&welcome("ann"));
    let (request, resume) = play.heard_join();
    assert_eq!(resume, None);
    play.serve(&joined(request, false, 0, 1));
    assert_eq!(play.heard(), [say(id, "early")]);
    play.serve(&message(1));
    play.serve(&ServerFrame::Ack { room: ROOM, id, offset: 1 });
    play.serve(&ServerFrame::Ack { room: ROOM, id, offset: 1 });
    let events = [
        Event::Welcomed { name: "ann".to_owned() },
        came_in(Recovered::Fresh { history: 0 }),
        told(1),
        Event::Acked { room: "lobby".into(), id, offset: 1 },
    ];
    assert_eq!(play.events(), events);
    assert_eq!(play.client.unacknowledged(), 0);
}

#[test]
fn history_is_had_in_two_steps_and_not_twice() {
    let mut play = Play::new();
    play.client.join("lobby", 3, None);
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, false, 10, 1));
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: EPOCH, offset: 7 }));
    // Already live, and to be replayed in its place.
    play.serve(&message(11));
    play.serve(&joined(request, true, 11, 1));
    (8..=11).for_each(|offset| play.serve(&message(offset)));
    let events = play.events();
    assert_eq!(events[1], came_in(Recovered::Fresh { history: 4 }));
    assert_eq!(events[2..], [told(8), told(9), told(10), told(11)]);
}

#[test]
fn history_is_no_more_than_what_is_kept() {
    let mut play = Play::new();
    play.client.join("lobby", 100, None);
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, false, 10, 9));
    assert_eq!(play.heard_join().1, Some(Resume { epoch: EPOCH, offset: 8 }));
    let mut play = Play::new();
    play.client.join("lobby", 100, None);
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, false, 10, 11));
    assert_eq!(play.events()[1], came_in(Recovered::Fresh { history: 0 }));
}

#[test]
fn duplicates_are_dropped_and_holes_are_told() {
    let mut play = Play::in_lobby();
    for offset in [10, 11, 11, 3, 12, 15] {
        play.serve(&message(offset));
    }
    play.serve(&ServerFrame::Gap { room: ROOM, from: 16, to: 18 });
    play.serve(&message(18));
    play.serve(&message(19));
    let gap = |from, to| Event::Gap { room: "lobby".into(), from, to };
    let events = [told(11), told(12), gap(13, 14), told(15), gap(16, 18), told(19)];
    assert_eq!(play.events(), events);
}

#[test]
fn presence_and_members_are_told() {
    let mut play = Play::in_lobby();
    assert!(play.client.request_members("lobby") && !play.client.request_members("attic"));
    let [Heard::Members { request }] = play.heard()[..] else { panic!() };
    let room: RoomName = "lobby".into();
    play.serve(&ServerFrame::Came { room: ROOM, count: 3, name: "eve".into() });
    play.serve(&ServerFrame::Went { room: ROOM, count: 2, name: "eve".into() });
    let names = vec!["ann".into(), "bob".into()];
    play.serve(&ServerFrame::Members { request, room: ROOM, count: 2, names });
    play.serve(&ServerFrame::Members { request: 0, room: 999, count: 2, names: Vec::new() });
    let (name, names) = ("eve".to_owned(), vec!["ann".to_owned(), "bob".to_owned()]);
    let events = [
        Event::MemberJoined { room: room.clone(), count: 3, name: name.clone() },
        Event::MemberLeft { room: room.clone(), count: 2, name },
        Event::Members { room, count: 2, names, requested: true },
    ];
    assert_eq!(play.events(), events);
}

#[test]
fn the_past_is_told_under_the_number_it_was_asked_under() {
    let mut play = Play::in_lobby();
    assert_eq!(play.client.request_history("attic", Side::Before(0), 9), None);
    let request = play.client.request_history("lobby", Side::Before(7), 9).unwrap();
    let side = Side::Before(7);
    assert_eq!(play.heard(), [Heard::History { request, room: ROOM, side, limit: 9 }]);
    let past = frame::Past { offset: 6, time: 66, sender: "eve".into(), payload: b"old".into() };
    play.serve(&ServerFrame::History { request, room: ROOM, oldest: 6, messages: vec![past] });
    let (sender, payload) = ("eve".to_owned(), b"old".to_vec());
    let messages = vec![HistoryMessage { offset: 6, time: 66, sender, payload }];
    let page = Event::History { room: "lobby".into(), request, oldest: 6, messages };
    assert_eq!(play.events(), [page]);
    // A history page does not affect live messages: the next one is still the next.
    play.serve(&message(11));
    assert_eq!(play.events(), [told(11)]);
}

#[test]
fn a_room_is_left_and_joined_anew() {
    let mut play = Play::in_lobby();
    assert!(play.client.leave("lobby") && !play.client.leave("lobby"));
    assert_eq!(play.client.publish("lobby", b""), Err(PublishError::NotJoined));
    play.client.join("lobby", 0, None);
    let id = play.client.publish("lobby", b"again").unwrap();
    let [Heard::Leave { request, room: ROOM }] = play.heard()[..] else { panic!() };
    play.serve(&message(11));
    play.serve(&ServerFrame::Left { request, room: ROOM, offset: 11 });
    let (request, resume) = play.heard_join();
    assert_eq!(resume, None, "who left has no claim to what was said since");
    play.serve(&joined(request, false, 12, 1));
    assert_eq!(play.heard(), [say(id, "again")]);
    let left = Event::Left { room: "lobby".into() };
    assert_eq!(play.events(), [left, came_in(Recovered::Fresh { history: 0 })]);
}

#[test]
fn who_is_put_out_is_told_and_does_not_go_back_by_itself() {
    let mut play = Play::in_lobby();
    let waiting = play.client.publish("lobby", b"x").unwrap();
    play.heard();
    let put_out = ServerFrame::Left { request: 0, room: ROOM, offset: 10 };
    play.serve(&put_out);
    let refused = Event::Refused {
        request: Request::Publish { room: "lobby".into(), id: waiting },
        refusal: Some(Refusal::NotMember),
        text: Refusal::NotMember.text().to_owned(),
    };
    assert_eq!(play.events(), [refused, Event::Kicked { room: "lobby".into() }]);
    assert_eq!(play.client.publish("lobby", b""), Err(PublishError::NotJoined));
    // Unless requested.
    play.client.join("lobby", 0, None);
    let (request, resume) = play.heard_join();
    assert_eq!(resume, None);
    // A request that crossed with the kick is still answered.
    play.serve(&put_out);
    play.serve(&joined(request, false, 12, 1));
    assert_eq!(play.events(), [came_in(Recovered::Fresh { history: 0 })]);
}

#[test]
fn a_room_is_the_same_in_any_case_of_letters() {
    let mut play = Play::in_lobby();
    play.client.join("Lobby", 0, None);
    let id = play.client.publish("LOBBY", b"x").unwrap();
    assert_eq!(play.heard(), [say(id, "x")]);
    assert!(play.client.leave("lobbY") && !play.client.leave("lobby"));
}

#[test]
fn a_room_can_be_left_before_it_is_joined() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    play.client.join("attic", 0, None);
    assert!(play.client.leave("attic"));
    play.welcome();
    let (request, _) = play.heard_join();
    assert!(play.client.leave("lobby"));
    play.serve(&joined(request, false, 0, 1));
    let [Heard::Leave { request, .. }] = play.heard()[..] else { panic!() };
    play.serve(&ServerFrame::Left { request, room: ROOM, offset: 0 });
    let left = |room: &str| Event::Left { room: room.into() };
    let welcomed = Event::Welcomed { name: "ann".to_owned() };
    assert_eq!(play.events(), [left("attic"), welcomed, left("lobby")]);
}

#[test]
fn pings_are_answered_and_silence_is_probed() {
    let mut play = Play::in_lobby();
    play.serve(&ServerFrame::Ping { token: 4 });
    assert_eq!(play.heard(), [Heard::Pong(4)]);
    play.later(Duration::from_secs(29));
    assert_eq!(play.heard(), []);
    play.later(Duration::from_secs(1));
    assert_eq!(play.heard(), [Heard::Ping]);
    play.serve(&ServerFrame::Pong { token: 0 });
    play.later(Duration::from_secs(29));
    assert_eq!((play.heard(), play.client.wanted_socket()), (vec![], WantedSocket::Connected));
    play.later(Duration::from_secs(1));
    assert_eq!(play.client.next_deadline(), Some(play.now + REPLY_TIMEOUT));
    play.later(REPLY_TIMEOUT);
    assert!(matches!(
        play.events()[..],
        [Event::Disconnected { cause: DisconnectCause::TimedOut, .. }]
    ));
}

#[test]
fn goodbye_comes_after_everything_else() {
    let mut play = Play::in_lobby();
    let id = play.client.publish("lobby", b"last").unwrap();
    play.client.close(play.now);
    assert_eq!(play.client.publish("lobby", b""), Err(PublishError::Closed));
    assert_eq!(play.heard(), [say(id, "last"), Heard::Bye]);
    play.serve(&ServerFrame::Ack { room: ROOM, id, offset: 11 });
    play.serve(&ServerFrame::Bye { code: CloseReason::PeerClosed.code(), text: "bye".into() });
    let acked = Event::Acked { room: "lobby".into(), id, offset: 11 };
    let gone = Event::Disconnected { cause: DisconnectCause::Requested, retry_in: None };
    assert_eq!(play.events(), [acked, gone]);
    assert_eq!(
        (play.client.wanted_socket(), play.client.next_deadline()),
        (WantedSocket::None, None)
    );
}

#[test]
fn a_cut_anywhere_changes_nothing() {
    let mut stream = Vec::new();
    let names = vec!["ann".into(), "bob".into()];
    let frames = [
        welcome("ann"),
        joined(1, false, 0, 1),
        message(1),
        ServerFrame::Ping { token: 8 },
        ServerFrame::Came { room: ROOM, count: 2, name: "bob".into() },
        ServerFrame::Members { request: 0, room: ROOM, count: 2, names },
        message(2),
        ServerFrame::Gap { room: ROOM, from: 3, to: 4 },
        error(Refusal::Draining.code(), 0),
        ServerFrame::Bye { code: CloseReason::Shutdown.code(), text: "later".into() },
    ];
    frames.iter().for_each(|frame| binary::write_server(frame, &mut stream));
    let mut greeting = Vec::new();
    binary::write_server(&frames[0], &mut greeting);
    // A relay cannot reply to a join that it has not received.
    let always = greeting.len();
    let play_cut_at = |cuts: &[usize]| {
        let cuts = cuts.iter().copied();
        let before = cuts.clone().filter(|&cut| cut < always);
        let after = cuts.filter(|&cut| cut > always);
        let cuts = before.chain([always]).chain(after).chain([stream.len()]);
        let mut play = Play::new();
        play.client.join("lobby", 0, None);
        play.connect();
        let mut start = 0;
        for cut in cuts {
            play.client.received(&stream[start..cut], play.now);
            start = cut;
        }
        play.events()
    };
    let whole = play_cut_at(&[]);
    assert_eq!(whole.len(), 9);
    for cut in 0..stream.len() {
        assert_eq!(play_cut_at(&[cut]), whole, "cut at byte {cut}");
    }
    let every: Vec<usize> = (0..stream.len()).collect();
    assert_eq!(play_cut_at(&every), whole);
}

#[test]
fn a_long_message_is_taken_in_pieces_and_a_longer_one_is_not_waited_for() {
    let mut play = Play::in_lobby();
    let payload = vec![b'x'; 200 << 10];
    let frame = ServerFrame::Message {
        room: ROOM,
        offset: 11,
        time: 0,
        sender: "b".into(),
        payload: payload.into(),
    };
    let mut bytes = Vec::new();
    binary::write_server(&frame, &mut bytes);
    bytes.chunks(1_000).for_each(|piece| play.client.received(piece, play.now));
    assert!(matches!(play.events()[..], [Event::Message { offset: 11, .. }]));
    play.client.received(&u32::MAX.to_be_bytes(), play.now);
    let [Event::Disconnected { cause, retry_in: None }] = &play.events()[..] else { panic!() };
    assert!(matches!(cause, DisconnectCause::NotARelay(FrameError::TooLong { .. })));
}
