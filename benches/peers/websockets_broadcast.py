#!/usr/bin/env python3
"""The broadcast of Python's `websockets`, as its documentation has it, with compression and pings off.

    websockets_broadcast.py PORT
"""

import asyncio
import sys

from websockets.asyncio.server import broadcast, serve

connections = set()


async def relay(socket):
    connections.add(socket)
    try:
        async for message in socket:
            broadcast(connections, message)
    finally:
        connections.remove(socket)


async def main():
    options = dict(compression=None, ping_interval=None, backlog=4096)
    async with serve(relay, "127.0.0.1", int(sys.argv[1]), **options):
        await asyncio.get_running_loop().create_future()


asyncio.run(main())
