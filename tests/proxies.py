#!/usr/bin/env python3
"""The relay behind nginx, haproxy and Caddy, each configured by the block in docs/PROXIES.md: the page, WebSocket,
IRC over WebSocket, events, forwarded addresses, health checks, pooled connections, and a reload under live ones.

    cargo build --release && python3 tests/proxies.py [NAME]
"""

import base64
import json
import os
import re
import shutil
import socket
import struct
import subprocess
import sys
import tempfile
import time

from terminal import PATIENCE, ROOT, end, serve

HOST = "chat.example"
# Where distributions put what only root is meant to run.
os.environ["PATH"] += ":/usr/sbin:/sbin"


def blocks():
    """The configurations of the page, by their language."""
    with open(os.path.join(ROOT, "docs", "PROXIES.md"), encoding="utf-8") as page:
        return dict(re.findall(r"```(\S+)\n(.*?)```", page.read(), re.S))


def free_port():
    with socket.socket() as listener:
        listener.bind(("127.0.0.1", 0))
        return listener.getsockname()[1]


class Reader:
    """A connection, and what came over it."""

    def __init__(self, port, request, source="127.0.0.1"):
        self.socket = socket.create_connection(("127.0.0.1", port), PATIENCE, (source, 0))
        self.held = b""
        self.send(request)

    def send(self, data):
        self.socket.sendall(data)

    def until(self, mark):
        """Reads up to a mark, and returns what stood before it."""
        while mark not in self.held:
            more = self.socket.recv(65536)
            assert more, f"the end, and before it {self.held!r}"
            self.held += more
        before, self.held = self.held.split(mark, 1)
        return before.decode()

    def exactly(self, count):
        while len(self.held) < count:
            more = self.socket.recv(65536)
            assert more, f"the end, and before it {self.held!r}"
            self.held += more
        data, self.held = self.held[:count], self.held[count:]
        return data

    def answer(self):
        """Status, headers and body of an answer."""
        head = self.until(b"\r\n\r\n").split("\r\n")
        headers = {key.lower(): value for key, value in (line.split(": ", 1) for line in head[1:])}
        body = b""
        if headers.get("transfer-encoding") == "chunked":
            while size := int(self.until(b"\r\n"), 16):
                body += self.exactly(size)
                self.exactly(2)
            self.exactly(2)
        else:
            body = self.exactly(int(headers.get("content-length", 0)))
        return int(head[0].split()[1]), headers, body


def request(method, path, body=b"", **headers):
    lines = [f"{method} {path} HTTP/1.1", f"Host: {HOST}"]
    lines += [f"{key.replace('_', '-')}: {value}" for key, value in headers.items()]
    lines += [f"Content-Length: {len(body)}"] if body else []
    return ("\r\n".join(lines) + "\r\n\r\n").encode() + body


def ask(port, method, path, body=b"", **headers):
    return Reader(port, request(method, path, body, **headers)).answer()


class Closed(Exception):
    """A WebSocket was closed, with this code."""


class WebSocket(Reader):
    """Text messages, from a page of the host itself."""

    def __init__(self, port, path, protocol):
        key = base64.b64encode(os.urandom(16)).decode()
        super().__init__(port, request("GET", path, Upgrade="websocket", Connection="Upgrade", Sec_WebSocket_Key=key,
                                       Sec_WebSocket_Version=13, Sec_WebSocket_Protocol=protocol, Origin=f"http://{HOST}"))
        head = self.until(b"\r\n\r\n")
        assert head.startswith("HTTP/1.1 101 "), head

    def say(self, text):
        data, mask = text.encode(), os.urandom(4)
        length = struct.pack(">BB", 0x81, 0x80 | len(data)) if len(data) < 126 else struct.pack(">BBH", 0x81, 0xFE, len(data))
        self.send(length + mask + bytes(byte ^ mask[at % 4] for at, byte in enumerate(data)))

    def hear(self, *words):
        """Waits for a message with all these words in it."""
        while True:
            first, length = self.exactly(2)
            if length == 126:
                length = struct.unpack(">H", self.exactly(2))[0]
            data = self.exactly(length)
            if first == 0x88:
                raise Closed(struct.unpack(">H", data[:2])[0])
            text = data.decode()
            if first == 0x81 and all(word in text for word in words):
                return text


def check_web(port):
    """What readers and pages do."""
    status, headers, page = ask(port, "GET", "/")
    assert status == 200 and headers["content-type"].startswith("text/html") and b"<html" in page, (status, headers)
    # An event stream: the first event at once, and each one as it comes.
    stream = Reader(port, request("GET", "/rooms/tea/events?name=eve"))
    began = time.monotonic()
    assert " 200 " in stream.until(b"\r\n"), stream.held
    stream.until(b"event: joined\n")
    for text in ("one", "two"):
        status, _, body = ask(port, "POST", "/rooms/tea/messages?sender=ann", text.encode())
        assert status == 201, body
        stream.until(f'"text":"{text}"'.encode())
    took = time.monotonic() - began
    assert took < 2, f"events took {took:.1f} s: they are held back"
    # Frames, and IRC, over WebSocket.
    ann = WebSocket(port, "/connect", "hobnob.v1")
    ann.say(json.dumps({"type": "hello", "version": 1, "name": "ann"}))
    ann.hear('"welcome"')
    ann.say(json.dumps({"type": "join", "request": 1, "room": "tea"}))
    room = json.loads(ann.hear('"joined"'))["room"]
    bob = WebSocket(port, "/irc", "text.ircv3.net")
    bob.say("NICK bob\r\n")
    bob.say("USER bob 0 * :Bob\r\n")
    bob.hear(" 001 bob ")
    bob.say("JOIN #tea\r\n")
    ann.hear('"came"', '"bob"')
    bob.say("PRIVMSG #tea :from bob\r\n")
    ann.hear('"message"', "from bob")
    stream.until(b"from bob")
    return ann, bob, room


def check_reload(port, ann, bob, room, reload, closes):
    """Who is connected stays so, or is told to come back where the proxy closes; and who comes then is let in."""
    reload()
    until = time.monotonic() + PATIENCE
    while True:
        try:
            if ask(port, "GET", "/rooms")[0] == 200:
                break
        except OSError:
            assert time.monotonic() < until, "nobody answers after the reload"
            time.sleep(0.05)
    if closes:
        for somebody in (ann, bob):
            try:
                somebody.hear("nothing that anybody says")
            except Closed as closed:
                assert closed.args == (1001,), closed
        check_web(port)
        return
    bob.say("PRIVMSG #tea :after the reload")
    ann.hear("after the reload")
    ann.say(json.dumps({"type": "say", "room": room, "id": 1, "text": "here too"}))
    bob.hear("here too")


def check_pool(port):
    """Answers over connections that the proxy keeps: none is lost when the relay closes an idle one."""
    for pause in (0, 0.2, 0, 1):
        time.sleep(pause)
        status, _, body = ask(port, "GET", "/rooms")
        assert status == 200, body


def check_address(port, log):
    """The relay knows where a client of the proxy is: here, at another address of this machine."""
    stream = Reader(port, request("GET", "/rooms/forwarded/events?name=fred"), source="127.0.0.77")
    stream.until(b"event: joined\n")
    with open(log.name, encoding="utf-8") as lines:
        assert "127.0.0.77" in lines.read(), "the relay does not know the client's address"


def wait_for(port, process):
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        assert process.poll() is None, f"the proxy ended with {process.returncode}"
        try:
            socket.create_connection(("127.0.0.1", port), timeout=1).close()
            return
        except OSError:
            time.sleep(0.05)
    raise AssertionError("the proxy does not listen")


class Proxy:
    """One proxy with one of the configurations, in a folder of its own."""

    def __init__(self, kind, relay_port):
        self.folder = tempfile.mkdtemp(prefix="hobnob-proxy-")
        self.port = free_port()
        ours = [("127.0.0.1:8000", f"127.0.0.1:{self.port}"), ("127.0.0.1:8080", f"127.0.0.1:{relay_port}"),
                (f"{HOST} {{", f"http://{HOST}:{self.port} {{\n    bind 127.0.0.1")]
        config = blocks()[kind]
        for theirs, our in ours:
            config = config.replace(theirs, our)
        self.path = os.path.join(self.folder, "Caddyfile" if kind == "caddy" else "proxy.conf")
        wrap, command = {"nginx": (self.nginx_http, self.nginx), "nginx-proxy": (self.nginx_stream, self.nginx), "haproxy": (str, self.haproxy),
                         "haproxy-proxy": (str, self.haproxy), "caddy": (self.caddy_admin, self.caddy)}[kind]
        with open(self.path, "w", encoding="utf-8") as file:
            file.write(wrap(config))
        self.log = open(os.path.join(self.folder, "log"), "wb")
        command = command()
        if not shutil.which(command[0]):
            sys.exit(f"{command[0]} is missing: apt-get install nginx-light libnginx-mod-stream haproxy caddy")
        self.process = subprocess.Popen(command, stdout=self.log, stderr=self.log, env={**os.environ, "HOME": self.folder})
        try:
            wait_for(self.port, self.process)
        except AssertionError:
            print(open(os.path.join(self.folder, "log"), encoding="utf-8").read(), file=sys.stderr)
            self.stop()
            raise

    def nginx_main(self, section):
        modules = "".join(f"load_module {path};\n" for path in ["/usr/lib/nginx/modules/ngx_stream_module.so"] if "stream" in section and os.path.exists(path))
        return f"{modules}pid {self.folder}/pid;\nerror_log {self.folder}/error;\ndaemon off;\nevents {{}}\n{section}"

    def nginx_http(self, config):
        temporary = "".join(f"{name}_temp_path {self.folder}/{name};\n" for name in ("client_body", "proxy", "fastcgi", "uwsgi", "scgi"))
        return self.nginx_main(f"http {{\naccess_log off;\n{temporary}{config}}}\n")

    def nginx_stream(self, config):
        return self.nginx_main(f"stream {{\n{config}}}\n")

    def caddy_admin(self, config):
        self.admin = free_port()
        return f"{{\n    admin 127.0.0.1:{self.admin}\n    auto_https off\n}}\n{config}"

    def nginx(self):
        self.reload = lambda: subprocess.run(["nginx", "-p", self.folder, "-c", self.path, "-s", "reload"], check=True, stderr=self.log)
        return ["nginx", "-p", self.folder, "-c", self.path]

    def haproxy(self):
        self.reload = lambda: self.process.send_signal(12)
        return ["haproxy", "-W", "-f", self.path]

    def caddy(self):
        command = ["caddy", "reload", "--config", self.path, "--adapter", "caddyfile", "--address", f"127.0.0.1:{self.admin}", "--force"]
        self.reload = lambda: subprocess.run(command, check=True, stdout=self.log, stderr=self.log, env={**os.environ, "HOME": self.folder})
        return ["caddy", "run", "--config", self.path, "--adapter", "caddyfile"]

    def stop(self):
        self.process.terminate()
        try:
            self.process.wait(PATIENCE)
        except subprocess.TimeoutExpired:
            self.process.kill()
            self.process.wait()
        self.log.close()
        shutil.rmtree(self.folder, ignore_errors=True)


LISTENERS = {
    "nginx": f"http://127.0.0.1:0?host={HOST}&trust=127.0.0.1",
    "haproxy": f"http://127.0.0.1:0?host={HOST}&trust=127.0.0.1",
    "caddy": f"http://127.0.0.1:0?host={HOST}&trust=127.0.0.1",
    "haproxy-proxy": "http://127.0.0.1:0?trust=127.0.0.1&proxy=true",
    "nginx-proxy": "http://127.0.0.1:0?trust=127.0.0.1&proxy=true",
}


def main():
    kinds = sys.argv[1:] or list(LISTENERS)
    for kind in kinds:
        log, proxy = tempfile.NamedTemporaryFile(), None
        relay, ports = serve(LISTENERS[kind], log=log)
        try:
            proxy = Proxy(kind, ports["http"])
            ann, bob, room = check_web(proxy.port)
            check_address(proxy.port, log)
            check_pool(proxy.port)
            check_reload(proxy.port, ann, bob, room, proxy.reload, closes=kind == "caddy")
            print(f"{kind}: page, events, frames, IRC, addresses, pooled connections and a reload", flush=True)
        finally:
            if proxy:
                proxy.stop()
            end(relay)
            log.close()


main()
