"""AWS Glue is asked for the topic's schema; whatever it may answer is told apart: fix it, or try again.

The flow is tried against moto's Glue, the answers that it never gives against botocore's own stubs.
"""

import json
from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast
from uuid import UUID

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber
from moto import mock_aws

from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.events.schema import SHIPPED_SCHEMA, Schema, read_shipped_schema
from feature_events.registries import glue
from feature_events.registries.glue import GlueRegistry
from feature_events.registries.schema import find_schema, register_schema
from feature_events.settings import SCHEMA_FILES, Settings, read_settings
from tests.support.resolver import hanging_resolver

type Ask = Callable[[GlueRegistry], object]

TOPIC = "FEATURE_AVAILABILITY_EVENTS"
ARN = "arn:aws:glue:eu-west-1:123456789012:registry/events.v1"
VERSION = UUID("11111111-2222-3333-4444-555555555555")
VERSION_2 = read_shipped_schema(SCHEMA_FILES[1])
LONG = 20.0
LOOK_UP: Ask = GlueRegistry.look_up
REGISTER: Ask = GlueRegistry.register
LATEST: Ask = partial(GlueRegistry.read_version, version="latest")
BY_DEFINITION, ADD, CREATE, READ = (
    "get_schema_by_definition",
    "register_schema_version",
    "create_schema",
    "get_schema_version",
)


def to_settings(registry: str = "glue", **environ: str) -> Settings:
    """Settings with a Glue registry."""
    return read_settings({"KAFKA_BROKER_URL": "b:9092", "SCHEMA_REGISTRY": registry, **environ})


def to_version(status: str, data_format: str = "AVRO") -> dict[str, str]:
    """What Glue says of a version found by its definition."""
    return {"SchemaVersionId": str(VERSION), "DataFormat": data_format, "Status": status}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """What Lambda puts into the environment."""
    for name in ("AWS_DEFAULT_REGION", "AWS_REGION"):
        monkeypatch.setenv(name, "us-east-1")
    for name in ("AWS_ACCESS_KEY_ID", "AWS_SECRET_ACCESS_KEY"):
        monkeypatch.setenv(name, "testing")


@pytest.fixture
def account() -> Iterator[Any]:
    """An empty account, by a client of its Glue."""
    with mock_aws():
        yield boto3.client("glue")


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A Glue that answers as a test tells it to."""
    client = boto3.client("glue")
    monkeypatch.setattr(glue, "make_glue_client", lambda _: client)
    with Stubber(client) as stubber:
        yield stubber


def to_registry() -> GlueRegistry:
    """The function's side, which sleeps for nobody."""
    return GlueRegistry(to_settings(), sleep=lambda _: None)


def test_register_schema__creates_and_finds(account: Any) -> None:  # noqa: ANN401
    """A schema that is not there is created with the chosen compatibility; it keeps its UUID ever after."""
    settings = to_settings(GLUE_COMPATIBILITY="BACKWARD")
    registered = register_schema(settings)
    assert register_schema(settings) == registered
    assert find_schema(settings, LONG) == Schema(registered.id, SHIPPED_SCHEMA)
    made = account.get_schema(SchemaId={"RegistryName": "default-registry", "SchemaName": TOPIC})
    assert (made["Compatibility"], made["DataFormat"], made["LatestSchemaVersion"]) == ("BACKWARD", "AVRO", 1)


def test_register_schema__adds_a_version(account: Any) -> None:  # noqa: ANN401
    """A schema that is there gets the shipped one as a version, and keeps its compatibility."""
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=VERSION_2)
    registered = register_schema(to_settings())
    latest = account.get_schema_version(SchemaId=place, SchemaVersionNumber={"LatestVersion": True})
    assert (latest["SchemaVersionId"], latest["VersionNumber"]) == (str(registered.id), 2)
    assert account.get_schema(SchemaId=place)["Compatibility"] == "NONE"


def test_register_schema__registers_what_is_asked_for(account: Any) -> None:  # noqa: ANN401
    """SCHEMA_FILE names it; each of both goes well with the other."""
    first, second = (register_schema(to_settings(SCHEMA_FILE=file)) for file in SCHEMA_FILES)
    assert first.id != second.id
    assert find_schema(to_settings(SCHEMA_FILE=SCHEMA_FILES[1]), LONG) == Schema(second.id, VERSION_2)
    assert account.get_schema_version(SchemaVersionId=str(second.id))["SchemaDefinition"] == VERSION_2


def test_register_schema__breaks_no_reader_whatever_glue_allows(account: Any) -> None:  # noqa: ANN401
    """Every version counts, and not only the latest, which is the shipped one's like."""
    former = json.loads(SHIPPED_SCHEMA)
    former["fields"].append({"name": "note", "type": "string"})
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    account.create_schema(
        SchemaName=TOPIC, DataFormat="AVRO", Compatibility="NONE", SchemaDefinition=json.dumps(former)
    )
    account.register_schema_version(SchemaId=place, SchemaDefinition=VERSION_2)
    with pytest.raises(Misconfigured, match="with version 1, its events cannot be read: note is not written"):
        register_schema(to_settings())
    assert account.get_schema(SchemaId=place)["LatestSchemaVersion"] == 2


def test_read_versions__are_those_that_glue_has_found_compatible(stub: Stubber) -> None:
    """One that Glue refused or that was deleted has no readers."""
    version = {"SchemaDefinition": "{}", "DataFormat": "AVRO"}
    stub.add_response(READ, {**version, "VersionNumber": 4, "Status": "FAILURE"})
    stub.add_response(READ, {**version, "VersionNumber": 1, "Status": "AVAILABLE"})
    stub.add_client_error(READ, "EntityNotFoundException")
    stub.add_response(READ, {**version, "VersionNumber": 3, "Status": "AVAILABLE"})
    assert to_registry().read_versions() == {1: "{}", 3: "{}"}


def test_register_schema__knows_what_takes_no_more_versions(account: Any) -> None:  # noqa: ANN401
    """A schema with DISABLED refuses each further version, and the one that it has is found all the same."""
    registered = register_schema(to_settings(GLUE_COMPATIBILITY="DISABLED"))
    assert find_schema(to_settings(AUTO_REGISTER_SCHEMAS="true"), LONG).id == registered.id
    account.create_schema(SchemaName="other", DataFormat="AVRO", Compatibility="DISABLED", SchemaDefinition=VERSION_2)
    with pytest.raises(Misconfigured, match=r"InvalidInputException: Compatibility DISABLED .*: change the schema or"):
        register_schema(to_settings(TOPIC_NAME="other"))


def test_registry__is_that_of_the_arn(account: Any) -> None:  # noqa: ANN401
    """The region and the name are the ARN's, not the function's."""
    there = boto3.client("glue", region_name="eu-west-1")
    there.create_registry(RegistryName="events.v1")
    registered = register_schema(to_settings(ARN))
    found = there.get_schema_version(SchemaVersionId=str(registered.id))
    assert found["SchemaArn"] == f"arn:aws:glue:eu-west-1:123456789012:schema/events.v1/{TOPIC}"
    assert account.list_registries()["Registries"] == []


def test_registry__must_be_there(account: Any) -> None:  # noqa: ANN401
    """A registry that is not there is named, and only Glue's own default one is made."""
    with pytest.raises(
        Misconfigured, match=rf"{TOPIC} in the Glue registry events.v1 cannot be created .*: create the"
    ):
        register_schema(to_settings(ARN))
    with pytest.raises(Misconfigured, match=r"check that SCHEMA_REGISTRY names the right one, and register it"):
        find_schema(to_settings(ARN), LONG)
    assert account.list_registries()["Registries"] == []


@pytest.mark.parametrize("version", ["latest", "2"])
def test_find_schema__takes_a_version(account: Any, version: str) -> None:  # noqa: ANN401
    """With SCHEMA_VERSION the registry's text counts, not ours."""
    register_schema(to_settings())
    place = {"RegistryName": "default-registry", "SchemaName": TOPIC}
    added = account.register_schema_version(SchemaId=place, SchemaDefinition='"string"')
    found = find_schema(to_settings(SCHEMA_VERSION=version), LONG)
    assert found == Schema(UUID(added["SchemaVersionId"]), '"string"')
    with pytest.raises(Misconfigured, match=rf"there is no version 3 of schema {TOPIC} in the Glue registry default-"):
        find_schema(to_settings(SCHEMA_VERSION="3"), LONG)


def test_register__waits_for_glues_check(stub: Stubber) -> None:
    """A version that is PENDING, or not to be seen yet, is waited for."""
    stub.add_client_error(BY_DEFINITION, "EntityNotFoundException")
    stub.add_response(ADD, {"Status": "PENDING"})
    stub.add_client_error(BY_DEFINITION, "EntityNotFoundException")
    stub.add_response(BY_DEFINITION, to_version("PENDING"))
    stub.add_response(BY_DEFINITION, to_version("AVAILABLE"))
    to_registry().register()
    stub.assert_no_pending_responses()


def test_register__waits_no_longer_than_it_may(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that does not end may end later."""
    monkeypatch.setattr(glue, "CHECK_SECONDS", 0.0)
    stub.add_response(BY_DEFINITION, to_version("PENDING"))
    with pytest.raises(Undelivered, match=r"Glue still checks feature_trigger.avsc .*: try again later"):
        to_registry().register()


@pytest.mark.parametrize("before", ["EntityNotFoundException", "FAILURE"])
def test_register__says_that_glue_refuses(stub: Stubber, before: str) -> None:
    """What Glue calls incompatible is refused, also where it was so before; Glue gives no reason."""
    if before == "FAILURE":
        stub.add_response(BY_DEFINITION, to_version(before))
    else:
        stub.add_client_error(BY_DEFINITION, before)
    stub.add_response(ADD, {"Status": "FAILURE"})
    stub.add_response(BY_DEFINITION, to_version("FAILURE"))
    with pytest.raises(Misconfigured, match=rf"Glue refuses .* {TOPIC} .*status FAILURE.* incompatible .*diff"):
        to_registry().register()
    stub.assert_no_pending_responses()


def test_register__lets_two_deployments_be(stub: Stubber) -> None:
    """Where another deployment creates the schema meanwhile, this one adds to it, or finds its own text there."""
    stub.add_client_error(BY_DEFINITION, "EntityNotFoundException")
    stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_client_error(ADD, "ConcurrentModificationException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_response(ADD, {"Status": "AVAILABLE"})
    stub.add_response(BY_DEFINITION, to_version("AVAILABLE"))
    to_registry().register()
    stub.assert_no_pending_responses()


def test_register__ends_where_others_do_not(stub: Stubber) -> None:
    """A schema that others change without end is left to a later try."""
    stub.add_client_error(BY_DEFINITION, "EntityNotFoundException")
    for _ in range(5):
        stub.add_client_error(ADD, "ConcurrentModificationException")
        stub.add_client_error(CREATE, "AlreadyExistsException")
    with pytest.raises(Undelivered, match=r"others change .* at the same time: try again later"):
        to_registry().register()
    stub.assert_no_pending_responses()


DENIED = "AccessDeniedException"


@pytest.mark.parametrize(
    ("ask", "code", "error", "text"),
    [
        (LOOK_UP, DENIED, Misconfigured, "role glue:GetSchemaByDefinition on the registry and on"),
        (LATEST, DENIED, Misconfigured, "role glue:GetSchemaVersion on the registry and on the schema"),
        (LATEST, "InvalidInputException", Misconfigured, "InvalidInputException: told.: change the schema or"),
        (LOOK_UP, "UnrecognizedClientException", Misconfigured, "check SCHEMA_REGISTRY and the"),
        (LOOK_UP, "ThrottlingException", Undelivered, "try again later"),
        (LOOK_UP, "InternalServiceException", Undelivered, "try again later"),
        (LATEST, "OperationTimeoutException", Undelivered, "try again later"),
    ],
)
def test_registry__tells_glues_errors_apart(
    stub: Stubber, ask: Ask, code: str, error: type[FeatureEventsError], text: str
) -> None:
    """What a person must change is told with what to do; what may work later is left to a retry."""
    stub.add_client_error(BY_DEFINITION if ask is LOOK_UP else READ, code, "told")
    with pytest.raises(error, match=rf"schema {TOPIC} in the Glue registry default-registry cannot be .*{text}"):
        ask(to_registry())


@pytest.mark.parametrize(
    ("operation", "code", "text"),
    [
        (ADD, DENIED, "cannot be given a version .*glue:RegisterSchemaVersion on the registry"),
        (ADD, "ResourceNumberLimitExceededException", "cannot be given a version .*told.: have the account's quota"),
        (CREATE, DENIED, "cannot be created .*glue:CreateSchema on the registry"),
    ],
)
def test_register__tells_glues_errors_apart(stub: Stubber, operation: str, code: str, text: str) -> None:
    """The same of what only a registration asks."""
    stub.add_client_error(BY_DEFINITION, "EntityNotFoundException")
    if operation == CREATE:
        stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(operation, code, "told")
    with pytest.raises(Misconfigured, match=text):
        REGISTER(to_registry())


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        ({"Status": "FAILURE"}, Misconfigured, "has the status FAILURE: set SCHEMA_VERSION to one that is AVAILABLE"),
        ({"Status": "DELETING"}, Misconfigured, "has the status DELETING"),
        ({"Status": "PENDING"}, Undelivered, "Glue still checks version latest"),
        ({"DataFormat": "JSON"}, Misconfigured, "is JSON and not AVRO"),
    ],
)
def test_read_version__takes_only_what_is_good(
    stub: Stubber, answer: dict[str, str], error: type[FeatureEventsError], text: str
) -> None:
    """A version that Glue has refused, deletes, checks, or that is no Avro is not written with."""
    stub.add_response(READ, {**to_version("AVAILABLE"), "SchemaDefinition": "{}", **answer})
    with pytest.raises(error, match=text):
        LATEST(to_registry())


@pytest.mark.parametrize("status", ["FAILURE", "DELETING"])
def test_look_up__takes_only_what_is_available(stub: Stubber, status: str) -> None:
    """A version that Glue has refused or deletes counts as none."""
    stub.add_response(BY_DEFINITION, to_version(status))
    with pytest.raises(Misconfigured, match=r"feature_trigger.avsc is no AVAILABLE version of schema"):
        to_registry().look_up()


def test_look_up__takes_no_other_format(stub: Stubber) -> None:
    """Avro's schema is JSON too, so that Glue takes it for a schema of that format."""
    stub.add_response(BY_DEFINITION, to_version("AVAILABLE", "JSON"))
    with pytest.raises(Misconfigured, match=r"is JSON and not AVRO: delete it, or set SCHEMA_REGISTRY to another"):
        to_registry().look_up()


def test_look_up__names_the_network_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """A Glue that does not answer may do so later."""

    def hang(*_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://glue")

    monkeypatch.setattr(BaseClient, "_make_api_call", cast("Any", hang))
    with pytest.raises(Undelivered, match=r"ReadTimeoutError.: check the network path to glue .in a VPC: .* for glue"):
        to_registry().look_up()


def test_find_schema__waits_for_no_resolver() -> None:
    """A name that hangs does not use up the time of a start."""
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"looked up .no schema within 0.2 s.: check the network path to glue"):
            find_schema(to_settings(), 0.2)
        assert not ended.is_set()
