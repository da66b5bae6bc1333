"""The own tables are read and watched as an attached table with table.yaml's defaults is."""

from collections.abc import Mapping
from typing import Any

import pytest

from tests.support.mapping import MappingSettings
from tests.template.expansion import expand_set

OWN = expand_set("own tables")["Resources"]
ATTACHED = expand_set("attachment")["Resources"]
ITS_OWN = {"FunctionName", "EventSourceArn", "DestinationConfig"}
"""What names resources: the function, the stream and the failure bucket."""


def read_mapping(resources: Mapping[str, Any], name: str) -> dict[str, Any]:
    """A mapping's properties, by text; a mapping is enabled unless it says otherwise."""
    properties = {"Enabled": True, **resources[name]["Properties"]}
    return {key: str(value) for key, value in properties.items() if key not in ITS_OWN}


def find_differences(resources: Mapping[str, Any]) -> list[str]:
    """Properties in which a mapping of an own table differs from table.yaml's."""
    attached = read_mapping(ATTACHED, "Mapping")
    return [
        f"{name} {key}"
        for name in ("UserFeaturesMapping", "AccountFeaturesMapping")
        for key in sorted(attached.keys() | read_mapping(resources, name).keys())
        if attached.get(key) != read_mapping(resources, name).get(key)
    ]


def test_own_mappings__are_the_attachments() -> None:
    """They are alike in every property that names no resource, and name the same function and bucket."""
    assert find_differences(OWN) == []
    for name in ("UserFeaturesMapping", "AccountFeaturesMapping"):
        own = OWN[name]["Properties"]
        assert own["FunctionName"] == {"Ref": "FeatureEventsFunction"}
        assert own["DestinationConfig"] == {"OnFailure": {"Destination": {"Fn::GetAtt": ["FailureBucket", "Arn"]}}}
    attached = ATTACHED["Mapping"]["Properties"]
    assert attached["FunctionName"] == {"Fn::ImportValue": "feature-events-FunctionArn"}
    assert attached["DestinationConfig"]["OnFailure"]["Destination"] == {
        "Fn::ImportValue": "feature-events-FailureBucketArn"
    }


def test_differences__are_found() -> None:
    """A property that one of them lacks, has besides, or has with another value."""
    properties = {**OWN["UserFeaturesMapping"]["Properties"], "BatchSize": 10, "TumblingWindowInSeconds": 1}
    del properties["MetricsConfig"]
    assert find_differences({**OWN, "UserFeaturesMapping": {"Properties": properties}}) == [
        "UserFeaturesMapping BatchSize",
        "UserFeaturesMapping MetricsConfig",
        "UserFeaturesMapping TumblingWindowInSeconds",
    ]


def test_settings__are_those_that_the_promises_are_shown_with() -> None:
    """The model of a mapping, on which every promise is tried, has each of these properties."""
    expected = MappingSettings(
        batch_size=1000,
        bisect_batch_on_function_error=True,
        report_batch_item_failures=True,
        maximum_record_age_in_seconds=23 * 3600,
    )
    for resources, name in ((OWN, "UserFeaturesMapping"), (OWN, "AccountFeaturesMapping"), (ATTACHED, "Mapping")):
        assert MappingSettings.of_template(resources[name]["Properties"]) == expected


COMPARED = (
    "TreatMissingData",
    "EvaluationPeriods",
    "DatapointsToAlarm",
    "Threshold",
    "ComparisonOperator",
)


def read_watch(alarm: Mapping[str, Any]) -> tuple[Any, ...]:
    """What can be compared of two alarms: the rule, and each metric's name, statistic and period."""
    plain = [(alarm["MetricName"], alarm["Statistic"], alarm["Period"])] if "MetricName" in alarm else []
    stats = [each["MetricStat"] for each in alarm.get("Metrics", []) if "MetricStat" in each]
    metrics = {*plain, *((each["Metric"]["MetricName"], each["Stat"], each["Period"]) for each in stats)}
    return *(str(alarm.get(name)) for name in COMPARED), metrics


@pytest.mark.parametrize("name", ["NotReadAlarm", "NotInvokedAlarm", "OnFailureAlarm", "OnlySkippedAlarm"])
def test_own_alarms__ring_as_the_attachments_do(name: str) -> None:
    """They look at the same metrics by the same rule."""
    (own,) = [each["Properties"] for logical_id, each in OWN.items() if logical_id.endswith(name)]
    assert read_watch(own) == read_watch(ATTACHED[name]["Properties"])


def test_age_alarms__ring_alike() -> None:
    """Lambda's iterator age has no table, so an attachment looks at the function's own metric, by the same rule."""
    *own, (own_metric,) = read_watch(OWN["IteratorAgeAlarm"]["Properties"])
    *attached, (attached_metric,) = read_watch(ATTACHED["RecordAgeAlarm"]["Properties"])
    assert own == attached
    assert own_metric[1:] == attached_metric[1:]
