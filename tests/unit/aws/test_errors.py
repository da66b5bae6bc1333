"""AWS's errors are classified by code and status, and each message contains the action, the code and the remedy.

Every documented error code of each call is classified, so that none is retried or refused by accident.
"""

import ast
import re
from collections.abc import Iterator

import botocore.session
import pytest
from botocore import xform_name
from botocore.exceptions import ClientError, EndpointConnectionError

from feature_events.aws.errors import Action, classify_error, classify_refusal
from feature_events.errors import Misconfigured, Undelivered
from local.paths import ROOT

READ = Action("s3:GetObject", "dead-letters/1.json cannot be read")


@pytest.mark.parametrize(
    ("code", "status", "default_remedy", "error", "text"),
    [
        ("AccessDenied", 403, "", Misconfigured, "grant the function's role s3:GetObject on this"),
        ("403", 403, "", Misconfigured, "grant the function's role s3:GetObject on this"),
        ("NoSuchBucket", 404, "", Misconfigured, "set FAILURE_BUCKET"),
        ("NoSuchBucket", 503, "", Undelivered, "try again later"),
        ("SlowDown", 503, "", Undelivered, "try again later"),
        ("SomethingNew", 400, "", Undelivered, "try again later"),
        ("SomethingNew", 400, "check it", Misconfigured, "check it"),
        ("SomethingNew", 500, "check it", Undelivered, "try again later"),
        ("ThrottlingException", 400, "check it", Undelivered, "try again later"),
        ("RequestTimeTooSkewed", 403, "check it", Undelivered, "try again later"),
        ("InvalidObjectState", 403, "", Misconfigured, "restore the object from its archive"),
        ("KMS.DisabledException", 400, "", Misconfigured, "enable the KMS key that encrypts the bucket or the object"),
        ("KMS.NotFoundException", 400, "", Misconfigured, "set the bucket's encryption to a KMS key that exists"),
        ("KMS.KMSInvalidStateException", 400, "", Misconfigured, "check the KMS key"),
        ("KMS.AccessDeniedException", 403, "", Misconfigured, "grant the function's role kms:GenerateDataKey and"),
        ("KMS.UnrecognizedClientException", 400, "", Misconfigured, "check that the function's role exists"),
        ("KMS.SomethingNew", 400, "", Misconfigured, "check the KMS key that encrypts the bucket or the object"),
        ("KMS.SomethingNew", 500, "", Undelivered, "try again later"),
        ("KMS.ThrottlingException", 400, "check it", Undelivered, "try again later"),
        ("KMS.KeyUnavailableException", 400, "", Undelivered, "try again later"),
    ],
)
def test_classify_error__chooses_by_code_and_status(
    code: str, status: int, default_remedy: str, error: type[Exception], text: str
) -> None:
    """An error is Misconfigured if an operator must act, and Undelivered if the call may succeed later.

    A KMS key that is disabled, deleted or missing is not restored in time. S3 reports it as `KMS.` with KMS's code:
    https://github.com/aws/aws-cli/issues/4507, https://github.com/localstack/localstack/issues/8422
    """
    answer = {"Error": {"Code": code, "Message": "hidden"}, "ResponseMetadata": {"HTTPStatusCode": status}}
    found = classify_error(ClientError(answer, "GetObject"), READ, default_remedy)  # type: ignore[arg-type]  # has the parts that are used
    assert type(found) is error
    assert str(found).startswith(f"dead-letters/1.json cannot be read ({code}): {text}")


@pytest.mark.parametrize(
    ("action", "code", "text"),
    [
        ("secretsmanager:GetSecretValue", "ResourceNotFoundException", "create the secret"),
        ("dynamodb:Scan", "ResourceNotFoundException", "name an existing table"),
        ("glue:GetSchemaVersion", "AccessDeniedException", "role glue:GetSchemaVersion on the registry and on"),
        ("secretsmanager:GetSecretValue", "AccessDeniedException", "grant the function's role secretsmanager:Get"),
        ("glue:CreateSchema", "EntityNotFoundException", "create the registry"),
    ],
)
def test_classify_error__depends_on_the_service(action: str, code: str, text: str) -> None:
    """The remedy for a code can differ between services."""
    answer = {"Error": {"Code": code, "Message": "hidden"}, "ResponseMetadata": {"HTTPStatusCode": 400}}
    error = ClientError(answer, "Operation")  # type: ignore[arg-type]  # has the parts that are used
    assert f"({code}): " in str(classify_error(error, Action(action, "it fails"), "check it"))
    assert text in str(classify_error(error, Action(action, "it fails"), "check it"))


def test_classify_error__repeats_the_reason_for_an_invalid_request() -> None:
    """AWS's text is repeated on one line, and shortened."""
    answer = {"Error": {"Code": "InvalidInputException", "Message": f"no\nAvro {'x' * 2000}"}}
    error = ClientError(answer, "CreateSchema")  # type: ignore[arg-type]  # has the parts that are used
    text = str(classify_error(error, Action("glue:CreateSchema", "it fails")))
    assert text.startswith("it fails (InvalidInputException: no Avro xxx")
    assert len(text) < 1200


def test_classify_error__suggests_to_check_the_network_path() -> None:
    """Without a response, the message contains the service."""
    found = classify_error(EndpointConnectionError(endpoint_url="https://s3"), READ)
    assert type(found) is Undelivered
    assert str(found) == (
        "dead-letters/1.json cannot be read (EndpointConnectionError): check the network path to s3 "
        "(in a VPC: a NAT gateway or an endpoint for s3, their security groups, and DNS)"
    )


def test_classify_refusal__accepts_an_error_without_a_code() -> None:
    """An error without a code counts as temporary."""
    assert (
        str(classify_refusal("", READ))
        == "dead-letters/1.json cannot be read (an error without a code): try again later"
    )


SERVICES = ("dynamodb", "glue", "s3", "secretsmanager")
TREES = [ast.parse(path.read_text()) for path in sorted((ROOT / "src" / "feature_events").rglob("*.py"))]
NODES = [node for tree in TREES for node in ast.walk(tree)]
CALLS = [node for node in NODES if isinstance(node, ast.Call)]
CLIENT = re.compile(r"(client|s3|dynamodb)(\(.*\))?$")
"""The package's names for clients, or the call that creates one."""

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
"""The codes of requests for objects: https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html

The numbers are those of HEAD, whose response has no body.
"""

OF_DYNAMODB = ["ValidationException"]
"""Codes that are documented but not in the model: https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html"""


SESSION = botocore.session.get_session()


def find_operations() -> Iterator[tuple[str, str]]:
    """Yield each operation that the package's source uses, with its service."""
    used = [node for node in NODES if isinstance(node, ast.Attribute) and CLIENT.search(ast.unparse(node.value))]
    names = {node.attr for node in used}
    names |= {ast.literal_eval(call.args[0]) for call in CALLS if ast.unparse(call.func).endswith(".get_paginator")}
    for service in SERVICES:
        operations = SESSION.get_service_model(service).operation_names
        yield from ((service, each) for each in operations if xform_name(each) in names)


def read_codes(service: str, operation: str) -> list[str]:
    """Return the error codes in AWS's model of an operation."""
    model = SESSION.get_service_model(service).operation_model(operation)
    return [shape.metadata.get("error", {}).get("code", shape.name) for shape in model.error_shapes]


OPERATIONS = sorted(find_operations())
MODELLED = sorted({(service, code) for service, operation in OPERATIONS for code in read_codes(service, operation)})
# With SSE-KMS, S3 makes these requests on behalf of the caller of PutObject and GetObject
# https://docs.aws.amazon.com/AmazonS3/latest/userguide/UsingKMSEncryption.html
OF_KMS = sorted(
    {f"KMS.{code}" for operation in ("Decrypt", "GenerateDataKey") for code in read_codes("kms", operation)}
)


def test_find_operations__finds_operations_of_every_client() -> None:
    """Every client that the package creates has an operation in this list."""
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
def test_classify_refusal__classifies_every_documented_code(service: str, code: str) -> None:
    """The result does not depend on the caller's default remedy, which is for unknown codes."""
    action = Action(f"{service}:Operation", "it fails")
    found = [classify_refusal(code, action, default_remedy) for default_remedy in ("", "an unknown code")]
    assert "an unknown code" not in str(found[1])
    assert type(found[0]) is type(found[1])
    assert str(found[0]) == str(found[1])
