//! CPU profiles of the server: `perf` during the load, and a flamegraph.

use super::error::LoadError;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

/// A running `perf record`, killed on drop.
#[derive(Debug)]
pub struct Recording {
    perf: Child,
    /// The temporary file that perf writes.
    data: PathBuf,
}

/// Samples per second. A prime, so that samples do not coincide with periodic work.
const FREQUENCY: &str = "997";

impl Recording {
    /// Starts to record a process.
    ///
    /// # Errors
    /// A missing or failing perf.
    pub fn start(pid: u32, picture: &Path) -> Result<Self, LoadError> {
        let data = picture.with_extension("perf.data");
        let mut command = Command::new("perf");
        // Most virtual machines offer no hardware counters; the CPU clock works everywhere.
        command.args(["record", "--quiet", "-e", "cpu-clock", "-F", FREQUENCY, "-g", "-p"]);
        command.arg(pid.to_string()).arg("-o").arg(&data);
        let perf = command.stdin(Stdio::null()).stdout(Stdio::null()).spawn();
        let perf =
            perf.map_err(|error| LoadError::Profile(format!("cannot start perf: {error}")))?;
        Ok(Self { perf, data })
    }

    /// Ends the recording; [`finish`](Self::finish) draws the flamegraph.
    pub fn stop(&mut self) {
        let has_ended = self.perf.try_wait().is_ok_and(|status| status.is_some());
        if let (false, Some(pid)) =
            (has_ended, rustix::process::Pid::from_raw(self.perf.id().cast_signed()))
        {
            // SIGINT makes perf write its data and exit.
            let _ = rustix::process::kill_process(pid, rustix::process::Signal::INT);
        }
    }

    /// Writes the flamegraph.
    ///
    /// # Errors
    /// A failure of perf or of the file system.
    pub fn finish(mut self, picture: &Path, title: &str) -> Result<(), LoadError> {
        self.stop();
        self.perf.wait().map_err(|error| LoadError::Profile(format!("perf: {error}")))?;
        let mut script = Command::new("perf");
        script.arg("script").arg("--force").arg("-i").arg(&self.data).stderr(Stdio::null());
        let output =
            script.output().map_err(|error| LoadError::Profile(format!("perf script: {error}")))?;
        if output.stdout.is_empty() {
            return Err(LoadError::Profile("perf recorded no samples: this user may lack the permission to profile the process\n\
                (sysctl kernel.perf_event_paranoid=1, or the same user as the server's)"
                .to_owned()));
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

/// Checks before a run that a flamegraph can be drawn.
///
/// # Errors
/// Always: this build lacks the feature.
#[cfg(not(feature = "flamegraph"))]
pub fn check() -> Result<(), LoadError> {
    Err(LoadError::Profile(
        "this build has no --profile: build it with cargo build --release --features flamegraph\n\
        (it is not by default, because inferno's licence is the CDDL)"
            .to_owned(),
    ))
}

/// Checks before a run that a flamegraph can be drawn.
///
/// # Errors
/// A missing or failing perf.
#[cfg(feature = "flamegraph")]
pub fn check() -> Result<(), LoadError> {
    let mut command = Command::new("perf");
    let found = command.arg("--version").stdout(Stdio::null()).stderr(Stdio::null()).status();
    found.map(drop).map_err(|error| {
        LoadError::Profile(match error.kind() {
            std::io::ErrorKind::NotFound => {
                "--profile needs perf: install it (Debian: apt install linux-perf)".to_owned()
            }
            _ => format!("cannot start perf: {error}"),
        })
    })
}

#[cfg(not(feature = "flamegraph"))]
fn draw(_script: &[u8], _picture: &Path, _title: &str) -> Result<(), LoadError> {
    check()
}

#[cfg(feature = "flamegraph")]
fn draw(script: &[u8], picture: &Path, title: &str) -> Result<(), LoadError> {
    use inferno::collapse::Collapse;
    let mut collapsed = Vec::new();
    let mut folder = inferno::collapse::perf::Folder::default();
    folder
        .collapse(script, &mut collapsed)
        .map_err(|error| LoadError::Profile(format!("perf's output: {error}")))?;
    let mut options = inferno::flamegraph::Options::default();
    title.clone_into(&mut options.title);
    let mut svg = Vec::new();
    inferno::flamegraph::from_reader(&mut options, &collapsed[..], &mut svg)
        .map_err(|error| LoadError::Profile(format!("flamegraph: {error}")))?;
    std::fs::write(picture, svg)
        .map_err(|error| LoadError::Profile(format!("{}: {error}", picture.display())))
}
