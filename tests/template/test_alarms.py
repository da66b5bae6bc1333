"""The alarms and the dashboard use metrics that exist, and each alarm tells a paged engineer what to do."""

import json
import re
from collections.abc import Iterator, Mapping
from typing import Any

import pytest

from feature_events.metrics import METRICS
from feature_events.records.change import Skipped
from local.paths import ROOT
from tests.template.document import ALARM_TOPIC
from tests.template.expansion import ALL_SETS, SETS, STACK, read_resources

NAMESPACE = "FeatureEvents"
ALARM = "AWS::CloudWatch::Alarm"
HEADINGS = re.findall(r"^#+ (.+)$", (ROOT / "docs" / "runbook.md").read_text(), re.MULTILINE)
ANCHORS = {heading.lower().replace(" ", "-") for heading in HEADINGS}


def read_metrics(alarm: Mapping[str, Any]) -> Iterator[Mapping[str, Any]]:
    """Yield the metrics of an alarm, each with its statistic and period."""
    if "MetricName" in alarm:
        yield {**alarm, "Stat": alarm["Statistic"]}
    for query in alarm.get("Metrics", []):
        if "MetricStat" in query:
            yield {**query["MetricStat"], **query["MetricStat"]["Metric"]}


@pytest.mark.parametrize("name", ALL_SETS)
def test_alarms__use_metrics_that_the_function_emits(name: str) -> None:
    """CloudWatch has no data for a metric with other dimensions."""
    for alarm in read_resources(name, ALARM).values():
        for metric in (each for each in read_metrics(alarm) if each["Namespace"] == NAMESPACE):
            dimensions = {each["Name"]: each["Value"] for each in metric["Dimensions"]}
            assert set(dimensions) in map(set, METRICS[metric["MetricName"]].dimensions)
            assert dimensions["service"] == (STACK if name in SETS else "feature-events")
            assert dimensions.get("reason", Skipped.OTHER_ITEM) in set(Skipped)
            tables = ("one", {"Ref": "UserFeatureStore"}, {"Ref": "AccountFeatureStore"})
            assert dimensions.get("table", "one") in tables


@pytest.mark.parametrize("name", ["everything", "IAM in a VPC", "attachment with everything"])
def test_alarms__have_instructions_and_a_topic(name: str) -> None:
    """Each description ends with a section of the runbook."""
    for alarm in read_resources(name, ALARM).values():
        _, page, anchor = re.split(r" Runbook: |#", alarm["AlarmDescription"])
        assert page == "docs/runbook.md"
        assert anchor in ANCHORS
        (topic,) = alarm["AlarmActions"]
        assert topic == ({"Ref": "AlarmTopic"} if name == "everything" else ALARM_TOPIC)
        assert alarm.get("OKActions", [topic]) == [topic]


@pytest.mark.parametrize("name", ["everything", "attachment"])
def test_alarms__on_failed_records_name_the_redrive(name: str) -> None:
    """After the cause is fixed, only a redrive delivers the records."""
    alarms = read_resources(name, ALARM)
    found = [each for each in alarms if "run the redrive function" in alarms[each]["AlarmDescription"]]
    assert found == [each for each in alarms if each.endswith(("DeadLettersAlarm", "OnFailureAlarm"))]


@pytest.mark.parametrize("name", ["own tables", "attachment"])
def test_alarms__do_not_refer_to_each_other(name: str) -> None:
    """If *not read* and *not invoked* are both on, only the latter refers to the former."""
    for alarm in read_resources(name, ALARM).values():
        if "not read" in alarm["AlarmName"]:
            assert "follow that alarm" not in alarm["AlarmDescription"]
        if "not invoked" in alarm["AlarmName"]:
            assert "If another alarm is on, follow that alarm first." in alarm["AlarmDescription"]


@pytest.mark.parametrize("name", ["everything", "attachment with everything"])
def test_alarms__are_accepted_by_cloudwatch(name: str) -> None:
    """CloudWatch rejects an alarm that looks back further, or with another set of queries.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/cloudwatch_limits.html
    """
    for alarm in read_resources(name, ALARM).values():
        metrics = list(read_metrics(alarm))
        assert len(metrics) <= 10
        periods = int(alarm["EvaluationPeriods"])
        assert int(alarm.get("DatapointsToAlarm", periods)) <= periods
        for seconds in (int(each["Period"]) for each in metrics):
            assert seconds % 60 == 0
            assert periods * seconds <= (7 * 86_400 if seconds >= 3_600 else 86_400)
        queries = alarm.get("Metrics", [])
        expressions = [each["Expression"] for each in queries if "Expression" in each]
        assert "SEARCH" not in str(expressions)
        assert len(expressions) == len([each for each in queries if each.get("ReturnData", True)]) <= 1
        inputs = [each["Id"] for each in queries if "MetricStat" in each]
        assert len({*inputs}) == len(inputs)
        assert {*inputs} <= set(re.findall(r"[a-z_]+", str(expressions)))


def read_rule(alarm: Mapping[str, Any]) -> tuple[Any, ...]:
    """Return when an alarm fires: its condition, and each metric's name, statistic and period."""
    names = ("TreatMissingData", "EvaluationPeriods", "DatapointsToAlarm", "Threshold", "ComparisonOperator")
    metrics = {(each["MetricName"], each["Stat"], each["Period"]) for each in read_metrics(alarm)}
    return *(str(alarm.get(name)) for name in names), metrics


@pytest.mark.parametrize("name", ["NotReadAlarm", "NotInvokedAlarm", "OnFailureAlarm", "OnlySkippedAlarm"])
def test_own_alarms__fire_like_those_of_attachments(name: str) -> None:
    """They use the same metrics and conditions."""
    own = read_resources("own tables", ALARM)[f"OwnTables{name}"]
    assert read_rule(own) == read_rule(read_resources("attachment", ALARM)[name])


def test_age_alarms__fire_alike() -> None:
    """Lambda's iterator age has no dimension for the table, so an attachment uses the function's own metric."""
    *own, ((_, *own_metric),) = read_rule(read_resources("own tables", ALARM)["IteratorAgeAlarm"])
    *attached, ((_, *attached_metric),) = read_rule(read_resources("attachment", ALARM)["RecordAgeAlarm"])
    assert (own, own_metric) == (attached, attached_metric)


def read_widgets() -> list[Any]:
    """Return the dashboard's widgets, in which references to alarms and the function remain."""
    (dashboard,) = read_resources("own tables", "AWS::CloudWatch::Dashboard").values()
    widgets: list[Any] = json.loads(dashboard["DashboardBody"]["Fn::Sub"])["widgets"]
    return widgets


def test_dashboard__uses_metrics_that_the_function_emits() -> None:
    """Each has the dimensions of the metric, with the stack's name as the service."""
    metrics = [metric for widget in read_widgets() for metric in widget["properties"].get("metrics", [])]
    named = [metric[1] for metric in metrics if metric[0] == NAMESPACE and metric[2:4] == ["service", STACK]]
    expressions = [metric[0]["expression"] for metric in metrics if isinstance(metric[0], dict)]
    search = rf"SEARCH\('{{{NAMESPACE},([a-z,]+)}} MetricName=\"(\w+)\" service=\"{STACK}\"'"
    searched = [found.groups() for found in (re.match(search, each) for each in expressions) if found]
    assert len(named) + len(searched) == len([each for each in metrics if each[0] != "AWS/Lambda"])
    for name, dimensions in [*((name, "service") for name in named), *((name, each) for each, name in searched)]:
        assert set(dimensions.split(",")) in map(set, METRICS[name].dimensions)


def test_dashboard__includes_attached_tables() -> None:
    """Graphs by table search for metrics, since attached tables belong to other stacks."""
    titles = [each["properties"]["title"] for each in read_widgets() if "service,table}" in json.dumps(each)]
    assert len(titles) >= 4
    assert [title for title in titles if "by table" not in title] == []


def test_dashboard__shows_the_alarms_of_every_application() -> None:
    """It omits the alarms on tables, which are conditional or belong to other stacks."""
    shown = [re.findall(r"\$\{(\w+)\.Arn\}", each) for each in read_widgets()[0]["properties"]["alarms"]]
    assert sorted(name for (name,) in shown) == sorted(read_resources("pinned id", ALARM))
