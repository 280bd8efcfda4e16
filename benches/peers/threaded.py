#!/usr/bin/env python3
"""The chat server of every socket tutorial: a thread for each client, a list, and a loop of sendall.

    threaded.py PORT
"""

import socket
import sys
import threading

clients = []
lock = threading.Lock()


def serve(client):
    while True:
        try:
            data = client.recv(65536)
        except OSError:
            data = b""
        if not data:
            with lock:
                clients.remove(client)
            client.close()
            return
        with lock:
            everyone = list(clients)
        for other in everyone:
            try:
                other.sendall(data)
            except OSError:
                pass


listener = socket.create_server(("127.0.0.1", int(sys.argv[1])), backlog=4096)
threading.stack_size(256 * 1024)
while True:
    client, _ = listener.accept()
    client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
    with lock:
        clients.append(client)
    threading.Thread(target=serve, args=(client,), daemon=True).start()
