"""Drives the client that openapi-generator makes for Python."""
import datetime as dt
import os
import uuid

from client import ActivityEvent, AnalyticsApi, ApiClient, ApiException, Configuration, EventProperties, EventType, EventsApi, Interval, OperationsApi, TimeWindow

BASE, STUB = os.environ["BASE_URL"], os.environ["STUB_URL"]


def event(amount, timestamp=None):
    properties = EventProperties(amount=amount)
    timestamp = timestamp or dt.datetime.now(dt.timezone.utc)
    return ActivityEvent(event_id=uuid.uuid4(), user_id="ada", event_type=EventType.PURCHASE, timestamp=timestamp, properties=properties)


def equal(actual, expected):
    assert actual == expected, f"{actual!r} is not {expected!r}"


def connect(host, key=None):
    return ApiClient(Configuration(host=host, access_token=key))


def status(call):
    """The status with which a call fails."""
    try:
        call()
    except ApiException as error:
        return error.status
    return 200


writer, reader = EventsApi(connect(BASE, "writer")), EventsApi(connect(BASE, "reader"))
analytics = AnalyticsApi(connect(BASE, "reader"))
good = [event(1234567.89), event(0.1)]
bad = event(1.0, dt.datetime(2099, 1, 1, tzinfo=dt.timezone.utc))

mixed = writer.send_events_with_http_info([*good, bad])
equal((mixed.status_code, mixed.data.accepted, mixed.data.errors[0].code), (207, 2, "timestamp_in_future"))
equal(writer.send_events(good[:1]).duplicates, 1)
equal(status(lambda: writer.send_events([bad])), 422)

equal(analytics.get_summary(window=TimeWindow.ONE_HOUR).total_events, 2)
equal([user.user_id for user in analytics.list_user_counts().users], ["ada"])
equal(sum(step.total_events for step in analytics.get_time_series(interval=Interval.MINUTE).series), 2)

amounts, after, more = [], "earliest", True
while more:
    page = reader.list_events(after=after, limit=1)
    amounts += [found.properties.amount for found in page.events]
    after, more = page.cursor, page.has_more
equal(amounts, [1234567.89, 0.1])
assert OperationsApi(connect(BASE)).get_health().store.log_bytes > 0
equal(status(lambda: reader.list_events(after="nonsense")), 400)
equal(status(AnalyticsApi(connect(BASE)).get_summary), 401)
equal(status(AnalyticsApi(connect(BASE, "other")).get_summary), 401)
equal(status(lambda: reader.send_events(good)), 403)

newer = EventsApi(connect(STUB, "writer")).send_events_with_http_info(good)
equal((newer.status_code, newer.data.errors[0].code), (207, "a_code_of_tomorrow"))
equal(OperationsApi(connect(STUB)).get_health().store.log_bytes, 3_000_000_000)
