"""The demo decodes Glue's wire format like AWS's deserializers, and reports values that it cannot read."""

from collections.abc import Callable
from typing import Any
from uuid import UUID

import boto3
import pytest
from confluent_kafka.serialization import SerializationError

from local.demo.glue import GlueDeserializer
from tests.support.failures import in_memory

type Damage = Callable[[bytes], bytes]

TEXT = b"\x06abc"
"""The string `abc` in Avro."""


@pytest.fixture
def value() -> Any:  # noqa: ANN401 -- a fixture that yields
    """Register a schema with Glue, and return the value of a message."""
    with in_memory():
        created = boto3.client("glue").create_schema(
            SchemaName="texts", DataFormat="AVRO", Compatibility="NONE", SchemaDefinition='"string"'
        )
        yield b"\x03\x00" + UUID(created["SchemaVersionId"]).bytes + TEXT


def test_deserializer__reads_a_value(value: bytes) -> None:
    """It requests the schema of the UUID once."""
    glue = boto3.client("glue")
    deserialize = GlueDeserializer(glue)
    assert deserialize(value) == "abc"
    glue.delete_schema(SchemaId={"RegistryName": "default-registry", "SchemaName": "texts"})
    assert deserialize(value) == "abc"


@pytest.mark.parametrize(
    ("damage", "message"),
    [
        (lambda value: b"\x03\x05" + value[2:], "compressed"),
        (lambda value: value[:17], "shorter than its prefix"),
        (lambda value: value[:2] + UUID(int=7).bytes + value[18:], "no schema version 00000000-.*-000000000007"),
        (lambda value: value[:-2], "does not match its schema"),
    ],
    ids=["compressed", "too short", "unknown schema version", "truncated"],
)
def test_deserializer__rejects_an_invalid_value(value: bytes, damage: Damage, message: str) -> None:
    """The error describes the problem."""
    with pytest.raises(SerializationError, match=message):
        GlueDeserializer(boto3.client("glue"))(damage(value))
