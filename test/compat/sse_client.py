"""
Reads a stream of events from Python and writes the id of each event as a line. Called with the library's name and the
address; lives until it is ended. A library that does not reconnect by itself is called again with the last id.
"""
import json
import sys
import time


def take(data):
    if data:
        print(json.loads(data).get("event_id", "gap"), flush=True)


def sseclient(url):
    from sseclient import SSEClient
    sys.stdout, out = sys.stderr, sys.stdout  # the library prints why it reconnects
    for message in SSEClient(url):
        if message.data:
            print(json.loads(message.data).get("event_id", "gap"), file=out, flush=True)


def httpx_sse(url):
    import httpx
    from httpx_sse import connect_sse
    last_id = ""
    with httpx.Client(timeout=60) as client:
        while True:
            try:
                headers = {"Last-Event-ID": last_id} if last_id else {}
                with connect_sse(client, "GET", url, headers=headers) as source:
                    for message in source.iter_sse():
                        take(message.data)
                        last_id = message.id
            except httpx.TransportError:
                pass
            time.sleep(0.005)


def lines_of(response):
    """The messages of a response, read line by line as the HTML standard says."""
    data, last_id = [], None
    for line in response:
        line = line.decode().rstrip("\n")
        field, _, value = line.partition(": ")
        if line == "":
            yield "\n".join(data), last_id
            data = []
        elif field == "data":
            data.append(value)
        elif field == "id":
            last_id = value


def by_lines(url, opened, broken):
    last_id = None
    while True:
        try:
            for data, message_id in lines_of(opened(url, {"Last-Event-ID": last_id} if last_id else {})):
                take(data)
                last_id = message_id or last_id
        except broken:
            pass
        time.sleep(0.005)


def urllib(url):
    import http.client
    from urllib.request import Request, urlopen
    by_lines(url, lambda url, headers: urlopen(Request(url, headers=headers)), (OSError, http.client.HTTPException))


def requests(url):
    import requests
    by_lines(url, lambda url, headers: (line + b"\n" for line in requests.get(url, headers=headers, stream=True).iter_lines()), requests.RequestException)


globals()[sys.argv[1]](sys.argv[2])
