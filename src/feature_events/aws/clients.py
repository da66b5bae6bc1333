"""Create AWS clients with suitable timeouts and retries, and limit the time of each call.

The stream function has seconds, and Lambda retries it. A run (a redrive or backfill) has minutes and retries its calls.
Importing boto3 takes longer than all other imports together, so it is imported when the first client is created.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from feature_events.aws.errors import Action, classify_error, make_unreached_error, read_code
from feature_events.deadline import run_within
from feature_events.errors import Misconfigured

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

PARALLEL = 16
"""The number of concurrent calls of a run."""

REQUEST_SECONDS = 30.0
"""The maximum duration of a call, including retries, in seconds."""

_PATIENT_ATTEMPTS = 8


def make_secrets_client(region: str) -> "SecretsManagerClient":
    """Return a Secrets Manager client for the stream function, which cannot start without its secrets."""
    import boto3

    return boto3.client("secretsmanager", region_name=region, config=_make_short_config(attempts=2))


def make_glue_client(region: str | None) -> "GlueClient":
    """Return a Glue client. Without a region, it uses the function's."""
    import boto3

    return boto3.client("glue", region_name=region, config=_make_short_config(attempts=2, read_seconds=4))


def make_dead_letter_client() -> "S3Client":
    """Return an S3 client for the stream function, without retries: Lambda retries the record."""
    import boto3

    return boto3.client("s3", config=_make_short_config(attempts=1))


def make_failure_store_client() -> "S3Client":
    """Return an S3 client for runs."""
    import boto3

    return boto3.client("s3", config=_make_patient_config())


def make_tables_client(attempts: int = _PATIENT_ATTEMPTS) -> "DynamoDBClient":
    """Return a DynamoDB client for runs. It attempts a throttled request this often."""
    import boto3

    return boto3.client("dynamodb", config=_make_patient_config(attempts))


def call[T](request: Callable[[], T], action: Action) -> T:
    """Return the result of a run's call, within `REQUEST_SECONDS`. Raises the same as `call_within`."""
    return call_within(REQUEST_SECONDS, request, action)


def call_or_none[T](
    request: Callable[[], T],
    action: Action,
    absent: Collection[str],
    seconds: float | None = None,
    default_remedy: str = "",
) -> T | None:
    """Return the result of a call, or None if it fails with a code in `absent`. Raises the same as `call_within`."""
    return call_within(
        REQUEST_SECONDS if seconds is None else seconds, partial(_call_or_none, request, absent), action, default_remedy
    )


def call_within[T](seconds: float, request: Callable[[], T], action: Action, default_remedy: str = "") -> T:
    """Return the result of a call.

    Args:
        seconds: how long the call may take. This includes slow resolvers and responses sent byte by byte, which socket
            timeouts do not limit. A call that takes longer continues in its thread, and its result is dropped.
        request: calls AWS. It should create its client too, because that takes time.
        action: the action, for messages.
        default_remedy: see `errors.classify_error`.

    Raises:
        Misconfigured: an operator must act.
        Undelivered: AWS did not respond, or the call may succeed later.

    """
    try:
        return run_within(seconds, partial(_call, request, action, default_remedy))
    except TimeoutError:
        raise make_unreached_error(f"no response within {seconds:.0f} s", action) from None


def _call[T](request: Callable[[], T], action: Action, default_remedy: str) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return request()
    except (ClientError, BotoCoreError) as error:
        raise classify_error(error, action, default_remedy) from None
    except UnicodeError as error:  # a response that is not AWS's
        raise make_unreached_error(type(error).__name__, action) from None
    except ValueError:  # from botocore, for AWS_ENDPOINT_URL=nonsense
        raise Misconfigured(f"{action.failure}: check the environment variables that begin with AWS_") from None


def _call_or_none[T](request: Callable[[], T], absent: Collection[str]) -> T | None:
    from botocore.exceptions import ClientError

    try:
        return request()
    except ClientError as error:
        if read_code(error) in absent:
            return None
        raise


def _make_short_config(attempts: int, read_seconds: float = 2) -> "Config":
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=read_seconds, retries={"total_max_attempts": attempts})


def _make_patient_config(attempts: int = _PATIENT_ATTEMPTS) -> "Config":
    from botocore.config import Config

    # For a table ARN, botocore would use the account's own host name, which few networks allow. It does so since 1.37,
    # and the Lambda runtime may contain 1.36.
    one_host_name = (
        {"account_id_endpoint_mode": "disabled"} if "account_id_endpoint_mode" in Config.OPTION_DEFAULTS else {}
    )
    return Config(
        connect_timeout=2,
        read_timeout=10,
        max_pool_connections=PARALLEL,
        # Slows down if a table or bucket is throttled
        retries={"mode": "adaptive", "total_max_attempts": attempts},
        **one_host_name,  # type: ignore[arg-type]  # it has this one key
    )
