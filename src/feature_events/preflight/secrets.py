"""Asks Secrets Manager for every secret that the settings name, so that the report names the setting of a wrong one.

Kafka and the registry would only say that authentication failed.
"""

from collections.abc import Callable, Sequence
from functools import partial

from feature_events.aws.client_certificate import check_client_certificate
from feature_events.aws.secret import ClientCertificate, Secret
from feature_events.kafka.authentication import read_client_certificate
from feature_events.preflight.check import Check, to_secret_name
from feature_events.settings.settings import (
    KAFKA_CA,
    KAFKA_CREDENTIALS,
    REGISTRY_CA,
    REGISTRY_CREDENTIALS,
    KafkaAuth,
    Settings,
)
from feature_events.web.session import make_tls_context


def secret_checks(settings: Settings) -> Sequence[Check]:
    """One probe for each secret: it can be read and has its form."""
    probes = []
    if settings.kafka_secret:
        kafka = Secret(KAFKA_CREDENTIALS, settings.kafka_secret)
        probes.append(_to_probe(kafka, _to_kafka_reader(kafka, settings.kafka_auth)))
    if settings.registry_secret:
        registry = Secret(REGISTRY_CREDENTIALS, settings.registry_secret)
        probes.append(_to_probe(registry, partial(_read_credentials, registry)))
    for setting, arn in (
        (KAFKA_CA, settings.kafka_ca_secret),
        (REGISTRY_CA, settings.registry_ca_secret),
    ):
        if arn:
            ca = Secret(setting, arn)
            probes.append(_to_probe(ca, partial(_read_ca, ca)))
    return probes


def _to_kafka_reader(secret: Secret, auth: KafkaAuth) -> Callable[[], object]:
    match auth:
        case "mtls":
            return partial(read_client_certificate, secret)
        case "oauth":
            return secret.read_oauth_client
        case _:
            return secret.read_login


def _to_probe(secret: Secret, read: Callable[[], object]) -> Check:
    def find() -> str:
        read()
        return "read, and of the right form"

    return Check(to_secret_name(secret.setting), find)


def _read_credentials(secret: Secret) -> None:
    found = secret.read_credentials()
    if isinstance(found, ClientCertificate):
        check_client_certificate(found, secret.setting)


def _read_ca(secret: Secret) -> None:
    make_tls_context(secret.setting, secret.read_ca_certificates())
