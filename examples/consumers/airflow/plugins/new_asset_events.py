"""Read the asset events that no run has handled, page by page, without skipping any.

Airflow returns an asset's events only by time. The time comes from the clock of the process that stored the event, and
a process can commit an event after one with a higher id. An event that appears later can therefore have an earlier time
or a lower id than a handled one. `read_pages` reads the last minutes again in each run, and recognizes handled events
by their ids. This module does not import Airflow, so that it can be tested alone.
"""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

PAGE = 500
"""The largest number of asset events in one page, unless more events have the same time."""
CLOCK_DIFFERENCE = timedelta(minutes=2)
"""The largest difference between the clocks of Airflow's hosts.

Airflow itself needs a smaller difference: it reassigns the triggers of a triggerer whose heartbeat is 30 s old by
another triggerer's clock.
https://airflow.apache.org/docs/apache-airflow/stable/configurations-ref.html#triggerer-health-check-threshold
"""
NOTHING: dict[str, Any] = {"since": "1970-01-01T00:00:00+00:00", "ids": []}
"""The state before the first run. All events before `since` are handled, and so are the later events in `ids`."""


def read_pages(events: Any, state: dict[str, Any]) -> Iterator[tuple[list[Any], dict[str, Any]]]:  # noqa: ANN401  # Airflow's accessor
    """Yield the new events of each page in the order of their ids, with the state to store once they are handled."""
    since, handled = datetime.fromisoformat(state["since"]), set(state["ids"])
    times: dict[int, datetime] = {}
    start, size = since, PAGE
    while True:
        page = list(events.after(start.isoformat()).limit(size))  # ordered by time; `after` includes the given time
        new = sorted((each for each in page if each.id not in handled), key=lambda each: each.id)
        times.update((each.id, each.timestamp) for each in page)
        last = page[-1].timestamp if page else start
        since = max(since, last - CLOCK_DIFFERENCE)
        old = {each for each, time in times.items() if time < since}
        handled = (handled | times.keys()) - old
        times = {each: time for each, time in times.items() if each not in old}
        yield new, {"since": since.isoformat(), "ids": sorted(handled)}
        if len(page) < size:
            return
        start, size = last, PAGE if last > start else size * 2
