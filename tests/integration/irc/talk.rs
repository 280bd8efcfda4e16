//! A client that says lines and knows which lines must come.

use crate::common::{Client, Server};
use hobnob::Limits;
use std::cell::RefCell;
use std::collections::BTreeSet;

/// What has become of conversations.
#[derive(Debug, Default)]
pub struct Proof {
    /// Commands and numerics of lines that came as they had to, to the letter.
    pub heard: BTreeSet<String>,
    /// Commands that were said.
    pub said: BTreeSet<String>,
    /// Capabilities that were asked for.
    pub caps: BTreeSet<String>,
}

thread_local! {
    static PROOF: RefCell<Proof> = RefCell::default();
}

/// What was proven in this thread so far.
pub fn proof() -> Proof {
    PROOF.take()
}

/// The words of a line, without its tags.
fn words(line: &str) -> impl Iterator<Item = &str> {
    line.split(' ').skip(usize::from(line.starts_with('@')))
}

/// Whether a line is what it must be: `<n>` stands for a number, and `<time>` for a time.
fn fits(line: &str, wanted: &str) -> bool {
    let holders =
        ["<n>", "<time>"].into_iter().filter_map(|holder| Some((wanted.find(holder)?, holder)));
    let Some((at, holder)) = holders.min() else { return line == wanted };
    let Some(rest) = line.strip_prefix(&wanted[..at]) else { return false };
    let length = match holder {
        "<n>" => rest.bytes().take_while(u8::is_ascii_digit).count(),
        _ => rest.find('Z').map_or(0, |end| if end == 23 { 24 } else { 0 }),
    };
    length > 0 && fits(&rest[length..], &wanted[at + holder.len()..])
}

/// Where everybody on this machine seems to come from, given the secret of these tests.
pub fn host() -> String {
    let network = u64::from(u32::from(std::net::Ipv4Addr::LOCALHOST));
    format!("{:016x}.cloaked", crate::common::secrets().cloak(network))
}

/// What answers a PING by which a client knows that all before it was done.
const DONE: &str = ":hobnob.local PONG hobnob.local :are you done?";

/// One listener for IRC.
pub fn relay() -> Server {
    Server::start(&["irc://127.0.0.1:0?operator=root:secret"])
}

/// The same, with these limits.
pub fn relay_with(limits: Limits) -> Server {
    Server::with(&["irc://127.0.0.1:0?operator=root:secret"], limits)
}

/// A client of IRC.
pub struct Talk {
    pub client: Client,
    host: String,
}

impl Talk {
    /// Connects to the `index`th listener and says nothing.
    pub fn connect(server: &Server, index: usize) -> Self {
        Self { client: server.connect_to(index), host: host() }
    }

    /// Registers; the welcome is read and thrown away.
    pub fn enter(server: &Server, nick: &str) -> Self {
        Self::enter_with(server, nick, "")
    }

    /// The same, with these capabilities.
    pub fn enter_with(server: &Server, nick: &str, caps: &str) -> Self {
        let mut talk = Self::connect(server, 0);
        if !caps.is_empty() {
            talk.say(&format!("CAP REQ :{caps}"));
        }
        talk.say(&format!("NICK {nick}"));
        talk.say(&format!("USER {nick} 0 * :{nick} of IRC"));
        if !caps.is_empty() {
            talk.say("CAP END");
        }
        talk.sync();
        talk
    }

    /// Says a line.
    pub fn say(&mut self, line: &str) {
        PROOF.with_borrow_mut(|proof| {
            for line in line.split("\r\n") {
                proof.said.extend(words(line).next().map(str::to_uppercase));
                let caps = line.strip_prefix("CAP REQ :").unwrap_or_default().split(' ');
                proof.caps.extend(caps.map(str::to_owned));
            }
        });
        self.client.send(format!("{line}\r\n").as_bytes());
    }

    /// The next line, as it came.
    #[track_caller]
    fn whole_line(&mut self) -> String {
        let bytes = self.client.read_until(b"\n");
        let text = String::from_utf8(bytes).expect("lines are UTF-8");
        let line = text.strip_suffix("\r\n").unwrap_or_else(|| panic!("{text:?} ends wrongly"));
        assert!(!line.contains(['\r', '\n', '\0']), "{line:?}");
        line.to_owned()
    }

    /// The next line, with this machine's host as `HOST` and times and ids made alike.
    #[track_caller]
    pub fn line(&mut self) -> String {
        let line = self.whole_line();
        let (tags, rest) = match line.strip_prefix('@').and_then(|tagged| tagged.split_once(' ')) {
            Some((tags, rest)) => (Some(tags), rest),
            None => (None, line.as_str()),
        };
        assert!(rest.len() <= 510, "{} bytes: {rest}", rest.len());
        let alike = |tag: &str| match tag.split_once('=') {
            Some(("time", time)) => {
                assert!(time.len() == 24 && time.ends_with('Z'), "{time}");
                "time=TIME".to_owned()
            }
            Some(("msgid", id)) => {
                assert!(!id.is_empty());
                "msgid=ID".to_owned()
            }
            _ => tag.to_owned(),
        };
        let tags = tags.map(|tags| tags.split(';').map(alike).collect::<Vec<_>>().join(";"));
        let rest = rest.replace(&self.host, "HOST");
        tags.map_or(rest.clone(), |tags| format!("@{tags} {rest}"))
    }

    /// When the next line says that it was said.
    #[track_caller]
    pub fn time(&mut self) -> String {
        let line = self.whole_line();
        let time = line.split_once("time=").map(|(_, rest)| rest.chars().take(24).collect());
        time.unwrap_or_else(|| panic!("{line} has no time"))
    }

    /// The next lines must be these, with `<n>` for a number and `<time>` for a time.
    #[track_caller]
    pub fn hear(&mut self, lines: &[&str]) {
        for wanted in lines {
            let line = self.line();
            assert!(fits(&line, wanted), "heard: {line}\nnot:   {wanted}");
            let command = words(&line).find(|word| !word.starts_with(':'));
            PROOF.with_borrow_mut(|proof| proof.heard.extend(command.map(str::to_owned)));
        }
    }

    /// Says a line; these must come, and nothing else.
    #[track_caller]
    pub fn ask(&mut self, line: &str, answers: &[&str]) {
        self.say(line);
        self.say("PING :are you done?");
        self.hear(answers);
        assert_eq!(self.line(), DONE, "to {line}");
    }

    /// Everything that comes up to the answer to a PING, which proves that all before was done.
    #[track_caller]
    pub fn sync(&mut self) -> Vec<String> {
        self.say("PING :are you done?");
        let mut lines = Vec::new();
        loop {
            let line = self.line();
            if line == DONE {
                return lines;
            }
            lines.push(line);
        }
    }

    /// Nothing has come.
    #[track_caller]
    pub fn hear_nothing(&mut self) {
        assert_eq!(self.sync(), [""; 0]);
    }

    /// Joins, and throws away what answers it.
    pub fn join(&mut self, channel: &str) {
        self.say(&format!("JOIN {channel}"));
        self.sync();
    }

    /// The connection ends with these lines.
    #[track_caller]
    pub fn hear_end(&mut self, lines: &[&str]) {
        self.hear(lines);
        self.client.expect_end();
    }
}

/// Says something as a frame peer.
pub fn frame_says(client: &mut Client, room: u32, id: u64, text: &[u8]) {
    let payload = text.into();
    client.ask(&[hobnob::wire::frame::ClientFrame::Say { room, id, echo: true, payload }]);
}

/// A relay, sixty rooms in one list, and the thirty people of long names who are in each of them:
/// who enters them all is told more than an outbox holds.
pub fn crowded() -> (Server, String, Vec<Talk>) {
    let limits = Limits { outbox: 32 << 10, presence_members: 100, ..Limits::default() };
    let server = relay_with(limits);
    let rooms: Vec<String> = (0..60).map(|n| format!("#{n}")).collect();
    let rooms = rooms.join(",");
    let enter = |n| {
        let mut talk = Talk::enter(&server, &format!("somebody-of-a-long-name-{n}"));
        talk.join(&rooms);
        talk
    };
    let others = (0..30).map(enter).collect();
    (server, rooms, others)
}
