"""Define and emit metrics.

Powertools writes them in CloudWatch's embedded metric format: a line of JSON in the log, which needs no API call. A
figure can have several sets of dimensions. CloudWatch stores, and charges for, one metric for each combination of their
values, so docs/scale.md counts them.
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/CloudWatch_Embedded_Metric_Format_Specification.html
"""

import os
from collections.abc import Mapping
from typing import Any, NamedTuple

from aws_lambda_powertools.metrics import Metrics, MetricUnit

from feature_events.syntax import is_table_name

_NAMESPACE = os.environ.get("POWERTOOLS_METRICS_NAMESPACE", "FeatureEvents")
_SERVICE = os.environ.get("POWERTOOLS_SERVICE_NAME", "feature-events")

type Dimensions = tuple[tuple[str, ...], ...]
"""Sets of dimensions."""

_OF_SERVICE: Dimensions = (("service",),)
_OF_TABLE: Dimensions = (("service",), ("service", "table"))
_OF_EVENT_TYPE: Dimensions = (*_OF_TABLE, ("service", "table", "event_type"))
_OF_REASON: Dimensions = (("service", "reason"), ("service", "table", "reason"))

UNKNOWN_TABLE = "unknown"
"""The dimension `table` of records whose ARN is unreadable."""


class Metric(NamedTuple):
    """A metric's unit, dimensions and meaning."""

    unit: MetricUnit
    dimensions: Dimensions
    meaning: str


METRICS: Mapping[str, Metric] = {
    "RecordsReceived": Metric(
        MetricUnit.Count, _OF_TABLE, "records that Lambda passed to the function, retries included; emitted first"
    ),
    "RecordAge": Metric(
        MetricUnit.Milliseconds, _OF_TABLE, "time since the batch's oldest record was written; emitted first"
    ),
    "EventsDelivered": Metric(
        MetricUnit.Count, _OF_EVENT_TYPE, "events that Kafka acknowledged, for each `event_type`"
    ),
    "RecordsSkipped": Metric(MetricUnit.Count, _OF_REASON, "records skipped by design, for each `reason`"),
    "RecordsUndelivered": Metric(MetricUnit.Count, _OF_TABLE, "records that Lambda retries"),
    "DeadLetters": Metric(MetricUnit.Count, _OF_TABLE, "records that were dead-lettered"),
    "DeadLetterLimitReached": Metric(
        MetricUnit.Count,
        _OF_SERVICE,
        "invocations that failed because of `DEAD_LETTER_LIMIT`; the record stays in the stream",
    ),
    "EndToEndLatency": Metric(
        MetricUnit.Milliseconds, _OF_TABLE, "from the write of the batch's oldest item to its acknowledgement"
    ),
    "DeliveryLatency": Metric(MetricUnit.Milliseconds, _OF_SERVICE, "from the events produced to Kafka's last answer"),
    "SerializationTime": Metric(MetricUnit.Milliseconds, _OF_SERVICE, "from stream records to messages, for the batch"),
    "EventBytes": Metric(MetricUnit.Bytes, _OF_SERVICE, "size of the batch's message values, before compression"),
    "ItemsScanned": Metric(MetricUnit.Count, _OF_SERVICE, "items that a backfill has read"),
    "EventsAgain": Metric(MetricUnit.Count, _OF_SERVICE, "events that a backfill resent because their items changed"),
    "RegistryLatency": Metric(MetricUnit.Milliseconds, _OF_SERVICE, "the registry's answer, once per cold start"),
}

_metrics = Metrics(namespace=_NAMESPACE, service=_SERVICE)
"""Used for all metrics: Powertools' `single_metric` ignores POWERTOOLS_METRICS_DISABLED."""


def emit(
    measured: Mapping[str, float],
    table: str | None,
    skipped: Mapping[Any, int] | None = None,
    delivered: Mapping[str, int] | None = None,
) -> None:
    """Emit figures of one table.

    Args:
        measured: the figures, by the names in METRICS.
        table: the table's name; None if it is unknown.
        skipped: how many records were skipped, by reason.
        delivered: how many events were delivered, by event type.

    """
    values = {"service": _SERVICE, "table": table if table and is_table_name(table) else UNKNOWN_TABLE}
    for dimensions in (_OF_TABLE, _OF_SERVICE):
        _emit({name: each for name, each in measured.items() if METRICS[name].dimensions == dimensions}, values)
    for event_type, count in (delivered or {}).items():
        _emit({"EventsDelivered": count}, {**values, "event_type": event_type})
    for reason, count in (skipped or {}).items():
        _emit({"RecordsSkipped": count}, {**values, "reason": str(reason)})


def emit_registry_latency(milliseconds: float) -> None:
    """Emit the time that the registry took, even if it failed."""
    _emit({"RegistryLatency": milliseconds}, {"service": _SERVICE})


def _emit(measured: Mapping[str, float], values: Mapping[str, str]) -> None:
    """Emit figures that have the same dimensions, as one line.

    Args:
        measured: the figures, by the names in METRICS.
        values: the values of their dimensions.

    """
    if not measured:
        return
    for name, value in measured.items():
        _metrics.add_metric(name, METRICS[name].unit, value)
    first, *others = METRICS[next(iter(measured))].dimensions
    for dimension in first:
        _metrics.add_dimension(dimension, values[dimension])
    for dimensions in others:
        _metrics.add_dimensions(**{dimension: values[dimension] for dimension in dimensions})
    _metrics.flush_metrics()
    _metrics.clear_metrics()  # with POWERTOOLS_METRICS_DISABLED, flushing clears nothing
