//! `hobnob chat`: an interactive chat client.

mod command;
mod keyboard;
mod screen;

use super::connection_error;
use super::stdout_is_terminal;
use super::text;
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

/// Time to wait for acknowledgements on exit.
const EXIT_TIMEOUT: Duration = Duration::from_secs(5);

/// Chat in a room.
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
    /// The requested name [default: $USER, or a guest's name]
    #[arg(long)]
    name: Option<String>,
    /// Start with up to N past messages
    #[arg(long, value_name = "N", default_value_t = 20)]
    history: u64,
}

/// Unacknowledged messages beyond which no further input is read.
const UNACKNOWLEDGED_MAX: usize = 256;

struct Chat {
    client: Client,
    keyboard: Keyboard,
    screen: Screen,
    url: Address,
    history: u64,
    /// The current room.
    room: RoomName,
    /// All joined rooms, in order of joining.
    rooms: Vec<RoomName>,
    /// The name in use; empty before the first welcome.
    name: String,
    /// True if the last connection event was a welcome.
    connected: bool,
    /// Messages typed here and visible as input, so that their echo is not printed again.
    typed: VecDeque<TypedMessage>,
    /// Direct messages without a reply.
    direct: Vec<SentDirect>,
    /// The deadline for acknowledgements; set once the user exits.
    exit_deadline: Option<Instant>,
}

/// A message typed here, until its echo arrives.
struct TypedMessage {
    id: u64,
    room: RoomName,
    payload: Vec<u8>,
}

/// A direct message typed here, until the relay replies.
struct SentDirect {
    id: u64,
    payload: Vec<u8>,
}

/// The continuation after an event.
enum Flow {
    Continue,
    Exit,
}

pub(super) fn run(args: Args) -> Result<(), String> {
    chat(args).map_err(|error| error.to_string())
}

impl Args {
    /// Returns address and room. A single argument without a colon is a room: every address has a
    /// colon.
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
    keyboard.show_prompt(&room);
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
        direct: Vec::new(),
        exit_deadline: None,
    };
    match chat.run() {
        // A closed pipe is no error: the reader has seen enough.
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}

impl Chat {
    fn run(&mut self) -> io::Result<()> {
        loop {
            let timeout =
                self.exit_deadline.map(|until| until.saturating_duration_since(Instant::now()));
            self.client.turn(timeout)?;
            while let Some(event) = self.client.next_event() {
                if let Flow::Exit = self.show(event)? {
                    return Ok(());
                }
            }
            // Lines from a pipe can come faster than acknowledgements.
            while self.exit_deadline.is_none() && self.client.unacknowledged() < UNACKNOWLEDGED_MAX
            {
                match self.keyboard.next()? {
                    Typed::Line(line) => {
                        self.execute(&line)?;
                        self.show_prompt();
                    }
                    Typed::Nothing => break,
                    Typed::End => self.start_exit(),
                }
            }
            self.close_if_due();
        }
    }

    /// Shows the prompt for the next line. Not on exit: the editor would change the terminal mode
    /// again.
    fn show_prompt(&self) {
        if self.exit_deadline.is_none() {
            self.keyboard.show_prompt(&self.room);
        }
    }

    fn start_exit(&mut self) {
        self.exit_deadline = Some(Instant::now() + EXIT_TIMEOUT);
    }

    fn close_if_due(&mut self) {
        let Some(until) = self.exit_deadline else { return };
        // Not before the first welcome: an connection_error relay must be reported.
        let done = !self.name.is_empty() && self.client.unacknowledged() == 0;
        if done || until <= Instant::now() {
            self.client.close();
        }
    }

    fn execute(&mut self, line: &str) -> io::Result<()> {
        match command::parse(line) {
            Command::Nothing => Ok(()),
            Command::Publish(text) => self.publish(text.as_bytes()),
            Command::Action(action) => self.publish(&text::action_payload(action)),
            Command::Members if self.client.request_members(&self.room) => Ok(()),
            Command::Members => {
                self.screen.notice("not connected to the room: wait for the connection")
            }
            Command::DirectMessage(name, text) => self.send_direct(name, text),
            Command::Join(room, key) => {
                match key {
                    Some(key) => self.client.join_with_key(room, self.history, key),
                    None => self.client.join(room, self.history),
                }
                self.room = self.add_room(room);
                Ok(())
            }
            Command::Leave => {
                let room = RoomName::clone(&self.room);
                self.client.leave(&room);
                self.remove_room(&room);
                Ok(())
            }
            Command::Help => self.screen.lines(command::HELP),
            Command::Quit => {
                self.start_exit();
                Ok(())
            }
            Command::Unknown(line) => {
                self.screen.notice(&format!("unknown command `{line}`: /help lists the commands"))
            }
        }
    }

    fn publish(&mut self, payload: &[u8]) -> io::Result<()> {
        match self.client.publish(&self.room, payload) {
            Ok(id) => {
                if self.keyboard.shows_lines {
                    let room = RoomName::clone(&self.room);
                    self.typed.push_back(TypedMessage { id, room, payload: payload.into() });
                }
                Ok(())
            }
            Err(PublishError::NotJoined) => self.screen.notice("join a room first: /join ROOM"),
            Err(error) => self.screen.notice(&format!("not published: {error}")),
        }
    }

    fn send_direct(&mut self, name: &str, text: &str) -> io::Result<()> {
        match self.client.send_direct(name, text) {
            Ok(id) => {
                self.direct.push(SentDirect { id, payload: text.into() });
                Ok(())
            }
            Err(error) => self.screen.notice(&format!("not sent: {error}")),
        }
    }

    /// Removes a direct message after its reply, and returns its payload.
    fn take_direct(&mut self, id: u64) -> Vec<u8> {
        let index = self.direct.iter().position(|sent| sent.id == id);
        index.map(|index| self.direct.remove(index).payload).unwrap_or_default()
    }

    /// Adds a room, unless it is joined already, and returns its name. ASCII case is ignored.
    fn add_room(&mut self, name: &str) -> RoomName {
        if let Some(room) = self.rooms.iter().find(|room| room.eq_ignore_ascii_case(name)) {
            return RoomName::clone(room);
        }
        let room = RoomName::from(name);
        self.rooms.push(RoomName::clone(&room));
        room
    }

    fn remove_room(&mut self, room: &str) {
        self.rooms.retain(|joined| **joined != *room);
        self.typed.retain(|said| *said.room != *room);
        if *self.room == *room {
            self.room = self.rooms.last().map_or_else(|| "".into(), RoomName::clone);
        }
    }

    fn show(&mut self, event: Event) -> io::Result<Flow> {
        match event {
            Event::Message { room, time, sender, payload, .. } => {
                if !self.take_echo(&room, &sender, &payload) {
                    let elsewhere = (room != self.room).then_some(&*room);
                    self.screen.message(time, elsewhere, &sender, &payload)?;
                }
            }
            Event::DirectMessage { time, sender, payload, .. } => {
                self.screen.direct_message(time, &sender, "you", &payload)?;
            }
            Event::DirectMessagePassed { id, name, time, away } => {
                let payload = self.take_direct(id);
                // Otherwise the typed line is visible already.
                if !self.keyboard.shows_lines {
                    self.screen.direct_message(time, "you", &name, &payload)?;
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
                None if self.exit_deadline.is_some() => return Ok(Flow::Exit),
                Some(wait) if std::mem::take(&mut self.connected) => {
                    let wait = wait.as_secs_f32();
                    let notice = format!("connection lost ({cause}); reconnecting in {wait:.1} s");
                    self.screen.notice(&notice)?;
                }
                // Further failed attempts are not reported.
                Some(_) if !self.name.is_empty() => {}
                _ => return Err(io::Error::other(connection_error(&self.url, &cause))),
            },
            Event::Kicked { room } => {
                let was_talked_in = room == self.room;
                self.remove_room(&room);
                if was_talked_in && self.room.is_empty() {
                    self.screen.notice("you are in no room: /join ROOM")?;
                } else if was_talked_in {
                    self.screen.notice(&format!("the current room is now {}", self.room))?;
                }
            }
            other => {
                if let Some(notice) = self.notice(&other) {
                    self.screen.notice(&notice)?;
                }
            }
        }
        Ok(Flow::Continue)
    }

    /// True if the message is the echo of a typed line. Another message with the same name and text
    /// looks the same, so a mistake does no harm.
    fn take_echo(&mut self, room: &RoomName, sender: &str, payload: &[u8]) -> bool {
        if sender != self.name {
            return false;
        }
        let found =
            self.typed.iter().position(|said| said.room == *room && said.payload == payload);
        found.is_some_and(|index| self.typed.remove(index).is_some())
    }

    /// Returns the notice for an event.
    fn notice(&mut self, event: &Event) -> Option<String> {
        Some(match event {
            Event::NameTaken { name, trying } if trying.is_empty() => {
                format!("the name {name} is in use; requesting any name")
            }
            Event::NameTaken { name, trying } => {
                format!("the name {name} is in use; trying {trying}")
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
                self.remove_room(room);
                format!("cannot join {room}: {text}")
            }
            Event::Refused { request: Request::Publish { id, .. }, text, .. } => {
                self.typed.retain(|said| said.id != *id);
                format!("not published: {text}")
            }
            Event::Refused { request: Request::DirectMessage { name, id }, text, .. } => {
                self.take_direct(*id);
                format!("not sent to {name}: {text}")
            }
            Event::Refused { text, .. } => text.clone(),
            Event::Draining => "the relay is shutting down".to_owned(),
            _ => return None,
        })
    }
}

fn joined(room: &str, members: u32, recovered: Recovered) -> String {
    match recovered {
        Recovered::Fresh { .. } => format!("joined {room}, {members} here"),
        Recovered::NothingMissed => format!("back in {room}; no message was missed"),
        Recovered::Complete { missed: 1 } => "back; 1 missed message follows".to_owned(),
        Recovered::Complete { missed } => format!("back; {missed} missed messages follow"),
        Recovered::Lost { lost: Some(lost), .. } => {
            format!("back; {lost} messages could not be recovered")
        }
        Recovered::Lost { lost: None, .. } => {
            format!("back; {room} was created anew, and missed messages could not be recovered")
        }
    }
}
