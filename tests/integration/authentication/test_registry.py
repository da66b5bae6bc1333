"""A registry behind TLS and a password: who is authenticated, what a refusal says, and how it recovers."""

import json
from uuid import uuid4

import pytest

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.schema import find_schema, make_registry
from feature_events.settings.settings import read_settings
from local.servers.registry import Registry
from tests.integration.authentication.conftest import LOGIN
from tests.integration.authentication.registry_bench import Bench, deploy
from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import RegistryProxy, to_basic
from tests.support.secrets import Secrets
from tests.support.web_server import ScriptedServer

LONG = 20.0
FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]


def to_schema(*fields: object) -> str:
    """The shipped schema with other fields."""
    return json.dumps({**json.loads(SHIPPED_SCHEMA), "fields": fields})


OPTIONAL = to_schema(*FIELDS, {"name": "note", "type": ["null", "string"], "default": None})
INCOMPATIBLE = to_schema({**FIELDS[0], "type": "long"}, *FIELDS[1:])


@pytest.fixture
def bench(
    registry: Registry, registry_authority: CertificateAuthority, proxy: RegistryProxy, secrets: Secrets
) -> Bench:
    """A bench on which everything is right."""
    environ = {
        "SCHEMA_REGISTRY": proxy.url,
        "SCHEMA_REGISTRY_SECRET_ARN": secrets.put(LOGIN),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(f"# Főtanúsítvány\n{registry_authority.certificate}"),
        "TOPIC_NAME": f"topic-{uuid4().hex}",
    }
    return Bench(registry, proxy, secrets, environ)


def test_find_schema__authenticates(bench: Bench) -> None:
    """With the secrets' password and CA certificate the schema is found."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    assert find_schema(bench.settings, LONG) == Schema(schema_id, SHIPPED_SCHEMA)


def test_find_schema__says_that_the_password_is_wrong(bench: Bench) -> None:
    """A wrong password is one clear error."""
    bench.proxy.required = to_basic(LOGIN["username"], "other-secret")
    with pytest.raises(
        Misconfigured, match=r"HTTP 401.* check the secret in \w+ \(SCHEMA_REGISTRY_SECRET_ARN\)"
    ) as raised:
        find_schema(bench.settings, LONG)
    assert bench.proxy.request_count == 1
    assert "registry-secret" not in str(raised.value)


def test_find_schema__survives_a_rotated_password(bench: Bench) -> None:
    """While the secret is behind the registry it is one clear error; with the secret changed the next call succeeds."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    login = {**LOGIN, "password": "second-secret"}
    bench.proxy.required = to_basic(**login)
    with pytest.raises(Misconfigured, match="HTTP 401"):
        find_schema(bench.settings, LONG)
    bench.secrets.change(bench.environ["SCHEMA_REGISTRY_SECRET_ARN"], login)
    assert find_schema(bench.settings, LONG).id == schema_id


@pytest.mark.parametrize("ca", ["other", "public"])
def test_find_schema__trusts_no_other_ca(bench: Bench, ca: str) -> None:
    """A certificate of an unknown CA is a misconfiguration, and nobody is sent the password."""
    environ = {**bench.environ, "KAFKA_BROKER_URL": "b:9092"}
    if ca == "other":
        bench.secrets.change(environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], CertificateAuthority("Other").certificate)
    else:
        del environ["SCHEMA_REGISTRY_CA_SECRET_ARN"]
    with pytest.raises(Misconfigured, match="is not trusted: check it, and the CA certificates"):
        find_schema(read_settings(environ), LONG)
    assert bench.proxy.request_count == 0


def test_find_schema__says_that_the_secret_is_no_certificate(bench: Bench) -> None:
    """A secret of another form is named by its setting."""
    pem = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"
    bench.secrets.change(bench.environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], pem)
    with pytest.raises(Misconfigured, match=r"the secret in \w+ \(SCHEMA_REGISTRY_CA_SECRET_ARN\)"):
        find_schema(bench.settings, LONG)


def test_ensure_registered__gives_the_same_id_again(bench: Bench) -> None:
    """Deploying the same schema twice registers one version."""
    first = make_registry(bench.settings).ensure_registered()
    assert make_registry(bench.settings).ensure_registered() == first
    assert bench.versions() == [1]


def test_ensure_registered__adds_a_version_to_a_compatible_one(bench: Bench) -> None:
    """A schema that the former one's readers can read is the next version, with another id."""
    older = bench.register(OPTIONAL)
    registered = make_registry(bench.settings).ensure_registered()
    assert registered.version == 2
    assert registered.id != older
    assert find_schema(bench.settings, LONG).id == registered.id


def test_ensure_registered__finds_a_former_version(bench: Bench) -> None:
    """A deployment that is rolled back finds its schema, although there is a later one."""
    first = make_registry(bench.settings).ensure_registered()
    bench.register(OPTIONAL)
    assert make_registry(bench.settings).ensure_registered() == first


def test_ensure_registered__says_which_field_breaks_a_reader(bench: Bench) -> None:
    """An incompatible schema is not registered; a registry that gives no reason before it is asked to is not asked."""
    bench.register(INCOMPATIBLE)
    with pytest.raises(Misconfigured, match="events of version 1 cannot be read: event_id is written as long"):
        make_registry(bench.settings).ensure_registered()
    assert bench.versions() == [1]


def test_register__repeats_why_the_registry_refuses(bench: Bench) -> None:
    """Where only the registry has an objection, its own reason is told."""
    bench.register(INCOMPATIBLE)
    with pytest.raises(
        Misconfigured, match=r"rejected feature_trigger.avsc .*; reason: .*STRING not compatible .* LONG"
    ):
        ConfluentRegistry(bench.settings).register()
    assert bench.versions() == [1]


def test_registration__hands_the_id_to_the_stack(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Create registers and answers with id and version; an update with the same schema answers the same."""
    created = deploy(cloudformation, bench.environ, monkeypatch)
    registered = make_registry(bench.settings).ensure_registered()
    assert created == {
        "Status": "SUCCESS",
        "Reason": "The schema is registered.",
        "PhysicalResourceId": bench.subject,
        "Data": {"SchemaId": str(registered.id), "SchemaVersion": "1"},
    }
    updated = deploy(cloudformation, bench.environ, monkeypatch, RequestType="Update", PhysicalResourceId=bench.subject)
    assert updated == created


def test_registration__fails_the_deployment_of_an_incompatible_schema(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stack's events say which field breaks a reader."""
    bench.register(INCOMPATIBLE)
    answer = deploy(cloudformation, bench.environ, monkeypatch)
    assert answer["Status"] == "FAILED"
    assert "event_id is written as long and read as string" in str(answer["Reason"])
    assert answer["PhysicalResourceId"] == bench.subject


def test_registration__leaves_the_registry_alone_on_delete(
    bench: Bench, cloudformation: ScriptedServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What was written under the schema outlives the stack."""
    deploy(cloudformation, bench.environ, monkeypatch)
    asked = bench.proxy.request_count
    answer = deploy(cloudformation, bench.environ, monkeypatch, RequestType="Delete", PhysicalResourceId=bench.subject)
    assert (answer["Status"], answer["PhysicalResourceId"]) == ("SUCCESS", bench.subject)
    assert (bench.proxy.request_count, bench.versions()) == (asked, [1])
