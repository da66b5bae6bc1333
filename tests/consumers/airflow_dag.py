"""Run the task of the Airflow example's DAG on two asset events, and print the results.

This program runs in the example's environment, because Airflow is not installed in the project's.
"""

import contextlib
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import use_features
from airflow.exceptions import AirflowFailException

MANUAL = SimpleNamespace(id=1, timestamp=datetime(2026, 1, 1, tzinfo=UTC), extra={"from_rest_api": True})
FROM_TOPIC = SimpleNamespace(
    id=2,
    timestamp=datetime(2026, 1, 2, tzinfo=UTC),
    extra={"from_trigger": True, "payload": {"event": {"event_id": "e"}}},
)


class Store(dict[str, Any]):
    """The store of an asset's state."""

    def set(self, name: str, value: object) -> None:
        """Store a value."""
        self[name] = value


class Events:
    """The asset's events, as Airflow's accessor returns them."""

    def after(self, time: str) -> "Page":
        """Return the events since this time."""
        found = [each for each in (MANUAL, FROM_TOPIC) if each.timestamp >= datetime.fromisoformat(time)]
        return Page(found)


class Page(list[SimpleNamespace]):
    """A result without a limit."""

    def limit(self, number: int) -> list[SimpleNamespace]:
        """Return at most this number of events."""
        return self[:number]


def use(store: Store) -> list[Any]:
    """Run the task, and return what it prints and its error."""
    task = use_features.use_features().get_task("use").python_callable
    printed = io.StringIO()
    with contextlib.redirect_stdout(printed):
        failed = None
        try:
            task(inlet_events={use_features.FEATURES: Events()}, asset_state_store=store)
        except AirflowFailException as error:
            failed = str(error)
    return [[json.loads(line) for line in printed.getvalue().splitlines()], failed]


def main() -> None:
    """Print one line of JSON."""
    store = Store()
    printed, failed = use(store)
    again, _ = use(store)
    print(json.dumps({"printed": printed, "failed": failed, "next": again}))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    main()
