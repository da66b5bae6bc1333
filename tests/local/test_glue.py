"""The demo's reader takes Glue's wire format apart as AWS's deserializers do, and says what it cannot read."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import boto3
import pytest
from confluent_kafka.serialization import SerializationError

from local.demo.glue import GlueDeserializer
from tests.support.failures import in_memory

type Spoil = Callable[[bytes], bytes]

TEXT = b"\x06abc"
"""A text of three letters, in Avro."""


@pytest.fixture
def value() -> Any:  # noqa: ANN401 -- a fixture that yields
    """A message's value, whose schema Glue has."""
    with in_memory():
        made = boto3.client("glue").create_schema(
            SchemaName="texts", DataFormat="AVRO", Compatibility="NONE", SchemaDefinition='"string"'
        )
        yield b"\x03\x00" + UUID(made["SchemaVersionId"]).bytes + TEXT


def test_deserializer__reads_a_value(value: bytes) -> None:
    """The schema is that of the UUID, and asked once."""
    glue = boto3.client("glue")
    read = GlueDeserializer(glue)
    assert read(value) == "abc"
    glue.delete_schema(SchemaId={"RegistryName": "default-registry", "SchemaName": "texts"})
    assert read(value) == "abc"


@pytest.mark.parametrize(
    ("spoil", "text"),
    [
        (lambda value: b"\x03\x05" + value[2:], "compressed"),
        (lambda value: value[:17], "ends within its prefix"),
        (lambda value: value[:2] + UUID(int=7).bytes + value[18:], "no schema version 00000000-.*-000000000007"),
        (lambda value: value[:-2], "not what its schema says"),
    ],
    ids=["compressed", "short", "unknown", "cut off"],
)
def test_deserializer__says_what_it_cannot_read(value: bytes, spoil: Spoil, text: str) -> None:
    """A value that is not ours is told with its problem."""
    with pytest.raises(SerializationError, match=text):
        GlueDeserializer(boto3.client("glue"))(spoil(value))
