"""Classify AWS's errors: either an operator must act, or the call may succeed later.

Services have different codes for the same causes, and a code has no remedy. This module has the remedies.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from feature_events.errors import Misconfigured, Undelivered

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

type AwsError = ClientError | BotoCoreError

_GRANT = (
    "grant the function's role {action} on this resource; if a KMS key encrypts the resource, also grant use of the key"
)
_ROLE = "check that the function's role exists and that its account may use this service in this region"
_REQUEST = "check that the versions of the function's botocore and of this application are compatible"
_BUCKET = (
    "check the settings of the failure bucket: it must be a general purpose bucket that accepts plain PutObject calls"
)
_REGION = "set FAILURE_BUCKET to a bucket in the function's region"
_ACCOUNT = "check the state of the AWS account, for example its billing, or contact AWS Support"
_KEY = "check the KMS key that encrypts the bucket or the object"
_RETRY = ""
"""The remedy of errors after which the same call may succeed later."""

_COMMON: Mapping[str, str] = {
    # https://docs.aws.amazon.com/IAM/latest/APIReference/CommonErrors.html
    **dict.fromkeys(("AccessDenied", "AccessDeniedException", "NotAuthorized"), _GRANT),
    **dict.fromkeys(("OptInRequired", "UnrecognizedClientException", "InvalidClientTokenId"), _ROLE),
    **dict.fromkeys(("IncompleteSignature", "MissingAuthenticationToken", "SignatureDoesNotMatch"), _ROLE),
    **dict.fromkeys(("MalformedHttpRequestException", "RequestEntityTooLargeException"), _REQUEST),
    **dict.fromkeys(("UnknownOperationException", "ValidationError"), _REQUEST),
    # Lambda renews a role's credentials and sets the clock
    **dict.fromkeys(("ExpiredTokenException", "ExpiredToken", "RequestExpired"), _RETRY),
    **dict.fromkeys(("InternalFailure", "RequestAbortedException", "ServiceUnavailable"), _RETRY),
    **dict.fromkeys(("RequestTimeout", "RequestTimeoutException"), _RETRY),
    **dict.fromkeys(
        ("Throttling", "ThrottlingException", "TooManyRequestsException", "LimitExceededException"), _RETRY
    ),
}

_BY_SERVICE: Mapping[str, Mapping[str, str]] = {
    # https://docs.aws.amazon.com/AmazonS3/latest/API/ErrorResponses.html
    "s3": {
        "403": _GRANT,  # HEAD: its response has no body to name the code
        **dict.fromkeys(("NoSuchBucket", "InvalidBucketName"), "set FAILURE_BUCKET to the failure bucket"),
        **dict.fromkeys(("301", "PermanentRedirect", "AuthorizationHeaderMalformed"), _REGION),
        **dict.fromkeys(("AccountProblem", "AllAccessDisabled", "NotSignedUp"), _ACCOUNT),
        **dict.fromkeys(("InvalidAccessKeyId", "InvalidToken", "InvalidSecurity"), _ROLE),
        **dict.fromkeys(("InvalidRequest", "EncryptionTypeMismatch", "InvalidWriteOffset", "TooManyParts"), _BUCKET),
        **dict.fromkeys(("InvalidArgument", "MethodNotAllowed", "NotImplemented"), _BUCKET),
        "InvalidObjectState": "restore the object from its archive, and exclude such objects from lifecycle rules",
        **dict.fromkeys(("400", "404", "NoSuchKey", "BadDigest", "IncompleteBody", "InternalError"), _RETRY),
        **dict.fromkeys(("OperationAborted", "ConditionalRequestConflict", "RequestTimeTooSkewed"), _RETRY),
        **dict.fromkeys(("SlowDown", "TemporaryRedirect", "TokenRefreshRequired"), _RETRY),
    },
    # KMS errors that S3 returns with the prefix `KMS.`
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html and API_GenerateDataKey.html
    "kms": {
        "AccessDeniedException": "grant the function's role kms:GenerateDataKey and kms:Decrypt on the KMS key that "
        "encrypts the bucket or the object",
        "DisabledException": "enable the KMS key that encrypts the bucket or the object",
        "KMSInvalidStateException": f"{_KEY}: cancel its deletion, or finish its import or replication",
        "NotFoundException": "set the bucket's encryption to a KMS key that exists; an object whose key is deleted "
        "can no longer be read",
        "InvalidKeyUsageException": "set the bucket's encryption to a symmetric KMS key for ENCRYPT_DECRYPT",
        **dict.fromkeys(("IncorrectKeyException", "InvalidCiphertextException", "InvalidGrantTokenException"), _KEY),
        "DryRunOperationException": _KEY,
        **dict.fromkeys(("DependencyTimeoutException", "KeyUnavailableException", "KMSInternalException"), _RETRY),
    },
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    "secretsmanager": {
        "DecryptionFailure": "grant the function's role kms:Decrypt on the secret's key, and enable that key",
        "ResourceNotFoundException": "create the secret, or set the parameter to an existing one",
        "InvalidParameterException": "set the parameter to the ARN of a secret",
        "InvalidRequestException": "restore the secret, or set the parameter to one that is not deleted",
        **dict.fromkeys(("InternalServiceError", "InternalServiceErrorException"), _RETRY),
    },
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    "dynamodb": {
        "ResourceNotFoundException": "name an existing table in the function's account and region",
        "ValidationException": "check the table and its keys: they do not match the request",
        **dict.fromkeys(("InternalServerError", "ProvisionedThroughputExceededException"), _RETRY),
        "RequestLimitExceeded": _RETRY,
    },
    # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-schema-registry-api.html
    "glue": {
        "AccessDeniedException": "grant the function's role {action} on the registry and on the schema in it; both "
        "must be in the function's account",
        "EntityNotFoundException": "create the registry, or set SchemaRegistry (SCHEMA_REGISTRY) to an existing one",
        "InvalidInputException": "change the schema or the setting in Glue's message",
        "ResourceNumberLimitExceededException": "request a higher quota, or delete unused schemas and versions",
        **dict.fromkeys(("AlreadyExistsException", "ConcurrentModificationException"), _RETRY),
        **dict.fromkeys(("InternalServiceException", "OperationTimeoutException"), _RETRY),
    },
}
"""Remedies by service and code. For a code that is in neither table, the caller's default applies."""

_KMS = "KMS."
"""S3's prefix for the codes of KMS errors."""

# Errors whose message explains the request's mistake, and contains nothing else
_EXPLAINED = frozenset({"InvalidInputException", "ResourceNumberLimitExceededException"})
_REASON_LENGTH = 1000
"""The most characters to repeat of AWS's message."""

_SERVER_ERRORS = 500


class Action(NamedTuple):
    """An AWS action."""

    name: str
    """The name in IAM policies, such as `s3:GetObject`."""
    failure: str
    """The start of the message if it fails, such as `KEY cannot be read`."""


def read_code(error: "ClientError") -> str:
    """Return AWS's error code. Empty if the response has none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def classify_error(error: AwsError, action: Action, default_remedy: str = "") -> Misconfigured | Undelivered:
    """Convert an error from botocore to Misconfigured or Undelivered.

    Args:
        error: botocore's error.
        action: the action that failed.
        default_remedy: the remedy for unknown codes. If it is empty, they count as temporary.

    """
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return make_unreached_error(type(error).__name__, action)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = read_code(error)
    reason = _read_reason(error) if code in _EXPLAINED else ""
    return classify_refusal(code, action, default_remedy, reason, is_server_error=status >= _SERVER_ERRORS)


def classify_refusal(
    code: str, action: Action, default_remedy: str = "", reason: str = "", *, is_server_error: bool = False
) -> Misconfigured | Undelivered:
    """Convert an error response to Misconfigured or Undelivered, by its code; see `classify_error`."""
    remedy = _find_remedy(code, action, default_remedy).format(action=action.name)
    problem = f"{action.failure} ({code or 'an error without a code'}{reason and f': {reason}'})"
    if is_server_error or not remedy:
        return Undelivered(f"{problem}: try again later")
    return Misconfigured(f"{problem}: {remedy}")


def make_unreached_error(reason: str, action: Action) -> Undelivered:
    """Return the error for a call without a response."""
    service = _to_service(action)
    return Undelivered(
        f"{action.failure} ({reason}): check the network path to {service} "
        f"(in a VPC: a NAT gateway or an endpoint for {service}, their security groups, and DNS)"
    )


def _find_remedy(code: str, action: Action, default_remedy: str) -> str:
    """Return the remedy. Empty if the call may succeed later."""
    service = _to_service(action)
    if code.startswith(_KMS):
        service, code, default_remedy = "kms", code.removeprefix(_KMS), default_remedy or _KEY
    return _BY_SERVICE.get(service, {}).get(code, _COMMON.get(code, default_remedy))


def _to_service(action: Action) -> str:
    return action.name.partition(":")[0]


def _read_reason(error: "ClientError") -> str:
    return " ".join(str(error.response["Error"].get("Message", "")).split())[:_REASON_LENGTH]
