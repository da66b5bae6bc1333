"""The preflight check passes for a working function, and each fault fails the check that is meant for it."""

import json
import re
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
from feature_events.preflight.check import CheckResult
from feature_events.preflight.run import PreflightReport, run_checks
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import read_settings
from local.servers.loopback import reserve_port
from tests.integration.authentication.cluster import LIMIT, Cluster
from tests.integration.authentication.conftest import LOGIN, MakeBench
from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import RegistryProxy, to_basic
from tests.support.secrets import Secrets
from tests.support.topics import read_topic

LONG = 60.0


def find(report: PreflightReport, name: str) -> CheckResult:
    """Return the result of this check."""
    (found,) = [each for each in report["checks"] if each["name"] == name]
    return found


SECRETS = ("kafka-secret", LOGIN["password"], "-----BEGIN")


class Bench(NamedTuple):
    """The environment of a working function with SCRAM, and a registry that requires TLS and a password."""

    environ: dict[str, str]
    cluster: Cluster
    proxy: RegistryProxy
    secrets: Secrets
    user: str

    def change(self, setting: str, value: dict[str, str] | str) -> None:
        """Change the secret of this setting."""
        self.secrets.change(self.environ[setting], value)

    def run(self) -> PreflightReport:
        """Run the checks and return the report."""
        return run_checks(self.environ, Deadline(LONG))


@pytest.fixture
def right(
    bench: MakeBench,
    cluster: Cluster,
    secrets: Secrets,
    registry_authority: CertificateAuthority,
    proxy: RegistryProxy,
) -> Bench:
    """Return a bench with a registered schema and a failure bucket."""
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
    make_registry(read_settings(environ)).ensure_registered()
    return Bench(environ, cluster, proxy, secrets, user)


def test_run_checks__passes_for_a_working_function(right: Bench, log: StringIO) -> None:
    """All checks run and pass. The report is logged without secrets, and no event is published."""
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
        "topic configuration",
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
def test_run_checks__passes_with_every_authentication(bench: MakeBench, secrets: Secrets, auth: Any) -> None:  # noqa: ANN401
    """The schema id is pinned, so no registry is used."""
    assert secrets is not None
    boto3.client("s3").create_bucket(Bucket="failures")
    environ = {**bench(auth).environ, "FAILURE_BUCKET": "failures"}
    report = run_checks(environ, Deadline(LONG))
    assert [each for each in report["checks"] if not each["ok"]] == []
    assert "min.insync.replicas is 1" in find(report, "topic configuration")["detail"]


@pytest.mark.parametrize(
    ("name", "parts", "text"),
    [
        ("token endpoint of Kafka", {"client_secret": "kafka-secret"}, "returned no token (HTTP 401, invalid_client)"),
        ("DNS name.invalid", {"token_url": "https://name.invalid/token"}, "the name does not resolve"),
        ("secret KAFKA_SECRET_ARN", {"token_url": ""}, 'must have the form {"client_id": "..."'),
    ],
)
def test_run_checks__reports_why_there_is_no_token(
    bench: MakeBench, secrets: Secrets, name: str, parts: dict[str, str], text: str
) -> None:
    """The failed check says what to change, and later checks are skipped."""
    boto3.client("s3").create_bucket(Bucket="failures")
    made = bench("oauth")
    secrets.change(made.secret, secrets.read(made.secret) | parts)
    report = run_checks({**made.environ, "FAILURE_BUCKET": "failures"}, Deadline(LONG))
    failed, *skipped = [each for each in report["checks"] if not each["ok"]]
    assert failed["name"] == name
    assert text in failed["detail"]
    assert all(each["detail"].startswith("skipped: ") for each in skipped)
    assert "authentication" in [each["name"] for each in skipped]
    assert "kafka-secret" not in str(report)


type Rule = tuple[AclPermissionType, ResourceType, str, AclOperation]


@contextmanager
def apply_acls(right: Bench, *rules: Rule) -> Iterator[None]:
    """Create ACLs for the user within the context. Operations without an ACL on the same resource are denied."""
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


def test_run_checks__passes_if_the_topic_configuration_cannot_be_read(right: Bench) -> None:
    """The check says which right is missing. What it knows without the configuration, it still warns about."""
    topic = right.environ["TOPIC_NAME"]
    operations = AclOperation.DESCRIBE, AclOperation.WRITE
    with apply_acls(right, *[(AclPermissionType.ALLOW, ResourceType.TOPIC, topic, each) for each in operations]):
        report = right.run()
    assert report["ok"]
    found = find(report, "topic configuration")
    assert found["status"] == "warning"
    assert re.fullmatch(
        r"the replication factor is 1: .*; the topic's configuration could not be read: .*, grant the function "
        r"kafka-cluster:DescribeTopicDynamicConfiguration .* or the ACL operation DescribeConfigs on the topic",
        found["detail"],
    )


type Fault = Callable[[Bench], AbstractContextManager[None] | None]


def set_value(setting: str, value: str) -> Fault:
    """Change a setting."""
    return lambda right: right.environ.update({setting: value})


def change(setting: str, value: dict[str, str] | str) -> Fault:
    """Change the secret of a setting."""
    return lambda right: right.secrets.change(right.environ[setting], value)


def delete(setting: str) -> Fault:
    """Delete the secret of a setting."""
    return lambda right: right.secrets.delete(right.environ[setting])


def allow_topic(operation: AclOperation) -> Fault:
    """Allow only this operation on the topic."""
    topic = ResourceType.TOPIC
    return lambda right: apply_acls(right, (AclPermissionType.ALLOW, topic, right.environ["TOPIC_NAME"], operation))


def deny_producer_id(right: Bench) -> AbstractContextManager[None]:
    """Deny writing to all topics, because anyone who may write to a topic gets a producer id."""
    return apply_acls(
        right,
        (AclPermissionType.DENY, ResourceType.BROKER, "kafka-cluster", AclOperation.IDEMPOTENT_WRITE),
        (AclPermissionType.DENY, ResourceType.TOPIC, "*", AclOperation.WRITE),
        (AclPermissionType.ALLOW, ResourceType.TOPIC, "*", AclOperation.DESCRIBE),
    )


def listen_elsewhere(listener: str) -> Fault:
    """Connect to a listener with another authentication."""
    return lambda right: right.environ.update(KAFKA_BROKER_URL=right.cluster.address(listener))


def change_registry_password(right: Bench) -> None:
    """Change the password that the registry accepts."""
    right.proxy.required = to_basic(LOGIN["username"], "other")


NOWHERE = "name.invalid"
OTHER = CertificateAuthority("Other").certificate


@pytest.mark.parametrize(
    ("names", "fault", "text"),
    [
        (["settings"], set_value("TOPIC_NAME", "a topic"), "(TOPIC_NAME) must be a topic name"),
        (["secret KAFKA_SECRET_ARN"], change("KAFKA_SECRET_ARN", "{}"), 'must have the form {"username": "..."'),
        (["secret SCHEMA_REGISTRY_SECRET_ARN"], delete("SCHEMA_REGISTRY_SECRET_ARN"), "cannot be read"),
        (
            ["secret KAFKA_CA_SECRET_ARN"],
            change("KAFKA_CA_SECRET_ARN", "none"),
            "secret in KafkaCaSecretArn (KAFKA_CA_SECRET_ARN)",
        ),
        (["secret SCHEMA_REGISTRY_CA_SECRET_ARN"], delete("SCHEMA_REGISTRY_CA_SECRET_ARN"), "cannot be read"),
        ([f"DNS {NOWHERE}"], set_value("KAFKA_BROKER_URL", f"{NOWHERE}:9096"), "the name does not resolve"),
        ([f"DNS {NOWHERE}"], set_value("SCHEMA_REGISTRY", f"https://{NOWHERE}"), "the name does not resolve"),
        (
            ["TCP"],
            lambda right: right.environ.update(KAFKA_BROKER_URL=f"127.0.0.1:{reserve_port()}"),
            "connection failed",
        ),
        (["TLS"], change("KAFKA_CA_SECRET_ARN", OTHER), "certificate not trusted"),
        (["TLS"], change("SCHEMA_REGISTRY_CA_SECRET_ARN", OTHER), "certificate not trusted"),
        (["TLS"], listen_elsewhere("EXPIRED"), "certificate has expired"),
        (["TLS"], listen_elsewhere("PLAIN"), "TLS handshake failed"),
        (["authentication"], change("KAFKA_SECRET_ARN", LOGIN), "check username and password"),
        (["topic"], set_value("TOPIC_NAME", "no-such-topic"), "create the topic"),
        (["topic"], allow_topic(AclOperation.ALTER_CONFIGS), "grant the function kafka-cluster:WriteData and "),
        (["write to the topic"], allow_topic(AclOperation.DESCRIBE), "grant it kafka-cluster:WriteData "),
        (["idempotent producer", "write to the topic"], deny_producer_id, "WriteDataIdempotently"),
        (["schema"], change_registry_password, "HTTP 401"),
        (["schema"], set_value("SCHEMA_VERSION", "7"), "no version 7"),
        (["dead letters"], set_value("FAILURE_BUCKET", "elsewhere"), "into elsewhere (NoSuchBucket): set"),
        (["dead letters"], set_value("FAILURE_BUCKET", ""), "set FAILURE_BUCKET"),
    ],
)
def test_run_checks__reports_each_fault(right: Bench, names: list[str], fault: Fault, text: str) -> None:
    """The right check fails and says what to change. Checks that depend on it are skipped, and all others pass."""
    with fault(right) or nullcontext():
        report = right.run()
    failed = [each for each in report["checks"] if not each["ok"] and not each["detail"].startswith("skipped: ")]
    if "no-such-topic" in right.environ.values():  # the schema of this topic does not exist either
        failed = failed[:1]
    assert [each["name"].partition(" 127")[0] for each in failed] == names
    assert text in failed[0]["detail"]
    assert not report["ok"]
    assert not any(secret in str(report) for secret in SECRETS)
