"""Python's `websockets` in frames and verbatim, and a plain socket, all in one room.

    websockets_client.py HTTP_PORT RAW_PORT
"""

import asyncio
import json
import socket
import sys

import websockets
from websockets.asyncio.client import connect

HTTP, RAW = sys.argv[1], int(sys.argv[2])
BASE = f"ws://127.0.0.1:{HTTP}"


async def hear(frames, kind):
    """The next frame of a kind; news of members in between are no surprise."""
    while True:
        frame = json.loads(await asyncio.wait_for(frames.recv(), 10))
        if frame["type"] == kind:
            return frame


async def main():
    async with connect(f"{BASE}/connect", subprotocols=["other.v9", "hobnob.v1"]) as ann:
        assert ann.subprotocol == "hobnob.v1", ann.subprotocol
        await ann.send(json.dumps({"type": "hello", "version": 1, "name": "ann"}))
        assert (await hear(ann, "welcome"))["name"] == "ann"
        await ann.send(json.dumps({"type": "join", "request": 1, "room": "tea"}))
        room = (await hear(ann, "joined"))["room"]
        async with connect(f"{BASE}/raw/tea") as bob:
            plain = socket.create_connection(("127.0.0.1", RAW))
            plain.settimeout(10)
            while (await hear(ann, "came"))["count"] < 3:
                pass
            # In one frame, and in fragments with a ping between them.
            for said in ["grüße", ["in ", "three ", "parts"], b"\x00\xff", [b"a", b"\xfe"]]:
                await bob.send(said)
                pong = await bob.ping(b"alive")
                whole = said if isinstance(said, (str, bytes)) else type(said[0])().join(said)
                assert await asyncio.wait_for(bob.recv(), 10) == whole
                await asyncio.wait_for(pong, 10)
                heard = await hear(ann, "message")
                if isinstance(whole, str):
                    assert heard["text"] == whole, heard
                    assert plain.recv(1000).decode() == whole + "\n"
                else:
                    assert "base64" in heard, heard
                    assert plain.recv(1000) == whole
            await ann.send(json.dumps({"type": "say", "room": room, "id": 7, "text": "x" * 60_000}))
            assert await asyncio.wait_for(bob.recv(), 10) == "x" * 60_000
            assert (await hear(ann, "ack"))["id"] == 7
            plain.close()
        await ann.send(json.dumps({"type": "sing"}))
        assert (await hear(ann, "error"))["code"] == 300
        assert (await hear(ann, "bye"))["code"] == 300
        try:
            await asyncio.wait_for(ann.recv(), 10)
            raise AssertionError("it goes on")
        except websockets.ConnectionClosed as closed:
            assert closed.rcvd.code == 1002 and closed.rcvd.reason.startswith("bad_frame: "), closed
    # Offered what the relay does not speak, it agrees to none, and the conversation goes on (RFC 6455, 4.2.2).
    async with connect(f"{BASE}/connect", subprotocols=["soap"]) as eve:
        assert eve.subprotocol is None, eve.subprotocol
        await eve.send(json.dumps({"type": "hello", "version": 1, "name": "eve"}))
        assert (await hear(eve, "welcome"))["name"] == "eve"
    for path, options in [("/raw/a%20b", {}), ("/connect", {"origin": "https://evil.example"})]:
        try:
            await connect(BASE + path, **options)
            raise AssertionError(f"{path} with {options} was accepted")
        except websockets.InvalidStatus as refused:
            assert refused.response.status_code in (400, 403), refused
    print(f"python websockets {websockets.__version__}: understood")


asyncio.run(main())
