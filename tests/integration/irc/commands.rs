//! Each command, and each numeric that it may be answered with.

use crate::common::Server;
use crate::irc::talk::{Talk, relay, relay_with};
use hobnob::Limits;

/// Registered clients of these nicks.
fn people<const N: usize>(server: &Server, nicks: [&str; N]) -> [Talk; N] {
    nicks.map(|nick| Talk::enter(server, nick))
}

#[test]
pub fn registration() {
    let server = relay();
    let mut ann = Talk::connect(&server, 0);
    for (line, answer) in [
        ("JOIN #x", ":hobnob.local 451 * :You have not registered"),
        ("NONSENSE", ":hobnob.local 451 * :You have not registered"),
        ("NICK", ":hobnob.local 431 * :No nickname given"),
        ("NICK a!b", ":hobnob.local 432 * a!b :Erroneous nickname"),
        ("NICK #ann", ":hobnob.local 432 * #ann :Erroneous nickname"),
        ("NICK ＃ann", ":hobnob.local 432 * ＃ann :Erroneous nickname"),
        ("NICK guest1", ":hobnob.local 432 * guest1 :Erroneous nickname"),
        ("USER", ":hobnob.local 461 * USER :Not enough parameters"),
        ("USER a 0 *", ":hobnob.local 461 * USER :Not enough parameters"),
        ("USER a 0 * :", ":hobnob.local 461 * USER :Not enough parameters"),
        ("USER : 0 * :a", ":hobnob.local 461 * USER :Not enough parameters"),
        ("PASS", ":hobnob.local 461 * PASS :Not enough parameters"),
        ("PING", ":hobnob.local 461 * PING :Not enough parameters"),
        ("PING :", ":hobnob.local 409 * :No origin specified"),
        ("PING x", ":hobnob.local PONG hobnob.local :x"),
    ] {
        ann.say(line);
        ann.hear(&[answer]);
    }
    for quiet in ["PONG x", "ERROR :x", "", " ", ":source", "@tag"] {
        ann.ask(quiet, &[]);
    }
    ann.say("NICK ann");
    ann.say("USER an@n 0 * :Ann of IRC");
    ann.hear(&[
        ":hobnob.local 001 ann :Welcome to the hobnob network, ann!~ann@HOST",
        concat!(":hobnob.local 002 ann :Your host is hobnob.local, running version hobnob-", env!("CARGO_PKG_VERSION")),
        ":hobnob.local 003 ann :This relay was created for everybody",
        concat!(":hobnob.local 004 ann hobnob.local hobnob-", env!("CARGO_PKG_VERSION"), " Biow Ibeiklmnostv Ibeklov"),
        ":hobnob.local 005 ann AWAYLEN=300 BOT=B CASEMAPPING=ascii CHANLIMIT=#:128 CHANMODES=Ibe,k,l,imnst CHANNELLEN=129 CHANTYPES=# CHATHISTORY=100 ELIST=CMNTU EXCEPTS=e HOSTLEN=64 INVEX=I :are supported by this server",
        ":hobnob.local 005 ann KEYLEN=23 KICKLEN=300 MAXLIST=I:100,b:100,e:100 MAXTARGETS=4 MODES=20 MONITOR=100 MSGREFTYPES=msgid,timestamp NAMELEN=150 NETWORK=hobnob NICKLEN=64 PREFIX=(ov)@+ TARGMAX=JOIN:,KICK:4,LIST:10,NAMES:1,NOTICE:4,PART:,PRIVMSG:4,TAGMSG:4,WHOIS:1,WHOWAS:1 :are supported by this server",
        ":hobnob.local 005 ann TOPICLEN=390 USERLEN=18 UTF8ONLY WHOX :are supported by this server",
        ":hobnob.local 251 ann :There are 1 users and 0 invisible on 1 servers",
        ":hobnob.local 255 ann :I have 1 clients and 0 servers",
        ":hobnob.local 265 ann 1 1 :Current local users 1, max 1",
        ":hobnob.local 266 ann 1 1 :Current global users 1, max 1",
        ":hobnob.local 422 ann :MOTD File is missing",
    ]);
    for (line, answer) in [
        ("USER a 0 * :a", ":hobnob.local 462 ann :You may not reregister"),
        ("PASS a", ":hobnob.local 462 ann :You may not reregister"),
        ("NONSENSE 1 2", ":hobnob.local 421 ann NONSENSE :Unknown command"),
        ("TAGMSG #x", ":hobnob.local 421 ann TAGMSG :Unknown command"),
        ("CHATHISTORY LATEST #x * 1", ":hobnob.local 421 ann CHATHISTORY :Unknown command"),
    ] {
        ann.ask(line, &[answer]);
    }
    let mut other = Talk::connect(&server, 0);
    other.say("NICK ANN");
    other.hear(&[":hobnob.local 433 * ANN :Nickname is already in use"]);
    other.say("QUIT");
    other.hear_end(&["ERROR :Closing link: Quit"]);
}

#[test]
pub fn a_connection_password() {
    let server = Server::start(&[
        "irc://127.0.0.1:0?password=sesame&motd=One%0ATwo&name=irc.example&network=Ex",
    ]);
    for password in ["", "PASS sesam", "PASS sesame2"] {
        let mut client = Talk::connect(&server, 0);
        client.say(&format!("{password}\r\nNICK ann\r\nUSER a 0 * :a"));
        client.hear_end(&[
            ":irc.example 464 ann :Password incorrect",
            "ERROR :Closing link: the password is missing or wrong",
        ]);
    }
    let mut client = Talk::connect(&server, 0);
    client.say("PASS sesame\r\nNICK ann\r\nUSER a 0 * :a");
    client.hear(&[":irc.example 001 ann :Welcome to the Ex network, ann!~a@HOST"]);
    for _ in 0..10 {
        client.line();
    }
    client.hear(&[
        ":irc.example 375 ann :- irc.example Message of the day - ",
        ":irc.example 372 ann :- One",
        ":irc.example 372 ann :- Two",
        ":irc.example 376 ann :End of /MOTD command.",
    ]);
}

#[test]
pub fn nick() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.join("#x,#y");
    bob.join("#x,#y");
    ann.sync();
    ann.ask("NICK bob", &[":hobnob.local 433 ann bob :Nickname is already in use"]);
    ann.ask("NICK :", &[":hobnob.local 431 ann :No nickname given"]);
    ann.ask("NICK a*b", &[":hobnob.local 432 ann a*b :Erroneous nickname"]);
    ann.ask("NICK anna", &[":ann!~ann@HOST NICK :anna"]);
    // Once, though they share two rooms.
    assert_eq!(bob.sync(), [":ann!~ann@HOST NICK :anna"]);
    ann.ask("NICK ANNA", &[":anna!~ann@HOST NICK :ANNA"]);
    bob.hear(&[":anna!~ann@HOST NICK :ANNA"]);
    ann.ask("NICK ANNA", &[]);
    ann.ask("MODE anna", &[":hobnob.local 221 ANNA +"]);
}

#[test]
pub fn joining_talking_and_leaving() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.ask(
        "JOIN #Rust",
        &[
            ":ann!~ann@HOST JOIN #Rust",
            ":hobnob.local 353 ann = #Rust :@ann",
            ":hobnob.local 366 ann #Rust :End of /NAMES list",
        ],
    );
    ann.ask("JOIN #rust", &[]);
    bob.ask(
        "JOIN #rust",
        &[
            ":bob!~bob@HOST JOIN #Rust",
            ":hobnob.local 353 bob = #Rust :@ann bob",
            ":hobnob.local 366 bob #Rust :End of /NAMES list",
        ],
    );
    ann.hear(&[":bob!~bob@HOST JOIN #Rust"]);
    ann.ask("PRIVMSG #rust :hello there", &[]);
    bob.hear(&[":ann!~ann@HOST PRIVMSG #Rust :hello there"]);
    bob.ask("NOTICE #RUST :hm", &[]);
    ann.hear(&[":bob!~bob@HOST NOTICE #Rust :hm"]);
    bob.ask("PRIVMSG ann,#rust :both", &[]);
    ann.hear(&[":bob!~bob@HOST PRIVMSG ann :both", ":bob!~bob@HOST PRIVMSG #Rust :both"]);
    bob.ask(
        "PART #rust :see you",
        &[":bob!~bob@HOST PART #Rust :see you".replace("#Rust", "#rust").as_str()],
    );
    ann.hear(&[":bob!~bob@HOST PART #Rust :see you"]);
    bob.ask(
        "PRIVMSG #rust :from outside",
        &[":hobnob.local 404 bob #rust :Cannot send to channel"],
    );
    bob.ask("NOTICE #rust :from outside", &[]);
    bob.ask("PART #rust", &[":hobnob.local 442 bob #rust :You're not on that channel"]);
    bob.ask("PART #none", &[":hobnob.local 403 bob #none :No such channel"]);
    bob.ask("JOIN rust", &[":hobnob.local 403 bob rust :No such channel"]);
    bob.ask("JOIN #", &[":hobnob.local 403 bob # :No such channel"]);
    bob.join("#a,#b");
    bob.ask("JOIN 0", &[":bob!~bob@HOST PART #a", ":bob!~bob@HOST PART #b"]);
    bob.join("#rust");
    ann.hear(&[":bob!~bob@HOST JOIN #Rust"]);
    bob.say("QUIT :good night");
    bob.hear_end(&["ERROR :Closing link: Quit: good night"]);
    ann.hear(&[":bob!~bob@HOST QUIT :Quit: good night"]);
    let mut carl = Talk::enter(&server, "carl");
    carl.join("#rust");
    carl.say("QUIT");
    ann.hear(&[":carl!~carl@HOST JOIN #Rust", ":carl!~carl@HOST QUIT :Quit: "]);
}

#[test]
pub fn who_cannot_be_spoken_to() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    for (line, answers) in [
        ("PRIVMSG", &[":hobnob.local 411 ann :No recipient given (PRIVMSG)"][..]),
        ("PRIVMSG bob", &[":hobnob.local 412 ann :No text to send"]),
        ("PRIVMSG bob :", &[":hobnob.local 412 ann :No text to send"]),
        ("PRIVMSG bob :x", &[":hobnob.local 401 ann bob :No such nick"]),
        ("PRIVMSG #none :x", &[":hobnob.local 403 ann #none :No such channel"]),
        ("NOTICE", &[]),
        ("NOTICE bob", &[]),
        ("NOTICE bob :x", &[]),
        (
            "PRIVMSG a,b,c,d,e :x",
            &[
                ":hobnob.local 407 ann e :Too many targets: the rest was not told",
                ":hobnob.local 401 ann a :No such nick",
                ":hobnob.local 401 ann b :No such nick",
                ":hobnob.local 401 ann c :No such nick",
                ":hobnob.local 401 ann d :No such nick",
            ],
        ),
    ] {
        ann.ask(line, answers);
    }
}

#[test]
pub fn topics() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.join("#x");
    ann.ask("TOPIC #x", &[":hobnob.local 331 ann #x :No topic is set"]);
    ann.ask("TOPIC #x :all about x", &[":ann!~ann@HOST TOPIC #x :all about x"]);
    bob.ask("TOPIC #x :no", &[":hobnob.local 442 bob #x :You're not on that channel"]);
    bob.ask("TOPIC #none", &[":hobnob.local 403 bob #none :No such channel"]);
    bob.ask("TOPIC", &[":hobnob.local 461 bob TOPIC :Not enough parameters"]);
    bob.say("JOIN #x");
    bob.hear(&[
        ":bob!~bob@HOST JOIN #x",
        ":hobnob.local 332 bob #x :all about x",
        ":hobnob.local 333 bob #x ann!~ann@HOST <n>",
    ]);
    bob.sync();
    bob.ask("TOPIC #x :no", &[":hobnob.local 482 bob #x :You're not channel operator"]);
    ann.sync();
    ann.ask("MODE #x -t", &[":ann!~ann@HOST MODE #x -t"]);
    bob.sync();
    bob.ask("TOPIC #x :", &[":bob!~bob@HOST TOPIC #x :"]);
    ann.hear(&[":bob!~bob@HOST TOPIC #x :"]);
    bob.ask("TOPIC #x", &[":hobnob.local 331 bob #x :No topic is set"]);
    ann.ask("MODE #x +s", &[":ann!~ann@HOST MODE #x +s"]);
    let mut carl = Talk::enter(&server, "carl");
    carl.ask("TOPIC #x", &[":hobnob.local 403 carl #x :No such channel"]);
}

#[test]
pub fn names_and_lists() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.join("#x,#hidden");
    ann.ask("MODE #hidden +s", &[":ann!~ann@HOST MODE #hidden +s"]);
    ann.ask("TOPIC #x :letters", &[":ann!~ann@HOST TOPIC #x :letters"]);
    let end = ":hobnob.local 323 bob :End of /LIST";
    let start = ":hobnob.local 321 bob Channel :Users  Name";
    let x = ":hobnob.local 322 bob #x 1 :letters";
    for (filter, found) in [
        ("", true),
        ("#x", true),
        ("#y", false),
        ("#X,#y", true),
        ("#?", true),
        (">0", true),
        (">1", false),
        ("<2", true),
        ("<1", false),
        ("!#x", false),
        ("!#y", true),
        ("C<1", true),
        ("C>1", false),
        ("T<1", true),
        ("T>1", false),
        ("#x,>1", false),
        ("#x >1", false),
        ("#y,#x >0,C<1", true),
    ] {
        let answers: &[&str] = if found { &[start, x, end] } else { &[start, end] };
        bob.ask(&format!("LIST {filter}"), answers);
    }
    let in_x = ":hobnob.local 353 bob = #x :@ann";
    bob.ask("NAMES", &[in_x, ":hobnob.local 366 bob * :End of /NAMES list"]);
    bob.ask("NAMES #x", &[in_x, ":hobnob.local 366 bob #x :End of /NAMES list"]);
    for nothing in ["#hidden", "#none", "none"] {
        let end = format!(":hobnob.local 366 bob {nothing} :End of /NAMES list");
        bob.ask(&format!("NAMES {nothing}"), &[&end]);
    }
    bob.ask(
        "NAMES #x,#hidden,#x",
        &[
            in_x,
            ":hobnob.local 366 bob #x :End of /NAMES list",
            ":hobnob.local 407 bob #hidden :One channel at a time: the rest is not named",
        ],
    );
    ann.ask(
        "NAMES #hidden",
        &[
            ":hobnob.local 353 ann @ #hidden :@ann",
            ":hobnob.local 366 ann #hidden :End of /NAMES list",
        ],
    );
    ann.ask(
        "NAMES",
        &[
            ":hobnob.local 353 ann = #x :@ann",
            ":hobnob.local 353 ann @ #hidden :@ann",
            ":hobnob.local 366 ann * :End of /NAMES list",
        ],
    );
}

#[test]
pub fn who_and_whox() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.join("#x");
    bob.join("#x");
    bob.ask("AWAY :out", &[":hobnob.local 306 bob :You have been marked as being away"]);
    ann.sync();
    let end = |mask: &str| format!(":hobnob.local 315 ann {mask} :End of WHO list");
    let ann_is = ":hobnob.local 352 ann #x ~ann HOST hobnob.local ann H@ :0 ann of IRC";
    let bob_is = ":hobnob.local 352 ann #x ~bob HOST hobnob.local bob G :0 bob of IRC";
    ann.ask("WHO #x", &[ann_is, bob_is, &end("#x")]);
    ann.ask("WHO BOB", &[bob_is, &end("BOB")]);
    ann.ask("WHO b*", &[bob_is, &end("b*")]);
    ann.ask("WHO none", &[&end("none")]);
    ann.ask("WHO #none", &[&end("#none")]);
    ann.ask("WHO #x o", &[&end("#x")]);
    ann.ask("WHO bob %tcuihsnfdlaor,7", &[
        ":hobnob.local 354 ann 7 #x ~bob 255.255.255.255 HOST hobnob.local bob G 0 0 0 n/a :bob of IRC",
        &end("bob"),
    ]);
    ann.ask(
        "WHO #x %na",
        &[":hobnob.local 354 ann ann 0", ":hobnob.local 354 ann bob 0", &end("#x")],
    );
    // The invisible are seen by whom they share a room with, and found by whoever knows the name.
    bob.ask("MODE bob +i", &[":bob!~bob@HOST MODE bob :+i"]);
    ann.ask("WHO b*", &[bob_is, &end("b*")]);
    let mut carl = Talk::enter(&server, "carl");
    carl.ask("WHO b*", &[":hobnob.local 315 carl b* :End of WHO list"]);
    let ann_is = ann_is.replace(" 352 ann ", " 352 carl ");
    carl.ask("WHO #x", &[&ann_is, ":hobnob.local 315 carl #x :End of WHO list"]);
    carl.ask(
        "NAMES #x",
        &[":hobnob.local 353 carl = #x :@ann", ":hobnob.local 366 carl #x :End of /NAMES list"],
    );
    ann.ask(
        "NAMES #x",
        &[":hobnob.local 353 ann = #x :@ann bob", ":hobnob.local 366 ann #x :End of /NAMES list"],
    );
}

#[test]
pub fn whois_and_whowas() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    bob.join("#x");
    bob.ask("MODE bob +B", &[":bob!~bob@HOST MODE bob :+B"]);
    bob.ask("AWAY :out", &[":hobnob.local 306 bob :You have been marked as being away"]);
    let end = ":hobnob.local 318 ann bob :End of /WHOIS list";
    for line in ["WHOIS bob", "WHOIS hobnob.local bob", "WHOIS bob bob"] {
        ann.say(line);
        ann.hear(&[
            ":hobnob.local 311 ann bob ~bob HOST * :bob of IRC",
            ":hobnob.local 319 ann bob :@#x",
            ":hobnob.local 312 ann bob hobnob.local :hobnob",
            ":hobnob.local 335 ann bob :is a bot",
            ":hobnob.local 301 ann bob :out",
            ":hobnob.local 317 ann bob <n> <n> :seconds idle, signon time",
            end,
        ]);
    }
    ann.ask(
        "WHOIS none",
        &[
            ":hobnob.local 401 ann none :No such nick",
            ":hobnob.local 318 ann none :End of /WHOIS list",
        ],
    );
    ann.ask("WHOIS", &[":hobnob.local 431 ann :No nickname given"]);
    ann.ask("WHOIS other.server bob", &[":hobnob.local 402 ann other.server :No such server"]);
    ann.ask("WHOWAS", &[":hobnob.local 431 ann :No nickname given"]);
    ann.ask(
        "WHOWAS bob",
        &[
            ":hobnob.local 406 ann bob :There was no such nickname",
            ":hobnob.local 369 ann bob :End of WHOWAS",
        ],
    );
    bob.say("QUIT");
    bob.hear_end(&["ERROR :Closing link: Quit"]);
    server.until_connected(1);
    ann.say("WHOWAS BOB 1");
    ann.hear(&[
        ":hobnob.local 314 ann bob ~bob HOST * :bob of IRC",
        ":hobnob.local 312 ann bob hobnob.local :<time>",
        ":hobnob.local 369 ann BOB :End of WHOWAS",
    ]);
}

#[test]
pub fn away_ison_userhost_monitor() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.ask("ISON bob carl ANN", &[":hobnob.local 303 ann :bob ann"]);
    bob.ask("AWAY :out", &[":hobnob.local 306 bob :You have been marked as being away"]);
    ann.ask("USERHOST ann bob none", &[":hobnob.local 302 ann :ann=+~ann@HOST bob=-~bob@HOST"]);
    ann.ask("PRIVMSG bob :hi", &[":hobnob.local 301 ann bob :out"]);
    bob.hear(&[":ann!~ann@HOST PRIVMSG bob :hi"]);
    ann.ask("NOTICE bob :hi", &[]);
    bob.ask(
        "AWAY",
        &[
            ":ann!~ann@HOST NOTICE bob :hi",
            ":hobnob.local 305 bob :You are no longer marked as being away",
        ],
    );
    ann.ask(
        "MONITOR + bob,carl",
        &[":hobnob.local 730 ann :bob!~bob@HOST", ":hobnob.local 731 ann :carl"],
    );
    ann.ask(
        "MONITOR L",
        &[":hobnob.local 732 ann :bob,carl", ":hobnob.local 733 ann :End of MONITOR list"],
    );
    let mut carl = Talk::enter(&server, "Carl");
    ann.hear(&[":hobnob.local 730 ann :Carl!~Carl@HOST"]);
    carl.ask("NICK karl", &[":Carl!~Carl@HOST NICK :karl"]);
    ann.hear(&[":hobnob.local 731 ann :Carl"]);
    bob.say("QUIT");
    ann.hear(&[":hobnob.local 731 ann :bob"]);
    ann.ask("MONITOR S", &[":hobnob.local 731 ann :bob,carl"]);
    ann.ask("MONITOR - carl", &[]);
    ann.ask("MONITOR C", &[]);
    ann.ask("MONITOR L", &[":hobnob.local 733 ann :End of MONITOR list"]);
    ann.ask("MONITOR X", &[":hobnob.local 461 ann MONITOR :Not enough parameters"]);
    let many: Vec<String> = (0..101).map(|n| format!("n{n}")).collect();
    ann.say(&format!("MONITOR + {}", many[..50].join(",")));
    ann.say(&format!("MONITOR + {}", many[50..100].join(",")));
    ann.sync();
    ann.ask("MONITOR + n100", &[":hobnob.local 734 ann 100 n100 :Monitor list is full"]);
}

#[test]
pub fn modes_of_people() {
    let server = relay();
    let [mut ann, _bob] = people(&server, ["ann", "bob"]);
    ann.ask("MODE ann", &[":hobnob.local 221 ann +"]);
    ann.ask("MODE ann +iwB", &[":ann!~ann@HOST MODE ann :+iwB"]);
    ann.ask("MODE ann -w+i", &[":ann!~ann@HOST MODE ann :-w"]);
    ann.ask("MODE ann +o", &[]);
    ann.ask("MODE ann +z", &[":hobnob.local 501 ann :Unknown MODE flag"]);
    ann.ask("MODE ann", &[":hobnob.local 221 ann +iB"]);
    ann.ask("MODE bob", &[":hobnob.local 502 ann :Can't change mode for other users"]);
    ann.ask("MODE none", &[":hobnob.local 401 ann none :No such nick"]);
    ann.ask("MODE #none", &[":hobnob.local 403 ann #none :No such channel"]);
}

#[test]
pub fn the_relay_itself() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    let version = env!("CARGO_PKG_VERSION");
    ann.ask("MOTD", &[":hobnob.local 422 ann :MOTD File is missing"]);
    for command in ["MOTD", "VERSION", "TIME", "INFO", "ADMIN"] {
        let answer = ":hobnob.local 402 ann other.server :No such server";
        ann.ask(&format!("{command} other.server"), &[answer]);
    }
    ann.say("VERSION hobnob.*");
    ann.hear(&[&format!(
        ":hobnob.local 351 ann hobnob-{version} hobnob.local :one thread, one poll, one hot loop"
    )]);
    ann.sync();
    ann.ask("TIME", &[":hobnob.local 391 ann hobnob.local :<time>"]);
    ann.ask(
        "INFO",
        &[
            ":hobnob.local 371 ann :hobnob, a real-time relay: what one says in a room, everyone there receives",
            &format!(":hobnob.local 371 ann :hobnob-{version}"),
            ":hobnob.local 374 ann :End of INFO list",
        ],
    );
    ann.ask(
        "ADMIN",
        &[
            ":hobnob.local 256 ann hobnob.local :Administrative info",
            ":hobnob.local 257 ann :hobnob",
            &format!(":hobnob.local 258 ann :hobnob-{version}"),
            ":hobnob.local 259 ann :ask an operator of this relay",
        ],
    );
    ann.ask("LINKS", &[":hobnob.local 365 ann * :End of /LINKS list: this server stands alone"]);
    ann.ask(
        "STATS u",
        &[
            ":hobnob.local 242 ann :Server Up 0 days 0:<n>:<n>",
            ":hobnob.local 219 ann u :End of /STATS report",
        ],
    );
    ann.ask("STATS", &[":hobnob.local 461 ann STATS :Not enough parameters"]);
    ann.ask("STATS x", &[":hobnob.local 219 ann x :End of /STATS report"]);
    ann.ask(
        "HELP join",
        &[
            ":hobnob.local 704 ann join :JOIN",
            ":hobnob.local 705 ann join :JOIN <channel>[,…] [key[,…]]: enter channels",
            ":hobnob.local 706 ann join :End of /HELP",
        ],
    );
    ann.ask(
        "HELPOP helpop",
        &[
            ":hobnob.local 704 ann helpop :HELPOP",
            ":hobnob.local 705 ann helpop :HELPOP [command]: the same as HELP",
            ":hobnob.local 706 ann helpop :End of /HELP",
        ],
    );
    ann.ask("HELP nothing", &[":hobnob.local 524 ann nothing :No help available on this topic"]);
    ann.say("HELP");
    assert!(ann.sync().len() > 30);
    ann.join("#x");
    let _waiting = Talk::connect(&server, 0);
    server.until_connected(2);
    ann.ask(
        "LUSERS",
        &[
            ":hobnob.local 251 ann :There are 1 users and 0 invisible on 1 servers",
            ":hobnob.local 253 ann 1 :unknown connection(s)",
            ":hobnob.local 254 ann 1 :channels formed",
            ":hobnob.local 255 ann :I have 1 clients and 0 servers",
            ":hobnob.local 265 ann 1 1 :Current local users 1, max 1",
            ":hobnob.local 266 ann 1 1 :Current global users 1, max 1",
        ],
    );
    ann.ask("SETNAME :Ann Other", &[]);
    ann.ask(
        "SETNAME :",
        &[":hobnob.local FAIL SETNAME INVALID_REALNAME :That cannot be a full name"],
    );
    ann.say("WHOIS ann");
    ann.hear(&[":hobnob.local 311 ann ann ~ann HOST * :Ann Other"]);
}

#[test]
fn names_of_all_fit_a_quarter_of_an_outbox() {
    let limits = Limits { outbox: 16 << 10, presence_members: 4, ..Limits::default() };
    let server = relay_with(limits.clone());
    let [mut ann] = people(&server, ["ann"]);
    for n in 0..100 {
        ann.join(&format!("#{n:0>99}"));
    }
    ann.say("NAMES");
    let came = ann.sync();
    let bytes: usize = came.iter().map(|line| line.len() + 2).sum();
    assert!(bytes < limits.outbox / 4 + 512, "{bytes}");
    let more = 100 - (came.len() - 1);
    let end = format!(":hobnob.local 366 ann * :End of /NAMES list: {more} more, ask for each");
    assert_eq!(*came.last().unwrap(), end);
}

#[test]
fn users_and_the_names_of_their_machines() {
    let server = relay();
    for (user, shown) in
        [("ann", "~ann"), ("Jos\u{e9}", "~Jos"), ("\u{1f60a}", "~user"), ("@", "~user")]
    {
        let mut ann = Talk::connect(&server, 0);
        ann.say(&format!("NICK ann\r\nUSER {user} 0 * :Ann of IRC"));
        let welcome =
            format!(":hobnob.local 001 ann :Welcome to the hobnob network, ann!{shown}@HOST");
        ann.hear(&[&welcome]);
        ann.say("QUIT");
        ann.client.read_to_end();
    }
}

#[test]
fn joining_many_with_their_keys() {
    let server = relay();
    let [mut ann, mut bob] = people(&server, ["ann", "bob"]);
    ann.join("#a,#b,#c,#d");
    ann.say("MODE #a +k one\r\nMODE #c +k three");
    ann.sync();
    bob.say("JOIN #a,#b,#c,,#d,#B,#d one,,wrong");
    let came = bob.sync();
    let joined: Vec<&str> =
        came.iter().filter_map(|line| line.split_once(" JOIN ")).map(|j| j.1).collect();
    assert_eq!(joined, ["#a", "#b", "#d"]);
    assert!(
        came.iter().any(|l| l == ":hobnob.local 475 bob #c :Cannot join channel (+k)"),
        "{came:?}"
    );
}

#[test]
pub fn nobody_is_in_more_channels_than_the_limit() {
    let server = relay_with(Limits { rooms_per_peer: 2, ..Limits::default() });
    let [mut ann] = people(&server, ["ann"]);
    ann.join("#a,#b");
    ann.ask("JOIN #c", &[":hobnob.local 405 ann #c :You have joined too many channels"]);
    ann.ask("JOIN #a", &[]);
    ann.ask("PART #a", &[":ann!~ann@HOST PART #a"]);
    ann.say("JOIN #c");
    ann.hear(&[":ann!~ann@HOST JOIN #c"]);
}

#[test]
fn operators_passwords_are_not_guessed_for_long() {
    let server = relay();
    let [mut ann] = people(&server, ["ann"]);
    for wrong in ["OPER root wrong", "OPER other secret"] {
        ann.ask(wrong, &[":hobnob.local 464 ann :Password incorrect"]);
    }
    ann.say("OPER root guess");
    ann.hear_end(&[
        ":hobnob.local 464 ann :Password incorrect",
        "ERROR :Closing link: the password is missing or wrong",
    ]);
    server.until_closed(hobnob::reason::CloseReason::BadPassword, 1);
}

#[test]
pub fn operators_of_the_relay() {
    let server = relay();
    let [mut ann, mut bob, mut carl] = people(&server, ["ann", "bob", "carl"]);
    let denied = ":hobnob.local 481 ann :Permission Denied: you're not an operator of this relay";
    for line in ["KILL bob :out", "WALLOPS :hear", "REHASH"] {
        ann.ask(line, &[denied]);
    }
    ann.ask("OPER root wrong", &[":hobnob.local 464 ann :Password incorrect"]);
    ann.ask("OPER other secret", &[":hobnob.local 464 ann :Password incorrect"]);
    ann.ask("OPER root", &[":hobnob.local 461 ann OPER :Not enough parameters"]);
    ann.ask(
        "OPER root secret",
        &[
            ":hobnob.local 381 ann :You are now an operator of this relay",
            ":hobnob.local MODE ann :+o",
        ],
    );
    carl.ask("MODE carl +w", &[":carl!~carl@HOST MODE carl :+w"]);
    ann.ask("WALLOPS :hear", &[":ann!~ann@HOST WALLOPS :hear"]);
    carl.hear(&[":ann!~ann@HOST WALLOPS :hear"]);
    bob.hear_nothing();
    bob.join("#x");
    carl.join("#x");
    bob.sync();
    ann.ask("KILL none", &[":hobnob.local 401 ann none :No such nick"]);
    ann.ask("KILL bob :out", &[]);
    bob.hear_end(&[":ann!~ann@HOST KILL bob :out", "ERROR :Closing link: Killed (ann (out))"]);
    carl.hear(&[":bob!~bob@HOST QUIT :Killed (ann (out))"]);
    carl.ask(
        "WHO ann",
        &[
            ":hobnob.local 352 carl * ~ann HOST hobnob.local ann H* :0 ann of IRC",
            ":hobnob.local 315 carl ann :End of WHO list",
        ],
    );
    carl.say("WHOIS ann");
    carl.hear(&[
        ":hobnob.local 311 carl ann ~ann HOST * :ann of IRC",
        ":hobnob.local 312 carl ann hobnob.local :hobnob",
        ":hobnob.local 313 carl ann :is an operator of this relay",
    ]);
    carl.sync();
    ann.ask(
        "LUSERS",
        &[
            ":hobnob.local 251 ann :There are 2 users and 0 invisible on 1 servers",
            ":hobnob.local 252 ann 1 :operator(s) online",
            ":hobnob.local 254 ann 1 :channels formed",
            ":hobnob.local 255 ann :I have 2 clients and 0 servers",
            ":hobnob.local 265 ann 2 3 :Current local users 2, max 3",
            ":hobnob.local 266 ann 2 3 :Current global users 2, max 3",
        ],
    );
    ann.ask("MODE ann -o", &[":ann!~ann@HOST MODE ann :-o"]);
    ann.ask("KILL carl :out", &[denied]);
}

#[test]
fn lines_that_are_too_long_or_no_text() {
    let server = relay();
    let mut ann = Talk::enter(&server, "ann");
    ann.ask(&"x".repeat(511), &[":hobnob.local 417 ann :Input line was too long"]);
    ann.ask(&"x".repeat(20_000), &[":hobnob.local 417 ann :Input line was too long"]);
    ann.ask(
        &format!("@{} PING x", "t".repeat(4_095)),
        &[":hobnob.local 417 ann :Input line was too long"],
    );
    ann.ask(&format!("@{} PING x", "t".repeat(4_094)), &[":hobnob.local PONG hobnob.local :x"]);
    ann.client.send(b"PRIVMSG ann :\xff\xfe\r\n");
    ann.hear(&[":hobnob.local FAIL PRIVMSG INVALID_UTF8 :Message rejected: it is not UTF-8"]);
    ann.hear_nothing();
}

#[test]
fn fault_p11_other_protocols_are_sent_away() {
    let server = relay();
    for opening in [&b"GET / HTTP/1.1\r\nHost: x\r\n\r\n"[..], b"\x16\x03\x01\x02\x00\x01\x00"] {
        let mut client = Talk::connect(&server, 0);
        client.client.send(opening);
        client.hear_end(&[
            "ERROR :Closing link: that is TLS or HTTP, and this listener speaks neither",
        ]);
    }
}
