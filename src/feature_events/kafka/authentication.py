"""Configure how librdkafka authenticates to Kafka.

| KAFKA_AUTH | Kafka's listener | authentication |
|---|---|---|
| tls | SSL | none; only the broker presents a certificate |
| plain | SASL_SSL | user name and password, or API key and secret (PLAIN) |
| scram | SASL_SSL | user name and password (SCRAM-SHA-512) |
| scram-256 | SASL_SSL | user name and password (SCRAM-SHA-256) |
| iam | SASL_SSL | the function's role: a token that the function signs, valid for 15 minutes (OAUTHBEARER) |
| oauth | SASL_SSL | a token from an OAuth 2.0 token endpoint (OAUTHBEARER) |
| mtls | SSL | a client certificate, which is never written to disk, nor is its key |

Secrets can rotate while an execution environment is running. After Kafka rejects a secret, the next client re-reads it.
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
from feature_events.kafka.tokens import Token, TokenCache, fetch_oauth_token, sign_iam_token
from feature_events.settings.kafka_properties import CA_PROPERTY
from feature_events.settings.settings import KAFKA_CA, KAFKA_CREDENTIALS, KafkaAuth, Settings

CA_TEXT = "ssl.ca.pem"
"""The librdkafka property for CA certificates as text instead of a file."""

_PROTOCOLS = {
    "tls": {"security.protocol": "SSL"},
    "plain": {"security.protocol": "SASL_SSL", "sasl.mechanism": "PLAIN"},
    "scram": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
    "scram-256": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-256"},
    "iam": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "oauth": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "mtls": {"security.protocol": "SSL"},
}

_SECRET = f"the secret in {KAFKA_CREDENTIALS}"

_REMEDIES = {
    "tls": "check the port in KafkaBrokerUrl (KAFKA_BROKER_URL); if it requires a client certificate, set KafkaAuth "
    "(KAFKA_AUTH) to mtls",
    "plain": f"check username and password in {_SECRET}; for Confluent Cloud, these are an API key of this cluster and "
    "the key's secret",
    "scram": f"check username and password in {_SECRET}; for MSK, associate the secret with the cluster",
    "scram-256": f"check username and password in {_SECRET}, and that the user has SCRAM-SHA-256 credentials",
    "iam": "grant the function's role kafka-cluster:Connect on the cluster, and check the port in "
    "KafkaBrokerUrl (KAFKA_BROKER_URL)",
    "oauth": "check that the cluster accepts the identity provider's tokens (issuer, audience, clocks), and scope, "
    f"logical_cluster and identity_pool in {_SECRET}",
    "mtls": f"check certificate and privateKey in {_SECRET}: the cluster must trust the CA that issued the "
    "certificate, and the certificate must not be expired",
}


class Authentication:
    """An authentication method with its secrets, which are cached until Kafka rejects them."""

    def __init__(self, settings: Settings, now: Clock = time.time) -> None:
        self._auth = settings.kafka_auth
        self._needs_secrets = bool(settings.kafka_secret or settings.kafka_ca_secret)
        self._read_credentials = cache(partial(_read_credentials, settings.kafka_auth, settings.kafka_secret or ""))
        self._read_ca = cache(partial(_read_ca, settings))
        fetch = _choose_token_source(settings, self._read_ca, now)
        self._tokens = TokenCache(fetch, now) if fetch else None
        self._was_accepted = False

    @property
    def remedy(self) -> str:
        """What to check if Kafka rejects the credentials."""
        return _REMEDIES[self._auth]

    @property
    def tls_remedy(self) -> str:
        """What to check if a broker rejects the TLS connection, where it sees at most a client certificate.

        TLS 1.2, which MSK uses, reports a rejected client certificate during the handshake, and TLS 1.3 after it.
        """
        return _REMEDIES["mtls" if self._auth == "mtls" else "tls"]

    def read_properties(self, deadline: Deadline) -> dict[str, Any]:
        """Return the properties for a new client; read the secrets and fetch a token if necessary.

        Raises:
            Misconfigured: a secret does not exist, is not readable or has the wrong form, or the token endpoint
                rejects the client in it.
            Undelivered: a secret could not be read or a token could not be fetched before the deadline.

        """
        if self._needs_secrets:
            self._read_within(deadline)
        properties: dict[str, Any] = {**_PROTOCOLS[self._auth], **self._read_credentials(), **self._read_ca()}
        if self._tokens is not None:
            properties["oauth_cb"] = self._tokens.make_callback(deadline)
        return properties

    def read_ca_properties(self) -> dict[str, str]:
        """Return the property with the CA certificates that verify the brokers' certificates.

        Raises the same as `read_properties`, whose result includes it.
        """
        return self._read_ca()

    def is_current(self) -> bool:
        """Return True if existing clients can still authenticate. A token may expire while the function is frozen."""
        return self._tokens is None or self._tokens.is_current()

    def accept(self) -> None:
        """Remember that Kafka accepted these secrets."""
        self._was_accepted = True

    def forget(self) -> bool:
        """Forget secrets and token. The next client reads them again. Return True if Kafka had accepted them."""
        self._read_credentials.cache_clear()
        self._read_ca.cache_clear()
        if self._tokens is not None:
            self._tokens.forget()
        was_accepted, self._was_accepted = self._was_accepted, False
        return was_accepted

    def _read_within(self, deadline: Deadline) -> None:
        """Read the secrets into the caches, so that later reads do not wait."""

        def read() -> None:
            self._read_ca()
            self._read_credentials()

        try:
            run_within(deadline.remaining(), read)
        except TimeoutError:
            raise Undelivered(
                f"the secrets in {KAFKA_CREDENTIALS} and {KAFKA_CA} were not read before the deadline: check the "
                "network path to Secrets Manager"
            ) from None


def _choose_token_source(
    settings: Settings, read_ca: Callable[[], dict[str, str]], now: Clock
) -> Callable[[float], Token] | None:
    """Return the function that provides tokens, or None if the method uses no tokens."""
    match settings.kafka_auth:
        case "iam":
            return partial(sign_iam_token, now)
        case "oauth":
            return partial(fetch_oauth_token, settings.kafka_secret or "", lambda: read_ca().get(CA_TEXT), now)
        case _:
            return None


def read_client_certificate(secret: Secret) -> ClientCertificate:
    """Read and check the client certificate in the secret.

    For an unusable one, librdkafka reports only that the properties are invalid.
    https://github.com/confluentinc/librdkafka/issues/3728

    Raises:
        Misconfigured: the secret cannot be read, or its certificate and key do not work together.
        Undelivered: Secrets Manager did not respond.

    """
    client = secret.read_client_certificate()
    check_client_certificate(client, secret.setting)
    return client


def _read_credentials(auth: KafkaAuth, arn: str) -> dict[str, str]:
    """Return the properties with the credentials in the secret. Empty for a method without a secret."""
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
    """Return the CA certificates: those in the secret, else those in KAFKA_PROPERTIES, else certifi's.

    certifi's list contains Amazon's CAs. librdkafka's default is the operating system's list, which depends on the
    Lambda runtime.
    """
    if settings.kafka_ca_secret:
        return {CA_TEXT: Secret(KAFKA_CA, settings.kafka_ca_secret).read_ca_certificates()}
    if CA_PROPERTY in settings.kafka_properties:
        return {}
    import certifi

    return {CA_PROPERTY: certifi.where()}
