//! Asks the admin listener, now and then, in a thread of its own: a relay that does not answer must
//! not keep the keys from being heard.

use super::sample::Seen;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// How long an answer may take.
const PATIENCE: Duration = Duration::from_secs(2);

/// The longest answer that is read.
const ANSWER_MAX: usize = 1 << 20;

/// The status of a relay that does not answer for the host it was asked for (RFC 9110 §15.5.20), and
/// says what to do about it.
const MISDIRECTED: u16 = 421;

/// Looks that come by themselves.
pub(super) struct Watch {
    looks: Receiver<Result<Seen, String>>,
}

impl Watch {
    /// Looks at once, and then every so often.
    pub(super) fn start(url: &str, every: Duration) -> Result<Self, String> {
        let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let host = host.ok_or_else(|| format!("{url:?} is not written http://HOST:PORT"))?;
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:9090") };
        let (tell, looks) = sync_channel(1);
        thread::spawn(move || look(&host, every, &tell));
        Ok(Self { looks })
    }

    /// The next look, if there was one.
    pub(super) fn next(&self) -> Option<Result<Seen, String>> {
        self.looks.try_recv().ok()
    }
}

fn look(host: &str, every: Duration, tell: &SyncSender<Result<Seen, String>>) {
    let mut connection = None;
    loop {
        let seen = seen(host, &mut connection);
        if seen.is_err() {
            connection = None;
        }
        // Nobody listens any more: the program is about to end.
        if tell.send(seen).is_err() {
            return;
        }
        thread::sleep(every);
    }
}

fn seen(host: &str, connection: &mut Option<BufReader<TcpStream>>) -> Result<Seen, String> {
    let stream = match connection {
        Some(stream) => stream,
        None => connection.insert(BufReader::new(connect(host)?)),
    };
    let metrics = get(stream, host, "/metrics")?;
    if metrics.0 == MISDIRECTED {
        return Err(format!("{host}: {}", metrics.1.trim()));
    }
    let top = get(stream, host, "/top?limit=50")?;
    let ready = get(stream, host, "/readyz")?;
    Seen::read(&metrics.1, &top.1, ready.1.trim()).ok_or_else(|| {
        format!("{host} answers, but not as a relay's admin listener does: status {}", metrics.0)
    })
}

fn connect(host: &str) -> Result<TcpStream, String> {
    let addresses = host.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut last = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, PATIENCE) {
            Ok(stream) => {
                let timeouts = stream.set_read_timeout(Some(PATIENCE));
                timeouts.map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => last = format!("cannot reach {address}: {error}"),
        }
    }
    Err(last)
}

/// Status and body of one answer.
fn get(stream: &mut BufReader<TcpStream>, host: &str, path: &str) -> Result<(u16, String), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let explain = |error: std::io::Error| format!("{host} did not answer: {error}");
    stream.get_mut().write_all(request.as_bytes()).map_err(explain)?;
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        let read = stream.by_ref().take(8 << 10).read_line(&mut line).map_err(explain)?;
        if read == 0 {
            return Err(format!("{host} hung up"));
        }
        match line.trim_end() {
            "" => break,
            line if status == 0 => {
                let code = line.strip_prefix("HTTP/1.1 ").and_then(|rest| rest.get(..3));
                let code = code.and_then(|code| code.parse().ok());
                status = code.ok_or_else(|| format!("{host} does not speak HTTP"))?;
            }
            line => {
                if let Some((name, value)) = line.split_once(':')
                    && name.eq_ignore_ascii_case("content-length")
                {
                    length = value.trim().parse().unwrap_or(0);
                }
            }
        }
    }
    if length > ANSWER_MAX {
        return Err(format!("{host} answers with {length} bytes, which is no relay's answer"));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(explain)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
