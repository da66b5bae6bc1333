"""The sample event of the Lambda example: two messages, in the form of an MSK event source mapping.

Run `PYTHONPATH=src python -m tests.support.mapping_events` to update it.
"""

import importlib
import json
import re
import sys
from typing import Any

from confluent_kafka import Message

from feature_events.events.message import to_confluent_prefix
from local.application.consumers import CONSUMERS
from local.paths import ROOT
from local.servers.topic import TOPIC
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import PREFIX, to_pipeline

SAMPLE = CONSUMERS / "lambda" / "events" / "msk.json"
SOURCES = ("insert.json", "account.json")
CREATE_TIME = 1
FIRST_ID = 1
"""The schema id of a new registry, such as that of `make demo`."""


def make_sample(to_event: Any) -> dict[str, Any]:  # noqa: ANN401  # a function of the example, imported by path
    """Make the sample from messages of the pipeline with the code of the example."""
    batches = [json.loads((ROOT / "events" / name).read_text())["Records"] for name in SOURCES]
    records = [record for batch in batches for record in batch]
    prepared = to_pipeline(FakePublisher(), FakeDeadLetters()).prepare(records, range(len(records)))
    messages = [
        Message(
            topic=TOPIC,
            partition=0,
            offset=offset,
            key=each.key,
            value=to_confluent_prefix(FIRST_ID) + each.value[len(PREFIX) :],
            headers=[*each.headers],
            timestamp=(CREATE_TIME, each.timestamp_ms),
        )
        for offset, each in prepared.messages.items()
    ]
    event: dict[str, Any] = to_event(messages)
    return event


def format_sample(sample: dict[str, Any]) -> str:
    """Format the sample for its file, with the bytes of each header on one line."""
    text = json.dumps(sample, indent=2)
    return re.sub(r"\[\s+(-?\d[-\d,\s]*?)\s+\]", lambda found: f"[{' '.join(found[1].split())}]", text) + "\n"


if __name__ == "__main__":
    sys.path.insert(0, str(CONSUMERS / "lambda"))
    SAMPLE.write_text(format_sample(make_sample(importlib.import_module("invoke").to_event)))
