"""Says how the function authenticates to Kafka, as librdkafka's properties: TLS, SCRAM, IAM or mutual TLS.

| KAFKA_AUTH | Kafka's listener | authenticates by |
|---|---|---|
| tls | SSL | nothing: only the broker shows a certificate |
| scram | SASL_SSL | user name and password (SCRAM-SHA-512) |
| iam | SASL_SSL | the function's role: a token of 15 minutes, signed here (OAUTHBEARER) |
| mtls | SSL | a client certificate, which like its key is never on disk |

Secrets change while an execution environment lives: what Kafka refuses is forgotten here, and read again.
With KAFKA_AUTH=none this module is not imported.
"""

import time
from functools import cache, partial
from typing import Any

from feature_events.aws.client_certificate import check_client_certificate
from feature_events.aws.secret import ClientCertificate, Secret
from feature_events.deadline import Clock, Deadline, run_within
from feature_events.errors import Undelivered
from feature_events.kafka.tokens import Tokens
from feature_events.kafka_properties import CA_PROPERTY
from feature_events.settings import KafkaAuth, Settings

_PROTOCOLS = {
    "tls": {"security.protocol": "SSL"},
    "scram": {"security.protocol": "SASL_SSL", "sasl.mechanism": "SCRAM-SHA-512"},
    "iam": {"security.protocol": "SASL_SSL", "sasl.mechanism": "OAUTHBEARER"},
    "mtls": {"security.protocol": "SSL"},
}

_REMEDIES = {
    "tls": "check KAFKA_BROKER_URL's port; where it wants a client certificate, set KAFKA_AUTH=mtls",
    "scram": "check user name and password in the secret that KAFKA_SECRET_ARN names, and that it is associated with "
    "the cluster",
    "iam": "grant the function's role kafka-cluster:Connect on the cluster, and check KAFKA_BROKER_URL's port",
    "mtls": "check certificate and privateKey in the secret that KAFKA_SECRET_ARN names: the cluster must trust the CA "
    "that issued the certificate, and it must not have expired",
}


class Authentication:
    """One way to authenticate, with what it takes from Secrets Manager, which is kept until Kafka refuses it."""

    def __init__(self, settings: Settings, now: Clock = time.time) -> None:
        self._auth = settings.kafka_auth
        self._needs_secrets = bool(settings.kafka_secret or settings.kafka_ca_secret)
        self._read_credentials = cache(partial(_read_credentials, settings.kafka_auth, settings.kafka_secret or ""))
        self._read_ca = cache(partial(_read_ca, settings))
        self._tokens = Tokens(now)
        self._was_accepted = False

    @property
    def remedy(self) -> str:
        """What to look at when Kafka refuses."""
        return _REMEDIES[self._auth]

    def to_properties(self, deadline: Deadline) -> dict[str, Any]:
        """The properties of one new client.

        Raises:
            Misconfigured: a secret does not exist, must not be read, or is of another form.
            Undelivered: a secret could not be read before the deadline, or no token signed.

        """
        if self._needs_secrets:
            self._read_within(deadline)
        properties: dict[str, Any] = {**_PROTOCOLS[self._auth], **self._read_credentials(), **self._read_ca()}
        if self._auth == "iam":
            properties["oauth_cb"] = self._tokens.to_callback(deadline)
        return properties

    def to_ca_properties(self) -> dict[str, str]:
        """The property that says which CA certificates the brokers' certificates are checked against.

        Raises the same as `to_properties`, which gives it too.
        """
        return self._read_ca()

    def is_current(self) -> bool:
        """Whether a client can still authenticate with what it has; a token may have ended in a freeze."""
        return self._tokens.are_current()

    def accept(self) -> None:
        """Kafka has accepted what these secrets hold."""
        self._was_accepted = True

    def forget(self) -> bool:
        """Forgets the secrets, so that the next client reads them again; whether Kafka had accepted them."""
        self._read_credentials.cache_clear()
        self._read_ca.cache_clear()
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
                "the deadline passed before the secrets in KAFKA_SECRET_ARN and KAFKA_CA_SECRET_ARN were read: check "
                "the network path to Secrets Manager"
            ) from None


def read_client_certificate(secret: Secret) -> ClientCertificate:
    """Return the secret's client certificate.

    librdkafka says of one that it cannot use only that the properties are wrong, so it is checked before.
    https://github.com/confluentinc/librdkafka/issues/3728

    Raises:
        Misconfigured: the secret cannot be read, or its certificate and key cannot be used together.
        Undelivered: Secrets Manager did not answer.

    """
    client = secret.read_client_certificate()
    check_client_certificate(client, f"KafkaSecretArn ({secret.setting})")
    return client


def _read_credentials(auth: KafkaAuth, arn: str) -> dict[str, str]:
    """What the function shows to Kafka, from its secret; nothing where no secret is needed."""
    secret = Secret("KAFKA_SECRET_ARN", arn)
    match auth:
        case "scram":
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
        return {"ssl.ca.pem": Secret("KAFKA_CA_SECRET_ARN", settings.kafka_ca_secret).read_ca_certificates()}
    if CA_PROPERTY in settings.kafka_properties:
        return {}
    import certifi

    return {CA_PROPERTY: certifi.where()}
