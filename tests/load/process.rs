//! `hobnob bench` as people run it.

use serde_json::Value;
use std::path::Path;
use std::process::{Command, Output};

fn bench(arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_hobnob"));
    command.arg("bench").args(arguments).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8_lossy(bytes).into_owned()
}

/// A short run against a relay of its own, and what it wrote.
fn result(scenario: &[&str], folder: &Path) -> (String, Value) {
    let json = folder.join(format!("{}.json", scenario[0]));
    let file = json.to_str().unwrap();
    let quick = ["--warmup", "200ms", "--duration", "1s", "--json", file];
    let output = bench(&[scenario, &quick].concat());
    assert!(output.status.success(), "{scenario:?}: {}", text(&output.stderr));
    (text(&output.stdout), serde_json::from_str(&std::fs::read_to_string(json).unwrap()).unwrap())
}

#[test]
fn a_first_try_measures_and_reports() {
    let folder = tempfile::tempdir().unwrap();
    let page = folder.path().join("page.html");
    let page = page.to_str().unwrap();
    let arguments = ["fanout", "--spawn", "-n", "20", "--rate", "50", "--report", page];
    let (table, json) = result(&arguments, folder.path());
    for word in ["latency", "p99.99", "faults         none", "server CPU", "generator"] {
        assert!(table.contains(word), "{word:?} in {table}");
    }
    let group = &json["groups"][0];
    // 1.2 s of 50 messages to 20 readers each.
    assert_eq!(group["delivered"], 1_200);
    for fault in ["lost", "told", "cut_off", "duplicated", "reordered"] {
        assert_eq!(group[fault], 0, "{fault}");
    }
    assert_eq!(group["latency"]["count"], 1_000);
    assert!(group["latency"]["p50"].as_u64().unwrap() > 0);
    assert_eq!(json["label"], "hobnob frame");
    assert!(json["server"]["pid"].as_u64().unwrap() > 0);
    assert!(json["timeline"].as_array().unwrap().len() > 5);
    let circumstances = &json["circumstances"];
    assert!(circumstances["command"].as_str().unwrap().contains("bench fanout --spawn"));
    assert!(circumstances["version"].as_str().unwrap().starts_with("hobnob "));
    assert!(circumstances["kernel"].as_str().unwrap().contains("Linux"));
    let page = std::fs::read_to_string(page).unwrap();
    assert!(page.contains("Latency by percentile") && page.contains("<svg"));
    assert!(!page.contains("http"), "no outside requests");
}

#[test]
fn every_scenario_runs_and_hobnob_loses_nothing_in_silence() {
    let folder = tempfile::tempdir().unwrap();
    for scenario in [
        &["rooms", "--spawn", "--rooms", "5", "--members", "4", "--rate", "100"][..],
        &["chat", "--spawn", "-n", "60", "--rooms", "10", "--rate", "100"],
        &["echo", "--spawn", "-n", "3"],
        &["slow", "--spawn", "-n", "10", "--rate", "50", "--serve-args", "--backlog 300K"],
        &["mixed", "--spawn", "-n", "20", "--window", "2"],
        &["churn", "--spawn", "-n", "3", "--rate", "50"],
    ] {
        let (table, json) = result(scenario, folder.path());
        for group in json["groups"].as_array().unwrap() {
            let faults = ["lost", "duplicated", "reordered"].map(|fault| group[fault].as_u64());
            assert_eq!(faults, [Some(0); 3], "{table}");
        }
        assert!(json["groups"][0]["delivered"].as_u64().unwrap() > 0, "{table}");
    }
    let (table, json) = result(&["storm", "--spawn", "-n", "50", "--cuts", "2"], folder.path());
    assert_eq!(json["rounds"].as_array().unwrap().len(), 3, "{table}");
    let (table, json) = result(&["idle", "--spawn", "-n", "50"], folder.path());
    assert_eq!(json["crowd"]["connections"], 50, "{table}");
    assert!(json["server"]["resident_idle"].as_u64().unwrap() > 1 << 20, "{table}");
}

#[test]
fn plain_sockets_are_a_target_too() {
    let folder = tempfile::tempdir().unwrap();
    let (table, json) = result(&["fanout", "--spawn", "raw", "-n", "5"], folder.path());
    assert_eq!(json["groups"][0]["lost"], 0, "{table}");
    assert!(json["target"].as_str().unwrap().starts_with("raw://"));
}

#[test]
fn the_highest_rate_that_holds_is_looked_for() {
    let folder = tempfile::tempdir().unwrap();
    // A bound that nothing can keep is broken by the first rate.
    let scenario = ["fanout", "--spawn", "-n", "5", "--find-max", "--p99-max", "0", "--step", "1s"];
    let (table, json) = result(&scenario, folder.path());
    let steps = json["steps"].as_array().unwrap();
    assert!(!steps.is_empty() && steps.iter().all(|step| !step["broken"].is_null()), "{table}");
}

#[test]
fn results_stand_side_by_side() {
    let folder = tempfile::tempdir().unwrap();
    result(&["fanout", "--spawn", "-n", "5", "--label", "before"], folder.path());
    let file = folder.path().join("fanout.json");
    let page = folder.path().join("both.html");
    let (file, page) = (file.to_str().unwrap(), page.to_str().unwrap());
    let output = bench(&["compare", file, file, "--report", page]);
    assert!(output.status.success(), "{}", text(&output.stderr));
    let table = text(&output.stdout);
    assert!(table.contains("before") && table.contains("1.00×"), "{table}");
    assert!(std::fs::read_to_string(page).unwrap().contains("side by side"));
    let output = bench(&["compare", page]);
    assert!(
        text(&output.stderr).contains("not a result of hobnob bench"),
        "{}",
        text(&output.stderr)
    );
}

#[test]
fn what_stands_against_a_run_is_said_with_its_cure() {
    for (arguments, said) in [
        (&["fanout", "--target", "frame://127.0.0.1:1"][..], "is the server running?"),
        (&["fanout", "--target", "http://127.0.0.1:1"], "expected one of frame, raw"),
        (&["rooms", "--target", "raw://127.0.0.1:1"], "one room"),
        (&["fanout", "--spawn", "--size", "8"], "--size: "),
        (&["idle", "--spawn", "-n", "100000000"], "ulimit -Hn"),
        (&["fanout", "--spawn", "--serve-args", "--nonsense"], "did not print its address"),
        #[cfg(not(feature = "flamegraph"))]
        (&["fanout", "--spawn", "--profile", "/nonexistent.svg"], "--features flamegraph"),
    ] {
        let output = bench(arguments);
        let told = text(&output.stderr);
        assert!(!output.status.success() && told.contains(said), "{arguments:?}: {told}");
    }
}
