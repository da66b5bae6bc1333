"""What the Python programs do with what they cannot read: they say where or why, and lose nothing."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import to_consumer_settings
from local.environment import to_aws_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import FIRST_ID, to_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import run_example, send
from tests.support.web_server import Answer, run_scripted_server

PROGRAMS = ("python", "lambda", "await-features", "start-job", "job-complete")
ANOTHER_FORMAT = b'{"card": "4111111111111111"}'
UNKNOWN_SCHEMA = b"\x00\x00\x00\x27\x0fsecret-payload"
CUT_OFF = b"\x00" + FIRST_ID.to_bytes(4) + b"\x48secret-payload"
CONSUMERS_OF_KAFKA = ("python", "await-features", "start-job", "job-complete")
NO_REGISTRY = {
    "a wrong URL": (Answer(404, b"<html>no such page</html>"), "HTTP status 404"),
    "no rights": (Answer.of(403, {"error_code": 40301, "message": "not yours"}), "HTTP status 403"),
    "no schema": (Answer(200, b"<html>another page</html>"), "JSONDecodeError"),
}
"""What answers in the registry's place, and what is said of it."""


@pytest.mark.parametrize(
    ("program", "value"),
    [
        *((program, ANOTHER_FORMAT) for program in PROGRAMS),
        *(("python", value) for value in (UNKNOWN_SCHEMA, CUT_OFF)),
    ],
)
def test_program__ends_at_what_it_cannot_read(  # noqa: PLR0913  # five are fixtures and parameters
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, program: str, value: bytes
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
    committed = read_committed(stack.kafka, f"example-{program}", name)
    assert committed == 1 or (program == "job-complete" and committed < 0), "only there the first event still waits"


@pytest.mark.parametrize("program", CONSUMERS_OF_KAFKA)
@pytest.mark.parametrize("case", [*NO_REGISTRY, "down"])
def test_program__blames_no_message_for_the_registry(
    *, stack: RunningStack, topic: Callable[..., str], tmp_path: Path, program: str, case: str
) -> None:
    """One line tells of the registry; nothing is committed, so all is read once it answers."""
    name = topic()
    send(stack.kafka, name, to_messages(1))
    with run_scripted_server() as server:
        answer, reason = NO_REGISTRY.get(case, (None, "ConnectError"))
        server.script = [answer] if answer else []
        url = server.url if answer else "http://127.0.0.1:1"
        settings = to_consumer_settings(stack.kafka, url, name) | to_aws_environment(stack.aws)
        ended = run_to_end(program, {**settings, "FEATURES": "one,two", "JOBS_TABLE": name}, tmp_path / "log")
    told = f"the schema registry did not answer ({reason}); nothing is wrong with the message"
    assert (ended.status, ended.log.splitlines()) == (1, [told])
    assert read_committed(stack.kafka, f"example-{program}", name) < 0


def test_programs__ask_the_registry_for_schemas_alone(
    stack: RunningStack, topic: Callable[..., str], tmp_path: Path
) -> None:
    """A consumer's rights need not reach further than docs/consuming.md says."""
    name = topic()
    send(stack.kafka, name, to_messages(1))
    for program in CONSUMERS_OF_KAFKA:
        with run_scripted_server() as server:
            server.script = [Answer.of(200, {"schema": SHIPPED_SCHEMA})]
            settings = to_consumer_settings(stack.kafka, server.url, name) | to_aws_environment(stack.aws)
            settings |= {"FEATURES": "age", "JOBS_TABLE": name, "QUIET_MINUTES": "0.02"}
            run_example(program, settings, 1, tmp_path / program)
        assert {urlsplit(each.path).path for each in server.requests} == {f"/schemas/ids/{FIRST_ID}"}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_program__names_a_missing_setting(tmp_path: Path, program: str, missing: str) -> None:
    """One line says which setting is missing."""
    settings = {**to_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), "FEATURES": "one", missing: ""}
    ended = run_to_end(program, settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [f"{missing} must be set"]
