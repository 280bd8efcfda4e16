#!/usr/bin/env python3
"""uWebSockets, as the package socketify brings it: its example of publish and subscribe, everyone in one topic.

    uws.py PORT

Python hears each message once; who gets it, and all that is written, is uWebSockets' own.
"""

import sys

from socketify import App, AppListenOptions

app = App()
app.ws("/*", {
    "open": lambda socket: socket.subscribe("all"),
    "message": lambda socket, message, opcode: app.publish("all", message, opcode),
    "compression": 0,
    "idle_timeout": 0,
    # Otherwise what a reader does not take at once would be left out.
    "max_backpressure": 1 << 30,
})
app.listen(AppListenOptions(port=int(sys.argv[1]), host="127.0.0.1"))
app.run()
