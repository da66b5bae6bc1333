"""The AsyncAPI document is valid and describes real messages.

The rules are AsyncAPI's JSON schema of version 3.0.0, unchanged from the npm package @asyncapi/specs 6.11.1 (Apache
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
from feature_events.events.schema import DEFAULT_SCHEMA_FILE, SCHEMA_FILES, SHIPPED_SCHEMA, read_shipped_schema
from feature_events.pipeline import Prepared
from feature_events.settings.settings import DEFAULT_TOPIC
from local.paths import ROOT
from tests.support.avro import read_avro
from tests.support.backfills import to_scanned
from tests.support.doubles import FakeDeadLetters, FakePublisher
from tests.support.pipelines import encode_scanned, to_pipeline, with_encoder
from tests.support.sample_events import SAMPLES

SCHEMAS = ROOT / "schemas"
RULES = json.loads((ROOT / "tests" / "contract" / "asyncapi" / "asyncapi-3.0.0.json").read_text())


@pytest.fixture(scope="module")
def document() -> Any:  # noqa: ANN401  # YAML
    """Read the document."""
    return yaml_parse((SCHEMAS / "asyncapi.yaml").read_text())


@pytest.fixture(scope="module")
def message(document: Any) -> Any:  # noqa: ANN401  # YAML
    """Return the message under the default schema."""
    return find_messages(document)[DEFAULT_SCHEMA_FILE]


@pytest.fixture(scope="module")
def headers(document: Any, message: Any) -> Draft7Validator:  # noqa: ANN401  # YAML
    """Return a validator of a message's headers."""
    return Draft7Validator(find(document, message["headers"]["$ref"]), format_checker=FormatChecker())


def find(document: Any, reference: str) -> Any:  # noqa: ANN401  # YAML
    """Return the target of a reference within the document."""
    for name in reference.removeprefix("#/").split("/"):
        document = document[name]
    return document


def find_messages(document: Any) -> dict[str, Any]:  # noqa: ANN401  # YAML
    """Return the channel's messages, with their traits, by the files of their schemas."""
    found = {}
    for reference in document["channels"]["featureAvailability"]["messages"].values():
        message = find(document, reference["$ref"])
        traits = [find(document, trait["$ref"]) for trait in message["traits"]]
        whole = {name: value for each in [*traits, message] for name, value in each.items()}
        found[whole["payload"]["schema"]["$ref"].removeprefix("./")] = whole
    return found


def find_references(node: object) -> Iterator[str]:
    """Return every `$ref` below a node."""
    if isinstance(node, dict):
        for name, value in node.items():
            if name == "$ref":
                yield value
            yield from find_references(value)
    elif isinstance(node, list):
        for each in node:
            yield from find_references(each)


def prepare_samples() -> Iterator[Prepared]:
    """Encode the sample events that contain records, removals included."""
    pipeline = with_encoder(to_pipeline(FakePublisher(), FakeDeadLetters()), removals="events")
    for sample in SAMPLES:
        records = json.loads(sample.read_text()).get("Records", [])
        with contextlib.suppress(Misconfigured):  # a stream without images, or a table with another layout
            yield pipeline.prepare(records, range(len(records)))


def to_live_headers() -> list[Headers]:
    """Return the headers of every message of the sample events."""
    return [message.headers for prepared in prepare_samples() for message in prepared.messages.values()]


def to_backfilled_headers() -> Headers:
    """Return the headers of a backfilled event."""
    return encode_scanned(to_scanned()).message.headers


def to_texts(headers: Headers) -> dict[str, str]:
    """Convert headers to an object of texts, as in the document."""
    assert len(dict(headers)) == len(headers)
    return {name: text.decode() for name, text in headers}


def test_document__is_valid(document: Any) -> None:  # noqa: ANN401  # YAML
    """AsyncAPI's JSON schema accepts the document."""
    assert [error.message for error in Draft7Validator(RULES).iter_errors(document)] == []


def test_references__have_targets(document: Any) -> None:  # noqa: ANN401  # YAML
    """Each target is a part of the document, or a file in its folder."""
    for reference in find_references(document):
        assert find(document, reference) if reference.startswith("#/") else (SCHEMAS / reference).is_file()


def test_messages__cover_the_shipped_schemas(document: Any) -> None:  # noqa: ANN401  # YAML
    """The headers, key and bindings do not depend on the schema."""
    messages = find_messages(document)
    assert set(messages) == set(SCHEMA_FILES)
    assert {(SCHEMAS / file).read_text() for file in messages} == {*map(read_shipped_schema, SCHEMA_FILES)}
    for name in ("contentType", "headers", "bindings"):
        assert len({json.dumps(message[name]) for message in messages.values()}) == 1


def test_channel__has_the_default_topic(document: Any) -> None:  # noqa: ANN401  # YAML
    """The channel's address is the default topic."""
    channel = document["channels"]["featureAvailability"]
    assert channel["address"] == channel["bindings"]["kafka"]["topic"] == DEFAULT_TOPIC


def test_headers__allow_those_of_real_messages(headers: Draft7Validator) -> None:
    """Every live or backfilled message has valid headers."""
    found = [*to_live_headers(), to_backfilled_headers()]
    assert len(found) > len(SAMPLES)
    for each in found:
        headers.validate(to_texts(each))


def test_headers__all_occur_in_real_messages(headers: Draft7Validator) -> None:
    """The document describes no other header, and no other event type."""
    found = [to_texts(each) for each in [*to_live_headers(), to_backfilled_headers()]]
    assert {name for each in found for name in each} == set(headers.schema["properties"])
    assert {each["ce_type"] for each in found} == set(headers.schema["properties"]["ce_type"]["enum"])


def test_headers__refuse_a_header_that_is_not_described(headers: Draft7Validator) -> None:
    """A header cannot be added to the code alone."""
    live, *_ = to_live_headers()
    assert not headers.is_valid({**to_texts(live), "ce_new": "1"})


@pytest.mark.parametrize("name", [name for name, _ in to_live_headers()[0]])
def test_headers__refuse_a_missing_header(headers: Draft7Validator, name: str) -> None:
    """A header cannot be removed from the code alone."""
    live, *_ = to_live_headers()
    texts = to_texts(live)
    del texts[name]
    assert not headers.is_valid(texts)


def test_examples__are_valid(headers: Draft7Validator, message: Any) -> None:  # noqa: ANN401  # YAML
    """The examples have valid headers, and payloads with the schema's fields."""
    fields = [field["name"] for field in json.loads(SHIPPED_SCHEMA)["fields"]]
    for example in message["examples"]:
        headers.validate(example["headers"])
        assert list(example["payload"]) == fields
        assert example["payload"]["event_id"] == example["headers"]["ce_id"]


def test_binding__describes_the_schema_id_and_the_key(message: Any) -> None:  # noqa: ANN401  # YAML
    """The schema id is in the value, as Confluent's clients write it. The key is the entity's id."""
    binding = message["bindings"]["kafka"]
    assert (binding["schemaIdLocation"], binding["schemaIdPayloadEncoding"]) == ("payload", "confluent")
    for prepared in prepare_samples():
        for each in prepared.messages.values():
            assert re.match(rb"\0\0\0\0\x07", each.value)
            event = read_avro(SHIPPED_SCHEMA).read(each.value[5:])
            Draft7Validator(binding["key"]).validate(each.key.decode())
            assert event["entity_id"] == each.key.decode()
