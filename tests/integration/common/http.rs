//! A client of HTTP that reads exactly what was answered.

use super::{Client, Server};
use serde_json::Value;

/// One answer, taken apart.
#[derive(Debug)]
pub struct Answer {
    pub status: u16,
    pub head: String,
    pub body: Vec<u8>,
}

impl Answer {
    pub fn header(&self, name: &str) -> Option<&str> {
        self.head.lines().skip(1).find_map(|line| {
            let (key, value) = line.split_once(": ")?;
            key.eq_ignore_ascii_case(name).then_some(value)
        })
    }

    /// True if the relay said that this is the connection's last.
    pub fn is_last(&self) -> bool {
        self.header("connection") == Some("close")
    }

    pub fn text(&self) -> &str {
        std::str::from_utf8(&self.body).expect("the body is text")
    }

    pub fn json(&self) -> Value {
        serde_json::from_slice(&self.body).unwrap_or_else(|error| panic!("{error}: {self:?}"))
    }

    /// Where the answer goes on (RFC 8288).
    pub fn link(&self, rel: &str) -> Option<String> {
        self.header("link")?.split(", ").find_map(|link| {
            let (target, parameters) = link.split_once("; ")?;
            (parameters == format!("rel=\"{rel}\""))
                .then(|| target.trim_matches(['<', '>']).to_owned())
        })
    }
}

/// Reads one answer; `has_body` is false for HEAD.
pub fn answer(client: &mut Client, has_body: bool) -> Answer {
    let head = client.read_until(b"\r\n\r\n");
    let head = String::from_utf8(head).unwrap();
    let status = head.split(' ').nth(1).unwrap().parse().unwrap();
    let mut answer = Answer { status, head, body: Vec::new() };
    let length = answer.header("content-length").map_or(0, |length| length.parse().unwrap());
    if has_body {
        answer.body = client.read_exactly(length);
    }
    answer
}

pub fn ask(client: &mut Client, request: &str) -> Answer {
    client.send(request.as_bytes());
    answer(client, !request.starts_with("HEAD"))
}

pub fn get(client: &mut Client, path: &str) -> Answer {
    ask(client, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n\r\n"))
}

pub fn post(client: &mut Client, path: &str, headers: &str, body: &[u8]) -> Answer {
    let length = body.len();
    let head = format!(
        "POST {path} HTTP/1.1\r\nHost: localhost\r\n{headers}Content-Length: {length}\r\n\r\n"
    );
    client.send(&[head.as_bytes(), body].concat());
    answer(client, true)
}

/// One event, as a browser would take it apart.
#[derive(Debug)]
pub struct Event {
    pub kind: String,
    /// The id of the last event that had one.
    pub id: String,
    pub data: Value,
}

impl Event {
    pub fn offset(&self) -> u64 {
        assert_eq!(self.kind, "message", "{self:?}");
        self.data["offset"].as_u64().unwrap()
    }
}

/// A stream of events.
pub struct Events {
    pub client: Client,
    id: String,
    /// What is left of the chunk that came last.
    chunk: Vec<u8>,
}

/// Listens to a room: the head of the answer is read.
pub fn listen(server: &Server, listener: usize, path: &str, headers: &str) -> Events {
    let mut client = server.connect_to(listener);
    let begun =
        ask(&mut client, &format!("GET {path} HTTP/1.1\r\nHost: localhost\r\n{headers}\r\n"));
    assert_eq!(begun.status, 200, "{begun:?}");
    assert_eq!(begun.header("content-type"), Some("text/event-stream"));
    assert_eq!(begun.header("content-length"), None);
    assert_eq!(begun.header("transfer-encoding"), Some("chunked"));
    Events { client, id: String::new(), chunk: Vec::new() }
}

impl Events {
    fn line(&mut self) -> String {
        if self.chunk.is_empty() {
            self.chunk = self.next_chunk();
            assert!(self.chunk.ends_with(b"\n\n"), "a chunk is whole events: {:?}", self.chunk);
        }
        let end = self.chunk.iter().position(|byte| *byte == b'\n').expect("a whole line") + 1;
        let mut line: Vec<u8> = self.chunk.drain(..end).collect();
        line.pop();
        String::from_utf8(line).expect("events are text")
    }

    /// The bytes of the next chunk; none of the last one.
    pub fn next_chunk(&mut self) -> Vec<u8> {
        let size = String::from_utf8(self.client.read_until(b"\r\n")).expect("a size is text");
        let size = usize::from_str_radix(size.trim_end(), 16).expect("hexadecimal digits");
        let chunk = self.client.read_exactly(size);
        assert_eq!(self.client.read_exactly(2), b"\r\n");
        chunk
    }

    /// The next event that has data.
    pub fn next(&mut self) -> Event {
        let (mut kind, mut data) = ("message".to_owned(), String::new());
        loop {
            let line = self.line();
            match line.split_once(": ").unwrap_or((&line, "")) {
                ("", _) if !data.is_empty() => {
                    let data = serde_json::from_str(&data).expect("data is JSON");
                    return Event { kind, id: self.id.clone(), data };
                }
                ("id", id) => id.clone_into(&mut self.id),
                ("event", event) => event.clone_into(&mut kind),
                ("data", value) => value.clone_into(&mut data),
                ("" | "retry" | ":", _) => {}
                other => panic!("{other:?} is no field of an event"),
            }
        }
    }
}
