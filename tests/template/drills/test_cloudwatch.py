"""The evaluator agrees with the examples in AWS's documentation."""

import ast
from typing import get_args

import pytest

from tests.template.drills.alarms import Alarm, Series
from tests.template.drills.cloudwatch import Metrics, Point, State, calculate, evaluate_alarm, judge

METRIC = ("AWS/Lambda", "Errors", (("FunctionName", "f"),))
RETAIN = "retain"


def to_alarm(*, needed: int = 3, periods: int = 3, minutes: int = 1, missing: str = "missing") -> Alarm:
    """Return an alarm on periods of some minutes; above 0 is breaching."""
    series = {"metric": Series(METRIC, "Sum", minutes)}
    parsed = ast.parse("metric", mode="eval").body
    return Alarm("Errors", "errors", series, parsed, periods, needed, missing, 0.0, "GreaterThanThreshold")


def to_points(text: str) -> list[Point]:
    """Parse points as AWS writes them: 0 is not breaching, X is breaching, - is missing."""
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
def test_judge__agrees_with_awss_examples(  # noqa: PLR0913, PLR0917 -- the columns of AWS's table
    needed: int, points: str, missing: str, ignore: str, breaching: str, not_breaching: str, before: State
) -> None:
    """Both tables of 'How alarm state is evaluated when data is missing', for each rule and each state before."""
    expected = {"missing": missing, "ignore": ignore, "breaching": breaching, "notBreaching": not_breaching}
    judged = {rule: judge(to_points(points), to_alarm(needed=needed, missing=rule), before) for rule in expected}
    assert judged == {rule: before if state == RETAIN else state for rule, state in expected.items()}


def play(alarm: Alarm, text: str) -> list[tuple[int, State]]:
    """Return the changes of an alarm whose metric has these points, one a minute."""
    metrics = Metrics()
    points = to_points(text)
    for minute, point in enumerate(points):
        if point is not None:
            metrics.put(METRIC, minute * 60, point)
    return list(evaluate_alarm(alarm, metrics, len(points)))


def test_alarm__rings_at_the_end_of_the_period_that_decides() -> None:
    """Three breaching periods ring after the third, and the first good one ends it."""
    assert play(to_alarm(missing="notBreaching"), "0 X X X X 0 0") == [(1, "OK"), (4, "ALARM"), (6, "OK")]


def test_alarm__sees_missing_data_once_no_real_point_is_left() -> None:
    """AWS's second row a period later: the last real point has left the five that are looked at."""
    assert play(to_alarm(missing="breaching"), "0 0 0 - - - - -")[-1] == (8, "ALARM")


def test_alarm__moves_its_periods_every_minute() -> None:
    """Two bad minutes are in two periods of five minutes as soon as one of them ends between the two."""
    alarm = to_alarm(needed=2, minutes=5, missing="notBreaching")
    assert play(alarm, "0 0 0 0 0 0 X X" + " 0" * 7) == [(1, "OK"), (12, "ALARM"), (13, "OK")]


def test_alarm__of_more_than_a_day_is_evaluated_once_an_hour() -> None:
    """As AWS's page on alarm evaluation says of multi-day alarms."""
    alarm = to_alarm(periods=2, needed=2, minutes=24 * 60, missing="notBreaching")
    assert play(alarm, "- " * 90 + "X " * 3000) == [(60, "OK"), (26 * 60, "ALARM")]


@pytest.mark.parametrize(
    ("expression", "expected"),
    [
        ("one * other", [0, 1, None, None]),
        ("one + other", [1, 2, None, None]),
        ("one == other", [0, 1, None, None]),
        ("SUM([one, other])", [1, 2, 1, None]),
        ("IF(one == 0, other, 5)", [1, 5, None, None]),
    ],
)
def test_math__is_missing_if_a_part_of_it_is(expression: str, expected: list[Point]) -> None:
    """SUM of a list adds up what exists."""
    points = {"one": to_points("0 X - -"), "other": to_points("X X X -")}
    assert calculate(ast.parse(expression, mode="eval").body, points) == expected


def test_if__is_missing_if_the_chosen_way_is() -> None:
    """The other way does not matter."""
    points = {"one": to_points("0 X"), "other": to_points("- -")}
    assert calculate(ast.parse("IF(one == 0, other, 5)", mode="eval").body, points) == [None, 5]


@pytest.mark.parametrize("expression", ["RATE(metric)", "metric - 1"])
def test_math__that_the_drills_do_not_know_is_refused(expression: str) -> None:
    """An alarm that uses another function does not pass for one that never rings."""
    with pytest.raises(NotImplementedError, match="do not know"):
        calculate(ast.parse(expression, mode="eval").body, {"metric": [1.0]})


@pytest.mark.parametrize(("statistic", "expected"), [("Sum", 6), ("Maximum", 3), ("SampleCount", 3)])
def test_metrics__are_counted_by_the_statistic(statistic: str, expected: float) -> None:
    """The points of the period that ends at a minute are one value; without any it is missing."""
    metrics = Metrics()
    for seconds, value in ((60, 1), (70, 2), (299, 3)):
        metrics.put(METRIC, seconds, value)
    points = metrics.read(Series(METRIC, statistic, 5), 10)
    assert [points[end - 1] for end in (1, 5, 6, 10)] == [None, expected, expected, None]
