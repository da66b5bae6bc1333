"""The function accepts any text from outside, or raises FeatureEventsError, which Lambda can report.

The responses of registries and token endpoints have such tests in the unit tests.
"""

import contextlib
import json
from collections.abc import Callable
from datetime import datetime
from io import BytesIO
from pathlib import Path
from random import Random
from typing import Any
from uuid import UUID

import fastavro
import pytest
import requests

from feature_events.aws.secret import Secret
from feature_events.backfills.request import read_backfill_request
from feature_events.errors import FeatureEventsError, Misconfigured
from feature_events.events.codec import Codec
from feature_events.events.event import EventDetails, FeatureAvailabilityEvent
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from feature_events.failures.dead_letters import read_record
from feature_events.failures.on_failure_batch import find_obstacle, read_records
from feature_events.kafka.authentication import read_client_certificate
from feature_events.kafka.producer import to_producer_properties
from feature_events.layouts.table_layouts import TableLayouts
from feature_events.preflight.network import to_address
from feature_events.redrives.request import read_redrive_request
from feature_events.registries.confluent_client import open_access
from feature_events.settings.settings import read_settings, to_label
from feature_events.web.session import make_tls_context
from tests.simulation.outside_text import damage, to_schema
from tests.simulation.scale import SEED, report, scaled
from tests.support.certificates import CertificateAuthority
from tests.support.records import to_record

PEM = CertificateAuthority().certificate
IDENTITY = CertificateAuthority().issue("client")
CERTIFICATE = {"certificate": IDENTITY.certificate, "privateKey": IDENTITY.private_key, "privateKeyPassword": "p"}
FOREIGN = {"certificate": IDENTITY.certificate, "privateKey": CertificateAuthority().issue("other").private_key}
LOGIN = {"username": "alice", "password": "p"}
OAUTH = {
    "client_id": "c",
    "client_secret": "s",
    "token_url": "https://idp:8443/token",
    "scope": "a",
    "identity_pool": "p",
}
ARN = "arn:aws:secretsmanager:eu-west-1:123456789012:secret:s"
LAYOUTS = [json.loads(file.read_text()) for file in sorted(Path("schemas/table_layouts").glob("*.json"))]
ENVIRON: dict[str, str] = {
    "KAFKA_BROKER_URL": "b-1.msk:9096,[::1]:9096",
    "SCHEMA_REGISTRY": "https://registry.example:8081/apis/ccompat/v7",
    "TOPIC_NAME": "topic",
    "SCHEMA_ID": "7",
    "SCHEMA_VERSION": "latest",
    "KAFKA_PROPERTIES": '{"client.id": "x", "message.max.bytes": 1000000, "socket.nagle.disable": true, "a.b": 1.5}',
    "TABLE_LAYOUTS": json.dumps(LAYOUTS[0]),
    "OWN_TABLES": "users,orders",
    "FAILURE_BUCKET": "bucket",
    "DEAD_LETTER_LIMIT": "10",
    "DELIVERY_TIMEOUT_MS": "20000",
    "KAFKA_AUTH": "scram",
    "KAFKA_SECRET_ARN": ARN,
    "SCHEMA_REGISTRY_SECRET_ARN": ARN,
    "AWS_REGION": "eu-west-1",
}
EVENT = FeatureAvailabilityEvent(
    "123e4567-e89b-12d3-a456-426614174000", "feature_available", "2025-10-10T12:34:56.789Z", "user", "2025-10-10",
    "feature", "r", "", ("a", "", "🦊"),
)  # fmt: skip
KNOWN = EventDetails("INSERT", "t", "7", 1_760_099_696_789, ("a",), (), backfill=False)
UNKNOWN = EventDetails(None, "t", None, None, None, None, backfill=True)
NO_RECORDS = ("not a dead letter", "no records", "records are not a list")

INPUTS = scaled(1_000, 100_000)
"""The number of inputs of each kind."""


def fuzz(name: str, make: Callable[[Random], Any], read: Callable[[Any], object]) -> None:
    """Read generated inputs. Each is accepted or raises FeatureEventsError with valid Unicode text."""
    random = Random(SEED)  # noqa: S311  # to be repeatable
    accepted = 0
    for number in range(INPUTS):
        text = make(random)
        try:
            read(text)
            accepted += 1
        except FeatureEventsError as error:
            assert str(error).encode()  # noqa: PT017  # it may also be accepted
        except Exception as error:
            raise AssertionError(f"seed {SEED}, input {number} of {name}: {str(text)[:3000]!r}") from error
    assert INPUTS // 100 < accepted < INPUTS
    report("input", f"{INPUTS:,} generated {name}: only PoisonRecord, Undelivered or Misconfigured were raised")


@pytest.fixture
def secrets(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> list[str]:
    """Return a list whose text every secret has. Only one CA certificate is public, because hundreds load slowly."""
    public = tmp_path / "public.pem"
    public.write_text(PEM)
    monkeypatch.setattr("certifi.where", lambda: str(public))
    text = [""]
    monkeypatch.setattr(Secret, "_read", lambda _: text[0])
    return text


def test_secrets__are_read_or_refused(secrets: list[str]) -> None:
    """Secrets are read in each form and for each purpose, including a session with the registry."""

    def read(text: str) -> None:
        secrets[0] = text
        for each in (Secret("S", ARN).read_login, Secret("S", ARN).read_client_certificate):
            with contextlib.suppress(Misconfigured):
                each()
        with contextlib.suppress(Misconfigured):
            read_client_certificate(Secret("S", ARN))
        access = open_access(ARN, None)
        request = requests.Request("GET", "https://registry", auth=access.session.auth)
        request.prepare()

    fuzz("secrets", lambda random: damage(random, [LOGIN, OAUTH, CERTIFICATE, FOREIGN]), read)


def test_ca_certificates__are_read_or_refused(secrets: list[str]) -> None:
    """OpenSSL can load everything that is accepted, whatever text surrounds the certificates."""

    def read(text: str) -> None:
        secrets[0] = text
        pem = Secret("S", ARN).read_ca_certificates()
        assert pem.isascii()
        assert make_tls_context("S", pem).cert_store_stats()["x509"]

    trusted = PEM.replace("CERTIFICATE", "TRUSTED CERTIFICATE")
    good = [PEM, trusted, f"# Főtanúsítvány\n{PEM}# Főtanúsítvány\n{PEM}", {"certificate": f"ő\n{PEM}"}]
    fuzz("CA certificates", lambda random: damage(random, good), read)


def test_schemas__are_accepted_or_refused() -> None:
    """Events can be written and read with every schema that is accepted."""
    shipped = [json.loads(SHIPPED_SCHEMA), json.loads(read_shipped_schema("feature_trigger_v2.avsc"))]

    def make(random: Random) -> str:
        return json.dumps(to_schema(random)) if random.random() < 0.7 else damage(random, [*shipped, to_schema(random)])

    fuzz("schemas", make, read_schema)


def read_schema(text: str) -> None:
    """Write events with this schema, and read them with fastavro."""
    codec = Codec(text)
    schema = fastavro.parse_schema(json.loads(text))
    for details in (KNOWN, UNKNOWN):
        avro = BytesIO(codec.encode(EVENT + details))
        read: Any = fastavro.schemaless_reader(avro, schema, None)
        assert avro.read() == b""
        values = {**EVENT._asdict(), **details._asdict()}
        for name in read.keys() & {*values} - {name for name, value in values.items() if value is None}:
            assert to_plain(read[name]) == to_plain(values[name]), name


def to_plain(value: Any) -> Any:  # noqa: ANN401  # any value of fastavro
    """Return a value as in the event, for any type in the schema."""
    if isinstance(value, datetime):
        return round(value.timestamp() * 1000)
    if value == "2025-10-10T12:34:56.789Z":
        return KNOWN.stream_time
    return list(value) if isinstance(value, tuple) else str(value) if isinstance(value, UUID) else value


def test_settings__are_read_or_refused() -> None:
    """Each message names the setting, and accepted settings can be used."""

    def make(random: Random) -> dict[str, str]:
        environ = dict(ENVIRON)
        del environ[random.choice(("SCHEMA_ID", "SCHEMA_VERSION"))]
        for name in random.sample(sorted(environ), random.randrange(3)):
            environ[name] = damage(random, [environ[name]])
        if random.random() < 0.3:
            environ["TABLE_LAYOUTS"] = damage(random, [{"layouts": each} for each in LAYOUTS]).removeprefix(
                '{"layouts": '
            )[:-1]
        if random.random() < 0.2:
            environ["KAFKA_PROPERTIES"] = damage(random, [json.loads(ENVIRON["KAFKA_PROPERTIES"])])
        return environ

    fuzz("settings", make, read_environment)


def read_environment(environ: dict[str, str]) -> None:
    """Read the settings, and convert them as before connecting."""
    try:
        settings = read_settings(environ)
    except Misconfigured as error:
        _, *mistakes = str(error).split("\n- ")
        assert mistakes
        assert all(mistake.startswith(tuple(to_label(name) for name in ENVIRON)) for mistake in mistakes)
        raise
    TableLayouts(settings.table_layouts)
    texts = "".join(f"{name}{value}" for name, value in to_producer_properties(settings).items())
    assert texts.encode().count(b"\0") == 0
    for url in (settings.registry or "//a:1", *[f"//{broker}" for broker in settings.brokers.split(",")]):
        assert to_address(url).host.encode("idna")


def test_requests__are_read_or_refused() -> None:
    """Requests of redrive and backfill are written by hand."""
    redrive = {"keys": ["dead-letters/a.json"], "dry_run": True, "force": False, "after": "a", "seconds": 7}
    backfill = {"table": "t_1", "segments": 3, "filter": {"entity_type": "user"}, "run": "a"}

    def make(random: Random) -> Any:  # noqa: ANN401  # any JSON
        while True:
            with contextlib.suppress(ValueError, RecursionError):  # Lambda would not invoke the function
                return json.loads(damage(random, [redrive, backfill, {"prefix": "dead-letters/"}]))

    def read(request: Any) -> None:  # noqa: ANN401  # any JSON
        try:
            read_redrive_request(request, ("dead-letters/", "aws/lambda/"))
        except Misconfigured:
            read_backfill_request(request)

    fuzz("requests", make, read)


def test_failures__are_read_or_refused() -> None:
    """Invalid dead letters and on-failure batches raise ValueError, which the redrive reports with the object."""
    batch = {"DDBStreamBatchInfo": {"batchSize": 1, "shardId": "shardId-1"}, "payload": {"Records": [to_record()]}}

    def read(text: str) -> None:
        body, refused = text.encode(errors="surrogatepass"), 0
        assert find_obstacle(body).encode()
        for each in (read_record, read_records):
            try:
                each(body)
            except ValueError as error:
                assert str(error) in NO_RECORDS  # noqa: PT017  # it may also be accepted
                refused += 1
        if refused == 2:
            raise Misconfigured("it is neither")

    good = [{"reason": "r", "record": to_record()}, batch, {**batch, "payload": json.dumps(batch["payload"])}]
    fuzz("dead letters", lambda random: damage(random, good), read)
