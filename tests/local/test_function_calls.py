"""A function of the local stack records names of its calls to AWS, and no payload."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.servers.function_calls import FILE, record_call

SCHEMA = "arn:aws:glue:us-east-1:123456789012:schema/events/features"
REGISTRY = "arn:aws:glue:us-east-1:123456789012:registry/events"


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"Bucket": "failures", "Key": "a", "Body": b"SECRET"}, {"Bucket": "failures", "Key": "a"}),
        ({"Bucket": "failures", "Delete": {"Objects": [{"Key": "a"}]}}, {"Bucket": "failures", "Keys": ["a"]}),
        ({"TableName": "one", "Key": {"pk": {"S": "SECRET"}}}, {"TableName": "one"}),
        ({"RequestItems": {"one": {"Keys": [{"pk": {"S": "SECRET"}}]}}}, {"TableNames": ["one"]}),
        ({"SchemaId": {"SchemaArn": SCHEMA}, "SchemaDefinition": "SECRET"}, {"SchemaArn": SCHEMA}),
        (
            {"RegistryId": {"RegistryArn": REGISTRY}, "SchemaName": "features"},
            {"RegistryArn": REGISTRY, "SchemaName": "features"},
        ),
        ({"SecretId": "arn", "ClientRequestToken": "SECRET"}, {"SecretId": "arn"}),
    ],
)
def test_record_call__writes_names_and_no_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any], names: dict[str, Any]
) -> None:
    """The file contains neither stored values nor keys of items."""
    monkeypatch.setenv(FILE, str(tmp_path / "calls"))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "publisher")
    model = SimpleNamespace(service_model=SimpleNamespace(service_name="s3"), name="PutObject")
    record_call(parameters, model, {"client_region": "us-east-1"})
    (line,) = (tmp_path / "calls").read_text().splitlines()
    assert json.loads(line) == {
        "function": "publisher",
        "service": "s3",
        "operation": "PutObject",
        "region": "us-east-1",
        "names": names,
    }
