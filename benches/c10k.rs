//! Ten thousand connections, with server and clients in two processes: the memory of an idle
//! member, complete delivery, and the effect of two thousand stalled readers on the others.
//!
//! `cargo bench --bench c10k` runs it (about a minute) and fails if a bound is exceeded. Each
//! process needs 10,100 descriptors: check `ulimit -Hn`, change it in /etc/security/limits.conf.
//! `HOBNOB_PEERS=1000` runs it with fewer.

use hobnob::net::raise_descriptor_limit;
use hobnob::reason::CloseReason;
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, ServerFrame, VERSION};
use mio::net::TcpStream;
use mio::{Events, Interest, Poll, Token};
use std::borrow::Cow;
use std::collections::VecDeque;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::SocketAddr;
use std::process::{Child, Command, ExitCode, Stdio};
use std::time::{Duration, Instant};

const PAYLOAD: usize = 1024;
const PER_SECOND: u64 = 200;
const SECONDS: u64 = 20;
/// Less than is published in those seconds, so that stalled readers are overrun.
const BACKLOG: usize = 2 << 20;
/// The bound on the server's growth, besides the backlog, while a fifth of its clients stall.
const SLACK: usize = 16 << 20;
/// The bound on the resident memory of an idle member, in bytes. Measured: 353 to 368, depending on
/// heap fragmentation after ten thousand simultaneous connects.
const IDLE_MAX: usize = 384;
/// The bound for an idle WebSocket member.
#[cfg(feature = "http")]
const IDLE_WEBSOCKET_MAX: usize = 500;
/// The bound for an idle IRC member, which has a nickname, a real name and WHOIS data.
const IDLE_IRC_MAX: usize = 1024;

fn main() -> ExitCode {
    // `cargo test --benches` passes --test: it only checks that the benchmark builds.
    if std::env::args().any(|arg| arg == "--test") {
        return ExitCode::SUCCESS;
    }
    let peers = std::env::var("HOBNOB_PEERS").ok().and_then(|n| n.parse().ok()).unwrap_or(10_000);
    let limit = raise_descriptor_limit();
    if limit < peers as u64 + 100 {
        eprintln!(
            "{peers} connections need {} descriptors, and the limit is {limit}:",
            peers + 100
        );
        eprintln!(
            "raise the hard limit (ulimit -Hn, /etc/security/limits.conf) or set HOBNOB_PEERS"
        );
        return ExitCode::FAILURE;
    }
    let mut verdict = Verdict { failed: false };
    idle_and_fan_out(peers, &mut verdict);
    #[cfg(feature = "http")]
    idle_websockets(peers, &mut verdict);
    #[cfg(feature = "deflate")]
    idle_compressed(peers, &mut verdict);
    idle_irc(peers, &mut verdict);
    stalled(peers, &mut verdict);
    if verdict.failed { ExitCode::FAILURE } else { ExitCode::SUCCESS }
}

struct Verdict {
    failed: bool,
}

impl Verdict {
    fn row(&mut self, what: &str, value: impl std::fmt::Display, kept: bool) {
        println!("{} {what:<58} {value}", if kept { "   " } else { "NO " });
        self.failed |= !kept;
    }
}

/// Measures the memory of WebSocket members.
#[cfg(feature = "http")]
fn idle_websockets(peers: usize, verdict: &mut Verdict) {
    let opening = websocket_opening("");
    let each = idle("http://127.0.0.1:0", "WebSockets", peers, b"c10k", |_| opening.clone());
    let text = format!("{each} bytes");
    verdict.row("resident memory per idle WebSocket", text, each <= IDLE_WEBSOCKET_MAX);
}

/// Measures the memory of WebSocket members with compression.
#[cfg(feature = "deflate")]
fn idle_compressed(peers: usize, verdict: &mut Verdict) {
    let listen = "http://127.0.0.1:0?deflate=true";
    let opening = websocket_opening("Sec-WebSocket-Extensions: permessage-deflate\r\n");
    let each = idle(listen, "compressed WebSockets", peers, b"c10k", |_| opening.clone());
    let text = format!("{each} bytes");
    verdict.row("resident memory per idle compressed WebSocket", text, each <= IDLE_WEBSOCKET_MAX);
}

/// Returns the opening bytes of a WebSocket client, with additional headers.
#[cfg(feature = "http")]
fn websocket_opening(headers: &str) -> Vec<u8> {
    use hobnob::wire::binary::LENGTH_SIZE;
    use hobnob::wire::websocket::{Opcode, write_masked};
    let mut opening = format!(
        "GET /connect HTTP/1.1\r\nHost: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade\r\n\
         Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\nSec-WebSocket-Version: 13\r\n{headers}\r\n"
    )
    .into_bytes();
    let (name, room) = (Cow::Borrowed(""), Cow::Borrowed("c10k"));
    for frame in [
        ClientFrame::Hello { version: VERSION, private: false, key: 0, name },
        ClientFrame::Join { request: 1, resume: None, key: None, room },
    ] {
        let mut bytes = Vec::new();
        binary::write_client(&frame, &mut bytes);
        write_masked(Opcode::Binary, [1, 2, 3, 4], &bytes[LENGTH_SIZE..], &mut opening);
    }
    opening
}

/// Measures the memory of IRC members that have registered and joined.
fn idle_irc(peers: usize, verdict: &mut Verdict) {
    let register = |index| {
        let nick = format!("peer{index:05}");
        format!("NICK {nick}\r\nUSER {nick} 0 * :{nick}\r\nJOIN #c10k\r\n").into_bytes()
    };
    let each = idle("irc://127.0.0.1:0", "IRC clients", peers, b"#c10k :End of", register);
    let text = format!("{each} bytes");
    verdict.row("resident memory per idle IRC client", text, each <= IDLE_IRC_MAX);
}

/// Measures the memory per client of clients that send `opening`, wait for `joined`, and are silent
/// afterwards.
fn idle(
    listen: &str,
    what: &str,
    peers: usize,
    joined: &[u8],
    opening: impl Fn(usize) -> Vec<u8>,
) -> usize {
    println!("{peers} {what}, all in one room");
    let server = Server::start_with(listen, &[]);
    let before = server.resident();
    let mut sockets = Vec::new();
    for index in 0..peers {
        let mut socket = std::net::TcpStream::connect(server.address).expect("it accepts");
        socket.write_all(&opening(index)).expect("room for a hello");
        let (mut heard, mut buffer) = (Vec::new(), [0; 4096]);
        while !heard.windows(joined.len()).any(|window| window == joined) {
            let len = socket.read(&mut buffer).expect("an answer");
            assert!(len > 0, "all clients join");
            heard.extend_from_slice(&buffer[..len]);
        }
        sockets.push(socket);
    }
    // Lets the last notices and buffers drain.
    std::thread::sleep(Duration::from_millis(1500));
    server.resident().saturating_sub(before) / peers
}

fn idle_and_fan_out(peers: usize, verdict: &mut Verdict) {
    println!("{peers} connections, all in one room");
    let server = Server::start(&[]);
    let before = server.resident();
    let began = Instant::now();
    let mut clients = Clients::connect(server.address, peers);
    clients.join();
    verdict.row("connected, logged in and joined", format!("{:.2?}", began.elapsed()), true);
    // Lets the last notices and buffers drain.
    clients.run_for(Duration::from_millis(1500));
    let each = server.resident().saturating_sub(before) / peers;
    verdict.row("resident memory per idle member", format!("{each} bytes"), each <= IDLE_MAX);
    let began = Instant::now();
    clients.publish(1);
    clients
        .run_until(Duration::from_secs(10), |clients| clients.list.iter().all(|c| c.messages == 1));
    let received = clients.list.iter().filter(|client| client.messages == 1).count();
    let text = format!("{received} within {:.2?}", began.elapsed());
    verdict.row("received the message", text, received == peers);
}

fn stalled(peers: usize, verdict: &mut Verdict) {
    let stalled_count = peers / 5;
    let total = PER_SECOND * SECONDS;
    println!(
        "{stalled_count} of them stop reading; {PER_SECOND} messages/s of {PAYLOAD} bytes for {SECONDS} s"
    );
    let server = Server::start(&["--backlog", &BACKLOG.to_string()]);
    let mut clients = Clients::connect(server.address, peers);
    clients.join();
    clients.run_for(Duration::from_millis(1500));
    for client in clients.list.iter_mut().rev().take(stalled_count) {
        client.stalled = true;
    }
    let before = server.resident();
    let (began, cpu) = (Instant::now(), server.cpu());
    let mut peak = before;
    for tick in 0..total {
        let due = began + Duration::from_micros(tick * 1_000_000 / PER_SECOND);
        clients.run_for(due.saturating_duration_since(Instant::now()));
        clients.publish(tick + 1);
        if tick % 20 == 0 {
            peak = peak.max(server.resident());
        }
        if tick % PER_SECOND == 0 {
            eprint!("\r    {:>3} %, {} deliveries", tick * 100 / total, clients.delivered());
        }
    }
    let all_received =
        |clients: &Clients| clients.list.iter().all(|c| c.stalled || c.messages == total);
    clients.run_until(Duration::from_secs(60), all_received);
    let took = began.elapsed();
    eprint!("\r{:40}\r", "");
    peak = peak.max(server.resident());
    let readers = peers - stalled_count;
    let complete = clients.list.iter().filter(|c| !c.stalled && c.messages == total && c.lost == 0);
    let complete = complete.count();
    let text = format!(
        "{complete} of {readers}, {:.1?} after the last was published",
        took - Duration::from_secs(SECONDS)
    );
    verdict.row("readers that received every message in order", text, complete == readers);
    let rate = clients.delivered() as f64 / took.as_secs_f64();
    let cpu = (server.cpu() - cpu) / took.as_secs_f64();
    verdict.row(
        "deliveries",
        format!("{:.0} per second, at {:.0} % of a core", rate, cpu * 100.0),
        true,
    );
    let grown = peak.saturating_sub(before);
    let text =
        format!("{:.1} MiB (backlog {} MiB)", grown as f64 / f64::from(1 << 20), BACKLOG >> 20);
    verdict.row("growth of the server's memory", text, grown <= BACKLOG + SLACK);

    for client in &mut clients.list {
        client.stalled = false;
    }
    clients.mark_all_unread();
    let is_notified =
        |client: &Client| client.gaps > 0 || client.bye.is_some() || client.messages == total;
    clients.run_until(Duration::from_secs(30), |clients| clients.list.iter().all(is_notified));
    let idle = || clients.list.iter().rev().take(stalled_count);
    let gaps = idle().filter(|client| client.gaps > 0).count();
    let byes = idle().filter(|client| client.bye.is_some()).count();
    let all = idle().filter(|client| is_notified(client)).count();
    let silent_gaps = idle().filter(|client| client.silent_gaps > 0).count();
    let text = format!("{all} of {stalled_count}: {gaps} gaps, {byes} closed with a reason");
    verdict.row("stalled readers that got a gap or a close reason", text, all == stalled_count);
    verdict.row("readers that lost messages without notice", silent_gaps, silent_gaps == 0);
}

/// A `hobnob serve` process.
struct Server {
    child: Child,
    address: SocketAddr,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        Self::start_with("frame://127.0.0.1:0", options)
    }

    fn start_with(listen: &str, options: &[&str]) -> Self {
        let mut child = Command::new(env!("CARGO_BIN_EXE_hobnob"))
            .args(["serve", "--listen", listen])
            .args(options)
            .env("RUST_LOG", "warn")
            .stdout(Stdio::piped())
            .spawn()
            .expect("hobnob starts");
        let (scheme, _) = listen.split_once(':').expect("a URL");
        let lines = BufReader::new(child.stdout.take().expect("its output")).lines();
        let line = lines.map_while(Result::ok).find(|line| line.trim_start().starts_with(scheme));
        let address = line.and_then(|line| line.split_whitespace().last()?.parse().ok());
        Self { child, address: address.expect("it prints its address") }
    }

    /// Returns its resident memory, in bytes.
    fn resident(&self) -> usize {
        let status = std::fs::read_to_string(format!("/proc/{}/status", self.child.id()));
        let status = status.unwrap_or_default();
        let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
        line.and_then(|line| line.split_whitespace().next()?.parse::<usize>().ok()).unwrap_or(0)
            << 10
    }

    /// Returns its CPU time in user and kernel mode, in seconds.
    fn cpu(&self) -> f64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id()));
        let stat = stat.unwrap_or_default();
        let after_name = stat.rsplit_once(')').map_or("", |(_, rest)| rest);
        let ticks =
            after_name.split_whitespace().skip(11).take(2).filter_map(|n| n.parse::<f64>().ok());
        ticks.sum::<f64>() / 100.0
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// All clients, on one poll.
struct Clients {
    poll: Poll,
    events: Events,
    list: Vec<Client>,
    scratch: Vec<u8>,
    /// Clients whose socket may hold more input that no event will announce.
    unread: VecDeque<usize>,
    room: u32,
}

struct Client {
    stream: TcpStream,
    partial: Vec<u8>,
    joined: Option<u32>,
    next: u64,
    messages: u64,
    /// Messages reported as lost, and messages missing without a notice.
    lost: u64,
    silent_gaps: u64,
    gaps: u64,
    bye: Option<u16>,
    stalled: bool,
    ended: bool,
}

impl Clients {
    fn connect(address: SocketAddr, peers: usize) -> Self {
        let poll = Poll::new().expect("a poll");
        let mut list = Vec::with_capacity(peers);
        for index in 0..peers {
            // Connects block: the kernel's queue sets the pace.
            let stream = std::net::TcpStream::connect(address).expect("a connection");
            stream.set_nonblocking(true).expect("nonblocking");
            stream.set_nodelay(true).expect("nodelay");
            let mut stream = TcpStream::from_std(stream);
            let interest = Interest::READABLE;
            poll.registry().register(&mut stream, Token(index), interest).expect("registered");
            list.push(Client {
                stream,
                partial: Vec::new(),
                joined: None,
                next: 0,
                messages: 0,
                lost: 0,
                silent_gaps: 0,
                gaps: 0,
                bye: None,
                stalled: false,
                ended: false,
            });
        }
        let (events, scratch) = (Events::with_capacity(1024), vec![0; 256 << 10]);
        Self { poll, events, list, scratch, unread: VecDeque::new(), room: 0 }
    }

    fn join(&mut self) {
        for (index, client) in self.list.iter_mut().enumerate() {
            let mut bytes = Vec::new();
            let name = Cow::Owned(format!("peer{index:05}"));
            binary::write_client(
                &ClientFrame::Hello { version: VERSION, private: false, key: 0, name },
                &mut bytes,
            );
            let room = Cow::Borrowed("c10k");
            binary::write_client(
                &ClientFrame::Join { request: 1, resume: None, key: None, room },
                &mut bytes,
            );
            client.stream.write_all(&bytes).expect("room for a hello");
        }
        let joined = |clients: &Self| clients.list.iter().all(|client| client.joined.is_some());
        self.run_until(Duration::from_secs(30), joined);
        assert!(joined(self), "all clients join");
        self.room = self.list[0].joined.unwrap_or(0);
    }

    /// Publishes a message with `number` from the first client.
    fn publish(&mut self, number: u64) {
        let mut payload = vec![b'.'; PAYLOAD];
        payload[..8].copy_from_slice(&number.to_be_bytes());
        let (room, payload) = (self.room, Cow::Owned(payload));
        let mut bytes = Vec::new();
        binary::write_client(&ClientFrame::Say { room, id: 0, echo: true, payload }, &mut bytes);
        self.list[0].stream.write_all(&bytes).expect("the publisher is not blocked");
    }

    fn delivered(&self) -> u64 {
        self.list.iter().map(|client| client.messages).sum()
    }

    fn run_for(&mut self, time: Duration) {
        let until = Instant::now() + time;
        while self.turn(until) {}
    }

    fn run_until(&mut self, most: Duration, done: impl Fn(&Self) -> bool) {
        let until = Instant::now() + most;
        while !done(self)
            && self.turn(until.min(Instant::now() + Duration::from_millis(100)))
                | (Instant::now() < until)
        {}
    }

    /// Marks every client as possibly readable.
    fn mark_all_unread(&mut self) {
        self.unread.extend(0..self.list.len());
    }

    /// Reads all available input. Returns false once `until` has passed.
    fn turn(&mut self, until: Instant) -> bool {
        let left = until.saturating_duration_since(Instant::now());
        let wait = if self.unread.is_empty() { left } else { Duration::ZERO };
        if self.poll.poll(&mut self.events, Some(wait)).is_err() {
            return true;
        }
        let ready: Vec<usize> = self.events.iter().map(|event| event.token().0).collect();
        for _ in 0..self.unread.len() {
            if let Some(index) = self.unread.pop_front() {
                self.read(index);
            }
        }
        for index in ready {
            self.read(index);
        }
        Instant::now() < until
    }

    fn read(&mut self, index: usize) {
        let client = &mut self.list[index];
        if client.stalled || client.ended {
            return;
        }
        match client.stream.read(&mut self.scratch) {
            Ok(0) => client.ended = true,
            Ok(len) => {
                client.take(&self.scratch[..len]);
                // The buffer is full: more input may wait.
                if len == self.scratch.len() {
                    self.unread.push_back(index);
                }
            }
            Err(error) if error.kind() == std::io::ErrorKind::WouldBlock => {}
            Err(_) => client.ended = true,
        }
    }
}

impl Client {
    fn take(&mut self, bytes: &[u8]) {
        if self.partial.is_empty() {
            let used = self.parse(bytes);
            self.partial.extend_from_slice(&bytes[used..]);
        } else {
            let mut input = std::mem::take(&mut self.partial);
            input.extend_from_slice(bytes);
            let used = self.parse(&input);
            input.drain(..used);
            self.partial = input;
        }
    }

    fn parse(&mut self, bytes: &[u8]) -> usize {
        let mut used = 0;
        while let Parsed::Complete(frame, len) =
            binary::parse_server(&bytes[used..], 1 << 20).expect("frames")
        {
            self.handle_frame(&frame);
            used += len;
        }
        used
    }

    fn handle_frame(&mut self, frame: &ServerFrame<'_>) {
        match frame {
            ServerFrame::Joined { room, head, .. } => {
                self.joined = Some(*room);
                self.next = head + 1;
            }
            ServerFrame::Message { offset, .. } => {
                self.messages += 1;
                self.silent_gaps += u64::from(*offset != self.next);
                self.next = offset + 1;
            }
            ServerFrame::Gap { from, to, .. } => {
                self.gaps += 1;
                self.lost += to + 1 - from;
                self.silent_gaps += u64::from(*from != self.next);
                self.next = to + 1;
            }
            ServerFrame::Ping { token } => {
                let mut pong = Vec::new();
                binary::write_client(&ClientFrame::Pong { token: *token }, &mut pong);
                let _ = self.stream.write_all(&pong);
            }
            ServerFrame::Bye { code, .. } => {
                debug_assert_ne!(*code, CloseReason::Internal.code());
                self.bye = Some(*code);
            }
            _ => {}
        }
    }
}
