"""Each trouble rings the alarms that it has to, healthy weeks ring none, and a worse template is noticed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from feature_events.metrics import METRICS
from feature_events.records.change import Skipped
from tests.template.drills import report
from tests.template.drills.cloudwatch import MORE_PERIODS, evaluate_alarm
from tests.template.drills.drills import (
    DRILLS,
    OF_SECOND,
    Drill,
    Rung,
    find_rings,
    play,
    read_every_alarm,
)
from tests.template.drills.pipeline_model import DAY, HOUR, MINUTE, REASONS, Answers, play_both

ALARMS = read_every_alarm()
NAMES = {alarm.name for alarm in ALARMS if not alarm.name.endswith(OF_SECOND)}
TROUBLES = [each for each in DRILLS if each.troubles]
HEALTHY = [each for each in DRILLS if not each.rings and not each.is_deployment]
SOON = 15
"""Minutes after which an alarm of every trouble has rung."""
SLOW = {"only skipped": 2 * DAY / MINUTE + 60}
"""Alarms that wait longer on purpose."""


@cache
def play_once(drill: Drill) -> Mapping[str, Rung]:
    """Return what rings in the drill with the templates' alarms."""
    return play(drill, drill.read_alarms())


def find(words: str) -> Drill:
    """Return the drill with these words."""
    (drill,) = [each for each in DRILLS if each.words == words]
    return drill


def name_drill(drill: Drill) -> str:
    """Return a name of the drill for pytest."""
    return drill.words


@pytest.mark.parametrize("drill", DRILLS, ids=name_drill)
def test_drill__rings_what_it_has_to(drill: Drill) -> None:
    """Whatever AWS's documentation leaves open."""
    rung = play_once(drill)
    assert {name for name, each in rung.items() if each.is_sure} >= set(drill.rings)


@pytest.mark.parametrize("drill", [each for each in DRILLS if each.rings], ids=name_drill)
def test_drill__rings_within_a_quarter_of_an_hour(drill: Drill) -> None:
    """At least one alarm does, except for writers that changed: those are known after days only."""
    first, rung = min((each.latest, name) for name, each in play_once(drill).items() if each.is_sure)
    assert first <= SLOW.get(rung, SOON)


@pytest.mark.parametrize("drill", DRILLS, ids=name_drill)
def test_drill__ends_with_every_alarm_off(drill: Drill) -> None:
    """Days after the trouble no alarm is left on, so that the next one is heard."""
    assert [name for name, each in play_once(drill).items() if not each.is_over] == []


@pytest.mark.parametrize("drill", HEALTHY, ids=name_drill)
def test_healthy_week__rings_nothing(drill: Drill) -> None:
    """Busy and idle weeks, deletions, tables of many kinds of items, and short disturbances call nobody."""
    assert play_once(drill) == {}


def test_deployment__rings_only_that_nothing_is_read_yet() -> None:
    """A new mapping takes minutes to poll for the first time, and its alarm exists already."""
    names = {name.removesuffix(OF_SECOND) for name in play_once(find("all is well: the first hours of a deployment"))}
    assert names <= {"not read"}


@pytest.mark.parametrize("drill", [each for each in TROUBLES if each.is_of_one_table()], ids=name_drill)
def test_trouble_of_one_table__rings_no_alarm_of_the_other(drill: Drill) -> None:
    """Each attachment's alarms are about its own table."""
    assert [name for name in play_once(drill) if name.endswith(OF_SECOND)] == []


def test_items_with_features_once_a_week__need_more_days() -> None:
    """With its default the only skipped alarm takes such a table for one whose writers changed."""
    drill = find("all is well: many other items, and some with features once a week; `OnlySkippedAlarmDays` 7")
    alarms = [alarm for alarm in read_every_alarm({}) if alarm.id == "OnlySkippedAlarm"]
    assert play(drill, alarms)["only skipped"].is_sure


@pytest.mark.parametrize("name", sorted(NAMES))
def test_alarm__rings_in_one_drill_and_not_in_another(name: str) -> None:
    """None is silent whatever happens, and none is on whatever happens."""
    played = [play_once(drill) for drill in DRILLS]
    assert any(name in rung and rung[name].is_sure for rung in played)
    assert any(name not in rung for rung in played)


@pytest.mark.parametrize("drill", [each for each in DRILLS if each.rings], ids=name_drill)
def test_alarms__do_not_depend_on_how_far_cloudwatch_looks_back(drill: Drill) -> None:
    """AWS shows its evaluation range in examples only; another one changes when an alarm rings, not whether."""
    until = drill.days * DAY
    metrics = play_both(drill.to_week(), Answers(*(True for _ in Answers._fields)), until)
    for more in {0, 1, 5} - {MORE_PERIODS}:
        for alarm in (each for each in ALARMS if each.name in drill.rings):
            changes = list(evaluate_alarm(alarm, metrics, until // MINUTE, more))
            assert find_rings(drill, changes), alarm.id


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("UndeliveredAlarm", {"Statistic": "Maximum", "Threshold": 1000}, "Kafka is away"),
        ("NotReadAlarm", {"TreatMissingData": "notBreaching"}, "the mapping is disabled"),
        ("OwnTablesNotReadAlarm", {"TreatMissingData": "notBreaching"}, "the mapping is disabled"),
        ("DeadLettersAlarm", {"Threshold": 1}, "one record is bad"),
        ("NotInvokedAlarm", {"MetricName": "Invocations"}, "Lambda cannot start the function"),
        ("OnlySkippedAlarm", {"EvaluationPeriods": 4}, "the writers store no features, for three days"),
    ],
)
def test_mutant__misses_a_trouble(name: str, change: dict[str, Any], words: str) -> None:
    """A template with another statistic, rule, threshold, metric or period is noticed."""
    drill = find(words)
    rung = play(drill, [alarm for alarm in read_every_alarm(**{name: change}) if alarm.name in drill.rings])
    assert not {alarm for alarm, each in rung.items() if each.is_sure} >= set(drill.rings)


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("UndeliveredAlarm", {"DatapointsToAlarm": 2}, "Kafka is away for five minutes"),
        (
            "OnlySkippedAlarm",
            {"EvaluationPeriods": 1},
            "all is well: many other items, and some with features once a day",
        ),
        ("NotReadAlarm", {"Threshold": 2}, "all is well: no item"),
    ],
)
def test_mutant__rings_for_nothing(name: str, change: dict[str, Any], words: str) -> None:
    """An alarm that is more eager calls somebody for nothing."""
    alarms = [alarm for alarm in read_every_alarm(**{name: change}) if alarm.id == name]
    assert play(find(words), alarms)


def read_modelled() -> set[tuple[str, frozenset[str]]]:
    """Return the function's own metrics in the model, with their dimensions."""
    week = find("every record is bad").to_week()
    counted = play_both(week, Answers(*(False for _ in Answers._fields)), 12 * HOUR).minutes
    return {
        (name, frozenset(key for key, _ in dimensions))
        for namespace, name, dimensions in counted
        if namespace == "FeatureEvents"
    }


def test_model__has_metrics_that_the_function_emits() -> None:
    """The model's metrics, dimensions and reasons are the code's."""
    emitted = {(name, frozenset(each)) for name, metric in METRICS.items() for each in metric.dimensions}
    assert read_modelled() <= emitted
    assert set(REASONS) <= {str(reason) for reason in Skipped}


def test_alarms__are_on_metrics_that_the_function_emits() -> None:
    """A misspelled dimension would never have data."""
    watched = {series.metric for alarm in ALARMS for series in alarm.series.values()}
    own = {
        (name, frozenset(key for key, _ in dimensions))
        for space, name, dimensions in watched
        if space == "FeatureEvents"
    }
    assert own <= read_modelled()


def test_table__is_that_of_the_drills() -> None:
    """The guide has the drills' results; `make drills` writes them."""
    assert report.read_table() == report.to_table({drill: play_once(drill) for drill in DRILLS})
