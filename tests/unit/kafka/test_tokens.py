"""Tokens are signed when the client asks; one that is still good is given where no new one can be signed."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from feature_events.deadline import Deadline
from feature_events.errors import Undelivered
from feature_events.kafka.tokens import Token, Tokens
from tests.support.doubles import FakeClock
from tests.support.iam import TokenProvider

TIME_LEFT = Deadline(1e9)


def test_callback__signs_a_token_each_time(provider: TokenProvider) -> None:
    """The first token is signed before the client asks, each further one when it does."""
    give = Tokens().to_callback(TIME_LEFT)
    assert provider.given == 1
    for given in (1, 2, 3):
        text, expires, _, _ = give("")
        assert text.count(".") == 2
        assert expires > 1e9
        assert provider.given == given


def test_callback__gives_the_last_one_while_it_is_good(provider: TokenProvider) -> None:
    """A provider that fails when a token is to be renewed costs nothing until that token ends."""
    clock = FakeClock()
    provider.life = 900
    give = Tokens(clock).to_callback(TIME_LEFT)
    first = give("")
    provider.error = RuntimeError("hidden")
    assert give("") == first
    clock.seconds = first[1]
    with pytest.raises(Undelivered, match="RuntimeError") as raised:
        give("")
    assert "hidden" not in str(raised.value)


def test_token__does_not_show_itself() -> None:
    """Who prints a token sees when it ends."""
    assert f"{Token('hidden', 7.0)}" == "Token(..., expires=7.0)"


def test_callback__gives_what_the_role_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own provider signs for the function's region, by the credentials that Lambda gives."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "session",
    }.items():
        monkeypatch.setenv(name, value)
    text, expires, _, _ = Tokens().to_callback(TIME_LEFT)("")
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = parse_qs(url.query)
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIATEST/")
    assert query["X-Amz-Expires"] == ["900"]
    assert 800 < expires - time.time() <= 900
