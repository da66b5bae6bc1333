"""With a registry that requires TLS and a password, rejections are explained, and rotations need no deployment."""

import json
from uuid import uuid4

import pytest

from feature_events.errors import Misconfigured
from feature_events.events.schema import SHIPPED_SCHEMA, Schema
from feature_events.registries.confluent import ConfluentRegistry
from feature_events.registries.schema import find_schema, make_registry
from feature_events.settings.settings import read_settings
from tests.integration.authentication.conftest import LOGIN
from tests.integration.authentication.registry_bench import Bench
from tests.support.certificates import CertificateAuthority
from tests.support.registry_proxy import RegistryProxy, to_basic
from tests.support.secrets import Secrets

LONG = 20.0
FIELDS = json.loads(SHIPPED_SCHEMA)["fields"]


def to_schema(*fields: object) -> str:
    """Return the shipped schema with other fields."""
    return json.dumps({**json.loads(SHIPPED_SCHEMA), "fields": fields})


OPTIONAL = to_schema(*FIELDS, {"name": "note", "type": ["null", "string"], "default": None})
INCOMPATIBLE = to_schema({**FIELDS[0], "type": "long"}, *FIELDS[1:])


@pytest.fixture
def bench(registry: str, registry_authority: CertificateAuthority, proxy: RegistryProxy, secrets: Secrets) -> Bench:
    """Create a valid bench."""
    environ = {
        "SCHEMA_REGISTRY": proxy.url,
        "SCHEMA_REGISTRY_SECRET_ARN": secrets.put(LOGIN),
        "SCHEMA_REGISTRY_CA_SECRET_ARN": secrets.put(f"# Főtanúsítvány\n{registry_authority.certificate}"),
        "TOPIC_NAME": f"topic-{uuid4().hex}",
    }
    return Bench(registry, proxy, secrets, environ)


def test_find_schema__authenticates(bench: Bench) -> None:
    """The secrets contain the password and the CA certificate."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    assert find_schema(bench.settings, LONG) == Schema(schema_id, SHIPPED_SCHEMA)


def test_find_schema__explains_a_wrong_password(bench: Bench) -> None:
    """The error contains the secret's setting, and not the password."""
    bench.proxy.required = to_basic(LOGIN["username"], "other-secret")
    with pytest.raises(
        Misconfigured, match=r"HTTP 401.* check the secret in \w+ \(SCHEMA_REGISTRY_SECRET_ARN\)"
    ) as raised:
        find_schema(bench.settings, LONG)
    assert bench.proxy.request_count == 1
    assert "registry-secret" not in str(raised.value)


def test_find_schema__recovers_from_a_rotated_password(bench: Bench) -> None:
    """With an outdated secret, the error is raised. After the secret is updated, the next call succeeds."""
    schema_id = bench.register(SHIPPED_SCHEMA)
    login = {**LOGIN, "password": "second-secret"}
    bench.proxy.required = to_basic(**login)
    with pytest.raises(Misconfigured, match="HTTP 401"):
        find_schema(bench.settings, LONG)
    bench.secrets.change(bench.environ["SCHEMA_REGISTRY_SECRET_ARN"], login)
    assert find_schema(bench.settings, LONG).id == schema_id


@pytest.mark.parametrize("ca", ["other", "public"])
def test_find_schema__refuses_a_certificate_from_another_ca(bench: Bench, ca: str) -> None:
    """The password is not sent."""
    environ = {**bench.environ, "KAFKA_BROKER_URL": "b:9092"}
    if ca == "other":
        bench.secrets.change(environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], CertificateAuthority("Other").certificate)
    else:
        del environ["SCHEMA_REGISTRY_CA_SECRET_ARN"]
    with pytest.raises(Misconfigured, match="is not trusted: check the certificate, and the CA certificates"):
        find_schema(read_settings(environ), LONG)
    assert bench.proxy.request_count == 0


def test_find_schema__names_the_secret_of_an_invalid_ca_certificate(bench: Bench) -> None:
    """The error contains the secret's setting."""
    pem = "-----BEGIN CERTIFICATE-----\nnone\n-----END CERTIFICATE-----"
    bench.secrets.change(bench.environ["SCHEMA_REGISTRY_CA_SECRET_ARN"], pem)
    with pytest.raises(Misconfigured, match=r"the secret in \w+ \(SCHEMA_REGISTRY_CA_SECRET_ARN\)"):
        find_schema(bench.settings, LONG)


def test_ensure_registered__registers_a_schema_once(bench: Bench) -> None:
    """A second deployment of the same schema returns the same id."""
    first = make_registry(bench.settings).ensure_registered()
    assert make_registry(bench.settings).ensure_registered() == first
    assert bench.versions() == [1]


def test_ensure_registered__adds_a_compatible_version(bench: Bench) -> None:
    """A compatible schema becomes the next version, with another id."""
    older = bench.register(OPTIONAL)
    registered = make_registry(bench.settings).ensure_registered()
    assert registered.version == 2
    assert registered.id != older
    assert find_schema(bench.settings, LONG).id == registered.id


def test_ensure_registered__finds_an_earlier_version(bench: Bench) -> None:
    """A rolled-back deployment finds its schema, although there is a later version."""
    first = make_registry(bench.settings).ensure_registered()
    bench.register(OPTIONAL)
    assert make_registry(bench.settings).ensure_registered() == first


def test_ensure_registered__names_the_field_that_breaks_a_consumer(bench: Bench) -> None:
    """An incompatible schema is not registered."""
    bench.register(INCOMPATIBLE)
    with pytest.raises(Misconfigured, match="cannot read events of version 1: event_id is written as long"):
        make_registry(bench.settings).ensure_registered()
    assert bench.versions() == [1]


def test_register__repeats_the_registrys_reason(bench: Bench) -> None:
    """If only the registry rejects the schema, the error contains its reason."""
    bench.register(INCOMPATIBLE)
    with pytest.raises(
        Misconfigured, match=r"rejected feature_trigger.avsc .*; reason: .*STRING not compatible .* LONG"
    ):
        ConfluentRegistry(bench.settings).register()
    assert bench.versions() == [1]
