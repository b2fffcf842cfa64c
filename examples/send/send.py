"""Sends events, one JSON object a line of standard input, with the standard library of Python only.

EVENT_SERVICE is the address of the service, WRITE_KEY a key if it wants one. Each batch is sent until the service has
counted or rejected every event of it. The ids stay the same, so what was counted already is a duplicate and nothing more.
"""
import itertools
import json
import os
import sys
import time
import urllib.error
import urllib.request

URL = os.environ.get("EVENT_SERVICE", "http://localhost:8080") + "/events"
HEADERS = {"Content-Type": "application/x-ndjson"}
if "WRITE_KEY" in os.environ:
    HEADERS["Authorization"] = "Bearer " + os.environ["WRITE_KEY"]


def attempt(body):
    """Returns the status, the answer and the seconds to wait before another attempt; status 0 where no answer came."""
    try:
        with urllib.request.urlopen(urllib.request.Request(URL, body, HEADERS), timeout=30) as response:
            return response.status, json.load(response), 0
    except urllib.error.HTTPError as error:
        text = error.read()
        is_json = "json" in error.headers.get("Content-Type", "")
        return error.code, json.loads(text) if is_json else {}, float(error.headers.get("Retry-After", 0))
    except OSError:
        return 0, {}, 0


def send(lines):
    """Sends one batch; returns what the service has rejected. Raises ValueError where the request itself is wrong."""
    body = "\n".join(lines).encode()
    for failures in itertools.count():
        status, answer, wait = attempt(body)
        if status in (0, 429) or status >= 500 or answer.get("unavailable"):
            time.sleep(wait or min(30, 2 ** failures / 2))
        elif "errors" in answer:
            return answer["errors"]
        else:
            raise ValueError(f"{status} {answer.get('detail')}")


lines = filter(None, (line.strip() for line in sys.stdin))
while batch := list(itertools.islice(lines, 1000)):
    for error in send(batch):
        print(error["code"], error["detail"], batch[error["index"]], file=sys.stderr)
