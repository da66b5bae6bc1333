"""The evaluator gives what AWS's documentation gives as examples."""

import ast
from typing import get_args

import pytest

from tests.template.drills.alarms import Alarm, Series
from tests.template.drills.cloudwatch import Metrics, Point, State, Unknowns, calculate, evaluate_alarm, judge

METRIC = ("AWS/Lambda", "Errors", (("FunctionName", "f"),))
SURE = Unknowns(fills_nothing=False, dynamodb_ignores=False)
RETAIN = "retain"


def to_alarm(
    *, needed: int = 3, missing: str = "missing", namespace: str = "AWS/Lambda", expression: str = "metric"
) -> Alarm:
    """An alarm on three periods of five minutes; above 0 is breaching."""
    metric = (namespace, *METRIC[1:])
    series = {"metric": Series(metric, "Sum", 5)}
    parsed = ast.parse(expression, mode="eval").body
    return Alarm("errors", series, parsed, 3, needed, missing, 0.0, "GreaterThanThreshold")


def to_points(text: str) -> list[Point]:
    """AWS's way to write points: 0 is not breaching, X is breaching, - is missing."""
    return [{"0": 0.0, "X": 1.0, "-": None}[each] for each in text.split()]


@pytest.mark.parametrize(
    ("needed", "points", "missing", "ignore", "breaching", "not_breaching"),
    [
        (3, "0 - X - X", "OK", "OK", "OK", "OK"),
        (3, "0 - - - -", "OK", "OK", "OK", "OK"),
        (3, "- - - - -", "INSUFFICIENT_DATA", RETAIN, "ALARM", "OK"),
        (3, "0 X X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (3, "- - - - X", "INSUFFICIENT_DATA", RETAIN, "ALARM", "OK"),
        (3, "X - - - -", "ALARM", RETAIN, "ALARM", "OK"),
        (2, "0 - X - X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (2, "0 0 X 0 X", "ALARM", "ALARM", "ALARM", "ALARM"),
        (2, "0 - X - -", "OK", "OK", "ALARM", "OK"),
        (2, "- - - - 0", "OK", "OK", "ALARM", "OK"),
        (2, "- - - - X", "INSUFFICIENT_DATA", RETAIN, "ALARM", "OK"),
    ],
)
@pytest.mark.parametrize("before", get_args(State.__value__))
def test_judge__gives_awss_examples(  # noqa: PLR0913, PLR0917 -- the columns of AWS's table
    needed: int, points: str, missing: str, ignore: str, breaching: str, not_breaching: str, before: State
) -> None:
    """Both tables of 'How alarm state is evaluated when data is missing', for each rule and each state before."""
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    alarm = to_alarm(needed=needed)
    judged = {rule: judge(to_points(points), alarm, rule, before) for rule in expected}
    assert judged == {rule: before if state == RETAIN else state for rule, state in expected.items()}


def play(alarm: Alarm, text: str, unknowns: Unknowns = SURE) -> list[tuple[int, State]]:
    """The changes of an alarm whose metric is these points."""
    metrics = Metrics()
    points = to_points(text)
    for period, point in enumerate(points):
        if point is not None:
            metrics.put(next(iter(alarm.series.values())).metric, period * 300, point)
    return list(evaluate_alarm(alarm, metrics, len(points) * 5, unknowns))


def test_alarm__rings_at_the_end_of_the_period_that_decides() -> None:
    """Three breaching periods of five minutes ring after the third, and the first good one ends it."""
    assert play(to_alarm(missing="notBreaching"), "0 X X X X 0 0") == [(5, "OK"), (20, "ALARM"), (30, "OK")]


def test_alarm__sees_missing_data_once_no_real_point_is_left() -> None:
    """AWS's second row a period later: the last real point has left the five that are looked at."""
    alarm = to_alarm(missing="breaching")
    assert play(alarm, "0 0 0 - - - - -")[-1] == (40, "ALARM")


def test_alarm__ignores_missing_data_of_dynamodb() -> None:
    """As API_PutMetricAlarm says of TreatMissingData: nothing that such an alarm says about it counts."""
    alarm = to_alarm(missing="breaching", namespace="AWS/DynamoDB")
    assert play(alarm, "0 0 0 - - - - - - -") == [(5, "OK")]


@pytest.mark.parametrize("ignores", [False, True])
def test_alarm__on_math_of_dynamodb_is_taken_both_ways(ignores: bool) -> None:  # noqa: FBT001 -- a parameter of the test
    """AWS does not say whether its exception holds for metric math."""
    alarm = to_alarm(missing="breaching", namespace="AWS/DynamoDB", expression="IF(metric, metric, 0)")
    changes = play(alarm, "0 0 0 - - - - - -", Unknowns(fills_nothing=False, dynamodb_ignores=ignores))
    assert ("ALARM" in [state for _, state in changes]) is not ignores


@pytest.mark.parametrize(
    ("fills_nothing", "points", "expected"),
    [
        (False, "- X -", [0, 1, 0]),
        (True, "- X -", [0, 1, 0]),
        (False, "- - -", [0, 0, 0]),
        (True, "- - -", [None, None, None]),
    ],
)
def test_fill__is_taken_both_ways(fills_nothing: bool, points: str, expected: list[Point]) -> None:  # noqa: FBT001 -- a parameter of the test
    """Where a metric has no point at all, FILL gives what it is to fill with, or nothing."""
    expression = ast.parse("FILL(metric, 0)", mode="eval").body
    unknowns = Unknowns(fills_nothing=fills_nothing, dynamodb_ignores=False)
    assert calculate(expression, {"metric": to_points(points)}, unknowns) == expected


def test_if__is_missing_where_a_part_of_it_is() -> None:
    """A condition or a chosen way that is missing makes the whole missing."""
    expression = ast.parse("IF(one == 0, other, 5)", mode="eval").body
    ranges = {"one": to_points("0 X - 0"), "other": to_points("X X X -")}
    assert calculate(expression, ranges, SURE) == [1, 5, None, None]


def test_math__that_the_drills_do_not_know_is_refused() -> None:
    """An alarm that uses another function does not pass for one that never rings."""
    with pytest.raises(NotImplementedError, match="RATE"):
        calculate(ast.parse("RATE(metric)", mode="eval").body, {"metric": []}, SURE)


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 6), ("Maximum", 3), ("SampleCount", 3)])
def test_metrics__are_counted_by_the_statistic(statistic: str, expected: float) -> None:
    """The points of a period are one value; a period without any is missing."""
    metrics = Metrics()
    for seconds, value in ((0, 1), (10, 2), (299, 3)):
        metrics.put(METRIC, seconds, value)
    assert metrics.read(Series(METRIC, statistic, 5), 10) == [expected, None]
