//! A relay on a thread of its own, and clients that know exactly what they want to hear.
//!
//! Nothing here sleeps for a while and hopes. A test waits for bytes, for the pong that proves that
//! everything before it was carried out, or for one of the relay's counts; and whatever does not
//! come within [`PATIENCE`] fails with what came instead.

#![allow(dead_code, reason = "every file of tests needs its own part of this")]

mod alone;
#[cfg(feature = "http")]
pub mod http;
pub mod web;

pub use alone::alone;

use hobnob::engine::Counts;
use hobnob::id::{Epoch, Resume};
use hobnob::reason::{CloseReason, Refusal};
pub use hobnob::session::frame::Spelling;
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, Past, ServerFrame, Side, VERSION};
#[cfg(feature = "json")]
use hobnob::wire::json;
use hobnob::{Bound, Config, Handle, Limits, Relay};
use socket2::{Domain, SockAddr, Socket, Type};
use std::borrow::Cow;
use std::hash::{DefaultHasher, Hash, Hasher};
use std::io::{self, Read, Write};
use std::net::{Shutdown, SocketAddr};
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, mpsc};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

/// How long a test waits for what must come.
pub const PATIENCE: Duration = Duration::from_secs(10);

/// Every relay here derives its keys and epochs from this.
pub const SECRET: u64 = 0x5eed;

/// The number of the first room that a relay makes.
pub const FIRST_ROOM: u32 = 1 << 22;

/// What a message's time is when any will do.
pub const ANY_TIME: u64 = u64::MAX;

/// Both spellings, or the one that is built.
pub const SPELLINGS: &[Spelling] = &[
    Spelling::Binary,
    #[cfg(feature = "json")]
    Spelling::Json,
];

/// Longest frame that a client here expects of a relay.
const FRAME_MAX: usize = 64 << 20;

/// The `n`th key or epoch that a relay makes up, counting from 1.
pub fn minted(n: u64) -> u64 {
    derived("minted", n)
}

/// The key of the `n`th guest.
pub fn guest_key(n: u64) -> u64 {
    derived("guest", n)
}

fn derived(purpose: &str, count: u64) -> u64 {
    let mut hasher = DefaultHasher::new();
    (SECRET, purpose, count, SECRET.rotate_left(32)).hash(&mut hasher);
    hasher.finish()
}

/// The id of the `n`th connection, counting from 1, if it sits in `slot`.
pub fn conn_id(n: u64, slot: u64) -> u64 {
    n << 32 | slot
}

/// Limits with a message rate for everybody, so slow that whoever has used up the burst stays refused,
/// however long a test takes.
pub fn one_an_hour(rate_burst: u32) -> Limits {
    let rate_every = Duration::from_secs(3600);
    Limits { limit_loopback: true, rate_burst, rate_every, ..Limits::default() }
}

/// A relay that serves until this is dropped.
pub struct Server {
    pub handle: Handle,
    bound: Vec<Bound>,
    thread: Option<JoinHandle<io::Result<()>>>,
}

impl Server {
    /// Listens with the default limits.
    pub fn start(listeners: &[&str]) -> Self {
        Self::with(listeners, Limits::default())
    }

    /// Listens with these limits.
    pub fn with(listeners: &[&str], limits: Limits) -> Self {
        Self::try_with(listeners, limits).expect("the relay listens")
    }

    /// One listener for frames.
    pub fn frames() -> Self {
        Self::start(&["frame://127.0.0.1:0"])
    }

    /// One listener for frames, with these limits.
    pub fn frames_with(limits: Limits) -> Self {
        Self::with(&["frame://127.0.0.1:0"], limits)
    }

    pub fn try_with(listeners: &[&str], limits: Limits) -> io::Result<Self> {
        let listeners = listeners.iter().map(|url| url.parse().expect("a listener's URL"));
        let (listeners, secret) = (listeners.collect(), Some(SECRET));
        let config = Config { listeners, limits, secret, ..Config::default() };
        let (tell, told) = mpsc::channel();
        let thread = thread::spawn(move || {
            let mut relay = match bind(config) {
                Ok(relay) => relay,
                Err(error) => {
                    tell.send(Err(error)).expect("the test waits");
                    return Ok(());
                }
            };
            tell.send(relay.bound().map(|bound| (relay.handle(), bound))).expect("the test waits");
            relay.run()
        });
        let (handle, bound) = told.recv().expect("the relay's thread lives")?;
        Ok(Self { handle, bound, thread: Some(thread) })
    }

    pub fn bound(&self, index: usize) -> &Bound {
        &self.bound[index]
    }

    pub fn port(&self, index: usize) -> u16 {
        match &self.bound[index] {
            Bound::Tcp(address) => address.port(),
            Bound::Unix(path) => panic!("{} has no port", path.display()),
        }
    }

    /// A client of the first listener.
    pub fn connect(&self) -> Client {
        self.connect_to(0)
    }

    /// A client of the `index`th listener.
    pub fn connect_to(&self, index: usize) -> Client {
        Client::connect(&self.bound[index], None).expect("the relay accepts")
    }

    /// A client whose kernel takes little that it has not read.
    pub fn connect_narrow(&self, index: usize, receive_buffer: usize) -> Client {
        Client::connect(&self.bound[index], Some(receive_buffer)).expect("the relay accepts")
    }

    /// A client of frames in this spelling.
    pub fn speak(&self, spelling: Spelling) -> Client {
        let mut client = self.connect();
        client.spelling = spelling;
        client
    }

    /// The same, and welcome under this name.
    pub fn greet(&self, spelling: Spelling, name: &str) -> Client {
        let mut client = self.speak(spelling);
        client.hello(name);
        client
    }

    /// The same, and in a room that is new or empty or whose other members do not matter.
    pub fn enter(&self, spelling: Spelling, name: &str, room: &str) -> (Client, u32) {
        let mut client = self.greet(spelling, name);
        let room = client.join(room).room;
        (client, room)
    }

    pub fn counts(&self) -> Counts {
        self.handle.counts()
    }

    /// How many connections ended for this reason.
    pub fn closed(&self, reason: CloseReason) -> u64 {
        let index = CloseReason::ALL.iter().position(|member| *member == reason).unwrap();
        self.counts().closes[index]
    }

    /// How many requests were refused for this reason.
    pub fn refused(&self, refusal: Refusal) -> u64 {
        let index = Refusal::ALL.iter().position(|member| *member == refusal).unwrap();
        self.counts().refusals[index]
    }

    /// Waits for the relay's counts to say something.
    pub fn until(&self, what: &str, mut is_so: impl FnMut(&Counts) -> bool) -> Counts {
        let since = Instant::now();
        loop {
            let counts = self.counts();
            if is_so(&counts) {
                return counts;
            }
            assert!(since.elapsed() < PATIENCE, "waited in vain until {what}: {counts:#?}");
            thread::sleep(Duration::from_micros(200));
        }
    }

    /// Waits until so many have ended for this reason.
    pub fn until_closed(&self, reason: CloseReason, count: u64) {
        let index = CloseReason::ALL.iter().position(|member| *member == reason).unwrap();
        self.until(&format!("{count} ended with {reason}"), |counts| {
            assert!(counts.closes[index] <= count, "more than {count} ended with {reason}");
            counts.closes[index] == count
        });
    }

    /// Waits until so much was refused for this reason.
    pub fn until_refused(&self, refusal: Refusal, count: u64) {
        let what = format!("{count} refusals of {refusal}");
        self.until(&what, |_| self.refused(refusal) == count);
    }

    /// Waits until so many were accepted in all.
    pub fn until_accepted(&self, count: u64) {
        self.until(&format!("{count} are accepted"), |counts| counts.accepted == count);
    }

    /// Waits until so many are connected.
    pub fn until_connected(&self, count: u64) {
        self.until(&format!("{count} are connected"), |counts| counts.connections == count);
    }

    /// Stops, and waits until it has.
    pub fn stop(mut self) {
        self.end();
    }

    fn end(&mut self) {
        self.handle.stop();
        let Some(thread) = self.thread.take() else { return };
        let ended = thread.join();
        if thread::panicking() {
            return;
        }
        ended.expect("the relay does not panic").expect("the relay's poll works");
        assert_eq!(self.closed(CloseReason::Internal), 0, "no fault of the relay's own");
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        self.end();
    }
}

/// Binds. One relay at a time: while a Unix socket is made, the umask of the whole process is another.
fn bind(config: Config) -> io::Result<Relay> {
    static UMASK: Mutex<()> = Mutex::new(());
    let _umask = UMASK.lock();
    Relay::bind(config)
}

/// What a read brought.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Read1 {
    Bytes,
    End,
    Reset,
}

/// One client's socket, and what came of it.
pub struct Client {
    pub socket: Socket,
    pub spelling: Spelling,
    inbox: Vec<u8>,
    taken: usize,
    token: u64,
}

/// What `joined` said.
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
    pub fn connect(bound: &Bound, receive_buffer: Option<usize>) -> io::Result<Self> {
        let (domain, address) = match bound {
            Bound::Tcp(address) => (Domain::for_address(*address), SockAddr::from(*address)),
            Bound::Unix(path) => (Domain::UNIX, SockAddr::unix(path)?),
        };
        let socket = Socket::new(domain, Type::STREAM, None)?;
        if let Some(size) = receive_buffer {
            socket.set_recv_buffer_size(size)?;
        }
        socket.connect(&address)?;
        if matches!(bound, Bound::Tcp(_)) {
            socket.set_tcp_nodelay(true)?;
        }
        socket.set_read_timeout(Some(PATIENCE))?;
        socket.set_write_timeout(Some(PATIENCE))?;
        let spelling = Spelling::Binary;
        Ok(Self { socket, spelling, inbox: Vec::new(), taken: 0, token: 0 })
    }

    pub fn connect_tcp(address: SocketAddr) -> io::Result<Self> {
        Self::connect(&Bound::Tcp(address), None)
    }

    pub fn connect_unix(path: &Path) -> io::Result<Self> {
        Self::connect(&Bound::Unix(PathBuf::from(path)), None)
    }

    /// Sends bytes as they are.
    pub fn send(&mut self, bytes: &[u8]) {
        if let Err(error) = self.socket.write_all(bytes) {
            panic!("cannot send {}: {error}\n{}", show(bytes), self.so_far());
        }
    }

    /// Sends bytes if the relay still takes them.
    pub fn try_send(&mut self, bytes: &[u8]) -> bool {
        self.socket.write_all(bytes).is_ok()
    }

    /// Sends frames, in one write.
    pub fn ask(&mut self, frames: &[ClientFrame<'_>]) {
        let bytes = encode_all(self.spelling, frames);
        self.send(&bytes);
    }

    /// Says that nothing more will be sent.
    pub fn shut(&self) {
        self.socket.shutdown(Shutdown::Write).expect("the socket is open");
    }

    /// Breaks the connection: the relay gets a reset.
    pub fn reset(self) {
        self.socket.set_linger(Some(Duration::ZERO)).expect("SO_LINGER");
    }

    fn unread(&self) -> &[u8] {
        &self.inbox[self.taken..]
    }

    fn so_far(&self) -> String {
        format!("received so far and not expected: {}", show(self.unread()))
    }

    fn take(&mut self, count: usize) -> Vec<u8> {
        let bytes = self.inbox[self.taken..self.taken + count].to_vec();
        self.taken += count;
        if self.taken == self.inbox.len() {
            self.inbox.clear();
            self.taken = 0;
        }
        bytes
    }

    fn read_once(&mut self) -> Read1 {
        let mut buffer = [0; 16 << 10];
        loop {
            return match self.socket.read(&mut buffer) {
                Ok(0) => Read1::End,
                Ok(count) => {
                    self.inbox.extend_from_slice(&buffer[..count]);
                    Read1::Bytes
                }
                Err(error) if error.kind() == io::ErrorKind::Interrupted => continue,
                Err(error) if error.kind() == io::ErrorKind::ConnectionReset => Read1::Reset,
                Err(error) => panic!("nothing more comes: {error}\n{}", self.so_far()),
            };
        }
    }

    /// Reads some of what is there; false at the end.
    pub fn read_some(&mut self) -> bool {
        self.read_once() == Read1::Bytes
    }

    /// Reads one byte more.
    pub fn read_a_byte(&mut self) {
        let mut byte = [0];
        self.socket.read_exact(&mut byte).expect("a byte is there, or comes");
        self.inbox.extend_from_slice(&byte);
    }

    /// Reads exactly these bytes.
    #[track_caller]
    pub fn expect_bytes(&mut self, expected: &[u8]) {
        while self.unread().len() < expected.len() {
            // What came is wrong already: no need to wait for the rest.
            if !expected.starts_with(self.unread()) {
                break;
            }
            match self.read_once() {
                Read1::Bytes => {}
                end => {
                    panic!("{end:?} instead of {}\n{}", show(expected), self.so_far());
                }
            }
        }
        let count = expected.len().min(self.unread().len());
        let came = self.take(count);
        assert_same(expected, &came);
    }

    /// Reads this many bytes.
    #[track_caller]
    pub fn read_exactly(&mut self, count: usize) -> Vec<u8> {
        while self.unread().len() < count {
            let read = self.read_once();
            assert_eq!(read, Read1::Bytes, "{count} bytes wanted\n{}", self.so_far());
        }
        self.take(count)
    }

    /// The connection ends here, and not with a reset.
    #[track_caller]
    pub fn expect_end(&mut self) {
        while self.unread().is_empty() {
            match self.read_once() {
                Read1::Bytes => {}
                Read1::End => return,
                Read1::Reset => panic!("a reset instead of an end"),
            }
        }
        panic!("more instead of an end\n{}", self.so_far());
    }

    /// The connection ends here, one way or the other.
    #[track_caller]
    pub fn expect_gone(&mut self) {
        while self.unread().is_empty() {
            if self.read_once() != Read1::Bytes {
                return;
            }
        }
        panic!("more instead of an end\n{}", self.so_far());
    }

    /// Everything up to the end, and whether that was a proper one.
    pub fn read_to_end(&mut self) -> (Vec<u8>, bool) {
        loop {
            match self.read_once() {
                Read1::Bytes => {}
                how => {
                    let count = self.unread().len();
                    return (self.take(count), how == Read1::End);
                }
            }
        }
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
                Read1::Bytes => {}
                Read1::End if self.unread().is_empty() => return None,
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
        self.ask(&[ping(token)]);
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

pub fn encode(spelling: Spelling, frame: &ClientFrame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::write_client(frame, &mut out),
        _ => binary::write_client(frame, &mut out),
    }
    out
}

pub fn encode_all(spelling: Spelling, frames: &[ClientFrame<'_>]) -> Vec<u8> {
    frames.iter().flat_map(|frame| encode(spelling, frame)).collect()
}

pub fn encode_server(spelling: Spelling, frame: &ServerFrame<'_>) -> Vec<u8> {
    let mut out = Vec::new();
    match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::write_server(frame, &mut out),
        _ => binary::write_server(frame, &mut out),
    }
    out
}

/// One whole frame of the relay's.
#[track_caller]
pub fn parse(spelling: Spelling, bytes: &[u8]) -> ServerFrame<'static> {
    let parsed = match spelling {
        #[cfg(feature = "json")]
        Spelling::Json => json::parse_server(bytes, FRAME_MAX),
        _ => binary::parse_server(bytes, FRAME_MAX),
    };
    match parsed {
        Ok(Parsed::Complete(frame, used)) if used == bytes.len() => owned(frame),
        other => panic!("the relay wrote no frame: {other:?}\n{}", show(bytes)),
    }
}

fn owned(frame: ServerFrame<'_>) -> ServerFrame<'static> {
    fn text(text: Cow<'_, str>) -> Cow<'static, str> {
        Cow::Owned(text.into_owned())
    }
    use ServerFrame as F;
    match frame {
        F::Welcome { version, id, key, max_message, max_rooms, ping_ms, name } => {
            let name = text(name);
            F::Welcome { version, id, key, max_message, max_rooms, ping_ms, name }
        }
        F::Joined { request, room, recovered, epoch, head, oldest, members, name } => {
            let name = text(name);
            F::Joined { request, room, recovered, epoch, head, oldest, members, name }
        }
        F::Left { request, room, offset } => F::Left { request, room, offset },
        F::Ack { room, id, offset } => F::Ack { room, id, offset },
        F::Message { room, offset, time, sender, payload } => {
            let (sender, payload) = (text(sender), Cow::Owned(payload.into_owned()));
            F::Message { room, offset, time, sender, payload }
        }
        F::Came { room, count, name } => F::Came { room, count, name: text(name) },
        F::Went { room, count, name } => F::Went { room, count, name: text(name) },
        F::Members { request, room, count, names } => {
            F::Members { request, room, count, names: names.into_iter().map(text).collect() }
        }
        F::History { request, room, oldest, messages } => {
            let messages = messages.into_iter().map(|past| {
                let (sender, payload) = (text(past.sender), Cow::Owned(past.payload.into_owned()));
                Past { sender, payload, ..past }
            });
            F::History { request, room, oldest, messages: messages.collect() }
        }
        F::Told { time, notice, sender, payload } => {
            let (sender, payload) = (text(sender), Cow::Owned(payload.into_owned()));
            F::Told { time, notice, sender, payload }
        }
        F::Passed { request, time, away } => F::Passed { request, time, away: text(away) },
        F::Gap { room, from, to } => F::Gap { room, from, to },
        F::Ping { token } => F::Ping { token },
        F::Pong { token } => F::Pong { token },
        F::Error { code, request, text: sentence } => {
            F::Error { code, request, text: text(sentence) }
        }
        F::Bye { code, text: sentence } => F::Bye { code, text: text(sentence) },
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

/// Bytes for a person: text as text, the rest escaped, and not too much of it.
pub fn show(bytes: &[u8]) -> String {
    const MOST: usize = 600;
    let shown = bytes.get(..MOST).unwrap_or(bytes).escape_ascii();
    let more = bytes.len().saturating_sub(MOST);
    let more = if more > 0 { format!(" and {more} more") } else { String::new() };
    format!("{} bytes \"{shown}\"{more}", bytes.len())
}

/// Compares, and shows where the first difference is.
#[track_caller]
pub fn assert_same(expected: &[u8], came: &[u8]) {
    if expected == came {
        return;
    }
    let same = expected.iter().zip(came).take_while(|(a, b)| a == b).count();
    let near = |bytes: &[u8]| {
        let bytes = &bytes[same.saturating_sub(40)..];
        bytes.get(..120).unwrap_or(bytes).escape_ascii().to_string()
    };
    panic!(
        "\nexpected {} bytes, came {}, different from byte {same} on (shown from 40 before):\nexpected: {}\n    came: {}",
        expected.len(),
        came.len(),
        near(expected),
        near(came)
    );
}

// What clients say.

pub fn hello(name: &str) -> ClientFrame<'_> {
    hello_with(name, 0)
}

pub fn hello_with(name: &str, key: u64) -> ClientFrame<'_> {
    ClientFrame::Hello { version: VERSION, private: false, key, name: name.into() }
}

/// Of somebody to whom private messages may come.
pub fn hello_private(name: &str) -> ClientFrame<'_> {
    ClientFrame::Hello { version: VERSION, private: true, key: 0, name: name.into() }
}

pub fn join(request: u64, room: &str) -> ClientFrame<'_> {
    ClientFrame::Join { request, resume: None, key: None, room: room.into() }
}

pub fn join_with_key<'a>(request: u64, room: &'a str, key: &'a str) -> ClientFrame<'a> {
    ClientFrame::Join { request, resume: None, key: Some(key.into()), room: room.into() }
}

pub fn leave(request: u64, room: u32) -> ClientFrame<'static> {
    ClientFrame::Leave { request, room }
}

pub fn say<'a>(room: u32, id: u64, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> ClientFrame<'a> {
    ClientFrame::Say { room, id, echo: true, payload: payload.as_ref().into() }
}

pub fn say_to_others<'a>(
    room: u32,
    id: u64,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ClientFrame<'a> {
    ClientFrame::Say { room, id, echo: false, payload: payload.as_ref().into() }
}

pub fn members(request: u64, room: u32) -> ClientFrame<'static> {
    ClientFrame::Members { request, room }
}

pub fn history(request: u64, room: u32, side: Side, limit: u32) -> ClientFrame<'static> {
    ClientFrame::History { request, room, side, limit }
}

pub fn tell<'a>(
    request: u64,
    name: &'a str,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ClientFrame<'a> {
    let (name, payload) = (name.into(), payload.as_ref().into());
    ClientFrame::Tell { request, notice: false, name, payload }
}

pub fn ping(token: u64) -> ClientFrame<'static> {
    ClientFrame::Ping { token }
}

pub fn bye() -> ClientFrame<'static> {
    ClientFrame::Bye
}

// What the relay says.

pub fn welcome<'a>(id: u64, key: u64, name: &'a str, limits: &Limits) -> ServerFrame<'a> {
    ServerFrame::Welcome {
        version: VERSION,
        id,
        key,
        max_message: limits.message as u32,
        max_rooms: limits.rooms_per_peer as u32,
        ping_ms: limits.ping_after.as_millis() as u32,
        name: name.into(),
    }
}

pub fn message<'a>(
    room: u32,
    offset: u64,
    sender: &'a str,
    payload: &'a (impl AsRef<[u8]> + ?Sized),
) -> ServerFrame<'a> {
    let (sender, payload) = (sender.into(), payload.as_ref().into());
    ServerFrame::Message { room, offset, time: ANY_TIME, sender, payload }
}

pub fn told<'a>(sender: &'a str, payload: &'a (impl AsRef<[u8]> + ?Sized)) -> ServerFrame<'a> {
    let (sender, payload) = (sender.into(), payload.as_ref().into());
    ServerFrame::Told { time: ANY_TIME, notice: false, sender, payload }
}

pub fn passed(request: u64) -> ServerFrame<'static> {
    ServerFrame::Passed { request, time: ANY_TIME, away: "".into() }
}

pub fn ack(room: u32, id: u64, offset: u64) -> ServerFrame<'static> {
    ServerFrame::Ack { room, id, offset }
}

pub fn left(request: u64, room: u32, offset: u64) -> ServerFrame<'static> {
    ServerFrame::Left { request, room, offset }
}

pub fn came(room: u32, count: u32, name: &str) -> ServerFrame<'_> {
    ServerFrame::Came { room, count, name: name.into() }
}

pub fn went(room: u32, count: u32, name: &str) -> ServerFrame<'_> {
    ServerFrame::Went { room, count, name: name.into() }
}

pub fn member_list<'a>(request: u64, room: u32, names: &[&'a str]) -> ServerFrame<'a> {
    let count = names.len() as u32;
    ServerFrame::Members {
        request,
        room,
        count,
        names: names.iter().map(|name| (*name).into()).collect(),
    }
}

pub fn member_count(request: u64, room: u32, count: u32) -> ServerFrame<'static> {
    ServerFrame::Members { request, room, count, names: Vec::new() }
}

pub fn pong(token: u64) -> ServerFrame<'static> {
    ServerFrame::Pong { token }
}

pub fn refused(refusal: Refusal, request: u64) -> ServerFrame<'static> {
    ServerFrame::Error { code: refusal.code(), request, text: refusal.text().into() }
}

pub fn bye_of(reason: CloseReason) -> ServerFrame<'static> {
    ServerFrame::Bye { code: reason.code(), text: reason.text().into() }
}

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
                amy.ask(&[say(room, said, &text)]);
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

/// Numbers that look random and are the same every time (SplitMix64, public domain, Steele et al.
/// 2014).
pub struct Dice(pub u64);

impl Dice {
    pub fn roll(&mut self) -> u64 {
        self.0 = self.0.wrapping_add(0x9e37_79b9_7f4a_7c15);
        let mut mixed = self.0;
        mixed = (mixed ^ (mixed >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
        mixed = (mixed ^ (mixed >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
        mixed ^ (mixed >> 31)
    }

    /// One of `0..n`.
    pub fn below(&mut self, n: usize) -> usize {
        (self.roll() % n as u64) as usize
    }
}
