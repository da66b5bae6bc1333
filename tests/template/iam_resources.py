"""The type of the table of calls, and ARNs of resources.

The resource types of each action:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping
from typing import NamedTuple

from local.environment import REGION
from tests.template.document import ACCOUNT, PLACE
from tests.template.expansion import STACK
from tests.template.iam_evaluation import BUCKET

type Calls = Mapping[str, tuple[str, ...]]
"""Actions, separated by spaces, and the resources of each call."""


class Case(NamedTuple):
    """Calls of a role with one set of parameters and one context of condition keys."""

    parameters: str
    role: str
    allowed: Calls
    denied: Calls
    context: Mapping[str, str] = {}


STREAM = "/stream/2026-01-01T00:00:00.000"


def tables(*names: str) -> tuple[str, ...]:
    """Return the ARNs of tables."""
    return tuple(f"arn:aws:dynamodb:{PLACE}:table/{name}" for name in names)


def streams(*names: str) -> tuple[str, ...]:
    """Return the ARNs of tables' streams."""
    return tuple(table + STREAM for table in tables(*names))


def objects(*keys: str) -> tuple[str, ...]:
    """Return the ARNs of objects in the failure bucket."""
    return tuple(f"arn:aws:s3:::{BUCKET}/{key}" for key in keys)


def log(function: str) -> str:
    """Return the ARN of a log stream of a function."""
    return f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/{STACK}{function}:log-stream:2026/01/01/[$LATEST]0"


def glue(registry: str, *schemas: str) -> tuple[str, ...]:
    """Return the ARNs of a Glue registry and of schemas in it."""
    account = f"arn:aws:glue:{PLACE}"
    return f"{account}:registry/{registry}", *(f"{account}:schema/{registry}/{schema}" for schema in schemas)


def via(service: str) -> dict[str, str]:
    """Return the context of a call to KMS by another service on behalf of the role."""
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


ELSEWHERE = (
    f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/one",
    f"arn:aws:dynamodb:{REGION}:210987654321:table/one",
)
"""Tables with the same name in another region or account."""
OWN = ("user_feature_store", "account_feature_store")
BOTH = "own and attached tables"
WRITES = "dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem dynamodb:BatchWriteItem dynamodb:DeleteTable"
READS_STREAM = "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator"
SCANS = "dynamodb:DescribeTable dynamodb:Scan dynamodb:BatchGetItem"
LOGS = "logs:CreateLogStream logs:PutLogEvents"
SENDERS = ("FunctionRole", "RedriveRole", "BackfillRole")
ALL_OBJECTS = objects("dead-letters/one", "aws/lambda/one", "redriven/one", "backfills/one", "one")
OTHER_BUCKET = "arn:aws:s3:::another-bucket"
