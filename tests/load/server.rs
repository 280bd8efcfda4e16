//! A small broadcast server with faults: a thread for each connection, and one lock.

use hobnob::id::Epoch;
use hobnob::load::{Scheme, Target};
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, ServerFrame};
use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::Duration;

/// What is done wrong, to each reader with each thousandth message of the load unless it says else.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Fault {
    None,
    Drop,
    Duplicate,
    /// Two messages in the wrong order.
    Swap,
    /// Each hundredth waits 50 ms, and everything behind it.
    Delay,
    /// The stamp is damaged.
    Garble,
    /// In place of the message comes a notice that it will not come.
    Gap,
    /// The first connection is closed.
    HangUpOnOne,
    /// Nobody hears anything.
    Mute,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Protocol {
    Line,
    Frame,
}

pub struct Server {
    pub target: Target,
}

struct Member {
    stream: TcpStream,
    /// Messages of the load sent to it.
    count: u64,
    held: Option<Vec<u8>>,
}

#[derive(Default)]
struct Room {
    members: Vec<Member>,
}

impl Server {
    /// Starts one that lives as long as the test's process.
    pub fn start(protocol: Protocol, fault: Fault) -> Self {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = listener.local_addr().unwrap();
        let room = Arc::new(Mutex::new(Room::default()));
        thread::spawn(move || {
            for stream in listener.incoming().map_while(Result::ok) {
                let room = Arc::clone(&room);
                thread::spawn(move || serve(protocol, fault, stream, &room));
            }
        });
        let scheme = match protocol {
            Protocol::Line => Scheme::Raw,
            Protocol::Frame => Scheme::Frame,
        };
        Self { target: Target::local(scheme, address) }
    }
}

fn serve(protocol: Protocol, fault: Fault, mut stream: TcpStream, room: &Mutex<Room>) {
    stream.set_nodelay(true).unwrap();
    let join = |stream: &TcpStream| {
        let stream = stream.try_clone().unwrap();
        room.lock().unwrap().members.push(Member { stream, count: 0, held: None });
    };
    if protocol == Protocol::Line {
        join(&stream);
    }
    let (mut held, mut scratch) = (Vec::new(), [0; 16 << 10]);
    while let Ok(len @ 1..) = stream.read(&mut scratch) {
        held.extend_from_slice(&scratch[..len]);
        let mut used = 0;
        match protocol {
            Protocol::Line => {
                while let Some(end) = held[used..].iter().position(|byte| *byte == b'\n') {
                    room.lock().unwrap().say(protocol, fault, &held[used..used + end]);
                    used += end + 1;
                }
            }
            Protocol::Frame => {
                while let Ok(Parsed::Complete(frame, length)) =
                    binary::parse_client(&held[used..], 1 << 20)
                {
                    used += length;
                    let answer = match frame {
                        ClientFrame::Hello { .. } => ServerFrame::Welcome {
                            version: 1,
                            id: 1,
                            key: 1,
                            max_message: 1 << 16,
                            max_rooms: 1,
                            ping_ms: 60_000,
                            name: Cow::Borrowed("x"),
                        },
                        ClientFrame::Join { request, room, .. } => ServerFrame::Joined {
                            request,
                            room: 7,
                            recovered: false,
                            epoch: Epoch(1),
                            head: 0,
                            oldest: 1,
                            members: 1,
                            name: room,
                        },
                        ClientFrame::Say { payload, .. } => {
                            room.lock().unwrap().say(protocol, fault, &payload);
                            continue;
                        }
                        _ => continue,
                    };
                    if matches!(answer, ServerFrame::Joined { .. }) {
                        join(&stream);
                    }
                    let mut bytes = Vec::new();
                    binary::write_server(&answer, &mut bytes);
                    if stream.write_all(&bytes).is_err() {
                        return;
                    }
                }
            }
        }
        held.drain(..used);
    }
}

impl Room {
    fn say(&mut self, protocol: Protocol, fault: Fault, payload: &[u8]) {
        if fault == Fault::Mute {
            return;
        }
        // The probe belongs to no publisher of the load.
        let is_of_the_load = !payload.starts_with(b"hbppppp");
        let is_late = |member: &Member| fault == Fault::Delay && member.count % 100 == 50;
        if is_of_the_load && self.members.first().is_some_and(is_late) {
            thread::sleep(Duration::from_millis(50));
        }
        for (index, member) in self.members.iter_mut().enumerate() {
            let mut bytes = spelled(protocol, member.count, payload);
            if is_of_the_load {
                member.count += 1;
                bytes = member.spoil(protocol, fault, bytes);
                if fault == Fault::HangUpOnOne && index == 0 && member.count == 1_000 {
                    // What was written is still read: the end comes behind it.
                    member.stream.shutdown(Shutdown::Write).unwrap();
                }
            }
            // Whoever is gone hears nothing, which is no fault.
            let _ = member.stream.write_all(&bytes);
        }
    }
}

impl Member {
    /// What is sent in place of a message.
    fn spoil(&mut self, protocol: Protocol, fault: Fault, mut bytes: Vec<u8>) -> Vec<u8> {
        let place = self.count % 1_000;
        match fault {
            Fault::Swap if place == 501 => {
                let held = self.held.take().unwrap_or_default();
                bytes.extend_from_slice(&held);
            }
            _ if place != 500 => {}
            Fault::Drop => bytes.clear(),
            Fault::Duplicate => bytes = bytes.repeat(2),
            Fault::Swap => self.held = Some(std::mem::take(&mut bytes)),
            Fault::Garble => bytes[0] = b'?',
            Fault::Gap => {
                assert_eq!(protocol, Protocol::Frame, "lines have no notices");
                bytes.clear();
                let gap = ServerFrame::Gap { room: 7, from: self.count, to: self.count };
                binary::write_server(&gap, &mut bytes);
            }
            _ => {}
        }
        bytes
    }
}

fn spelled(protocol: Protocol, offset: u64, payload: &[u8]) -> Vec<u8> {
    match protocol {
        Protocol::Line => [payload, b"\n"].concat(),
        Protocol::Frame => {
            let mut bytes = Vec::new();
            let (sender, payload) = (Cow::Borrowed("x"), Cow::Borrowed(payload));
            let message = ServerFrame::Message { room: 7, offset, time: 0, sender, payload };
            binary::write_server(&message, &mut bytes);
            bytes
        }
    }
}
