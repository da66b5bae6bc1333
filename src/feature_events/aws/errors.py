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

_REMEDIES: Mapping[str, str] = {
    "AccessDenied": _GRANT,
    "AccessDeniedException": _GRANT,
    "403": _GRANT,  # S3's answer to HEAD has no body to name the code
}

_REMEDIES_BY_SERVICE: Mapping[str, Mapping[str, str]] = {
    "s3": {"NoSuchBucket": "set DEAD_LETTER_BUCKET to the failure bucket"},
    # https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    "secretsmanager": {
        "DecryptionFailure": "grant the function's role kms:Decrypt on the secret's key",
        "ResourceNotFoundException": "create the secret, or set the variable to one that exists",
        "InvalidRequestException": "restore the secret, or set the variable to one that is not deleted",
    },
    # https://docs.aws.amazon.com/glue/latest/dg/aws-glue-api-schema-registry-api.html
    "glue": {
        "AccessDeniedException": "grant the function's role {action} on the registry and on the schema in it, both "
        "of which must be of its account",
        "EntityNotFoundException": "create the registry, or set SCHEMA_REGISTRY to one that exists",
        "InvalidInputException": "change the schema or the setting that Glue names",
        "ResourceNumberLimitExceededException": "have the account's quota raised, or delete what nobody needs",
    },
}

# Their text says what is wrong with a request, and holds no more than the request
_EXPLAINED = frozenset({"InvalidInputException", "ResourceNumberLimitExceededException"})
_REASON_LENGTH = 1000
"""What is repeated of AWS's own explanation, in characters."""

# Where unknown refusals are for a person too, as Secrets Manager's are, these are known to be none
_EPHEMERAL = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "InternalServiceError",
        "InternalServiceErrorException",
        "InternalServiceException",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
        "OperationTimeoutException",
        "ConcurrentModificationException",
    }
)
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
    of_service = _REMEDIES_BY_SERVICE.get(_to_service(action), {})
    remedy = (of_service.get(code) or _REMEDIES.get(code, otherwise)).format(action=action.name)
    problem = f"{action.failure} ({code or 'an error without a code'}{reason and f': {reason}'})"
    if is_server_error or code in _EPHEMERAL or not remedy:
        return Undelivered(f"{problem}: try again later")
    return Misconfigured(f"{problem}: {remedy}")


def to_unanswered(reason: str, action: Action) -> Undelivered:
    """Nothing came back from AWS, for this reason."""
    service = _to_service(action)
    return Undelivered(
        f"{action.failure} ({reason}): check the network path to {service} "
        f"(in a VPC: a NAT gateway or an endpoint for {service}, their security groups, and DNS)"
    )


def _to_service(action: Action) -> str:
    return action.name.partition(":")[0]


def _read_reason(error: "ClientError") -> str:
    return " ".join(str(error.response["Error"].get("Message", "")).split())[:_REASON_LENGTH]
