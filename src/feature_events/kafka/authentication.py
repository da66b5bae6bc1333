"""Says how the function authenticates to Kafka, as librdkafka's properties.

| KAFKA_AUTH | Kafka's listener | authenticates by |
|---|---|---|
| tls | SSL | nothing: only the broker shows a certificate |
| plain | SASL_SSL | user name and password, or API key and secret (PLAIN) |
| scram | SASL_SSL | user name and password (SCRAM-SHA-512) |
| scram-256 | SASL_SSL | user name and password (SCRAM-SHA-256) |
| iam | SASL_SSL | the function's role: a token of 15 minutes, signed here (OAUTHBEARER) |
| oauth | SASL_SSL | a token of an OAuth 2.0 token endpoint (OAUTHBEARER) |
| mtls | SSL | a client certificate, which like its key is never on disk |

Secrets change while an execution environment lives: what Kafka refuses is forgotten here, and read again.
With KAFKA_AUTH=none this module is not imported.
"""

import time
from collections.abc import Callable
from functools import cache, partial
from typing import Any

from feature_events.aws.client_certificate import check_client_certificate
from feature_events.aws.secret import ClientCertificate, Secret
from feature_events.deadline import Clock, Deadline, run_within
from feature_events.errors import Undelivered
from feature_events.kafka.tokens import Token, Tokens
from feature_events.settings.kafka_properties import CA_PROPERTY
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS, KafkaAuth, Settings

CA_TEXT = "ssl.ca.pem"
"""librdkafka's property of CA certificates that are text and not a file."""

_PROTOCOLS = {
    "tls": {"security.protocol": "SSL"},
    "plain": {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"},
    "scram": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
    "scram-256": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256"},
    "iam": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "oauth": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "mtls": {"security.protocol": "SSL"},
}

_PLACE = f"the secret in {KAFKA_CREDENTIALS}"

_REMEDIES = {
    "tls": "check the port in KafkaBrokerUrl (KAFKA_BROKER_URL); if it asks for a client certificate, set KafkaAuth "
    "(KAFKA_AUTH) to mtls",
    "plain": f"check username and password in {_PLACE}; for Confluent Cloud these are an API key of this cluster and "
    "the key's secret",
    "scram": f"check username and password in {_PLACE}, and for MSK that the secret is associated with the cluster",
    "scram-256": f"check username and password in {_PLACE}, and that the user has SCRAM-SHA-256 credentials",
    "iam": "grant the function's role kafka-cluster:Connect on the cluster, and check the port in "
    "KafkaBrokerUrl (KAFKA_BROKER_URL)",
    "oauth": "check that the cluster accepts the identity provider's tokens (issuer, audience, clocks), and scope, "
    f"logical_cluster and identity_pool in {_PLACE}",
    "mtls": f"check certificate and privateKey in {_PLACE}: the cluster must trust the CA that issued the "
    "certificate, and it must not have expired",
}


class Authentication:
    """One way to authenticate, with what it takes from Secrets Manager, which is kept until Kafka refuses it."""

    def __init__(self, settings: Settings, now: Clock = time.time) -> None:
        self._auth = settings.kafka_auth
        self._needs_secrets = bool(settings.kafka_secret or settings.kafka_ca_secret)
        self._read_credentials = cache(partial(_read_credentials, settings.kafka_auth, settings.kafka_secret or ""))
        self._read_ca = cache(partial(_read_ca, settings))
        fetch = _to_token_source(settings, self._read_ca, now)
        self._tokens = Tokens(fetch, now) if fetch else None
        self._was_accepted = False

    @property
    def remedy(self) -> str:
        """What to look at when Kafka refuses."""
        return _REMEDIES[self._auth]

    @property
    def tls_remedy(self) -> str:
        """What to look at if a broker refuses the TLS connection, before it sees anything but a client certificate.

        TLS 1.2, which MSK uses, reports a refused client certificate within the handshake, and TLS 1.3 after it.
        """
        return _REMEDIES["mtls" if self._auth == "mtls" else "tls"]

    def to_properties(self, deadline: Deadline) -> dict[str, Any]:
        """The properties of one new client.

        Raises:
            Misconfigured: a secret does not exist, must not be read, or is of another form, or the token endpoint
                refuses the client in it.
            Undelivered: a secret could not be read before the deadline, or there was no token.

        """
        if self._needs_secrets:
            self._read_within(deadline)
        properties: dict[str, Any] = {**_PROTOCOLS[self._auth], **self._read_credentials(), **self._read_ca()}
        if self._tokens is not None:
            properties["oauth_cb"] = self._tokens.to_callback(deadline)
        return properties

    def to_ca_properties(self) -> dict[str, str]:
        """The property that says which CA certificates the brokers' certificates are checked against.

        Raises the same as `to_properties`, which gives it too.
        """
        return self._read_ca()

    def is_current(self) -> bool:
        """Whether a client can still authenticate with what it has; a token may have ended in a freeze."""
        return self._tokens is None or self._tokens.are_current()

    def accept(self) -> None:
        """Kafka has accepted what these secrets hold."""
        self._was_accepted = True

    def forget(self) -> bool:
        """Forgets secrets and token, so that the next client gets them again; whether Kafka had accepted them."""
        self._read_credentials.cache_clear()
        self._read_ca.cache_clear()
        if self._tokens is not None:
            self._tokens.forget()
        was_accepted, self._was_accepted = self._was_accepted, False
        return was_accepted

    def _read_within(self, deadline: Deadline) -> None:
        """Reads the secrets that are not kept, so that nothing after it waits."""

        def read() -> None:
            self._read_ca()
            self._read_credentials()

        try:
            run_within(deadline.remaining(), read)
        except TimeoutError:
            raise Undelivered(
                f"the deadline passed before the secrets in {KAFKA_CREDENTIALS} and {KAFKA_CA} were read: check the "
                "network path to Secrets Manager"
            ) from None


def _to_token_source(
    settings: Settings, read_ca: Callable[[], dict[str, str]], now: Clock
) -> Callable[[float], Token] | None:
    """Return what fetches tokens, if they authenticate the function; what that needs is imported for it alone."""
    match settings.kafka_auth:
        case "iam":
            from feature_events.kafka.iam import sign_token

            return partial(sign_token, now)
        case "oauth":
            from feature_events.kafka.oauth import fetch_token

            return partial(fetch_token, settings.kafka_secret or "", lambda: read_ca().get(CA_TEXT), now)
        case _:
            return None


def read_client_certificate(secret: Secret) -> ClientCertificate:
    """Return the secret's client certificate.

    librdkafka says of one that it cannot use only that the properties are wrong, so it is checked before.
    https://github.com/confluentinc/librdkafka/issues/3728

    Raises:
        Misconfigured: the secret cannot be read, or its certificate and key cannot be used together.
        Undelivered: Secrets Manager did not answer.

    """
    client = secret.read_client_certificate()
    check_client_certificate(client, secret.setting)
    return client


def _read_credentials(auth: KafkaAuth, arn: str) -> dict[str, str]:
    """What the function shows to Kafka, from its secret; nothing where no secret is needed."""
    secret = Secret(KAFKA_CREDENTIALS, arn)
    match auth:
        case "plain" | "scram" | "scram-256":
            login = secret.read_login()
            return {"sasl.username": login.username, "sasl.password": login.password}
        case "mtls":
            client = read_client_certificate(secret)
            password = {"ssl.key.password": client.password} if client.password else {}
            return {"ssl.certificate.pem": client.certificate, "ssl.key.pem": client.private_key, **password}
        case _:
            return {}


def _read_ca(settings: Settings) -> dict[str, str]:
    """The CA certificates: the secret's, else those that KAFKA_PROPERTIES names, else certifi's.

    certifi's list has Amazon's: librdkafka would look in the operating system's places, and what a runtime has there
    is not in this project's hands.
    """
    if settings.kafka_ca_secret:
        return {CA_TEXT: Secret(KAFKA_CA, settings.kafka_ca_secret).read_ca_certificates()}
    if CA_PROPERTY in settings.kafka_properties:
        return {}
    import certifi

    return {CA_PROPERTY: certifi.where()}
