//! `docs/PROTOCOL.md` is a promise to everybody who writes a client from it. These tests read its
//! tables and vectors and hold the code to them.

use hobnob::limits::Limits;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::Parsed;
use hobnob::wire::binary;
use hobnob::wire::frame::{ClientFrame, FRAME_OVERHEAD, FrameError, ServerFrame};
use hobnob::wire::verbs::{Field, Verb};
use std::collections::BTreeSet;

const DOC: &str = include_str!("../../docs/PROTOCOL.md");

/// What the vectors assume of the relay.
const MESSAGE_MAX: usize = 65_536;
const FRAME_MAX: usize = MESSAGE_MAX + FRAME_OVERHEAD;

/// A line of the page, and its number there.
#[derive(Clone, Copy, Debug)]
struct Line<'a> {
    number: usize,
    text: &'a str,
}

impl Line<'_> {
    fn at(&self) -> String {
        format!("docs/PROTOCOL.md:{}", self.number)
    }
}

fn lines() -> impl Iterator<Item = Line<'static>> {
    DOC.lines().enumerate().map(|(index, text)| Line { number: index + 1, text })
}

/// What stands between ` ```name ` and the fence that ends it.
fn block(name: &str) -> Vec<Line<'static>> {
    let opening = format!("```{name}");
    let found: Vec<_> = lines()
        .skip_while(|line| line.text != opening)
        .skip(1)
        .take_while(|line| line.text != "```")
        .collect();
    assert!(!found.is_empty(), "docs/PROTOCOL.md has no block {opening}");
    found
}

/// The cells of every row in the tables whose header begins with these cells.
fn tables(header: &[&str]) -> Vec<(Line<'static>, Vec<&'static str>)> {
    let header = format!("| {} |", header.join(" | "));
    let (mut rows, mut inside) = (Vec::new(), false);
    for line in lines() {
        if line.text.starts_with(&header) {
            inside = true;
        } else if !line.text.starts_with('|') {
            inside = false;
        } else if inside && !line.text.starts_with("|-") {
            let row = line.text.trim_start_matches("| ").trim_end_matches(" |");
            rows.push((line, row.split(" | ").map(str::trim).collect()));
        }
    }
    assert!(!rows.is_empty(), "docs/PROTOCOL.md has no table with {header}");
    rows
}

fn bytes_of(hex: &str, line: Line<'_>) -> Vec<u8> {
    let digits: String = hex.split_whitespace().collect();
    let byte = |at| {
        let pair = digits.get(at..at + 2).and_then(|pair| u8::from_str_radix(pair, 16).ok());
        pair.unwrap_or_else(|| panic!("{}: not hexadecimal: {hex}", line.at()))
    };
    (0..digits.len()).step_by(2).map(byte).collect()
}

fn is_from_client(side: &str, line: Line<'_>) -> bool {
    match side.trim() {
        "client" => true,
        "relay" => false,
        other => panic!("{}: `{other}` is neither `client` nor `relay`", line.at()),
    }
}

/// One test vector of the page.
struct Vector {
    row: String,
    from_client: bool,
    binary: Vec<u8>,
    #[cfg_attr(not(feature = "json"), expect(dead_code))]
    json: &'static str,
}

fn vectors() -> Vec<Vector> {
    let lines = block("vectors");
    let groups: Vec<&[Line<'_>]> = lines.split(|line| line.text.is_empty()).collect();
    let vector = |group: &&[Line<'static>]| {
        let &[name, side, hex, json] = *group else {
            panic!("{}: a vector is a name, a side, a frame and a line", group[0].at());
        };
        let title = name.text.strip_prefix("# ");
        let title = title.unwrap_or_else(|| panic!("{}: a name begins with #", name.at()));
        Vector {
            row: format!("{} ({title})", name.at()),
            from_client: is_from_client(side.text, side),
            binary: bytes_of(hex.text, hex),
            json: json.text,
        }
    };
    groups.iter().map(vector).collect()
}

/// The value, if it took everything.
fn whole<T>(parsed: Result<Parsed<T>, FrameError>, length: usize, row: &str) -> T {
    match parsed {
        Ok(Parsed::Complete(frame, used)) if used == length => frame,
        Ok(Parsed::Complete(_, used)) => panic!("{row}: takes {used} bytes of {length}"),
        Ok(Parsed::Partial) => panic!("{row}: ends too early"),
        Err(error) => panic!("{row}: refused: {error}"),
    }
}

fn binary_client<'a>(bytes: &'a [u8], row: &str) -> ClientFrame<'a> {
    whole(binary::parse_client(bytes, FRAME_MAX), bytes.len(), row)
}

fn binary_server<'a>(bytes: &'a [u8], row: &str) -> ServerFrame<'a> {
    whole(binary::parse_server(bytes, FRAME_MAX), bytes.len(), row)
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

#[test]
fn every_binary_vector_is_read_and_written_again() {
    let vectors = vectors();
    assert!(vectors.len() >= 30, "only {} vectors", vectors.len());
    for Vector { row, from_client, binary, .. } in &vectors {
        let mut written = Vec::new();
        if *from_client {
            binary::write_client(&binary_client(binary, row), &mut written);
        } else {
            binary::write_server(&binary_server(binary, row), &mut written);
        }
        assert_eq!(hex(&written), hex(binary), "{row}: written differently");
    }
}

#[test]
fn a_vector_cut_anywhere_waits_for_the_rest() {
    for Vector { row, from_client, binary, .. } in vectors() {
        for cut in 0..binary.len() {
            let part = &binary[..cut];
            let waits = if from_client {
                binary::parse_client(part, FRAME_MAX) == Ok(Parsed::Partial)
            } else {
                binary::parse_server(part, FRAME_MAX) == Ok(Parsed::Partial)
            };
            assert!(waits, "{row}: does not wait when cut at byte {cut}");
        }
    }
}

#[test]
fn every_verb_has_a_vector_and_a_row() {
    let mut seen = BTreeSet::new();
    for Vector { row, from_client, binary, .. } in &vectors() {
        let kind = format!("0x{:02x}", binary[4]);
        seen.insert(if *from_client {
            (binary_client(binary, row).verb(), "client", kind)
        } else {
            (binary_server(binary, row).verb(), "relay", kind)
        });
    }
    let row_of = |side| move |verb: &Verb| (verb.name, side, format!("0x{:02x}", verb.kind));
    let client = ClientFrame::VERBS.iter().map(row_of("client"));
    let verbs: BTreeSet<_> = client.chain(ServerFrame::VERBS.iter().map(row_of("relay"))).collect();
    assert_eq!(seen, verbs, "the verbs with a vector, and those of the code");

    let mut unlisted = seen;
    for (line, cells) in tables(&["verb", "from", "kind"]) {
        let row = (cells[0].trim_matches('`'), cells[1], cells[2].to_owned());
        assert!(unlisted.remove(&row), "{}: no vector is a {row:?}", line.at());
    }
    assert!(unlisted.is_empty(), "not in the table of verbs: {unlisted:?}");
}

/// The lines about a verb, in the chapter of its side.
fn section(chapter: &str, verb: &str) -> Vec<Line<'static>> {
    let chapter = format!("## {chapter}");
    let verb = format!("`{verb}`");
    let is_heading = |line: &Line<'_>| line.text.starts_with("### ") && line.text.contains(&verb);
    let found: Vec<_> = lines()
        .skip_while(|line| line.text != chapter)
        .skip(1)
        .take_while(|line| !line.text.starts_with("## "))
        .skip_while(|line| !is_heading(line))
        .take_while(|line| is_heading(line) || !line.text.starts_with("### "))
        .collect();
    assert!(!found.is_empty(), "docs/PROTOCOL.md has no {verb} in the chapter {chapter}");
    found
}

/// The rows that a field has in a layout: size, name and type of each.
fn rows_of(field: &Field) -> Vec<[&'static str; 3]> {
    let name = field.name;
    let flags = ["1", "flags", "u8"];
    match field.of_type {
        "u16" => vec![["2", name, "u16"]],
        "u32" => vec![["4", name, "u32"]],
        "u64" | "hex" | "key" | "epoch" => vec![["8", name, "u64"]],
        "flag" | "inverse_flag" => vec![flags],
        "text" => vec![["the rest", name, "text"]],
        "short_text" => vec![["1 + n", name, "short text"]],
        "payload" => vec![["the rest", name, "bytes"]],
        "version" => vec![["2", "version", "u16"]],
        "resume_and_key" => {
            let resume = [["8", "epoch", "u64"], ["8", "offset", "u64"]];
            [&[flags], &resume[..], &[["1 + n", "key", "short text"]]].concat()
        }
        "side" => vec![flags, ["8", "offset", "u64"]],
        "names" => vec![["1 + n each", name, "short texts"]],
        "messages" => vec![["", name, ""]],
        other => panic!("no layout has a field of type {other}"),
    }
}

#[test]
fn layouts_are_the_fields_of_the_table_of_verbs() {
    let client = ClientFrame::VERBS.iter().map(|verb| ("What a client says", verb));
    let relay = ServerFrame::VERBS.iter().map(|verb| ("What the relay says", verb));
    // The relay's `ping` and `pong` have one section, which refers to the client's.
    let is_shared = |verb: &Verb| ClientFrame::VERBS.contains(verb);
    for (chapter, verb) in client.chain(relay.filter(|(_, verb)| !is_shared(verb))) {
        let layout = section(chapter, verb.name).into_iter();
        let layout =
            layout.skip_while(|line| !line.text.starts_with("| at | size | field | type |"));
        let layout = layout.skip(2).take_while(|line| line.text.starts_with('|'));
        let rows: Vec<[&str; 3]> = layout
            .map(|line| {
                let cells: Vec<&str> = line.text.split('|').map(str::trim).collect();
                [cells[2], cells[3], cells[4]]
            })
            .collect();
        let expected: Vec<_> = verb.fields.iter().flat_map(rows_of).collect();
        assert_eq!(rows, expected, "`{}` in the chapter {chapter}", verb.name);
    }
}

#[test]
fn fields_that_json_may_leave_out_are_said_to_be() {
    for verb in ClientFrame::VERBS {
        let section = section("What a client says", verb.name);
        let text = section.iter().map(|line| line.text).collect::<Vec<_>>().join(" ");
        let sentences: Vec<&str> =
            text.split(". ").filter(|sentence| sentence.contains("left out")).collect();
        for field in verb.fields.iter().filter(|field| !field.default.is_empty()) {
            let name = format!("`{}`", field.name);
            let is_said = sentences.iter().any(|sentence| sentence.contains(&name));
            assert!(is_said, "`{}`: {name} may be left out", verb.name);
        }
    }
}

#[test]
fn layouts_leave_no_hole() {
    let mut next = None;
    for (line, cells) in tables(&["at", "size", "field", "type", "meaning"]) {
        if let Ok(at) = cells[0].parse::<usize>() {
            let expected = next.filter(|_| at != 5 && at != 0).unwrap_or(at);
            assert_eq!(at, expected, "{}: `{}` begins elsewhere", line.at(), cells[2]);
            next = cells[1].parse::<usize>().ok().map(|size| at + size);
        }
    }
}

#[test]
fn the_tables_of_codes_are_the_lists_in_the_code() {
    let refusals = Refusal::ALL.iter().map(|r| (r.code(), r.word(), r.text()));
    let ends = CloseReason::ALL.iter().map(|r| (r.code(), r.word(), r.text()));
    let mut listed = tables(&["code", "word", "sentence"]).into_iter();
    for (code, word, text) in refusals.chain(ends) {
        let Some((line, cells)) = listed.next() else {
            panic!("the tables of codes have no row for {code} {word}");
        };
        assert_eq!(cells, [&*code.to_string(), &*format!("`{word}`"), text], "{}", line.at());
    }
    let surplus = listed.next();
    assert!(surplus.is_none(), "no code is like that: {surplus:?}");
}

#[cfg(feature = "http")]
#[test]
fn the_table_of_closes_has_every_reason_once() {
    use hobnob::session::web::close_code;
    let rows = tables(&["close", "reasons"]);
    let listed: Vec<(u16, &str)> = rows
        .iter()
        .flat_map(|(line, cells)| {
            let code = cells[0].parse().unwrap_or_else(|_| panic!("{}: no code", line.at()));
            cells[1].split(' ').map(move |word| (code, word.trim_matches('`')))
        })
        .collect();
    for reason in CloseReason::ALL {
        let codes: Vec<u16> = listed
            .iter()
            .filter(|(_, word)| *word == reason.word())
            .map(|(code, _)| *code)
            .collect();
        assert_eq!(codes, [close_code(*reason)], "{reason}");
    }
    assert_eq!(listed.len(), CloseReason::ALL.len());
}

#[test]
fn the_table_of_limits_is_what_a_relay_starts_with() {
    let grouped = |number: u64| {
        let digits = number.to_string();
        let groups: Vec<&str> =
            digits.as_bytes().rchunks(3).rev().map(|g| str::from_utf8(g).unwrap()).collect();
        groups.join(",")
    };
    let bytes = |number: usize| format!("{} bytes", grouped(number as u64));
    let count = |number: usize| grouped(number as u64);
    let seconds = |time: std::time::Duration| format!("{} s", time.as_secs());
    let limits = Limits::default();
    assert_eq!(limits.message, MESSAGE_MAX, "what the vectors assume");
    for (line, cells) in tables(&["limit", "default"]) {
        let default = match cells[0].trim_matches('`') {
            "message" => bytes(limits.message),
            "handshake" => seconds(limits.handshake),
            "before_hello" => bytes(limits.before_hello),
            "rooms_per_peer" => count(limits.rooms_per_peer),
            "rooms" => count(limits.rooms),
            "rate_burst" => count(limits.rate_burst as usize),
            "rate_every" => format!("{} ms", limits.rate_every.as_millis()),
            "history_messages" => count(limits.history_messages),
            "history_bytes" => bytes(limits.history_bytes),
            "history_age" => seconds(limits.history_age),
            "history_total" => bytes(limits.history_total),
            "said_once_messages" => count(limits.said_once_messages),
            "said_once_age" => seconds(limits.said_once_age),
            "said_once_total" => bytes(limits.said_once_total),
            "backlog" => bytes(limits.backlog),
            "outbox" => bytes(limits.outbox),
            "presence_members" => count(limits.presence_members),
            "ping_after" => seconds(limits.ping_after),
            "ping_grace" => seconds(limits.ping_grace),
            "drain_grace" => seconds(limits.drain_grace),
            "per_address" => count(limits.per_address),
            "per_address_minute" => count(limits.per_address_minute),
            other => panic!("{}: no limit is called `{other}`", line.at()),
        };
        assert_eq!(cells[1], default, "{}: {}", line.at(), cells[0]);
    }
}

/// The word a connection ends with when its bytes are refused like this.
fn word_of(error: FrameError) -> &'static str {
    let reason = match error {
        FrameError::TooLong { .. } => CloseReason::FrameTooLong,
        FrameError::UnknownKind(_) => CloseReason::UnknownKind,
        FrameError::Malformed(_) => CloseReason::BadFrame,
    };
    reason.word()
}

fn refusal_of<T>(parsed: &Result<Parsed<T>, FrameError>) -> &'static str {
    match parsed {
        Ok(Parsed::Complete(..)) => "(taken for a frame)",
        Ok(Parsed::Partial) => "(waiting for more)",
        Err(error) => word_of(*error),
    }
}

#[test]
fn bytes_that_must_be_refused_are_refused_for_that_reason() {
    for line in block("refused") {
        let (side, rest) = line.text.split_once(' ').expect("a side first");
        let (word, hex) = rest.trim_start().split_once(' ').expect("a word next");
        let bytes = bytes_of(hex, line);
        if word != "frame_too_long" {
            // Else it might be refused for a reason that the row does not mean.
            let declared = u32::from_be_bytes([bytes[0], bytes[1], bytes[2], bytes[3]]);
            assert_eq!(bytes.len() - 4, declared as usize, "{}: the length is wrong", line.at());
        }
        let refusal = if is_from_client(side, line) {
            refusal_of(&binary::parse_client(&bytes, FRAME_MAX))
        } else {
            refusal_of(&binary::parse_server(&bytes, FRAME_MAX))
        };
        assert_eq!(refusal, word, "{}: {}", line.at(), line.text);
    }
}

#[cfg(feature = "json")]
mod json_lines {
    use super::*;
    use hobnob::wire::json;

    fn client_line(frame: &ClientFrame<'_>) -> String {
        let mut out = Vec::new();
        json::write_client(frame, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    fn server_line(frame: &ServerFrame<'_>) -> String {
        let mut out = Vec::new();
        json::write_server(frame, &mut out);
        String::from_utf8(out).expect("JSON is UTF-8")
    }

    fn max() -> usize {
        json::line_max(MESSAGE_MAX)
    }

    #[test]
    fn every_vector_means_the_same_in_both_spellings() {
        for Vector { row, from_client, binary, json } in &vectors() {
            let line = format!("{json}\n");
            let written = if *from_client {
                let frame = whole(json::parse_client(line.as_bytes(), max()), line.len(), row);
                assert_eq!(
                    frame,
                    binary_client(binary, row),
                    "{row}: the line means another frame"
                );
                client_line(&frame)
            } else {
                let frame = whole(json::parse_server(line.as_bytes(), max()), line.len(), row);
                assert_eq!(
                    frame,
                    binary_server(binary, row),
                    "{row}: the line means another frame"
                );
                server_line(&frame)
            };
            assert_eq!(written, line, "{row}: written differently");
        }
    }

    #[test]
    fn other_ways_to_write_a_line_are_read() {
        for pair in block("spellings").split(|line| line.text.is_empty()) {
            let &[side, other, usual] = pair else {
                panic!("{}: a side and two lines", pair[0].at());
            };
            for end in ["\n", "\r\n"] {
                let line = format!("{}{end}", other.text);
                let written = if is_from_client(side.text, side) {
                    let parsed = json::parse_client(line.as_bytes(), max());
                    client_line(&whole(parsed, line.len(), &other.at()))
                } else {
                    let parsed = json::parse_server(line.as_bytes(), max());
                    server_line(&whole(parsed, line.len(), &other.at()))
                };
                assert_eq!(written.trim_end(), usual.text, "{}", other.at());
            }
        }
    }

    #[test]
    fn lines_that_must_be_refused_are_refused() {
        for line in block("refused-lines") {
            let (side, json) = line.text.split_once(' ').unwrap_or((line.text, ""));
            let bytes = format!("{}\n", json.trim_start());
            let refusal = if is_from_client(side, line) {
                refusal_of(&json::parse_client(bytes.as_bytes(), max()))
            } else {
                refusal_of(&json::parse_server(bytes.as_bytes(), max()))
            };
            assert_eq!(refusal, "bad_frame", "{}: {}", line.at(), line.text);
        }
    }

    fn is_as_written(json: &str) -> bool {
        let line = format!("{json}\n");
        let client = json::parse_client(line.as_bytes(), max());
        let server = json::parse_server(line.as_bytes(), max());
        matches!(client, Ok(Parsed::Complete(frame, _)) if client_line(&frame) == line)
            || matches!(server, Ok(Parsed::Complete(frame, _)) if server_line(&frame) == line)
    }

    #[test]
    fn the_examples_are_lines_of_this_protocol() {
        let (mut examples, mut spoken) = (0, 0);
        let mut fence = "";
        for line in lines() {
            if fence == "```json" {
                assert!(is_as_written(line.text), "{}: {}", line.at(), line.text);
                examples += 1;
            }
            // The conversation at the top leaves out what has a default, as people would.
            if let Some(json) = line.text.strip_prefix("> {").or(line.text.strip_prefix("< {")) {
                let bytes = format!("{{{json}\n");
                let refusal = if line.text.starts_with('>') {
                    refusal_of(&json::parse_client(bytes.as_bytes(), max()))
                } else {
                    refusal_of(&json::parse_server(bytes.as_bytes(), max()))
                };
                assert_eq!(refusal, "(taken for a frame)", "{}: {}", line.at(), line.text);
                spoken += 1;
            }
            fence = line.text;
        }
        assert!(examples >= 18 && spoken >= 9, "only {examples} and {spoken} examples found");
    }
}
