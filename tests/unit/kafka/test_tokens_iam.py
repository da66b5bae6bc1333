"""IAM tokens are signed with the role's credentials, in time, and are not used shortly before they expire."""

import base64
import time
from urllib.parse import parse_qs, urlsplit

import pytest

from feature_events.errors import Undelivered
from feature_events.kafka import tokens
from feature_events.kafka.tokens import sign_iam_token
from tests.support.iam import TokenProvider


def test_sign_iam_token__is_used_until_a_minute_before_it_expires(provider: TokenProvider) -> None:
    """New clients do not use a token in its last minute."""
    token = sign_iam_token(time.time, 9.0)
    assert provider.given == 1
    assert token.text.count(".") == 2
    assert token.good_until == token.expires - 60
    assert token.extensions == {}


@pytest.mark.parametrize(
    ("fault", "text"),
    [
        ({"error": RuntimeError("hidden")}, r"no IAM token was signed \(RuntimeError\): check the function's role"),
        ({"delay": 0.5}, "no IAM token was signed within 0.1 s: check the function's credentials"),
        ({"life": 59.0}, "the signed IAM token is about to expire"),
    ],
)
def test_sign_iam_token__explains_a_failure(
    provider: TokenProvider, monkeypatch: pytest.MonkeyPatch, fault: dict[str, object], text: str
) -> None:
    """Any failure of the credential provider may be temporary."""
    monkeypatch.setattr(tokens, "IAM_SECONDS", 0.1)
    vars(provider).update(fault)
    with pytest.raises(Undelivered, match=text) as raised:
        sign_iam_token(time.time, 9.0)
    assert "hidden" not in str(raised.value)


def test_sign_iam_token__signs_with_the_roles_credentials(monkeypatch: pytest.MonkeyPatch) -> None:
    """AWS's provider signs for the function's region, with the credentials from Lambda's environment."""
    for name, value in {
        "AWS_REGION": "eu-central-1",
        "AWS_ACCESS_KEY_ID": "AKIATEST",
        "AWS_SECRET_ACCESS_KEY": "hidden",
        "AWS_SESSION_TOKEN": "session",
    }.items():
        monkeypatch.setenv(name, value)
    text, expires, *_ = sign_iam_token(time.time, 9.0)
    url = urlsplit(base64.urlsafe_b64decode(text + "=" * (-len(text) % 4)).decode())
    query = parse_qs(url.query)
    assert url.hostname == "kafka.eu-central-1.amazonaws.com"
    assert query["Action"] == ["kafka-cluster:Connect"]
    assert query["X-Amz-Credential"][0].startswith("AKIATEST/")
    assert query["X-Amz-Expires"] == ["900"]
    assert 800 < expires - time.time() <= 900
