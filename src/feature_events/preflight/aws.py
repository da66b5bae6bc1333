"""Check the secrets and the failure bucket.

Kafka and the registry report an invalid secret only as failed authentication. The check reports its setting.
"""

from collections.abc import Callable, Sequence
from functools import partial

from feature_events.aws.client_certificate import check_client_certificate
from feature_events.aws.clients import call_within, make_dead_letter_client
from feature_events.aws.errors import Action
from feature_events.aws.secret import ClientCertificate, Secret
from feature_events.errors import Misconfigured
from feature_events.kafka.authentication import read_client_certificate
from feature_events.preflight.check import Check
from feature_events.settings.settings import (
    KAFKA_CA,
    KAFKA_CREDENTIALS,
    REGISTRY_CA,
    REGISTRY_CREDENTIALS,
    KafkaAuth,
    Settings,
)
from feature_events.web.session import make_tls_context

DEAD_LETTERS = "dead letters"
"""The name of the failure bucket's check."""

_PUT_SECONDS = 5.0  # less than a check may take, so that its own error is reported


def to_check_name(setting: str) -> str:
    """Return the name of a secret's check, which contains the variable of the setting."""
    return f"secret {setting.partition('(')[2].rstrip(')')}"


def make_secret_checks(settings: Settings) -> Sequence[Check]:
    """Return one check per secret: it can be read and has the right form."""
    checks = []
    if settings.kafka_secret:
        kafka = Secret(KAFKA_CREDENTIALS, settings.kafka_secret)
        checks.append(_make_secret_check(kafka, _find_kafka_reader(kafka, settings.kafka_auth)))
    if settings.registry_secret:
        registry = Secret(REGISTRY_CREDENTIALS, settings.registry_secret)
        checks.append(_make_secret_check(registry, partial(_read_registry_credentials, registry)))
    for setting, arn in ((KAFKA_CA, settings.kafka_ca_secret), (REGISTRY_CA, settings.registry_ca_secret)):
        if arn:
            ca = Secret(setting, arn)
            checks.append(_make_secret_check(ca, partial(_read_ca, ca)))
    return checks


def _make_secret_check(secret: Secret, read: Callable[[], object]) -> Check:
    def run() -> str:
        read()
        return "readable and valid"

    return Check(to_check_name(secret.setting), run)


def _find_kafka_reader(secret: Secret, auth: KafkaAuth) -> Callable[[], object]:
    match auth:
        case "mtls":
            return partial(read_client_certificate, secret)
        case "oauth":
            return secret.read_oauth_client
        case _:
            return secret.read_login


def _read_registry_credentials(secret: Secret) -> None:
    found = secret.read_credentials()
    if isinstance(found, ClientCertificate):
        check_client_certificate(found, secret.setting)


def _read_ca(secret: Secret) -> None:
    make_tls_context(secret.setting, secret.read_ca_certificates())


def make_bucket_check(settings: Settings) -> Check:
    """Return the check of the failure bucket: it accepts an empty object, always the same, next to the dead letters.

    Only a request proves that policies, key and endpoint together allow it.
    """
    return Check(DEAD_LETTERS, partial(_put_object, settings))


def _put_object(settings: Settings) -> str:
    bucket, key = settings.failure_bucket, f"{settings.dead_letter_prefix}check"
    if bucket is None:
        raise Misconfigured("no bucket for dead letters: set FAILURE_BUCKET")

    def put() -> None:
        make_dead_letter_client().put_object(Bucket=bucket, Key=key, Body=b"")

    action = Action("s3:PutObject", f"{key} cannot be written into {bucket}")
    call_within(_PUT_SECONDS, put, action, default_remedy="check FAILURE_BUCKET")
    return f"put {key} into {bucket}"
