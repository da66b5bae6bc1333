"""The AsyncAPI document is valid, and says what real messages are.

The rules are AsyncAPI's own JSON schema of version 3.0.0, unchanged from the npm package @asyncapi/specs 6.11.1 (Apache
License 2.0).
"""

import contextlib
import json
import re
from collections.abc import Iterator
from typing import Any

import pytest
from jsonschema import Draft7Validator, FormatChecker  # type: ignore[import-untyped]
from samcli.yamlhelper import yaml_parse  # type: ignore[import-untyped]

from feature_events.errors import Misconfigured
from feature_events.events.message import Headers
from feature_events.events.schema import SHIPPED_SCHEMA, read_shipped_schema
from feature_events.layouts.entity_features import EntityFeatures
from feature_events.pipeline import Prepared
from feature_events.settings.settings import DEFAULT_SCHEMA_FILE, DEFAULT_TOPIC, SCHEMA_FILES
from local.paths import ROOT
from tests.support.avro import read_avro
from tests.support.backfills import to_scanned
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import encode_scanned, to_pipeline
from tests.support.records import WRITTEN
from tests.support.sample_events import SAMPLES

SCHEMAS = ROOT / "schemas"
RULES = json.loads((ROOT / "tests" / "contract" / "asyncapi" / "asyncapi-3.0.0.json").read_text())
ENTITY = EntityFeatures("bright_uid", "user-1", "user_features", ("age", "income"), WRITTEN, "nightly")


@pytest.fixture(scope="module")
def document() -> Any:  # noqa: ANN401  # YAML
    """The document."""
    return yaml_parse((SCHEMAS / "asyncapi.yaml").read_text())


@pytest.fixture(scope="module")
def message(document: Any) -> Any:  # noqa: ANN401  # YAML
    """What it says of the first message, that of a stack that names no schema."""
    return find_messages(document)[DEFAULT_SCHEMA_FILE]


@pytest.fixture(scope="module")
def headers(document: Any, message: Any) -> Draft7Validator:  # noqa: ANN401  # YAML
    """What it says of a message's headers."""
    return Draft7Validator(find(document, message["headers"]["$ref"]), format_checker=FormatChecker())


def find(document: Any, reference: str) -> Any:  # noqa: ANN401  # YAML
    """What a reference within the document leads to."""
    for name in reference.removeprefix("#/").split("/"):
        document = document[name]
    return document


def find_messages(document: Any) -> dict[str, Any]:  # noqa: ANN401  # YAML
    """The channel's messages with what their traits say, by their schemas' files."""
    found = {}
    for reference in document["channels"]["featureAvailability"]["messages"].values():
        message = find(document, reference["$ref"])
        traits = [find(document, trait["$ref"]) for trait in message["traits"]]
        whole = {name: value for each in [*traits, message] for name, value in each.items()}
        found[whole["payload"]["schema"]["$ref"].removeprefix("./")] = whole
    return found


def find_references(node: object) -> Iterator[str]:
    """Every `$ref` below a node."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            yield from find_references(value)
    elif isinstance(node, list):
        for each in node:
            yield from find_references(each)


def prepare_samples() -> Iterator[Prepared]:
    """The messages of the sample events that have records."""
    pipeline = to_pipeline(FakePublisher(), FakeDeadLetters())
    for sample in SAMPLES:
        records = json.loads(sample.read_text()).get("Records", [])
        with contextlib.suppress(Misconfigured):  # of a stream without images, or a table of another layout
            yield pipeline.prepare(records, range(len(records)))


def to_live_headers() -> list[Headers]:
    """The headers of every message of the sample events."""
    return [message.headers for prepared in prepare_samples() for message in prepared.messages.values()]


def to_announced_headers() -> Headers:
    """The headers of a backfilled event."""
    return encode_scanned(to_scanned()).message.headers


def to_texts(headers: Headers) -> dict[str, str]:
    """Headers as the document speaks of them."""
    assert len(dict(headers)) == len(headers)
    return {name: text.decode() for name, text in headers}


def test_document__is_valid(document: Any) -> None:  # noqa: ANN401  # YAML
    """AsyncAPI's own JSON schema takes it."""
    assert [error.message for error in Draft7Validator(RULES).iter_errors(document)] == []


def test_rules__refuse_what_is_wrong(document: Any) -> None:  # noqa: ANN401  # YAML
    """They would notice a misspelt word, also within the Kafka bindings."""
    trait = document["components"]["messageTraits"]["Event"]
    binding = {**trait["bindings"]["kafka"], "schemaIdLocation": "value"}
    wrong = {**document, "components": {"messageTraits": {"Event": {**trait, "bindings": {"kafka": binding}}}}}
    assert not Draft7Validator(RULES).is_valid(wrong)
    assert not Draft7Validator(RULES).is_valid({**document, "topics": {}})


def test_references__lead_somewhere(document: Any) -> None:  # noqa: ANN401  # YAML
    """Each is a part of the document, or a file beside it."""
    for reference in find_references(document):
        assert find(document, reference) if reference.startswith("#/") else (SCHEMAS / reference).is_file()


def test_messages__are_those_of_the_shipped_schemas(document: Any) -> None:  # noqa: ANN401  # YAML
    """A consumer finds each schema that events are written by, all with the same headers, key and bindings."""
    messages = find_messages(document)
    assert set(messages) == set(SCHEMA_FILES)
    assert {(SCHEMAS / file).read_text() for file in messages} == {*map(read_shipped_schema, SCHEMA_FILES)}
    for name in ("contentType", "headers", "bindings"):
        assert len({json.dumps(message[name]) for message in messages.values()}) == 1


def test_channel__has_the_default_topic(document: Any) -> None:  # noqa: ANN401  # YAML
    """Its address is the topic of a stack that names none."""
    channel = document["channels"]["featureAvailability"]
    assert channel["address"] == channel["bindings"]["kafka"]["topic"] == DEFAULT_TOPIC


def test_headers__are_those_of_real_messages(headers: Draft7Validator) -> None:
    """Every live and every backfilled message has headers that the document allows."""
    found = [*to_live_headers(), to_announced_headers()]
    assert len(found) > len(SAMPLES)
    for each in found:
        headers.validate(to_texts(each))


def test_headers__are_all_in_real_messages(headers: Draft7Validator) -> None:
    """None is described that no message has."""
    names = {name for each in [*to_live_headers(), to_announced_headers()] for name, _ in each}
    assert names == set(headers.schema["properties"])


def test_headers__with_one_that_the_document_has_not__are_refused(headers: Draft7Validator) -> None:
    """A header that is added to the code alone is noticed."""
    live, *_ = to_live_headers()
    assert not headers.is_valid({**to_texts(live), "ce_new": "1"})


@pytest.mark.parametrize("name", [name for name, _ in to_live_headers()[0]])
def test_headers__without_one__are_refused(headers: Draft7Validator, name: str) -> None:
    """A header that is taken from the code alone is noticed."""
    live, *_ = to_live_headers()
    texts = to_texts(live)
    del texts[name]
    assert not headers.is_valid(texts)


def test_examples__are_as_the_document_says(headers: Draft7Validator, message: Any) -> None:  # noqa: ANN401  # YAML
    """Their headers are allowed, and their payloads have the schema's fields."""
    fields = [field["name"] for field in json.loads(SHIPPED_SCHEMA)["fields"]]
    for example in message["examples"]:
        headers.validate(example["headers"])
        assert list(example["payload"]) == fields
        assert example["payload"]["event_id"] == example["headers"]["ce_id"]


def test_binding__says_where_the_schema_id_is(message: Any) -> None:  # noqa: ANN401  # YAML
    """The id is in the value, as Confluent's clients write it, and the key is the entity's id."""
    binding = message["bindings"]["kafka"]
    assert (binding["schemaIdLocation"], binding["schemaIdPayloadEncoding"]) == ("payload", "confluent")
    for prepared in prepare_samples():
        for each in prepared.messages.values():
            assert re.match(rb"\0\0\0\0\x07", each.value)
            event = read_avro(SHIPPED_SCHEMA).read(each.value[5:])
            Draft7Validator(binding["key"]).validate(each.key.decode())
            assert event["entity_id"] == each.key.decode()
