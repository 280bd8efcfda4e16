//! What is told to whoever watches over the relay, over real sockets.

use crate::common::http::{Answer, get, listen, post};
use crate::common::{Client, Server, Spelling};
use hobnob::Limits;
use hobnob::reason::CloseReason;
use std::collections::{BTreeMap, BTreeSet};

const ALL: &[&str] =
    &["frame://127.0.0.1:0", "http://127.0.0.1:0", "http://127.0.0.1:0?serve=admin"];
const ADMIN: usize = 2;

/// Every sample by its name and labels.
fn samples(page: &Answer) -> BTreeMap<String, f64> {
    assert_eq!(
        (page.status, page.header("content-type")),
        (200, Some("text/plain; version=0.0.4; charset=utf-8"))
    );
    let lines = page.text().lines().filter(|line| !line.starts_with('#'));
    let samples = lines.map(|line| {
        let (name, value) = line.rsplit_once(' ').expect("a name and a number");
        (name.to_owned(), value.parse().unwrap_or_else(|_| panic!("{line}")))
    });
    samples.collect()
}

fn scrape(admin: &mut Client) -> BTreeMap<String, f64> {
    samples(&get(admin, "/metrics"))
}

#[test]
fn what_happens_is_counted() {
    let server = Server::start(ALL);
    let mut admin = server.connect_to(ADMIN);
    let before = scrape(&mut admin);
    assert_eq!(before["hobnob_messages_total"], 0.0);
    assert_eq!(before["hobnob_connections{protocol=\"http\"}"], 1.0);
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let mut stream = listen(&server, 1, "/rooms/tea/events", "");
    stream.next();
    let mut http = server.connect_to(1);
    post(&mut http, "/rooms/tea/messages", "", b"hello");
    stream.next();
    ann.say(room + 1, 1, "nowhere");
    ann.until_pong();
    drop(http);
    server.until_closed(CloseReason::PeerClosed, 1);
    let after = scrape(&mut admin);
    for (name, value) in [
        ("hobnob_messages_total", 1.0),
        ("hobnob_deliveries_total", 2.0),
        ("hobnob_rooms", 1.0),
        ("hobnob_connections{protocol=\"frame\"}", 1.0),
        ("hobnob_connections{protocol=\"http\"}", 1.0),
        ("hobnob_connections{protocol=\"events\"}", 1.0),
        ("hobnob_connections{protocol=\"websocket\"}", 0.0),
        ("hobnob_closes_total{reason=\"peer_closed\"}", 1.0),
        ("hobnob_refusals_total{reason=\"not_member\"}", 1.0),
        ("hobnob_accepted_total", 4.0),
        ("hobnob_laggards", 0.0),
        ("hobnob_draining", 0.0),
    ] {
        assert_eq!(after.get(name), Some(&value), "{name}");
    }
    for name in ["hobnob_received_bytes_total", "hobnob_sent_bytes_total", "hobnob_history_bytes"] {
        assert!(after[name] > before[name], "{name}");
    }
    // Turns are counted, each in one bucket, and buckets include those below them.
    let count = after["hobnob_turn_duration_seconds_count"];
    assert!(count > before["hobnob_turn_duration_seconds_count"]);
    assert_eq!(after["hobnob_turn_duration_seconds_bucket{le=\"+Inf\"}"], count);
    assert!(after["hobnob_turn_duration_seconds_sum"] > 0.0);
    assert!(after.contains_key("hobnob_loop_lag_seconds_bucket{le=\"0.001\"}"));
}

#[test]
fn what_is_told_to_one_alone_is_counted_apart() {
    let server = Server::start(ALL);
    let mut admin = server.connect_to(ADMIN);
    let mut ann = server.greet(Spelling::Binary, "ann");
    let mut bob = server.speak(Spelling::Binary);
    bob.ask(&[crate::common::hello_private("bob")]);
    bob.next();
    ann.ask(&[crate::common::tell(1, "bob", "psst"), crate::common::tell(2, "nobody", "psst")]);
    bob.expect(&crate::common::told("ann", "psst"));
    let seen = scrape(&mut admin);
    assert_eq!(seen["hobnob_private_messages_total"], 1.0);
    assert_eq!(seen["hobnob_messages_total"], 0.0);
}

#[test]
fn who_asks_under_a_wrong_name_is_counted_by_the_reason() {
    let server = Server::start(ALL);
    let mut admin = server.connect_to(ADMIN);
    let mut page = server.connect_to(1);
    page.send(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n");
    let (answer, _) = page.read_to_end();
    assert!(answer.starts_with(b"HTTP/1.1 421 "), "{}", crate::common::show(&answer));
    server.until_closed(CloseReason::WrongHost, 1);
    assert_eq!(scrape(&mut admin)["hobnob_closes_total{reason=\"wrong_host\"}"], 1.0);
}

#[test]
fn the_page_names_every_metric_and_no_other() {
    let server = Server::start(ALL);
    let page = get(&mut server.connect_to(ADMIN), "/metrics");
    let types = page.text().lines().filter_map(|line| line.strip_prefix("# TYPE "));
    let told: BTreeSet<&str> = types.filter_map(|rest| rest.split(' ').next()).collect();
    let rows =
        include_str!("../../docs/HTTP.md").lines().filter(|line| line.starts_with("| `hobnob_"));
    let cells = rows.filter_map(|row| row.split('|').nth(1));
    let names = cells.flat_map(|cell| cell.split(',').map(|name| name.trim().trim_matches('`')));
    let documented: BTreeSet<&str> = names.filter_map(|name| name.split('{').next()).collect();
    assert_eq!(told, documented);
}

#[test]
fn only_the_admin_listener_tells() {
    let server = Server::start(ALL);
    let (mut public, mut admin) = (server.connect_to(1), server.connect_to(ADMIN));
    for path in ["/metrics", "/healthz", "/readyz", "/top"] {
        assert_eq!(get(&mut public, path).status, 404, "{path}");
        assert_eq!(get(&mut admin, path).status, 200, "{path}");
    }
    for path in ["/", "/rooms", "/connect", "/rooms/tea/messages"] {
        assert_eq!(get(&mut admin, path).status, 404, "{path}");
    }
    assert_eq!(get(&mut admin, "/top?limit=x").status, 400);
}

#[test]
fn the_relay_is_ready_until_it_drains_and_alive_until_it_is_gone() {
    let limits = Limits { drain_grace: std::time::Duration::from_secs(2), ..Limits::default() };
    let server = Server::with(ALL, limits);
    let mut ann = server.greet(Spelling::Binary, "ann");
    let _others: Vec<Client> = (0..150).map(|_| server.connect()).collect();
    server.until_connected(151);
    let mut admin = server.connect_to(ADMIN);
    assert_eq!(get(&mut admin, "/readyz").text(), "ready\n");
    server.handle.stop();
    ann.expect(&crate::common::refused(hobnob::reason::Refusal::Draining, 0));
    // On the connection that was there, and on a new one.
    let mut late = server.connect_to(ADMIN);
    for admin in [&mut admin, &mut late] {
        let ready = get(admin, "/readyz");
        assert_eq!((ready.status, ready.text()), (503, "draining\n"));
        assert_eq!(get(admin, "/healthz").status, 200);
    }
    // Nobody else is let in; and who watches is the last to go.
    assert!(Client::connect(server.bound(0), None).is_err());
    ann.expect_bye(CloseReason::Shutdown);
    admin.expect_end();
    late.expect_end();
}

#[test]
fn a_full_relay_can_still_be_watched() {
    let limits = Limits { connections: Some(2), ..Limits::default() };
    let server = Server::with(ALL, limits);
    let _full: Vec<Client> = (0..2).map(|_| server.greet(Spelling::Binary, "")).collect();
    let (words, _) = server.connect().read_to_end();
    assert!(crate::common::show(&words).contains("209"), "{}", crate::common::show(&words));
    server.until_closed(CloseReason::RelayFull, 1);
    let mut admin = server.connect_to(ADMIN);
    let ready = get(&mut admin, "/readyz");
    assert_eq!((ready.status, ready.text()), (503, "full\n"));
    assert_eq!(scrape(&mut admin)["hobnob_closes_total{reason=\"relay_full\"}"], 1.0);
}

#[test]
fn the_biggest_rooms_and_the_slowest_peers_are_named() {
    let limits = Limits { message: 1 << 20, backlog: 8 << 20, ..Limits::default() };
    let server = Server::with(ALL, limits);
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let mut slow = server.connect_narrow(0, 4096);
    slow.spelling = Spelling::Binary;
    slow.hello("slow");
    slow.join("tea");
    let (_eve, _) = server.enter(Spelling::Binary, "eve", "attic");
    let large = vec![b'x'; 1 << 20];
    for id in 1..=4 {
        ann.say_to_others(room, id, &large);
        while !matches!(ann.next(), hobnob::wire::frame::ServerFrame::Ack { .. }) {}
    }
    let mut admin = server.connect_to(ADMIN);
    let top = get(&mut admin, "/top?limit=1").json();
    assert_eq!((&top["rooms"][0]["room"], &top["rooms"][0]["members"]), (&"tea".into(), &2.into()));
    assert_eq!(top["rooms"].as_array().unwrap().len(), 1);
    let peer = &top["peers"][0];
    assert_eq!((&peer["name"], &peer["blocked"]), (&"slow".into(), &true.into()), "{top}");
    assert!(peer["owed"].as_u64().unwrap() > 1 << 20, "{top}");
    assert_eq!(scrape(&mut admin)["hobnob_laggards"], 1.0);
}
