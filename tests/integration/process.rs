//! The real binary, in processes of its own: what it prints, how it ends, and what it does when the
//! system gives it nothing.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{SocketAddr, TcpStream};
use std::process::{Child, ChildStdout, Command, ExitStatus, Output, Stdio};
use std::time::{Duration, Instant};

const PATIENCE: Duration = Duration::from_secs(20);

/// `hobnob serve` with a raw and a frame listener, ended with the test.
struct Server {
    child: Child,
    raw: SocketAddr,
    frame: SocketAddr,
    greeting: String,
    _output: BufReader<ChildStdout>,
}

impl Server {
    fn start(options: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_hobnob"));
        Self::spawn(command.args(Self::arguments(options)).stderr(Stdio::piped()))
    }

    /// With at most `descriptors` open files.
    fn starving(descriptors: u32, options: &[&str]) -> Self {
        let script = format!("ulimit -n {descriptors} && exec \"$0\" \"$@\"");
        let mut shell = Command::new("sh");
        shell.args(["-c", &script, env!("CARGO_BIN_EXE_hobnob")]);
        Self::spawn(shell.args(Self::arguments(options)).stderr(Stdio::piped()))
    }

    fn arguments<'a>(options: &[&'a str]) -> Vec<&'a str> {
        let listeners =
            ["serve", "--listen", "raw://127.0.0.1:0", "--listen", "frame://127.0.0.1:0"];
        listeners.iter().chain(options).copied().collect()
    }

    fn spawn(command: &mut Command) -> Self {
        let mut child = command.stdout(Stdio::piped()).spawn().expect("hobnob starts");
        let mut output = BufReader::new(child.stdout.take().unwrap());
        let mut greeting = String::new();
        while !greeting.contains("Ctrl-C") {
            assert!(output.read_line(&mut greeting).unwrap() > 0, "it greets: {greeting}");
        }
        let address = |word: &str| {
            let line = greeting.lines().find(|line| line.trim_start().starts_with(word)).unwrap();
            line.split_whitespace().last().unwrap().parse().unwrap()
        };
        Self { raw: address("raw"), frame: address("frame"), greeting, child, _output: output }
    }

    fn signal(&self, name: &str) {
        let id = self.child.id().to_string();
        assert!(Command::new("kill").args(["-s", name, &id]).status().unwrap().success());
    }

    /// Waits for the end; its status.
    fn status(&mut self) -> ExitStatus {
        let began = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return status;
            }
            assert!(began.elapsed() < PATIENCE, "it ends");
            std::thread::yield_now();
        }
    }

    /// Waits for the end; its status and what it logged.
    fn end(&mut self) -> (ExitStatus, String) {
        let status = self.status();
        let mut log = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut log).unwrap();
        (status, log)
    }

    /// Processor time used so far, in hundredths of a second.
    #[cfg(target_os = "linux")]
    fn cpu(&self) -> u64 {
        let stat = std::fs::read_to_string(format!("/proc/{}/stat", self.child.id())).unwrap();
        let (_, after_name) = stat.rsplit_once(')').unwrap();
        after_name.split_whitespace().skip(11).take(2).map(|n| n.parse::<u64>().unwrap()).sum()
    }
}

impl Drop for Server {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn connect(address: SocketAddr) -> TcpStream {
    let stream = TcpStream::connect(address).unwrap();
    stream.set_read_timeout(Some(PATIENCE)).unwrap();
    stream
}

fn exchange(from: &mut TcpStream, to: &mut TcpStream, text: &str) {
    from.write_all(text.as_bytes()).unwrap();
    let mut heard = vec![0; text.len()];
    to.read_exact(&mut heard).unwrap();
    assert_eq!(String::from_utf8_lossy(&heard), text);
}

fn rest_of(stream: &mut TcpStream) -> String {
    let mut text = String::new();
    stream.read_to_string(&mut text).unwrap();
    text
}

/// Runs a subcommand against `server`, with `input`.
fn hobnob(server: &Server, arguments: &[&str], input: &str) -> Output {
    let url = format!("frame://{}", server.frame);
    let mut command = Command::new(env!("CARGO_BIN_EXE_hobnob"));
    told(command.args(arguments).env("HOBNOB_URL", url), input)
}

/// Runs a command to its end, with this as its input.
fn told(command: &mut Command, input: &str) -> Output {
    let piped = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = piped.spawn().unwrap();
    child.stdin.take().unwrap().write_all(input.as_bytes()).unwrap();
    child.wait_with_output().unwrap()
}

#[test]
fn it_says_where_it_listens_and_what_is_in_force() {
    let server = Server::start(&["--max-message", "1K"]);
    for line in [
        "max-message                1K",
        "handshake",
        "connections, with these limits",
        "nc 127.0.0.1",
        "chat frame://",
    ] {
        assert!(server.greeting.contains(line), "{line:?} in {}", server.greeting);
    }
}

#[cfg(feature = "json")]
#[test]
fn sigterm_tells_everyone_and_ends_cleanly() {
    let mut server = Server::start(&[]);
    let mut frame = connect(server.frame);
    frame.write_all(b"{\"type\":\"hello\",\"version\":1,\"name\":\"ann\"}\n").unwrap();
    let mut lines = BufReader::new(frame.try_clone().unwrap());
    let mut welcome = String::new();
    lines.read_line(&mut welcome).unwrap();
    assert!(welcome.contains("\"welcome\""), "{welcome}");
    let mut raw = connect(server.raw);
    let mut other = connect(server.raw);
    // Who hears its own words is in. Whether the first was in before that is not certain.
    let mut echo = other.try_clone().unwrap();
    exchange(&mut other, &mut echo, "in;");
    exchange(&mut raw, &mut other, "still here");
    server.signal("TERM");
    let mut told = String::new();
    lines.read_to_string(&mut told).unwrap();
    drop((lines, frame));
    let told: Vec<&str> = told.lines().collect();
    assert!(
        told.len() == 2 && told[0].contains("\"code\":108") && told[1].contains("\"code\":207"),
        "{told:?}"
    );
    let heard = rest_of(&mut raw);
    assert!(["still here", "in;still here"].contains(&&*heard), "{heard}");
    assert_eq!(rest_of(&mut other), "");
    drop((raw, other));
    let (status, log) = server.end();
    assert!(status.success(), "{status}: {log}");
    assert!(log.contains("draining 3 connections"), "{log}");
}

#[test]
fn a_drain_ends_within_the_patience_of_a_container_and_what_was_asked_for_is_no_fault() {
    let mut server = Server::start(&["--drain-hard", "0s"]);
    let raw = connect(server.raw);
    let (mut probe, mut echo) = (raw.try_clone().unwrap(), raw.try_clone().unwrap());
    exchange(&mut probe, &mut echo, "in");
    server.signal("TERM");
    let (status, log) = server.end();
    assert!(status.success(), "{status}: {log}");
    assert!(log.contains("drain-hard is over: 1 connections did not close in time"), "{log}");
    let limits = hobnob::Limits::default();
    assert!(limits.drain_grace + hobnob::limits::LINGER < limits.drain_hard);
    assert!(limits.drain_hard <= std::time::Duration::from_secs(8));
}

#[test]
fn a_second_signal_stops_at_once() {
    let mut server = Server::start(&["--drain-grace", "60s"]);
    // Thousands would be needed to make a drain slow; one that neither reads nor hangs up will do,
    // because it is given time to.
    let raw = connect(server.raw);
    let mut probe = connect(server.raw);
    let mut echo = probe.try_clone().unwrap();
    exchange(&mut probe, &mut echo, "both are in");
    server.signal("INT");
    rest_of(&mut probe);
    server.signal("INT");
    let (status, log) = server.end();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("still open"), "{log}");
    drop(raw);
}

/// A log that stands still must not hold up the end of the process either, nor what it says then.
#[cfg(unix)]
#[test]
fn fault_r11_who_reads_no_log_does_not_keep_the_relay() {
    use std::os::{fd::OwnedFd, unix::net::UnixStream};
    let (mut stderr, _unread) = UnixStream::pair().unwrap();
    stderr.set_nonblocking(true).unwrap();
    while stderr.write(&[b'.'; 4096]).is_ok() {}
    while stderr.write(b".").is_ok() {}
    stderr.set_nonblocking(false).unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hobnob"));
    command.args(Server::arguments(&["--drain-grace", "60s"])).stderr(OwnedFd::from(stderr));
    let mut server = Server::spawn(&mut command);
    let raw = connect(server.raw);
    let mut probe = connect(server.raw);
    let mut echo = probe.try_clone().unwrap();
    exchange(&mut probe, &mut echo, "both are in");
    server.signal("INT");
    rest_of(&mut probe);
    server.signal("INT");
    assert_eq!(server.status().code(), Some(1), "connections are still open");
    drop(raw);
}

#[test]
fn fault_r1_emfile_leaves_everyone_talking_and_accepts_again_at_once() {
    let mut server = Server::starving(32, &["--connections", "1000"]);
    let mut peers = Vec::new();
    // The server closes whom it cannot keep, so a refused one reads the end of its stream.
    let refused = loop {
        let mut peer = connect(server.raw);
        peer.write_all(b"?").unwrap();
        let mut echo = [0; 1];
        match peer.read(&mut echo) {
            Ok(1) => peers.push(peer),
            _ => break peer,
        }
        for other in &mut peers {
            other.set_nonblocking(true).unwrap();
            while other.read(&mut [0; 64]).is_ok_and(|len| len > 0) {}
            other.set_nonblocking(false).unwrap();
        }
        assert!(peers.len() < 32, "32 descriptors are not endless");
    };
    drop(refused);
    assert!(peers.len() > 10, "{} were let in", peers.len());

    // Another one waits at the door. Those inside talk on.
    let mut waiting = connect(server.raw);
    waiting.write_all(b"let me in").unwrap();
    let [first, second, ..] = &mut peers[..] else { panic!("at least two") };
    for round in 0..100 {
        exchange(first, second, &format!("round {round};"));
        let mut own = vec![0; format!("round {round};").len()];
        first.read_exact(&mut own).unwrap();
    }

    // Nothing is spun on meanwhile: half a second of work in two would be spinning.
    #[cfg(target_os = "linux")]
    {
        let (before, began) = (server.cpu(), Instant::now());
        while began.elapsed() < Duration::from_secs(2) {
            std::thread::park_timeout(Duration::from_millis(100));
        }
        assert!(server.cpu() - before < 50, "{} hundredths of a second", server.cpu() - before);
    }

    // Somebody leaves: there is room again. One that comes before the server has seen them go may
    // still be turned away, and hears the end of its stream instead of its own words.
    peers.truncate(5);
    let mut neighbour = peers.pop().unwrap();
    let mut attempts = 0;
    let late = loop {
        let mut late = connect(server.raw);
        let mut echo = [0; 4];
        if late.write_all(b"late").is_ok() && late.read_exact(&mut echo).is_ok() {
            break late;
        }
        attempts += 1;
        assert!(attempts < 1_000, "it accepts again");
    };
    let mut heard = String::new();
    while !heard.ends_with("late") {
        let mut some = [0; 256];
        let len = neighbour.read(&mut some).unwrap();
        assert!(len > 0, "{heard}");
        heard.push_str(&String::from_utf8_lossy(&some[..len]));
    }
    server.signal("TERM");
    drop((late, neighbour, waiting, peers));
    let (status, log) = server.end();
    assert!(status.success(), "{log}");
    let complaints = log.lines().filter(|line| line.contains("cannot accept")).count();
    assert!((1..=6).contains(&complaints), "{complaints} complaints, once a second at most: {log}");
    assert!(log.contains("ulimit -n"), "it says what to do: {log}");
}

#[test]
fn pub_and_sub_meet_in_pipes() {
    let server = Server::start(&[]);
    let said = hobnob(&server, &["pub", "tea", "--name", "ann"], "one\ntwo\nthree\n");
    assert!(said.status.success(), "{}", String::from_utf8_lossy(&said.stderr));
    let heard = hobnob(&server, &["sub", "tea", "--history", "10", "--count", "3"], "");
    assert_eq!(String::from_utf8_lossy(&heard.stdout), "one\ntwo\nthree\n");
    let said = hobnob(&server, &["pub", "tea", "a", "last", "word"], "");
    assert!(said.status.success());
    #[cfg(feature = "json")]
    {
        let heard =
            hobnob(&server, &["sub", "tea", "--history", "1", "--count", "1", "--json"], "");
        let heard = String::from_utf8_lossy(&heard.stdout).into_owned();
        assert!(
            heard.contains("\"offset\":4") && heard.contains("\"text\":\"a last word\""),
            "{heard}"
        );
    }
}

#[test]
fn what_goes_wrong_says_what_to_do() {
    let server = Server::start(&[]);
    let taken = server.frame.to_string();
    let run = |arguments: &[&str]| {
        let output = Command::new(env!("CARGO_BIN_EXE_hobnob")).args(arguments).output().unwrap();
        (output.status.code(), String::from_utf8_lossy(&output.stderr).into_owned())
    };
    for (arguments, code, said) in [
        (
            &["serve", "--listen", &format!("frame://{taken}")][..],
            1,
            "stop the process that listens there",
        ),
        (&["serve", "--listen", "udp://127.0.0.1:0"], 1, "not built"),
        (&["serve", "--max-message", "lots"], 2, "expected bytes"),
        (&["serve", "--max-mesage", "1"], 2, "--max-message"),
        (&["serve", "--backlog", "70000"], 1, "raise backlog"),
        (
            &["pub", "tea", "x", "--url", "frame://127.0.0.1:1"],
            1,
            "is the relay running? start it with: hobnob serve",
        ),
        #[cfg(feature = "config")]
        (&["check", "/nonexistent.toml"], 1, "/nonexistent.toml"),
    ] {
        let (status, text) = run(arguments);
        assert_eq!(status, Some(code), "{arguments:?}: {text}");
        assert!(text.contains(said), "{arguments:?}: {text}");
    }
}

#[cfg(feature = "config")]
mod reloading {
    use super::*;
    use std::process::ChildStderr;

    /// A client of IRC and its lines.
    struct Client {
        stream: TcpStream,
        lines: BufReader<TcpStream>,
    }

    impl Client {
        fn enter(server: &Server, nick: &str) -> Self {
            let line = server.greeting.lines().find(|line| line.trim_start().starts_with("irc"));
            let address = line.unwrap().split_whitespace().last().unwrap().parse().unwrap();
            let stream = connect(address);
            let mut client = Self { lines: BufReader::new(stream.try_clone().unwrap()), stream };
            client.say(&format!("NICK {nick}\r\nUSER a 0 * :a"));
            while !client.hear().contains(" 376 ") {}
            client
        }

        fn say(&mut self, line: &str) {
            self.stream.write_all(format!("{line}\r\n").as_bytes()).unwrap();
        }

        fn hear(&mut self) -> String {
            let mut line = String::new();
            assert!(self.lines.read_line(&mut line).unwrap() > 0, "a line, and not the end");
            line.trim_end().to_owned()
        }

        /// Says a line, and hears all that answers it.
        fn ask(&mut self, line: &str) -> Vec<String> {
            self.say(&format!("{line}\r\nPING :done?"));
            let lines = std::iter::repeat_with(|| self.hear());
            lines.take_while(|line| !line.ends_with("PONG irc.example :done?")).collect()
        }
    }

    fn until_logged(log: &mut BufReader<ChildStderr>, text: &str) {
        let mut line = String::new();
        while !line.contains(text) {
            line.clear();
            assert!(log.read_line(&mut line).unwrap() > 0, "{text} is logged");
        }
    }

    #[test]
    fn an_operator_or_a_signal_has_the_file_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hobnob.toml");
        let write = |text: &str| {
            let operator = "[[irc.operators]]\nname = \"root\"\npassword = ";
            let text = format!("{text}\n{operator}");
            std::fs::write(&file, text + "\"secret\"\n").unwrap();
        };
        write("[irc]\nname = \"irc.example\"\nmotd = \"One\"");
        let options = ["--listen", "irc://127.0.0.1:0", "--config", file.to_str().unwrap()];
        let mut server = Server::start(&options);
        let mut log = BufReader::new(server.child.stderr.take().unwrap());
        let mut ann = Client::enter(&server, "ann");
        let motd = |client: &mut Client| client.ask("MOTD").remove(1);
        assert_eq!(motd(&mut ann), ":irc.example 372 ann :- One");
        ann.ask("OPER root secret");

        write("rate-burst = 99\nmax-message = \"1K\"\n[irc]\nname = \"b.example\"\nmotd = \"Two\"");
        assert_eq!(
            ann.ask("REHASH"),
            [
                ":irc.example 382 ann hobnob.toml :Rehashing",
                ":irc.example NOTICE ann :applied: motd, rate-burst",
                ":irc.example NOTICE ann :needs a restart: max-message, name",
            ]
        );
        until_logged(&mut log, "hobnob.toml: applied: motd, rate-burst");
        assert_eq!(motd(&mut ann), ":irc.example 372 ann :- Two");

        // What is wrong changes nothing, and no line of the file is told: there are passwords there.
        write("[irc]\nmotd = \"Three\"\npassword = \"sesame");
        let answers = ann.ask("REHASH");
        let (first, last) = (answers.first().unwrap(), answers.last().unwrap());
        assert_eq!(first, ":irc.example 382 ann hobnob.toml :Rehashing");
        assert_eq!(last, ":irc.example NOTICE ann :Nothing was changed");
        let told = answers[1..answers.len() - 1].join("\n");
        assert!(told.contains("line 3") && !told.contains("sesame"), "{told}");
        write("[irc]\nmott = \"Three\"");
        let answers = ann.ask("REHASH").join("\n");
        assert!(answers.contains("did you mean \"irc.motd\"?"), "{answers}");
        assert_eq!(motd(&mut ann), ":irc.example 372 ann :- Two");

        write("[irc]\nname = \"irc.example\"\nmotd = \"Three\"\npassword = \"sesame\"");
        server.signal("HUP");
        until_logged(&mut log, "hobnob.toml: applied: motd, password");
        assert_eq!(motd(&mut ann), ":irc.example 372 ann :- Three");
        assert_eq!(ann.ask("REHASH")[1], ":irc.example NOTICE ann :no change");
        std::fs::remove_file(&file).unwrap();
        assert!(ann.ask("REHASH").last().unwrap().ends_with(":Nothing was changed"));
    }

    #[cfg(feature = "http")]
    #[test]
    fn fault_a1_a_listener_stays_guarded_when_the_file_is_read_again() {
        let folder = tempfile::tempdir().unwrap();
        let file = folder.path().join("hobnob.toml");
        std::fs::write(&file, "[irc]\nmotd = \"One\"\n").unwrap();
        let options = ["--listen", "http://127.0.0.1:0", "--config", file.to_str().unwrap()];
        let mut server = Server::start(&options);
        let mut log = BufReader::new(server.child.stderr.take().unwrap());
        let line = server.greeting.lines().find(|line| line.trim_start().starts_with("http"));
        let address = line.unwrap().split_whitespace().last().unwrap().parse().unwrap();
        let status = || {
            let mut stream = connect(address);
            stream.write_all(b"GET / HTTP/1.1\r\nHost: evil.example\r\n\r\n").unwrap();
            let mut line = String::new();
            BufReader::new(stream).read_line(&mut line).unwrap();
            line
        };
        assert_eq!(status(), "HTTP/1.1 421 Misdirected Request\r\n");
        server.signal("HUP");
        until_logged(&mut log, "hobnob.toml: no change");
        assert_eq!(status(), "HTTP/1.1 421 Misdirected Request\r\n");
    }

    #[cfg(feature = "passwords")]
    #[test]
    fn hashes_come_out_of_hobnob_password_and_go_into_the_file() {
        let make =
            |input: &str| told(Command::new(env!("CARGO_BIN_EXE_hobnob")).arg("password"), input);
        let none = make("\n");
        assert_eq!(none.status.code(), Some(1));
        assert!(String::from_utf8_lossy(&none.stderr).contains("no password was given"));
        let made = make("to be or not to be\r\nthat is not read\n");
        assert!(made.status.success());
        let hash = String::from_utf8(made.stdout).unwrap();
        let hash = hash.trim_end();
        assert!(hash.starts_with("$argon2id$v=19$m=19456,t=2,p=1$"), "{hash}");
        let file = tempfile::NamedTempFile::new().unwrap();
        let text = format!(
            "[irc]\nname = \"irc.example\"\nmotd = \"Hello\"\n[[irc.operators]]\nname = \"root\"\npassword = \"{hash}\"\n"
        );
        std::fs::write(file.path(), text).unwrap();
        let path = file.path().to_str().unwrap();
        let server = Server::start(&["--listen", "irc://127.0.0.1:0", "--config", path]);
        let mut ann = Client::enter(&server, "ann");
        assert_eq!(ann.ask("OPER root hamlet"), [":irc.example 464 ann :Password incorrect"]);
        assert_eq!(ann.ask("OPER root :to be or not to be").len(), 2);
        let checked = Command::new(env!("CARGO_BIN_EXE_hobnob")).args(["check", path]).output();
        let checked = String::from_utf8(checked.unwrap().stdout).unwrap();
        assert!(checked.contains("irc as irc.example of hobnob: operators root; no password"));
        assert!(!checked.contains("argon2"), "{checked}");
    }
}

#[cfg(feature = "config")]
#[test]
fn flags_go_before_the_environment_and_that_before_the_file() {
    let file = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(file.path(), "backlog = \"1M\"\noutbox = \"1M\"\nmax-message = \"1K\"\n")
        .unwrap();
    let mut command = Command::new(env!("CARGO_BIN_EXE_hobnob"));
    command.args(Server::arguments(&["--backlog", "3M"])).stderr(Stdio::piped());
    command
        .env("HOBNOB_CONFIG", file.path())
        .env("HOBNOB_BACKLOG", "2M")
        .env("HOBNOB_OUTBOX", "2M");
    let server = Server::spawn(&mut command);
    for line in [
        "backlog                    3M",
        "outbox                     2M",
        "max-message                1K",
    ] {
        assert!(server.greeting.contains(line), "{line:?} in {}", server.greeting);
    }
}
