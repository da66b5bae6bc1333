"""The evaluation of alarms matches the examples in AWS's documentation."""

import ast

import pytest

from tests.template.drills.alarms import Alarm, Series
from tests.template.drills.cloudwatch import Metrics, Point, State, evaluate_alarm, judge

METRIC = ("AWS/Lambda", "Errors", (("FunctionName", "f"),))


def to_alarm(*, needed: int = 3, periods: int = 3, minutes: int = 1, missing: str = "notBreaching") -> Alarm:
    """Return an alarm that breaches above 0."""
    series = {"metric": Series(METRIC, "Sum", minutes)}
    parsed = ast.parse("metric", mode="eval").body
    return Alarm("Errors", "errors", series, parsed, periods, needed, missing, 0.0, "GreaterThanThreshold")


def to_points(text: str) -> list[Point]:
    """Parse points in AWS's notation: 0 is not breaching, X is breaching, - is missing."""
    return [{"0": 0.0, "X": 1.0, "-": None}[each] for each in text.split()]


@pytest.mark.parametrize(
    ("needed", "points", "breaching", "not_breaching"),
    [
        (3, "0 - X - X", "OK", "OK"),
        (3, "0 - - - -", "OK", "OK"),
        (3, "- - - - -", "ALARM", "OK"),
        (3, "0 X X - X", "ALARM", "ALARM"),
        (3, "- - - - X", "ALARM", "OK"),
        (3, "X - - - -", "ALARM", "OK"),
        (2, "0 - X - X", "ALARM", "ALARM"),
        (2, "0 0 X 0 X", "ALARM", "ALARM"),
        (2, "0 - X - -", "ALARM", "OK"),
        (2, "- - - - 0", "ALARM", "OK"),
        (2, "- - - - X", "ALARM", "OK"),
    ],
)
def test_judge__matches_the_examples_of_aws(needed: int, points: str, breaching: State, not_breaching: State) -> None:
    """Both tables of "How alarm state is evaluated when data is missing", for the two treatments that alarms use."""
    assert judge(to_points(points), to_alarm(needed=needed, missing="breaching")) == breaching
    assert judge(to_points(points), to_alarm(needed=needed, missing="notBreaching")) == not_breaching


def play(alarm: Alarm, text: str) -> list[tuple[int, State]]:
    """Return the changes of an alarm whose metric has one of these points per minute."""
    metrics = Metrics()
    points = to_points(text)
    for minute, point in enumerate(points):
        if point is not None:
            metrics.put(METRIC, minute * 60, point)
    return list(evaluate_alarm(alarm, metrics, len(points)))


def test_alarm__fires_after_the_last_necessary_period() -> None:
    """An alarm that needs three breaching periods fires after the third. One good period ends it."""
    assert play(to_alarm(), "0 X X X X 0 0") == [(1, "OK"), (4, "ALARM"), (6, "OK")]


def test_alarm__treats_data_as_missing_if_the_evaluation_range_is_empty() -> None:
    """The second row of AWS's table one period later: the five evaluated periods contain no point."""
    assert play(to_alarm(missing="breaching"), "0 0 0 - - - - -")[-1] == (8, "ALARM")


def test_alarm__moves_its_periods_every_minute() -> None:
    """Two breaching minutes belong to two periods of five minutes if one of the periods ends between them."""
    alarm = to_alarm(needed=2, minutes=5)
    assert play(alarm, "0 0 0 0 0 0 X X" + " 0" * 7) == [(1, "OK"), (12, "ALARM"), (13, "OK")]


def test_alarm__is_evaluated_every_hour_if_its_periods_exceed_a_day() -> None:
    """AWS's page on alarm evaluation documents multi-day alarms."""
    alarm = to_alarm(periods=2, needed=2, minutes=24 * 60)
    assert play(alarm, "- " * 90 + "X " * 3000) == [(60, "OK"), (26 * 60, "ALARM")]
