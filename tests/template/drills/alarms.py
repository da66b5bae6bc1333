"""The alarms of both templates under given parameters, as values."""

import ast
from collections.abc import Iterator, Mapping
from typing import Any, NamedTuple

from tests.template.document import BROKERS, Parameters, Template, read_template
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
        """The period, which all series of an alarm share."""
        return next(iter(self.series.values())).minutes


def read_application_alarms(**changes: Mapping[str, Any]) -> list[Alarm]:
    """Return the alarms of template.yaml with own tables.

    Args:
        changes: other properties, by the alarm's logical id.

    """
    parameters = {**BROKERS, "OwnTables": "true", "Schema": "id:7"}
    return list(_read_alarms(expand(read_template(), parameters), changes))


def read_attachment_alarms(parameters: Parameters, **changes: Mapping[str, Any]) -> list[Alarm]:
    """Return the alarms of table.yaml.

    Args:
        parameters: those of table.yaml except Application.
        changes: other properties, by the alarm's logical id.

    """
    expanded = expand(read_template("table.yaml"), {**parameters, "Application": STACK})
    return list(_read_alarms(expanded, changes))


def _read_alarms(template: Template, changes: Mapping[str, Mapping[str, Any]]) -> Iterator[Alarm]:
    for name, resource in template["Resources"].items():
        if resource["Type"] == "AWS::CloudWatch::Alarm":
            yield _to_alarm(name, {**resource["Properties"], **changes.get(name, {})})


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
    """Yield the alarm's metrics with the ids that its expression uses."""
    if "MetricName" in properties:
        yield "metric", Series(_to_name(properties), properties["Statistic"], int(properties["Period"]) // 60)
    for query in properties.get("Metrics", []):
        if "MetricStat" in query:
            stat = query["MetricStat"]
            yield query["Id"], Series(_to_name(stat["Metric"]), stat["Stat"], int(stat["Period"]) // 60)


def _to_name(metric: Mapping[str, Any]) -> Name:
    """Return a metric's name; the order of dimensions does not matter."""
    dimensions = sorted((each["Name"], _to_text(each["Value"])) for each in metric["Dimensions"])
    return metric["Namespace"], metric["MetricName"], tuple(dimensions)


def _to_text(value: Any) -> str:  # noqa: ANN401 -- a tree of the template
    """Return a value of the template; a resource of the stack is its logical id."""
    return str(value.get("Ref", value.get("Fn::Sub"))) if isinstance(value, dict) else str(value)
