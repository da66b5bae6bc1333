"""Every documented error code of each request to AWS is classified, so that none is retried or refused by accident."""

import ast
import re
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import xform_name

from feature_events.aws.errors import Action, to_refused
from local.paths import ROOT

SERVICES = ("dynamodb", "glue", "s3", "secretsmanager")
TREES = [ast.parse(path.read_text()) for path in sorted((ROOT / "src" / "feature_events").rglob("*.py"))]
NODES = [node for tree in TREES for node in ast.walk(tree)]
CALLS = [node for node in NODES if isinstance(node, ast.Call)]
CLIENT = re.compile(r"(client|s3|dynamodb)(\(.*\))?$")
"""What the package calls its clients, or the call that makes one."""

COMMON = (
    "AccessDeniedException ExpiredTokenException IncompleteSignature InternalFailure MalformedHttpRequestException "
    "NotAuthorized OptInRequired RequestAbortedException RequestEntityTooLargeException RequestExpired "
    "RequestTimeoutException ServiceUnavailable ThrottlingException UnrecognizedClientException "
    "UnknownOperationException ValidationError "
)
"""https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html"""

OF_S3 = (
    "AccessDenied AccountProblem AllAccessDisabled AuthorizationHeaderMalformed BadDigest ExpiredToken "
    "IncompleteBody InternalError InvalidAccessKeyId InvalidArgument InvalidBucketName InvalidObjectState "
    "InvalidRequest InvalidSecurity InvalidToken MethodNotAllowed NoSuchBucket NoSuchKey NotImplemented NotSignedUp "
    "OperationAborted PermanentRedirect RequestTimeTooSkewed RequestTimeout ServiceUnavailable "
    "SignatureDoesNotMatch SlowDown TemporaryRedirect TokenRefreshRequired 400 403 404 301 "
)
"""Those that requests for objects can meet: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

The numbers are those of HEAD, whose response has no body.
"""

OF_DYNAMODB = ["ValidationException"]
"""Documented, and not in its model: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


def find_operations() -> Iterator[tuple[str, str]]:
    """Yield each operation that the package's source names, with its service."""
    used = [node for node in NODES if isinstance(node, ast.Attribute) and CLIENT.search(ast.unparse(node.value))]
    names = {node.attr for node in used}
    names |= {ast.literal_eval(call.args[0]) for call in CALLS if ast.unparse(call.func).endswith(".get_paginator")}
    session = botocore.session.get_session()
    for service in SERVICES:
        operations = session.get_service_model(service).operation_names
        yield from ((service, each) for each in operations if xform_name(each) in names)


def read_codes(service: str, operation: str) -> list[str]:
    """Return the codes of the errors that AWS's model of an operation has."""
    model = botocore.session.get_session().get_service_model(service).operation_model(operation)
    return [shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes]


OPERATIONS = sorted(find_operations())
MODELLED = sorted({(service, code) for service, operation in OPERATIONS for code in read_codes(service, operation)})
# With SSE-KMS, S3 makes these requests on behalf of the caller of PutObject and GetObject
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
OF_KMS = sorted(
    {f"KMS.{code}" for operation in ("Decrypt", "GenerateDataKey") for code in read_codes("kms", operation)}
)


def test_find_operations__finds_those_of_every_client() -> None:
    """The clients that the package makes are the services whose models are read here, and each is asked something."""
    made = {ast.literal_eval(call.args[0]) for call in CALLS if ast.unparse(call.func) == "boto3.client"}
    assert made == set(SERVICES)
    assert {service for service, _ in OPERATIONS} == set(SERVICES)
    assert ("s3", "ListObjectsV2") in OPERATIONS  # by a paginator


@pytest.mark.parametrize(
    ("service", "code"),
    [
        *MODELLED,
        *(("s3", code) for code in [*OF_KMS, *OF_S3.split()]),
        *(("dynamodb", code) for code in OF_DYNAMODB),
        *((service, code) for service in SERVICES for code in COMMON.split()),
    ],
)
def test_to_refused__classifies_every_documented_code(service: str, code: str) -> None:
    """The result is that of the table, whatever the caller would say of an unknown code."""
    action = Action(f"{service}:Operation", "it fails")
    found = [to_refused(code, action, otherwise) for otherwise in ("", "an unknown code")]
    assert "an unknown code" not in str(found[1])
    assert type(found[0]) is type(found[1])
    assert str(found[0]) == str(found[1])
