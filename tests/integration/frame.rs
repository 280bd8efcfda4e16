//! Conversations in frames, to the byte, in both spellings, against a real relay.

use crate::common::*;
use hobnob::Limits;
use hobnob::id::Epoch;
use hobnob::reason::{CloseReason, Refusal};
use hobnob::wire::frame::{ClientFrame, Past, ServerFrame, Side};
use std::collections::BTreeSet;

/// A room's answer to a join without resume.
#[expect(clippy::too_many_arguments, reason = "the fields of one frame")]
fn joined<'a>(
    request: u64,
    room: u32,
    recovered: bool,
    epoch: u64,
    head: u64,
    oldest: u64,
    members: u32,
    name: &'a str,
) -> ServerFrame<'a> {
    let (epoch, name) = (Epoch(epoch), name.into());
    ServerFrame::Joined { request, room, recovered, epoch, head, oldest, members, name }
}

fn names_of(frame: &ServerFrame<'_>) -> BTreeSet<String> {
    match frame {
        ServerFrame::Members { names, .. } => names.iter().map(ToString::to_string).collect(),
        other => panic!("expected members, came: {other:?}"),
    }
}

/// The number of the `n`th room made, if it lies in `slot`.
fn room_number(n: u32, slot: u32) -> u32 {
    n << 22 | slot
}

#[test]
fn a_first_conversation_to_the_byte() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let limits = Limits::default();
        let mut ann = server.speak(*spelling);
        ann.ask(&[hello("ann")]);
        ann.expect(&welcome(conn_id(1, 0), minted(1), "ann", &limits));
        ann.ask(&[join(5, "Rust")]);
        ann.expect(&joined(5, FIRST_ROOM, false, minted(2), 0, 1, 1, "Rust"));
        let mut bob = server.speak(*spelling);
        bob.ask(&[hello_with("bob", 0xb0b)]);
        bob.expect(&welcome(conn_id(2, 1), 0xb0b, "bob", &limits));
        bob.ask(&[join(0, "rust")]);
        bob.expect(&joined(0, FIRST_ROOM, false, minted(2), 0, 1, 2, "Rust"));
        ann.expect(&came(FIRST_ROOM, 2, "bob"));
        // The speaker's own copy, then the acknowledgement.
        ann.say(FIRST_ROOM, 9, "hello");
        let hello = message(FIRST_ROOM, 1, "ann", "hello");
        ann.expect_all(&[hello.clone(), ack(FIRST_ROOM, 9, 1)]);
        bob.expect(&hello);
        // Not to me: only the acknowledgement. No id: not even that.
        ann.ask(&[say_to_others(FIRST_ROOM, 10, b"\xff\x00"), say_to_others(FIRST_ROOM, 0, "")]);
        ann.expect(&ack(FIRST_ROOM, 10, 2));
        bob.expect(&message(FIRST_ROOM, 2, "ann", b"\xff\x00"));
        bob.expect(&message(FIRST_ROOM, 3, "ann", ""));
        bob.say(FIRST_ROOM, 0, "\u{1b}[1m ç");
        let reply = message(FIRST_ROOM, 4, "bob", "\u{1b}[1m ç");
        ann.expect(&reply);
        bob.expect(&reply);
        ann.ask(&[ping(7), members(6, FIRST_ROOM)]);
        ann.expect(&pong(7));
        assert_eq!(names_of(&ann.next()), BTreeSet::from(["ann".to_owned(), "bob".to_owned()]));
        bob.leave(8, FIRST_ROOM);
        bob.expect(&left(8, FIRST_ROOM, 4));
        ann.expect(&went(FIRST_ROOM, 1, "bob"));
        ann.say(FIRST_ROOM, 11, "anybody?");
        ann.expect_all(&[message(FIRST_ROOM, 5, "ann", "anybody?"), ack(FIRST_ROOM, 11, 5)]);
        bob.expect_quiet();
        for client in [&mut ann, &mut bob] {
            client.bye();
            client.expect_bye(CloseReason::PeerClosed);
        }
    }
}

#[cfg(feature = "json")]
#[test]
fn the_pages_conversation_in_json_letter_by_letter() {
    let server = Server::frames();
    let mut ann = server.speak(Spelling::Json);
    ann.send(b"{\"type\":\"hello\",\"version\":1,\"name\":\"ann\"}\r\n");
    let key = minted(1);
    ann.expect_bytes(
        format!(
            "{{\"type\":\"welcome\",\"version\":1,\"id\":\"0000000100000000\",\"key\":\"{key:016x}\",\
             \"max_message\":65536,\"max_rooms\":128,\"ping_ms\":25000,\"name\":\"ann\"}}\n"
        )
        .as_bytes(),
    );
    ann.send(b"{\"room\":\"rust\",\"type\":\"join\",\"request\":1,\"mood\":{\"of\":[\"the\",\"day\"]}}\n");
    let epoch = minted(2);
    ann.expect_bytes(
        format!(
            "{{\"type\":\"joined\",\"request\":1,\"room\":4194304,\"name\":\"rust\",\"recovered\":false,\
             \"epoch\":\"{epoch:016x}\",\"head\":0,\"oldest\":1,\"members\":1}}\n"
        )
        .as_bytes(),
    );
    ann.send(
        b"{\"type\":\"say\",\"room\":4194304,\"id\":1,\"echo\":false,\"base64\":\"aGVsbG8=\"}\n",
    );
    ann.expect_bytes(b"{\"type\":\"ack\",\"room\":4194304,\"id\":1,\"offset\":1}\n");
    ann.send(b" {\"type\":\"ping\"} \n{\"type\":\"bye\"}\n");
    ann.expect_bytes(b"{\"type\":\"pong\",\"token\":0}\n");
    ann.expect_bytes(
        b"{\"type\":\"bye\",\"code\":200,\"text\":\"the peer ended the connection\"}\n",
    );
    ann.expect_end();
}

#[test]
fn members_of_every_spelling_hear_the_same_in_the_same_order() {
    let server = Server::frames();
    let mut clients: Vec<Client> = Vec::new();
    for n in 0..4 {
        let spelling = SPELLINGS[n % SPELLINGS.len()];
        let (client, room) = server.enter(spelling, &format!("peer{n}"), "babel");
        assert_eq!(room, FIRST_ROOM);
        clients.push(client);
    }
    for client in &mut clients {
        client.until_pong();
    }
    let payloads = [&b"text"[..], b"\xf0\x9f\x98\x80", b"\x00\x01", b"\xff", b"", b"\"\\\n\t"];
    let (mut offset, mut expected) = (0, Vec::new());
    for payload in payloads {
        for (speaker, client) in clients.iter_mut().enumerate() {
            offset += 1;
            // Carried out before the next one speaks, so that the order is known.
            client.say(FIRST_ROOM, 0, payload);
            let heard = client.until_pong();
            assert!(heard.iter().all(|frame| matches!(frame, ServerFrame::Message { .. })));
            expected.push((offset, format!("peer{speaker}"), payload));
        }
    }
    // Everybody again, from the beginning: what was heard live is what is kept.
    for client in &mut clients {
        client.until_pong();
        let again = client.join("babel");
        let again = client.join_after("babel", again.after(0));
        assert!(again.recovered);
        for (offset, sender, payload) in &expected {
            client.expect(&message(FIRST_ROOM, *offset, sender, payload));
        }
        client.expect(&member_count(0, FIRST_ROOM, 4));
        client.expect_quiet();
    }
}

#[test]
fn names_are_given_refused_and_taken_over() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let limits = Limits::default();
        // No name: a guest's, and a key that comes with the number.
        let mut guest = server.speak(*spelling);
        guest.ask(&[hello("")]);
        guest.expect(&welcome(conn_id(1, 0), guest_key(1), "guest1", &limits));
        // A guest's name cannot be chosen.
        let mut second = server.speak(*spelling);
        second.ask(&[hello("GUEST1")]);
        second.expect(&welcome(conn_id(2, 1), guest_key(2), "guest2", &limits));
        let mut ann = server.speak(*spelling);
        let key = ann.hello("Ann");
        assert_eq!(key, minted(1));
        // Taken, in any case of letters, without the key or with another; and still free to try on.
        let mut other = server.speak(*spelling);
        for wrong in [hello("ann"), hello_with("ANN", 1), hello_with("Ann", key ^ 1)] {
            other.ask(&[wrong]);
            other.expect(&refused(Refusal::NameTaken, 0));
        }
        for bad in ["a b", "a,b", "a\nb", "a\u{200b}b", "\u{202e}nna", &"x".repeat(65), " "] {
            other.ask(&[hello(bad)]);
            other.expect(&refused(Refusal::BadName, 0));
        }
        other.hello("zoë");
        // Only ASCII letters are folded.
        let mut third = server.speak(*spelling);
        third.hello("ZOË");
        // The key takes the name over; the one that held it is told, and its room, too.
        let (mut witness, room) = server.enter(*spelling, "witness", "hall");
        ann.join("hall");
        witness.expect(&came(room, 2, "Ann"));
        let mut again = server.speak(*spelling);
        again.ask(&[hello_with("aNN", key), join(3, "hall")]);
        assert!(matches!(again.next(), ServerFrame::Welcome { key: same, name, .. }
            if same == key && name == "aNN"));
        assert!(matches!(again.next(), ServerFrame::Joined { request: 3, members: 2, .. }));
        witness.expect_all(&[went(room, 1, "Ann"), came(room, 2, "aNN")]);
        ann.expect_bye(CloseReason::Replaced);
        drop(ann);
        server.until_closed(CloseReason::Replaced, 1);
        // Free again once its holder is gone.
        again.bye();
        again.expect_bye(CloseReason::PeerClosed);
        witness.expect(&went(room, 1, "aNN"));
        let mut newcomer = server.speak(*spelling);
        assert_ne!(newcomer.hello("ann"), key);
        // A guest comes back as itself with its key, and takes over from itself.
        let mut returned = server.speak(*spelling);
        assert_eq!(returned.hello_with("guest1", guest_key(1)), guest_key(1));
        guest.expect_bye(CloseReason::Replaced);
    }
}

#[test]
fn fault_p14_names_that_pass_for_others_are_refused() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let mut ann = server.greet(*spelling, "ann");
        let mut request = 0;
        for bad in ["", "a b", "a,b", "\u{feff}a", "a\u{2066}", "a\u{ad}b", "a\tb", "\u{3164}"] {
            request += 1;
            ann.ask(&[join(request, bad)]);
            ann.expect(&refused(Refusal::BadRoom, request));
        }
        // Distinct where nothing is folded, the same where ASCII letters differ in case.
        let mut numbers = BTreeSet::new();
        for good in ["#rust", "#Rust", "straße", "strasse", "STRASSE", "é", "e\u{301}", "名前"]
        {
            numbers.insert(ann.join(good).room);
        }
        assert_eq!(numbers.len(), 6);
        ann.expect_quiet();
    }
}

#[test]
fn two_rooms_keep_apart_and_keep_the_order_of_what_was_done() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut ann, tea) = server.enter(*spelling, "ann", "tea");
        let coffee = ann.join("coffee").room;
        assert_eq!((tea, coffee), (room_number(1, 0), room_number(2, 1)));
        let (mut bob, _) = server.enter(*spelling, "bob", "coffee");
        ann.expect(&came(coffee, 2, "bob"));
        // One after the other, and answers in between: exactly in the order asked.
        ann.ask(&[
            say(tea, 1, "one"),
            ping(1),
            say(coffee, 2, "two"),
            say(tea, 3, "three"),
            members(4, tea),
            say(coffee, 5, "five"),
            ping(2),
        ]);
        ann.expect_all(&[
            message(tea, 1, "ann", "one"),
            ack(tea, 1, 1),
            pong(1),
            message(coffee, 1, "ann", "two"),
            ack(coffee, 2, 1),
            message(tea, 2, "ann", "three"),
            ack(tea, 3, 2),
            member_list(4, tea, &["ann"]),
            message(coffee, 2, "ann", "five"),
            ack(coffee, 5, 2),
            pong(2),
        ]);
        bob.expect_all(&[message(coffee, 1, "ann", "two"), message(coffee, 2, "ann", "five")]);
        bob.expect_quiet();
        // Not a member, or no longer, or of a number nobody ever gave.
        bob.ask(&[say(tea, 21, "x"), leave(22, tea), members(23, tea), say(0, 24, "x")]);
        bob.expect_all(&[21, 22, 23, 24].map(|request| refused(Refusal::NotMember, request)));
        ann.ask(&[leave(30, coffee), say(coffee, 31, "x"), leave(32, coffee)]);
        ann.expect(&left(30, coffee, 2));
        ann.expect_all(&[31, 32].map(|request| refused(Refusal::NotMember, request)));
        bob.expect(&went(coffee, 1, "ann"));
    }
}

#[test]
fn a_join_of_a_room_one_is_in_reads_it_again_and_nobody_else_notices() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        let (mut bob, _) = server.enter(*spelling, "bob", "tea");
        ann.expect(&came(room, 2, "bob"));
        for n in 1..=3 {
            ann.say_to_others(room, n, &n.to_string());
            ann.expect(&ack(room, n, n));
            bob.expect(&message(room, n, "ann", &n.to_string()));
        }
        let epoch = minted(2);
        // Without resume it goes on from the end.
        ann.ask(&[join(4, "TEA")]);
        ann.expect(&joined(4, room, false, epoch, 3, 1, 2, "tea"));
        // With it, everything after the offset again, one's own words included.
        let resume = Some(hobnob::id::Resume { epoch: Epoch(epoch), offset: 1 });
        ann.ask(&[ClientFrame::Join { request: 5, resume, key: None, room: "tea".into() }]);
        ann.expect_all(&[
            joined(5, room, true, epoch, 3, 1, 2, "tea"),
            message(room, 2, "ann", "2"),
            message(room, 3, "ann", "3"),
            member_count(0, room, 2),
        ]);
        // Nothing was missed: recovered, and nothing follows.
        let resume = Some(hobnob::id::Resume { epoch: Epoch(epoch), offset: 3 });
        ann.ask(&[ClientFrame::Join { request: 6, resume, key: None, room: "tea".into() }]);
        ann.expect(&joined(6, room, true, epoch, 3, 1, 2, "tea"));
        ann.expect_quiet();
        bob.expect_quiet();
    }
}

#[test]
fn the_same_id_is_said_once_also_after_coming_back_with_the_key() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut bob, room) = server.enter(*spelling, "bob", "tea");
        let mut ann = server.speak(*spelling);
        let key = ann.hello("ann");
        ann.join("tea");
        bob.expect(&came(room, 2, "ann"));
        ann.ask(&[say_to_others(room, 7, "once"), say_to_others(room, 7, "once")]);
        ann.expect_all(&[ack(room, 7, 1), ack(room, 7, 1)]);
        bob.expect(&message(room, 1, "ann", "once"));
        ann.reset();
        bob.expect(&went(room, 1, "ann"));
        let mut ann = server.speak(*spelling);
        ann.hello_with("ann", key);
        ann.join("tea");
        bob.expect(&came(room, 2, "ann"));
        ann.ask(&[say(room, 7, "once"), say_to_others(room, 8, "twice")]);
        ann.expect_all(&[ack(room, 7, 1), ack(room, 8, 2)]);
        bob.expect(&message(room, 2, "ann", "twice"));
        // Another's same id is another message; so is the same id in another room.
        bob.say(room, 7, "mine");
        bob.expect_all(&[message(room, 3, "bob", "mine"), ack(room, 7, 3)]);
        ann.expect(&message(room, 3, "bob", "mine"));
        let coffee = ann.join("coffee").room;
        ann.say_to_others(coffee, 7, "once");
        ann.expect(&ack(coffee, 7, 1));
        bob.expect_quiet();
    }
}

#[test]
fn an_id_that_was_refused_may_be_used_again() {
    for spelling in SPELLINGS {
        let limits = Limits { message: 10, ..Limits::default() };
        let server = Server::frames_with(limits);
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        ann.ask(&[say(room, 7, "eleven byte"), say(room, 7, "ten bytes!")]);
        ann.expect_all(&[
            refused(Refusal::MessageTooLong, 7),
            message(room, 1, "ann", "ten bytes!"),
            ack(room, 7, 1),
        ]);
    }
}

#[test]
fn a_forgotten_room_is_another_when_it_is_made_again() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let mut ann = server.greet(*spelling, "ann");
        let first = ann.join("tea");
        ann.leave(1, first.room);
        ann.expect(&left(1, first.room, 0));
        let second = ann.join("tea");
        assert_ne!((first.room, first.epoch), (second.room, second.epoch));
        // Something is kept of it now: it is not forgotten when the last one leaves.
        ann.ask(&[say_to_others(second.room, 1, "kept"), leave(2, second.room)]);
        ann.expect_all(&[ack(second.room, 1, 1), left(2, second.room, 1)]);
        let third = ann.join_after("tea", second.after(0));
        assert_eq!((third.epoch, third.head, third.recovered), (second.epoch, 1, true));
        ann.expect(&message(third.room, 1, "ann", "kept"));
    }
}

/// A conversation whose answers are known before it is held, because the room's number is.
fn script() -> Vec<ClientFrame<'static>> {
    vec![
        hello("ann"),
        join(1, "tea"),
        say(FIRST_ROOM, 1, "zo\u{eb} says \"hi\"\n"),
        say(FIRST_ROOM, 0, b"\xff\x00"),
        say_to_others(FIRST_ROOM, 2, ""),
        members(3, FIRST_ROOM),
        ping(u64::MAX),
        say(FIRST_ROOM + 1, 4, "nowhere"),
        leave(5, FIRST_ROOM),
        join(6, "a b"),
        bye(),
    ]
}

/// Everything that came, with the times taken out: they differ.
fn answers(client: &mut Client) -> Vec<u8> {
    let frames = client.frames_to_end();
    let timeless = frames.into_iter().map(|frame| match frame {
        ServerFrame::Message { room, offset, sender, payload, .. } => {
            ServerFrame::Message { room, offset, time: 0, sender, payload }
        }
        frame => frame,
    });
    timeless.flat_map(|frame| encode_server(client.spelling, &frame)).collect()
}

fn answers_in_pieces<'a>(
    spelling: Spelling,
    pieces: impl IntoIterator<Item = &'a [u8]>,
) -> Vec<u8> {
    let server = Server::frames();
    let mut client = server.speak(spelling);
    let mut sent = 0;
    for piece in pieces {
        // The relay must have read every piece by itself, or it would not be one.
        server.until("the piece before was read", |counts| counts.bytes_in == sent);
        client.send(piece);
        sent += piece.len() as u64;
    }
    answers(&mut client)
}

#[test]
fn one_segment_answers_the_whole_script() {
    for spelling in SPELLINGS {
        let bytes = encode_all(*spelling, &script());
        let zero = |frame| match frame {
            ServerFrame::Message { room, offset, sender, payload, .. } => {
                ServerFrame::Message { room, offset, time: 0, sender, payload }
            }
            frame => frame,
        };
        let expected: Vec<u8> = [
            welcome(conn_id(1, 0), minted(1), "ann", &Limits::default()),
            joined(1, FIRST_ROOM, false, minted(2), 0, 1, 1, "tea"),
            message(FIRST_ROOM, 1, "ann", "zo\u{eb} says \"hi\"\n"),
            ack(FIRST_ROOM, 1, 1),
            message(FIRST_ROOM, 2, "ann", b"\xff\x00"),
            ack(FIRST_ROOM, 2, 3),
            member_list(3, FIRST_ROOM, &["ann"]),
            pong(u64::MAX),
            refused(Refusal::NotMember, 4),
            left(5, FIRST_ROOM, 3),
            refused(Refusal::BadRoom, 6),
            bye_of(CloseReason::PeerClosed),
        ]
        .into_iter()
        .map(zero)
        .flat_map(|frame| encode_server(*spelling, &frame))
        .collect();
        assert_same(&expected, &answers_in_pieces(*spelling, [&bytes[..]]));
    }
}

#[test]
fn fault_p3_one_byte_at_a_time_answers_the_same() {
    for spelling in SPELLINGS {
        let bytes = encode_all(*spelling, &script());
        let whole = answers_in_pieces(*spelling, [&bytes[..]]);
        assert_same(&whole, &answers_in_pieces(*spelling, bytes.chunks(1)));
    }
}

#[test]
fn fault_p3_a_cut_at_any_byte_answers_the_same() {
    for spelling in SPELLINGS {
        let bytes = encode_all(*spelling, &script());
        let whole = answers_in_pieces(*spelling, [&bytes[..]]);
        for cut in 1..bytes.len() {
            let (before, after) = bytes.split_at(cut);
            let came = answers_in_pieces(*spelling, [before, after]);
            assert!(came == whole, "cut at byte {cut} of {}: {}", bytes.len(), show(&came));
        }
    }
}

#[test]
fn fault_s6_shutting_down_the_writing_half_is_a_goodbye() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut bob, room) = server.enter(*spelling, "bob", "tea");
        let mut ann = server.speak(*spelling);
        // All in one, and nothing read until the end.
        let frames =
            [hello("ann"), join(1, "tea"), say(room, 2, "last words"), say(room, 3, "cut off")];
        let bytes = encode_all(*spelling, &frames);
        ann.send(&bytes[..bytes.len() - 3]);
        ann.shut();
        bob.expect_all(&[
            came(room, 2, "ann"),
            message(room, 1, "ann", "last words"),
            went(room, 1, "ann"),
        ]);
        ann.next();
        ann.next();
        ann.expect_all(&[message(room, 1, "ann", "last words"), ack(room, 2, 1)]);
        ann.expect_bye(CloseReason::PeerClosed);
        server.until_closed(CloseReason::PeerClosed, 1);
        bob.expect_quiet();
    }
}

#[test]
fn fault_s6_what_came_whole_before_a_reset_is_not_half_done() {
    for spelling in SPELLINGS {
        let server = Server::frames();
        let (mut bob, room) = server.enter(*spelling, "bob", "tea");
        let mut heard = 0;
        for n in 0..20 {
            let (mut ann, _) = server.enter(*spelling, "ann", "tea");
            bob.expect(&came(room, 2, "ann"));
            ann.ask(&[say(room, 0, "maybe"), say(room, 0, "maybe")]);
            ann.reset();
            loop {
                match bob.next() {
                    ServerFrame::Message { offset, payload, .. } => {
                        heard += 1;
                        assert_eq!((offset, &*payload), (heard, &b"maybe"[..]));
                    }
                    frame => {
                        assert_eq!(frame, went(room, 1, "ann"), "in round {n}");
                        break;
                    }
                }
            }
        }
        server.until("all are gone but one", |counts| counts.connections == 1);
    }
}

#[test]
fn many_in_one_room_hear_one_order() {
    const PEERS: usize = 30;
    const EACH: usize = 20;
    let server = Server::frames();
    let mut clients: Vec<Client> = (0..PEERS)
        .map(|n| server.enter(SPELLINGS[n % SPELLINGS.len()], &format!("p{n}"), "crowd").0)
        .collect();
    for client in &mut clients {
        client.until_pong();
    }
    // All speak at once.
    for round in 0..EACH {
        for (n, client) in clients.iter_mut().enumerate() {
            client.say(FIRST_ROOM, 0, &format!("{n}:{round}"));
        }
    }
    let mut orders = BTreeSet::new();
    for client in &mut clients {
        let mut order = Vec::new();
        for offset in 1..=(PEERS * EACH) as u64 {
            match client.next() {
                ServerFrame::Message { offset: came, sender, payload, .. } => {
                    assert_eq!(came, offset);
                    order.push((sender.into_owned(), payload.into_owned()));
                }
                other => panic!("{other:?}"),
            }
        }
        client.expect_quiet();
        orders.insert(order);
    }
    assert_eq!(orders.len(), 1, "one order for all");
    let order = orders.pop_first().unwrap();
    for n in 0..PEERS {
        let own = order.iter().filter(|(sender, _)| *sender == format!("p{n}"));
        let own: Vec<_> = own.map(|(_, said)| String::from_utf8(said.clone()).unwrap()).collect();
        assert_eq!(own, (0..EACH).map(|round| format!("{n}:{round}")).collect::<Vec<_>>());
    }
}

fn offsets_of(frame: &ServerFrame<'_>) -> Vec<u64> {
    match frame {
        ServerFrame::History { messages, .. } => messages.iter().map(|past| past.offset).collect(),
        other => panic!("expected history, came: {other:?}"),
    }
}

#[test]
fn the_past_is_read_a_page_at_a_time() {
    for spelling in SPELLINGS {
        let limits = Limits { history_messages: 200, ..Limits::default() };
        let server = Server::frames_with(limits);
        let (mut ann, room) = server.enter(*spelling, "ann", "tea");
        ann.history(1, room, Side::Before(0), 10);
        let nothing = ServerFrame::History { request: 1, room, oldest: 1, messages: Vec::new() };
        ann.expect(&nothing);
        for id in 1..=250 {
            ann.say_to_others(room, id, &[b'x', id as u8, 0]);
            ann.expect(&ack(room, id, id));
        }
        // One who comes later reads back to the oldest that is kept.
        let (mut bob, room) = server.enter(*spelling, "bob", "tea");
        let (mut before, mut read) = (0, Vec::new());
        loop {
            bob.history(before, room, Side::Before(before), 30);
            let page = bob.next();
            let ServerFrame::History { request, room: of, oldest: 51, messages } = &page else {
                panic!("{page:?}");
            };
            assert_eq!((*request, *of), (before, room));
            let Some(first) = messages.first() else { break };
            before = first.offset;
            read.splice(0..0, offsets_of(&page));
        }
        assert_eq!(read, (51..=250).collect::<Vec<_>>());
        // Or on from a place; and exactly what was said.
        bob.ask(&[history(7, room, Side::After(248), 1), history(8, room, Side::After(250), 9)]);
        let page = bob.next();
        let ServerFrame::History { messages, .. } = &page else { panic!("{page:?}") };
        let [Past { offset: 249, sender, payload, .. }] = &messages[..] else { panic!("{page:?}") };
        assert_eq!((&**sender, &**payload), ("ann", &[b'x', 249, 0][..]));
        assert_eq!(offsets_of(&bob.next()), [0; 0]);
        bob.history(9, room + 1, Side::Before(0), 1);
        bob.expect(&refused(Refusal::NotMember, 9));
    }
}

/// Fault S3: an answer is large and its question small. Whoever does not read the one is not asked
/// for the next, and is not ended for the size of a message that somebody else said.
#[test]
fn fault_s3_pages_are_asked_for_faster_than_they_are_read() {
    let message_max = 1 << 20;
    let backlog = 4 * message_max;
    let (history_bytes, history_total) = (8 * message_max, 32 * message_max);
    let limits =
        Limits { message: message_max, backlog, history_bytes, history_total, ..Limits::default() };
    for spelling in SPELLINGS {
        let server = Server::frames_with(limits.clone());
        let (mut ann, room) = server.enter(Spelling::Binary, "ann", "tea");
        let large = vec![0xff; message_max - 200];
        for id in 1..=4 {
            ann.say_to_others(room, id, &large);
            ann.expect(&ack(room, id, id));
        }
        let (mut bob, room) = server.enter(*spelling, "bob", "tea");
        let asked: Vec<_> = (1..=40).map(|n| history(n, room, Side::Before(0), 0)).collect();
        let before = server.counts().bytes_out;
        bob.ask(&asked);
        for request in 1..=40 {
            let page = bob.next();
            assert!(matches!(page, ServerFrame::History { request: n, .. } if n == request));
            assert_eq!(offsets_of(&page), [4]);
        }
        assert!(server.counts().bytes_out - before >= 40 * large.len() as u64);
        bob.expect_quiet();
        assert_eq!(server.closed(CloseReason::OutboxFull), 0);
    }
}
