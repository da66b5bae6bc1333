"""The dashboard shows metrics that the code emits, and every alarm that it can name."""

import json
import re
from typing import Any

from feature_events.metrics import METRICS
from tests.template.document import STREAMS, Parameters, read_template, transform

OWN_TABLES = {"SchemaId": "7"}
EXISTING = OWN_TABLES | {"StreamArns": ",".join(STREAMS)}
NAMESPACE = "FeatureEvents"


def test_dashboard__has_two_rows_of_metrics_that_exist() -> None:
    """It is JSON, its widgets stand in two rows, and every metric of ours in it is one that the code emits."""
    text, _ = read_dashboard()
    widgets = json.loads(text.replace("${SourceAlarms}", ""))["widgets"]
    assert {widget["y"] for widget in widgets} == {0, 6}
    assert sum(widget["width"] for widget in widgets if widget["y"] == 0) == 24
    assert sum(widget["width"] for widget in widgets if widget["y"] == 6) == 24
    metrics = [metric for widget in widgets for metric in widget["properties"].get("metrics", [])]
    assert {metric[1] for metric in metrics if metric[0] == NAMESPACE} <= set(METRICS)
    (skipped,) = [metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)]
    assert re.findall('MetricName="(.*?)"', skipped) == ["RecordsSkipped"]


def read_dashboard() -> tuple[str, list[Any]]:
    """The dashboard's body, and what it has for own tables and for none."""
    text, variables = read_template()["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    condition, *either = variables["SourceAlarms"]["Fn::If"]
    assert condition == "OwnsTables"
    return str(text), either


def test_dashboard__shows_every_alarm_but_those_of_existing_streams() -> None:
    """The state of each alarm that the stack has is on it, also those of its own tables; either body is JSON."""
    text, (own, other) = read_dashboard()
    for parameters, more in ((OWN_TABLES, own["Fn::Sub"]), (EXISTING, other)):
        body = json.loads(text.replace("${SourceAlarms}", more))
        shown = [re.findall(r"\$\{(\w+)\.Arn\}", each) for each in body["widgets"][0]["properties"]["alarms"]]
        made = read_alarms_made(parameters)
        assert sorted(name for (name,) in shown) == sorted(made)


def read_alarms_made(parameters: Parameters) -> set[str]:
    """The alarms that a stack of these parameters has, but those of existing streams, whose names begin so."""
    template = transform(parameters)
    own = parameters == OWN_TABLES
    return {
        name
        for name, each in template["Resources"].items()
        if each["Type"] == "AWS::CloudWatch::Alarm"
        and not name.startswith(("NotRead", "NotInvoked"))
        and (own or "Condition" not in each)
    }
