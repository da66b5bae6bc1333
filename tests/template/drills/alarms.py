"""Read the alarms of both templates."""

import ast
from collections.abc import Iterator, Mapping
from functools import cache
from typing import Any, NamedTuple

from tests.template.document import PINNED, Parameters, Template, read_template
from tests.template.expansion import STACK, expand

type Name = tuple[str, str, tuple[tuple[str, str], ...]]
"""A metric's namespace, name and dimensions. The value of a dimension may be a resource's logical id."""


class Series(NamedTuple):
    """A metric with a statistic and a period in minutes."""

    metric: Name
    statistic: str
    minutes: int


class Alarm(NamedTuple):
    """The properties with which CloudWatch evaluates an alarm."""

    id: str
    name: str
    series: Mapping[str, Series]
    expression: ast.expr
    periods: int
    needed: int
    missing: str
    threshold: float
    comparison: str

    @property
    def minutes(self) -> int:
        """The period, which is the same for all series of an alarm."""
        return next(iter(self.series.values())).minutes


@cache
def read_application_alarms() -> list[Alarm]:
    """Return the alarms of template.yaml with own tables."""
    return list(_read_alarms(expand(read_template(), PINNED | {"OwnTables": "true"})))


def read_attachment_alarms(parameters: Parameters) -> list[Alarm]:
    """Return the alarms of table.yaml with these parameters."""
    return list(_read_alarms(expand(read_template("table.yaml"), {**parameters, "Application": STACK})))


def _read_alarms(template: Template) -> Iterator[Alarm]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield _to_alarm(name, resource["Properties"])


def _to_alarm(logical_id: str, properties: Mapping[str, Any]) -> Alarm:
    shown = [query for query in properties.get("Metrics", []) if query.get("ReturnData", True)]
    periods = int(properties["EvaluationPeriods"])
    return Alarm(
        id=logical_id,
        name=_to_text(properties["AlarmName"]).removeprefix(f"{STACK} "),
        series=dict(_read_series(properties)),
        expression=ast.parse(shown[0]["Expression"] if shown else "metric", mode="eval").body,
        periods=periods,
        needed=int(properties.get("DatapointsToAlarm", periods)),
        missing=properties["TreatMissingData"],
        threshold=float(properties["Threshold"]),
        comparison=properties["ComparisonOperator"],
    )


def _read_series(properties: Mapping[str, Any]) -> Iterator[tuple[str, Series]]:
    """Yield the alarm's metrics with their ids in its expression."""
    if "MetricName" in properties:
        yield "metric", Series(_to_name(properties), properties["Statistic"], int(properties["Period"]) // 60)
    for query in properties.get("Metrics", []):
        if "MetricStat" in query:
            stat = query["MetricStat"]
            yield query["Id"], Series(_to_name(stat["Metric"]), stat["Stat"], int(stat["Period"]) // 60)


def _to_name(metric: Mapping[str, Any]) -> Name:
    """Return a metric's name with sorted dimensions."""
    dimensions = sorted((each["Name"], _to_text(each["Value"])) for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], tuple(dimensions)


def _to_text(value: Any) -> str:  # noqa: ANN401 -- a tree of the template
    """Return a value of the template as text. A reference becomes the resource's logical id."""
    return str(value.get("Ref", value.get("Fn::Sub"))) if isinstance(value, dict) else str(value)
