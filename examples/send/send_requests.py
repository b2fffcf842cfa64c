"""Sends events, one JSON object a line of standard input, with the package `requests`.

EVENT_SERVICE is the address of the service, WRITE_KEY a key if it wants one. The retries are urllib3's own: they wait as
`Retry-After` says, and sending again counts nothing twice, since the ids stay the same.
"""
import itertools
import os
import sys
import time

import requests
from requests.adapters import HTTPAdapter
from urllib3.util.retry import Retry

URL = os.environ.get("EVENT_SERVICE", "http://localhost:8080") + "/events"
session = requests.Session()
session.headers["Content-Type"] = "application/x-ndjson"
if "WRITE_KEY" in os.environ:
    session.headers["Authorization"] = "Bearer " + os.environ["WRITE_KEY"]
# POST is not retried unless one says that it may be.
retry = Retry(total=10, backoff_factor=0.5, allowed_methods=["POST"], status_forcelist=[429, 502, 503, 504], raise_on_status=False)
session.mount("http://", HTTPAdapter(max_retries=retry))
session.mount("https://", HTTPAdapter(max_retries=retry))


def send(lines):
    """Sends one batch; returns what the service has rejected. Raises where the request itself is wrong."""
    while True:
        response = session.post(URL, data="\n".join(lines).encode(), timeout=30)
        answer = response.json()
        if "errors" not in answer:
            response.raise_for_status()
        if not answer["unavailable"]:
            return answer["errors"]
        time.sleep(1)  # 207: a part was not accepted


lines = filter(None, (line.strip() for line in sys.stdin))
while batch := list(itertools.islice(lines, 1000)):
    for error in send(batch):
        print(error["code"], error["detail"], batch[error["index"]], file=sys.stderr)
