//! Tests of refusals.

use super::*;
use crate::client::unacked::MESSAGES_MAX;

#[test]
fn a_taken_name_is_lengthened() {
    let mut play = Play::new();
    play.connect();
    play.heard();
    let taken = Refusal::NameTaken.code();
    for name in ["ann_", "ann__"] {
        play.serve(&error(taken, 0));
        assert_eq!(play.heard(), [Heard::Hello { key: 0, name: name.to_owned() }]);
    }
    play.serve(&welcome("ann__"));
    play.break_off();
    let taken = |name: &str, trying: &str| Event::NameTaken {
        name: name.to_owned(),
        trying: trying.to_owned(),
    };
    let events = play.events();
    assert_eq!(events[..2], [taken("ann", "ann_"), taken("ann_", "ann__")]);
    play.connect();
    assert_eq!(play.heard(), [Heard::Hello { key: 99, name: "ann__".to_owned() }]);
}

#[test]
fn a_name_that_is_none_ends_it() {
    let mut play = Play::new();
    play.connect();
    play.serve(&error(Refusal::BadName.code(), 0));
    let cause = DisconnectCause::NameRefused("no".to_owned());
    assert_eq!(play.events(), [Event::Disconnected { cause, retry_in: None }]);
}

#[test]
fn a_refused_room_takes_its_messages_along() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    let id = play.client.publish("lobby", b"x").unwrap();
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&error(Refusal::TooManyRooms.code(), request));
    let room: RoomName = "lobby".into();
    let events = [
        Event::Welcomed { name: "ann".to_owned() },
        Event::Refused {
            request: Request::Publish { room: room.clone(), id },
            refusal: Some(Refusal::NotMember),
            text: Refusal::NotMember.text().to_owned(),
        },
        Event::Refused {
            request: Request::Join(room),
            refusal: Some(Refusal::TooManyRooms),
            text: "no".to_owned(),
        },
    ];
    assert_eq!(play.events(), events);
    assert_eq!(play.client.publish("lobby", b""), Err(PublishError::NotJoined));
}

#[test]
fn too_fast_is_tried_again_later_and_in_order() {
    let mut play = Play::in_lobby();
    let ids: Vec<u64> =
        ["one", "two"].map(|text| play.client.publish("lobby", text.as_bytes()).unwrap()).to_vec();
    play.heard();
    let limited = Refusal::RateLimited.code();
    ids.iter().for_each(|id| play.serve(&error(limited, *id)));
    play.client.join("attic", 0, None);
    assert_eq!(play.heard(), []);
    assert_eq!(play.client.next_deadline(), Some(play.now + RATE_PAUSE));
    play.later(RATE_PAUSE);
    let heard = play.heard();
    assert!(matches!(heard[0], Heard::Join { .. }));
    assert_eq!(heard[1..], [say(ids[0], "one")]);
    play.serve(&ServerFrame::Ack { room: ROOM, id: ids[0], offset: 11 });
    assert_eq!(play.heard(), [say(ids[1], "two")]);
}

#[test]
fn a_join_that_was_too_fast_is_tried_again() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&error(Refusal::RateLimited.code(), request));
    play.later(RATE_PAUSE);
    let (request, _) = play.heard_join();
    play.serve(&joined(request, false, 0, 1));
    assert!(matches!(play.events()[..], [.., Event::Joined { .. }]));
}

#[test]
fn a_draining_relay_is_told_of_and_outwaited() {
    let mut play = Play::in_lobby();
    let draining = Refusal::Draining.code();
    play.serve(&error(draining, 0));
    let id = play.client.publish("lobby", b"x").unwrap();
    play.heard();
    play.serve(&error(draining, id));
    assert_eq!(play.events(), [Event::Draining]);
    play.break_off();
    play.welcome();
    let (request, _) = play.heard_join();
    play.serve(&joined(request, true, 10, 1));
    assert_eq!(play.heard(), [say(id, "x")]);
}

#[test]
fn too_long_is_refused_here_as_soon_as_the_limit_is_known() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    let id = play.client.publish("lobby", &[b'x'; 1_001]).unwrap();
    play.welcome();
    let events = play.events();
    let Event::Refused { request: Request::Publish { id: refused, .. }, refusal, .. } = &events[1]
    else {
        panic!("{events:?}")
    };
    assert_eq!((*refused, *refusal), (id, Some(Refusal::MessageTooLong)));
    let too_long = play.client.publish("lobby", &[b'x'; 1_001]);
    assert_eq!(too_long, Err(PublishError::TooLong { max: 1_000 }));
    assert!(play.client.publish("lobby", &[b'x'; 1_000]).is_ok());
}

#[test]
fn more_than_may_wait_is_busy() {
    let mut play = Play::new();
    play.client.join("lobby", 0, None);
    let mut taken = 0;
    while play.client.publish("lobby", b"").is_ok() {
        taken += 1;
    }
    assert_eq!(taken, MESSAGES_MAX);
    assert_eq!(play.client.publish("lobby", b""), Err(PublishError::Busy));
}

#[test]
fn a_relay_that_does_not_read_is_not_written_to_for_ever() {
    let mut play = Play::in_lobby();
    let mut pings = Vec::new();
    (0..50_000).for_each(|token| binary::write_server(&ServerFrame::Ping { token }, &mut pings));
    for _ in 0..100 {
        play.client.received(&pings, play.now);
    }
    assert!(play.client.outgoing().len() <= REPLIES_MAX + MESSAGE_MAX);
    let events = play.events();
    assert!(matches!(events[..], [Event::Disconnected { cause: DisconnectCause::Broken(_), .. }]));
}
