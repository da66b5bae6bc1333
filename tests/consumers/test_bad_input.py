"""Invalid messages, an unavailable registry and missing settings: the Python examples report them and lose nothing."""

from collections.abc import Callable
from pathlib import Path
from urllib.parse import urlsplit

import pytest

from feature_events.events.schema import SHIPPED_SCHEMA
from local.application.consumers import make_consumer_settings
from local.environment import make_aws_environment
from local.servers.stack import RunningStack
from tests.consumers.conftest import FIRST_ID, make_messages
from tests.support.consumer_failures import read_committed, run_to_end
from tests.support.consumers import run_example, send
from tests.support.web_server import Answer, run_scripted_server

PROGRAMS = ("python", "lambda", "await-features", "start-job", "job-complete", "current-state")
ANOTHER_FORMAT = b'{"card": "4111111111111111"}'
UNKNOWN_SCHEMA = b"\x00\x00\x00\x27\x0fsecret-payload"
TRUNCATED = b"\x00" + FIRST_ID.to_bytes(4) + b"\x48secret-payload"
KAFKA_CONSUMERS = ("python", "await-features", "start-job", "job-complete", "current-state")
COMMIT_LATER = ("job-complete", "current-state")
"""Programs that do not commit the first event: its job still waits, or a file has the offset."""
BAD_RESPONSES = {
    "a wrong URL": (Answer(404, b"<html>no such page</html>"), "HTTP status 404"),
    "no permission": (Answer.of(403, {"error_code": 40301, "message": "not yours"}), "HTTP status 403"),
    "not a registry": (Answer(200, b"<html>another page</html>"), "JSONDecodeError"),
}
"""Responses that are not from a working registry, with the reported reason."""


@pytest.mark.parametrize(
    ("program", "value"),
    [
        *((program, ANOTHER_FORMAT) for program in PROGRAMS),
        *(("python", value) for value in (UNKNOWN_SCHEMA, TRUNCATED)),
    ],
)
def test_program__exits_at_an_invalid_message(  # noqa: PLR0913  # fixtures and parameters
    *, stack: RunningStack, topic: Callable[..., str], registry: str, tmp_path: Path, program: str, value: bytes
) -> None:
    """The error names topic, partition and offset without the payload. Nothing from this offset on is committed."""
    name = topic()
    good, bad, later = make_messages(3)
    send(stack.kafka, name, [good, bad._replace(value=value), later])
    settings = make_consumer_settings(stack.kafka, registry, name) | make_aws_environment(stack.aws)
    settings |= {"FEATURES": "one,two", "JOBS_TABLE": name, "STATE_FILE": str(tmp_path / "state")}
    ended = run_to_end(program, settings, tmp_path / "log")
    assert ended.status == 1
    assert "offset 1 cannot be read: " in ended.log
    assert any(place in ended.log for place in (f"{name} [0]", f"{name}-0"))
    assert "Traceback" not in ended.log
    assert "secret" not in ended.log
    assert "4111" not in ended.log
    committed = read_committed(stack.kafka, f"example-{program}", name)
    assert committed == 1 or (program in COMMIT_LATER and committed < 0)


@pytest.mark.parametrize("program", KAFKA_CONSUMERS)
@pytest.mark.parametrize("case", [*BAD_RESPONSES, "down"])
def test_program__exits_if_the_registry_is_unavailable(
    *, stack: RunningStack, topic: Callable[..., str], tmp_path: Path, program: str, case: str
) -> None:
    """The error is one line. Nothing is committed, so a restart reads the message again."""
    name = topic()
    send(stack.kafka, name, make_messages(1))
    with run_scripted_server() as server:
        answer, reason = BAD_RESPONSES.get(case, (None, "ConnectError"))
        server.script = [answer] if answer else []
        url = server.url if answer else "http://127.0.0.1:1"
        settings = make_consumer_settings(stack.kafka, url, name) | make_aws_environment(stack.aws)
        settings |= {"FEATURES": "one,two", "JOBS_TABLE": name, "STATE_FILE": str(tmp_path / "state")}
        ended = run_to_end(program, settings, tmp_path / "log")
    error = f"schema registry unavailable ({reason}); restart this program to retry the message"
    assert (ended.status, ended.log.splitlines()) == (1, [error])
    assert read_committed(stack.kafka, f"example-{program}", name) < 0


def test_programs__request_only_schemas_from_the_registry(
    stack: RunningStack, topic: Callable[..., str], tmp_path: Path
) -> None:
    """They need no permissions besides those in docs/consuming.md."""
    name = topic()
    send(stack.kafka, name, make_messages(1))
    for program in KAFKA_CONSUMERS:
        with run_scripted_server() as server:
            server.script = [Answer.of(200, {"schema": SHIPPED_SCHEMA})]
            settings = make_consumer_settings(stack.kafka, server.url, name) | make_aws_environment(stack.aws)
            settings |= {
                "FEATURES": "age",
                "JOBS_TABLE": name,
                "QUIET_MINUTES": "0.02",
                "STATE_FILE": str(tmp_path / "state"),
            }
            run_example(program, settings, 1, tmp_path / program)
        assert {urlsplit(each.path).path for each in server.requests} == {f"/schemas/ids/{FIRST_ID}"}


@pytest.mark.parametrize("program", PROGRAMS)
@pytest.mark.parametrize("missing", ["KAFKA_BROKER_URL", "SCHEMA_REGISTRY"])
def test_program__reports_a_missing_setting(tmp_path: Path, program: str, missing: str) -> None:
    """The error is one line."""
    settings = {**make_consumer_settings("127.0.0.1:1", "http://127.0.0.1:1", "events"), "FEATURES": "one", missing: ""}
    ended = run_to_end(program, settings, tmp_path / "log")
    assert (ended.status, ended.printed) == (1, [])
    assert ended.log.splitlines() == [f"{missing} must be set"]
