#!/usr/bin/env python3
"""Draws the picture of the README: irssi, WeeChat, `hobnob chat` and a browser in one room, as they are.

    cargo build --release && tests/browser/run python3 tests/irc/picture.py docs/room.png
    pngquant --force --ext .png docs/room.png
"""

import html
import os
import re
import shutil
import sys
import tempfile

from clients import chat, irssi, weechat  # Which also finds the next.
from terminal import Browser, end, screen_of, serve

SIZE = {"columns": 81, "rows": 20}
# The sixteen colours of a terminal.
COLOURS = ("#1d2330 #e06c75 #98c379 #d9b26f #61afef #c678dd #56b6c2 #c8ccd4 "
           "#7f8796 #e88b93 #b5d89b #ecd09a #8cc4f5 #d8a1e8 #86d0d8 #ffffff").split()
STYLE = """
body { margin: 0; padding: 14px; width: 1132px; display: grid; grid-template-columns: 1fr 1fr; gap: 12px; background: #fff }
figure { margin: 0; border: 1px solid #b9c0cc; border-radius: 8px; overflow: hidden; background: #1d2330 }
figcaption { padding: 3px 10px; font: 600 12px sans-serif; background: #e8ebf0; color: #333a46 }
pre { margin: 0; padding: 6px 8px; height: 300px; font: 11px/15px "DejaVu Sans Mono", monospace; color: #c8ccd4 }
img { display: block; width: 100% }
"""


def colour_of(codes):
    """The next colour of a list of SGR codes; the codes are used up."""
    if next(codes) == 5:
        number = next(codes)
        if number < 16:
            return COLOURS[number]
        if number >= 232:
            return f"rgb({','.join([str(8 + 10 * (number - 232))] * 3)})"
        steps = [(number - 16) // 36, (number - 16) // 6 % 6, (number - 16) % 6]
    else:
        return f"rgb({next(codes)},{next(codes)},{next(codes)})"
    return f"rgb({','.join(str(step and 55 + 40 * step) for step in steps)})"


def drawn(screen):
    """A terminal's screen as HTML."""
    style, out = {}, []
    for text, codes in re.findall(r"([^\x1b]*)(?:\x1b\[([\d;:]*)m|$)", screen):
        css = ";".join(f"{name}:{value}" for name, value in style.items())
        out.append(f'<span style="{css}">{html.escape(text)}</span>')
        numbers = iter([int(code or 0) for code in re.split("[;:]", codes)])
        for code in numbers:
            if code == 0:
                style = {}
            elif code == 1:
                style["font-weight"] = "bold"
            elif code == 2:
                style["opacity"] = "0.65"
            elif code == 7:
                style |= {"background": "#c8ccd4", "color": "#1d2330"}
            elif code in (38, 48):
                style["color" if code == 38 else "background"] = colour_of(numbers)
            elif code in (39, 49):
                style.pop("color" if code == 39 else "background", None)
            elif code // 10 in (3, 4, 9, 10):
                name = "color" if code // 10 in (3, 9) else "background"
                colour = COLOURS[code % 10 + (8 if code >= 90 else 0)]
                style[name] = colour if name == "color" else f"color-mix(in srgb, {colour} 40%, #1d2330)"
    return "".join(out)


def scene(ports, home):
    """A few people, a few words; where everybody sits, and what they sit in front of."""
    ann = irssi("ann", home, ports["irc"], **SIZE)
    ann.type("/join #tea")
    ann.sees(r"Total of 1 nicks")
    ann.type("/topic green or black?")
    bob = weechat("bob", home, ports["irc"], **SIZE)
    ann.sees("bob .*has joined")
    carl = chat("carl", ports["frame"], "tea", **SIZE)
    ann.sees("carl .*has joined")
    dora = Browser("dora", ports["http"], "tea")
    dora.setSize(820, 458)
    dora.enter("dora")
    ann.sees("dora .*has joined")
    people = {"irssi": ann, "WeeChat": bob, "hobnob chat": carl, "a browser": dora}
    for it, words in [(ann, "the kettle is on"), (bob, "/me brings the cups"), (carl, "green for me, please"),
                      (dora, "black, and a biscuit"), (ann, "coming, dora"), (dora, "/me can hardly wait")]:
        it.say(words) if it is dora else it.type(words)
        dora.hears(words if words[0] != "/" else f"* {it.name} {words[4:]}")
    for it in (ann, bob, carl):
        it.sees(r"\* dora can hardly wait|\* \| dora can hardly wait")
    return people


def main():
    picture = os.path.abspath(sys.argv[1])
    relay, ports = serve("irc://127.0.0.1:0", "frame://127.0.0.1:0", "http://127.0.0.1:0")
    home = tempfile.mkdtemp(prefix="hobnob-irc-")
    try:
        people = scene(ports, home)
        dora = people["a browser"]
        page = screen_of("page")
        dora.picture(page)
        figures = ""
        for program, it in people.items():
            shown = f'<img src="file://{page}.png">' if it is dora else f"<pre>{drawn(it.coloured())}</pre>"
            figures += f"<figure><figcaption>{it.name}: {program}</figcaption>{shown}</figure>"
        with open(screen_of("room") + ".html", "w") as file:
            file.write(f"<!doctype html><meta charset=utf-8><style>{STYLE}</style>{figures}")
        dora.draw(screen_of("room") + ".html", 1160, picture.removesuffix(".png"))
    finally:
        end(relay)
        shutil.rmtree(home, ignore_errors=True)


main()
