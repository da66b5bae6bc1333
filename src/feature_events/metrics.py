"""Names every metric with its unit and meaning, and emits them, in one place.

They are CloudWatch's embedded metric format: a line of JSON in the log, which costs no call.
"""

import os
from collections.abc import Mapping
from typing import NamedTuple

from aws_lambda_powertools import Metrics, single_metric
from aws_lambda_powertools.metrics import MetricUnit

from feature_events.change import Skipped

_NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "FeatureEvents")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")


class Metric(NamedTuple):
    """A metric's unit and meaning."""

    unit: MetricUnit
    meaning: str


METRICS: Mapping[str, Metric] = {
    "EventsDelivered": Metric(MetricUnit.Count, "Events that Kafka acknowledged."),
    "RecordsSkipped": Metric(MetricUnit.Count, "Records that rightly give no event, by the dimension reason."),
    "RecordsUndelivered": Metric(MetricUnit.Count, "Records that Lambda delivers again."),
    "DeadLetters": Metric(MetricUnit.Count, "Records set aside in the dead-letter store."),
    "DeadLetterLimitReached": Metric(MetricUnit.Count, "Invocations that left a bad record and all behind it."),
    "DeliveryLatency": Metric(MetricUnit.Milliseconds, "From the first event produced to the last answer of Kafka."),
    "EndToEndLatency": Metric(MetricUnit.Milliseconds, "From the batch's oldest item written to its acknowledgement."),
    "SerializationTime": Metric(MetricUnit.Milliseconds, "From stream records to messages, for the whole batch."),
    "EventBytes": Metric(MetricUnit.Bytes, "Size of the batch's message values before compression."),
    "RegistryLatency": Metric(MetricUnit.Milliseconds, "What the schema registry took, once per cold start."),
}


def emit(measured: Mapping[str, float], skipped: Mapping[Skipped, int]) -> None:
    """Emits one invocation's figures."""
    metrics = Metrics(namespace=_NAMESPACE, service=_SERVICE)
    for name, value in measured.items():
        metrics.add_metric(name, METRICS[name].unit, value)
    metrics.flush_metrics()
    for reason, count in skipped.items():
        _emit_one("RecordsSkipped", count, {"reason": reason})


def emit_registry_latency(milliseconds: float) -> None:
    """Emits what the registry took, also where it failed."""
    _emit_one("RegistryLatency", milliseconds, {})


def _emit_one(name: str, value: float, dimensions: Mapping[str, str]) -> None:
    unit = METRICS[name].unit
    default = {"service": _SERVICE}
    with single_metric(name=name, unit=unit, value=value, namespace=_NAMESPACE, default_dimensions=default) as metric:
        for dimension, text in dimensions.items():
            metric.add_dimension(dimension, text)
