//! Tests of lost connections.

use super::*;

/// A lobby whose messages up to 12 were delivered, after a reconnect. Returns the request number of
/// the new join.
fn found_again() -> (Play, u64) {
    let mut play = Play::in_lobby();
    play.serve(&message(11));
    play.serve(&message(12));
    play.break_off();
    play.events();
    play.welcome();
    play.events();
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: EPOCH, offset: 12 }));
    (play, request)
}

#[test]
fn the_way_back_has_the_key_the_name_and_the_place() {
    let mut play = Play::in_lobby();
    play.serve(&message(11));
    play.break_off();
    let [_, Event::Disconnected { cause: DisconnectCause::Closed, retry_in: Some(wait) }] =
        play.events()[..]
    else {
        panic!()
    };
    assert!(wait <= Duration::from_millis(200));
    assert_eq!(play.client.wanted_socket(), WantedSocket::None);
    play.connect();
    assert_eq!(play.heard(), [Heard::Hello { key: 99, name: "ann".to_owned() }]);
    play.serve(&welcome("ann"));
    assert_eq!(play.heard_join().1, Some(Resume { epoch: EPOCH, offset: 11 }));
}

#[test]
fn what_was_missed_comes_once() {
    let (mut play, request) = found_again();
    play.serve(&joined(request, true, 14, 1));
    (12..=15).for_each(|offset| play.serve(&message(offset)));
    let complete = came_in(Recovered::Complete { missed: 2 });
    assert_eq!(play.events(), [complete, told(13), told(14), told(15)]);
}

#[test]
fn nothing_missed_is_said_so() {
    let (mut play, request) = found_again();
    play.serve(&joined(request, true, 12, 1));
    assert_eq!(play.events(), [came_in(Recovered::NothingMissed)]);
}

#[test]
fn what_is_gone_is_counted_and_what_is_kept_is_read() {
    let (mut play, request) = found_again();
    play.serve(&joined(request, false, 30, 21));
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: EPOCH, offset: 20 }));
    // Two more are lost meanwhile.
    play.serve(&joined(request, false, 31, 23));
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: EPOCH, offset: 22 }));
    play.serve(&joined(request, true, 31, 23));
    play.serve(&message(23));
    let lost = Recovered::Lost { lost: Some(10), following: 9 };
    assert_eq!(play.events(), [came_in(lost), told(23)]);
}

#[test]
fn a_room_that_outruns_every_answer_is_taken_from_its_end() {
    let (mut play, mut request) = found_again();
    for step in 1..=3 {
        play.serve(&joined(request, false, 100 * step, 100 * step - 10));
        request = play.heard_join().0;
    }
    play.serve(&joined(request, false, 400, 390));
    assert_eq!(play.heard(), []);
    let lost = Recovered::Lost { lost: Some(388), following: 0 };
    assert_eq!(play.events(), [came_in(lost)]);
}

#[test]
fn a_new_numbering_loses_an_unknown_number() {
    let (mut play, request) = found_again();
    let anew = |request, recovered| match joined(request, recovered, 3, 1) {
        ServerFrame::Joined { request, room, head, oldest, members, name, .. } => {
            let epoch = Epoch(8);
            ServerFrame::Joined { request, room, recovered, epoch, head, oldest, members, name }
        }
        _ => unreachable!(),
    };
    play.serve(&anew(request, false));
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: Epoch(8), offset: 0 }));
    play.serve(&anew(request, true));
    (1..=3).for_each(|offset| play.serve(&message(offset)));
    let lost = came_in(Recovered::Lost { lost: None, following: 3 });
    assert_eq!(play.events(), [lost, told(1), told(2), told(3)]);
}

#[test]
fn a_relay_that_recovers_nothing_repeats_nothing() {
    let (mut play, request) = found_again();
    play.serve(&joined(request, false, 14, 1));
    assert_eq!(play.heard_join().1, Some(Resume { epoch: EPOCH, offset: 12 }));
}

#[test]
fn history_survives_a_loss_in_the_middle() {
    let mut play = Play::new();
    play.client.join("lobby", 5, None);
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, false, 10, 1));
    play.break_off();
    play.events();
    play.welcome();
    let (request, resume) = play.heard_join();
    assert_eq!(resume, Some(Resume { epoch: EPOCH, offset: 5 }));
    play.serve(&joined(request, true, 10, 1));
    assert_eq!(play.events()[1], came_in(Recovered::Fresh { history: 5 }));
}

#[test]
fn what_was_not_acknowledged_is_said_again_under_its_id() {
    let mut play = Play::in_lobby();
    let ids: Vec<u64> = ["one", "two", "three"]
        .map(|text| play.client.publish("lobby", text.as_bytes()).unwrap())
        .to_vec();
    play.serve(&ServerFrame::Ack { room: ROOM, id: ids[1], offset: 12 });
    assert_eq!(play.heard().len(), 3);
    play.break_off();
    let late = play.client.publish("lobby", b"late").unwrap();
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, true, 13, 1));
    let again = [say(ids[0], "one"), say(ids[2], "three"), say(late, "late")];
    assert_eq!(play.heard(), again);
}

#[test]
fn half_a_frame_does_not_spoil_the_next_connection() {
    let mut play = Play::in_lobby();
    play.client.received(&[0, 0, 0, 9, 0x86], play.now);
    play.break_off();
    play.events();
    play.welcome();
    assert_eq!(play.events(), [Event::Welcomed { name: "ann".to_owned() }]);
}

#[test]
fn some_ends_are_final() {
    let end = |reason: CloseReason| {
        let mut play = Play::in_lobby();
        play.serve(&ServerFrame::Bye { code: reason.code(), text: "why".into() });
        let events = play.events();
        let [Event::Disconnected { cause: DisconnectCause::Bye { .. }, retry_in }] = events[..]
        else {
            panic!("{events:?}")
        };
        assert_eq!(retry_in.is_none(), play.client.next_deadline().is_none());
        retry_in.is_none()
    };
    assert!(end(CloseReason::Replaced) && end(CloseReason::BadVersion));
    assert!(!end(CloseReason::Shutdown) && !end(CloseReason::SlowConsumer));
}

#[test]
fn waits_grow_until_a_connection_holds() {
    let mut play = Play::in_lobby();
    let mut waits = Vec::new();
    for _ in 0..40 {
        play.break_off();
        waits.extend(play.events().iter().find_map(|event| match event {
            Event::Disconnected { retry_in, .. } => *retry_in,
            _ => None,
        }));
        play.welcome();
    }
    assert!(waits.iter().max() > Some(&Duration::from_secs(5)), "{waits:?}");
    play.now += STABLE_AGE;
    play.break_off();
    let held = play.events().pop();
    assert!(
        matches!(held, Some(Event::Disconnected { retry_in: Some(wait), .. }) if wait <= Duration::from_millis(200))
    );
}

#[test]
fn a_relay_that_does_not_answer_is_given_up() {
    let mut play = Play::new();
    play.later(Duration::ZERO);
    assert_eq!(play.client.wanted_socket(), WantedSocket::Connecting);
    play.later(CONNECT_TIMEOUT);
    let events = play.events();
    assert!(matches!(
        events[..],
        [Event::Disconnected { cause: DisconnectCause::Unreachable { .. }, .. }]
    ));
    play.connect();
    play.later(REPLY_TIMEOUT);
    let events = play.events();
    assert!(matches!(events[..], [Event::Disconnected { cause: DisconnectCause::TimedOut, .. }]));
}
