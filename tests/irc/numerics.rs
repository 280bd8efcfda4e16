//! Every error that the relay knows a numeric for is met in these conversations.

use std::fs;

#[test]
fn every_error_is_met() {
    let listed = fs::read_to_string("src/session/irc/numeric.rs").expect("the list of numerics");
    let errors = listed.lines().filter_map(|line| {
        let (name, code) = line.trim().strip_prefix("ERR_")?.split_once(" = \"")?;
        Some((name, code.strip_suffix("\";")?))
    });
    let errors: Vec<(&str, &str)> = errors.collect();
    assert!(errors.len() > 30, "{errors:?}");
    let folder = fs::read_dir("tests/irc").expect("these tests").flatten();
    let rust = folder.filter(|entry| entry.path().extension().is_some_and(|e| e == "rs"));
    let tests: Vec<String> = rust.filter_map(|e| fs::read_to_string(e.path()).ok()).collect();
    // Lines are compared whole: one that names the numeric was said by the relay.
    let is_met = |code: &str| {
        let line = format!(":hobnob.local {code} ");
        let rest = format!("\"{code} ");
        tests.iter().any(|test| test.contains(&line) || test.contains(&rest))
    };
    let unmet: Vec<_> = errors.iter().filter(|(_, code)| !is_met(code)).collect();
    assert!(unmet.is_empty(), "no test meets {unmet:?}");
}
