"""Provide the tokens that authenticate the function to Kafka with OAUTHBEARER.

A token lives for minutes, and an execution environment for hours. librdkafka requests the next token before the current
one expires. If the renewal fails, the current token is used until it expires.
"""

import math
import os
import signal
import threading
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, NamedTuple, cast, override

from feature_events.aws.secret import OAuthClient, Secret
from feature_events.deadline import Clock, Deadline, run_within
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.logs import logger
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS
from feature_events.web.exchange import SettingNames

if TYPE_CHECKING:
    from feature_events.web.tokens import AccessToken

IAM_SECONDS = 3.0
"""The most seconds that signing may take. With Lambda's credentials, it sends no request."""

IAM_MARGIN_SECONDS = 60.0
"""A new client does not use an IAM token that expires in less than this."""

OAUTH_SETTINGS = SettingNames(KAFKA_CREDENTIALS, KAFKA_CA)

_OAUTH_MARGIN_SECONDS, _OAUTH_MARGIN_PART = 60.0, 0.1
"""A new client does not use an access token that expires in less than this, in seconds or as a part of its life."""

_DEFAULT_LIFE_SECONDS = 300.0
"""The life of an access token if the token endpoint does not report it."""

_RENEWAL_SECONDS = 15.0
"""The most seconds that a renewal may take. Nothing waits for it."""

_WAKE_SECONDS = 0.005

type TokenCallback = Callable[[str], tuple[str, float, str, dict[str, str]]]
"""librdkafka's oauth_cb: it returns the text, the expiry in seconds since the epoch, principal and extensions."""


class Token(NamedTuple):
    """A token with its expiry in seconds since the epoch. Its repr does not contain the text."""

    text: str
    expires: float
    good_until: float
    """When new clients stop using the token."""
    extensions: Mapping[str, str] = {}
    """SASL extensions to send with the token."""

    @override
    def __repr__(self) -> str:
        return f"Token(..., expires={self.expires})"


class TokenCache:
    """The latest token of an execution environment, reused while it is current.

    Args:
        fetch: returns a new token within the given number of seconds, or raises a FeatureEventsError.
        now: seconds since the epoch.

    """

    def __init__(self, fetch: Callable[[float], Token], now: Clock = time.time) -> None:
        self._fetch = fetch
        self._now = now
        self._latest: Token | None = None

    def is_current(self) -> bool:
        """Return True if a new client can use the latest token, or if there is no token yet."""
        return self._latest is None or self._now() < self._latest.good_until

    def forget(self) -> None:
        """Forget the latest token, so that the next client fetches a new one."""
        self._latest = None

    def make_callback(self, deadline: Deadline) -> TokenCallback:
        """Return the callback with which a new client gets its tokens, in a thread of the client.

        The first token is fetched here, so that its errors are raised here. Raises the same as `fetch`.
        """
        if self._latest is None or not self.is_current():
            self._latest = self._fetch(deadline.remaining())
        first = [self._latest]
        wake = partial(_wake, threading.get_ident()) if _can_wake() else None

        def get_token(_: str) -> tuple[str, float, str, dict[str, str]]:
            if first and wake:
                threading.Timer(_WAKE_SECONDS, wake).start()
            token = first.pop() if first else self._renew()
            return token.text, token.expires, "", dict(token.extensions)

        return get_token

    def _renew(self) -> Token:
        """Return a new token, or the current one if the renewal fails before it expires."""
        before = self._latest
        try:
            token = self._fetch(_RENEWAL_SECONDS)
        except FeatureEventsError as error:
            logger.warning("token not renewed", reason=str(error))
            if before is None or self._now() >= before.expires:
                raise
            return before
        if self._latest is before:  # otherwise it was forgotten, and this token may belong to the old secret
            self._latest = token
        return token


def _can_wake() -> bool:
    """Make SIGURG interrupt a sleep. Return False outside of the main thread, where Python cannot set handlers."""
    if threading.current_thread() is not threading.main_thread():
        return False
    signal.signal(signal.SIGURG, lambda *_: None)
    return True


def _wake(thread: int) -> None:
    """Interrupt the sleep in the constructor of a client that has a token callback.

    The constructor checks for a token, sleeps for a second, and checks again. The token arrives after a few
    milliseconds, and a signal interrupts sleep(3).
    """
    signal.pthread_kill(thread, signal.SIGURG)


def sign_iam_token(now: Clock, seconds: float) -> Token:
    """Sign a token with which Amazon MSK authenticates the function's IAM role. It lives for 15 minutes.

    Args:
        now: seconds since the epoch.
        seconds: how long signing may take, at most `IAM_SECONDS`.

    Raises:
        Undelivered: no token was signed in time.

    """
    seconds = min(IAM_SECONDS, seconds)
    try:
        text, expires_ms = run_within(seconds, _sign)
    except TimeoutError:
        raise Undelivered(f"no IAM token was signed within {seconds:.1f} s: check the function's credentials") from None
    except Exception as error:  # noqa: BLE001  # a provider of credentials may raise anything
        raise Undelivered(f"no IAM token was signed ({type(error).__name__}): check the function's role") from None
    expires = expires_ms / 1000
    token = Token(text, expires, expires - IAM_MARGIN_SECONDS)
    if not now() < token.good_until:
        raise Undelivered("the signed IAM token is about to expire: check the token provider and the clock")
    return token


def _sign() -> tuple[str, int]:
    # Importing the signer takes 150 ms, because it imports boto3
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

    return cast("tuple[str, int]", MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"]))


def fetch_oauth_token(arn: str, read_ca: Callable[[], str | None], now: Clock, seconds: float) -> Token:
    """Fetch an access token from the token endpoint in the secret, which is read each time because it may rotate.

    librdkafka can fetch tokens too (`sasl.oauthbearer.method=oidc`). It reports misconfigurations and outages of the
    token endpoint with the same code, and would not read a rotated secret.

    Args:
        arn: the secret's ARN.
        read_ca: reads the CA certificates to trust in addition to the public ones.
        now: seconds since the epoch.
        seconds: how long this may take.

    Raises:
        Misconfigured: the secret cannot be read or used, or the token endpoint rejects the client.
        Undelivered: there was no response in time.

    """
    requested = now()
    try:
        client, fetched = run_within(seconds, partial(_fetch, arn, read_ca))
    except TimeoutError:
        raise Undelivered(
            f"no token was fetched within {seconds:.1f} s with the secret in {KAFKA_CREDENTIALS}: check the network "
            "path to Secrets Manager and to the token endpoint"
        ) from None
    life = _DEFAULT_LIFE_SECONDS if math.isinf(fetched.seconds) else fetched.seconds
    if life <= 0:
        raise Misconfigured(
            f"the token endpoint in the secret in {KAFKA_CREDENTIALS} returns expired tokens (expires_in {life:g}): "
            "increase their lifetime in the identity provider"
        )
    expires = requested + life
    good_until = expires - min(_OAUTH_MARGIN_SECONDS, _OAUTH_MARGIN_PART * life)
    return Token(fetched.text, expires, good_until, _to_extensions(client))


def _fetch(arn: str, read_ca: Callable[[], str | None]) -> tuple[OAuthClient, "AccessToken"]:
    from feature_events.web.tokens import open_token_client  # imports requests

    client = Secret(KAFKA_CREDENTIALS, arn).read_oauth_client()
    return client, open_token_client(client, read_ca(), OAUTH_SETTINGS).fetch()


def _to_extensions(client: OAuthClient) -> dict[str, str]:
    """Return the SASL extensions that select the cluster and the identity pool of Confluent Cloud.

    https://docs.confluent.io/cloud/current/security/authenticate/workload-identities/identity-providers/oauth/clients/configuration-reference.html
    """
    extensions = {"logicalCluster": client.logical_cluster, "identityPoolId": client.identity_pool}
    return {name: text for name, text in extensions.items() if text}
