"""Each fault fires the alarms that it must, and healthy scenarios fire none."""

import pytest

from tests.template.drills import report
from tests.template.drills.cloudwatch import MORE_PERIODS, evaluate_alarm
from tests.template.drills.drills import DRILLS, OF_SECOND, Drill, find_delays, play, read_every_alarm
from tests.template.drills.pipeline_model import DAY, MINUTE, Assumptions, play_both

FIRING = [each for each in DRILLS if each.must_fire]
HEALTHY = [each for each in DRILLS if not each.must_fire and not each.is_deployment]
SINGLE_TABLE = [each for each in DRILLS if each.is_of_single_table()]
SOON = 15
"""Minutes in which at least one alarm must fire."""
SLOW = {"only skipped": 2 * DAY / MINUTE + 60}
"""Minutes for alarms that wait longer by design."""


def name_drill(drill: Drill) -> str:
    """Return the drill's name for pytest."""
    return drill.words


@pytest.mark.parametrize("drill", FIRING, ids=name_drill)
def test_drill__fires_the_alarms_of_its_faults(drill: Drill) -> None:
    """The alarms fire with any assumptions, and at least one of them fires soon."""
    certain = {name: each.latest for name, each in play(drill).items() if each.is_certain}
    assert set(drill.must_fire) <= set(certain)
    first = min(certain, key=lambda name: certain[name])
    assert certain[first] <= SLOW.get(first, SOON)


@pytest.mark.parametrize("drill", DRILLS, ids=name_drill)
def test_drill__ends_with_every_alarm_off(drill: Drill) -> None:
    """An alarm that stays on would hide the next fault."""
    assert [name for name, each in play(drill).items() if not each.is_over] == []


@pytest.mark.parametrize("drill", HEALTHY, ids=name_drill)
def test_healthy_scenario__fires_no_alarm(drill: Drill) -> None:
    """Engineers are not paged for idle tables, deletions, other kinds of items or short disturbances."""
    assert play(drill) == {}


@pytest.mark.parametrize("drill", [each for each in DRILLS if each.is_deployment and not each.faults], ids=name_drill)
def test_deployment__fires_only_not_read(drill: Drill) -> None:
    """A new mapping starts to poll after some minutes, when its alarm already exists."""
    assert {name.removesuffix(OF_SECOND) for name in play(drill)} <= {"not read"}


@pytest.mark.parametrize("drill", SINGLE_TABLE, ids=name_drill)
def test_fault_of_one_table__fires_no_alarm_of_the_other(drill: Drill) -> None:
    """The alarms of an attachment are about its own table."""
    assert [name for name in play(drill) if name.endswith(OF_SECOND)] == []


def test_alarms__fire_in_one_drill_and_not_in_another() -> None:
    """No alarm is always silent or always on."""
    names = {alarm.name for alarm in read_every_alarm() if not alarm.name.endswith(OF_SECOND)}
    certain = [{name for name, each in play(drill).items() if each.is_certain} for drill in DRILLS]
    assert [name for name in names if not any(name in each for each in certain)] == []
    assert [name for name in names if all(name in play(drill) for drill in DRILLS)] == []


@pytest.mark.parametrize("drill", FIRING, ids=name_drill)
def test_alarms__fire_whatever_the_evaluation_range(drill: Drill) -> None:
    """AWS documents the range only with examples. Another range changes when an alarm fires, but not whether."""
    until = drill.days * DAY
    metrics = play_both(drill.to_scenario(), Assumptions(*(True for _ in Assumptions._fields)), until)
    for more in {0, 1, 5} - {MORE_PERIODS}:
        for alarm in (each for each in read_every_alarm() if each.name in drill.must_fire):
            assert find_delays(drill, list(evaluate_alarm(alarm, metrics, until // MINUTE, more))), alarm.id


def test_table__contains_the_results_of_the_drills() -> None:
    """`make drills` writes the table in docs/runbook.md."""
    assert report.read_table() == report.to_table()
