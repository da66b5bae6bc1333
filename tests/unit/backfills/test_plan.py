"""Test the plans of new and resumed runs."""

import os
import subprocess
import sys
from typing import Any

import pytest

from feature_events.backfills.plan import Plan, choose_run, make_plan, name_run
from feature_events.backfills.request import BackfillRequest, read_backfill_request
from feature_events.encoder import Encoder
from feature_events.errors import Misconfigured
from feature_events.events.message import to_confluent_prefix
from feature_events.tables.table import Description
from local.paths import ROOT
from tests.support.backfills import KEY_NAMES, RUN, STARTED_MS, TABLE_ARN
from tests.support.layouts import to_layouts
from tests.support.pipelines import CODEC, PREFIX

REQUEST = BackfillRequest("user_feature_store", segments=7, filter={"resource_name": "nightly"})
ENCODER = Encoder(to_layouts(), "all", PREFIX, CODEC)
LATER_MS = STARTED_MS + 86_400_000


def plan(
    request: BackfillRequest,
    stored: Plan | None = None,
    started_ms: int = STARTED_MS,
    key_names: tuple[str, ...] = KEY_NAMES,
    encoder: Encoder = ENCODER,
) -> Plan:
    """Plan a run on a table with these keys."""

    def describe(table: str) -> Description:
        assert table == request.table
        return Description(TABLE_ARN, key_names, None, dict.fromkeys(key_names, "S"))

    return make_plan(request, started_ms, stored, encoder, describe)


def test_make_plan__describes_the_table() -> None:
    """A new plan contains the table's ARN and keys, and the start of the run."""
    assert plan(REQUEST)[:4] == (REQUEST, TABLE_ARN, KEY_NAMES, STARTED_MS)


def test_make_plan__resumes_a_run() -> None:
    """The start of the run stays, since its messages have that timestamp. The rate is the requested one."""
    slower = REQUEST._replace(run="nightly-1", workers=2, events_per_second=100)
    stored = plan(REQUEST)
    assert plan(slower, stored, LATER_MS) == stored._replace(request=slower)


@pytest.mark.parametrize(
    ("changes", "names"),
    [
        ({"table": "account_feature_store"}, "table"),
        ({"dry_run": True}, "dry_run"),
        ({"segments": 8}, "segments"),
        ({"filter": None}, "filter"),
        ({"filter": None, "segments": 8}, "segments, filter"),
    ],
)
def test_make_plan__does_not_resume_a_run_with_another_request(changes: Any, names: str) -> None:  # noqa: ANN401  # fields
    """The checkpoints of the run would not match the request."""
    with pytest.raises(Misconfigured, match=f"started with other values of {names}: repeat them"):
        plan(REQUEST._replace(run="nightly-1", **changes), plan(REQUEST))


def test_name_run__differs_for_a_reused_execution_name() -> None:
    """Step Functions accepts a name again after 90 days. That execution must not find the old checkpoints."""
    assert name_run("nightly-1", STARTED_MS) == RUN
    assert name_run("nightly-1", STARTED_MS + 1) != RUN


@pytest.mark.parametrize("execution", ["a@b", "nightly run", "größe", "a(b)", "a/b"])
def test_name_run__refuses_a_name_that_a_request_cannot_contain(execution: str) -> None:
    """Step Functions allows more characters than a request for the run."""
    with pytest.raises(Misconfigured, match="start an execution whose name has only letters, digits"):
        name_run(execution, STARTED_MS)


def test_name_run__makes_a_name_that_a_request_accepts() -> None:
    """A failed run can be resumed, however long its execution's name is."""
    run = name_run("a" * 80, STARTED_MS)
    assert read_backfill_request({"table": "user_feature_store", "run": run}).run == run


OLDER, OTHER = "nightly-1-20250801T000000.000Z", "nightly-1-b-20251102T000000.000Z"


@pytest.mark.parametrize(
    ("run", "stored", "chosen"),
    [
        (RUN, [RUN, OLDER], RUN),
        (OLDER, [RUN, OLDER], OLDER),
        ("nightly-1", [RUN, OLDER, OTHER], RUN),
        ("nightly-1", [OLDER, RUN], RUN),
        ("nightly-1", ["nightly-1", OTHER], "nightly-1"),
        ("nightly-1", [], "nightly-1"),
    ],
    ids=["run", "older run", "execution", "execution of two runs", "no run", "nothing"],
)
def test_choose_run__finds_a_run_by_its_name_or_that_of_its_execution(run: str, stored: list[str], chosen: str) -> None:
    """A failed execution has no report with the run's name. Its own name then stands for its newest run."""
    assert choose_run(run, stored) == chosen


def test_make_plan__does_not_resume_an_unknown_run() -> None:
    """A misspelled name does not start a new run."""
    with pytest.raises(Misconfigured, match="run nightly-2 not found: omit `run` to start a new one"):
        plan(REQUEST._replace(run="nightly-2"))


def test_make_plan__requires_a_layout() -> None:
    """A table without a layout is one clear error instead of a poison item per row."""
    with pytest.raises(Misconfigured, match="no layout fits the table user_feature_store with the key attributes id"):
        plan(REQUEST, key_names=("id",))


OTHER_TABLE = {"table": "{entity_type}_others", "keys": {"id": "{entity_id}", "r": "{resource_name}"}, "features": "f"}
OTHER_LAYOUT = {
    "table": "{entity_type}_feature_store",
    "keys": {"bright_uid": "{entity_id}", "category": "{resource_name}"},
    "features": {"except": ["b", "a", "c"]},
}
OTHER_ENCODER = ENCODER._replace(layouts=to_layouts(OTHER_LAYOUT))


@pytest.mark.parametrize(
    ("encoder", "changed"),
    [
        (OTHER_ENCODER, "layouts of this table in TableLayouts"),
        (ENCODER._replace(prefix=to_confluent_prefix(8)), "schema id"),
        (
            OTHER_ENCODER._replace(prefix=to_confluent_prefix(8)),
            r"layouts of this table in TableLayouts \(TABLE_LAYOUTS\) and the schema id",
        ),
    ],
    ids=["layouts", "schema", "both"],
)
def test_make_plan__does_not_resume_a_run_with_another_encoder(encoder: Encoder, changed: str) -> None:
    """Half of the table would be announced under other names, or with another schema."""
    with pytest.raises(Misconfigured, match=f"a deployment has changed the {changed}.* deploy the former values"):
        plan(REQUEST._replace(run="nightly-1"), plan(REQUEST), encoder=encoder)


def test_make_plan__resumes_a_run_after_a_layout_for_another_table_was_added() -> None:
    """Layouts of other tables do not matter."""
    more = ENCODER._replace(layouts=to_layouts(OTHER_TABLE, OTHER_LAYOUT))
    stored = plan(REQUEST, encoder=OTHER_ENCODER)
    assert plan(REQUEST._replace(run="nightly-1"), stored, encoder=more).layouts == stored.layouts


def test_make_plan__makes_the_same_digest_in_every_process() -> None:
    """Python orders a set of texts by a hash that differs in each process."""
    code = "from tests.unit.backfills.test_plan import *; print(plan(REQUEST, encoder=OTHER_ENCODER).layouts)"
    environ = {**os.environ, "PYTHONPATH": f"{ROOT / 'src'}:{ROOT}"}
    digests = {
        subprocess.run(  # noqa: S603  # this code
            [sys.executable, "-c", code], env={**environ, "PYTHONHASHSEED": seed}, capture_output=True, check=True
        ).stdout
        for seed in ("1", "2", "3")
    }
    assert digests == {f"{plan(REQUEST, encoder=OTHER_ENCODER).layouts}\n".encode()}
