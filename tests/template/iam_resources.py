"""The form of the table of calls, and the ARNs of what is called.

Which resource a service authorizes an action on:
https://docs.aws.amazon.com/service-authorization/latest/reference/reference_policies_actions-resources-contextkeys.html
"""

from collections.abc import Mapping
from typing import NamedTuple

from local.environment import REGION
from tests.template.expansion import ACCOUNT, STACK
from tests.template.iam_evaluation import BUCKET

type Calls = Mapping[str, tuple[str, ...]]
"""Actions, separated by spaces -> the resources that each of them is called on."""


class Case(NamedTuple):
    """Calls of one role under one set of parameters and in one context."""

    parameters: str
    role: str
    allowed: Calls
    denied: Calls
    context: Mapping[str, str] = {}


PLACE = f"{REGION}:{ACCOUNT}"
STREAM = "/stream/2026-01-01T00:00:00.000"


def tables(*names: str) -> tuple[str, ...]:
    """Tables of the account."""
    return tuple(f"arn:aws:dynamodb:{PLACE}:table/{name}" for name in names)


def streams(*names: str) -> tuple[str, ...]:
    """Streams of tables of the account."""
    return tuple(table + STREAM for table in tables(*names))


def objects(*keys: str) -> tuple[str, ...]:
    """Objects of the failure bucket."""
    return tuple(f"arn:aws:s3:::{BUCKET}/{key}" for key in keys)


def log(function: str) -> str:
    """A log stream of a function of the stack."""
    return f"arn:aws:logs:{PLACE}:log-group:/aws/lambda/{STACK}{function}:log-stream:2026/01/01/[$LATEST]0"


def glue(registry: str, *schemas: str) -> tuple[str, ...]:
    """A Glue registry and schemas in it."""
    account = f"arn:aws:glue:{PLACE}"
    return f"{account}:registry/{registry}", *(f"{account}:schema/{registry}/{schema}" for schema in schemas)


def via(service: str) -> dict[str, str]:
    """The context of a call to KMS that another service makes for the role."""
    return {"kms:ViaService": f"{service}.{REGION}.amazonaws.com"}


ELSEWHERE = (
    f"arn:aws:dynamodb:eu-west-1:{ACCOUNT}:table/one",
    f"arn:aws:dynamodb:{REGION}:210987654321:table/one",
)
"""Tables of the same name in another region and account."""
OWN = ("user_feature_store", "account_feature_store")
BOTH = "own and attached tables"
WRITES = "dynamodb:PutItem dynamodb:UpdateItem dynamodb:DeleteItem dynamodb:BatchWriteItem dynamodb:DeleteTable"
READS_STREAM = "dynamodb:DescribeStream dynamodb:GetRecords dynamodb:GetShardIterator"
SCANS = "dynamodb:DescribeTable dynamodb:Scan dynamodb:BatchGetItem"
LOGS = "logs:CreateLogStream logs:PutLogEvents"
SENDERS = ("FunctionRole", "RedriveRole", "BackfillRole")
ALL_OBJECTS = objects("dead-letters/one", "aws/lambda/one", "redriven/one", "backfills/one", "one")
OTHER_BUCKET = "arn:aws:s3:::another-bucket"
