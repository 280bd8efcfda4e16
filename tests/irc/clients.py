#!/usr/bin/env python3
"""People in irssi and in WeeChat, and one in `hobnob chat`, in one room: they register, join, talk, see
the topic, the names and what was said before (tmux).

    cargo build --release && python3 tests/irc/clients.py [--show]
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from terminal import HOBNOB, Terminal, serve


def main():
    for program, package in [("irssi", "irssi"), ("weechat", "weechat-curses"), ("tmux", "tmux")]:
        if not shutil.which(program):
            sys.exit(f"{program} is not here: apt-get install {package}")
    relay, ports = serve("irc://127.0.0.1:0", "frame://127.0.0.1:0")
    home = tempfile.mkdtemp(prefix="hobnob-irc-")
    try:
        talk(ports, home)
        if "--show" in sys.argv:
            for name in ("ann", "bob", "carl"):
                print(f"--- {name}\n{Terminal.tmux('capture-pane', '-p', '-t', name).rstrip()}")
        print("irssi, WeeChat and hobnob chat: all in one room")
    finally:
        Terminal.end()
        relay.terminate()
        relay.wait()
        shutil.rmtree(home, ignore_errors=True)


def talk(ports, home):
    irc = ports["irc"]
    ann = Terminal("ann", f"irssi --home {home}/irssi -c 127.0.0.1 -p {irc} -n ann")
    ann.sees(r"Welcome to the hobnob network")
    ann.type("/join #tea")
    ann.sees(r"\[#tea\]|#tea")
    ann.type("/topic green or black?")
    ann.sees(r"green or black\?")
    ann.type("said before bob came")
    ann.sees(r"said before bob came")

    bob = Terminal("bob", f"weechat -d {home}/weechat "
                   f"-r '/set irc.look.smart_filter off' "
                   f"-r '/server add here 127.0.0.1/{irc} -nicks=bob -autojoin=#tea -notls' "
                   f"-r '/set irc.server.here.ssl off' -r '/connect here'")
    bob.sees(r"green or black\?")
    # Of irssi's words before, because WeeChat reads times.
    bob.sees(r"said before bob came")
    bob.sees(r"@ann")
    ann.sees(r"bob .*has joined")

    frame = f"frame://127.0.0.1:{ports['frame']}"
    carl = Terminal("carl", f"{HOBNOB} chat {frame} tea --name carl")
    ann.sees(r"carl .*has joined")
    bob.sees(r"carl .*has joined")

    ann.type("hello from irssi")
    bob.sees(r"ann.*hello from irssi")
    carl.sees(r"ann.*hello from irssi")
    bob.type("hello from weechat")
    ann.sees(r"bob.*hello from weechat")
    carl.sees(r"bob.*hello from weechat")
    carl.type("hello from chat")
    ann.sees(r"carl.*hello from chat")
    bob.sees(r"carl.*hello from chat")

    ann.type("/names")
    ann.sees(r"\[@ann *\]")
    ann.sees(r"\[ carl *\]")
    bob.type("/me waves")
    ann.sees(r"\* bob waves")
    ann.type("/query bob psst")
    bob.sees(r"psst|\[.*ann.*\]")
    ann.type("/query carl psst from irssi")
    carl.sees(r"\[ann .+ you\] psst from irssi")
    carl.type("/msg ann psst from chat")
    ann.sees(r"psst from chat")
    ann.type("/nick anna")
    carl.sees(r"anna")


main()
