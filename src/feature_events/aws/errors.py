"""Tells AWS's errors apart: what a person must change, and what may work later.

Every service has codes of its own for the same few causes, and a code does not say what to do; here, once, it does.
"""

from collections.abc import Mapping
from typing import TYPE_CHECKING, NamedTuple

from feature_events.errors import Misconfigured, Undelivered

if TYPE_CHECKING:
    from botocore.exceptions import BotoCoreError, ClientError

type AwsError = ClientError | BotoCoreError

_GRANT = "grant the function's role {action} on it, and the use of its KMS key where it has one"
_ROLE = "check that the function's role exists and that its account may use this service in this region"
_REQUEST = "check that the function's botocore and this application are of versions that fit together"
_BUCKET = (
    "check the settings of the failure bucket: it must be a general purpose bucket that takes plain PutObject requests"
)
_REGION = "set FAILURE_BUCKET to a bucket in the function's region"
_ACCOUNT = "check the state of the AWS account, for example its billing, or ask AWS Support"
_KEY = "check the KMS key that encrypts the bucket or the object"
_RETRY = ""
"""No operator need act: the same request may succeed later."""

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
        "InvalidObjectState": "restore the object from its archive, and let no lifecycle rule archive such objects",
        **dict.fromkeys(("400", "404", "NoSuchKey", "BadDigest", "IncompleteBody", "InternalError"), _RETRY),
        **dict.fromkeys(("OperationAborted", "ConditionalRequestConflict", "RequestTimeTooSkewed"), _RETRY),
        **dict.fromkeys(("SlowDown", "TemporaryRedirect", "TokenRefreshRequired"), _RETRY),
    },
    # What S3 passes on from KMS, without the `KMS.` that it puts before the code
    # https://docs.aws.amazon.com/kms/latest/APIReference/API_Decrypt.html and API_GenerateDataKey.html
    "kms": {
        "AccessDeniedException": "grant the function's role kms:GenerateDataKey and kms:Decrypt on the KMS key that "
        "encrypts the bucket or the object",
        "DisabledException": "enable the KMS key that encrypts the bucket or the object",
        "KMSInvalidStateException": f"{_KEY}: cancel its deletion, or finish its import or replication",
        "NotFoundException": "set the bucket's encryption to a KMS key that exists; an object whose key is deleted "
        "cannot be read any more",
        "InvalidKeyUsageException": "set the bucket's encryption to a symmetric KMS key for ENCRYPT_DECRYPT",
        **dict.fromkeys(("IncorrectKeyException", "InvalidCiphertextException", "InvalidGrantTokenException"), _KEY),
        "DryRunOperationException": _KEY,
        **dict.fromkeys(("DependencyTimeoutException", "KeyUnavailableException", "KMSInternalException"), _RETRY),
    },
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    "secretsmanager": {
        "DecryptionFailure": "grant the function's role kms:Decrypt on the secret's key, and enable that key",
        "ResourceNotFoundException": "create the secret, or set the variable to one that exists",
        "InvalidParameterException": "set the variable to the ARN of a secret",
        "InvalidRequestException": "restore the secret, or set the variable to one that is not deleted",
        **dict.fromkeys(("InternalServiceError", "InternalServiceErrorException"), _RETRY),
    },
    # https://docs.aws.amazon.com/amazondynamodb/latest/developerguide/Programming.Errors.html
    "dynamodb": {
        "ResourceNotFoundException": "name a table that exists in the function's account and region",
        "ValidationException": "check the table and its keys: they are not those that the request names",
        **dict.fromkeys(("InternalServerError", "ProvisionedThroughputExceededException"), _RETRY),
        "RequestLimitExceeded": _RETRY,
    },
    # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-schema-registry-api.html
    "glue": {
        "AccessDeniedException": "grant the function's role {action} on the registry and on the schema in it, both "
        "of which must be of its account",
        "EntityNotFoundException": "create the registry, or set SCHEMA_REGISTRY to one that exists",
        "InvalidInputException": "change the schema or the setting that Glue names",
        "ResourceNumberLimitExceededException": "have the account's quota raised, or delete what nobody needs",
        **dict.fromkeys(("AlreadyExistsException", "ConcurrentModificationException"), _RETRY),
        **dict.fromkeys(("InternalServiceException", "OperationTimeoutException"), _RETRY),
    },
}
"""What an operator must change, by service and code. A code that no table here has is decided by the caller."""

_KMS = "KMS."
"""What S3 puts before the code of an error that it got from KMS."""

# Their text says what is wrong with a request, and holds no more than the request
_EXPLAINED = frozenset({"InvalidInputException", "ResourceNumberLimitExceededException"})
_REASON_LENGTH = 1000
"""What is repeated of AWS's own explanation, in characters."""

_SERVER_ERRORS = 500


class Action(NamedTuple):
    """What AWS is asked to do."""

    name: str
    """As a policy grants it, such as `s3:GetObject`."""
    failure: str
    """What a message says where it fails, such as `KEY cannot be read`."""


def read_code(error: "ClientError") -> str:
    """AWS's code of an error; empty where it gave none."""
    return str(error.response.get("Error", {}).get("Code", ""))


def to_error(error: AwsError, action: Action, otherwise: str = "") -> Misconfigured | Undelivered:
    """What to do about an error of botocore's.

    Args:
        error: what was raised.
        action: what failed.
        otherwise: what to change where a refusal's code is not known here; where it is empty, that may work later.

    """
    from botocore.exceptions import ClientError

    if not isinstance(error, ClientError):
        return to_unanswered(type(error).__name__, action)
    status = error.response.get("ResponseMetadata", {}).get("HTTPStatusCode", 0)
    code = read_code(error)
    reason = _read_reason(error) if code in _EXPLAINED else ""
    return to_refused(code, action, otherwise, reason, is_server_error=status >= _SERVER_ERRORS)


def to_refused(
    code: str, action: Action, otherwise: str = "", reason: str = "", *, is_server_error: bool = False
) -> Misconfigured | Undelivered:
    """What to do about a refusal, by AWS's code and its own explanation; see `to_error`."""
    remedy = _find_remedy(code, action, otherwise).format(action=action.name)
    problem = f"{action.failure} ({code or 'an error without a code'}{reason and f': {reason}'})"
    if is_server_error or not remedy:
        return Undelivered(f"{problem}: try again later")
    return Misconfigured(f"{problem}: {remedy}")


def to_unanswered(reason: str, action: Action) -> Undelivered:
    """Nothing came back from AWS, for this reason."""
    service = _to_service(action)
    return Undelivered(
        f"{action.failure} ({reason}): check the network path to {service} "
        f"(in a VPC: a NAT gateway or an endpoint for {service}, their security groups, and DNS)"
    )


def _find_remedy(code: str, action: Action, otherwise: str) -> str:
    """Return what an operator must change; empty if the request may succeed later."""
    service = _to_service(action)
    if code.startswith(_KMS):
        service, code, otherwise = "kms", code.removeprefix(_KMS), otherwise or _KEY
    return _BY_SERVICE.get(service, {}).get(code, _COMMON.get(code, otherwise))


def _to_service(action: Action) -> str:
    return action.name.partition(":")[0]


def _read_reason(error: "ClientError") -> str:
    return " ".join(str(error.response["Error"].get("Message", "")).split())[:_REASON_LENGTH]
