"""Failed calls to AWS raise an error with the remedy."""

import pytest

from feature_events.aws.secret import Secret
from feature_events.errors import Misconfigured

ARN = "arn:aws:secretsmanager:us-east-1:123456789012:secret:s"


@pytest.mark.parametrize(
    ("name", "value"),
    [("AWS_ENDPOINT_URL", "nowhere"), ("AWS_ENDPOINT_URL_SECRETS_MANAGER", "http://secrets..internal")],
)
def test_call_within__explains_an_invalid_aws_variable(monkeypatch: pytest.MonkeyPatch, name: str, value: str) -> None:
    """A plain ValueError from botocore becomes a Misconfigured."""
    monkeypatch.setenv("AWS_DEFAULT_REGION", "us-east-1")
    monkeypatch.setenv(name, value)
    with pytest.raises(Misconfigured, match="THE_SETTING cannot be read: check the environment variables that begin"):
        Secret("THE_SETTING", ARN).read_login()
