"""Makes AWS's clients, each with the patience that its purpose allows, and bounds how long a request takes.

The stream's function has seconds and is retried; a run that a person starts has minutes and should get through.
boto3 costs more to import than everything else here together, so it is imported when the first client is made.
"""

from collections.abc import Callable, Collection
from functools import partial
from typing import TYPE_CHECKING

from feature_events.aws.errors import Action, read_code, to_error, to_unanswered
from feature_events.deadline import run_within
from feature_events.errors import Misconfigured

if TYPE_CHECKING:
    from botocore.config import Config
    from mypy_boto3_dynamodb import DynamoDBClient
    from mypy_boto3_glue import GlueClient
    from mypy_boto3_s3 import S3Client
    from mypy_boto3_secretsmanager import SecretsManagerClient

PARALLEL = 16
"""How many requests a run makes at once."""

REQUEST_SECONDS = 30.0
"""How long one request of a run may take with its retries."""


def make_secrets_client(region: str) -> "SecretsManagerClient":
    """For the stream's function, which waits for a secret before it can do anything."""
    import boto3

    return boto3.client("secretsmanager", region_name=region, config=_to_short_config(attempts=2))


def make_glue_client(region: str | None) -> "GlueClient":
    """For whoever asks Glue for the schema; without a region, in that of the function."""
    import boto3

    return boto3.client("glue", region_name=region, config=_to_short_config(attempts=2, read_seconds=4))


def make_dead_letter_client() -> "S3Client":
    """For the stream's function; a put is not tried twice, since Lambda retries the record."""
    import boto3

    return boto3.client("s3", config=_to_short_config(attempts=1))


def make_failure_store_client() -> "S3Client":
    """For runs that a person starts."""
    import boto3

    return boto3.client("s3", config=_to_patient_config())


def make_tables_client() -> "DynamoDBClient":
    """For runs that a person starts."""
    import boto3

    return boto3.client("dynamodb", config=_to_patient_config())


def ask[T](request: Callable[[], T], action: Action) -> T:
    """What a run's request gives, within `REQUEST_SECONDS`; raises as `ask_within` does."""
    return ask_within(REQUEST_SECONDS, request, action)


def ask_or_none[T](
    request: Callable[[], T],
    action: Action,
    absent: Collection[str],
    seconds: float | None = None,
    otherwise: str = "",
) -> T | None:
    """The same, of what need not be there: None where AWS answers with one of the codes in `absent`."""
    return ask_within(
        REQUEST_SECONDS if seconds is None else seconds, partial(_ask_or_none, request, absent), action, otherwise
    )


def ask_within[T](seconds: float, request: Callable[[], T], action: Action, otherwise: str = "") -> T:
    """What a request gives.

    Args:
        seconds: how long it may take, also where a resolver hangs or the answer comes byte by byte, which no timeout
            of a socket ends; after that it is left to itself.
        request: asks AWS; a client that it needs is best made within it, since that takes time too.
        action: what it asks for.
        otherwise: see `errors.to_error`.

    Raises:
        Misconfigured: a person must change something.
        Undelivered: AWS did not answer, or it may work later.

    """
    try:
        return run_within(seconds, partial(_ask, request, action, otherwise))
    except TimeoutError:
        raise to_unanswered(f"no answer within {seconds:.0f} s", action) from None


def _ask[T](request: Callable[[], T], action: Action, otherwise: str) -> T:
    from botocore.exceptions import BotoCoreError, ClientError

    try:
        return request()
    except (ClientError, BotoCoreError) as error:
        raise to_error(error, action, otherwise) from None
    except UnicodeError as error:  # an answer that is not AWS's
        raise to_unanswered(type(error).__name__, action) from None
    except ValueError:  # botocore raises it as it is for AWS_ENDPOINT_URL=nonsense
        raise Misconfigured(f"{action.failure}: check the environment variables that begin with AWS_") from None


def _ask_or_none[T](request: Callable[[], T], absent: Collection[str]) -> T | None:
    from botocore.exceptions import ClientError

    try:
        return request()
    except ClientError as error:
        if read_code(error) in absent:
            return None
        raise


def _to_short_config(attempts: int, read_seconds: float = 2) -> "Config":
    from botocore.config import Config

    return Config(connect_timeout=1, read_timeout=read_seconds, retries={"total_max_attempts": attempts})


def _to_patient_config() -> "Config":
    from botocore.config import Config

    # A table that is named by its ARN would else be asked under its account's own host name, which few networks expect.
    # botocore has such names since 1.37, and AWS's runtime may bring 1.36.
    one_host_name = (
        {"account_id_endpoint_mode": "disabled"} if "account_id_endpoint_mode" in Config.OPTION_DEFAULTS else {}
    )
    return Config(
        connect_timeout=2,
        read_timeout=10,
        max_pool_connections=PARALLEL,
        # Slows down where a table or bucket is asked too often, and goes on
        retries={"mode": "adaptive", "total_max_attempts": 8},
        **one_host_name,  # type: ignore[arg-type]  # one text by its name
    )
