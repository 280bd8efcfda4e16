//! Where the server's time goes: `perf` while the load runs, and a flamegraph of it.

use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A recording under way. It ends with this value.
#[derive(Debug)]
pub struct Recording {
    perf: Child,
    /// What perf writes: as big as it is short-lived.
    data: PathBuf,
}

/// Samples per second. A prime, so that it does not keep step with anything.
const FREQUENCY: &str = "997";

impl Recording {
    /// Starts to record a process.
    ///
    /// # Errors
    /// A sentence that says what is missing.
    pub fn start(pid: u32, picture: &Path) -> Result<Self, String> {
        let data = picture.with_extension("perf.data");
        let mut command = Command::new("perf");
        // The processor's own counters are not to be had in most virtual machines; this clock is.
        command.args(["record", "--quiet", "-e", "cpu-clock", "-F", FREQUENCY, "-g", "-p"]);
        command.arg(pid.to_string()).arg("-o").arg(&data);
        let perf = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let perf = perf.map_err(|error| format!("cannot start perf: {error}"))?;
        Ok(Self { perf, data })
    }

    /// Ends the recording; the picture is drawn by [`finish`](Self::finish).
    pub fn stop(&mut self) {
        let has_ended = self.perf.try_wait().is_ok_and(|status| status.is_some());
        if let (false, Some(pid)) =
            (has_ended, rustix::process::Pid::from_raw(self.perf.id().cast_signed()))
        {
            // It then writes what it has, and ends.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
    }

    /// Writes the picture.
    ///
    /// # Errors
    /// A sentence, if perf or the file system fails.
    pub fn finish(mut self, picture: &Path, title: &str) -> Result<(), String> {
        self.stop();
        self.perf.wait().map_err(|error| format!("perf: {error}"))?;
        let mut script = Command::new("perf");
        script.arg("script").arg("--force").arg("-i").arg(&self.data).stderr(Stdio::null());
        let output = script.output().map_err(|error| format!("perf script: {error}"))?;
        if output.stdout.is_empty() {
            return Err("perf recorded nothing: may this user look at that process?\n\
                (sysctl kernel.perf_event_paranoid=1, or the same user as the server's)"
                .to_owned());
        }
        draw(&output.stdout, picture, title)
    }
}

impl Drop for Recording {
    fn drop(&mut self) {
        let _ = self.perf.kill();
        let _ = self.perf.wait();
        let _ = std::fs::remove_file(&self.data);
    }
}

/// Whether a flamegraph can be drawn at all, said before a long run and not after it.
///
/// # Errors
/// A sentence, if this was built without.
#[cfg(not(feature = "flamegraph"))]
pub fn check() -> Result<(), String> {
    Err("--profile is not built in: cargo build --release --features flamegraph\n\
        (it is not by default, because inferno's licence is the CDDL)"
        .to_owned())
}

/// Whether a flamegraph can be drawn at all, said before a long run and not after it.
///
/// # Errors
/// A sentence, if there is no perf.
#[cfg(feature = "flamegraph")]
pub fn check() -> Result<(), String> {
    let mut command = Command::new("perf");
    let found = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.map(drop).map_err(|error| match error.kind() {
        std::io::ErrorKind::NotFound => {
            "--profile needs perf, which is not here (Debian: apt install linux-perf)".to_owned()
        }
        _ => format!("cannot start perf: {error}"),
    })
}

#[cfg(not(feature = "flamegraph"))]
fn draw(_script: &[u8], _picture: &Path, _title: &str) -> Result<(), String> {
    check()
}

#[cfg(feature = "flamegraph")]
fn draw(script: &[u8], picture: &Path, title: &str) -> Result<(), String> {
    use inferno::collapse::Collapse;
    let mut collapsed = Vec::new();
    let mut folder = inferno::collapse::perf::Folder::default();
    folder.collapse(script, &mut collapsed).map_err(|error| format!("perf's output: {error}"))?;
    let mut options = inferno::flamegraph::Options::default();
    title.clone_into(&mut options.title);
    let mut svg = Vec::new();
    inferno::flamegraph::from_reader(&mut options, &collapsed[..], &mut svg)
        .map_err(|error| format!("flamegraph: {error}"))?;
    std::fs::write(picture, svg).map_err(|error| format!("{}: {error}", picture.display()))
}
