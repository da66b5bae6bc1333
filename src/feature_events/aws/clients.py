"""How many requests to AWS go out at once, and whose turn it is when one fails.

For runs that a person starts; the function on the stream makes none but of dead letters, and those in its own way.
"""

from collections.abc import Callable

from botocore.config import Config
from botocore.exceptions import BotoCoreError, ClientError, ReadTimeoutError

from feature_events.deadline import run_within
from feature_events.errors import FeatureEventsError, Misconfigured, Undelivered

PARALLEL = 16
"""How many requests are made at once."""

REQUEST_SECONDS = 30.0
"""How long one request may take with its retries, also where a resolver hangs or the answer comes byte by byte."""

# A table that is named by its ARN would else be asked under its account's own host name, which few networks expect.
# botocore has such names since 1.37, and AWS's runtime may bring 1.36.
_ONE_HOST_NAME = (
    {"account_id_endpoint_mode": "disabled"} if "account_id_endpoint_mode" in Config.OPTION_DEFAULTS else {}
)

CONFIG = Config(
    connect_timeout=2,
    read_timeout=10,
    max_pool_connections=PARALLEL,
    # Slows down where a table or bucket is asked too often, and goes on
    retries={"mode": "adaptive", "total_max_attempts": 8},
    **_ONE_HOST_NAME,  # type: ignore[arg-type]  # one text by its name
)

type AwsError = ClientError | BotoCoreError

_FORBIDDEN = ("AccessDenied", "AccessDeniedException", "403")


def ask[T](request: Callable[[], T]) -> T:
    """What the request gives or raises; a BotoCoreError after `REQUEST_SECONDS`, when it is left to itself."""
    try:
        return run_within(REQUEST_SECONDS, request)
    except TimeoutError:
        raise ReadTimeoutError(endpoint_url="AWS") from None


def to_code(error: AwsError) -> str | None:
    """AWS's code of an error; None where there was no answer."""
    if isinstance(error, ClientError):
        return str(error.response.get("Error", {}).get("Code", ""))
    return None


def to_error(error: AwsError, action: str) -> FeatureEventsError:
    """What to do about a request that failed; `action` is what it asked for, and on what."""
    code = to_code(error)
    return Undelivered(f"{action} was not answered: {type(error).__name__}") if code is None else explain(code, action)


def explain(code: str, action: str) -> FeatureEventsError:
    """The same, of an answer with this code."""
    if code in _FORBIDDEN:
        return Misconfigured(f"the function may not do {action}: grant it, and the use of the key where it has one")
    if code == "NoSuchBucket":
        return Misconfigured(f"{action}: there is no such bucket: set DEAD_LETTER_BUCKET to the failure bucket")
    return Undelivered(f"{action} was answered with {code or 'an error'}; run it again")
