"""Says how the function signs in to Kafka, as librdkafka's properties: TLS, SCRAM, IAM or mutual TLS.

| KAFKA_AUTH | Kafka's listener | signs in by |
|---|---|---|
| tls | SSL | nothing: only the broker shows a certificate |
| scram | SASL_SSL | user name and password (SCRAM-SHA-512) |
| iam | SASL_SSL | the function's role: a token of 15 minutes, signed here (OAUTHBEARER) |
| mtls | SSL | a client certificate, which like its key is never on disk |

Secrets change while an execution environment lives: what Kafka refuses is forgotten here, and read anew.
With KAFKA_AUTH=none this module is not imported.
"""

import os
import signal
import threading
import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any, NamedTuple, cast, override

from feature_events.aws.secret import Secret
from feature_events.deadline import Clock, Deadline, run_within
from feature_events.errors import Undelivered
from feature_events.kafka_properties import CA_PROPERTY
from feature_events.logs import logger
from feature_events.settings import Settings

TOKEN_MARGIN_SECONDS = 60.0
"""A token that has less than this left is not signed in with; librdkafka asks for a new one long before."""

SIGNING_SECONDS = 3.0
"""How long signing may take; it asks nobody, unless the role's credentials come from elsewhere than Lambda."""

_WAKE_SECONDS = 0.005

_REMEDIES = {
    "tls": "check KAFKA_BROKER_URL's port; where it wants a client certificate, set KAFKA_AUTH=mtls",
    "scram": "check user name and password in the secret that KAFKA_SECRET_ARN names, and that it is associated with "
    "the cluster",
    "iam": "grant the function's role kafka-cluster:Connect on the cluster, and check KAFKA_BROKER_URL's port",
    "mtls": "check certificate and privateKey in the secret that KAFKA_SECRET_ARN names: that the cluster trusts their "
    "authority and that they have not expired",
}


class Token(NamedTuple):
    """A token of Amazon MSK and when it ends, in seconds since the epoch; its text does not show it."""

    text: str
    expires: float

    @override
    def __repr__(self) -> str:
        return f"Token(..., expires={self.expires})"


class SignIn:
    """One way to sign in, with what it takes from Secrets Manager, which is kept until Kafka refuses it."""

    def __init__(self, settings: Settings, now: Clock = time.time) -> None:
        self._auth = settings.kafka_auth
        self._trusts_file = CA_PROPERTY in settings.kafka_properties
        self._secret = Secret("KAFKA_SECRET_ARN", settings.kafka_secret or "")
        self._ca = Secret("KAFKA_CA_SECRET_ARN", settings.kafka_ca_secret) if settings.kafka_ca_secret else None
        self._now = now
        self._read_login = cache(self._secret.read_login)
        self._read_certificate = cache(self._secret.read_client_certificate)
        self._read_authorities = cache(self._ca.read_ca_certificates) if self._ca else None
        self._accepted = False
        self._token: Token | None = None

    @property
    def remedy(self) -> str:
        """What to look at when Kafka refuses."""
        return _REMEDIES[self._auth]

    def to_properties(self, deadline: Deadline) -> dict[str, Any]:
        """The properties of one new client.

        Raises:
            Misconfigured: a secret is not there, not ours or of another form.
            Undelivered: a secret could not be read before the deadline, or no token signed.

        """
        self._read_secrets(deadline)
        match self._auth:
            case "scram":
                login = self._read_login()
                own: dict[str, Any] = {
                    "security.protocol": "SASL_SSL",
                    "sasl.mechanism": "SCRAM-SHA-512",
                    "sasl.username": login.username,
                    "sasl.password": login.password,
                }
            case "iam":
                own = {
                    "security.protocol": "SASL_SSL",
                    "sasl.mechanism": "OAUTHBEARER",
                    "oauth_cb": self._to_token_source(deadline),
                }
            case "mtls":
                client = self._read_certificate()
                own = {
                    "security.protocol": "SSL",
                    "ssl.certificate.pem": client.certificate,
                    "ssl.key.pem": client.private_key,
                }
                if client.password:
                    own["ssl.key.password"] = client.password
            case _:
                own = {"security.protocol": "SSL"}
        return {**own, **self.to_trust()}

    def _read_secrets(self, deadline: Deadline) -> None:
        """Reads what is not kept, so that nothing after it waits."""
        reads: list[Callable[[], object]] = [self._read_authorities] if self._read_authorities else []
        match self._auth:
            case "scram":
                reads.append(self._read_login)
            case "mtls":
                reads.append(self._read_certificate)
        try:
            for read in reads:
                run_within(deadline.remaining(), read)
        except TimeoutError:
            raise Undelivered(
                "the deadline passed before the secrets in KAFKA_SECRET_ARN and KAFKA_CA_SECRET_ARN were read: check "
                "the network path to Secrets Manager"
            ) from None

    def to_trust(self) -> dict[str, str]:
        """The property that says which authorities the brokers' certificates are checked against.

        Without one of one's own, it is certifi's list, which has Amazon's: librdkafka would look in the operating
        system's places, and what a runtime has there is not for this project to say.
        """
        if self._read_authorities:
            return {"ssl.ca.pem": self._read_authorities()}
        if self._trusts_file:
            return {}
        import certifi

        return {CA_PROPERTY: certifi.where()}

    def is_current(self) -> bool:
        """Whether a client may still sign in with what it has; not so after a freeze longer than a token's life."""
        return self._token is None or self._token.expires - self._now() > TOKEN_MARGIN_SECONDS

    def accept(self) -> None:
        """Kafka has let a client in."""
        self._accepted = True

    def renew(self) -> bool:
        """Forgets the secrets; whether it is worth while to sign in again at once.

        That is when Kafka took them before: they have been changed since. What was read just now is not better when
        it is read again; the next invocation does.
        """
        was_accepted, self._accepted = self._accepted, False
        for read in (self._read_login, self._read_certificate, self._read_authorities):
            if read:
                read.cache_clear()
        return was_accepted

    def _to_token_source(self, deadline: Deadline) -> Callable[[str], tuple[str, float, str, dict[str, str]]]:
        """What a client calls for tokens, in a thread of its own; the first is signed here, where an error is seen."""
        first = [self._sign(min(SIGNING_SECONDS, deadline.remaining()))]
        wake = partial(_wake, threading.get_ident()) if _can_wake() else None

        def give(_: str) -> tuple[str, float, str, dict[str, str]]:
            if first and wake:
                threading.Timer(_WAKE_SECONDS, wake).start()
            token = first.pop() if first else self._sign_again()
            return token.text, token.expires, "", {}

        return give

    def _sign_again(self) -> Token:
        """A new token, or the one before where that is not to be had and it is still good."""
        try:
            return self._sign(SIGNING_SECONDS)
        except Undelivered as error:
            logger.warning("token not renewed", reason=str(error))
            if self._token is None or not self.is_current():
                raise
            return self._token

    def _sign(self, seconds: float) -> Token:
        try:
            text, expires_ms = run_within(seconds, _sign_token)
        except TimeoutError:
            raise Undelivered(f"no IAM token was signed within {seconds:.1f} s") from None
        except Exception as error:  # noqa: BLE001  # whatever a provider of credentials raises
            raise Undelivered(f"no IAM token was signed ({type(error).__name__}): check the function's role") from None
        self._token = Token(text, expires_ms / 1000)
        if not self.is_current():
            raise Undelivered("an IAM token was signed that is already ending: check what signs it, and the clock")
        return self._token


def _sign_token() -> tuple[str, int]:
    from aws_msk_iam_sasl_signer import MSKAuthTokenProvider  # type: ignore[import-untyped]

    return cast("tuple[str, int]", MSKAuthTokenProvider.generate_auth_token(os.environ["AWS_REGION"]))


def _can_wake() -> bool:
    """Makes SIGURG, which nobody minds otherwise, end a sleep; only the main thread may say so."""
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
