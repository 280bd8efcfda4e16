#!/usr/bin/env python3
"""A person in `hobnob chat`, a person in `nc`, a tutorial's Python client and the Python frame
client talk in one room, each in a terminal of its own (tmux). Then the relay is restarted under them.

    cargo build --release && python3 tests/people.py
"""

import os
import signal
import subprocess
import tempfile

from terminal import HOBNOB, PATIENCE, ROOT, Terminal, end, serve

PYTHON = os.path.join(ROOT, "examples", "python")


def main():
    relay, ports = serve("raw://127.0.0.1:0", "frame://127.0.0.1:0")
    raw, frame = ports["raw"], ports["frame"]
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
        # Lines that come faster than one by one, as from a clipboard.
        chat.keys("-l", "".join(f"line {n} of ten\r" for n in range(1, 11)))
        for n in range(1, 11):
            nc.sees(f"line {n} of ten")
        # To one person alone; and a plain socket has no words for it.
        chat.type("/msg fred psst")
        program.sees(r"\[to you\] ann: psst")
        chat.type("/msg ann a note")
        chat.sees(r"\[ann .+ you\] a note")
        chat.type("/msg guest1 psst")
        chat.sees("not sent to guest1: that person's client takes no private messages")

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
        relay, _ = serve(f"raw://127.0.0.1:{raw}", f"frame://127.0.0.1:{frame}")
        chat.sees("back; lobby was created anew")
        program.sees("messages may have been missed")
        chat.type("are you back")
        program.sees("ann: are you back")
    finally:
        end(relay)
    print("people: everyone heard everyone, and came back")


if __name__ == "__main__":
    main()
