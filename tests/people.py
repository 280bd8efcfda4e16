#!/usr/bin/env python3
"""A person in `hobnob chat`, a person in `nc`, a tutorial's Python client and the Python frame
client talk in one room, each in a terminal of its own (tmux). Then the relay is restarted under them.

    cargo build --release && python3 tests/people.py [--show]
"""

import os
import re
import signal
import subprocess
import sys
import tempfile
import time

ROOT = os.path.dirname(os.path.dirname(os.path.abspath(__file__)))
HOBNOB = os.path.join(os.environ.get("CARGO_TARGET_DIR", os.path.join(ROOT, "target")), "release", "hobnob")
PYTHON = os.path.join(ROOT, "examples", "python")
PATIENCE = 20


class Terminal:
    """A program in a tmux window, on a tmux server of our own."""

    socket = f"hobnob-{os.getpid()}"

    def __init__(self, name, command):
        self.name = name
        self.tmux("new-session", "-d", "-s", name, "-x", "100", "-y", "30", "exec " + command)

    @classmethod
    def tmux(cls, *arguments):
        done = subprocess.run(["tmux", "-L", cls.socket, *arguments], capture_output=True, text=True)
        return done.stdout

    def type(self, text):
        self.tmux("send-keys", "-t", self.name, "-l", text)
        self.tmux("send-keys", "-t", self.name, "Enter")

    def screen(self):
        return self.tmux("capture-pane", "-p", "-t", self.name).rstrip()

    def sees(self, pattern):
        """Waits until the screen shows the pattern."""
        until = time.monotonic() + PATIENCE
        while not re.search(pattern, self.screen()):
            if time.monotonic() > until:
                sys.exit(f"{self.name} does not show {pattern!r}; it shows:\n{self.screen()}")
            time.sleep(0.05)


def serve(raw, frame):
    """Starts the relay; its process and the ports it listens on."""
    listeners = ["--listen", f"raw://127.0.0.1:{raw}", "--listen", f"frame://127.0.0.1:{frame}"]
    relay = subprocess.Popen([HOBNOB, "serve", *listeners], stdout=subprocess.PIPE, text=True,
                             env={**os.environ, "RUST_LOG": "warn"})
    ports = {}
    for line in relay.stdout:
        if found := re.match(r"\s+(raw|frame)\s+127\.0\.0\.1:(\d+)$", line):
            ports[found[1]] = int(found[2])
        if "Ctrl-C" in line:
            return relay, ports["raw"], ports["frame"]
    sys.exit("the relay did not start")


def main():
    relay, raw, frame = serve(0, 0)
    home = tempfile.mkdtemp()
    try:
        chat = Terminal("chat", f"env HOME={home} {HOBNOB} chat frame://127.0.0.1:{frame} --name ann")
        chat.sees("joined lobby")
        nc = Terminal("nc", f"nc 127.0.0.1 {raw}")
        chat.sees("guest1 joined")
        tutorial = Terminal("tutorial", f"python3 {PYTHON}/tutorial_client.py 127.0.0.1 {raw}")
        chat.sees("guest2 joined")
        program = Terminal("program", f"python3 {PYTHON}/frame_client.py 127.0.0.1:{frame} lobby --name fred")
        chat.sees("fred joined")

        chat.type("hello from chat")
        nc.sees("hello from chat")
        nc.type("hello from nc")
        chat.sees("guest1: hello from nc")
        tutorial.type("hello from the tutorial")
        chat.sees("guest2: hello from the tutorial")
        program.type("hello from a program")
        for terminal in (chat, nc, tutorial, program):
            for text in ("chat", "nc", "the tutorial", "a program"):
                terminal.sees(f"hello from {text}")
        chat.type("/who")
        chat.sees("4 in lobby: .*ann")

        # `nc -N` hangs up when its input ends: its words must still reach the others.
        subprocess.run(["nc", "-N", "127.0.0.1", str(raw)], input=b"and gone\n", timeout=PATIENCE,
                       stdout=subprocess.DEVNULL, check=True)
        chat.sees("guest3: and gone")
        program.sees("guest3: and gone")

        # The relay goes and comes back on the same ports. Those who can, come back by themselves.
        relay.send_signal(signal.SIGTERM)
        tutorial.sees("closed the connection")
        assert relay.wait(timeout=PATIENCE) == 0, "a clean drain ends with 0"
        chat.sees("connection lost")
        relay, _, _ = serve(raw, frame)
        chat.sees("back; lobby began anew")
        program.sees("messages may have been missed")
        chat.type("are you back")
        program.sees("ann: are you back")
        if "--show" in sys.argv:
            for terminal in (chat, nc, tutorial, program):
                print(f"--- {terminal.name}\n{terminal.screen()}")
    finally:
        Terminal.tmux("kill-server")
        relay.terminate()
        relay.wait(timeout=PATIENCE)
    print("people: everyone heard everyone, and came back")


if __name__ == "__main__":
    main()
