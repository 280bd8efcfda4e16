//! The environment of a run: command, version, kernel and machine.

use hobnob::load::outcome::Circumstances;
use rustix::thread::{CpuSet, sched_getaffinity, sched_setaffinity};
use std::fs;
use std::process::{Command, Stdio};
use std::time::{SystemTime, UNIX_EPOCH};

pub(super) fn circumstances() -> Circumstances {
    let arguments: Vec<String> = std::env::args().collect();
    let began = SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default().as_secs();
    let version = match commit() {
        Some(commit) => format!("hobnob {} ({commit})", env!("CARGO_PKG_VERSION")),
        None => format!("hobnob {}", env!("CARGO_PKG_VERSION")),
    };
    let kernel = rustix::system::uname();
    let text = |part: &std::ffi::CStr| part.to_string_lossy().into_owned();
    let kernel = [text(kernel.sysname()), text(kernel.release()), text(kernel.machine())].join(" ");
    let command = arguments.iter().map(|word| quoted(word)).collect::<Vec<_>>().join(" ");
    Circumstances { command, began, version, kernel, machine: machine() }
}

/// Quotes a word for a POSIX shell.
fn quoted(word: &str) -> String {
    let is_plain = |char: char| char.is_alphanumeric() || "-_./:=,@%+".contains(char);
    match !word.is_empty() && word.chars().all(is_plain) {
        true => word.to_owned(),
        false => format!("'{}'", word.replace('\'', "'\\''")),
    }
}

/// Returns the commit of the build, if it was set at build time, or the commit of the current
/// folder.
fn commit() -> Option<String> {
    if let Some(commit) = option_env!("HOBNOB_COMMIT") {
        return Some(commit.to_owned());
    }
    let mut git = Command::new("git");
    git.args(["describe", "--always", "--dirty", "--abbrev=10"]).stderr(Stdio::null());
    let output = git.output().ok().filter(|output| output.status.success())?;
    let text = String::from_utf8(output.stdout).ok()?;
    Some(text.trim().to_owned()).filter(|text| !text.is_empty())
}

fn machine() -> String {
    let field = |file: &str, name: &str| {
        let text = fs::read_to_string(file).unwrap_or_default();
        let line = text.lines().find(|line| line.starts_with(name))?.split_once(':')?.1;
        Some(line.trim().to_owned())
    };
    let model =
        field("/proc/cpuinfo", "model name").unwrap_or_else(|| std::env::consts::ARCH.to_owned());
    let cores = std::thread::available_parallelism().map_or(0, std::num::NonZero::get);
    let memory = field("/proc/meminfo", "MemTotal").unwrap_or_default();
    let kibibytes = memory.split_whitespace().next().and_then(|n| n.parse::<f64>().ok());
    let memory =
        kibibytes.map_or(String::new(), |kib| format!(", {:.1} GiB", kib / f64::from(1 << 20)));
    format!("{model}, {cores} cores{memory}")
}

/// Pins this thread, and the processes it starts, to the first available core.
pub(super) fn pin_to_first_core() -> Result<(), String> {
    pin_to(|position| position == 0)
}

/// Pins this thread to the cores after the first.
pub(super) fn pin_to_other_cores() -> Result<(), String> {
    pin_to(|position| position > 0)
}

fn pin_to(wanted: impl Fn(usize) -> bool) -> Result<(), String> {
    let explain = |error: rustix::io::Errno| format!("cannot pin to cores (--pin): {error}");
    // All cores of the machine, not only those this thread is pinned to.
    let mut all = CpuSet::new();
    (0..CpuSet::MAX_CPU).for_each(|cpu| all.set(cpu));
    sched_setaffinity(None, &all).map_err(explain)?;
    let may_use = sched_getaffinity(None).map_err(explain)?;
    let mut set = CpuSet::new();
    let cores = (0..CpuSet::MAX_CPU).filter(|&cpu| may_use.is_set(cpu));
    cores.enumerate().filter(|(position, _)| wanted(*position)).for_each(|(_, cpu)| set.set(cpu));
    match set.count() {
        0 => Err("--pin needs at least two cores".to_owned()),
        _ => sched_setaffinity(None, &set).map_err(explain),
    }
}
