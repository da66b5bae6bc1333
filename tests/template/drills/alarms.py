"""The alarms that a deployment with given parameters makes, as values."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.template.document import Parameters, read_template
from tests.template.expansion import STACK, expand

type Name = tuple[str, str, tuple[tuple[str, str], ...]]
"""A metric's namespace, name and dimensions; a dimension that is a resource of the stack is its logical id."""


class Series(NamedTuple):
    """A metric by a statistic and a period of so many minutes."""

    metric: Name
    statistic: str
    minutes: int


class Alarm(NamedTuple):
    """What CloudWatch needs to know to evaluate an alarm."""

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
        """The period, which is one for all series of an alarm."""
        return next(iter(self.series.values())).minutes


def read_alarms(parameters: Parameters, **changes: Mapping[str, Any]) -> dict[str, Alarm]:
    """The alarms that are made, by their logical ids; with other properties where changes has an alarm's id."""
    return {
        name: to_alarm({**resource["Properties"], **changes.get(name, {})})
        for name, resource in expand(read_template(), parameters)["Resources"].items()
        if resource["Type"] == "AWS::CloudWatch::Alarm"
    }


def to_alarm(properties: Mapping[str, Any]) -> Alarm:
    """The alarm of a resource's properties."""
    series = dict(read_series(properties))
    shown = [query for query in properties.get("Metrics", []) if query.get("ReturnData", True)]
    periods = int(properties["EvaluationPeriods"])
    return Alarm(
        name=to_text(properties["AlarmName"]).removeprefix(f"{STACK} "),
        series=series,
        expression=ast.parse(shown[0]["Expression"] if shown else "metric", mode="eval").body,
        periods=periods,
        needed=int(properties.get("DatapointsToAlarm", periods)),
        missing=properties["TreatMissingData"],
        threshold=float(properties["Threshold"]),
        comparison=properties["ComparisonOperator"],
    )


def read_series(properties: Mapping[str, Any]) -> Iterator[tuple[str, Series]]:
    """The alarm's metrics, by the ids that its expression has them by."""
    if "MetricName" in properties:
        yield "metric", Series(to_name(properties), properties["Statistic"], int(properties["Period"]) // 60)
    for query in properties.get("Metrics", []):
        if "MetricStat" in query:
            stat = query["MetricStat"]
            yield query["Id"], Series(to_name(stat["Metric"]), stat["Stat"], int(stat["Period"]) // 60)


def to_name(metric: Mapping[str, Any]) -> Name:
    """A metric's name; the order of dimensions does not matter."""
    dimensions = sorted((each["Name"], to_text(each["Value"])) for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], tuple(dimensions)


def to_text(value: Any) -> str:  # noqa: ANN401 -- a tree of the template
    """A value of the template, by the logical id where it is a resource of the stack."""
    return str(value.get("Ref", value.get("Fn::Sub"))) if isinstance(value, dict) else str(value)
