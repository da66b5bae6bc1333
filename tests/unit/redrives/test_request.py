"""A request that is not all understood does nothing, and is told every mistake at once."""

import pytest

from feature_events.errors import Misconfigured
from feature_events.redrives.request import MAX_SECONDS, Request, read_request
from tests.support.failures import PREFIX
from tests.support.records import Json


def test_read_request__names_every_mistake() -> None:
    """Whoever asks has to correct and ask once."""
    with pytest.raises(Misconfigured) as caught:
        read_request({"prefix": 7, "force": "yes", "seconds": 0, "now": True}, (PREFIX,))
    assert str(caught.value) == (
        "the request is invalid: now is not known; prefix must be text; force must be true or false; "
        f"seconds must be from 1 to {MAX_SECONDS}; "
        'ask for what there is by {"prefix": "dead-letters/", "dry_run": true}'
    )


@pytest.mark.parametrize(
    ("event", "text"),
    [
        ({}, "either a prefix or keys"),
        ({"prefix": PREFIX, "keys": []}, "either a prefix or keys"),
        ([PREFIX], "either a prefix or keys"),
        (None, "either a prefix or keys"),
        ({"prefix": f"{PREFIX}\ud800"}, "prefix must be text"),
        ({"\ud800": 1}, "is not known"),
        ({"keys": PREFIX}, "keys must be a list of texts"),
        ({"keys": [PREFIX, 7]}, "keys must be a list of texts"),
        ({"prefix": ""}, "must be under dead-letters/ or aws/lambda/"),
        ({"prefix": "redriven/"}, "must be under dead-letters/ or aws/lambda/"),
        ({"keys": [f"{PREFIX}1.json", "secrets.json"]}, "must be under dead-letters/ or aws/lambda/"),
        ({"prefix": PREFIX, "seconds": True}, "seconds must be from"),
        ({"prefix": PREFIX, "after": None}, "after must be text"),
    ],
)
def test_read_request__refuses(event: Json, text: str) -> None:
    """A request that is not all understood does nothing."""
    with pytest.raises(Misconfigured, match=text) as raised:
        read_request(event, (PREFIX, "aws/lambda/"))
    assert str(raised.value).encode()  # Lambda's runtime cannot report a lone surrogate


def test_read_request__takes_all_fields() -> None:
    """The fields of a request are those that the report's `next` has."""
    event = {"keys": [f"{PREFIX}1.json"], "dry_run": True, "force": True, "after": "a", "seconds": 7}
    assert read_request(event, (PREFIX,)) == Request(None, [f"{PREFIX}1.json"], True, True, "a", 7)  # noqa: FBT003  # fields
