"""`make redrive` invokes the function until it makes no progress, and prints the outcome of all records."""

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


def make_report(following: Json | None = None, examples: Sequence[Json] = (), **counts: int) -> Json:
    """Make a report with these counts and the request that continues the run."""
    report = {**dict.fromkeys(COUNTS, 0), **counts, "complete": following is None, "examples": examples}
    return report if following is None else {**report, "next": following}


def make_example(end: str, number: int = 1) -> Json:
    """Make an example of a record that was not delivered."""
    key = f"dead-letters/t/{number}.json"
    return {"object": key, "sequence_number": str(number), "end": end, "reason": "[reason]"}


class Redriver:
    """Returns the given reports in order, and records the requests."""

    def __init__(self, *reports: Json) -> None:
        self.requests: list[Json] = []
        self._reports: Iterator[Json] = iter(reports)

    def __call__(self, request: Json) -> Json:
        """Return the next report."""
        self.requests.append(request)
        return next(self._reports)


@pytest.fixture
def console() -> Console:
    """Return a console that records its output."""
    return Console(file=io.StringIO(), width=120)


def read(console: Console) -> str:
    """Return the printed text."""
    assert isinstance(console.file, io.StringIO)
    return console.file.getvalue()


def test_run__continues_until_everything_is_redriven(console: Console) -> None:
    """Each invocation continues after the previous one, and the counts are summed."""
    following = PREFIX | {"after": "dead-letters/t/1.json"}
    examples = [make_example("stale"), make_example("undelivered", 2)]
    redriver = Redriver(
        make_report(following, examples, delivered=2, stale=1, undelivered=5),
        make_report(delivered=5, moved=7),
    )
    assert run(console, redriver, PREFIX) == 0
    assert redriver.requests == [PREFIX, following]
    words = [line.split() for line in read(console).splitlines() if line.strip()]
    assert [line[:2] for line in words[:3]] == [["delivered", "7"], ["stale", "1"], ["moved", "7"]]
    assert words[3:] == [["stale", "dead-letters/t/1.json:", "[reason]"]]


def test_run__fails_without_progress(console: Console) -> None:
    """If a report repeats the request, the command stops with an error."""
    redriver = Redriver(make_report(PREFIX, [make_example("undelivered")], undelivered=3))
    with pytest.raises(LocalError, match="some records could not be redriven"):
        run(console, redriver, PREFIX)
    assert redriver.requests == [PREFIX]
    assert "undelivered" in read(console)


def test_run__reports_that_there_is_nothing_to_redrive(console: Console) -> None:
    """An empty bucket is not an error."""
    assert run(console, Redriver(make_report()), PREFIX) == 0
    assert read(console).strip() == "no objects to redrive"


def test_run__limits_the_number_of_examples(console: Console) -> None:
    """The output refers to the function's log for the others."""
    examples = [make_example("poison", number) for number in range(SHOWN + 1)]
    run(console, Redriver(make_report(examples=examples, poison=len(examples))), PREFIX)
    assert read(console).count("[reason]") == SHOWN
    assert "and 1 more; see the function's log" in read(console)


class Functions:
    """A Lambda client that returns one response."""

    def __init__(self, payload: Json, **response: str) -> None:
        self.request: dict[str, Any] = {}
        self._response = {**response, "Payload": io.BytesIO(json.dumps(payload).encode())}

    def invoke(self, **request: object) -> Json:
        """Record the request, and return the response."""
        self.request = request
        return self._response


def test_invoke__returns_the_report() -> None:
    """The request is the event of the invocation, and the report is its response."""
    functions = Functions({"complete": True})
    assert invoke(cast("Any", functions), "events-redrive", PREFIX) == {"complete": True}
    assert (functions.request["FunctionName"], json.loads(functions.request["Payload"])) == ("events-redrive", PREFIX)


def test_invoke__reports_an_error_of_the_function() -> None:
    """The error contains the function's error type and message."""
    payload = {"errorType": "Misconfigured", "errorMessage": "grant it s3:ListBucket"}
    functions = Functions(payload, FunctionError="Unhandled")
    with pytest.raises(LocalError, match="Misconfigured: grant it s3:ListBucket"):
        invoke(cast("Any", functions), "events-redrive", PREFIX)
