"""What the Python programs do with what they cannot read: they say where, and lose nothing."""

from collections.abc import Callable
from pathlib import Path

import pytest

from local.application.consumers import to_consumer_settings
from local.environment import to_aws_environment
from local.servers.stack import Stack
from tests.consumers.conftest import FIRST_ID, to_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import send

PROGRAMS = ("python", "lambda", "await-features", "start-job")
ANOTHER_FORMAT = b'{"card": "4111111111111111"}'
UNKNOWN_SCHEMA = b"\x00\x00\x00\x27\x0fsecret-payload"
CUT_OFF = b"\x00" + FIRST_ID.to_bytes(4) + b"\x48secret-payload"


@pytest.mark.parametrize(
    ("program", "value"),
    [
        *((program, ANOTHER_FORMAT) for program in PROGRAMS),
        *(("python", value) for value in (UNKNOWN_SCHEMA, CUT_OFF)),
    ],
)
def test_program__ends_at_what_it_cannot_read(  # noqa: PLR0913  # five are fixtures and parameters
    *, stack: Stack, topic: Callable[..., str], registry: str, tmp_path: Path, program: str, value: bytes
) -> None:
    """It names topic, partition and offset, and shows no payload; nothing from there on is committed."""
    name = topic()
    good, bad, behind = to_messages(3)
    send(stack.kafka, name, [good, bad._replace(value=value), behind])
    settings = to_consumer_settings(stack.kafka, registry, name) | to_aws_environment(stack.aws)
    ended = run_to_end(program, {**settings, "FEATURES": "one,two", "JOBS_TABLE": name}, tmp_path / "log")
    assert ended.status == 1
    assert "offset 1 cannot be read: " in ended.log
    assert any(place in ended.log for place in (f"{name} [0]", f"{name}-0"))
    assert "Traceback" not in ended.log
    assert "secret" not in ended.log
    assert "4111" not in ended.log
    assert read_committed(stack.kafka, f"example-{program}", name) == 1


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_program__names_a_missing_setting(tmp_path: Path, program: str, missing: str) -> None:
    """One line says which setting is missing."""
    settings = {**to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), "FEATURES": "one", missing: ""}
    ended = run_to_end(program, settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [f"{missing} must be set"]
