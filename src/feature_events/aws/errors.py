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
    "NoSuchBucket": "set DEAD_LETTER_BUCKET to the failure bucket",
    # Secrets Manager's: https://docs.aws.amazon.com/secretsmanager/latest/apireference/API_GetSecretValue.html
    "DecryptionFailure": "grant the function's role kms:Decrypt on the secret's key",
    "ResourceNotFoundException": "create the secret, or set the variable to one that exists",
    "InvalidRequestException": "restore the secret, or set the variable to one that is not deleted",
}

# Where unknown refusals are for a person too, as Secrets Manager's are, these are known to be none
_EPHEMERAL = frozenset(
    {
        "ThrottlingException",
        "Throttling",
        "TooManyRequestsException",
        "InternalServiceError",
        "InternalServiceErrorException",
        "InternalFailure",
        "ServiceUnavailable",
        "RequestTimeout",
        "RequestTimeoutException",
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
    return to_refused(read_code(error), action, otherwise, is_server_error=status >= _SERVER_ERRORS)


def to_refused(
    code: str, action: Action, otherwise: str = "", *, is_server_error: bool = False
) -> Misconfigured | Undelivered:
    """What to do about a refusal, by AWS's code; see `to_error`."""
    remedy = _REMEDIES.get(code, otherwise).format(action=action.name)
    problem = f"{action.failure} ({code or 'an error without a code'})"
    if is_server_error or code in _EPHEMERAL or not remedy:
        return Undelivered(f"{problem}: try again later")
    return Misconfigured(f"{problem}: {remedy}")


def to_unanswered(reason: str, action: Action) -> Undelivered:
    """Nothing came back from AWS, for this reason."""
    service = action.name.partition(":")[0]
    return Undelivered(
        f"{action.failure} ({reason}): check the network path to {service} "
        f"(in a VPC: a NAT gateway or an endpoint for {service}, their security groups, and DNS)"
    )
