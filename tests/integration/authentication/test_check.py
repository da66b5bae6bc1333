"""The preflight check from inside: green where everything is right, and each check made red by its own fault."""

import json
from collections.abc import Callable, Iterator
from contextlib import AbstractContextManager, contextmanager, nullcontext
from io import StringIO
from typing import Any, NamedTuple
from uuid import uuid4

import boto3
import pytest
from confluent_kafka.admin import (  # type: ignore[attr-defined]  # exported, if not by name
    AclBinding,
    AclBindingFilter,
    AclOperation,
    AclPermissionType,
    AdminClient,
    ResourcePatternType,
    ResourceType,
)

from feature_events.deadline import Deadline
from feature_events.preflight.run import Report, run_checks
from feature_events.registries.schema import register_schema
from feature_events.settings.settings import read_settings
from local.servers.loopback import reserve_port
from tests.integration.authentication.conftest import LIMIT, LOGIN, Cluster, MakeBench
from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import RegistryProxy, to_basic
from tests.support.secrets import Secrets
from tests.support.topics import read_topic

ALL_THE_TIME = 60.0
SECRETS = ("kafka-secret", LOGIN["password"], "-----BEGIN")


class Bench(NamedTuple):
    """A whole function's environment, on which everything is right: SCRAM, and a registry behind TLS and a password."""

    environ: dict[str, str]
    cluster: Cluster
    proxy: RegistryProxy
    secrets: Secrets
    user: str

    def change(self, setting: str, value: dict[str, str] | str) -> None:
        """Gives the secret of this setting another value."""
        self.secrets.change(self.environ[setting], value)

    def run(self) -> Report:
        """The check's report."""
        return run_checks(self.environ, Deadline(ALL_THE_TIME))


@pytest.fixture
def right(
    bench: MakeBench,
    cluster: Cluster,
    secrets: Secrets,
    registry_authority: CertificateAuthority,
    proxy: RegistryProxy,
) -> Bench:
    """The bench, with the schema registered and a bucket."""
    user = f"user-{uuid4().hex}"
    cluster.change_password(user, "kafka-secret")
    kafka = bench("scram")
    secrets.change(kafka.secret, {"username": user, "password": "kafka-secret"})
    boto3.client("s3").create_bucket(Bucket="failures")
    environ = {
        **kafka.environ,
        "SCHEMA_ID": "",
        "SCHEMA_REGISTRY": proxy.url,
        "SCHEMA_REGISTRY_SECRET_ARN": secrets.put(LOGIN),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(registry_authority.certificate),
        "FAILURE_BUCKET": "failures",
    }
    register_schema(read_settings(environ))
    return Bench(environ, cluster, proxy, secrets, user)


def test_run_checks__is_green_where_all_is_right(right: Bench, log: StringIO) -> None:
    """Every part is tried and found right, the report is logged, and no event and no secret is to be seen."""
    report = right.run()
    assert [each["name"].partition(" 127")[0] for each in report["checks"]] == [
        "settings",
        "table layouts",
        "secret KAFKA_SECRET_ARN",
        "secret SCHEMA_REGISTRY_SECRET_ARN",
        "secret KAFKA_CA_SECRET_ARN",
        "secret SCHEMA_REGISTRY_CA_SECRET_ARN",
        "DNS",
        "TCP",
        "TLS",
        "authentication",
        "topic",
        "idempotent producer",
        "write to the topic",
        "DNS",
        "TCP",
        "TLS",
        "schema",
        "dead letters",
    ]
    assert [each for each in report["checks"] if not each["ok"]] == []
    assert report["ok"]
    logged = log.getvalue()
    assert json.loads(logged.splitlines()[-1])["checks"] == report["checks"]
    assert not any(secret in logged for secret in SECRETS)
    assert read_topic(right.cluster.kafka.bootstrap, right.environ["TOPIC_NAME"]) == []


@pytest.mark.parametrize("auth", ["none", "tls", "plain", "scram-256", "mtls", "iam", "oauth"])
def test_run_checks__knows_every_authentication(bench: MakeBench, secrets: Secrets, auth: Any) -> None:  # noqa: ANN401
    """A function that authenticates in another way, and has its schema id pinned, is checked as well."""
    assert secrets is not None
    boto3.client("s3").create_bucket(Bucket="failures")
    environ = {**bench(auth).environ, "FAILURE_BUCKET": "failures"}
    report = run_checks(environ, Deadline(ALL_THE_TIME))
    assert [each for each in report["checks"] if not each["ok"]] == []


@pytest.mark.parametrize(
    ("name", "parts", "text"),
    [
        ("token endpoint of Kafka", {"client_secret": "kafka-secret"}, "gives no token (HTTP 401, invalid_client)"),
        ("DNS name.invalid", {"token_url": "https://name.invalid/token"}, "the name does not resolve"),
        ("secret KAFKA_SECRET_ARN", {"token_url": ""}, 'not of the form {"client_id": "..."'),
    ],
)
def test_run_checks__finds_what_keeps_tokens_away(
    bench: MakeBench, secrets: Secrets, name: str, parts: dict[str, str], text: str
) -> None:
    """Without a token authentication is not tried, and the part that is wrong says what to change."""
    boto3.client("s3").create_bucket(Bucket="failures")
    made = bench("oauth")
    secrets.change(made.secret, secrets.read(made.secret) | parts)
    report = run_checks({**made.environ, "FAILURE_BUCKET": "failures"}, Deadline(ALL_THE_TIME))
    red = [each for each in report["checks"] if not each["ok"]]
    assert red[0]["name"] == name
    assert text in red[0]["detail"]
    assert all("not tried: first fix" in each["detail"] for each in red[1:])
    assert "authentication" in [each["name"] for each in red[1:]]
    assert "kafka-secret" not in str(report)


type Rule = tuple[AclPermissionType, ResourceType, str, AclOperation]


@contextmanager
def ruling(right: Bench, *rules: Rule) -> Iterator[None]:
    """Has rules for the user, for as long as the context lasts; of what rules there are, the rest is forbidden."""
    admin = AdminClient({"bootstrap.servers": right.cluster.kafka.bootstrap})
    parts = [
        (kind, name, ResourcePatternType.LITERAL, f"User:{right.user}", "*", operation, permission)
        for permission, kind, name, operation in rules
    ]
    for made in admin.create_acls([AclBinding(*part) for part in parts]).values():
        made.result(LIMIT)
    try:
        yield
    finally:
        for ended in admin.delete_acls([AclBindingFilter(*part) for part in parts]).values():
            ended.result(LIMIT)


type Fault = Callable[[Bench], AbstractContextManager[None] | None]


def set_wrong(setting: str, value: str) -> Fault:
    """Gives a setting another value."""
    return lambda right: right.environ.update({setting: value})


def change(setting: str, value: dict[str, str] | str) -> Fault:
    """Gives the secret of a setting another value."""
    return lambda right: right.secrets.change(right.environ[setting], value)


def lose(setting: str) -> Fault:
    """Deletes the secret of a setting."""
    return lambda right: right.secrets.delete(right.environ[setting])


def allow_topic(operation: AclOperation) -> Fault:
    """Allows this alone on the topic."""
    topic = ResourceType.TOPIC
    return lambda right: ruling(right, (AclPermissionType.ALLOW, topic, right.environ["TOPIC_NAME"], operation))


def deny_producer_id(right: Bench) -> AbstractContextManager[None]:
    """Forbids writing anywhere, since a producer id is given to whoever may write to any topic."""
    return ruling(
        right,
        (AclPermissionType.DENY, ResourceType.BROKER, "kafka-cluster", AclOperation.IDEMPOTENT_WRITE),
        (AclPermissionType.DENY, ResourceType.TOPIC, "*", AclOperation.WRITE),
        (AclPermissionType.ALLOW, ResourceType.TOPIC, "*", AclOperation.DESCRIBE),
    )


def listen_elsewhere(listener: str) -> Fault:
    """Names a listener with another authentication."""
    return lambda right: right.environ.update(KAFKA_BROKER_URL=right.cluster.address(listener))


def change_registry_password(right: Bench) -> None:
    """The registry no longer takes the secret's password."""
    right.proxy.required = to_basic(LOGIN["username"], "other")


NOWHERE = "name.invalid"
OTHER = CertificateAuthority("Other").certificate


@pytest.mark.parametrize(
    ("names", "fault", "text"),
    [
        (["settings"], set_wrong("TOPIC_NAME", "a topic"), "TOPIC_NAME must be a topic's name"),
        (["secret KAFKA_SECRET_ARN"], change("KAFKA_SECRET_ARN", "{}"), 'not of the form {"username": "..."'),
        (["secret SCHEMA_REGISTRY_SECRET_ARN"], lose("SCHEMA_REGISTRY_SECRET_ARN"), "cannot be read"),
        (
            ["secret KAFKA_CA_SECRET_ARN"],
            change("KAFKA_CA_SECRET_ARN", "none"),
            "secret in KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
        ),
        (["secret SCHEMA_REGISTRY_CA_SECRET_ARN"], lose("SCHEMA_REGISTRY_CA_SECRET_ARN"), "cannot be read"),
        ([f"DNS {NOWHERE}"], set_wrong("KAFKA_BROKER_URL", f"{NOWHERE}:9096"), "the name does not resolve"),
        ([f"DNS {NOWHERE}"], set_wrong("SCHEMA_REGISTRY", f"https://{NOWHERE}"), "the name does not resolve"),
        (["TCP"], lambda right: right.environ.update(KAFKA_BROKER_URL=f"127.0.0.1:{reserve_port()}"), "no connection"),
        (["TLS"], change("KAFKA_CA_SECRET_ARN", OTHER), "its certificate is refused"),
        (["TLS"], change("SCHEMA_REGISTRY_CA_SECRET_ARN", OTHER), "its certificate is refused"),
        (["TLS"], listen_elsewhere("EXPIRED"), "certificate has expired"),
        (["TLS"], listen_elsewhere("PLAIN"), "it does not speak TLS"),
        (["authentication"], change("KAFKA_SECRET_ARN", LOGIN), "check username and password"),
        (["topic"], set_wrong("TOPIC_NAME", "no-such-topic"), "create the topic"),
        (["topic"], allow_topic(AclOperation.ALTER_CONFIGS), "grant the function WriteData and DescribeTopic"),
        (["write to the topic"], allow_topic(AclOperation.DESCRIBE), "grant the function WriteData"),
        (["idempotent producer", "write to the topic"], deny_producer_id, "WriteDataIdempotently"),
        (["schema"], change_registry_password, "HTTP 401"),
        (["schema"], set_wrong("SCHEMA_VERSION", "7"), "no version 7"),
        (["dead letters"], set_wrong("FAILURE_BUCKET", "elsewhere"), "into elsewhere (NoSuchBucket): set"),
        (["dead letters"], set_wrong("FAILURE_BUCKET", ""), "set FAILURE_BUCKET"),
    ],
)
def test_run_checks__finds_each_fault(right: Bench, names: list[str], fault: Fault, text: str) -> None:
    """The part that is wrong is red and says what to change; what rests on it is not tried, and all else is green."""
    with fault(right) or nullcontext():
        report = right.run()
    red = [each for each in report["checks"] if not each["ok"] and "not tried: first fix" not in each["detail"]]
    if "no-such-topic" in right.environ.values():  # its schema's subject is another too
        red = red[:1]
    assert [each["name"].partition(" 127")[0] for each in red] == names
    assert text in red[0]["detail"]
    assert not report["ok"]
    assert not any(secret in str(report) for secret in SECRETS)
