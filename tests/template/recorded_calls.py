"""Calls that deployed functions made on the local stack, and the rights that they require.

The actions and resource types of each operation:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

import json
from collections.abc import Callable, Iterable, Mapping, Sequence
from types import MappingProxyType
from typing import Any, NamedTuple

from tests.template.iam_evaluation import Context, Document, is_allowed

DEFAULT_REGISTRY = "default-registry"


class RecordedCall(NamedTuple):
    """A call, as local/servers/function_calls.py records it."""

    function: str
    service: str
    operation: str
    region: str
    names: Mapping[str, Any]


class Right(NamedTuple):
    """An action on a resource, in a context of condition keys."""

    action: str
    resource: str
    context: Context = MappingProxyType({})


type ToRights = Callable[[RecordedCall, str], list[Right]]
"""A function that returns the rights that a call requires in an account."""


def read_call(line: str) -> RecordedCall:
    """Parse one line of the record."""
    return RecordedCall(**json.loads(line))


def _on_object(action: str) -> ToRights:
    return lambda call, _: [Right(action, f"arn:aws:s3:::{call.names['Bucket']}/{call.names['Key']}")]


def _on_objects(action: str) -> ToRights:
    return lambda call, _: [Right(action, f"arn:aws:s3:::{call.names['Bucket']}/{key}") for key in call.names["Keys"]]


def _on_bucket(call: RecordedCall, prefix: str | None) -> Right:
    context = {} if prefix is None else {"s3:prefix": prefix}
    return Right("s3:ListBucket", f"arn:aws:s3:::{call.names['Bucket']}", context)


def _read_object(call: RecordedCall, account: str) -> list[Right]:
    """Return the rights for an object that may be missing. Without ListBucket, S3 denies access to a missing object.

    https://docs.aws.amazon.com/AmazonS3/latest/API/API_GetObject.html
    """
    return [*_on_object("s3:GetObject")(call, account), _on_bucket(call, call.names["Key"])]


def _on_tables(call: RecordedCall, account: str) -> list[Right]:
    tables = call.names.get("TableNames") or [call.names["TableName"]]
    place = f"arn:aws:dynamodb:{call.region}:{account}:table"
    arns = [table if table.startswith("arn:") else f"{place}/{table}" for table in tables]
    return [Right(f"dynamodb:{call.operation}", arn) for arn in arns]


def _on_schema(call: RecordedCall, account: str) -> list[Right]:
    """Return the rights on a schema and on its registry."""
    place = f"arn:aws:glue:{call.region}:{account}"
    names = call.names
    if "SchemaArn" in names:
        schema = names["SchemaArn"]
        registry = schema.replace(":schema/", ":registry/").rpartition("/")[0]
    else:
        registry = names.get("RegistryArn") or f"{place}:registry/{names.get('RegistryName', DEFAULT_REGISTRY)}"
        schema = f"{registry.replace(':registry/', ':schema/')}/{names['SchemaName']}"
    return [Right(f"glue:{call.operation}", arn) for arn in (registry, schema)]


RIGHTS: Mapping[str, ToRights] = {
    "s3.PutObject": _on_object("s3:PutObject"),
    "s3.GetObject": _read_object,
    "s3.HeadObject": _read_object,
    "s3.DeleteObjects": _on_objects("s3:DeleteObject"),
    "s3.ListObjectsV2": lambda call, _: [_on_bucket(call, call.names.get("Prefix"))],
    **dict.fromkeys(
        ("dynamodb.DescribeTable", "dynamodb.GetItem", "dynamodb.Scan", "dynamodb.BatchGetItem"), _on_tables
    ),
    **dict.fromkeys(
        ("glue.GetSchemaByDefinition", "glue.GetSchemaVersion", "glue.CreateSchema", "glue.RegisterSchemaVersion"),
        _on_schema,
    ),
}
"""The rights for each service and operation, as botocore names them."""


def is_optional(call: RecordedCall) -> bool:
    """Return whether a function handles the denial of a call as normal: the preflight check passes without items."""
    return call.operation == "Scan" and not call.function.endswith("-backfill")


def to_rights(call: RecordedCall, account: str) -> list[Right]:
    """Return the rights that a call requires in this account.

    Raises:
        ValueError: RIGHTS lacks the operation.

    """
    operation = f"{call.service}.{call.operation}"
    if operation not in RIGHTS:
        raise ValueError(f"{call.function} calls {operation}, which RIGHTS lacks")
    return RIGHTS[operation](call, account)


def find_denied(documents: Sequence[Document], calls: Iterable[RecordedCall], account: str) -> list[Right]:
    """Return the rights that calls require and policies do not allow."""
    return [
        right
        for call in calls
        if not is_optional(call)
        for right in to_rights(call, account)
        if not is_allowed(documents, right.action, right.resource, right.context)
    ]
