//! Requests to the admin listener, on a separate thread: a slow relay must not delay key presses.

use super::sample::Sample;
use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpStream, ToSocketAddrs};
use std::sync::mpsc::{Receiver, SyncSender, sync_channel};
use std::thread;
use std::time::Duration;

/// Time for a response.
const TIMEOUT: Duration = Duration::from_secs(2);

/// The longest response accepted.
const RESPONSE_MAX: usize = 1 << 20;

/// The status of a relay that does not serve the requested host (RFC 9110 §15.5.20). The body
/// explains what to do.
const MISDIRECTED: u16 = 421;

/// A background thread that takes samples.
pub(super) struct Poller {
    samples: Receiver<Result<Sample, String>>,
}

impl Poller {
    /// Starts the thread, which takes a sample at once and then at intervals.
    pub(super) fn start(url: &str, every: Duration) -> Result<Self, String> {
        let host = url.strip_prefix("http://").map(|rest| rest.trim_end_matches('/'));
        let host = host.filter(|host| !host.is_empty() && !host.contains('/'));
        let host =
            host.ok_or_else(|| format!("invalid address {url:?}: expected http://HOST:PORT"))?;
        let host = if host.contains(':') { host.to_owned() } else { format!("{host}:9090") };
        let (sender, samples) = sync_channel(1);
        thread::spawn(move || poll(&host, every, &sender));
        Ok(Self { samples })
    }

    /// Returns the next sample, if there is one.
    pub(super) fn next(&self) -> Option<Result<Sample, String>> {
        self.samples.try_recv().ok()
    }
}

fn poll(host: &str, every: Duration, sender: &SyncSender<Result<Sample, String>>) {
    let mut connection = None;
    loop {
        let sample = take_sample(host, &mut connection);
        if sample.is_err() {
            connection = None;
        }
        // The receiver is gone: the program is ending.
        if sender.send(sample).is_err() {
            return;
        }
        thread::sleep(every);
    }
}

fn take_sample(
    host: &str,
    connection: &mut Option<BufReader<TcpStream>>,
) -> Result<Sample, String> {
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
    Sample::read(&metrics.1, &top.1, ready.1.trim())
        .ok_or_else(|| format!("{host} is not a relay's admin listener: status {}", metrics.0))
}

fn connect(host: &str) -> Result<TcpStream, String> {
    let addresses = host.to_socket_addrs().map_err(|error| format!("{host}: {error}"))?;
    let mut last = format!("{host} has no address");
    for address in addresses {
        match TcpStream::connect_timeout(&address, TIMEOUT) {
            Ok(stream) => {
                let timeouts = stream.set_read_timeout(Some(TIMEOUT));
                timeouts.map_err(|error| error.to_string())?;
                return Ok(stream);
            }
            Err(error) => last = format!("cannot reach {address}: {error}"),
        }
    }
    Err(last)
}

/// Returns status and body of one response.
fn get(stream: &mut BufReader<TcpStream>, host: &str, path: &str) -> Result<(u16, String), String> {
    let request = format!("GET {path} HTTP/1.1\r\nHost: {host}\r\n\r\n");
    let explain = |error: std::io::Error| format!("no response from {host}: {error}");
    stream.get_mut().write_all(request.as_bytes()).map_err(explain)?;
    let (mut status, mut length) = (0, 0);
    loop {
        let mut line = String::new();
        let read = stream.by_ref().take(8 << 10).read_line(&mut line).map_err(explain)?;
        if read == 0 {
            return Err(format!("{host} closed the connection"));
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
    if length > RESPONSE_MAX {
        return Err(format!(
            "{host} is not a relay's admin listener: the response has {length} bytes"
        ));
    }
    let mut body = vec![0; length];
    stream.read_exact(&mut body).map_err(explain)?;
    Ok((status, String::from_utf8_lossy(&body).into_owned()))
}
