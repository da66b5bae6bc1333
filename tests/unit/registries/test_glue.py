"""Glue's responses are classified: an operator must act, or a retry may succeed.

The responses are botocore stubs, because moto never returns them.
"""

from collections.abc import Callable, Iterator
from functools import partial
from typing import Any, cast
from uuid import UUID

import boto3
import pytest
from botocore.client import BaseClient
from botocore.exceptions import ReadTimeoutError
from botocore.stub import Stubber

from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered
from feature_events.registries import glue
from feature_events.registries.glue import GlueRegistry
from feature_events.registries.registry import MAX_VERSIONS, Registered
from feature_events.registries.schema import find_schema
from tests.support.glue import TOPIC, set_region, to_glue_settings
from tests.support.resolver import hanging_resolver

type Operation = Callable[[GlueRegistry], object]

VERSION = UUID("11111111-2222-3333-4444-555555555555")
LOOK_UP: Operation = GlueRegistry.look_up
REGISTER: Operation = GlueRegistry.register
LATEST: Operation = partial(GlueRegistry.read_version, version="latest")
BY_DEFINITION, ADD, CREATE, READ = (
    "get_schema_by_definition",
    "register_schema_version",
    "create_schema",
    "get_schema_version",
)


ADDED = {"VersionNumber": 2, "Status": "PENDING"}
NUMBER_2 = {
    "SchemaId": {"RegistryName": "default-registry", "SchemaName": TOPIC},
    "SchemaVersionNumber": {"VersionNumber": 2},
}


def to_version(status: str, data_format: str = "AVRO") -> dict[str, str]:
    """Return Glue's response for a version found by its definition."""
    return {"SchemaVersionId": str(VERSION), "DataFormat": data_format, "Status": status}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """Set the environment of a function."""
    set_region(monkeypatch)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """Return a stub for Glue's responses."""
    client = boto3.client("glue")
    monkeypatch.setattr(glue, "make_glue_client", lambda _: client)
    with Stubber(client) as stubber:
        yield stubber


def to_registry() -> GlueRegistry:
    """Create the registry, without pauses."""
    return GlueRegistry(to_glue_settings(), sleep=lambda _: None)


def test_read_versions__returns_available_versions(stub: Stubber) -> None:
    """A version that Glue rejected or that was deleted has no consumers."""
    version = {"SchemaDefinition": "{}", "DataFormat": "AVRO"}
    stub.add_response(READ, {**version, "VersionNumber": 4, "Status": "FAILURE"})
    stub.add_response(READ, {**version, "VersionNumber": 1, "Status": "AVAILABLE"})
    stub.add_client_error(READ, "EntityNotFoundException")
    stub.add_response(READ, {**version, "VersionNumber": 3, "Status": "AVAILABLE"})
    assert to_registry().read_versions() == {1: "{}", 3: "{}"}


def test_read_versions__requires_avro(stub: Stubber) -> None:
    """The message contains the other format."""
    stub.add_response(READ, {**to_version("AVAILABLE", "JSON"), "SchemaDefinition": "{}", "VersionNumber": 1})
    with pytest.raises(Misconfigured, match="has the data format JSON instead of AVRO: delete it"):
        to_registry().read_versions()


def test_register__waits_for_glues_validation(stub: Stubber) -> None:
    """A version that is PENDING or not visible yet is read again, by its number."""
    stub.add_response(ADD, ADDED)
    stub.add_client_error(READ, "EntityNotFoundException", expected_params=NUMBER_2)
    stub.add_response(READ, to_version("PENDING"), NUMBER_2)
    stub.add_response(READ, to_version("AVAILABLE"), NUMBER_2)
    assert to_registry().register() == Registered(VERSION, None)
    stub.assert_no_pending_responses()


def test_register__limits_the_wait_for_glues_validation(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """A validation that has not finished may finish later."""
    monkeypatch.setattr(glue, "VALIDATION_SECONDS", 0.0)
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("PENDING"))
    with pytest.raises(Undelivered, match=r"Glue is still validating feature_trigger.avsc .*: try again later"):
        to_registry().register()


def test_register__explains_a_rejection(stub: Stubber) -> None:
    """For an incompatible schema, Glue returns no reason and keeps the version until it is deleted."""
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("FAILURE"))
    with pytest.raises(
        Misconfigured,
        match=rf"as version 2 of schema {TOPIC} .*status FAILURE.* incompatible .*diff.*delete version 2 .*delete-sch",
    ):
        to_registry().register()
    stub.assert_no_pending_responses()


def test_register__handles_concurrent_deployments(stub: Stubber) -> None:
    """If another deployment creates the schema, this one adds a version or finds its own text."""
    stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_client_error(ADD, "ConcurrentModificationException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("AVAILABLE"), NUMBER_2)
    to_registry().register()
    stub.assert_no_pending_responses()


def test_register__fails_if_the_schema_keeps_changing(stub: Stubber) -> None:
    """A later attempt may succeed."""
    for _ in range(5):
        stub.add_client_error(ADD, "ConcurrentModificationException")
        stub.add_client_error(CREATE, "AlreadyExistsException")
    with pytest.raises(Undelivered, match=r"was changed concurrently: try again later"):
        to_registry().register()
    stub.assert_no_pending_responses()


DENIED = "AccessDeniedException"


@pytest.mark.parametrize(
    ("operation", "code", "error", "text"),
    [
        (LOOK_UP, DENIED, Misconfigured, "role glue:GetSchemaByDefinition on the registry and on"),
        (LATEST, DENIED, Misconfigured, "role glue:GetSchemaVersion on the registry and on the schema"),
        (LATEST, "InvalidInputException", Misconfigured, "InvalidInputException: reason.: change the schema or"),
        (LOOK_UP, "UnrecognizedClientException", Misconfigured, "check that the function's role exists"),
        (LOOK_UP, "SomethingNew", Misconfigured, r"check SchemaRegistry \(SCHEMA_REGISTRY\) and"),
        (LOOK_UP, "ThrottlingException", Undelivered, "try again later"),
        (LOOK_UP, "InternalServiceException", Undelivered, "try again later"),
        (LATEST, "OperationTimeoutException", Undelivered, "try again later"),
    ],
)
def test_registry__classifies_glues_errors(
    stub: Stubber, operation: Operation, code: str, error: type[FeatureEventsError], text: str
) -> None:
    """The message contains the remedy, or leaves a temporary error to a retry."""
    stub.add_client_error(BY_DEFINITION if operation is LOOK_UP else READ, code, "reason")
    with pytest.raises(error, match=rf"schema {TOPIC} in the Glue registry default-registry cannot be .*{text}"):
        operation(to_registry())


@pytest.mark.parametrize(
    ("operation", "code", "text"),
    [
        (ADD, DENIED, "a version of schema .* cannot be registered .*glue:RegisterSchemaVersion on the registry"),
        (ADD, "ResourceNumberLimitExceededException", "cannot be registered .*reason.: request a higher quota"),
        (CREATE, DENIED, "cannot be created .*glue:CreateSchema on the registry"),
    ],
)
def test_register__classifies_glues_errors(stub: Stubber, operation: str, code: str, text: str) -> None:
    """The calls of a registration have their own messages."""
    if operation == CREATE:
        stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(operation, code, "reason")
    with pytest.raises(Misconfigured, match=text):
        REGISTER(to_registry())


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (
            {"Status": "FAILURE"},
            Misconfigured,
            "has the status FAILURE: set Schema=version:N \\(SCHEMA_VERSION\\) to an AVAILABLE version",
        ),
        ({"Status": "DELETING"}, Misconfigured, "has the status DELETING"),
        ({"Status": "PENDING"}, Undelivered, "Glue is still validating version latest"),
        ({"DataFormat": "JSON"}, Misconfigured, "has the data format JSON instead of AVRO"),
    ],
)
def test_read_version__requires_an_available_avro_version(
    stub: Stubber, answer: dict[str, str], error: type[FeatureEventsError], text: str
) -> None:
    """Events are not written with any other version."""
    stub.add_response(READ, {**to_version("AVAILABLE"), "SchemaDefinition": "{}", **answer})
    with pytest.raises(error, match=text):
        LATEST(to_registry())


@pytest.mark.parametrize("status", ["PENDING", "FAILURE", "DELETING"])
def test_find_registered__returns_only_an_available_version(stub: Stubber, status: str) -> None:
    """Glue may still reject a PENDING version. Registering it again waits for the result."""
    stub.add_response(BY_DEFINITION, to_version(status))
    assert to_registry().find_registered() is None


@pytest.mark.parametrize("status", ["FAILURE", "DELETING"])
def test_look_up__accepts_only_an_available_version(stub: Stubber, status: str) -> None:
    """A version that Glue has rejected or is deleting does not count."""
    stub.add_response(BY_DEFINITION, to_version(status))
    with pytest.raises(Misconfigured, match=r"feature_trigger.avsc is not an AVAILABLE version of schema"):
        to_registry().look_up()


def test_look_up__does_not_wait_for_glues_validation(stub: Stubber) -> None:
    """A start has less time than Glue may take, so the next start looks it up again."""
    stub.add_response(BY_DEFINITION, to_version("PENDING"))
    with pytest.raises(Undelivered, match=r"Glue is still validating feature_trigger.avsc .*: try again later"):
        to_registry().look_up()


def test_look_up__refuses_another_format(stub: Stubber) -> None:
    """An Avro schema is also JSON, so Glue can store it with that format."""
    stub.add_response(BY_DEFINITION, to_version("AVAILABLE", "JSON"))
    with pytest.raises(
        Misconfigured, match=r"JSON instead of AVRO: delete it, or set SchemaRegistry \(SCHEMA_REGISTRY\) to another"
    ):
        to_registry().look_up()


def test_look_up__suggests_to_check_the_network_path(monkeypatch: pytest.MonkeyPatch) -> None:
    """Glue may respond later."""

    def hang(*_: object) -> None:
        raise ReadTimeoutError(endpoint_url="https://glue")

    monkeypatch.setattr(BaseClient, "_make_api_call", cast("Any", hang))
    with pytest.raises(Undelivered, match=r"ReadTimeoutError.: check the network path to glue .in a VPC: .* for glue"):
        to_registry().look_up()


def test_find_schema__does_not_wait_for_the_resolver() -> None:
    """A slow resolver does not use up the time of a start."""
    with hanging_resolver() as ended:
        with pytest.raises(Undelivered, match=r"no schema within 0.2 s; .+looked up.: check the network path to glue"):
            find_schema(to_glue_settings(), 0.2)
        assert not ended.is_set()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("Status", None),
        ("Status", {"a": 1}),
        ("DataFormat", 5),
        ("SchemaVersionId", "not a UUID"),
        ("SchemaVersionId", [1]),
        ("SchemaDefinition", None),
        ("VersionNumber", True),
        ("VersionNumber", "3"),
    ],
)
def test_read_version__names_the_invalid_member_of_a_response(stub: Stubber, part: str, value: object) -> None:
    """Another server may respond instead of Glue, and botocore does not validate its response."""
    good = {**to_version("AVAILABLE"), "SchemaDefinition": "{}", "VersionNumber": 3}
    stub.client.get_schema_version = lambda **_: {**good, part: value}  # type: ignore[attr-defined]  # a stub validates its responses
    with pytest.raises(Undelivered, match=rf"Glue's response for schema {TOPIC} .* has no valid {part}: try again"):
        LATEST(to_registry())


@pytest.mark.parametrize("error", [AttributeError, RecursionError, UnicodeError])
def test_registry__handles_a_response_that_botocore_cannot_parse(stub: Stubber, error: type[Exception]) -> None:
    """Not every error of botocore is its own."""

    def fail(**_: object) -> None:
        raise error

    stub.client.get_schema_version = fail  # type: ignore[attr-defined]  # replaces the request
    with pytest.raises(Undelivered, match=rf"{error.__name__}.: check the network path to glue"):
        LATEST(to_registry())


@pytest.mark.parametrize("number", [MAX_VERSIONS, MAX_VERSIONS + 1, 2999])
def test_read_versions__limits_the_number_of_versions(stub: Stubber, number: int) -> None:
    """With more versions, only the latest is read, and the message explains how to register without the comparison."""
    version = {"SchemaDefinition": "{}", "DataFormat": "AVRO", "Status": "AVAILABLE"}
    for each in (number, *range(1, number if number <= MAX_VERSIONS else 1)):
        stub.add_response(READ, {**version, "VersionNumber": each})
    if number <= MAX_VERSIONS:
        assert len(to_registry().read_versions()) == number
    else:
        with pytest.raises(Misconfigured, match=rf"has {number:,} versions, including deleted ones.*Schema=id:UUID "):
            to_registry().read_versions()
    stub.assert_no_pending_responses()
