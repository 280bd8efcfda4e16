//! Tests that measure the process they run in.

use std::env;
use std::process::Command;

const ALONE: &str = "HOBNOB_TEST_ALONE";

/// Runs a test in a process of its own: in this one, others allocate meanwhile.
///
/// `name` is the test's full name, as `cargo test` prints it.
#[track_caller]
pub fn alone(name: &str, test: impl FnOnce()) {
    if env::var(ALONE).is_ok_and(|alone| alone == name) {
        return test();
    }
    let mut child = Command::new(env::current_exe().expect("this test's binary"));
    let child = child.args(["--exact", name, "--nocapture"]).env(ALONE, name).output();
    let output = child.expect("the binary starts once more");
    let said =
        [output.stdout, output.stderr].map(|said| String::from_utf8_lossy(&said).into_owned());
    let said = said.concat();
    assert!(output.status.success() && said.contains("\ntest result: ok. 1 passed"), "{said}");
}
