"""Events through Python's `requests` and `sseclient-py`, which read blocks and not lines: python sse_client.py HTTP_PORT."""

import json
import sys
import threading

import requests
import sseclient

BASE = f"http://127.0.0.1:{sys.argv[1]}"
ROOM = f"{BASE}/rooms/sse-py"
TEXTS = ["hello", "grüße", "a\nb"]


def post_all():
    for text in TEXTS:
        answer = requests.post(f"{ROOM}/messages?sender=ann", data=text.encode(), headers={"Content-Type": "text/plain"}, timeout=10)
        assert answer.status_code == 201, answer.text


def listen(**headers):
    """Yields kind, id and data of each event."""
    with requests.get(f"{ROOM}/events", headers=headers, stream=True, timeout=10) as answer:
        assert answer.status_code == 200, answer.text
        for event in sseclient.SSEClient(answer).events():
            yield event.event, event.id, json.loads(event.data)


def main():
    poster = threading.Thread(target=post_all)
    heard, last = [], None
    for kind, place, data in listen():
        if kind == "joined":
            poster.start()
        if kind == "message":
            heard.append(data["text"])
            last = last or place
        if len(heard) == len(TEXTS):
            break
    poster.join()
    assert heard == TEXTS, heard
    # From the id of the first on, the others come again.
    again = (data["text"] for kind, _, data in listen(**{"Last-Event-ID": last}) if kind == "message")
    assert [next(again), next(again)] == TEXTS[1:]
    print(f"python requests {requests.__version__} with sseclient-py: understood")


main()
