"""A recorded call has only names, and requires the rights that AWS evaluates."""

import json
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from local.servers.function_calls import FILE, record_call
from tests.template.document import GLUE_REGISTRY
from tests.template.expansion import ACCOUNT
from tests.template.iam_resources import PLACE, glue, tables
from tests.template.recorded_calls import RecordedCall, Right, find_denied, read_call, to_rights

BUCKET = "arn:aws:s3:::failures"
GLUE_SCHEMA = f"arn:aws:glue:{PLACE}:schema/events.v1/features"


def to_call(operation: str, names: dict[str, Any]) -> RecordedCall:
    """One call of a function."""
    service, _, name = operation.partition(".")
    return RecordedCall("publisher", service, name, "us-east-1", names)


@pytest.mark.parametrize(
    ("operation", "names", "expected"),
    [
        ("s3.PutObject", {"Bucket": "failures", "Key": "a/b"}, [("s3:PutObject", f"{BUCKET}/a/b", {})]),
        (
            "s3.HeadObject",
            {"Bucket": "failures", "Key": "a"},
            [("s3:GetObject", f"{BUCKET}/a", {}), ("s3:ListBucket", BUCKET, {"s3:prefix": "a"})],
        ),
        (
            "s3.DeleteObjects",
            {"Bucket": "failures", "Keys": ["a", "b"]},
            [("s3:DeleteObject", f"{BUCKET}/a", {}), ("s3:DeleteObject", f"{BUCKET}/b", {})],
        ),
        ("s3.ListObjectsV2", {"Bucket": "failures"}, [("s3:ListBucket", BUCKET, {})]),
        ("dynamodb.GetItem", {"TableName": "one"}, [("dynamodb:GetItem", tables("one")[0], {})]),
        ("dynamodb.Scan", {"TableName": tables("one")[0]}, [("dynamodb:Scan", tables("one")[0], {})]),
        (
            "dynamodb.BatchGetItem",
            {"TableNames": ["one", "two"]},
            [("dynamodb:BatchGetItem", table, {}) for table in tables("one", "two")],
        ),
        (
            "glue.CreateSchema",
            {"SchemaName": "features"},
            [("glue:CreateSchema", arn, {}) for arn in glue("default-registry", "features")],
        ),
        (
            "glue.CreateSchema",
            {"SchemaName": "features", "RegistryArn": GLUE_REGISTRY},
            [("glue:CreateSchema", arn, {}) for arn in (GLUE_REGISTRY, GLUE_SCHEMA)],
        ),
        (
            "glue.GetSchemaVersion",
            {"SchemaArn": GLUE_SCHEMA},
            [("glue:GetSchemaVersion", arn, {}) for arn in (GLUE_REGISTRY, GLUE_SCHEMA)],
        ),
    ],
)
def test_rights__are_those_of_the_service(
    operation: str, names: dict[str, Any], expected: list[tuple[str, str, dict[str, str]]]
) -> None:
    """Some operations have an action of another name, several resources or a condition key."""
    assert to_rights(to_call(operation, names), ACCOUNT) == [Right(*each) for each in expected]


def test_rights__are_unknown_for_an_unknown_operation() -> None:
    """A call that nobody has thought of fails the evaluation by its name, whatever the policies allow."""
    everything = {"Statement": [{"Effect": "Allow", "Action": "*", "Resource": "*"}]}
    with pytest.raises(ValueError, match=r"publisher calls s3\.CopyObject, which RIGHTS does not have"):
        find_denied([everything], [to_call("s3.CopyObject", {})], ACCOUNT)


@pytest.mark.parametrize(
    ("parameters", "names"),
    [
        ({"Bucket": "failures", "Key": "a", "Body": b"SECRET"}, {"Bucket": "failures", "Key": "a"}),
        ({"Bucket": "failures", "Delete": {"Objects": [{"Key": "a"}]}}, {"Bucket": "failures", "Keys": ["a"]}),
        ({"TableName": "one", "Key": {"pk": {"S": "SECRET"}}}, {"TableName": "one"}),
        ({"RequestItems": {"one": {"Keys": [{"pk": {"S": "SECRET"}}]}}}, {"TableNames": ["one"]}),
        ({"SchemaId": {"SchemaArn": GLUE_SCHEMA}, "SchemaDefinition": "SECRET"}, {"SchemaArn": GLUE_SCHEMA}),
        (
            {"RegistryId": {"RegistryArn": GLUE_REGISTRY}, "SchemaName": "features"},
            {"RegistryArn": GLUE_REGISTRY, "SchemaName": "features"},
        ),
        ({"SecretId": "arn", "ClientRequestToken": "SECRET"}, {"SecretId": "arn"}),
    ],
)
def test_record__has_names_and_no_payload(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, parameters: dict[str, Any], names: dict[str, Any]
) -> None:
    """Neither what is stored nor an item's key is written down."""
    monkeypatch.setenv(FILE, str(tmp_path / "calls"))
    monkeypatch.setenv("AWS_LAMBDA_FUNCTION_NAME", "publisher")
    model = SimpleNamespace(service_model=SimpleNamespace(service_name="s3"), name="PutObject")
    record_call(parameters, model, {"client_region": "us-east-1"})
    (line,) = (tmp_path / "calls").read_text().splitlines()
    assert read_call(line) == RecordedCall("publisher", "s3", "PutObject", "us-east-1", names)
    assert "SECRET" not in json.dumps(line)
