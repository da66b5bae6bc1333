"""Sign the tokens by which the function authenticates to Amazon MSK as its IAM role."""

import os
from typing import cast

from feature_events.deadline import Clock, run_within
from feature_events.errors import Undelivered
from feature_events.kafka.tokens import Token

TOKEN_MARGIN_SECONDS = 60.0
"""A token that has less than this left is not used to authenticate; librdkafka asks for a new one long before."""

SIGNING_SECONDS = 3.0
"""How long signing may take; it asks nobody, unless the role's credentials come from elsewhere than Lambda."""


def sign_token(now: Clock, seconds: float) -> Token:
    """Return a new token; MSK's live for 15 minutes.

    Args:
        now: seconds since the epoch.
        seconds: how long it may take; never longer than `SIGNING_SECONDS`.

    Raises:
        Undelivered: no token was signed in time.

    """
    seconds = min(SIGNING_SECONDS, seconds)
    try:
        text, expires_ms = run_within(seconds, _sign)
    except TimeoutError:
        raise Undelivered(f"no IAM token was signed within {seconds:.1f} s: check the function's credentials") from None
    except Exception as error:  # noqa: BLE001  # a provider of credentials may raise anything
        raise Undelivered(f"no IAM token was signed ({type(error).__name__}): check the function's role") from None
    expires = expires_ms / 1000
    token = Token(text, expires, expires - TOKEN_MARGIN_SECONDS)
    if not now() < token.good_until:
        raise Undelivered("an IAM token was signed that is already ending: check what signs it, and the clock")
    return token


def _sign() -> tuple[str, int]:
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

    return cast("tuple[str, int]", MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"]))
