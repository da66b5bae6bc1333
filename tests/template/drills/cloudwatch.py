"""Evaluates alarms as CloudWatch does, on metrics of minutes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import accumulate
from operator import add, eq, ge, gt, le, lt, mul
from typing import Literal, NamedTuple

from tests.template.drills.alarms import Alarm, Name, Series

type State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
type Point = float | None
"""The value of a metric in one period; None if it is missing."""

MORE_PERIODS = 2
"""How many periods CloudWatch looks at beyond the alarm's own: AWS's examples have five for three."""
DAY_MINUTES = 24 * 60

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": gt,
    "GreaterThanOrEqualToThreshold": ge,
    "LessThanThreshold": lt,
    "LessThanOrEqualToThreshold": le,
}
OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {ast.Add: add, ast.Mult: mul, ast.Eq: eq}


class Minute(NamedTuple):
    """The data points of one minute."""

    total: float
    maximum: float
    samples: int


class Metrics:
    """What was measured: metric -> minute -> data points."""

    def __init__(self) -> None:
        self.minutes: defaultdict[Name, dict[int, Minute]] = defaultdict(dict)
        self.points: dict[tuple[Series, int], Sequence[Point]] = {}

    def put(self, metric: Name, seconds: float, value: float) -> None:
        """Add a data point at this time."""
        minute = int(seconds // 60)
        total, maximum, samples = self.minutes[metric].get(minute, (0.0, value, 0))
        self.minutes[metric][minute] = Minute(total + value, max(maximum, value), samples + 1)

    def read(self, series: Series, until: int) -> Sequence[Point]:
        """Return, for the end of each minute, the value of the period that ends then. Call it after the last `put`."""
        if (series, until) not in self.points:
            minutes = self.minutes.get(series.metric, {})
            self.points[series, until] = slide(minutes, series, until) if minutes else [None] * until
        return self.points[series, until]


def slide(minutes: Mapping[int, Minute], series: Series, until: int) -> list[Point]:
    """Return the value of a period that ends at each minute.

    An alarm's periods move with each evaluation, unless its EvaluationWindow is a WallClockWindow:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
    """
    samples = add_up(until, {at: each.samples for at, each in minutes.items()})
    totals = add_up(until, {at: each.total for at, each in minutes.items()})
    points: list[Point] = []
    for end in range(1, until + 1):
        start = max(0, end - series.minutes)
        count = samples[end] - samples[start]
        if not count:
            points.append(None)
        elif series.statistic == "SampleCount":
            points.append(count)
        elif series.statistic == "Sum":
            points.append(totals[end] - totals[start])
        elif series.statistic == "Maximum":
            points.append(max(minutes[at].maximum for at in range(start, end) if at in minutes))
        else:
            raise NotImplementedError(f"the drills do not know the statistic {series.statistic}")
    return points


def add_up(until: int, values: Mapping[int, float]) -> list[float]:
    """Return the sum of the values before each minute."""
    return list(accumulate((values.get(minute, 0) for minute in range(until)), initial=0))


def evaluate_alarm(alarm: Alarm, metrics: Metrics, until: int, more: int = MORE_PERIODS) -> Iterator[tuple[int, State]]:
    """Yield the minutes at which the alarm's state changes, and the new state; the first is INSUFFICIENT_DATA.

    An alarm is evaluated every minute; one that looks at more than a day is evaluated once an hour.
    """
    points = calculate(alarm.expression, {name: metrics.read(each, until) for name, each in alarm.series.items()})
    step, looked_at = alarm.minutes, (alarm.periods + more) * alarm.minutes
    breaches, threshold = COMPARISONS[alarm.comparison], alarm.threshold
    flags = [None if point is None else float(breaches(point, threshold)) for point in (*[None] * looked_at, *points)]
    state: State = "INSUFFICIENT_DATA"
    judged: dict[tuple[tuple[Point, ...], State], State] = {}
    every = 60 if alarm.periods * step > DAY_MINUTES else 1
    for end in range(every, until + 1, every):
        seen = tuple(flags[end + step - 1 : end + looked_at : step])
        before = state
        if (seen, before) not in judged:
            judged[seen, before] = judge(seen, alarm, before)
        state = judged[seen, before]
        if state != before:
            yield end, state


def judge(breaches: Sequence[Point], alarm: Alarm, state: State) -> State:
    """Return the state after an evaluation of these points, oldest first; AWS's tables of examples are its tests.

    Real points count before missing ones, and no more of those than the alarm's periods lack.

    Args:
        breaches: for each period 1 for a breach, 0 for none, and None if the point is missing.
        alarm: which points it needs, and how it treats missing ones.
        state: the state before.

    """
    present = [each for each in breaches if each is not None][-alarm.periods :]
    breaching = sum(present)
    absent = alarm.periods - len(present)
    if alarm.missing == "breaching":
        breaching += absent
    if breaching >= alarm.needed:
        return "ALARM"
    if alarm.missing in {"breaching", "notBreaching"} or not absent or breaching < len(present):
        return "OK"
    if alarm.missing == "ignore":
        return state
    oldest = next((len(breaches) - place for place, each in enumerate(breaches) if each is not None), 0)
    return "ALARM" if oldest >= alarm.needed else "INSUFFICIENT_DATA"


def calculate(node: ast.expr, points: Mapping[str, Sequence[Point]]) -> Sequence[Point]:
    """Evaluate a metric-math expression; it knows the operators and functions that the templates use.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    match node:
        case ast.Name(id=name):
            return points[name]
        case ast.Constant(value=float() | int() as value):
            return [float(value)] * len(next(iter(points.values())))
        case ast.BinOp(left=left, op=operator, right=right) if type(operator) in OPERATORS:
            return combine(OPERATORS[type(operator)], calculate(left, points), calculate(right, points))
        case ast.Compare(left=left, ops=[operator], comparators=[right]) if type(operator) in OPERATORS:
            return combine(OPERATORS[type(operator)], calculate(left, points), calculate(right, points))
        case ast.Call(func=ast.Name(id="SUM"), args=[ast.List(elts=parts)]):
            columns = zip(*(calculate(part, points) for part in parts), strict=True)
            present = [[point for point in column if point is not None] for column in columns]
            return [sum(column) if column else None for column in present]
        case ast.Call(func=ast.Name(id="IF"), args=[condition, *ways]):
            tests, yes, no = (calculate(part, points) for part in (condition, *ways))
            each = zip(tests, yes, no, strict=True)
            return [None if test is None else one if test else other for test, one, other in each]
    raise NotImplementedError(f"the drills do not know {ast.unparse(node)}")


def combine(operator: Callable[[float, float], float], one: Sequence[Point], other: Sequence[Point]) -> list[Point]:
    """Combine two series; the result is missing if either is."""
    pairs = zip(one, other, strict=True)
    return [None if left is None or right is None else float(operator(left, right)) for left, right in pairs]
