"""Signs the tokens by which the function authenticates to Amazon MSK as its IAM role (OAUTHBEARER).

A token ends after 15 minutes and an execution environment lives for hours, part of them frozen: librdkafka asks for
the next token by itself, and where none can be signed just then, the one before still counts until it ends.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import partial
from typing import NamedTuple, cast, override

from feature_events.deadline import Clock, Deadline, run_within
from feature_events.errors import Undelivered
from feature_events.logs import logger

TOKEN_MARGIN_SECONDS = 60.0
"""A token that has less than this left is not used to authenticate; librdkafka asks for a new one long before."""

SIGNING_SECONDS = 3.0
"""How long signing may take; it asks nobody, unless the role's credentials come from elsewhere than Lambda."""

_WAKE_SECONDS = 0.005

type TokenCallback = Callable[[str], tuple[str, float, str, dict[str, str]]]
"""librdkafka's oauth_cb: text, end in seconds since the epoch, principal, extensions."""


class Token(NamedTuple):
    """A token of Amazon MSK and when it ends, in seconds since the epoch; its text does not show it."""

    text: str
    expires: float

    @override
    def __repr__(self) -> str:
        return f"Token(..., expires={self.expires})"


class Tokens:
    """The tokens of one execution environment.

    Args:
        now: seconds since the epoch.

    """

    def __init__(self, now: Clock = time.time) -> None:
        self._now = now
        self._latest: Token | None = None

    def are_current(self) -> bool:
        """Whether the latest token is good for a while yet, or none was signed."""
        return self._latest is None or self._latest.expires - self._now() > TOKEN_MARGIN_SECONDS

    def to_callback(self, deadline: Deadline) -> TokenCallback:
        """What one new client calls for tokens, in a thread of its own.

        The first token is signed here, where an error is seen.

        Raises:
            Undelivered: no token was signed before the deadline.

        """
        first = [self._sign(min(SIGNING_SECONDS, deadline.remaining()))]
        wake = partial(_wake, threading.get_ident()) if _can_wake() else None

        def give(_: str) -> tuple[str, float, str, dict[str, str]]:
            if first and wake:
                threading.Timer(_WAKE_SECONDS, wake).start()
            token = first.pop() if first else self._sign_again()
            return token.text, token.expires, "", {}

        return give

    def _sign_again(self) -> Token:
        """A new token, or the one before while it is good and no new one can be signed."""
        try:
            return self._sign(SIGNING_SECONDS)
        except Undelivered as error:
            logger.warning("token not renewed", reason=str(error))
            if self._latest is None or not self.are_current():
                raise
            return self._latest

    def _sign(self, seconds: float) -> Token:
        try:
            text, expires_ms = run_within(seconds, _sign_token)
        except TimeoutError:
            raise Undelivered(
                f"no IAM token was signed within {seconds:.1f} s: check the function's credentials"
            ) from None
        except Exception as error:  # noqa: BLE001  # a provider of credentials may raise anything
            raise Undelivered(f"no IAM token was signed ({type(error).__name__}): check the function's role") from None
        token = self._latest = Token(text, expires_ms / 1000)
        if not self.are_current():
            raise Undelivered("an IAM token was signed that is already ending: check what signs it, and the clock")
        return token


def _sign_token() -> tuple[str, int]:
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

    return cast("tuple[str, int]", MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"]))


def _can_wake() -> bool:
    """Makes SIGURG, which is ignored otherwise, end a sleep; Python lets only the main thread set that."""
    if threading.current_thread() is not threading.main_thread():
        return False
    signal.signal(signal.SIGURG, lambda *_: None)
    return True


def _wake(thread: int) -> None:
    """Ends the flat second that a client's constructor sleeps when it has a source of tokens.

    It looks whether a token is there, sleeps a second and looks again, although the token comes after a few
    milliseconds; a signal ends sleep(3) early.
    """
    signal.pthread_kill(thread, signal.SIGURG)
