"""Whatever Glue answers is told apart: fix it, or try again.

The answers are stubs of botocore's own: moto never gives them.
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

type Ask = Callable[[GlueRegistry], object]

VERSION = UUID("11111111-2222-3333-4444-555555555555")
LOOK_UP: Ask = GlueRegistry.look_up
REGISTER: Ask = GlueRegistry.register
LATEST: Ask = partial(GlueRegistry.read_version, version="latest")
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
    """What Glue says of a version found by its definition."""
    return {"SchemaVersionId": str(VERSION), "DataFormat": data_format, "Status": status}


@pytest.fixture(autouse=True)
def region(monkeypatch: pytest.MonkeyPatch) -> None:
    """As in a function."""
    set_region(monkeypatch)


@pytest.fixture
def stub(monkeypatch: pytest.MonkeyPatch) -> Iterator[Stubber]:
    """A Glue that answers as a test tells it to."""
    client = boto3.client("glue")
    monkeypatch.setattr(glue, "make_glue_client", lambda _: client)
    with Stubber(client) as stubber:
        yield stubber


def to_registry() -> GlueRegistry:
    """The function's side, which sleeps for nobody."""
    return GlueRegistry(to_glue_settings(), sleep=lambda _: None)


def test_read_versions__are_those_that_glue_has_found_compatible(stub: Stubber) -> None:
    """One that Glue refused or that was deleted has no readers."""
    version = {"SchemaDefinition": "{}", "DataFormat": "AVRO"}
    stub.add_response(READ, {**version, "VersionNumber": 4, "Status": "FAILURE"})
    stub.add_response(READ, {**version, "VersionNumber": 1, "Status": "AVAILABLE"})
    stub.add_client_error(READ, "EntityNotFoundException")
    stub.add_response(READ, {**version, "VersionNumber": 3, "Status": "AVAILABLE"})
    assert to_registry().read_versions() == {1: "{}", 3: "{}"}


def test_read_versions__are_of_avro(stub: Stubber) -> None:
    """A schema of another format is named as such, and not as one that cannot be compared."""
    stub.add_response(READ, {**to_version("AVAILABLE", "JSON"), "SchemaDefinition": "{}", "VersionNumber": 1})
    with pytest.raises(Misconfigured, match="is JSON and not AVRO: delete it"):
        to_registry().read_versions()


def test_register__waits_for_glues_check(stub: Stubber) -> None:
    """A version that is PENDING, or not to be seen yet, is waited for, by its number."""
    stub.add_response(ADD, ADDED)
    stub.add_client_error(READ, "EntityNotFoundException", expected_params=NUMBER_2)
    stub.add_response(READ, to_version("PENDING"), NUMBER_2)
    stub.add_response(READ, to_version("AVAILABLE"), NUMBER_2)
    assert to_registry().register() == Registered(VERSION, None)
    stub.assert_no_pending_responses()


def test_register__waits_no_longer_than_it_may(stub: Stubber, monkeypatch: pytest.MonkeyPatch) -> None:
    """A check that does not end may end later."""
    monkeypatch.setattr(glue, "CHECK_SECONDS", 0.0)
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("PENDING"))
    with pytest.raises(Undelivered, match=r"Glue still checks feature_trigger.avsc .*: try again later"):
        to_registry().register()


def test_register__says_that_glue_refuses(stub: Stubber) -> None:
    """What Glue calls incompatible is refused; it gives no reason, and keeps the version until it is deleted."""
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("FAILURE"))
    with pytest.raises(
        Misconfigured,
        match=rf"as version 2 of schema {TOPIC} .*status FAILURE.* incompatible .*diff.*delete version 2 .*delete-sch",
    ):
        to_registry().register()
    stub.assert_no_pending_responses()


def test_register__lets_two_deployments_be(stub: Stubber) -> None:
    """Where another deployment creates the schema meanwhile, this one adds to it, or finds its own text there."""
    stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_client_error(ADD, "ConcurrentModificationException")
    stub.add_client_error(CREATE, "AlreadyExistsException")
    stub.add_response(ADD, ADDED)
    stub.add_response(READ, to_version("AVAILABLE"), NUMBER_2)
    to_registry().register()
    stub.assert_no_pending_responses()


def test_register__ends_where_others_do_not(stub: Stubber) -> None:
    """A schema that others change without end is left to a later try."""
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
        (LOOK_UP, "UnrecognizedClientException", Misconfigured, "check that the function's role exists"),
        (LOOK_UP, "SomethingNew", Misconfigured, "check SCHEMA_REGISTRY and the"),
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
    if operation == CREATE:
        stub.add_client_error(ADD, "EntityNotFoundException")
    stub.add_client_error(operation, code, "told")
    with pytest.raises(Misconfigured, match=text):
        REGISTER(to_registry())


@pytest.mark.parametrize(
    ("answer", "error", "text"),
    [
        (
            {"Status": "FAILURE"},
            Misconfigured,
            "has the status FAILURE: set Schema=version:N \\(SCHEMA_VERSION\\) to one that is AVAILABLE",
        ),
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


@pytest.mark.parametrize("status", ["PENDING", "FAILURE", "DELETING"])
def test_find_registered__takes_only_what_is_available(stub: Stubber, status: str) -> None:
    """What Glue still checks may be refused yet, so it is registered, which waits for the end of the check."""
    stub.add_response(BY_DEFINITION, to_version(status))
    assert to_registry().find_registered() is None


@pytest.mark.parametrize("status", ["FAILURE", "DELETING"])
def test_look_up__takes_only_what_is_available(stub: Stubber, status: str) -> None:
    """A version that Glue has refused or deletes counts as none."""
    stub.add_response(BY_DEFINITION, to_version(status))
    with pytest.raises(Misconfigured, match=r"feature_trigger.avsc is not an AVAILABLE version of schema"):
        to_registry().look_up()


def test_look_up__does_not_wait_for_glues_check(stub: Stubber) -> None:
    """A start has less time than Glue may take, so that the next one asks again."""
    stub.add_response(BY_DEFINITION, to_version("PENDING"))
    with pytest.raises(Undelivered, match=r"Glue still checks feature_trigger.avsc .*: try again later"):
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
        with pytest.raises(Undelivered, match=r"no schema within 0.2 s; .+looked up.: check the network path to glue"):
            find_schema(to_glue_settings(), 0.2)
        assert not ended.is_set()


@pytest.mark.parametrize(
    ("part", "value"),
    [
        ("Status", None),
        ("Status", {"a": 1}),
        ("DataFormat", 5),
        ("SchemaVersionId", "no UUID"),
        ("SchemaVersionId", [1]),
        ("SchemaDefinition", None),
        ("VersionNumber", True),
        ("VersionNumber", "3"),
    ],
)
def test_read_version__says_which_part_of_an_answer_is_odd(stub: Stubber, part: str, value: object) -> None:
    """Something else may answer in the place of Glue; botocore passes its answer on as it is."""
    good = {**to_version("AVAILABLE"), "SchemaDefinition": "{}", "VersionNumber": 3}
    stub.client.get_schema_version = lambda **_: {**good, part: value}  # type: ignore[attr-defined]  # no stub may be odd
    with pytest.raises(Undelivered, match=rf"Glue's answer about schema {TOPIC} .* has no valid {part}: try again"):
        LATEST(to_registry())


@pytest.mark.parametrize("error", [AttributeError, RecursionError, UnicodeError])
def test_registry__survives_what_botocore_cannot_parse(stub: Stubber, error: type[Exception]) -> None:
    """Not every error of botocore's is one of its own."""

    def fail(**_: object) -> None:
        raise error

    stub.client.get_schema_version = fail  # type: ignore[attr-defined]  # in the place of a request
    with pytest.raises(Undelivered, match=rf"{error.__name__}.: check the network path to glue"):
        LATEST(to_registry())


@pytest.mark.parametrize("number", [MAX_VERSIONS, MAX_VERSIONS + 1, 2999])
def test_read_versions__reads_no_more_than_a_start_has_time_for(stub: Stubber, number: int) -> None:
    """With more versions the message says how to do without the comparison, and only the latest is read."""
    version = {"SchemaDefinition": "{}", "DataFormat": "AVRO", "Status": "AVAILABLE"}
    for each in (number, *range(1, number if number <= MAX_VERSIONS else 1)):
        stub.add_response(READ, {**version, "VersionNumber": each})
    if number <= MAX_VERSIONS:
        assert len(to_registry().read_versions()) == number
    else:
        with pytest.raises(Misconfigured, match=rf"has {number:,} versions, deleted ones included.*Schema=id:UUID "):
            to_registry().read_versions()
    stub.assert_no_pending_responses()
