"""Run the trigger of the Airflow example on given payloads, and print what it fires.

This program runs in the example's environment, because Airflow is not installed in the project's.
"""

import asyncio
import json
from collections.abc import AsyncIterator
from typing import Any

import feature_event_trigger
from feature_event_payload import RegistryUnavailable
from feature_event_trigger import FeatureEventReader, FeatureEventTrigger

PAYLOADS: list[dict[str, Any]] = [
    {"event": {"event_type": "feature_available", "resource_name": "a"}},
    {"event": {"event_type": "feature_available", "resource_name": "b"}},
    {"event": {"event_type": "feature_unavailable", "resource_name": "c"}},
    {"event": {"event_type": "feature_renamed", "resource_name": "d"}},
    {"unreadable": "not an event"},
]


async def stream() -> AsyncIterator[dict[str, Any]]:
    """Yield payloads, as the shared stream of the triggerer does."""
    for each in PAYLOADS:
        yield each


async def fire(**arguments: list[str]) -> list[str]:
    """Serialize and recreate a trigger, as Airflow does, and return the names that it fires."""
    path, settings = FeatureEventTrigger(topics=["T"], **arguments).serialize()
    assert path == "feature_event_trigger.FeatureEventTrigger"
    trigger = FeatureEventTrigger(**json.loads(json.dumps(settings)))
    fired = [each.payload async for each in trigger.filter_shared_stream(stream())]
    return [each["event"]["resource_name"] if "event" in each else each["unreadable"] for each in fired]


async def count_attempts() -> int:
    """Return the number of attempts to decode a message, if the first attempt finds the registry unavailable."""
    attempts = 0

    def to_payload(*_: object) -> dict[str, Any]:
        nonlocal attempts
        attempts += 1
        if attempts == 1:
            raise RegistryUnavailable("ConnectError")
        return PAYLOADS[0]

    feature_event_trigger.to_payload = to_payload
    feature_event_trigger.RETRY_SECONDS = 0
    _, settings = FeatureEventTrigger(topics=["T"]).serialize()
    reader = FeatureEventTrigger.create_shared_stream_producer(settings)
    assert isinstance(reader, FeatureEventReader)
    assert await reader._decode(None, None) == PAYLOADS[0]  # noqa: SLF001  # the part that retries
    return attempts


async def main() -> None:
    """Print one line of JSON."""
    found = {
        "all": await fire(),
        "a": await fire(resources=["a"]),
        "with removals": await fire(event_types=["feature_available", "feature_unavailable"]),
        "attempts": await count_attempts(),
    }
    print(json.dumps(found))  # noqa: T201  # the test reads it


if __name__ == "__main__":
    asyncio.run(main())
