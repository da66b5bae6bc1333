"""Tests, from where the function runs, everything that lies between it and its first event.

Most of what goes wrong with Kafka in a VPC looks the same from outside: nothing arrives. Invoked with
`{"check": true}` the function tries each part by itself and says of each what to change. It writes no event and
registers no schema.

What each proves:

| check | proves |
|---|---|
| settings | the environment is understood and free of contradictions |
| secret ... | it can be read and has its form |
| DNS, TCP, TLS ... | a broker or the registry is found and reached, and the function trusts its certificate |
| sign-in | Kafka lets the function in |
| topic | it exists, and the function may look at it |
| write to the topic | Kafka's authorizer says that the function may write; it is asked, nothing is written |
| idempotent producer | Kafka gives a producer id, without which no event is sent |
| schema | there is an id, and an event can fill the schema |
| dead letters | the bucket takes an object: nothing less proves what policies, key and endpoint allow together |
"""

import json
import socket
import ssl
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import Any, NamedTuple, TypedDict
from urllib.parse import urlsplit

import certifi
from confluent_kafka import KafkaError, KafkaException, Producer, TopicCollection
from confluent_kafka.admin import AclOperation, AdminClient  # type: ignore[attr-defined]  # exported, if not by name

from feature_events.aws.secret import Secret
from feature_events.deadline import Deadline, run_within
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.codec import Codec
from feature_events.kafka.authentication import SignIn
from feature_events.kafka.connection import (
    ClientErrors,
    connect,
    let_go,
    raise_if_misconfigured,
    read_fatal,
    to_properties,
)
from feature_events.kafka_properties import CA_PROPERTY
from feature_events.logs import logger
from feature_events.registries.confluent import Registry, read_tls_context
from feature_events.settings import Settings, read_settings

CHECK_SECONDS = 8.0
"""How long one check may take."""

_WAIT_SECONDS = 5.0  # for one answer; less than a check, so that the reason is the check's own
_ADDRESS_SECONDS = 3.0
_PARALLEL = 16

_KAFKA_SECRET, _KAFKA_CA = "KAFKA_SECRET_ARN", "KAFKA_CA_SECRET_ARN"
_REGISTRY_SECRET, _REGISTRY_CA = "SCHEMA_REGISTRY_SECRET_ARN", "SCHEMA_REGISTRY_CA_SECRET_ARN"

SETTINGS, SIGN_IN, TOPIC, WRITE, PRODUCER_ID, SCHEMA, DEAD_LETTERS = (
    "settings",
    "sign-in",
    "topic",
    "write to the topic",
    "idempotent producer",
    "schema",
    "dead letters",
)


class Finding(TypedDict):
    """What one check has found, and where it is not ok what to change."""

    name: str
    ok: bool
    detail: str


class Report(TypedDict):
    """The answer to `{"check": true}`."""

    ok: bool
    checks: list[Finding]


class Check(NamedTuple):
    """One check: it says what it finds, or raises; it is not made where one that it needs has failed."""

    name: str
    find: Callable[[], str]
    needs: Sequence[str] = ()


class Address(NamedTuple):
    """Where a broker or the registry answers."""

    host: str
    port: int

    def to_name(self, kind: str) -> str:
        """What a check of it is called."""
        return f"{kind} {self.host}" if kind == "DNS" else f"{kind} {self.host}:{self.port}"


class Findings:
    """What the checks have found, in their order."""

    def __init__(self, deadline: Deadline) -> None:
        self._deadline = deadline
        self.all: list[Finding] = []

    def make(self, *checks: Check) -> None:
        """Makes these checks at the same time."""
        bad = {each["name"] for each in self.all if not each["ok"]}
        with ThreadPoolExecutor(_PARALLEL) as pool:
            self.all += pool.map(partial(self._make, bad), checks)

    def find_failed(self, names: Sequence[str]) -> Sequence[str]:
        """These names where the checks of all of them have failed, else none."""
        good = {each["name"] for each in self.all if each["ok"]}
        return [] if good & set(names) else names

    def _make(self, bad: set[str], check: Check) -> Finding:
        unmet = [name for name in check.needs if name in bad]
        if unmet:
            return Finding(name=check.name, ok=False, detail=f"not tried: mend first {', '.join(unmet)}")
        seconds = min(CHECK_SECONDS, self._deadline.remaining())
        try:
            return Finding(name=check.name, ok=True, detail=run_within(seconds, check.find))
        except FeatureEventsError as error:
            detail = str(error).replace("\n- ", " ")
        except TimeoutError:
            detail = f"no answer within {seconds:.1f} s: check the way to it, and the function's time-out"
        except Exception as error:  # noqa: BLE001  # the other checks go on; its text may hold anything
            detail = f"failed by {type(error).__name__}"
        return Finding(name=check.name, ok=False, detail=detail)


def run_checks(environ: Mapping[str, str], deadline: Deadline) -> Report:
    """Makes every check, at most until the deadline, and logs what they found."""
    findings = Findings(deadline)
    read: list[Settings] = []
    findings.make(Check(SETTINGS, lambda: _read_settings(environ, read)))
    if read:
        [settings] = read
        _check_secrets(findings, settings)
        _check_kafka(findings, settings)
        _check_registry(findings, settings)
        findings.make(Check(DEAD_LETTERS, lambda: _put_dead_letter(settings)))
    else:
        names = (SIGN_IN, TOPIC, WRITE, PRODUCER_ID, SCHEMA, DEAD_LETTERS)
        findings.make(*[Check(name, lambda: "", [SETTINGS]) for name in names])
    report = Report(ok=all(each["ok"] for each in findings.all), checks=findings.all)
    logger.info("checked", extra=dict(report))
    return report


def _read_settings(environ: Mapping[str, str], read: list[Settings]) -> str:
    settings = read_settings(environ)
    read.append(settings)
    return f"understood: KAFKA_AUTH={settings.kafka_auth}, topic {settings.topic}"


def _check_secrets(findings: Findings, settings: Settings) -> None:
    checks = []
    if settings.kafka_secret:
        kafka = Secret(_KAFKA_SECRET, settings.kafka_secret)
        read = kafka.read_client_certificate if settings.kafka_auth == "mtls" else kafka.read_login
        checks.append(_to_secret_check(_KAFKA_SECRET, read))
    if settings.registry_secret:
        registry = Secret(_REGISTRY_SECRET, settings.registry_secret)
        checks.append(_to_secret_check(_REGISTRY_SECRET, registry.read_login))
    for setting, arn in ((_KAFKA_CA, settings.kafka_ca_secret), (_REGISTRY_CA, settings.registry_ca_secret)):
        if arn:
            checks.append(_to_secret_check(setting, partial(read_tls_context, setting, arn)))
    findings.make(*checks)


def _to_secret_check(setting: str, read: Callable[[], object]) -> Check:
    def find() -> str:
        read()
        return "read, and of its form"

    return Check(f"secret {setting}", find)


def _check_kafka(findings: Findings, settings: Settings) -> None:
    sign_in = None if settings.kafka_auth == "none" else SignIn(settings)
    context = partial(_to_kafka_context, settings, sign_in) if sign_in else None
    addresses = [_to_address(f"//{broker}") for broker in settings.brokers.split(",")]
    ways: Sequence[str] = []
    if not settings.is_embedded:
        ways = _check_addresses(findings, addresses, context, f"secret {_KAFKA_CA}")
    kafka = _Kafka(settings, sign_in)
    secrets = [f"secret {_KAFKA_SECRET}", f"secret {_KAFKA_CA}"]
    findings.make(Check(SIGN_IN, kafka.sign_in, [*secrets, *findings.find_failed(ways)]))
    findings.make(Check(TOPIC, kafka.find_topic, [SIGN_IN]), Check(PRODUCER_ID, kafka.get_producer_id, [SIGN_IN]))
    findings.make(Check(WRITE, kafka.ask_for_write, [SIGN_IN, TOPIC]))
    kafka.end()


def _check_registry(findings: Findings, settings: Settings) -> None:
    if settings.schema_id is not None or settings.registry is None:
        findings.make(Check(SCHEMA, lambda: f"id {settings.schema_id} is pinned, so the registry is not asked"))
        return
    context = partial(_to_registry_context, settings) if settings.registry.startswith("https:") else None
    ways = _check_addresses(findings, [_to_address(settings.registry)], context, f"secret {_REGISTRY_CA}")
    needs = [f"secret {_REGISTRY_SECRET}", f"secret {_REGISTRY_CA}", *findings.find_failed(ways)]
    findings.make(Check(SCHEMA, lambda: _find_schema(settings), needs))


def _check_addresses(
    findings: Findings, addresses: Sequence[Address], context: Callable[[], ssl.SSLContext] | None, ca: str
) -> Sequence[str]:
    """Checks the way to each address, and gives the names of the last checks on it."""
    hosts = {each.host: each for each in addresses}
    findings.make(*[Check(each.to_name("DNS"), partial(_look_up, host)) for host, each in hosts.items()])
    findings.make(*[Check(each.to_name("TCP"), partial(_connect, each), [each.to_name("DNS")]) for each in addresses])
    if context is None:
        return [each.to_name("TCP") for each in addresses]
    findings.make(
        *[
            Check(each.to_name("TLS"), partial(_shake_hands, each, context), [each.to_name("TCP"), ca])
            for each in addresses
        ]
    )
    return [each.to_name("TLS") for each in addresses]


def _to_address(url: str) -> Address:
    parts = urlsplit(url)
    return Address(parts.hostname or "", parts.port or (443 if parts.scheme == "https" else 80))


def _look_up(host: str) -> str:
    try:
        found = socket.getaddrinfo(host, None, type=socket.SOCK_STREAM)
    except OSError as error:
        raise Misconfigured(
            f"the name is not known ({error.strerror or type(error).__name__}): check it, and that the VPC resolves "
            "names (enableDnsSupport, a private zone or peering where it is another's)"
        ) from None
    return ", ".join(sorted({str(each[4][0]) for each in found}))


def _connect(address: Address) -> str:
    try:
        socket.create_connection(address, _ADDRESS_SECONDS).close()
    except OSError as error:
        raise Undelivered(
            f"no connection ({type(error).__name__}): check the port, the function's subnets and route, and that the "
            "other side's security group lets the function's in"
        ) from None
    return "connected"


def _shake_hands(address: Address, to_context: Callable[[], ssl.SSLContext]) -> str:
    context = to_context()
    try:
        with (
            socket.create_connection(address, _ADDRESS_SECONDS) as plain,
            context.wrap_socket(plain, server_hostname=address.host) as secure,
        ):
            return f"certificate trusted, {secure.version()}"
    except ssl.SSLCertVerificationError as error:
        raise Misconfigured(
            f"its certificate is refused ({error.verify_message}): check it, and the authorities that the function "
            "trusts"
        ) from None
    except ssl.SSLError as error:
        if "ALERT" in (error.reason or ""):  # it comes after the certificate, where a client's is asked for
            return "certificate trusted"
        raise _to_no_tls(error) from None
    except OSError as error:
        raise _to_no_tls(error) from None


def _to_no_tls(error: OSError) -> Misconfigured:
    return Misconfigured(
        f"it does not speak TLS ({type(error).__name__}): check the port, and KAFKA_AUTH or SCHEMA_REGISTRY"
    )


def _to_kafka_context(settings: Settings, sign_in: SignIn) -> ssl.SSLContext:
    """Trusts what librdkafka is told to trust."""
    trust = {**settings.kafka_properties, **sign_in.to_trust()}
    return _to_context(pem=trust.get("ssl.ca.pem"), location=str(trust.get(CA_PROPERTY, "")))


def _to_registry_context(settings: Settings) -> ssl.SSLContext:
    ca = settings.registry_ca_secret
    return read_tls_context(_REGISTRY_CA, ca) if ca else _to_context(pem=None, location=certifi.where())


def _to_context(*, pem: str | float | None, location: str) -> ssl.SSLContext:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    if pem:
        context.load_verify_locations(cadata=str(pem))
    elif location == "probe":
        context.load_default_certs()
    else:
        try:
            context.load_verify_locations(location)
        except OSError:
            raise Misconfigured(f"KAFKA_PROPERTIES: {CA_PROPERTY} is no file with certificates") from None
    return context


class _Kafka:
    """The checks that speak to Kafka, by the function's own properties."""

    def __init__(self, settings: Settings, sign_in: SignIn | None) -> None:
        self._settings = settings
        self._sign_in = sign_in
        self._errors = ClientErrors(lambda: None)
        self._producer: Producer | None = None
        self._idempotence = ""

    def sign_in(self) -> str:
        properties: dict[str, Any] = {
            **to_properties(self._settings),
            "enable.idempotence": "true",
            "statistics.interval.ms": 100,
            "stats_cb": self._read_statistics,
        }
        self._producer = connect(properties, self._sign_in, None, Deadline(_WAIT_SECONDS), self._errors)
        return f"let in by KAFKA_AUTH={self._settings.kafka_auth}"

    def find_topic(self) -> str:
        name = self._settings.topic
        try:
            topic = self._to_producer().list_topics(name, timeout=_WAIT_SECONDS).topics[name]
        except KafkaException as exception:
            raise self._to_error(exception.args[0]) from None
        if topic.error is not None:
            raise self._to_error(topic.error)
        return f"found, with {len(topic.partitions)} partition(s)"

    def ask_for_write(self) -> str:
        if self._settings.is_embedded:
            return "librdkafka's own broker asks nobody"
        own = self._sign_in.to_properties(Deadline(_WAIT_SECONDS)) if self._sign_in else {}
        admin = AdminClient({**to_properties(self._settings), **own})
        topic = self._settings.topic
        try:
            asked = admin.describe_topics(
                TopicCollection([topic]), include_authorized_operations=True, request_timeout=_WAIT_SECONDS
            )
            allowed = asked[topic].result(_WAIT_SECONDS).authorized_operations
        except KafkaException as exception:
            raise self._to_error(exception.args[0]) from None
        finally:
            let_go(admin)
        if not allowed:
            return "Kafka does not say"
        if AclOperation.WRITE not in allowed:
            raise Misconfigured(f"no write to {topic} is allowed: grant the function WriteData on it")
        return "allowed, as Kafka says; nothing was written"

    def get_producer_id(self) -> str:
        """Waits until the producer has its id, which it asks for by itself and tells of only in its statistics."""
        deadline = Deadline(_WAIT_SECONDS)
        producer = self._to_producer()
        while deadline.remaining():
            try:
                producer.poll(0.1)
            except (KafkaException, SystemError) as exception:
                raise self._to_error(read_fatal(exception)) from None
            if self._idempotence == "Assigned":
                return "given"
        latest = self._errors.latest
        if latest is not None:
            raise self._to_error(latest)
        raise Undelivered(f"Kafka gave no producer id within {_WAIT_SECONDS:.0f} s")

    def end(self) -> None:
        """Lets go of the connection; the report waits for no thread of the client."""
        if self._producer is not None:
            let_go(self._producer)
        self._producer = None

    def _to_producer(self) -> Producer:
        if self._producer is None:
            raise Undelivered("there is no connection")
        return self._producer

    def _read_statistics(self, text: str) -> None:
        self._idempotence = json.loads(text).get("eos", {}).get("idemp_state", "")

    def _to_error(self, error: KafkaError) -> FeatureEventsError:
        try:
            raise_if_misconfigured(error, self._settings.topic)
        except Misconfigured as misconfigured:
            return misconfigured
        return Undelivered(f"Kafka answers {error.name()} ({error.str()})")


def _find_schema(settings: Settings) -> str:
    registry = Registry(settings)
    if settings.schema_version is not None:
        schema = registry.read_version(settings.schema_version)
    elif settings.auto_register and registry.find_registered() is None:
        if not registry.check_compatibility():
            raise Misconfigured(
                f"the registry calls feature_trigger.avsc incompatible with the latest version under "
                f"{registry.subject}: compare the two, or set SCHEMA_VERSION=latest"
            )
        return f"not registered under {registry.subject}; the first batch will register it"
    else:
        schema = registry.look_up()
    Codec(schema.text)
    return f"id {schema.id} under {registry.subject}"


def _put_dead_letter(settings: Settings) -> str:
    """Puts an empty object beside the dead letters, always the same one."""
    bucket, key = settings.dead_letter_bucket, f"{settings.dead_letter_prefix}check"
    if bucket is None:
        raise Misconfigured("there is nowhere to set a bad record aside: set DEAD_LETTER_BUCKET")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=1, read_timeout=_ADDRESS_SECONDS, retries={"total_max_attempts": 1})
    try:
        boto3.client("s3", config=config).put_object(Bucket=bucket, Key=key, Body=b"")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise Misconfigured(
            f"S3 answers {code} for {bucket}: check DEAD_LETTER_BUCKET, and grant the function s3:PutObject on "
            f"{settings.dead_letter_prefix}* there, and kms:GenerateDataKey where it has a key of its own"
        ) from None
    except BotoCoreError as error:
        raise Undelivered(
            f"S3 was not reached ({type(error).__name__}): check the way to it (in a VPC: a NAT gateway or a gateway "
            "endpoint for s3)"
        ) from None
    return f"put {key} into {bucket}"
