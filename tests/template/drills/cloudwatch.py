"""Evaluate alarms as CloudWatch does, on metrics with a resolution of one minute.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation.html
https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from itertools import accumulate, chain, repeat
from math import inf
from operator import add, eq, ge, gt, le, lt, mul
from typing import Literal

from tests.template.drills.alarms import Alarm, Name, Series

type State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
type Point = float | None
"""The value of a metric in one period; None if it is missing."""
type Minute = tuple[float, float, int]
"""The sum, the maximum and the number of a metric's values in one minute."""

MORE_PERIODS = 2
"""How many more periods than the alarm's own CloudWatch evaluates. In AWS's examples, it evaluates five for three."""
DAY_MINUTES = 24 * 60

EMPTY: Minute = (0, -inf, 0)

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": gt,
    "GreaterThanOrEqualToThreshold": ge,
    "LessThanThreshold": lt,
    "LessThanOrEqualToThreshold": le,
}
OPERATORS: Mapping[type[ast.AST], Callable[[float, float], float]] = {ast.Add: add, ast.Mult: mul, ast.Eq: eq}


class Metrics:
    """The values of metrics, by minute."""

    def __init__(self) -> None:
        self.minutes: defaultdict[Name, dict[int, Minute]] = defaultdict(dict)
        self.points: dict[tuple[Series, int], Sequence[Point]] = {}

    def put(self, metric: Name, seconds: float, value: float) -> None:
        """Add a value at a time."""
        minutes, minute = self.minutes[metric], int(seconds // 60)
        before = minutes.get(minute)
        minutes[minute] = (value, value, 1) if before is None else add_minutes(before, (value, value, 1))

    def merge(self, other: "Metrics", renamed: Mapping[str, str]) -> "Metrics":
        """Return the values of both, with other dimensions for the second."""
        merged = Metrics()
        merged.minutes |= self.minutes
        for (namespace, name, dimensions), added in other.minutes.items():
            metric = namespace, name, tuple((key, renamed.get(value, value)) for key, value in dimensions)
            minutes = self.minutes.get(metric, {})
            both = {at: add_minutes(minutes[at], added[at]) for at in minutes.keys() & added.keys()}
            merged.minutes[metric] = minutes | added | both
        return merged

    def read(self, series: Series, until: int) -> Sequence[Point]:
        """Return, for the end of each minute, the value of the period that ends then. Call it after the last `put`."""
        if (series, until) not in self.points:
            minutes = self.minutes.get(series.metric, {})
            self.points[series, until] = slide(minutes, series, until) if minutes else [None] * until
        return self.points[series, until]


def slide(minutes: Mapping[int, Minute], series: Series, until: int) -> list[Point]:
    """Return the value of the period that ends at each minute.

    An alarm's periods move with each evaluation, unless its EvaluationWindow is a WallClockWindow:
    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarm-evaluation-window.html
    """
    totals, maxima, counts = zip(*(minutes.get(minute, EMPTY) for minute in range(until)), strict=True)
    sums, numbers = add_up(totals, series.minutes), add_up(counts, series.minutes)
    values: Mapping[str, Iterable[float]] = {"Sum": sums, "SampleCount": numbers}
    if series.statistic == "Maximum":
        padded = [*[-inf] * (series.minutes - 1), *maxima]
        values = {"Maximum": map(max, zip(*(padded[skip:] for skip in range(series.minutes)), strict=False))}
    if series.statistic not in values:
        raise NotImplementedError(f"the statistic {series.statistic} is not supported")
    return [value if number else None for value, number in zip(values[series.statistic], numbers, strict=False)]


def add_up(values: Sequence[float], minutes: int) -> list[float]:
    """Return for each minute the sum of the values of this period that ends with it."""
    until = [*accumulate(values)]
    return [after - before for before, after in zip(chain(repeat(0, minutes), until), until, strict=False)]


def add_minutes(one: Minute, other: Minute) -> Minute:
    """Return the values of both in one minute."""
    return one[0] + other[0], max(one[1], other[1]), one[2] + other[2]


def evaluate_alarm(alarm: Alarm, metrics: Metrics, until: int, more: int = MORE_PERIODS) -> Iterator[tuple[int, State]]:
    """Yield the minutes at which the alarm's state changes, and the new state. It starts as INSUFFICIENT_DATA.

    CloudWatch evaluates an alarm every minute, or every hour if its periods are longer than a day in total.
    """
    breaches, threshold = COMPARISONS[alarm.comparison], alarm.threshold
    state: State = "INSUFFICIENT_DATA"
    evaluated: Sequence[Point] | None = None
    for end, points in find_points(alarm, metrics, until, more):
        if points != evaluated:
            flags = [None if point is None else float(breaches(point, threshold)) for point in points]
            before, state, evaluated = state, judge(flags, alarm), points
            if state != before:
                yield end, state


def find_points(alarm: Alarm, metrics: Metrics, until: int, more: int) -> Iterator[tuple[int, Sequence[Point]]]:
    """Yield the minutes at which an alarm is evaluated, each with the values of its periods, oldest first."""
    periods, step = alarm.periods + more, alarm.minutes
    every = 60 if alarm.periods * step > DAY_MINUTES else 1
    series = {name: metrics.read(each, until) for name, each in alarm.series.items()}
    if "FILL" not in ast.dump(alarm.expression):  # then, values do not depend on other periods
        series = {"points": calculate(alarm.expression, series)}
    padded = {name: [*repeat(None, periods * step - 1), *points] for name, points in series.items()}
    for end in range(every, until + 1, every):
        places = slice(step + end - 2, periods * step + end - 1, step)
        window = {name: points[places] for name, points in padded.items()}
        yield end, window["points"] if "points" in window else calculate(alarm.expression, window)


def judge(breaches: Sequence[Point], alarm: Alarm) -> State:
    """Return the state after an evaluation of these points, oldest first.

    Points count before missing ones. Missing points count only up to the number of the alarm's periods.

    Args:
        breaches: for each period 1 for a breach, 0 for none, and None if the point is missing.
        alarm: how many points it needs, and how it treats missing ones.

    """
    if alarm.missing not in {"breaching", "notBreaching"}:
        raise NotImplementedError(f"the treatment {alarm.missing} of missing data is not supported")
    present = [each for each in breaches if each is not None][-alarm.periods :]
    absent = alarm.periods - len(present) if alarm.missing == "breaching" else 0
    return "ALARM" if sum(present) + absent >= alarm.needed else "OK"


def calculate(node: ast.expr, points: Mapping[str, Sequence[Point]]) -> Sequence[Point]:  # noqa: PLR0911  # a case each
    """Evaluate a metric math expression with the operators and functions that the templates use.

    FILL repeats the point before a missing one, so it needs the points of one evaluation.

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
        case ast.Call(func=ast.Name(id="FILL"), args=[part, ast.Name(id="REPEAT")]):
            return repeat_last(calculate(part, points))
        case ast.Call(func=ast.Name(id="IF"), args=[condition, *branches]):
            tests, yes, no = (calculate(part, points) for part in (condition, *branches))
            each = zip(tests, yes, no, strict=True)
            return [None if test is None else one if test else other for test, one, other in each]
    raise NotImplementedError(f"the expression {ast.unparse(node)} is not supported")


def repeat_last(points: Sequence[Point]) -> list[Point]:
    """Replace missing points by the last one before them."""
    filled: list[Point] = []
    for point in points:
        filled.append(filled[-1] if point is None and filled else point)
    return filled


def combine(operator: Callable[[float, float], float], one: Sequence[Point], other: Sequence[Point]) -> list[Point]:
    """Combine two series. The result is missing if either is missing."""
    pairs = zip(one, other, strict=True)
    return [None if left is None or right is None else float(operator(left, right)) for left, right in pairs]
