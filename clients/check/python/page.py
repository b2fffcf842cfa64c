"""Does what the page for Python says; the line below stands for its functions."""
import datetime as dt
import os
import uuid

from client.models import ActivityEvent, EventType

# THE PAGE

writer, reader = (AuthenticatedClient(os.environ["REHEARSAL_URL"], token=key) for key in ("writer", "reader"))
event = lambda: ActivityEvent(event_id=uuid.uuid4(), user_id="ada", event_type=EventType.CLICK, timestamp=dt.datetime.now(dt.timezone.utc))
assert send(writer, [event(), event(), event()]).rejected == 1
assert total(reader) == 12
