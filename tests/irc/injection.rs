//! Fault P10: whatever anybody puts into any text of any protocol, IRC clients read whole lines of the
//! relay's own making.

use crate::common::{SPELLINGS, Server, Spelling, hello_private, passed, tell};
use crate::talk::{Talk, frame_says};

/// What would end a line, or begin another.
const BYTES: &[u8] = b"\r\n\0\x01\x02\x07\x08\x1b\x7f :@!,";

#[test]
fn fault_p10_no_text_of_any_protocol_makes_a_line() {
    let server = Server::start(&[
        "irc://127.0.0.1:0",
        "frame://127.0.0.1:0",
        "raw://127.0.0.1:0?room=x&framing=line",
    ]);
    let caps = "message-tags server-time away-notify setname extended-join invite-notify";
    let mut ann = Talk::enter_with(&server, "ann", caps);
    let mut bob = Talk::enter_with(&server, "bob", "message-tags");
    ann.join("#x");
    bob.join("#x");
    let mut plain = server.connect_to(2);
    let known = [
        "PRIVMSG", "NOTICE", "TAGMSG", "JOIN", "PART", "NICK", "QUIT", "AWAY", "SETNAME", "TOPIC",
        "MODE", "KICK", "INVITE", "PONG",
    ];
    let check = |lines: Vec<String>| {
        for line in lines {
            // `line()` has seen to CR, LF and NUL; nobody else's words stand where the relay's do.
            let rest = line.strip_prefix('@').map_or(&*line, |t| t.split_once(' ').unwrap().1);
            let mut words = rest.split(' ');
            let source = words.next().unwrap();
            assert!(source.starts_with(':') && source.len() > 1, "{line}");
            let command = words.next().unwrap();
            assert!(known.contains(&command) || command.len() == 3, "{line}");
        }
    };
    for byte in BYTES {
        let byte = *byte as char;
        let evil = format!("a{byte}EVIL");
        for line in [
            format!("PRIVMSG #x :{evil}"),
            format!("NOTICE ann :{evil}"),
            format!("PRIVMSG ann,ann{byte}b :{evil}"),
            format!("@+x={evil};+a{byte}b=1 TAGMSG #x"),
            format!("@+x={evil} PRIVMSG #x :hi"),
            format!("TOPIC #x :{evil}"),
            format!("AWAY :{evil}"),
            format!("SETNAME :{evil}"),
            format!("NICK {evil}"),
            format!("JOIN #{evil}"),
            format!("PART #{evil} :{evil}"),
            format!("KICK #x bob :{evil}"),
            format!("MODE #x +b {evil}"),
            format!("MODE #x +k {evil}"),
            format!("INVITE {evil} #x"),
            format!("MONITOR + {evil}"),
            format!("WHO {evil}"),
            format!("WHOIS {evil}"),
            format!("CAP REQ :{evil}"),
            format!("PING :{evil}"),
            format!("HELP {evil}"),
            format!("STATS {evil}"),
            "NICK bob".to_owned(),
        ] {
            bob.say(&line);
        }
        let own = bob.sync();
        check(own.into_iter().filter(|line| !line.contains(" CAP ")).collect());
        bob.say("MODE #x -k *");
        bob.join("#x");
        // Names, rooms and payloads of frames; and a line of a plain socket.
        let mut fred = server.connect_to(1);
        fred.spelling = Spelling::Binary;
        let frames = |name: &str, room: &str| {
            use hobnob::wire::frame::{ClientFrame, VERSION};
            vec![
                ClientFrame::Hello {
                    version: VERSION,
                    private: false,
                    key: 0,
                    name: name.to_owned().into(),
                },
                ClientFrame::Join {
                    request: 1,
                    resume: None,
                    key: None,
                    room: room.to_owned().into(),
                },
            ]
        };
        for frame in frames(&format!("f{byte}:EVIL"), "x") {
            fred.ask(&[frame]);
            if !fred.try_send(b"") {
                break;
            }
        }
        drop(fred);
        let mut gina = server.connect_to(1);
        gina.hello(&format!("gina{}", u32::from(byte)));
        let room = gina.join("x").room;
        frame_says(&mut gina, room, 0, format!("a{byte}:EVIL EVIL {byte}").as_bytes());
        gina.ask(&[tell(1, "ann", &format!("a{byte}:EVIL EVIL {byte}")), tell(2, &evil, "EVIL")]);
        gina.until_pong();
        plain.send(format!("a{byte}:EVIL EVIL\n").as_bytes());
        server.handle.say("x", "host", format!("b{byte}EVIL").as_bytes()).unwrap();
        check(ann.sync());
    }
}

/// The other way: whatever a line of IRC brings to one person alone comes as one frame.
#[test]
fn fault_p10_no_line_makes_more_than_the_frame_it_is() {
    use hobnob::wire::frame::ServerFrame;
    let server = Server::start(&["irc://127.0.0.1:0", "frame://127.0.0.1:0"]);
    let mut bob = Talk::enter_with(&server, "bob", "message-tags");
    for (n, spelling) in SPELLINGS.iter().enumerate() {
        let name = format!("fred{n}");
        let mut fred = server.connect_to(1);
        fred.spelling = *spelling;
        fred.ask(&[hello_private(&name)]);
        fred.next();
        for byte in BYTES {
            let evil = format!("a{}\",\"type\":\"bye\",EVIL", *byte as char);
            bob.say(&format!("PRIVMSG {name} :{evil}"));
            bob.say(&format!("@+x={evil} NOTICE {name} :{evil}"));
            bob.sync();
            // What ended the line, or was no line at all, ended it for IRC; the rest is what was said.
            for frame in fred.until_pong() {
                let ServerFrame::Told { sender, payload, .. } = &frame else { panic!("{frame:?}") };
                assert_eq!(&**sender, "bob");
                assert!(evil.as_bytes().starts_with(payload), "{frame:?}");
            }
            // And a person is found by no more than their name.
            fred.ask(&[tell(1, &format!("bob{}", *byte as char), "EVIL"), tell(2, "bob", "hi")]);
            assert!(matches!(fred.next(), ServerFrame::Error { code: 116, .. }));
            fred.expect(&passed(2));
            assert_eq!(bob.sync(), [format!("@msgid=ID :{name}!hobnob@HOST PRIVMSG bob :hi")]);
        }
    }
}
