"""What the tests of people share: programs in terminals (tmux), and the relay they talk to."""

import os
import re
import subprocess
import sys
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
TARGET = os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target"))
HOBNOB = os.environ.get("HOBNOB", os.path.join(TARGET, "release", "hobnob"))
PATIENCE = 20


def serve(*listeners, admin=None):
    """Starts the relay on these listeners; its process, and its ports by scheme."""
    arguments = [word for url in listeners for word in ("--listen", url)]
    if admin:
        arguments += ["--admin", admin]
    relay = subprocess.Popen([HOBNOB, "serve", *arguments], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "RUST_LOG": "warn"})
    ports = {}
    for line in relay.stdout:
        if found := re.match(r"\s+(\w+)\s+127\.0\.0\.1:(\d+)$", line):
            ports[found[1]] = int(found[2])
        if "Ctrl-C" in line:
            return relay, ports
    sys.exit("the relay did not start")


class Terminal:
    """A program in a tmux window, on a tmux server of our own."""

    socket = f"hobnob-{os.getpid()}"

    def __init__(self, name, command, columns=100, rows=30):
        self.name = name
        # Without a session a tmux server ends, and may take one with it that is just being made.
        self.tmux("start-server", ";", "set-option", "-s", "exit-empty", "off", ";", "new-session", "-d", "-s", name,
                  "-x", str(columns), "-y", str(rows), "exec " + command)

    @classmethod
    def tmux(cls, *arguments):
        done = subprocess.run(["tmux", "-L", cls.socket, *arguments], capture_output=True, text=True)
        if done.returncode != 0:
            sys.exit(f"tmux {' '.join(arguments)}: {done.stderr.strip()}")
        return done.stdout

    @classmethod
    def end(cls):
        """Ends the tmux server, and every program in it."""
        subprocess.run(["tmux", "-L", cls.socket, "kill-server"], capture_output=True)

    def keys(self, *keys):
        self.tmux("send-keys", "-t", self.name, *keys)

    def type(self, text):
        self.keys("-l", text)
        self.keys("Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", self.name).rstrip()

    def sees(self, pattern):
        """Waits until the screen shows the pattern; `.` matches within a line, `(?s:.)` beyond it."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, self.screen()):
            if time.monotonic() > until:
                sys.exit(f"{self.name} does not show {pattern!r}; it shows:\n{self.screen()}")
            time.sleep(0.05)
