#!/usr/bin/env python3
"""One in irssi, two in WeeChat, one in `hobnob chat` and one in a browser, in one room: they register, join,
talk, see the topic, the names, what was said before, and who is typing (tmux, Chromium).

    cargo build --release && tests/browser/run python3 tests/irc/clients.py
"""

import os
import shutil
import sys
import tempfile

sys.path.insert(0, os.path.dirname(os.path.dirname(os.path.abspath(__file__))))
from terminal import HOBNOB, SCREENS, Browser, Terminal, end, serve


def main():
    for program, package in [("irssi", "irssi"), ("weechat", "weechat-curses"), ("tmux", "tmux")]:
        if not shutil.which(program):
            sys.exit(f"{program} is not here: apt-get install {package}")
    relay, ports = serve("irc://127.0.0.1:0", "frame://127.0.0.1:0", "http://127.0.0.1:0")
    home = tempfile.mkdtemp(prefix="hobnob-irc-")
    try:
        talk(ports, home)
        print("irssi, WeeChat, hobnob chat and a browser: all in one room")
    finally:
        print(f"what everybody saw last: {SCREENS}/clients-*")
        end(relay)
        shutil.rmtree(home, ignore_errors=True)


def weechat(name, home, port, **size):
    """WeeChat, which tells and shows who is typing, for as long as nothing else is heard of them."""
    options = {
        "irc.look.typing_status_self": "on",
        "irc.look.typing_status_nicks": "on",
        "typing.look.enabled_self": "on",
        "typing.look.enabled_nicks": "on",
        "typing.look.delay_purge_typing": 3600,
        "typing.look.delay_set_paused": 3600,
        # Joins are shown even of those who say nothing; lines are not held back, nor taken for pasted.
        "irc.look.smart_filter": "off",
        "weechat.look.paste_max_lines": -1,
        "irc.server_default.anti_flood_prio_high": 0,
        "irc.server_default.anti_flood_prio_low": 0,
    }
    commands = [f"/set {option} {value}" for option, value in options.items()]
    commands += [f"/server add here 127.0.0.1/{port} -nicks={name} -autojoin=#tea -notls", "/connect here"]
    return Terminal(name, f"weechat -d {home}/{name} " + " ".join(f"-r '{command}'" for command in commands), **size)


def irssi(name, home, port, **size):
    """irssi, registered."""
    it = Terminal(name, f"irssi --home {home}/{name} -n {name}", **size)
    it.sees(r"\[\(status\)\]")
    # Else it says one line in two seconds, whatever the relay allows, and asks about lines that come quickly.
    for setting in ("cmds_max_at_once 1000", "paste_verify_line_count 0"):
        it.type(f"/set {setting}")
        it.sees(rf"  {setting}")
    it.type(f"/connect 127.0.0.1 {port}")
    it.sees(r"Mode change \[\+i\] for user")
    return it


def chat(name, port, room, **size):
    return Terminal(name, f"{HOBNOB} chat frame://127.0.0.1:{port} {room} --name {name}", **size)


def talk(ports, home):
    ann = irssi("ann", home, ports["irc"])
    ann.type("/join #tea")
    ann.sees(r"Irssi: #tea: Total of 1 nicks")
    ann.type("/topic green or black?")
    ann.sees(r"green or black\?")
    ann.type("said before all others came")
    ann.sees(r"< ?@?ann> said before all others came")

    # Who comes later sees the topic, who is here, and what was said; irssi is told who came.
    bob = weechat("bob", home, ports["irc"])
    zoe = weechat("zoe", home, ports["irc"])
    carl = chat("carl", ports["frame"], "tea")
    dora = Browser("dora", ports["http"], "tea")
    dora.enter("dora")
    for name in ("bob", "zoe", "carl", "dora"):
        ann.sees(rf"{name} .*has joined")
    for it in (bob, zoe):
        it.sees(r"green or black\?")
        it.sees(r"@ann")
    for it in (bob, zoe, carl):
        it.sees(r"ann.*said before all others came")
    dora.hears("said before all others came")
    dora.sees("#member-count", "5")
    for name in ("ann", "bob", "zoe", "carl", "dora"):
        dora.sees(".member .name", name)
    ann.type("/names")
    ann.sees(r"\[@ann *\]")
    ann.sees(r"\[ dora *\]")
    carl.type("/who")
    carl.sees("5 in tea: .*dora")

    # Everybody hears what everybody says, and reads what they do as something done.
    people = {"ann": ann, "bob": bob, "zoe": zoe, "carl": carl, "dora": dora}
    for name, it in people.items():
        speak = it.say if it is dora else it.type
        speak(f"hello from {name}")
        speak("/me waves")
        for other in (ann, bob, zoe, carl):
            if other is not it:
                other.sees(rf"{name}\W+hello from {name}")
                other.sees(rf"\*\W+{name} waves")
        dora.hears(f"hello from {name}")
        dora.hears(f"* {name} waves")

    # Who is typing, and no longer is.
    bob.keys("-l", "I am going to")
    zoe.sees(r"Typing: bob")
    bob.type(" say it")
    zoe.sees(r"bob\W+I am going to say it")
    zoe.sees(r"(?s)\A(?!.*Typing)")

    # To one alone, from each to each, and nobody else hears it.
    for name, it in people.items():
        speak = it.say if it is dora else it.type
        for other in people:
            if other != name:
                speak(f"/msg {other} psst, {other}, from {name}")
    for name, it in people.items():
        for other in people:
            if other != name and it in (ann, bob, zoe):
                it.type(f"/query {other}")
                it.sees(rf"{other}\W+psst, {name}, from {other}")
            elif other != name and it is carl:
                it.sees(rf"\[{other} → you\] psst, {name}, from {other}")
            elif other != name:
                it.say(f"/msg {other}")
                it.hears(f"psst, {name}, from {other}")
    ann.type("/window goto #tea")
    ann.sees(r"\n\[#tea\]")
    for it in (bob, zoe):
        it.type("/buffer #tea")
        it.sees(r"2:#tea\(\+nt\)")
    dora.join("tea")

    # Another name; and some are put out, asked in, and come back.
    ann.type("/nick anna")
    bob.sees("ann is now known as anna")
    carl.sees("anna joined tea")
    dora.sees(".member .name", "anna")
    ann.type("/kick zoe no coffee here")
    bob.sees(r"anna has kicked zoe \(no coffee here\)")
    zoe.sees(r"anna has kicked zoe \(no coffee here\)")
    carl.sees("zoe left tea")
    dora.sees("#member-count", "4")
    zoe.type("/join #tea")
    carl.sees(r"(?s)zoe left tea.*zoe joined tea")
    ann.type("/kick carl nor milk")
    carl.sees(r"(?s)anna put you out of tea: nor milk.*you are in no room")
    ann.type("/invite carl")
    carl.sees(r"\[anna → you\] invites you to tea")
    carl.type("/join tea")
    carl.sees(r"joined tea, 5 here")
    dora.sees("#member-count", "5")


if __name__ == "__main__":
    main()
