"""The drills: what goes wrong in a week, which alarms have to ring, and how they are played."""

import ast
from collections.abc import Mapping, Sequence
from itertools import product
from typing import Any, NamedTuple

from tests.template.document import STREAMS, read_defaults, read_template
from tests.template.drills.alarms import Alarm, read_alarms
from tests.template.drills.cloudwatch import State, Unknowns, evaluate_alarm
from tests.template.drills.pipeline_model import (
    DAY,
    HOUR,
    MAPPING,
    MINUTE,
    STREAM,
    TABLE,
    WEEK,
    Answers,
    Pipeline,
    Timeouts,
    Trouble,
    Week,
)
from tests.template.rule_functions import find_refusals

type Changes = Sequence[tuple[int, State]]
"""The minutes at which an alarm changes its state, and what it changes to."""

OWN_TABLES = {"SchemaId": "7"}
STREAM_OF_ANOTHER = OWN_TABLES | {"StreamArns": STREAMS[0]}
_, TABLE_NAME, _, STREAM_LABEL = STREAMS[0].split("/")
MODELLED = {
    "UserFeatureStore": TABLE,
    "UserFeaturesMapping": MAPPING,
    TABLE_NAME: TABLE,
    STREAM_LABEL: STREAM,
}
"""What the template's metrics are of -> the same in the model, which has one table."""
OTHER_TABLE = {"AccountNotReadAlarm", "AccountNotInvokedAlarm"}

BUSY, SELDOM = 1.0 * MINUTE, 3.0 * DAY  # seconds between two writes
DEFAULT, LONGEST = Timeouts(60, 20), Timeouts(900, 890)
SETTLED = 2 * HOUR // MINUTE  # after a deployment
UNKNOWNS = [Unknowns(*each) for each in product((False, True), repeat=len(Unknowns._fields))]
AFTERNOON = DAY + 14 * HOUR + 137  # in the midst of a period


class Drill(NamedTuple):
    """What goes wrong, in words and for the model, and the alarms that have to ring whatever AWS leaves open."""

    words: str
    rings: tuple[str, ...]
    troubles: tuple[Trouble, ...] = ()
    seconds_between_writes: float = BUSY
    starts: float = AFTERNOON
    hours: float = 6
    timeouts: Timeouts = DEFAULT
    is_deployment: bool = False

    def to_week(self) -> Week:
        """The week of the model."""
        ends = self.starts + self.hours * HOUR
        return Week(frozenset(self.troubles), self.seconds_between_writes, self.starts, ends)


NEVER = 2.0 * WEEK
DRILLS = (
    Drill("all is well: an item every minute", ()),
    Drill("all is well: an item every three days", (), seconds_between_writes=SELDOM),
    Drill("all is well: no item", (), seconds_between_writes=NEVER),
    Drill("all is well: the first hours of a deployment", (), starts=0, is_deployment=True),
    Drill("Kafka is away", ("undelivered",), ("Kafka is away",)),
    Drill(
        "Kafka is away; `Timeout` 900, `DeliveryTimeoutMs` 890000",
        ("undelivered", "iterator age"),
        ("Kafka is away",),
        timeouts=LONGEST,
    ),
    Drill("Kafka is away for two days", ("undelivered", "on-failure deliveries"), ("Kafka is away",), hours=48),
    Drill("Kafka is away at the first deployment", ("undelivered",), ("Kafka is away",), starts=0, is_deployment=True),
    Drill("the mapping is disabled", ("not read", "not invoked"), ("not enabled",)),
    Drill("the mapping is disabled, and no item", ("not read",), ("not enabled",), seconds_between_writes=NEVER),
    Drill("the role lost its access to the stream", ("not read", "not invoked"), ("no access to the stream",)),
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
    Drill("too slow", ("iterator age",), ("too slow",)),
    Drill(
        "Kafka is away for two days, and on-failure deliveries are refused",
        ("undelivered", "dropped events"),
        ("Kafka is away", "bucket refuses"),
        hours=48,
    ),
)


class Rung(NamedTuple):
    """The minutes from the trouble's start to the alarm, at the earliest and at the latest."""

    earliest: int
    latest: int
    is_sure: bool
    """It rings whatever AWS leaves open."""
    is_over: bool
    """It is off again at the week's end."""


def read_every_alarm(**changes: Mapping[str, Any]) -> list[Alarm]:
    """The alarms on own tables and on the stream of an existing one, as the model has their metrics' names."""
    found: dict[str, Alarm] = {}
    for parameters in (OWN_TABLES, STREAM_OF_ANOTHER):
        found |= read_alarms(parameters, **changes)
    return [to_modelled(alarm) for name, alarm in found.items() if name not in OTHER_TABLE]


def to_modelled(alarm: Alarm) -> Alarm:
    """The alarm on the model's metrics; one of a table is named without it."""
    series = {}
    for name, each in alarm.series.items():
        namespace, metric, dimensions = each.metric
        modelled = tuple((key, MODELLED.get(value, value)) for key, value in dimensions)
        series[name] = each._replace(metric=(namespace, metric, modelled))
    return alarm._replace(name=alarm.name.partition(" from ")[0], series=series)


def play(drill: Drill, alarms: Sequence[Alarm]) -> dict[str, Rung]:
    """The alarms that ring while something is wrong, with every answer to what AWS leaves open.

    An answer but how fast Lambda retries is about one alarm, so the others need no combinations.
    """
    played: dict[str, list[Changes]] = {alarm.name: [] for alarm in alarms}
    for slowly, others in product((False, True), repeat=2):
        answers = Answers(*(others for _ in Answers._fields))._replace(retries_slowly=slowly)
        metrics = Pipeline(drill.to_week(), drill.timeouts, answers).run()
        for alarm in alarms:
            for unknowns in UNKNOWNS if is_open(alarm) else UNKNOWNS[:1]:
                played[alarm.name].append(list(evaluate_alarm(alarm, metrics, WEEK // MINUTE, unknowns)))
    rung = {name: to_rung(drill, each) for name, each in played.items()}
    return {name: each for name, each in rung.items() if each is not None}


def is_open(alarm: Alarm) -> bool:
    """Whether it is of a kind of which AWS leaves something open."""
    return not isinstance(alarm.expression, ast.Name)


def to_rung(drill: Drill, played: Sequence[Changes]) -> Rung | None:
    """All the times that the drill was played, in one; None where the alarm never rang."""
    firsts = [rings[0] for rings in (find_rings(drill, changes) for changes in played) if rings]
    if not firsts:
        return None
    is_over = all(changes[-1][1] != "ALARM" for changes in played if changes)
    return Rung(min(firsts), max(firsts), len(firsts) == len(played), is_over)


def find_rings(drill: Drill, changes: Changes) -> list[int]:
    """The minutes from the trouble's start to each time that an alarm rings while it lasts.

    Of the first hours after a deployment only in its drill.
    """
    start = int(drill.starts // MINUTE)
    lasts = range(int(drill.hours * HOUR // MINUTE) + 1)
    return [
        minute - start
        for minute, state in changes
        if state == "ALARM"
        and (drill.is_deployment or minute > SETTLED)
        and (not drill.troubles or minute - start in lasts)
    ]


def read_timeouts() -> list[Timeouts]:
    """Every pair of timeouts that the template's rules allow."""
    template = read_template()
    values = {**read_defaults(template), "KafkaBrokerUrl": "b:9092", "SchemaId": "7"}
    functions, deliveries = (template["Parameters"][name]["AllowedValues"] for name in ("Timeout", "DeliveryTimeoutMs"))
    return [
        Timeouts(function, delivery / 1000)
        for function, delivery in product(functions, deliveries)
        if not find_refusals(template, values | {"Timeout": str(function), "DeliveryTimeoutMs": str(delivery)})
    ]
