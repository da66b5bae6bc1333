"""Each trouble rings the alarms that it has to, a healthy week rings none, and a worse template would be noticed."""

from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from feature_events.metrics import METRICS
from tests.template.drills import report
from tests.template.drills.cloudwatch import MORE_PERIODS, evaluate_alarm
from tests.template.drills.drills import (
    DRILLS,
    LONGEST,
    UNKNOWNS,
    Drill,
    Rung,
    find_rings,
    play,
    read_every_alarm,
    read_timeouts,
)
from tests.template.drills.pipeline_model import HOUR, MINUTE, OWN, WEEK, Answers, Pipeline, Timeouts

ALARMS = read_every_alarm()
NAMES = {alarm.name for alarm in ALARMS}


@cache
def play_once(drill: Drill) -> Mapping[str, Rung]:
    """The drill, played with the template's alarms."""
    return play(drill, ALARMS)


def find(words: str) -> Drill:
    """The drill of these words."""
    (drill,) = [each for each in DRILLS if each.words == words]
    return drill


@pytest.mark.parametrize("drill", DRILLS, ids=[drill.words for drill in DRILLS])
def test_drill__rings_what_it_has_to(drill: Drill) -> None:
    """Whatever AWS's documentation leaves open."""
    rung = play_once(drill)
    assert {name for name, each in rung.items() if each.is_sure} >= set(drill.rings)


@pytest.mark.parametrize("drill", DRILLS, ids=[drill.words for drill in DRILLS])
def test_drill__ends_with_every_alarm_off(drill: Drill) -> None:
    """Days after the trouble no alarm is left on, so that the next one is heard."""
    assert [name for name, each in play_once(drill).items() if not each.is_over] == []


@pytest.mark.parametrize("drill", [each for each in DRILLS if not each.troubles and not each.is_deployment])
def test_healthy_week__rings_nothing(drill: Drill) -> None:
    """Neither a busy week nor an idle one has anybody called."""
    assert play_once(drill) == {}


def test_deployment__rings_only_that_nothing_is_read_yet() -> None:
    """A new mapping takes minutes to poll for the first time, and its alarm is there already."""
    assert set(play_once(find("all is well: the first hours of a deployment"))) <= {"not read"}


@pytest.mark.parametrize("name", sorted(NAMES))
def test_alarm__rings_in_one_drill_and_not_in_another(name: str) -> None:
    """None is silent whatever happens, and none is on whatever happens."""
    played = [play_once(drill) for drill in DRILLS]
    assert any(name in rung and rung[name].is_sure for rung in played)
    assert any(name not in rung for rung in played)


@pytest.mark.parametrize("timeouts", read_timeouts(), ids=lambda pair: f"{pair.function}-{pair.delivery}")
@pytest.mark.parametrize("is_deployment", [False, True], ids=["later", "first deployment"])
def test_kafka_away__rings_for_every_pair_of_timeouts(timeouts: Timeouts, is_deployment: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """Within three quarters of an hour, however seldom an invocation ends and however slowly Lambda retries."""
    starts = 0 if is_deployment else 3 * HOUR + 137
    drill = find("Kafka is away")._replace(timeouts=timeouts, starts=starts, hours=3, is_deployment=is_deployment)
    (alarm,) = [each for each in ALARMS if each.name == "undelivered"]
    for slowly in (False, True):
        answers = Answers(*(False for _ in Answers._fields))._replace(retries_slowly=slowly)
        metrics = Pipeline(drill.to_week(), timeouts, answers).run(until=6 * HOUR)
        assert find_rings(drill, list(evaluate_alarm(alarm, metrics, 6 * 60, UNKNOWNS[0])))[0] <= 45


def test_timeouts__are_those_that_the_rules_allow() -> None:
    """The longest pair is the one that the drills name; it leaves Timeout its ten seconds."""
    pairs = read_timeouts()
    assert max(pairs) == LONGEST
    assert min(function - delivery for function, delivery in pairs) == 10


@pytest.mark.parametrize("drill", [each for each in DRILLS if each.troubles], ids=lambda drill: drill.words)
def test_alarms__do_not_depend_on_how_far_cloudwatch_looks_back(drill: Drill) -> None:
    """AWS gives its evaluation range by examples only; another one changes when an alarm rings, not whether."""
    metrics = Pipeline(drill.to_week(), drill.timeouts, Answers(*(True for _ in Answers._fields))).run()
    for more in {0, 1, 5} - {MORE_PERIODS}:
        for alarm in (each for each in ALARMS if each.name in drill.rings):
            changes = list(evaluate_alarm(alarm, metrics, WEEK // MINUTE, UNKNOWNS[0], more))
            assert find_rings(drill, changes), alarm.name


@pytest.mark.parametrize(
    ("name", "change", "words"),
    [
        ("UndeliveredAlarm", {"Period": 60}, "Kafka is away; `Timeout` 900, `DeliveryTimeoutMs` 890000"),
        ("UserNotReadAlarm", {"TreatMissingData": "notBreaching"}, "the mapping is disabled"),
        ("DeadLettersAlarm", {"Threshold": 1}, "one record is bad"),
    ],
    ids=["period", "missing data", "threshold"],
)
def test_mutant__turns_a_drill_red(name: str, change: dict[str, Any], words: str) -> None:
    """A template with another period, rule or threshold is noticed."""
    drill = find(words)
    rung = play(drill, [alarm for alarm in read_every_alarm(**{name: change}) if alarm.name in drill.rings])
    assert not {alarm for alarm, each in rung.items() if each.is_sure} >= set(drill.rings)


def test_model__has_metrics_that_the_function_emits() -> None:
    """What the model says that the function counts, the function counts."""
    assert set(OWN) <= set(METRICS)


def test_table__is_that_of_the_drills() -> None:
    """docs/deploying.md has what the drills come to; `make drills` writes it."""
    assert report.read_table() == report.to_table({drill: play_once(drill) for drill in DRILLS})
