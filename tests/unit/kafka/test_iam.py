"""IAM tokens are signed by the role, in time, and not used when they are about to end."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from feature_events.errors import Undelivered
from feature_events.kafka import iam
from feature_events.kafka.iam import sign_token
from tests.support.iam import TokenProvider


def test_sign_token__is_good_until_a_minute_before_its_end(provider: TokenProvider) -> None:
    """A token is not used in its last minute."""
    token = sign_token(time.time, 9.0)
    assert provider.given == 1
    assert token.text.count(".") == 2
    assert token.good_until == token.expires - 60
    assert token.extensions == {}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"error": RuntimeError("hidden")}, r"no IAM token was signed \(RuntimeError\): check the function's role"),
        ({"delay": 0.5}, "no IAM token was signed within 0.1 s: check the function's credentials"),
        ({"life": 59.0}, "an IAM token was signed that is already ending"),
    ],
)
def test_sign_token__says_why_there_is_none(
    provider: TokenProvider, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object], text: str
) -> None:
    """Whatever the provider of credentials raises or does, it may work later."""
    monkeypatch.setattr(iam, "SIGNING_SECONDS", 0.1)
    vars(provider).update(fault)
    with pytest.raises(Undelivered, match=text) as raised:
        sign_token(time.time, 9.0)
    assert "hidden" not in str(raised.value)


def test_sign_token__gives_what_the_role_signs(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's own provider signs for the function's region, by the credentials that Lambda gives."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "session",
    }.items():
        monkeypatch.setenv(name, value)
    text, expires, *_ = sign_token(time.time, 9.0)
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = parse_qs(url.query)
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIATEST/")
    assert query["X-Amz-Expires"] == ["900"]
    assert 800 < expires - time.time() <= 900
