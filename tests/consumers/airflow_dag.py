"""Runs in the Airflow example's environment: its DAG's task, given asset events; prints what it makes of them.

Airflow is not among the project's own packages, so a test cannot import the DAG.
"""

import contextlib
import io
import json
from datetime import UTC, datetime
from types import SimpleNamespace
from typing import Any

import use_features
from airflow.exceptions import AirflowFailException

BY_HAND = SimpleNamespace(id=1, timestamp=datetime(2026, 1, 1, tzinfo=UTC), extra={"from_rest_api": True})
OF_THE_TOPIC = SimpleNamespace(
    id=2,
    timestamp=datetime(2026, 1, 2, tzinfo=UTC),
    extra={"from_trigger": True, "payload": {"event": {"event_id": "e"}}},
)


class Store(dict[str, Any]):
    """What an asset's state is kept in."""

    def set(self, name: str, value: object) -> None:
        """Keeps it."""
        self[name] = value


class Events:
    """The asset's events, as Airflow's accessor returns them."""

    def after(self, time: str) -> "Page":
        """Leave out what is before this time."""
        found = [each for each in (BY_HAND, OF_THE_TOPIC) if each.timestamp >= datetime.fromisoformat(time)]
        return Page(found)


class Page(list[SimpleNamespace]):
    """An answer that is not limited yet."""

    def limit(self, number: int) -> list[SimpleNamespace]:
        """Return no more than this number."""
        return self[:number]


def use(store: Store) -> list[Any]:
    """What the task prints."""
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
    """Prints one line of JSON."""
    store = Store()
    printed, failed = use(store)
    again, _ = use(store)
    print(json.dumps({"printed": printed, "failed": failed, "next": again}))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    main()
