"""Names every metric with its unit and meaning, and emits them, in one place.

They are CloudWatch's embedded metric format: a line of JSON in the log, which costs no call.
"""

import math
import os
import time
from collections.abc import Callable, Collection, Mapping
from operator import attrgetter
from typing import TYPE_CHECKING, Literal, NamedTuple

from feature_events.events.message import Message
from feature_events.logs import to_json
from feature_events.records.change import Skipped

if TYPE_CHECKING:
    from feature_events.outcome import Outcome

_NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "FeatureEvents")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")


class Metric(NamedTuple):
    """A metric's unit and meaning."""

    unit: Literal["Count", "Milliseconds", "Bytes"]
    meaning: str


METRICS: Mapping[str, Metric] = {
    "EventsDelivered": Metric("Count", "Events that Kafka acknowledged."),
    "RecordsSkipped": Metric("Count", "Records that rightly give no event, by the dimension reason."),
    "RecordsUndelivered": Metric("Count", "Records that Lambda delivers again."),
    "DeadLetters": Metric("Count", "Records set aside in the dead-letter store."),
    "DeadLetterLimitReached": Metric("Count", "Invocations that failed because of DEAD_LETTER_LIMIT."),
    "DeliveryLatency": Metric("Milliseconds", "What Kafka took, from events produced to its last answer."),
    "EndToEndLatency": Metric("Milliseconds", "From the batch's oldest item written to its acknowledgement."),
    "SerializationTime": Metric("Milliseconds", "From stream records to messages, for the whole batch."),
    "EventBytes": Metric("Bytes", "Size of the batch's message values before compression."),
    "RegistryLatency": Metric("Milliseconds", "What the schema registry took, once per cold start."),
}


_value: Callable[[Message], bytes] = attrgetter("value")
_timestamp_ms: Callable[[Message], int] = attrgetter("timestamp_ms")


class Figures:
    """What a batch's figures are made of, as far as they are not what became of its records."""

    def __init__(self) -> None:
        self.serialization_seconds = 0.0
        self.delivery_seconds = 0.0
        self.event_bytes = 0
        self.oldest_ms: float = math.inf

    def add(self, messages: Collection[Message], seconds: float) -> None:
        """Messages, and how long it took to make them."""
        self.serialization_seconds += seconds
        self.event_bytes += sum(map(len, map(_value, messages)))
        self.oldest_ms = min([self.oldest_ms, *map(_timestamp_ms, messages)])

    def measure(self, outcome: "Outcome", answered: float) -> dict[str, float]:
        """The invocation's figures, by the names in METRICS."""
        measured: dict[str, float] = {
            "EventsDelivered": outcome.delivered,
            "RecordsUndelivered": outcome.undelivered,
            "DeadLetters": outcome.dead_letters,
            "DeadLetterLimitReached": int(outcome.is_stopped),
            "SerializationTime": self.serialization_seconds * 1000,
        }
        if self.event_bytes:
            measured["EventBytes"] = self.event_bytes
            measured["DeliveryLatency"] = self.delivery_seconds * 1000
        if outcome.delivered:
            measured["EndToEndLatency"] = max(0.0, answered * 1000 - self.oldest_ms)
        return measured


def emit(measured: Mapping[str, float], skipped: Mapping[Skipped, int]) -> None:
    """Emits one invocation's figures."""
    _emit(measured, {"service": _SERVICE})
    for reason, count in skipped.items():
        _emit({"RecordsSkipped": count}, {"service": _SERVICE, "reason": reason})


def emit_registry_latency(milliseconds: float) -> None:
    """Emits what the registry took, also where it failed."""
    _emit({"RegistryLatency": milliseconds}, {"service": _SERVICE})


def _emit(measured: Mapping[str, float], dimensions: Mapping[str, str]) -> None:
    """Writes one line: what the figures are, then dimensions and figures by name.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
    """
    directive = {
        "Namespace": _NAMESPACE,
        "Dimensions": [list(dimensions)],
        "Metrics": [{"Name": name, "Unit": METRICS[name].unit} for name in measured],
    }
    figures = {name: [value] for name, value in measured.items()}
    about = {"Timestamp": round(time.time() * 1000), "CloudWatchMetrics": [directive]}
    print(to_json({"_aws": about, **dimensions, **figures}))  # noqa: T201  # Lambda's log is where CloudWatch reads it
