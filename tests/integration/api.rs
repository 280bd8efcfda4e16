//! Rooms over HTTP: saying, reading back, listening, looking around.

use crate::common::http::{Answer, ask, get, listen, post};
use crate::common::{Server, Spelling, minted, one_an_hour};
use hobnob::Limits;
use hobnob::reason::Refusal;
use serde_json::{Value, json};

fn server() -> Server {
    Server::start(&["frame://127.0.0.1:0", "http://127.0.0.1:0"])
}

fn hex(number: u64) -> String {
    format!("{number:016x}")
}

fn texts(page: &Answer) -> Vec<String> {
    let messages = page.json()["messages"].as_array().unwrap().clone();
    messages.iter().map(|message| message["text"].as_str().unwrap().to_owned()).collect()
}

#[test]
fn what_is_posted_is_heard_by_everybody_and_read_back() {
    let server = server();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let epoch = minted(2);
    let mut http = server.connect_to(1);
    let said = post(&mut http, "/rooms/tea/messages?sender=bot", "", b"hello");
    assert_eq!(said.status, 201, "{said:?}");
    let message = said.json();
    let time = message["time"].clone();
    let expected =
        json!({"room": "tea", "epoch": hex(epoch), "offset": 1, "time": time, "sender": "bot"});
    assert_eq!(message, expected);
    ann.expect(&crate::common::message(room, 1, "bot", "hello"));
    // The place it is at.
    let place = said.header("location").unwrap().to_owned();
    let page = get(&mut http, &place);
    assert_eq!(page.status, 200);
    let message = json!({"offset": 1, "time": time, "sender": "bot", "text": "hello"});
    let expected =
        json!({"room": "tea", "epoch": hex(epoch), "oldest": 1, "head": 1, "messages": [message]});
    assert_eq!(page.json(), expected);
    // Bytes that are no text, and nothing at all; from somebody without a name.
    let said = post(&mut http, "/rooms/TEA/messages", "", b"\xff\x00");
    assert_eq!((&said.json()["room"], &said.json()["sender"]), (&json!("tea"), &json!("guest1")));
    ann.expect(&crate::common::message(room, 2, "guest1", b"\xff\x00"));
    assert_eq!(post(&mut http, "/rooms/tea/messages", "", b"").json()["sender"], "guest1");
    ann.expect(&crate::common::message(room, 3, "guest1", b""));
    let page = get(&mut http, "/rooms/tea/messages?after=1");
    assert_eq!(page.json()["messages"][0]["base64"], "/wA=");
    // A room that nobody is in is made by what is said there.
    assert_eq!(post(&mut http, "/rooms/%23caf%C3%A9/messages", "", b"x").json()["room"], "#café");
    let page = get(&mut http, "/rooms/%23caf%C3%A9/messages");
    assert_eq!(texts(&page), ["x"]);
}

#[test]
fn the_same_idempotency_key_says_it_once() {
    let server = server();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let once = "Idempotency-Key: 7f0c-1\r\n";
    let mut http = server.connect_to(1);
    let first = post(&mut http, "/rooms/tea/messages?sender=bot", once, b"paid").json();
    // The answer was lost, the connection with it; the sender tries again.
    drop(http);
    let mut http = server.connect_to(1);
    assert_eq!(post(&mut http, "/rooms/tea/messages?sender=bot", once, b"paid").json(), first);
    let other = "Idempotency-Key: 7f0c-2\r\n";
    let second = post(&mut http, "/rooms/tea/messages?sender=bot", other, b"paid").json();
    assert_eq!((&first["offset"], &second["offset"]), (&json!(1), &json!(2)));
    ann.expect(&crate::common::message(room, 1, "bot", "paid"));
    ann.expect(&crate::common::message(room, 2, "bot", "paid"));
    ann.expect_quiet();
    let too_long = format!("Idempotency-Key: {}\r\n", "k".repeat(256));
    for wrong in
        ["Idempotency-Key: a\r\nIdempotency-Key: b\r\n", "Idempotency-Key: \r\n", &too_long]
    {
        assert_eq!(post(&mut http, "/rooms/tea/messages", wrong, b"x").status, 400, "{wrong}");
    }
}

#[test]
fn the_past_is_read_page_by_page_along_its_links() {
    let server = server();
    let mut http = server.connect_to(1);
    for n in 1..=25 {
        post(&mut http, "/rooms/tea/messages", "", format!("m{n}").as_bytes());
    }
    let mut page = get(&mut http, "/rooms/tea/messages?limit=10");
    let mut read = texts(&page);
    while let Some(link) = page.link("prev") {
        page = get(&mut http, &link);
        read.splice(0..0, texts(&page));
    }
    let expected: Vec<String> = (1..=25).map(|n| format!("m{n}")).collect();
    assert_eq!(read, expected);
    let mut page = get(&mut http, "/rooms/tea/messages?after=0&limit=10");
    let mut read = texts(&page);
    while let Some(link) = page.link("next") {
        page = get(&mut http, &link);
        read.extend(texts(&page));
    }
    assert_eq!(read, expected);
    let missing = get(&mut http, "/rooms/attic/messages");
    assert_eq!((missing.status, missing.json()["code"].as_u64()), (404, Some(109)));
    for wrong in [
        "before=1&after=2",
        "before=x",
        "before=-1",
        "limit=",
        "befor=1",
        "limit=1&limit=2",
        "before=%ff",
    ] {
        let refused = get(&mut http, &format!("/rooms/tea/messages?{wrong}"));
        assert_eq!(refused.status, 400, "{wrong}");
    }
}

#[test]
fn rooms_and_members_are_listed() {
    let server = server();
    let (_ann, _) = server.enter(Spelling::Binary, "ann", "Tea");
    let (_bob, _) = server.enter(Spelling::Binary, "bob", "tea");
    let (_eve, _) = server.enter(Spelling::Binary, "eve", "attic");
    let mut http = server.connect_to(1);
    let rooms = get(&mut http, "/rooms?limit=1");
    assert_eq!(rooms.json()["total"], 2);
    assert_eq!(rooms.json()["rooms"][0]["room"], "Tea");
    assert_eq!(rooms.json()["rooms"][0]["members"], 2);
    let rest = get(&mut http, &rooms.link("next").unwrap());
    assert_eq!(rest.json()["rooms"][0]["room"], "attic");
    assert_eq!(rest.link("next"), None);
    let members = get(&mut http, "/rooms/tea/members").json();
    let mut names: Vec<Value> = members["members"].as_array().unwrap().clone();
    names.sort_by_key(Value::to_string);
    assert_eq!((&members["count"], names), (&json!(2), vec![json!("ann"), json!("bob")]));
    assert_eq!(get(&mut http, "/rooms/cellar/members").status, 404);
}

#[test]
fn nobody_speaks_in_the_name_of_somebody_else() {
    let server = server();
    let mut ann = server.speak(Spelling::Binary);
    let key = ann.hello("ann");
    let mut http = server.connect_to(1);
    let path = "/rooms/tea/messages?sender=Ann";
    let refused = post(&mut http, path, "", b"x");
    assert_eq!((refused.status, refused.json()["title"].as_str()), (409, Some("name_taken")));
    let bearer = format!("Authorization: Bearer {}\r\n", hex(key));
    assert_eq!(post(&mut http, path, &bearer, b"x").status, 201);
    assert_eq!(post(&mut http, path, "Authorization: Basic YTpi\r\n", b"x").status, 400);
    for (path, status) in [
        ("/rooms/tea/messages?sender=a%20b", 400),
        ("/rooms/a%20b/messages", 400),
        ("/rooms/tea/messages?sender=guest7", 409),
    ] {
        assert_eq!(post(&mut http, path, "", b"x").status, status, "{path}");
    }
    // A page of another origin could speak as whoever reads it.
    let origin = "Origin: http://evil.test\r\n";
    assert_eq!(post(&mut http, "/rooms/tea/messages", origin, b"x").status, 403);
    let origin = "Origin: http://localhost\r\n";
    assert_eq!(post(&mut http, "/rooms/tea/messages", origin, b"x").status, 201);
    server.until_refused(Refusal::NameTaken, 2);
}

#[test]
fn who_is_too_fast_or_too_long_is_told_so() {
    let limits = Limits { message: 1_000, ..one_an_hour(2) };
    let server = Server::with(&["http://127.0.0.1:0"], limits);
    let mut http = server.connect();
    for status in [201, 201, 429] {
        let said = post(&mut http, "/rooms/tea/messages", "", b"x");
        assert_eq!((said.status, seconds_to_wait(&said).is_some()), (status, status == 429));
    }
    let mut http = server.connect();
    assert_eq!(post(&mut http, "/rooms/tea/messages", "", &[b'x'; 1_001]).status, 413);
}

fn seconds_to_wait(answer: &Answer) -> Option<u64> {
    answer.header("retry-after").map(|seconds| seconds.parse().unwrap())
}

#[test]
fn who_asks_too_much_is_told_when_to_come_back() {
    let server = Server::with(&["http://127.0.0.1:0"], one_an_hour(1));
    let paths = ["/rooms", "/rooms/tea/messages", "/rooms/tea/members"];
    for path in paths {
        let mut http = server.connect();
        post(&mut http, "/rooms/tea/messages", "", b"x");
        // Three more bursts may be asked for, and each list of the rooms is one.
        for _ in 0..3 {
            assert_eq!(get(&mut http, "/rooms").status, 200);
        }
        let refused = get(&mut http, path);
        assert_eq!((refused.status, &refused.json()["title"]), (429, &json!("rate_limited")));
        let wait = seconds_to_wait(&refused).unwrap();
        assert!((1_800..=3_600).contains(&wait), "an hour, less what has gone by: {wait}");
        // To say something, all of it has to be paid for.
        let wait = seconds_to_wait(&post(&mut http, "/rooms/tea/messages", "", b"x")).unwrap();
        assert!((12_600..=14_400).contains(&wait), "four hours: {wait}");
        // What costs the relay nothing is answered all the same.
        assert_eq!(get(&mut http, "/").status, 200);
        assert_eq!(get(&mut http, "/openapi.json").status, 200);
    }
    server.until_refused(Refusal::RateLimited, 2 * paths.len() as u64);
}

#[test]
fn events_are_heard_as_they_are_said() {
    let server = server();
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let mut stream = listen(&server, 1, "/rooms/tea/events?name=eve", "");
    let epoch = hex(minted(2));
    let joined = stream.next();
    assert_eq!((joined.kind.as_str(), joined.id), ("joined", format!("{epoch}-0")));
    let expected = json!({"room": "tea", "epoch": epoch, "oldest": 1, "head": 0, "members": 2, "recovered": false});
    assert_eq!(joined.data, expected);
    ann.expect(&crate::common::came(room, 2, "eve"));
    ann.ask(&[
        crate::common::say_to_others(room, 0, "one\ntwo"),
        crate::common::say_to_others(room, 0, b"\xff"),
    ]);
    let heard = stream.next();
    assert_eq!((heard.kind.as_str(), heard.id), ("message", format!("{epoch}-1")));
    assert_eq!((&heard.data["sender"], &heard.data["text"]), (&json!("ann"), &json!("one\ntwo")));
    assert_eq!(stream.next().data["base64"], "/w==");
    let (_bob, _) = server.enter(Spelling::Binary, "bob", "tea");
    let came = stream.next();
    assert_eq!((came.kind.as_str(), came.data), ("came", json!({"name": "bob", "count": 3})));
}

#[test]
fn a_listener_that_comes_back_misses_nothing_or_is_told() {
    let limits = Limits { history_messages: 5, ..Limits::default() };
    let server = Server::with(&["frame://127.0.0.1:0", "http://127.0.0.1:0"], limits);
    let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
    let mut stream = listen(&server, 1, "/rooms/tea/events", "");
    stream.next();
    let say = |ann: &mut crate::common::Client, id: u64| {
        ann.say_to_others(room, id, &format!("m{id}"));
        while !matches!(ann.next(), hobnob::wire::frame::ServerFrame::Ack { .. }) {}
    };
    say(&mut ann, 1);
    let last = stream.next().id;
    drop(stream);
    (2..=4).for_each(|id| say(&mut ann, id));
    // By header, as browsers do it; or by parameter, where the first request is to have it.
    for (path, header) in [
        ("/rooms/tea/events".to_owned(), format!("Last-Event-ID: {last}\r\n")),
        (format!("/rooms/tea/events?last_event_id={last}"), String::new()),
    ] {
        let mut stream = listen(&server, 1, &path, &header);
        let joined = stream.next();
        assert_eq!((&joined.id, &joined.data["recovered"]), (&last, &json!(true)));
        assert_eq!([2, 3, 4], [(); 3].map(|()| stream.next().offset()));
        assert_eq!(stream.next().kind, "members", "the end of the replay");
    }
    // More was said than is kept: the gap is told, and what is kept comes.
    (5..=9).for_each(|id| say(&mut ann, id));
    let mut stream = listen(&server, 1, "/rooms/tea/events", &format!("Last-Event-ID: {last}\r\n"));
    assert_eq!(stream.next().data["recovered"], false);
    let gap = stream.next();
    assert_eq!((gap.kind.as_str(), &gap.data), ("gap", &json!({"from": 2, "to": 4})));
    assert!(gap.id.ends_with("-4"), "{}", gap.id);
    assert_eq!([5, 6, 7, 8, 9], [(); 5].map(|()| stream.next().offset()));
    // Another numbering: nobody can say what was missed.
    let mut stream =
        listen(&server, 1, "/rooms/tea/events", "Last-Event-ID: 00000000000000aa-3\r\n");
    let joined = stream.next();
    assert_eq!((joined.data["recovered"].as_bool(), stream.next().offset()), (Some(false), 5));
    let mut http = server.connect_to(1);
    let refused = ask(
        &mut http,
        "GET /rooms/tea/events HTTP/1.1\r\nHost: localhost\r\nLast-Event-ID: 7\r\n\r\n",
    );
    assert_eq!(refused.status, 400);
}

#[test]
fn a_listener_is_let_in_or_told_why_not() {
    let server = server();
    let _ann = server.greet(Spelling::Binary, "ann");
    let mut http = server.connect_to(1);
    let refused = get(&mut http, "/rooms/tea/events?name=ANN");
    assert_eq!((refused.status, refused.is_last()), (409, true));
    http.expect_end();
    let mut http = server.connect_to(1);
    assert_eq!(get(&mut http, "/rooms/a,b/events").status, 400);
    let head = ask(&mut http, "HEAD /rooms/tea/events HTTP/1.1\r\nHost: localhost\r\n\r\n");
    assert_eq!((head.status, head.header("content-type")), (200, Some("text/event-stream")));
    http.expect_end();
}

#[test]
fn listeners_hear_that_the_relay_goes() {
    let server = server();
    let mut stream = listen(&server, 1, "/rooms/tea/events", "");
    stream.next();
    server.handle.stop();
    assert_eq!(stream.next().kind, "draining");
    let bye = stream.next();
    assert_eq!((bye.kind.as_str(), &bye.data["code"]), ("bye", &json!(207)));
    assert!(stream.next_chunk().is_empty(), "the answer is complete");
    stream.client.expect_end();
}

/// The API's own description, as it is served.
fn description(server: &Server) -> Value {
    let served = get(&mut server.connect_to(1), "/openapi.json");
    assert_eq!((served.status, served.header("content-type")), (200, Some("application/json")));
    served.json()
}

/// Follows a `$ref`.
fn resolved<'a>(description: &'a Value, schema: &'a Value) -> &'a Value {
    match schema["$ref"].as_str() {
        Some(place) => description.pointer(&place[1..]).unwrap_or_else(|| panic!("{place}")),
        None => schema,
    }
}

/// Holds a value to a schema: as much of JSON Schema as the description uses, and no word beyond.
fn validate(description: &Value, schema: &Value, value: &Value, place: &str) {
    let schema = resolved(description, schema);
    let words = schema.as_object().expect("a schema");
    for (word, rule) in words {
        let holds = match word.as_str() {
            "type" => match rule.as_str().unwrap() {
                "object" => value.is_object(),
                "array" => value.is_array(),
                "string" => value.is_string(),
                "integer" => value.is_u64() || value.is_i64(),
                "boolean" => value.is_boolean(),
                other => panic!("no type is called {other}"),
            },
            "minimum" => value.as_i64().is_none_or(|number| number >= rule.as_i64().unwrap()),
            "pattern" => {
                assert_eq!(rule, "^[0-9a-f]{16}$");
                let text = value.as_str().unwrap();
                text.len() == 16 && text.bytes().all(|b| b"0123456789abcdef".contains(&b))
            }
            "required" => {
                rule.as_array().unwrap().iter().all(|n| value.get(n.as_str().unwrap()).is_some())
            }
            "oneOf" => {
                let holds = |rule: &&Value| {
                    rule["required"]
                        .as_array()
                        .unwrap()
                        .iter()
                        .all(|n| value.get(n.as_str().unwrap()).is_some())
                };
                rule.as_array().unwrap().iter().filter(holds).count() == 1
            }
            "properties" => {
                for (name, value) in value.as_object().unwrap() {
                    let schema = rule.get(name);
                    let schema =
                        schema.unwrap_or_else(|| panic!("{place}: {name} is not described"));
                    validate(description, schema, value, &format!("{place}.{name}"));
                }
                true
            }
            "items" => {
                for value in value.as_array().unwrap() {
                    validate(description, rule, value, &format!("{place}[]"));
                }
                true
            }
            "additionalProperties" | "description" | "contentEncoding" | "maximum" => true,
            other => panic!("{place}: what does {other} mean?"),
        };
        assert!(holds, "{place}: {value} is not {word} {rule}");
    }
}

#[test]
fn every_route_is_described_and_nothing_else() {
    use hobnob::session::web::route::{ADMIN_ROUTES, ROUTES};
    let description = description(&server());
    let mut described = std::collections::BTreeSet::new();
    for (path, item) in description["paths"].as_object().unwrap() {
        for method in item.as_object().unwrap().keys().filter(|key| *key != "parameters") {
            let operation = &item[method];
            assert!(operation["summary"].is_string(), "{method} {path}");
            described.insert((
                method.to_uppercase(),
                path.clone(),
                operation["tags"] == json!(["admin"]),
            ));
        }
    }
    let routes = |routes: &'static [hobnob::session::web::route::Route], is_admin| {
        routes.iter().map(move |route| (route.method.to_owned(), route.path.to_owned(), is_admin))
    };
    let mut served: std::collections::BTreeSet<_> = routes(ROUTES, false).collect();
    // That there is a description is said of both listeners at once.
    served.extend(routes(ADMIN_ROUTES, true).filter(|(_, path, _)| path != "/openapi.json"));
    assert_eq!(described, served);
}

#[test]
fn answers_are_what_the_description_says() {
    let server = Server::start(&[
        "frame://127.0.0.1:0",
        "http://127.0.0.1:0",
        "http://127.0.0.1:0?serve=admin",
    ]);
    let description = description(&server);
    let (_ann, _) = server.enter(Spelling::Binary, "ann", "tea");
    let mut http = server.connect_to(1);
    let mut admin = server.connect_to(2);
    let mut answers = Vec::new();
    for body in [&b"hello"[..], b"\xff"] {
        let said = post(&mut http, "/rooms/tea/messages", "", body);
        answers.push(("/rooms/{room}/messages", "post", said));
    }
    let taken = post(&mut http, "/rooms/tea/messages?sender=ann", "", b"x");
    answers.push(("/rooms/{room}/messages", "post", taken));
    for (path, asked) in [
        ("/rooms", "/rooms"),
        ("/rooms", "/rooms?limit=x"),
        ("/rooms/{room}/messages", "/rooms/tea/messages"),
        ("/rooms/{room}/messages", "/rooms/attic/messages"),
        ("/rooms/{room}/messages", "/rooms/tea/messages?before=1&after=1"),
        ("/rooms/{room}/members", "/rooms/tea/members"),
        ("/rooms/{room}/members", "/rooms/attic/members"),
        ("/connect", "/connect"),
        ("/raw/{room}", "/raw/tea"),
        ("/openapi.json", "/openapi.json"),
    ] {
        answers.push((path, "get", get(&mut http, asked)));
    }
    for path in ["/metrics", "/healthz", "/readyz", "/top"] {
        answers.push((path, "get", get(&mut admin, path)));
    }
    for (path, method, answer) in &answers {
        let place = format!("{method} {path} {}", answer.status);
        let response = &description["paths"][path][method]["responses"][answer.status.to_string()];
        assert!(response.is_object(), "{place} is not described");
        let kind = answer.header("content-type").unwrap().split(';').next().unwrap();
        let schema = response["content"].get(kind);
        let schema = schema
            .unwrap_or_else(|| panic!("{place}: {kind} is not described"))
            .get("schema")
            .unwrap();
        if kind.ends_with("json") {
            validate(&description, schema, &answer.json(), &place);
        }
        let promised = response["headers"].as_object().into_iter().flat_map(|h| h.keys());
        for header in promised.filter(|header| *header != "Link") {
            assert!(answer.header(header).is_some(), "{place}: no {header}");
        }
    }
}

#[test]
fn a_page_of_a_named_origin_may_ask_and_read_and_no_other() {
    let server = Server::start(&["http://127.0.0.1:0?allow-origin=https://chat.example"]);
    let mut http = server.connect();
    let from = |origin: &str, request: &str| {
        format!("{request} HTTP/1.1\r\nHost: localhost\r\nOrigin: {origin}\r\n\r\n")
    };
    let before = ask(&mut http, &from("https://chat.example", "OPTIONS /rooms/tea/messages"));
    assert_eq!(
        (before.status, before.header("access-control-allow-methods")),
        (204, Some("GET, HEAD, POST"))
    );
    assert!(before.header("access-control-allow-headers").unwrap().contains("Idempotency-Key"));
    let rooms = ask(&mut http, &from("https://chat.example", "GET /rooms"));
    assert_eq!(
        (rooms.status, rooms.header("access-control-allow-origin")),
        (200, Some("https://chat.example"))
    );
    let refused = ask(&mut http, &from("https://evil.example", "OPTIONS /rooms/tea/messages"));
    assert_eq!((refused.status, refused.header("access-control-allow-origin")), (204, None));
    assert_eq!(refused.header("access-control-allow-methods"), None);
    assert_eq!(ask(&mut http, &from("https://evil.example", "GET /rooms")).status, 403);
    assert_eq!(get(&mut http, "/rooms").header("access-control-allow-origin"), None);
    let stream = ask(&mut http, &from("https://chat.example", "GET /rooms/tea/events"));
    assert_eq!(
        (stream.status, stream.header("access-control-allow-origin")),
        (200, Some("https://chat.example"))
    );
}

#[test]
fn fault_a1_only_known_names_are_asked_for_where_a_browser_may_be_led() {
    let admin = "http://127.0.0.1:0?serve=admin";
    let server = Server::start(&[
        "http://127.0.0.1:0",
        admin,
        "http://127.0.0.1:0?host=chat.example&host=.tea.example",
        "http://[::]:0",
        "http://127.0.0.1:0?trust=127.0.0.1&proxy=true",
    ]);
    let asked = |listener: usize, request: &str, host: &str| {
        let request = format!("{request} HTTP/1.1\r\nHost: {host}\r\n\r\n");
        ask(&mut server.connect_to(listener), &request)
    };
    let public = ["GET /", "GET /rooms", "HEAD /rooms", "OPTIONS /rooms", "GET /rooms/tea/events"];
    let post = "POST /rooms/tea/messages";
    for (listener, request) in public.into_iter().chain([post]).map(|request| (0, request)).chain([
        (1, "GET /metrics"),
        (1, "GET /readyz"),
        (1, "GET /nothing"),
        (2, "GET /rooms"),
    ]) {
        for host in ["evil.example", "evil.example:8080", "chat.example.evil.example", "%00"] {
            let answer = asked(listener, request, host);
            assert_eq!((answer.status, answer.is_last()), (421, true), "{request} {host}");
        }
    }
    let told = asked(1, "GET /metrics", "relay.internal:9090");
    assert!(told.text().contains("host=relay.internal in the URL of --admin"), "{told:?}");
    assert!(asked(0, "GET /", "a%b").text().contains("--allow-host NAME"));
    // A body that was announced is not waited for.
    assert_eq!(
        asked(0, &format!("{post}?sender=x"), "evil.example\r\nContent-Length: 5").status,
        421
    );
    assert_eq!(server.counts().messages, 0);

    for host in ["127.0.0.1:1", "[::1]", "localhost", "tea.localhost:8080", "10.0.0.1"] {
        assert_eq!(asked(0, "GET /rooms", host).status, 200, "{host}");
        assert_eq!(asked(1, "GET /metrics", host).status, 200, "{host}");
        assert_eq!(asked(2, "GET /rooms", host).status, 200, "{host}");
    }
    for host in ["chat.example", "CHAT.example.:443", "tea.example", "green.tea.example"] {
        assert_eq!(asked(2, "GET /rooms", host).status, 200, "{host}");
    }
    // Whoever serves everybody has the names that others gave it, and a browser knows no PROXY header.
    assert_eq!(asked(3, "GET /rooms", "any.example").status, 200);
    let mut proxied = server.connect_to(4);
    proxied.send(b"PROXY TCP4 203.0.113.7 127.0.0.1 1 2\r\n");
    assert_eq!(ask(&mut proxied, "GET /rooms HTTP/1.1\r\nHost: any.example\r\n\r\n").status, 200);
    // HTTP/1.0 needs no host, and whoever sends none is no browser.
    assert_eq!(ask(&mut server.connect(), "GET /rooms HTTP/1.0\r\n\r\n").status, 200);
}

#[test]
fn fault_a3_behind_a_proxy_everybody_is_somebody_else() {
    let server = Server::start(&["http://127.0.0.1:0?trust=127.0.0.1&proxy=true"]);
    let said = |address: &str| {
        let mut http = server.connect();
        http.send(format!("PROXY TCP4 {address} 127.0.0.1 1 2\r\n").as_bytes());
        let once = "Idempotency-Key: 1\r\n";
        post(&mut http, "/rooms/tea/messages", once, b"x").json()["offset"].clone()
    };
    assert_eq!(said("203.0.113.7"), 1);
    assert_eq!(said("203.0.113.8"), 2, "a stranger's word is not mine");
    assert_eq!(said("203.0.113.7"), 1, "the same again, on another connection");
}

#[test]
fn fault_a3_a_proxy_on_this_machine_is_held_to_the_rate() {
    let limits = Limits { limit_loopback: false, ..one_an_hour(1) };
    let listeners = ["http://127.0.0.1:0?trust=127.0.0.1", "http://127.0.0.1:0"];
    let server = Server::with(&listeners, limits);
    let said = |listener| {
        let mut http = server.connect_to(listener);
        [(); 2].map(|()| post(&mut http, "/rooms/tea/messages", "", b"x").status)
    };
    assert_eq!((said(0), said(1)), ([201, 429], [201, 201]));
}

#[test]
fn who_is_banned_neither_reads_nor_speaks_under_another_name() {
    let server = Server::start(&["irc://127.0.0.1:0", "http://127.0.0.1:0"]);
    let mut ann = server.connect();
    let mut does = |lines: &str| {
        ann.send(format!("{lines}\r\nPING :done\r\n").as_bytes());
        ann.read_until(b"done\r\n");
    };
    does("NICK ann\r\nUSER ann 0 * :ann\r\nJOIN #x\r\nMODE #x -n");
    let mut http = server.connect_to(1);
    let mut asked = |sender: &str| {
        let said = post(&mut http, &format!("/rooms/x/messages?sender={sender}"), "", b"x");
        let paths = ["/rooms/x/messages", "/rooms/x/members"];
        let [read, seen] = paths.map(|path| get(&mut http, path).status);
        (said.status, read, seen)
    };
    assert_eq!(asked("bob"), (201, 200, 200));
    does("MODE #x +b bob!*@*");
    assert_eq!(asked("bob"), (403, 200, 200));
    assert_eq!(asked("carl"), (201, 200, 200));
    does("MODE #x +b *!*@*.cloaked");
    assert_eq!(asked("carl"), (403, 403, 403));
    does("MODE #x +e *!hobnob@*");
    assert_eq!(asked("carl"), (201, 200, 200));
    assert_eq!(asked("bob"), (201, 200, 200));
}
