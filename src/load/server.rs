//! The server's process: resource usage, and the start of a local relay.

use super::error::LoadError;
use std::fs;
use std::io::{BufRead, BufReader};
use std::net::SocketAddr;
use std::path::Path;
use std::process::{Child, Command, Stdio};

/// Clock ticks per second in /proc: 100 on every current Linux.
const TICKS: f64 = 100.0;

/// The resources used by a process.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Use {
    /// CPU time in user and kernel mode since its start, in seconds.
    pub cpu: f64,
    /// Time in which its threads were ready to run without a core, in seconds.
    pub waited: f64,
    /// Resident memory, in bytes.
    pub resident: u64,
}

/// Returns the resources used by a process; `None` if there is no such process.
pub fn usage(pid: u32) -> Option<Use> {
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
    let (_, after_name) = stat.rsplit_once(')')?;
    let mut fields = after_name.split_whitespace().skip(11);
    let ticks = fields.by_ref().take(2).filter_map(|field| field.parse::<f64>().ok()).sum::<f64>();
    let pages = fields.nth(8)?.parse::<u64>().ok()?;
    Some(Use { cpu: ticks / TICKS, waited: waited(pid), resident: pages * page_size() })
}

/// Returns the time in which a process's threads were ready to run without a core, in seconds; 0 if
/// the kernel does not count it.
pub fn waited(pid: u32) -> f64 {
    let Ok(threads) = fs::read_dir(format!("/proc/{pid}/task")) else { return 0.0 };
    let waited = threads.filter_map(|thread| {
        let text = fs::read_to_string(thread.ok()?.path().join("schedstat")).ok()?;
        text.split_whitespace().nth(1)?.parse::<f64>().ok()
    });
    waited.sum::<f64>() / 1e9
}

/// Returns the CPU time of this process, in seconds.
pub fn own_cpu() -> f64 {
    let time = rustix::time::clock_gettime(rustix::time::ClockId::ProcessCPUTime);
    time.tv_sec as f64 + time.tv_nsec as f64 / 1e9
}

/// Returns the kernel memory in all TCP sockets of this machine, both ends of each connection, in
/// bytes.
pub fn socket_memory() -> u64 {
    let text = fs::read_to_string("/proc/net/sockstat").unwrap_or_default();
    let line = text.lines().find_map(|line| line.strip_prefix("TCP:")).unwrap_or_default();
    let mut fields = line.split_whitespace();
    let pages = fields.by_ref().find(|field| *field == "mem").and_then(|_| fields.next());
    pages.and_then(|pages| pages.parse::<u64>().ok()).unwrap_or(0) * page_size()
}

fn page_size() -> u64 {
    rustix::param::page_size() as u64
}

/// Returns the process that listens on a local port, if it is visible.
pub fn listening(port: u16) -> Option<u32> {
    let inode = ["/proc/net/tcp", "/proc/net/tcp6"].iter().find_map(|table| {
        let text = fs::read_to_string(table).ok()?;
        text.lines().skip(1).find_map(|line| {
            let fields: Vec<&str> = line.split_whitespace().collect();
            let (_, hex) = fields.get(1)?.rsplit_once(':')?;
            // 0A is LISTEN.
            let found = u16::from_str_radix(hex, 16) == Ok(port) && *fields.get(3)? == "0A";
            found.then(|| format!("socket:[{}]", fields.get(9).unwrap_or(&"")))
        })
    })?;
    let processes = fs::read_dir("/proc").ok()?.filter_map(Result::ok);
    processes
        .filter_map(|entry| entry.file_name().to_str()?.parse::<u32>().ok())
        .find(|pid| has_socket(*pid, &inode))
}

fn has_socket(pid: u32, inode: &str) -> bool {
    let Ok(descriptors) = fs::read_dir(format!("/proc/{pid}/fd")) else { return false };
    let links = descriptors.filter_map(Result::ok).filter_map(|fd| fs::read_link(fd.path()).ok());
    links.into_iter().any(|link| link == Path::new(inode))
}

/// A spawned relay, killed on drop.
#[derive(Debug)]
pub struct Spawned {
    child: Child,
    /// The address it listens on.
    pub address: SocketAddr,
}

impl Spawned {
    /// Starts `command` and reads its address from the output: the last word of the first line that
    /// begins with `word`.
    ///
    /// # Errors
    /// A failure to start, or output without an address.
    pub fn start(command: &mut Command, word: &str) -> Result<Self, LoadError> {
        let program = command.get_program().to_string_lossy().into_owned();
        let child = command.stdin(Stdio::null()).stdout(Stdio::piped()).spawn();
        let mut child =
            child.map_err(|error| LoadError::Server(format!("cannot start {program}: {error}")))?;
        let output = child.stdout.take().map(BufReader::new);
        let mut lines = output.into_iter().flat_map(BufRead::lines).map_while(Result::ok);
        let line = lines.find(|line| line.trim_start().starts_with(word));
        let address = line.and_then(|line| line.split_whitespace().last()?.parse().ok());
        // From here on the drop kills the process.
        let mut spawned = Self { child, address: SocketAddr::from(([127, 0, 0, 1], 0)) };
        match address {
            Some(address) => spawned.address = address,
            None => return Err(LoadError::Server(format!("{program} did not print its address"))),
        }
        Ok(spawned)
    }

    /// Returns the process id.
    pub fn pid(&self) -> u32 {
        self.child.id()
    }
}

impl Drop for Spawned {
    fn drop(&mut self) {
        // The relay has no state to save.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use super::*;

    #[test]
    fn a_process_and_its_port_are_found() {
        let listener = std::net::TcpListener::bind("127.0.0.1:0").unwrap();
        let port = listener.local_addr().unwrap().port();
        assert_eq!(listening(port), Some(std::process::id()));
        drop(listener);
        assert_eq!(listening(port), None);
        let used = usage(std::process::id()).unwrap();
        assert!(used.resident > 1 << 20 && used.cpu >= 0.0, "{used:?}");
        assert!(own_cpu() > 0.0);
        assert_eq!(usage(u32::MAX), None);
    }
}
