"""Names every metric with its unit and meaning, and emits them, in one place.

Powertools writes them as CloudWatch's embedded metric format: a line of JSON in the log, which costs no call.
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.metrics import Metrics, MetricUnit

_NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "FeatureEvents")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")


class Metric(NamedTuple):
    """A metric's unit and meaning."""

    unit: MetricUnit
    meaning: str


METRICS: Mapping[str, Metric] = {
    "EventsDelivered": Metric(MetricUnit.Count, "Events that Kafka acknowledged."),
    "RecordsSkipped": Metric(MetricUnit.Count, "Records that rightly give no event, by the dimension reason."),
    "RecordsUndelivered": Metric(MetricUnit.Count, "Records that Lambda retries."),
    "DeadLetters": Metric(MetricUnit.Count, "Records that were dead-lettered."),
    "DeadLetterLimitReached": Metric(MetricUnit.Count, "Invocations that failed because of DEAD_LETTER_LIMIT."),
    "DeliveryLatency": Metric(MetricUnit.Milliseconds, "What Kafka took, from events produced to its last answer."),
    "EndToEndLatency": Metric(MetricUnit.Milliseconds, "From the batch's oldest item written to its acknowledgement."),
    "SerializationTime": Metric(MetricUnit.Milliseconds, "From stream records to messages, for the whole batch."),
    "EventBytes": Metric(MetricUnit.Bytes, "Size of the batch's message values before compression."),
    "ItemsScanned": Metric(MetricUnit.Count, "Items that a backfill has read."),
    "EventsAgain": Metric(MetricUnit.Count, "Events that a backfill sent once more, since their items had changed."),
    "RegistryLatency": Metric(MetricUnit.Milliseconds, "What the schema registry took, once per cold start."),
}

_metrics = Metrics(namespace=_NAMESPACE, service=_SERVICE)
"""For all of them: Powertools' `single_metric` ignores POWERTOOLS_METRICS_DISABLED."""


def emit(measured: Mapping[str, float], skipped: Mapping[Any, int]) -> None:
    """Emits one invocation's figures, by the names in METRICS, and how many records were skipped for which reason."""
    for name, value in measured.items():
        _metrics.add_metric(name, METRICS[name].unit, value)
    _flush()
    for reason, count in skipped.items():
        _emit_one("RecordsSkipped", count, reason=reason)


def emit_registry_latency(milliseconds: float) -> None:
    """Emits what the registry took, also where it failed."""
    _emit_one("RegistryLatency", milliseconds)


def _emit_one(name: str, value: float, **dimensions: str) -> None:
    """Emits one figure by itself, with these dimensions beside the service."""
    for dimension, text in {"service": _SERVICE, **dimensions}.items():
        _metrics.add_dimension(dimension, text)
    _metrics.add_metric(name, METRICS[name].unit, value)
    _flush()


def _flush() -> None:
    """Emits what was added, as one line; with POWERTOOLS_METRICS_DISABLED, Powertools would only keep it."""
    _metrics.flush_metrics()
    _metrics.clear_metrics()
