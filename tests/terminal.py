"""What the tests of people share: programs in terminals (tmux), a browser, and the relay they talk to.

What everybody saw last, however a test ends, is kept in target/screens, or in $HOBNOB_SCREENS.
"""

import contextlib
import json
import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
HOBNOB = os.environ.get("HOBNOB", os.path.join(TARGET, "release", "hobnob"))
TEST = os.path.splitext(os.path.basename(sys.argv[0]))[0]
SCREENS = os.path.abspath(os.environ.get("HOBNOB_SCREENS", os.path.join(TARGET, "screens")))
PATIENCE = 60


def serve(*listeners, admin=None, log=None):
    """Starts the relay on these listeners; its process, and its ports by scheme. All that it logs goes to `log`, or what is amiss to us."""
    arguments = [word for url in listeners for word in ("--listen", url)]
    if admin:
        arguments += ["--admin", admin]
    relay = subprocess.Popen([HOBNOB, "serve", *arguments], stdout=subprocess.PIPE, stderr=log, text=True,
                             env={**os.environ, "RUST_LOG": "info" if log else "warn"})
    ports = {}
    for line in relay.stdout:
        if found := re.match(r"\s+(\w+)\s+127\.0\.0\.1:(\d+)$", line):
            ports[found[1]] = int(found[2])
        if "Ctrl-C" in line:
            return relay, ports
    sys.exit("the relay did not start")


everybody = []


def screen_of(name):
    """Where what somebody saw last is kept, but for the file's ending."""
    os.makedirs(SCREENS, exist_ok=True)
    return os.path.join(SCREENS, f"{TEST}-{name}")


def end(relay):
    """Everybody's screen is kept, and then everybody ends, the relay last."""
    with contextlib.ExitStack() as ends:
        ends.callback(relay.wait, PATIENCE)
        ends.callback(relay.terminate)
        ends.callback(subprocess.run, ["tmux", "-L", Terminal.socket, "kill-server"], capture_output=True)
        for somebody in everybody:
            ends.callback(somebody.end)
        for somebody in everybody:
            with contextlib.suppress(SystemExit):
                somebody.keep()


def fail(text):
    """Ends the test. Said at once: whatever else goes wrong after that must not hide it."""
    print(text, file=sys.stderr, flush=True)
    sys.exit(1)


class Terminal:
    """A program in a tmux window, on a tmux server of our own."""

    socket = f"hobnob-{os.getpid()}"

    def __init__(self, name, command, columns=100, rows=30):
        self.name = name
        # Without a session a tmux server ends, and may take one with it that is just being made. What a program
        # wrote before it ended stays to be seen.
        self.tmux("start-server", ";", "set-option", "-s", "exit-empty", "off", ";",
                  "set-option", "-g", "remain-on-exit", "on", ";", "new-session", "-d", "-s", name,
                  "-x", str(columns), "-y", str(rows), "exec " + command)
        everybody.append(self)

    @classmethod
    def tmux(cls, *arguments):
        done = subprocess.run(["tmux", "-L", cls.socket, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            fail(f"tmux {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    def keep(self):
        with open(screen_of(self.name) + ".txt", "w") as file:
            file.write(self.screen() + "\n")

    def end(self):
        """Ends the program, and waits until it has put away what it keeps."""
        pid = int(self.tmux("display-message", "-p", "-t", self.name, "#{pane_pid}"))
        self.tmux("kill-session", "-t", self.name)
        until = time.monotonic() + PATIENCE
        while os.path.isdir(f"/proc/{pid}") and time.monotonic() < until:
            time.sleep(0.05)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", self.name, *keys)

    def type(self, text):
        self.keys("-l", text)
        self.keys("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", self.name).rstrip()

    def coloured(self):
        """The screen with its colours, as SGR sequences."""
        return self.tmux("capture-pane", "-e", "-N", "-p", "-t", self.name).rstrip()

    def sees(self, pattern):
        """Waits until the screen shows the pattern; `.` matches within a line, `(?s:.)` beyond it."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, self.screen()):
            if time.monotonic() > until:
                fail(f"{self.name} does not show {pattern!r}; it shows:\n{self.screen()}")
            time.sleep(0.05)


class Browser:
    """A person in Chromium. What they can do and see are the methods of `Person` in tests/browser/stage.js."""

    def __init__(self, name, port, room):
        if not os.path.isdir(f"{ROOT}/target/browser/node_modules"):
            fail(f"the browser's modules are not here: tests/browser/run python3 {sys.argv[0]}")
        self.name = name
        self.node = subprocess.Popen(["node", f"{ROOT}/tests/browser/person.js", str(port), room], text=True,
                                     stdin=subprocess.PIPE, stdout=subprocess.PIPE)
        everybody.append(self)
        self._answer("opens the page")

    def __getattr__(self, act):
        return lambda *words: self._does(act, *words)

    def _does(self, act, *words):
        self.node.stdin.write(json.dumps([act, *words]) + "\n")
        self.node.stdin.flush()
        self._answer(act, *words)

    def _answer(self, *asked):
        line = self.node.stdout.readline()
        if line != "null\n":
            fail(f"{self.name} {' '.join(asked)}: {json.loads(line) if line else 'the browser ended'}")

    def keep(self):
        if self.node.poll() is None:
            self._does("picture", screen_of(self.name))

    def end(self):
        """Closes the browser, whose page must have had no errors."""
        self.node.stdin.close()
        try:
            ended = self.node.wait(timeout=PATIENCE)
        finally:
            self.node.kill()
        if ended != 0:
            fail(f"{self.name}: something went wrong in the page, see above")
