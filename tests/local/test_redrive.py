"""`make redrive` runs until a run gets no further, and tells what became of all."""

import io
import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, cast

import pytest
from rich.console import Console

from local.commands.redrive import COUNTS, SHOWN, invoke, run
from local.errors import LocalError

type Json = Mapping[str, Any]

PREFIX = {"prefix": "dead-letters/"}


def to_report(following: Json | None = None, examples: Sequence[Json] = (), **counts: int) -> Json:
    """The function's report, with these counts and the request that goes on from it."""
    report = {**dict.fromkeys(COUNTS, 0), **counts, "complete": following is None, "examples": examples}
    return report if following is None else {**report, "next": following}


def to_example(end: str, number: int = 1) -> Json:
    """A record that was not delivered."""
    return {"object": f"dead-letters/t/{number}.json", "sequence_number": str(number), "end": end, "reason": "[why]"}


class Redriver:
    """Gives its reports one after the other, and keeps the requests."""

    def __init__(self, *reports: Json) -> None:
        self.requests: list[Json] = []
        self._reports: Iterator[Json] = iter(reports)

    def __call__(self, request: Json) -> Json:
        """The next report."""
        self.requests.append(request)
        return next(self._reports)


@pytest.fixture
def console() -> Console:
    """A console that keeps what it prints."""
    return Console(file=io.StringIO(), width=120)


def read(console: Console) -> str:
    """What was printed."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_run__goes_on_until_all_is_done(console: Console) -> None:
    """Each run begins where the one before ended, and the counts are those of all."""
    following = PREFIX | {"after": "dead-letters/t/1.json"}
    redriver = Redriver(
        to_report(following, [to_example("stale"), to_example("undelivered", 2)], delivered=2, stale=1, undelivered=5),
        to_report(delivered=5, moved=7),
    )
    assert run(console, redriver, PREFIX) == 0
    assert redriver.requests == [PREFIX, following]
    words = [line.split() for line in read(console).splitlines() if line.strip()]
    assert [line[:2] for line in words[:3]] == [["delivered", "7"], ["stale", "1"], ["moved", "7"]]
    assert words[3:] == [["stale", "dead-letters/t/1.json:", "[why]"]]


def test_run__ends_where_it_comes_no_further(console: Console) -> None:
    """What can do nothing is not asked again, and the command fails."""
    redriver = Redriver(to_report(PREFIX, [to_example("undelivered")], undelivered=3))
    with pytest.raises(LocalError, match="not all could be redriven"):
        run(console, redriver, PREFIX)
    assert redriver.requests == [PREFIX]
    assert "undelivered" in read(console)


def test_run__says_when_there_is_nothing(console: Console) -> None:
    """An empty bucket is no error."""
    assert run(console, Redriver(to_report()), PREFIX) == 0
    assert read(console).strip() == "there is nothing to redrive"


def test_run__shows_some_of_many_examples(console: Console) -> None:
    """The table stays small, and says where the rest is."""
    examples = [to_example("poison", number) for number in range(SHOWN + 1)]
    run(console, Redriver(to_report(examples=examples, poison=len(examples))), PREFIX)
    assert read(console).count("[why]") == SHOWN
    assert "in the function's log" in read(console)


class Functions:
    """Lambda with one function that gives one answer."""

    def __init__(self, payload: Json, **answer: str) -> None:
        self.asked: dict[str, Any] = {}
        self._answer = {**answer, "Payload": io.BytesIO(json.dumps(payload).encode())}

    def invoke(self, **request: object) -> Json:
        """The answer."""
        self.asked = request
        return self._answer


def test_invoke__gives_the_report() -> None:
    """The request is the event, and the report the answer."""
    functions = Functions({"complete": True})
    assert invoke(cast("Any", functions), "events-redrive", PREFIX) == {"complete": True}
    assert (functions.asked["FunctionName"], json.loads(functions.asked["Payload"])) == ("events-redrive", PREFIX)


def test_invoke__tells_the_functions_error() -> None:
    """An error of the function is one line with its own words."""
    payload = {"errorType": "Misconfigured", "errorMessage": "grant it s3:ListBucket"}
    functions = Functions(payload, FunctionError="Unhandled")
    with pytest.raises(LocalError, match="Misconfigured: grant it s3:ListBucket"):
        invoke(cast("Any", functions), "events-redrive", PREFIX)
