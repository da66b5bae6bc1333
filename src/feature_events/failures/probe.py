"""Asks the failure bucket to take an object: nothing less proves what policies, key and endpoint allow together."""

from feature_events.errors import Misconfigured, Undelivered
from feature_events.probe import Probe
from feature_events.settings import Settings

DEAD_LETTERS = "dead letters"
"""The name of the probe."""

_READ_SECONDS = 3.0


def to_dead_letter_probe(settings: Settings) -> Probe:
    """Puts an empty object beside the dead letters, always the same one."""
    return Probe(DEAD_LETTERS, lambda: _put(settings))


def _put(settings: Settings) -> str:
    bucket, key = settings.dead_letter_bucket, f"{settings.dead_letter_prefix}check"
    if bucket is None:
        raise Misconfigured("there is no bucket for dead letters: set DEAD_LETTER_BUCKET")
    import boto3
    from botocore.config import Config
    from botocore.exceptions import BotoCoreError, ClientError

    config = Config(connect_timeout=1, read_timeout=_READ_SECONDS, retries={"total_max_attempts": 1})
    try:
        boto3.client("s3", config=config).put_object(Bucket=bucket, Key=key, Body=b"")
    except ClientError as error:
        code = error.response.get("Error", {}).get("Code", "an error")
        raise Misconfigured(
            f"S3 answers {code} for {bucket}: check DEAD_LETTER_BUCKET, and grant the function s3:PutObject on "
            f"{settings.dead_letter_prefix}* there, and kms:GenerateDataKey where it has a key of its own"
        ) from None
    except BotoCoreError as error:
        raise Undelivered(
            f"S3 was not reached ({type(error).__name__}): check the network path to it (in a VPC: a NAT gateway or "
            "a gateway endpoint for s3)"
        ) from None
    return f"put {key} into {bucket}"
