//! The lower bound of a broadcast server: no parsing, rooms or limits. Every byte read is sent to
//! every client with one `send` each. The cost of a server beyond this is the cost of its protocol
//! and its guarantees.
//!
//! `floor PORT` listens on 127.0.0.1.

use mio::net::{TcpListener, TcpStream};
use mio::{Events, Interest, Poll, Token};
use socket2::{Domain, Socket, Type};
use std::io::{self, ErrorKind, Read, Write};
use std::net::SocketAddr;

const LISTENER: Token = Token(usize::MAX);

struct Client {
    stream: TcpStream,
    /// Output that the kernel did not accept yet.
    waiting: Vec<u8>,
}

fn main() -> io::Result<()> {
    hobnob::net::raise_descriptor_limit();
    let port = std::env::args().nth(1).and_then(|port| port.parse().ok()).unwrap_or(0);
    let socket = Socket::new(Domain::IPV4, Type::STREAM, None)?;
    socket.set_reuse_address(true)?;
    socket.set_nonblocking(true)?;
    socket.set_tcp_nodelay(true)?;
    socket.bind(&SocketAddr::from(([127, 0, 0, 1], port)).into())?;
    socket.listen(4096)?;
    let mut listener = TcpListener::from_std(socket.into());
    println!("{}", listener.local_addr()?);
    let mut poll = Poll::new()?;
    poll.registry().register(&mut listener, LISTENER, Interest::READABLE)?;
    let mut events = Events::with_capacity(1024);
    let mut clients: Vec<Option<Client>> = Vec::new();
    let mut free: Vec<usize> = Vec::new();
    let mut buffer = vec![0; 64 << 10];
    loop {
        match poll.poll(&mut events, None) {
            Err(error) if error.kind() == ErrorKind::Interrupted => continue,
            result => result?,
        }
        for event in &events {
            if event.token() == LISTENER {
                while let Ok((mut stream, _)) = listener.accept() {
                    let slot = free.pop().unwrap_or(clients.len());
                    if slot == clients.len() {
                        clients.push(None);
                    }
                    let interest = Interest::READABLE | Interest::WRITABLE;
                    poll.registry().register(&mut stream, Token(slot), interest)?;
                    clients[slot] = Some(Client { stream, waiting: Vec::new() });
                }
                continue;
            }
            let slot = event.token().0;
            if event.is_writable() && !send(&mut clients[slot], &[]) {
                free.push(slot);
            }
            if !event.is_readable() {
                continue;
            }
            while let Some(client) = &mut clients[slot] {
                match client.stream.read(&mut buffer) {
                    Ok(0) => {
                        clients[slot] = None;
                        free.push(slot);
                    }
                    Ok(len) => {
                        for (slot, client) in clients.iter_mut().enumerate() {
                            if client.is_some() && !send(client, &buffer[..len]) {
                                free.push(slot);
                            }
                        }
                        if len < buffer.len() {
                            break;
                        }
                    }
                    Err(error) if error.kind() == ErrorKind::WouldBlock => break,
                    Err(_) => {
                        clients[slot] = None;
                        free.push(slot);
                    }
                }
            }
        }
    }
}

/// Returns false if the client must be closed.
fn send(slot: &mut Option<Client>, bytes: &[u8]) -> bool {
    let Some(client) = slot else { return true };
    if client.waiting.is_empty() {
        match client.stream.write(bytes) {
            Ok(sent) => client.waiting.extend_from_slice(&bytes[sent..]),
            Err(error) if error.kind() == ErrorKind::WouldBlock => {
                client.waiting.extend_from_slice(bytes);
            }
            Err(_) => {
                *slot = None;
                return false;
            }
        }
        return true;
    }
    client.waiting.extend_from_slice(bytes);
    while !client.waiting.is_empty() {
        match client.stream.write(&client.waiting) {
            Ok(sent) => drop(client.waiting.drain(..sent)),
            Err(error) if error.kind() == ErrorKind::WouldBlock => return true,
            Err(_) => {
                *slot = None;
                return false;
            }
        }
    }
    client.waiting = Vec::new();
    true
}
