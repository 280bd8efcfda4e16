//! The floors of the crate (ARCHITECTURE.md), kept by a test: a module imports only what stands
//! below it.

#[path = "floors/circles.rs"]
mod circles;

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};

/// Where each module stands.
const FLOORS: &[(&str, u8)] = &[
    ("address", 0),
    ("id", 0),
    ("limits", 0),
    ("hex", 0),
    ("now", 0),
    ("password", 0),
    ("payload", 0),
    ("planted", 0),
    ("reason", 0),
    ("secret", 0),
    ("wire", 1),
    ("history", 2),
    ("client", 2),
    ("load", 2),
    ("hub", 3),
    ("session", 4),
    ("engine", 5),
    ("net", 6),
    ("workers", 6),
    ("config", 7),
    ("relay", 7),
];

/// Neighbours on one floor that know each other.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("relay", "config"),
    ("limits", "id"),
    ("now", "limits"),
    ("payload", "hex"),
    ("payload", "id"),
    ("password", "limits"),
];

/// What stands only where it belongs: a word, and the folders or files in which it may stand.
const AT_HOME: &[(&str, &[&str])] = &[
    ("mio::", &["src/net", "src/client", "src/load", "src/cli"]),
    ("std::net", &["src/net", "src/client", "src/load", "src/cli"]),
    ("io::Error", &["src/net", "src/workers", "src/relay.rs", "src/client", "src/load", "src/cli"]),
    ("Instant", &["src/net", "src/relay.rs", "src/client", "src/load", "src/cli"]),
    ("SystemTime", &["src/net", "src/client", "src/cli"]),
    ("TcpStream", &["src/net/transport.rs", "src/client", "src/load", "src/cli"]),
    ("RefCell", &[]),
    ("dyn ", &["src/config/reload.rs", "src/client", "src/cli"]),
    ("Mutex", &[]),
    ("slots.try_remove", &["src/engine/peer.rs"]),
    ("write_vectored", &["src/net/transport"]),
    ("thread::", &["src/workers", "src/client", "src/load", "src/cli"]),
    ("argon2::", &["src/password.rs"]),
    ("println!", &["src/cli"]),
    ("process::exit", &["src/cli"]),
    ("std::env", &["src/planted.rs", "src/cli"]),
    ("cfg(planted)", &["src/planted.rs"]),
];

fn floor_of(module: &str, line: &str) -> u8 {
    let found = FLOORS.iter().find(|(name, _)| *name == module);
    found.unwrap_or_else(|| panic!("`{module}` has no floor yet: place it in FLOORS ({line})")).1
}

fn rust_files(folder: &Path) -> Vec<PathBuf> {
    let entries = fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let (folders, files): (Vec<_>, Vec<_>) = entries.partition(|path| path.is_dir());
    let deeper = folders.iter().flat_map(|folder| rust_files(folder));
    files
        .into_iter()
        .filter(|path| path.extension().is_some_and(|e| e == "rs"))
        .chain(deeper)
        .collect()
}

/// The floor's name for a file of the library; `None` for what stands outside of the floors.
fn module_of(path: &Path) -> Option<String> {
    let first = path.strip_prefix("src").ok()?.iter().next()?.to_str()?;
    let module = first.strip_suffix(".rs").unwrap_or(first);
    (!["lib", "main", "cli"].contains(&module)).then(|| module.to_owned())
}

/// A file's lines, with their numbers, up to its tests.
fn code(path: &Path) -> Vec<(usize, String)> {
    let text = fs::read_to_string(path).unwrap();
    let lines = text.lines().enumerate().map(|(index, line)| (index + 1, line.to_owned()));
    lines.take_while(|(_, line)| line.trim() != "#[cfg(test)]").collect()
}

#[test]
fn modules_look_down_never_up_or_sideways() {
    for path in rust_files(Path::new("src")) {
        let Some(here) = module_of(&path) else { continue };
        for (number, line) in code(&path) {
            let Some((_, rest)) = line.split_once("crate::") else { continue };
            if line.trim_start().starts_with("//") {
                continue;
            }
            let there = rest.split([':', ';', ' ', '{', ',']).next().unwrap();
            let is_neighbour = NEIGHBOURS.contains(&(here.as_str(), there));
            assert!(
                there == here || is_neighbour || floor_of(there, &line) < floor_of(&here, &line),
                "{}:{number}: `{here}` may not know `{there}`",
                path.display(),
            );
        }
    }
}

#[test]
fn what_has_a_home_stays_there() {
    for path in rust_files(Path::new("src")) {
        for (number, line) in code(&path) {
            if line.trim_start().starts_with("//") {
                continue;
            }
            for (word, homes) in AT_HOME {
                let is_home = homes.iter().any(|home| path.starts_with(home));
                assert!(
                    !line.contains(word) || is_home,
                    "{}:{number}: `{word}` may stand only in {homes:?}",
                    path.display(),
                );
            }
        }
    }
}

/// The names in the table of ARCHITECTURE.md, "Bugs put in on purpose".
fn bugs_in_table() -> BTreeSet<String> {
    let text = fs::read_to_string("ARCHITECTURE.md").unwrap();
    let lines = text.lines().skip_while(|line| *line != "### Bugs put in on purpose");
    let table = lines.skip_while(|line| !line.starts_with("|---"));
    let rows = table.skip(1).take_while(|line| line.starts_with('|'));
    let names = rows.flat_map(|row| row.split('|').nth(1).unwrap().split(','));
    names.map(|name| name.trim().to_owned()).collect()
}

/// The names at the points in the code.
fn bugs_in_code() -> BTreeSet<String> {
    let texts =
        rust_files(Path::new("src")).into_iter().map(|path| fs::read_to_string(path).unwrap());
    texts
        .flat_map(|text| {
            let rests = text.split("planted!(\"").skip(1);
            rests.map(|rest| rest.split('"').next().unwrap().to_owned()).collect::<Vec<_>>()
        })
        .collect()
}

#[test]
fn every_bug_put_in_on_purpose_is_in_the_code_and_in_the_table() {
    let (table, code) = (bugs_in_table(), bugs_in_code());
    assert!(!table.is_empty(), "the table was not found");
    let no_point: Vec<_> = table.difference(&code).collect();
    assert!(no_point.is_empty(), "no point in the code: {no_point:?}");
    let no_row: Vec<_> = code.difference(&table).collect();
    assert!(no_row.is_empty(), "no row in ARCHITECTURE.md: {no_row:?}");
}

#[test]
fn the_files_of_a_folder_do_not_know_each_other_in_a_circle() {
    let read = |path: &PathBuf| (path.display().to_string(), fs::read_to_string(path).unwrap());
    let files: Vec<_> = rust_files(Path::new("src")).iter().map(read).collect();
    let found = circles::circles(&files);
    let lines = found.iter().map(|circle| {
        let circles::Circle { folder, entries, imports } = circle;
        format!("{folder}: {}\n    {}\n", entries.join(", "), imports.join("\n    "))
    });
    let lines: String = lines.collect();
    assert!(found.is_empty(), "import circles: give what both need a file below both\n{lines}");
}

/// Words of single protocols, which neither the engine nor the loop knows.
const PROTOCOL_WORDS: &[&str] = &["irc", "websocket", "http", "sse", "yjs"];

#[test]
fn the_engine_and_the_loop_know_no_protocol() {
    for folder in ["src/engine", "src/net"] {
        for path in rust_files(Path::new(folder)) {
            for (number, line) in code(&path) {
                let lower = line.to_ascii_lowercase();
                let mut words = lower.split(|c: char| !c.is_ascii_alphanumeric());
                let word = words.find(|word| PROTOCOL_WORDS.contains(word));
                let place = format!("{}:{number}", path.display());
                assert!(word.is_none(), "{place}: `{word:?}` belongs to one protocol");
                for session in ["irc", "web", "frame", "raw"] {
                    let named = format!("session::{session}");
                    assert!(!line.contains(&named), "{place}: the engine does not name {named}");
                }
            }
        }
    }
}
