"""Gives librdkafka tokens when it asks for them (OAUTHBEARER).

A token ends after minutes and an execution environment lives for hours, part of them frozen: librdkafka asks for the
next token by itself, and where there is none just then, the one before still counts until it ends.
"""

import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import NamedTuple, override

from feature_events.deadline import Clock, Deadline
from feature_events.errors import FeatureEventsError
from feature_events.logs import logger

_RENEWAL_SECONDS = 15.0
"""How long the next token may take, which nothing waits for: time for a secret and for the token endpoint."""

_WAKE_SECONDS = 0.005

type TokenCallback = Callable[[str], tuple[str, float, str, dict[str, str]]]
"""librdkafka's oauth_cb: text, end in seconds since the epoch, principal, extensions."""


class Token(NamedTuple):
    """A token and when it ends, in seconds since the epoch; its text does not show it."""

    text: str
    expires: float
    good_until: float
    """Until then a client may begin with it."""
    extensions: Mapping[str, str] = {}
    """SASL extensions that go with it."""

    @override
    def __repr__(self) -> str:
        return f"Token(..., expires={self.expires})"


class Tokens:
    """The tokens of one execution environment; the latest is kept while it is good.

    Args:
        fetch: returns a new token within so many seconds; raises a FeatureEventsError that says why there is none.
        now: seconds since the epoch.

    """

    def __init__(self, fetch: Callable[[float], Token], now: Clock = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._latest: Token | None = None

    def are_current(self) -> bool:
        """Whether the latest token is good for a while yet, or there was none."""
        return self._latest is None or self._now() < self._latest.good_until

    def forget(self) -> None:
        """Forgets the latest token, so that the next client has a new one."""
        self._latest = None

    def to_callback(self, deadline: Deadline) -> TokenCallback:
        """What one new client calls for tokens, in a thread of its own.

        The first token is there before the client is made, so that an error is seen; raises the same as `fetch`.
        """
        if self._latest is None or not self.are_current():
            self._latest = self._fetch(deadline.remaining())
        first = [self._latest]
        wake = partial(_wake, threading.get_ident()) if _can_wake() else None

        def give(_: str) -> tuple[str, float, str, dict[str, str]]:
            if first and wake:
                threading.Timer(_WAKE_SECONDS, wake).start()
            token = first.pop() if first else self._renew()
            return token.text, token.expires, "", dict(token.extensions)

        return give

    def _renew(self) -> Token:
        """A new token, or the one before until it ends if there is no new one."""
        before = self._latest
        try:
            token = self._fetch(_RENEWAL_SECONDS)
        except FeatureEventsError as error:
            logger.warning("token not renewed", reason=str(error))
            if before is None or self._now() >= before.expires:
                raise
            return before
        if self._latest is before:  # else it was forgotten meanwhile, and this one may be of the former secret
            self._latest = token
        return token


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
