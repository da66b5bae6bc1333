"""The drills, with the alarms that must fire, and how they are played."""

import re
from collections.abc import Mapping, Sequence
from functools import cache
from itertools import product
from typing import NamedTuple

from tests.template.document import STREAMS
from tests.template.drills.alarms import Alarm, read_application_alarms, read_attachment_alarms
from tests.template.drills.cloudwatch import State, evaluate_alarm
from tests.template.drills.pipeline_model import (
    DAY,
    FIRST,
    HOUR,
    MINUTE,
    SECOND,
    SINGLE_TABLE_FAULTS,
    WEEK,
    Assumptions,
    Fault,
    Scenario,
    Writes,
    play_both,
)

type Changes = Sequence[tuple[int, State]]
"""The minutes at which an alarm's state changes, and the new states."""

OWN: Mapping[str, str] = {
    "UserFeatureStore": FIRST.name,
    "UserFeaturesMapping": FIRST.mapping,
    "AccountFeatureStore": SECOND.name,
    "AccountFeaturesMapping": SECOND.mapping,
}
"""Logical ids in template.yaml, and the names in the model."""
OF_SECOND = " (other table)"

BUSY, SELDOM, RARELY, NEVER = 1.0 * MINUTE, 3.0 * DAY, 1.0 * WEEK, 9.0 * WEEK  # seconds between two writes
SETTLED = 2 * HOUR // MINUTE  # after a deployment
AFTERNOON = DAY + 14 * HOUR + 137


class Drill(NamedTuple):
    """A scenario in words and for the model, and the alarms that must fire with any assumptions."""

    words: str
    must_fire: tuple[str, ...]
    faults: tuple[Fault, ...] = ()
    writes: Writes = "features"
    seconds_between_writes: float = BUSY
    starts: float = AFTERNOON
    hours: float = 6
    days: int = 3
    hours_after: float = 0
    """Hours after the end in which alarms count as well."""
    is_deployment: bool = False
    only_skipped_days: int | None = None
    """OnlySkippedAlarmDays of two attached tables. None means the default, and that the tables are also own tables."""

    def to_scenario(self) -> Scenario:
        """Return the scenario for the model."""
        ends = self.starts + self.hours * HOUR
        return Scenario(frozenset(self.faults), self.writes, self.seconds_between_writes, self.starts, ends)

    def is_of_single_table(self) -> bool:
        """Return whether only the first table has the faults."""
        return bool(SINGLE_TABLE_FAULTS & {*self.faults})


DRILLS = (
    Drill("healthy: an item every minute", ()),
    Drill("healthy: an item every three days", (), seconds_between_writes=SELDOM, days=7),
    Drill("healthy: an item every week", (), seconds_between_writes=RARELY, days=21),
    Drill("healthy: no items", (), seconds_between_writes=NEVER),
    Drill("healthy: the first hours after a deployment", (), starts=0, days=1, is_deployment=True),
    Drill("healthy: only deletions for three days", (), writes="deletions", hours=72, days=6),
    Drill("healthy: many other items, and items with features once a day", (), writes="features once a day", days=7),
    Drill(
        "healthy: many other items, and items with features once a week; `OnlySkippedAlarmDays` 7",
        (),
        writes="features once a week",
        days=15,
        only_skipped_days=7,
    ),
    Drill("Kafka is unavailable for five minutes", (), ("Kafka is unavailable",), hours=5 / 60, hours_after=2),
    Drill("Kafka is unavailable", ("undelivered",), ("Kafka is unavailable",)),
    Drill(
        "Kafka is unavailable for two days",
        ("undelivered", "record age", "iterator age", "on-failure deliveries"),
        ("Kafka is unavailable",),
        hours=48,
        days=4,
    ),
    Drill(
        "Kafka is unavailable at the first deployment",
        ("undelivered",),
        ("Kafka is unavailable",),
        starts=0,
        is_deployment=True,
    ),
    Drill("the mapping is disabled", ("not read",), ("mapping is disabled",)),
    Drill("the mapping is disabled; no items", ("not read",), ("mapping is disabled",), seconds_between_writes=NEVER),
    Drill("the role lost access to the stream", ("not read",), ("stream denies access",)),
    Drill(
        "the role lost access to the failure bucket, and one record is bad",
        ("undelivered",),
        ("failure bucket denies access", "one record is bad"),
    ),
    Drill("one record is bad", ("dead letters",), ("one record is bad",)),
    Drill("every record is bad", ("dead letters", "dead-letter limit", "errors"), ("every record is bad",)),
    Drill("a setting, a permission or the topic is wrong", ("errors",), ("function is misconfigured",)),
    Drill("Lambda cannot start the function", ("not invoked",), ("function cannot start",)),
    Drill("Lambda throttles the function", ("throttles",), ("function is throttled",)),
    Drill("the function is too slow", ("record age", "iterator age"), ("function is slow",)),
    Drill("writers store other items for three days", ("only skipped",), ("other items",), hours=72, days=6),
    Drill("writers store no features for three days", ("only skipped",), ("no features",), hours=72, days=6),
    Drill(
        "writers store other items for three days, and every second record is a deletion",
        ("only skipped",),
        ("other items",),
        "features and deletions",
        hours=72,
        days=6,
    ),
    *(
        Drill(
            f"no item of a new table has features; {words}",
            ("only skipped",),
            ("no features",),
            seconds_between_writes=seconds,
            starts=seconds,
            hours=72,
            days=int(seconds // DAY) + 12,
        )
        for words, seconds in (
            ("an item every minute", BUSY),
            ("an item every three days", SELDOM),
            ("an item every week", RARELY),
        )
    ),
    Drill(
        "Kafka is unavailable for two days, and Lambda cannot write on-failure batches",
        ("undelivered", "dropped events"),
        ("Kafka is unavailable", "failure bucket denies access"),
        hours=48,
        days=4,
    ),
)


class Firing(NamedTuple):
    """The minutes from the start of a fault until an alarm fires: the fewest and the most with any assumptions."""

    earliest: int
    latest: int
    is_certain: bool
    """True if the alarm fires with any assumptions."""
    is_over: bool
    """True if the alarm is off at the end."""


@cache
def read_every_alarm(only_skipped_days: int | None = None) -> Sequence[Alarm]:
    """Return the alarms of the application and of two attachments, with the names of the model.

    Args:
        only_skipped_days: OnlySkippedAlarmDays of the attachments. If it is given, the tables are not own tables.

    """
    application = [to_modelled(alarm, OWN) for alarm in read_application_alarms()]
    alarms = [each for each in application if only_skipped_days is None or not each.id.startswith("OwnTables")]
    parameters = {} if only_skipped_days is None else {"OnlySkippedAlarmDays": str(only_skipped_days)}
    for table, stream in zip((FIRST, SECOND), STREAMS, strict=True):
        attached = read_attachment_alarms({**parameters, "StreamArn": stream})
        resources = {stream.split("/")[1]: table.name, "Mapping": table.mapping}
        alarms += [to_modelled(alarm, resources, of_second=table is SECOND) for alarm in attached]
    return alarms


def to_modelled(alarm: Alarm, resources: Mapping[str, str], *, of_second: bool = False) -> Alarm:
    """Return the alarm with the metrics of the model, and a name without the table."""
    series = {}
    for name, each in alarm.series.items():
        namespace, metric, dimensions = each.metric
        modelled = tuple((key, resources.get(value, value)) for key, value in dimensions)
        series[name] = each._replace(metric=(namespace, metric, modelled))
    name = re.sub(r" (from|of) .*", "", alarm.name)
    return alarm._replace(name=name + OF_SECOND * of_second, series=series)


@cache
def play(drill: Drill) -> Mapping[str, Firing]:
    """Return the alarms that fire in a drill.

    The drill is played with slow and with fast retries, both with all and with none of the other assumptions. Each of
    those concerns one alarm, so they need no combinations.
    """
    alarms = read_every_alarm(drill.only_skipped_days)
    played: dict[str, list[Changes]] = {alarm.name: [] for alarm in alarms}
    until = drill.days * DAY
    for retries_slowly, others in product((False, True) if drill.faults else (False,), (False, True)):
        assumptions = Assumptions(*(others for _ in Assumptions._fields))._replace(retries_slowly=retries_slowly)
        metrics = play_both(drill.to_scenario(), assumptions, until)
        for alarm in alarms:
            played[alarm.name].append(list(evaluate_alarm(alarm, metrics, until // MINUTE)))
    firings = {name: to_firing(drill, each) for name, each in played.items()}
    return {name: each for name, each in firings.items() if each is not None}


def to_firing(drill: Drill, played: Sequence[Changes]) -> Firing | None:
    """Combine the changes of one alarm with all assumptions. Return None if the alarm never fired."""
    firsts = [delays[0] for delays in (find_delays(drill, changes) for changes in played) if delays]
    if not firsts:
        return None
    is_over = all(changes[-1][1] != "ALARM" for changes in played if changes)
    return Firing(min(firsts), max(firsts), len(firsts) == len(played), is_over)


def find_delays(drill: Drill, changes: Changes) -> list[int]:
    """Return the minutes from the start of the faults to each time that the alarm fires during the faults.

    In the first hours after a deployment, an alarm that is soon off counts only in a drill of a deployment.
    """
    start = int(drill.starts // MINUTE)
    lasts = range(int((drill.hours + drill.hours_after) * HOUR // MINUTE) + 1)
    ends = [*(minute for minute, _ in changes[1:]), drill.days * DAY]
    return [
        minute - start
        for (minute, state), end in zip(changes, ends, strict=False)
        if state == "ALARM" and (drill.is_deployment or end > SETTLED) and (not drill.faults or minute - start in lasts)
    ]
