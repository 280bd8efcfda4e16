//! `hobnob chat`: a person in a room.

mod command;
mod keyboard;
mod screen;

use super::stdout_is_terminal;
use super::text;
use super::unreachable;
use command::Command;
use hobnob::client::Address;
use hobnob::client::AddressError;
use hobnob::client::Client;
use hobnob::client::Event;
use hobnob::client::Options;
use hobnob::client::PublishError;
use hobnob::client::Recovered;
use hobnob::client::Request;
use hobnob::client::RoomName;
use keyboard::Keyboard;
use keyboard::Typed;
use screen::Screen;
use std::collections::VecDeque;
use std::env;
use std::io;
use std::time::Duration;
use std::time::Instant;

/// How long what was typed last may take to be acknowledged when leaving.
const LEAVING_PATIENCE: Duration = Duration::from_secs(5);

/// Talk in a room.
#[derive(clap::Args)]
#[command(after_help = "Examples:
  hobnob chat
  hobnob chat rust
  hobnob chat frame://chat.example.org:7000 rust --name ann

Type /help there to see what can be typed.")]
pub(crate) struct Args {
    /// The relay: frame://host:port or unix:/path [default: $HOBNOB_URL, or this machine]; and the
    /// room [default: lobby]
    #[arg(value_names = ["URL", "ROOM"], num_args = 0..=2)]
    place: Vec<String>,
    #[arg(long, hide = true, env = "HOBNOB_URL", hide_env = true, default_value_t = Address::default())]
    url: Address,
    /// The name to ask for [default: $USER, or a guest's]
    #[arg(long)]
    name: Option<String>,
    /// Start with up to so many messages from before
    #[arg(long, value_name = "N", default_value_t = 20)]
    history: u64,
}

/// Messages on their way beyond which no more lines are taken.
const UNACKNOWLEDGED_MAX: usize = 256;

struct Chat {
    client: Client,
    keyboard: Keyboard,
    screen: Screen,
    url: Address,
    history: u64,
    /// The room talked in.
    room: RoomName,
    /// All rooms, in the order in which they were joined.
    rooms: Vec<RoomName>,
    /// The name everyone sees; empty before the first welcome.
    name: String,
    /// Whether the last that was heard of the connection is that it is up.
    connected: bool,
    /// Said here and to be seen as typed, so not to be shown again when it comes back.
    typed: VecDeque<Said>,
    /// Told to one person, and not answered yet.
    told: Vec<Told>,
    /// Until when to wait for acknowledgements; set once the person wants to leave.
    leaving: Option<Instant>,
}

/// What was typed here, until it comes back.
struct Said {
    id: u64,
    room: RoomName,
    payload: Vec<u8>,
}

/// What one person was told here, until the relay answers.
struct Told {
    id: u64,
    payload: Vec<u8>,
}

/// Whether to go on.
enum Next {
    On,
    End,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    chat(args).map_err(|error| error.to_string())
}

impl Args {
    /// Where to talk. A single word without a colon is a room: addresses have one.
    fn place(&self) -> Result<(Address, &str), AddressError> {
        match &self.place[..] {
            [room] if !room.contains(':') => Ok((self.url.clone(), room)),
            [url] => Ok((url.parse()?, "lobby")),
            [url, room, ..] => Ok((url.parse()?, room)),
            [] => Ok((self.url.clone(), "lobby")),
        }
    }
}

fn chat(args: Args) -> io::Result<()> {
    let (url, room) = args.place().map_err(|error| io::Error::other(error.to_string()))?;
    let room = RoomName::from(room);
    let name = args.name.or_else(|| env::var("USER").ok()).unwrap_or_default();
    let mut client =
        Client::connect(Options::new(url.clone()).name(name).accept_direct_messages())?;
    client.join(&room, args.history);
    let (keyboard, printer) = Keyboard::start(client.waker())?;
    keyboard.go_on(&room);
    let mut chat = Chat {
        client,
        keyboard,
        screen: Screen::new(printer, stdout_is_terminal()),
        url,
        history: args.history,
        rooms: vec![RoomName::clone(&room)],
        room,
        name: String::new(),
        connected: false,
        typed: VecDeque::new(),
        told: Vec::new(),
        leaving: None,
    };
    match chat.talk() {
        // Whoever read what was shown has gone.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Chat {
    fn talk(&mut self) -> io::Result<()> {
        loop {
            let patience =
                self.leaving.map(|until| until.saturating_duration_since(Instant::now()));
            self.client.turn(patience)?;
            while let Some(event) = self.client.next_event() {
                if let Next::End = self.show(event)? {
                    return Ok(());
                }
            }
            // Lines from a pipe come faster than they are acknowledged; those of a person do not.
            while self.leaving.is_none() && self.client.unacknowledged() < UNACKNOWLEDGED_MAX {
                match self.keyboard.next()? {
                    Typed::Line(line) => {
                        self.obey(&line)?;
                        self.go_on();
                    }
                    Typed::Nothing => break,
                    Typed::End => self.leave_soon(),
                }
            }
            self.close_if_due();
        }
    }

    /// Lets the next line be typed. Not when leaving: the editor would begin it, and change the
    /// terminal for it.
    fn go_on(&self) {
        if self.leaving.is_none() {
            self.keyboard.go_on(&self.room);
        }
    }

    fn leave_soon(&mut self) {
        self.leaving = Some(Instant::now() + LEAVING_PATIENCE);
    }

    fn close_if_due(&mut self) {
        let Some(until) = self.leaving else { return };
        // Not before the first welcome: that there is no relay should be told, not left in silence.
        let done = !self.name.is_empty() && self.client.unacknowledged() == 0;
        if done || until <= Instant::now() {
            self.client.close();
        }
    }

    fn obey(&mut self, line: &str) -> io::Result<()> {
        match command::parse(line) {
            Command::Nothing => Ok(()),
            Command::Say(text) => self.say(text.as_bytes()),
            Command::Act(action) => self.say(&text::of_action(action)),
            Command::Who if self.client.request_members(&self.room) => Ok(()),
            Command::Who => self.screen.notice("not connected to the room at the moment"),
            Command::Tell(name, text) => self.tell(name, text),
            Command::Join(room, key) => {
                match key {
                    Some(key) => self.client.join_with_key(room, self.history, key),
                    None => self.client.join(room, self.history),
                }
                self.room = self.room_called(room);
                Ok(())
            }
            Command::Leave => {
                let room = RoomName::clone(&self.room);
                self.client.leave(&room);
                self.forget(&room);
                Ok(())
            }
            Command::Help => self.screen.lines(command::HELP),
            Command::Quit => {
                self.leave_soon();
                Ok(())
            }
            Command::Unknown(line) => {
                self.screen.notice(&format!("`{line}` is no command: try /help"))
            }
        }
    }

    fn say(&mut self, payload: &[u8]) -> io::Result<()> {
        match self.client.publish(&self.room, payload) {
            Ok(id) => {
                if self.keyboard.shows_lines {
                    let room = RoomName::clone(&self.room);
                    self.typed.push_back(Said { id, room, payload: payload.into() });
                }
                Ok(())
            }
            Err(PublishError::NotJoined) => self.screen.notice("join a room first: /join ROOM"),
            Err(error) => self.screen.notice(&format!("not said: {error}")),
        }
    }

    fn tell(&mut self, name: &str, text: &str) -> io::Result<()> {
        match self.client.send_direct(name, text) {
            Ok(id) => {
                self.told.push(Told { id, payload: text.into() });
                Ok(())
            }
            Err(error) => self.screen.notice(&format!("not told: {error}")),
        }
    }

    /// What was told is answered: what it was.
    fn answered(&mut self, id: u64) -> Vec<u8> {
        let index = self.told.iter().position(|told| told.id == id);
        index.map(|index| self.told.remove(index).payload).unwrap_or_default()
    }

    /// The room of that name, from now on among those joined. Case is not what tells rooms apart.
    fn room_called(&mut self, name: &str) -> RoomName {
        if let Some(room) = self.rooms.iter().find(|room| room.eq_ignore_ascii_case(name)) {
            return RoomName::clone(room);
        }
        let room = RoomName::from(name);
        self.rooms.push(RoomName::clone(&room));
        room
    }

    fn forget(&mut self, room: &str) {
        self.rooms.retain(|joined| **joined != *room);
        self.typed.retain(|said| *said.room != *room);
        if *self.room == *room {
            self.room = self.rooms.last().map_or_else(|| "".into(), RoomName::clone);
        }
    }

    fn show(&mut self, event: Event) -> io::Result<Next> {
        match event {
            Event::Message { room, time, sender, payload, .. } => {
                if !self.is_to_be_seen_already(&room, &sender, &payload) {
                    let elsewhere = (room != self.room).then_some(&*room);
                    self.screen.message(time, elsewhere, &sender, &payload)?;
                }
            }
            Event::DirectMessage { time, sender, payload, .. } => {
                self.screen.told(time, &sender, "you", &payload)?;
            }
            Event::DirectMessagePassed { id, name, time, away } => {
                let payload = self.answered(id);
                // Else it is to be seen as it was typed.
                if !self.keyboard.shows_lines {
                    self.screen.told(time, "you", &name, &payload)?;
                }
                if !away.is_empty() {
                    self.screen.notice(&format!("{name} is away: {away}"))?;
                }
            }
            Event::Welcomed { name } => {
                if name != self.name {
                    self.screen.notice(&format!("connected to {} as {name}", self.url))?;
                }
                self.name = name;
                self.connected = true;
            }
            Event::Disconnected { cause, retry_in } => match retry_in {
                None if self.leaving.is_some() => return Ok(Next::End),
                Some(wait) if std::mem::take(&mut self.connected) => {
                    let wait = wait.as_secs_f32();
                    let notice = format!("connection lost ({cause}); trying again in {wait:.1} s");
                    self.screen.notice(&notice)?;
                }
                // That the tries after that fail, too, is no news.
                Some(_) if !self.name.is_empty() => {}
                _ => return Err(io::Error::other(unreachable(&self.url, &cause))),
            },
            Event::Kicked { room } => {
                let was_talked_in = room == self.room;
                self.forget(&room);
                if was_talked_in && self.room.is_empty() {
                    self.screen.notice("you are in no room now: /join ROOM")?;
                } else if was_talked_in {
                    self.screen.notice(&format!("you talk in {} now", self.room))?;
                }
            }
            other => {
                if let Some(notice) = self.notice(&other) {
                    self.screen.notice(&notice)?;
                }
            }
        }
        Ok(Next::On)
    }

    /// Whether the message is what was typed here, and so stands on the screen already. Another of
    /// the same name and words does no harm: it looks the same.
    fn is_to_be_seen_already(&mut self, room: &RoomName, sender: &str, payload: &[u8]) -> bool {
        if sender != self.name {
            return false;
        }
        let found =
            self.typed.iter().position(|said| said.room == *room && said.payload == payload);
        found.is_some_and(|index| self.typed.remove(index).is_some())
    }

    /// Everything that takes one dim line.
    fn notice(&mut self, event: &Event) -> Option<String> {
        Some(match event {
            Event::NameTaken { name, trying } if trying.is_empty() => {
                format!("somebody has the name {name} already; asking for any")
            }
            Event::NameTaken { name, trying } => {
                format!("somebody has the name {name} already; trying {trying}")
            }
            Event::Joined { room, members, recovered } => joined(room, *members, *recovered),
            Event::Left { room } => format!("left {room}"),
            Event::MemberJoined { room, name, .. } if *name != self.name => {
                format!("{name} joined {room}")
            }
            Event::MemberLeft { room, name, .. } => format!("{name} left {room}"),
            Event::Members { room, count, names, requested: true } if names.is_empty() => {
                format!("{count} in {room}")
            }
            Event::Members { room, count, names, requested: true } => {
                format!("{count} in {room}: {}", names.join(", "))
            }
            Event::Gap { room, from, to } => {
                format!("{} messages of {room} were lost", to - from + 1)
            }
            Event::Refused { request: Request::Join(room), text, .. } => {
                self.forget(room);
                format!("cannot join {room}: {text}")
            }
            Event::Refused { request: Request::Publish { id, .. }, text, .. } => {
                self.typed.retain(|said| said.id != *id);
                format!("not said: {text}")
            }
            Event::Refused { request: Request::DirectMessage { name, id }, text, .. } => {
                self.answered(*id);
                format!("not told to {name}: {text}")
            }
            Event::Refused { text, .. } => text.clone(),
            Event::Draining => "the relay is going away soon".to_owned(),
            _ => return None,
        })
    }
}

fn joined(room: &str, members: u32, recovered: Recovered) -> String {
    match recovered {
        Recovered::Fresh { .. } => format!("joined {room}, {members} here"),
        Recovered::NothingMissed => format!("back in {room}; nothing was missed"),
        Recovered::Complete { missed: 1 } => "back; 1 missed message follows".to_owned(),
        Recovered::Complete { missed } => format!("back; {missed} missed messages follow"),
        Recovered::Lost { lost: Some(lost), .. } => {
            format!("back; {lost} messages could not be recovered")
        }
        Recovered::Lost { lost: None, .. } => {
            format!("back; {room} began anew, and what was missed could not be recovered")
        }
    }
}
