"""The drills: what goes wrong, which alarms have to ring, and how they are played."""

import re
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from tests.template.document import STREAMS, Parameters
from tests.template.drills.alarms import Alarm, read_application_alarms, read_attachment_alarms
from tests.template.drills.cloudwatch import State, evaluate_alarm
from tests.template.drills.pipeline_model import (
    DAY,
    FIRST,
    HOUR,
    MINUTE,
    OF_ONE_TABLE,
    SECOND,
    WEEK,
    Answers,
    Trouble,
    Week,
    Writes,
    play_both,
)

type Changes = Sequence[tuple[int, State]]
"""The minutes at which an alarm changes its state, and the new state."""

OWN: Mapping[str, str] = {
    "UserFeatureStore": FIRST.name,
    "UserFeaturesMapping": FIRST.mapping,
    "AccountFeatureStore": SECOND.name,
    "AccountFeaturesMapping": SECOND.mapping,
}
"""Resources of template.yaml -> the same in the model."""
OF_SECOND = " (other table)"

BUSY, SELDOM, NEVER = 1.0 * MINUTE, 3.0 * DAY, 1.0 * WEEK  # seconds between two writes
SETTLED = 2 * HOUR // MINUTE  # after a deployment
AFTERNOON = DAY + 14 * HOUR + 137


class Drill(NamedTuple):
    """What goes wrong, in words and for the model, and the alarms that have to ring whatever AWS leaves open."""

    words: str
    rings: tuple[str, ...]
    troubles: tuple[Trouble, ...] = ()
    writes: Writes = "features"
    seconds_between_writes: float = BUSY
    starts: float = AFTERNOON
    hours: float = 6
    days: int = 3
    hours_after: float = 0
    """How long after its end the drill still counts rings."""
    is_deployment: bool = False
    only_skipped_days: int | None = None
    """OnlySkippedAlarmDays if the tables are attached only; None for the default, and tables that are also own ones."""

    def to_week(self) -> Week:
        """Return the week of the model."""
        ends = self.starts + self.hours * HOUR
        return Week(frozenset(self.troubles), self.writes, self.seconds_between_writes, self.starts, ends)

    def read_alarms(self) -> list[Alarm]:
        """Return the alarms that are played."""
        days = self.only_skipped_days
        return read_every_alarm(None if days is None else {"OnlySkippedAlarmDays": str(days)})

    def is_of_one_table(self) -> bool:
        """Return whether only the first table has the troubles."""
        return bool(OF_ONE_TABLE & {*self.troubles})


DRILLS = (
    Drill("all is well: an item every minute", ()),
    Drill("all is well: an item every three days", (), seconds_between_writes=SELDOM, days=7),
    Drill("all is well: no item", (), seconds_between_writes=NEVER),
    Drill("all is well: the first hours of a deployment", (), starts=0, days=1, is_deployment=True),
    Drill("all is well: nothing but deletions for three days", (), writes="deletions", hours=72, days=6),
    Drill("all is well: many other items, and some with features once a day", (), writes="features once a day", days=7),
    Drill(
        "all is well: many other items, and some with features once a week; `OnlySkippedAlarmDays` 7",
        (),
        writes="features once a week",
        days=15,
        only_skipped_days=7,
    ),
    Drill("Kafka is away for five minutes", (), ("Kafka is away",), hours=5 / 60, hours_after=2),
    Drill("Kafka is away", ("undelivered",), ("Kafka is away",)),
    Drill(
        "Kafka is away for two days",
        ("undelivered", "record age", "iterator age", "on-failure deliveries"),
        ("Kafka is away",),
        hours=48,
        days=4,
    ),
    Drill("Kafka is away at the first deployment", ("undelivered",), ("Kafka is away",), starts=0, is_deployment=True),
    Drill("the mapping is disabled", ("not read",), ("not enabled",)),
    Drill("the mapping is disabled, and no item", ("not read",), ("not enabled",), seconds_between_writes=NEVER),
    Drill("the role lost its access to the stream", ("not read",), ("no access to the stream",)),
    Drill(
        "the role lost its access to the bucket, and one record is bad",
        ("undelivered",),
        ("bucket refuses", "one record is bad"),
    ),
    Drill("one record is bad", ("dead letters",), ("one record is bad",)),
    Drill("every record is bad", ("dead letters", "dead-letter limit", "errors"), ("every record is bad",)),
    Drill("a setting, a permission or the topic is wrong", ("errors",), ("misconfigured",)),
    Drill("Lambda cannot start the function", ("not invoked",), ("cannot start",)),
    Drill("throttled", ("throttles",), ("throttled",)),
    Drill("too slow", ("record age", "iterator age"), ("too slow",)),
    Drill(
        "the writers store other items than before, for three days",
        ("only skipped",),
        ("other items",),
        hours=72,
        days=6,
    ),
    Drill("the writers store no features, for three days", ("only skipped",), ("no features",), hours=72, days=6),
    Drill(
        "Kafka is away for two days, and on-failure deliveries are refused",
        ("undelivered", "dropped events"),
        ("Kafka is away", "bucket refuses"),
        hours=48,
        days=4,
    ),
)


class Rung(NamedTuple):
    """The minutes from the trouble's start to the alarm, at the earliest and at the latest."""

    earliest: int
    latest: int
    is_sure: bool
    """It rings whatever AWS leaves open."""
    is_over: bool
    """It is off again at the end."""


def read_every_alarm(attachment: Parameters | None = None, **changes: Mapping[str, Any]) -> list[Alarm]:
    """Return the alarms of the application and of two attachments, on the model's metrics.

    Args:
        attachment: parameters of table.yaml, if the tables are no own tables.
        changes: other properties, by the alarm's logical id.

    """
    application = [to_modelled(alarm, OWN) for alarm in read_application_alarms(**changes)]
    alarms = [alarm for alarm in application if attachment is None or not alarm.id.startswith("OwnTables")]
    for table, stream in zip((FIRST, SECOND), STREAMS, strict=True):
        attached = read_attachment_alarms({**(attachment or {}), "StreamArn": stream}, **changes)
        resources = {stream.split("/")[1]: table.name, "Mapping": table.mapping}
        alarms += [to_modelled(alarm, resources, of_second=table is SECOND) for alarm in attached]
    return alarms


def to_modelled(alarm: Alarm, resources: Mapping[str, str], *, of_second: bool = False) -> Alarm:
    """Return the alarm on the model's metrics, its name without the first table's."""
    series = {}
    for name, each in alarm.series.items():
        namespace, metric, dimensions = each.metric
        modelled = tuple((key, resources.get(value, value)) for key, value in dimensions)
        series[name] = each._replace(metric=(namespace, metric, modelled))
    name = re.sub(r" (from|of) .*", "", alarm.name)
    return alarm._replace(name=name + OF_SECOND * of_second, series=series)


def play(drill: Drill, alarms: Sequence[Alarm]) -> dict[str, Rung]:
    """Return the alarms that ring while something is wrong, with every answer to what AWS leaves open.

    Each answer except how fast Lambda retries concerns one alarm, so the others need no combinations.
    """
    played: dict[str, list[Changes]] = {alarm.name: [] for alarm in alarms}
    until = drill.days * DAY
    for slowly, others in product((False, True) if drill.troubles else (False,), (False, True)):
        answers = Answers(*(others for _ in Answers._fields))._replace(retries_slowly=slowly)
        metrics = play_both(drill.to_week(), answers, until)
        for alarm in alarms:
            played[alarm.name].append(list(evaluate_alarm(alarm, metrics, until // MINUTE)))
    rung = {name: to_rung(drill, each) for name, each in played.items()}
    return {name: each for name, each in rung.items() if each is not None}


def to_rung(drill: Drill, played: Sequence[Changes]) -> Rung | None:
    """Combine all the times that the drill was played; None if the alarm never rang."""
    firsts = [rings[0] for rings in (find_rings(drill, changes) for changes in played) if rings]
    if not firsts:
        return None
    is_over = all(changes[-1][1] != "ALARM" for changes in played if changes)
    return Rung(min(firsts), max(firsts), len(firsts) == len(played), is_over)


def find_rings(drill: Drill, changes: Changes) -> list[int]:
    """Return the minutes from the trouble's start to each time that an alarm rings while it lasts.

    An alarm that is off again within hours of the deployment counts in the drill of a deployment only.
    """
    start = int(drill.starts // MINUTE)
    lasts = range(int((drill.hours + drill.hours_after) * HOUR // MINUTE) + 1)
    ends = [*(minute for minute, _ in changes[1:]), drill.days * DAY]
    return [
        minute - start
        for (minute, state), end in zip(changes, ends, strict=False)
        if state == "ALARM"
        and (drill.is_deployment or end > SETTLED)
        and (not drill.troubles or minute - start in lasts)
    ]
