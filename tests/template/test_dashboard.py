"""The dashboard shows metrics that the code emits, and the alarms of the application."""

import json
import re
from typing import Any

from feature_events.metrics import METRICS
from tests.template.expansion import STACK, expand_set

NAMESPACE = "FeatureEvents"


def read_widgets() -> list[Any]:
    """The dashboard's widgets; what stays open in its body are the ARNs of alarms and the function's name."""
    text = expand_set("own tables")["Resources"]["Dashboard"]["Properties"]["DashboardBody"]["Fn::Sub"]
    widgets: list[Any] = json.loads(text)["widgets"]
    return widgets


def test_dashboard__has_metrics_that_exist() -> None:
    """Every metric of ours in it is one that the code emits, under the service's name."""
    metrics = [metric for widget in read_widgets() for metric in widget["properties"].get("metrics", [])]
    named = [metric for metric in metrics if metric[0] == NAMESPACE]
    searched = [metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)]
    assert {metric[2:4] == ["service", STACK] for metric in named} == {True}
    found = [
        re.findall(r"SEARCH\('{FeatureEvents,[a-z,]+} MetricName=\"(\w+)\" service=\"(\w+)\"'", text)
        for text in searched
    ]
    names = [metric[1] for metric in named] + [name for ((name, service),) in found if service == STACK]
    assert len(names) == len(named) + len(searched)
    assert set(names) <= set(METRICS)


def test_dashboard__has_a_graph_by_table_that_finds_new_tables() -> None:
    """Attached tables are in other stacks, so it searches for their metrics."""
    titles = [each["properties"]["title"] for each in read_widgets() if "service,table}" in json.dumps(each)]
    assert len(titles) >= 4
    assert [title for title in titles if "by table" not in title] == []


def test_dashboard__shows_the_alarms_that_every_application_has() -> None:
    """Their state is on it; alarms on tables are those of the own tables, or of other stacks."""
    shown = [re.findall(r"\$\{(\w+)\.Arn\}", each) for each in read_widgets()[0]["properties"]["alarms"]]
    made = [
        name for name, each in expand_set("pinned id")["Resources"].items() if each["Type"] == "AWS::CloudWatch::Alarm"
    ]
    assert sorted(name for (name,) in shown) == sorted(made)
