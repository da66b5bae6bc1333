"""Evaluates alarms as CloudWatch does, on metrics of minutes.

https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/alarms-and-missing-data.html

What AWS does not say is taken both ways: see `Unknowns`.
"""

import ast
from collections import defaultdict
from collections.abc import Callable, Iterator, Mapping, Sequence
from operator import ge, gt, le, lt
from typing import Literal, NamedTuple

from tests.template.drills.alarms import Alarm, Name, Series

type State = Literal["OK", "ALARM", "INSUFFICIENT_DATA"]
type Point = float | None
"""What a metric is in one period; None where it is missing."""

MORE_PERIODS = 2
"""How many periods CloudWatch looks at beyond the alarm's own: AWS's examples have five for three."""

COMPARISONS: Mapping[str, Callable[[float, float], bool]] = {
    "GreaterThanThreshold": gt,
    "GreaterThanOrEqualToThreshold": ge,
    "LessThanThreshold": lt,
    "LessThanOrEqualToThreshold": le,
}


class Minute(NamedTuple):
    """The data points of one minute."""

    total: float
    maximum: float
    samples: int


class Metrics:
    """What was measured: metric -> minute -> data points."""

    def __init__(self) -> None:
        self.minutes: defaultdict[Name, dict[int, Minute]] = defaultdict(dict)
        self.points: dict[tuple[Series, int], list[Point]] = {}

    def put(self, metric: Name, seconds: float, value: float) -> None:
        """A data point at this time."""
        minute = int(seconds // 60)
        total, maximum, samples = self.minutes[metric].get(minute, (0.0, value, 0))
        self.minutes[metric][minute] = Minute(total + value, max(maximum, value), samples + 1)

    def read(self, series: Series, until: int) -> list[Point]:
        """A point for each period up to a minute, when all has been put."""
        if (series, until) not in self.points:
            self.points[series, until] = self.count(series, until)
        return self.points[series, until]

    def count(self, series: Series, until: int) -> list[Point]:
        """The same, evaluated."""
        points: list[Point] = [None] * (until // series.minutes)
        periods: defaultdict[int, list[Minute]] = defaultdict(list)
        for minute, each in self.minutes.get(series.metric, {}).items():
            periods[minute // series.minutes].append(each)
        for period, minutes in periods.items():
            if period < len(points):
                points[period] = to_statistic(series.statistic, minutes)
        return points


def to_statistic(statistic: str, minutes: Sequence[Minute]) -> float:
    """A period's value."""
    if statistic == "Sum":
        return sum(each.total for each in minutes)
    if statistic == "Maximum":
        return max(each.maximum for each in minutes)
    if statistic == "SampleCount":
        return sum(each.samples for each in minutes)
    raise NotImplementedError(f"the drills know no statistic {statistic}")


class Unknowns(NamedTuple):
    """What AWS's documentation leaves open of an alarm: drills are played with each answer."""

    fills_nothing: bool
    """FILL makes nothing of a metric that has no point in the whole range that is looked at."""
    dynamodb_ignores: bool
    """An alarm on metric math of AWS/DynamoDB ignores missing data whatever it says, as one on a metric of it does.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/APIReference/API_PutMetricAlarm.html
    """


def evaluate_alarm(
    alarm: Alarm, metrics: Metrics, until: int, unknowns: Unknowns, more: int = MORE_PERIODS
) -> Iterator[tuple[int, State]]:
    """The minutes at which the alarm's state changes, and what it changes to; it begins as INSUFFICIENT_DATA."""
    missing = find_rule(alarm, unknowns)
    looked_at = alarm.periods + more
    before: list[Point] = [None] * looked_at
    series = {name: before + metrics.read(each, until) for name, each in alarm.series.items()}
    state: State = "INSUFFICIENT_DATA"
    settled: Mapping[str, Sequence[Point]] = {}
    for end in range(1, until // alarm.minutes + 1):
        ranges = {name: points[end : end + looked_at] for name, points in series.items()}
        if ranges == settled:
            continue  # the same points give the same state again
        judged = judge(calculate(alarm.expression, ranges, unknowns), alarm, missing, state)
        settled = ranges if judged == state else {}
        if judged != state:
            yield end * alarm.minutes, judged
        state = judged


def find_rule(alarm: Alarm, unknowns: Unknowns) -> str:
    """How missing data is treated, which is not always what the alarm says."""
    is_plain = isinstance(alarm.expression, ast.Name)
    of_dynamodb = any(each.metric[0] == "AWS/DynamoDB" for each in alarm.series.values())
    return "ignore" if of_dynamodb and (is_plain or unknowns.dynamodb_ignores) else alarm.missing


def judge(points: Sequence[Point], alarm: Alarm, missing: str, state: State) -> State:
    """The state after an evaluation of these points, oldest first; AWS's tables of examples are its tests.

    Real points count before missing ones, and of those no more than are needed to make up the alarm's periods.
    """
    present = [point for point in points if point is not None][-alarm.periods :]
    breaching = sum(COMPARISONS[alarm.comparison](point, alarm.threshold) for point in present)
    absent = alarm.periods - len(present)
    if missing == "breaching":
        breaching += absent
    if breaching >= alarm.needed:
        return "ALARM"
    if missing in {"breaching", "notBreaching"} or not absent or breaching < len(present):
        return "OK"
    if missing == "ignore":
        return state
    oldest = next((len(points) - place for place, point in enumerate(points) if point is not None), 0)
    return "ALARM" if oldest >= alarm.needed else "INSUFFICIENT_DATA"


def calculate(node: ast.expr, ranges: Mapping[str, Sequence[Point]], unknowns: Unknowns) -> Sequence[Point]:
    """A metric-math expression over the range that is looked at; of its functions those that the template uses.

    https://docs.aws.amazon.com/AmazonCloudWatch/latest/monitoring/using-metric-math.html
    """
    match node:
        case ast.Name(id=name):
            return ranges[name]
        case ast.Constant(value=float() | int() as value):
            return [float(value)] * len(next(iter(ranges.values())))
        case ast.Compare(left=left, ops=[ast.Eq()], comparators=[right]):
            pairs = zip(calculate(left, ranges, unknowns), calculate(right, ranges, unknowns), strict=True)
            return [None if None in pair else float(pair[0] == pair[1]) for pair in pairs]
        case ast.Call(func=ast.Name(id="FILL"), args=[metric, ast.Constant(value=float() | int() as value)]):
            points = calculate(metric, ranges, unknowns)
            is_empty = unknowns.fills_nothing and not any(point is not None for point in points)
            return points if is_empty else [float(value) if point is None else point for point in points]
        case ast.Call(func=ast.Name(id="IF"), args=[condition, *ways]):
            yes, no = (calculate(way, ranges, unknowns) for way in ways)
            tests = calculate(condition, ranges, unknowns)
            return [
                None if test is None else one if test else other
                for test, one, other in zip(tests, yes, no, strict=True)
            ]
    raise NotImplementedError(f"the drills do not know {ast.unparse(node)}")
