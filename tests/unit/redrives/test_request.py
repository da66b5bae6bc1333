"""Test reading the request for a redrive."""

import pytest

from feature_events.errors import Misconfigured
from feature_events.redrives.request import MAX_SECONDS, RedriveRequest, read_redrive_request
from tests.support.failures import PREFIX
from tests.support.records import Json


def test_read_redrive_request__reports_every_mistake() -> None:
    """The operator can correct all of them before sending the request again."""
    with pytest.raises(Misconfigured) as caught:
        read_redrive_request({"prefix": 7, "force": "yes", "seconds": 0, "now": True}, (PREFIX,))
    assert str(caught.value) == (
        "invalid request: now is unknown; prefix must be text; force must be true or false; "
        f"seconds must be a whole number from 1 to {MAX_SECONDS}; "
        'for a dry run, send {"prefix": "dead-letters/", "dry_run": true}'
    )


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({}, "it must contain either prefix or keys"),
        ({"prefix": PREFIX, "keys": []}, "it must contain either prefix or keys"),
        ([PREFIX], "it must contain either prefix or keys"),
        (None, "it must contain either prefix or keys"),
        ({"prefix": f"{PREFIX}\ud800"}, "prefix must be text"),
        ({"\ud800": 1}, "is unknown"),
        ({"keys": PREFIX}, "keys must be a list of texts"),
        ({"keys": [PREFIX, 7]}, "keys must be a list of texts"),
        ({"prefix": ""}, "prefix or keys must begin with dead-letters/ or aws/lambda/"),
        ({"prefix": "redriven/"}, "prefix or keys must begin with dead-letters/ or aws/lambda/"),
        ({"keys": [f"{PREFIX}1.json", "secrets.json"]}, "prefix or keys must begin with dead-letters/ or aws/lambda/"),
        ({"prefix": PREFIX, "seconds": True}, "seconds must be a whole number from"),
        ({"prefix": PREFIX, "after": None}, "after must be text"),
    ],
)
def test_read_redrive_request__rejects(event: Json, text: str) -> None:
    """Each invalid request has an error that names the mistake."""
    with pytest.raises(Misconfigured, match=text) as raised:
        read_redrive_request(event, (PREFIX, "aws/lambda/"))
    assert str(raised.value).encode()  # Lambda's runtime cannot report a lone surrogate


def test_read_redrive_request__accepts_all_fields() -> None:
    """All fields of a report's `next` are accepted."""
    event = {"keys": [f"{PREFIX}1.json"], "dry_run": True, "force": True, "after": "a", "seconds": 7}
    assert read_redrive_request(event, (PREFIX,)) == RedriveRequest(None, [f"{PREFIX}1.json"], True, True, "a", 7)  # noqa: FBT003  # fields of the request
