#!/usr/bin/env python3
"""The chat client of every socket tutorial, for a hobnob `raw` listener.

    python3 tutorial_client.py [HOST [PORT]]

One thread prints what arrives, the other sends what is typed. There is no protocol: what one
`send` sends is one message, and everyone gets it, the sender too.
"""

import socket
import sys
import threading

host = sys.argv[1] if len(sys.argv) > 1 else "127.0.0.1"
port = int(sys.argv[2]) if len(sys.argv) > 2 else 12345

client = socket.create_connection((host, port))


def receive():
    while True:
        data = client.recv(1024)
        if not data:
            print("The relay has closed the connection.")
            return
        # A character of several bytes may be cut by the 1024: better a mark than a dead thread.
        print(data.decode(errors="replace"), flush=True)


threading.Thread(target=receive, daemon=True).start()

try:
    while True:
        text = input()
        client.send(text.encode())
except (EOFError, KeyboardInterrupt):
    client.close()
