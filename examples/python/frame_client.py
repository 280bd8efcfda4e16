#!/usr/bin/env python3
"""A chat client for a hobnob `frame` listener, with nothing but the standard library.

    python3 frame_client.py 127.0.0.1:PORT lobby --name ann

Lines typed are said in the room. A lost connection is made again: messages missed meanwhile
arrive then, once each, and lines the relay had not acknowledged are said then, once each.
It speaks the JSON spelling; docs/PROTOCOL.md has every verb.
"""

import argparse
import base64
import itertools
import json
import random
import socket
import sys
import threading
import time

NAME_TAKEN, BAD_NAME, BAD_ROOM = 100, 101, 102
# Ends after which a new try may do better: see "Ends" in docs/PROTOCOL.md.
TRY_AGAIN = {203, 204, 205, 207, 209, 210, 500}


class Client:
    def __init__(self, address, room_name, name):
        self.address, self.room_name, self.name = address, room_name, name
        self.key = None  # Proves after a lost connection that the name is ours.
        self.room = None  # The room's number, while we are in it.
        self.place = {}  # Epoch and offset: where our knowledge of the room ends.
        self.ids = itertools.count(1)
        self.unacknowledged = {}  # Message id -> text, in the order in which they were typed.
        self.typed_all = False
        self.pause = 1.0
        self.lock = threading.RLock()  # Two threads use the above: this one and the keyboard's.

    def run(self):
        while True:
            try:
                # The relay pings after half a minute without a word from us, so a whole minute
                # in which nothing comes means that nobody is there.
                with socket.create_connection(self.address, timeout=60) as self.socket:
                    self.converse()
            except OSError as error:
                print(f"-- {error}", file=sys.stderr)
            with self.lock:
                self.room = None
            # Something random, so that a thousand clients do not come back in the same moment.
            time.sleep(self.pause * random.uniform(0.5, 1.5))
            self.pause = min(self.pause * 2, 30)

    def converse(self):
        self.send(type="hello", version=1, private=True, key=self.key, name=self.name)
        # TCP is a stream: one recv() may hold half a line, or ten. A file made from the socket
        # gives whole lines, and only what came before the end may be less than one.
        for line in self.socket.makefile("rb"):
            if line.endswith(b"\n"):
                self.handle(json.loads(line))
        raise ConnectionError("the connection broke")

    def handle(self, frame):
        match frame["type"]:
            case "welcome":
                self.name, self.key = frame["name"], frame["key"]
                self.send(type="join", room=self.room_name, **self.place)
            case "joined":
                print(f"-- you are {self.name}, one of {frame['members']} in {frame['name']}")
                if not frame["recovered"]:
                    if self.place:
                        print("-- messages may have been missed")
                    self.place = {"epoch": frame["epoch"], "offset": frame["head"]}
                self.pause = 1.0
                with self.lock:
                    self.room = frame["room"]
                    for message_id in self.unacknowledged:
                        self.say(message_id)
            case "message":
                print(line_of(frame), flush=True)
                self.place["offset"] = frame["offset"]
            case "told":
                print(f"[to you] {line_of(frame)}", flush=True)
            case "ack":
                self.unacknowledged.pop(frame["id"], None)
            case "came" | "went":
                print(f"-- {frame['name']} {frame['type']}, {frame['count']} are here")
            case "gap":
                print(f"-- messages {frame['from']} to {frame['to']} were lost: we read too slowly")
                self.place["offset"] = frame["to"]
            case "left":
                sys.exit(1)  # We did not ask: an operator has put us out, and said why in an error.
            case "ping":
                self.send(type="pong", token=frame["token"])
            case "error":
                print(f"-- error {frame['code']}: {printable(frame['text'])}", file=sys.stderr)
                if frame["code"] in (NAME_TAKEN, BAD_NAME, BAD_ROOM):
                    sys.exit(1)
                self.unacknowledged.pop(frame["request"], None)
            case "bye" if frame["code"] in TRY_AGAIN:
                raise ConnectionError(frame["text"])
            case "bye":
                sys.exit(0 if self.typed_all else f"-- {frame['text']}")
        if self.typed_all and self.room is not None and not self.unacknowledged:
            self.send(type="bye")

    def type(self):
        """Runs in a thread of its own, because it waits for the keyboard."""
        for line in sys.stdin:
            with self.lock:
                message_id = next(self.ids)
                self.unacknowledged[message_id] = line.rstrip("\n")
                if self.room is not None:  # Else it is said as soon as we are back.
                    self.say(message_id)
        self.typed_all = True
        if self.room is not None and not self.unacknowledged:
            self.send(type="bye")

    def say(self, message_id):
        text = self.unacknowledged[message_id]
        self.send(type="say", room=self.room, id=message_id, text=text)

    def send(self, **frame):
        with self.lock:
            try:
                self.socket.sendall(json.dumps(frame).encode() + b"\n")
            except OSError:
                pass  # The reading side notices, too, and that is where coming back begins.


def line_of(frame):
    """Who said what; or did what, which everybody writes as IRC does (CTCP ACTION)."""
    payload = base64.b64decode(frame.get("base64", "")).decode(errors="replace")
    text = frame.get("text", payload)
    if text.startswith("\x01ACTION "):
        return f"* {frame['sender']} {printable(text[8:].strip(chr(1)))}"
    return f"{frame['sender']}: {printable(text)}"


def printable(text):
    """Strangers wrote this: what steers terminals must not reach ours."""
    return "".join(c if c.isprintable() else "\N{MIDDLE DOT}" for c in text.rstrip("\r\n"))


def main():
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("address", help="HOST:PORT of a frame listener")
    parser.add_argument("room", nargs="?", default="lobby")
    parser.add_argument("--name", default="", help="default: a guest's name")
    arguments = parser.parse_args()
    host, _, port = arguments.address.rpartition(":")
    client = Client((host.strip("[]"), int(port)), arguments.room, arguments.name)
    threading.Thread(target=client.type, daemon=True).start()
    client.run()


if __name__ == "__main__":
    try:
        main()
    except KeyboardInterrupt:
        pass
