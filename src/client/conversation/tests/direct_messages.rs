//! Tests of direct messages and of rooms with a key.

use super::*;

fn tell(id: u64, name: &str, text: &str) -> Heard {
    Heard::DirectMessage { request: id, name: name.to_owned(), text: text.to_owned() }
}

fn refused(id: u64, refusal: Option<Refusal>, text: &str) -> Event {
    let request = Request::DirectMessage { name: "bob".to_owned(), id };
    Event::Refused { request, refusal, text: text.to_owned() }
}

#[test]
fn one_after_the_other_and_each_is_answered() {
    let mut play = Play::new();
    let ids: Vec<u64> = ["one", "two"]
        .map(|text| play.client.send_direct("bob", text.as_bytes()).unwrap())
        .to_vec();
    assert_eq!(play.client.unacknowledged(), 2);
    play.welcome();
    assert_eq!(play.heard(), [tell(ids[0], "bob", "one")]);
    let passed = |request| ServerFrame::Passed { request, time: 7, away: "tea".into() };
    play.serve(&passed(ids[1]));
    assert_eq!(play.heard(), [], "it was not told yet");
    play.serve(&passed(ids[0]));
    assert_eq!(play.heard(), [tell(ids[1], "bob", "two")]);
    play.serve(&error(Refusal::NoSuchPerson.code(), ids[1]));
    let (name, away) = ("bob".to_owned(), "tea".to_owned());
    assert_eq!(
        play.events()[1..],
        [
            Event::DirectMessagePassed { id: ids[0], name, time: 7, away },
            refused(ids[1], Some(Refusal::NoSuchPerson), "no"),
        ]
    );
    assert_eq!(play.client.unacknowledged(), 0);
}

#[test]
fn what_a_lost_connection_leaves_unclear_is_said_to_be() {
    let mut play = Play::new();
    play.welcome();
    let first = play.client.send_direct("bob", b"one").unwrap();
    let second = play.client.send_direct("bob", b"two").unwrap();
    assert_eq!(play.heard(), [tell(first, "bob", "one")]);
    play.events();
    play.break_off();
    let events = play.events();
    assert!(events.contains(&refused(first, None, UNKNOWN_OUTCOME)), "{events:?}");
    play.welcome();
    assert_eq!(play.heard(), [tell(second, "bob", "two")], "never sent, so sent now");
}

#[test]
fn too_fast_is_told_again_later() {
    let mut play = Play::new();
    play.welcome();
    let id = play.client.send_direct("bob", b"one").unwrap();
    play.heard();
    play.serve(&error(Refusal::RateLimited.code(), id));
    assert_eq!(play.heard(), []);
    play.later(RATE_PAUSE);
    assert_eq!(play.heard(), [tell(id, "bob", "one")]);
}

#[test]
fn what_others_tell_is_told() {
    let mut play = Play::new();
    play.client.accepts_direct = true;
    play.connect();
    let bytes = play.client.outgoing().to_vec();
    let Ok(Parsed::Complete(ClientFrame::Hello { private, .. }, _)) =
        binary::parse_client(&bytes, MESSAGE_MAX)
    else {
        panic!("{bytes:?}")
    };
    assert!(private);
    let (sender, payload) = ("bob".into(), b"psst"[..].into());
    play.serve(&ServerFrame::Told { time: 7, notice: true, sender, payload });
    let (sender, payload) = ("bob".to_owned(), b"psst".to_vec());
    assert_eq!(play.events(), [Event::DirectMessage { time: 7, sender, notice: true, payload }]);
}

#[test]
fn a_key_is_shown_at_every_join() {
    let mut play = Play::new();
    play.client.join("lobby", 0, Some("sesame"));
    for _ in 0..2 {
        play.welcome();
        let bytes = play.client.outgoing().to_vec();
        let Ok(Parsed::Complete(ClientFrame::Join { key, .. }, _)) =
            binary::parse_client(&bytes, MESSAGE_MAX)
        else {
            panic!("{bytes:?}")
        };
        assert_eq!(key.as_deref(), Some("sesame"));
        play.heard();
        play.break_off();
    }
    play.client.join("attic", 0, Some(&"x".repeat(256)));
    play.welcome();
    let joins = play.heard();
    assert!(matches!(joins[..], [Heard::Join { .. }, Heard::Join { .. }]), "{joins:?}");
}
