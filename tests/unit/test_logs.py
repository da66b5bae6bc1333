"""Every line of the log is written, whatever a record holds."""

import json

import pytest

from feature_events.deadline import Deadline
from feature_events.logs import logger
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import to_pipeline
from tests.support.records import to_record


def test_logger__writes_what_is_no_text(caplog: pytest.LogCaptureFixture) -> None:
    """A record whose names are not valid Unicode has its line like any other."""
    record = to_record()
    record["eventSourceARN"] = "arn:aws:dynamodb:eu-west-1:123456789012:table/t\ud800/stream/s"
    record["eventID"] = ""
    to_pipeline(FakePublisher(), FakeDeadLetters()).run([record], Deadline(1e9))
    [line] = [logger.handlers[0].format(each) for each in caplog.records if each.msg == "record dead-lettered"]
    assert json.loads(line.encode())["table"] == "t\ud800"
