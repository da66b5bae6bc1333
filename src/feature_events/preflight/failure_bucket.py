"""Asks the failure bucket to take an object: nothing less proves what policies, key and endpoint allow together."""

from feature_events.aws.clients import call_within, make_dead_letter_client
from feature_events.aws.errors import Action
from feature_events.errors import Misconfigured
from feature_events.preflight.check import Check
from feature_events.settings.settings import Settings

DEAD_LETTERS = "dead letters"
"""The name of the probe."""

_PUT_SECONDS = 5.0


def failure_bucket_check(settings: Settings) -> Check:
    """Puts an empty object beside the dead letters, always the same one."""
    return Check(DEAD_LETTERS, lambda: _put(settings))


def _put(settings: Settings) -> str:
    bucket, key = settings.failure_bucket, f"{settings.dead_letter_prefix}check"
    if bucket is None:
        raise Misconfigured("there is no bucket for dead letters: set FAILURE_BUCKET")

    def put() -> None:
        make_dead_letter_client().put_object(Bucket=bucket, Key=key, Body=b"")

    action = Action("s3:PutObject", f"{key} cannot be written into {bucket}")
    call_within(_PUT_SECONDS, put, action, default_remedy="check FAILURE_BUCKET")
    return f"put {key} into {bucket}"
