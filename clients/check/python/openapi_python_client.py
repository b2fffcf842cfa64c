"""Drives the client that openapi-python-client makes."""
import datetime as dt
import os
import uuid

from client import AuthenticatedClient, Client
from client.api.analytics import get_summary, get_time_series, list_user_counts
from client.api.events import list_events, send_events
from client.api.operations import get_health
from client.models import ActivityEvent, EventProperties, EventType, Interval, TimeWindow

BASE, STUB = os.environ["BASE_URL"], os.environ["STUB_URL"]


def event(amount, timestamp=None):
    properties = EventProperties(amount=amount)
    timestamp = timestamp or dt.datetime.now(dt.timezone.utc)
    return ActivityEvent(event_id=uuid.uuid4(), user_id="ada", event_type=EventType.PURCHASE, timestamp=timestamp, properties=properties)


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


writer = AuthenticatedClient(base_url=BASE, token="writer")
reader = AuthenticatedClient(base_url=BASE, token="reader")
good = [event(1234567.89), event(0.1)]
bad = event(1.0, dt.datetime(2099, 1, 1, tzinfo=dt.timezone.utc))

mixed = send_events.sync_detailed(client=writer, body=[*good, bad])
equal((int(mixed.status_code), mixed.parsed.accepted, mixed.parsed.errors[0].code), (207, 2, "timestamp_in_future"))
equal(send_events.sync(client=writer, body=good[:1]).duplicates, 1)
rejected = send_events.sync_detailed(client=writer, body=[bad])
equal((int(rejected.status_code), rejected.parsed.rejected), (422, 1))

equal(get_summary.sync(client=reader, window=TimeWindow.ONE_HOUR).total_events, 2)
equal([user.user_id for user in list_user_counts.sync(client=reader).users], ["ada"])
equal(sum(step.total_events for step in get_time_series.sync(client=reader, interval=Interval.MINUTE).series), 2)

amounts, after, more = [], "earliest", True
while more:
    page = list_events.sync(client=reader, after=after, limit=1)
    amounts += [found.properties.amount for found in page.events]
    after, more = page.cursor, page.has_more
equal(amounts, [1234567.89, 0.1])
assert get_health.sync(client=reader).store.log_bytes > 0
equal(int(list_events.sync_detailed(client=reader, after="nonsense").status_code), 400)
equal(int(get_summary.sync_detailed(client=Client(base_url=BASE)).status_code), 401)
equal(int(get_summary.sync_detailed(client=AuthenticatedClient(base_url=BASE, token="other")).status_code), 401)
equal(int(send_events.sync_detailed(client=reader, body=good).status_code), 403)

newer = send_events.sync_detailed(client=AuthenticatedClient(base_url=STUB, token="writer"), body=good)
equal((int(newer.status_code), newer.parsed.errors[0].code), (207, "a_code_of_tomorrow"))
equal(get_health.sync(client=Client(base_url=STUB)).store.log_bytes, 3_000_000_000)
