"""Every line of the log is written, whatever a record contains."""

import json
import os
import subprocess
import sys

import pytest

from feature_events.deadline import Deadline
from feature_events.logs import logger
from local.paths import ROOT
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline
from tests.support.records import to_record


def test_logger__writes_invalid_unicode(caplog: pytest.LogCaptureFixture) -> None:
    """A record with such names is logged like any other."""
    record = to_record()
    record["eventSourceARN"] = "arn:aws:dynamodb:eu-west-1:123456789012:table/t\ud800/stream/s"
    record["eventID"] = ""
    to_pipeline(FakePublisher(), FakeDeadLetters()).run([record], Deadline(1e9))
    [line] = [logger.handlers[0].format(each) for each in caplog.records if each.msg == "record dead-lettered"]
    assert json.loads(line.encode())["table"] == "t\ud800"


@pytest.mark.parametrize("level", ["VERBOSE", "10", "trace", ""])
def test_logger__falls_back_to_info_if_the_level_is_invalid(level: str) -> None:
    """The function and the preflight check start, and the log contains a warning."""
    code = "from feature_events.logs import logger; logger.info('one'); logger.debug('none')"
    done = subprocess.run(  # noqa: S603  # the command is this test's
        [sys.executable, "-c", code],
        env={**os.environ, "PYTHONPATH": "src", "POWERTOOLS_LOG_LEVEL": level},
        cwd=ROOT,
        capture_output=True,
        check=True,
        text=True,
    )
    lines = [json.loads(line) for line in done.stdout.splitlines()]
    assert [line["message"] for line in lines if line["level"] == "INFO"] == ["one"]
    warnings = [line for line in lines if line["level"] == "WARNING"]
    assert ["LogLevel (POWERTOOLS_LOG_LEVEL)" in line["hint"] for line in warnings] == ([True] if level else [])
