"""Run single checks, each with a time limit, and collect their results."""

import traceback
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from functools import partial
from pathlib import Path
from typing import Literal, NamedTuple, TypedDict

from feature_events.deadline import Deadline, run_within
from feature_events.errors import FeatureEventsError

CHECK_SECONDS = 8.0
"""The time limit of one check."""

_MAX_PARALLEL = 16


class Warned(NamedTuple):
    """The outcome of a check that passes with a warning. `detail` says what should be changed."""

    detail: str


class Check(NamedTuple):
    """A check of one step, and the checks that must pass before it is useful."""

    name: str
    run: Callable[[], str | Warned]
    """Return what was found: as Warned if the operator should change it. Raise FeatureEventsError if they must."""
    needs: Sequence[str] = ()
    """The check is skipped if any of these failed."""
    needs_one: Sequence[str] = ()
    """The check is skipped if all of these failed."""


type Stages = Sequence[Sequence[Check]]
"""Checks in the order in which they run. Those of one stage run in parallel."""


class CheckResult(TypedDict):
    """The result of one check. `detail` says what was found, or what to change.

    `ok` is true if the status is `ok` or `warning`.
    """

    name: str
    ok: bool
    status: Literal["ok", "warning", "failed"]
    detail: str


class CheckRunner:
    """Runs checks until a deadline."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.results: list[CheckResult] = []

    def run(self, *checks: Check) -> None:
        """Run checks in parallel, and append their results in order."""
        failed = {each["name"] for each in self.results if not each["ok"]}
        with ThreadPoolExecutor(_MAX_PARALLEL) as pool:
            self.results += pool.map(partial(self._run, failed), checks)

    @contextmanager
    def report_errors(self, name: str) -> Iterator[None]:
        """Report an exception in the context as a failed check of this name."""
        try:
            yield
        except Exception as error:  # noqa: BLE001  # other checks must still run
            self.results.append(_make_failure(name, _describe(error)))

    def _run(self, failed: set[str], check: Check) -> CheckResult:
        unmet = [name for name in check.needs if name in failed]
        if failed.issuperset(check.needs_one):
            unmet += check.needs_one
        if unmet:
            return _make_failure(check.name, f"skipped: fix {', '.join(unmet)} first")
        seconds = min(CHECK_SECONDS, self._deadline.remaining())
        try:
            found = run_within(seconds, check.run)
        except TimeoutError:
            late = f"no answer within {seconds:.1f} s: check the network path, and the function's timeout"
            return _make_failure(check.name, late)
        except Exception as error:  # noqa: BLE001  # other checks must still run
            return _make_failure(check.name, _describe(error))
        if isinstance(found, Warned):
            return CheckResult(name=check.name, ok=True, status="warning", detail=found.detail)
        return CheckResult(name=check.name, ok=True, status="ok", detail=found)


def _make_failure(name: str, detail: str) -> CheckResult:
    return CheckResult(name=name, ok=False, status="failed", detail=detail)


def _describe(error: Exception) -> str:
    """Return the text of an error, or the place of an unexpected one, whose text may contain secrets."""
    if isinstance(error, FeatureEventsError):
        return str(error).replace("\n- ", " ")
    place = traceback.extract_tb(error.__traceback__)[-1]
    return f"unexpected {type(error).__name__} ({Path(place.filename).name}, line {place.lineno}): report this line"
