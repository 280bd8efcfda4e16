#!/usr/bin/env python3
"""What the README says of HTTP, run as it stands there; `/metrics` through Prometheus' own parser;
and `hobnob top` in a terminal (tmux), with and without a relay.

    pip install --target target/python prometheus-client
    cargo build --release && python3 tests/watch.py
"""

import os
import re
import subprocess
import sys
import time
import urllib.request

from terminal import HOBNOB, PATIENCE, ROOT, Terminal, end, serve

sys.path.insert(0, os.path.join(ROOT, "target", "python"))
try:
    from prometheus_client.parser import text_string_to_metric_families
except ImportError:
    sys.exit("prometheus_client is not here: python3 -m pip install --target target/python prometheus-client")


def transcripts():
    """Commands of the README's console blocks, each with what it shows."""
    for block in re.findall(r"^```console\n(.*?)^```$", open(os.path.join(ROOT, "README.md")).read(), re.M | re.S):
        for part in re.split(r"^\$ ", block, flags=re.M)[1:]:
            command, shown = part.split("\n", 1)
            yield command, shown


def run_readme(ports):
    """Each command as written, but for the ports; `…` stands for anything on its line."""
    count = 0
    for command, shown in transcripts():
        here = command.replace(":8080", f":{ports['http']}").replace(":9090", f":{ports['admin']}")
        done = subprocess.run(here.replace("curl ", "curl -sS ", 1), shell=True, capture_output=True, text=True)
        pattern = re.escape(shown).replace("…", ".*?")
        # What ends by its own time limit says so.
        said = "" if "--max-time" in command else done.stderr
        if not re.fullmatch(pattern, done.stdout) or said:
            sys.exit(f"$ {command}\n{done.stdout}{done.stderr}\nis not what the README shows:\n{shown}")
        count += 1
    assert count >= 8, f"only {count} commands in the README"
    print(f"the README: {count} commands answer as they are shown to")


def check_metrics(ports):
    """As Prometheus reads it, and as promtool would have it."""
    page = urllib.request.urlopen(f"http://127.0.0.1:{ports['admin']}/metrics").read().decode()
    seen = set()
    for family in text_string_to_metric_families(page):
        name = family.name
        assert name.startswith("hobnob_") and re.fullmatch(r"[a-z_]+", name), f"{name} is no name"
        assert name not in seen, f"{name} comes twice"
        seen.add(name)
        assert family.documentation.endswith("."), f"{name} has no help"
        assert family.type in ("counter", "gauge", "histogram"), f"{name} is {family.type}"
        assert family.samples, f"{name} has no number"
        for sample in family.samples:
            total = sample.name.endswith("_total")
            assert total == (family.type == "counter"), f"{sample.name} is a {family.type}"
            assert sample.value >= 0, f"{sample.name} is {sample.value}"
        keys = [(sample.name, tuple(sorted(sample.labels.items()))) for sample in family.samples]
        assert len(keys) == len(set(keys)), f"{name} has a number twice"
        if family.type == "histogram":
            buckets = [(float(s.labels["le"]), s.value) for s in family.samples if s.name.endswith("_bucket")]
            counts = [count for _, count in buckets]
            assert buckets == sorted(buckets) and counts == sorted(counts), f"{name} is not cumulative"
            total = next(s.value for s in family.samples if s.name.endswith("_count"))
            assert buckets[-1] == (float("inf"), total), f"{name} ends elsewhere"
            assert name.endswith("_seconds"), f"{name} has no unit"
    for name in ("connections", "rooms", "messages", "deliveries", "received_bytes", "sent_bytes", "backlog_bytes",
                 "laggards", "gaps", "closes", "refusals", "turn_duration_seconds", "loop_lag_seconds"):
        assert f"hobnob_{name}" in seen, f"hobnob_{name} is missing"
    print(f"/metrics: {len(seen)} families, as Prometheus reads them")


def watch_top(relay, ports):
    """Numbers that move, keys, a terminal that changes its size, and a relay that goes."""
    top = Terminal("top", f"{HOBNOB} top http://127.0.0.1:{ports['admin']}", columns=80, rows=24)
    top.sees(r"(?s)hobnob \d.*ready.*largest rooms, by members.*no peer is behind.*ops .*refused, by reason.*q  quit")
    assert all(len(line) <= 80 for line in top.screen().splitlines())
    url = f"http://127.0.0.1:{ports['http']}/rooms/busy/messages"
    until = time.monotonic() + PATIENCE
    while not re.search(r"messages [1-9]", top.screen()):
        assert time.monotonic() < until, f"top counts nothing:\n{top.screen()}"
        urllib.request.urlopen(url, data=b"x").read()
        time.sleep(0.05)
    top.sees(r"busy ")
    top.keys("s")
    top.sees("by messages/s")
    top.tmux("resize-window", "-t", "top", "-x", "60", "-y", "16")
    top.sees(r"(?s)by messages/s.*slowest peers.*q  quit")
    top.tmux("resize-window", "-t", "top", "-x", "120", "-y", "40")
    top.sees(r"(?s)by messages/s.*refused, by reason")
    relay.terminate()
    relay.wait(PATIENCE)
    top.sees("unreachable")
    top.keys("q")
    nobody = Terminal("nobody", f"{HOBNOB} top http://127.0.0.1:{ports['admin']}")
    nobody.sees("(?s)Is the relay running.*hobnob serve")
    nobody.keys("q")
    print("hobnob top: numbers, keys, sizes, and a relay that is not there")


def main():
    relay, ports = serve("http://127.0.0.1:0", "frame://127.0.0.1:0", admin="http://127.0.0.1:0")
    try:
        run_readme(ports)
        check_metrics(ports)
        watch_top(relay, ports)
    finally:
        end(relay)


main()
