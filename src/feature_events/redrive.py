"""Resend undelivered records from dead letters and on-failure batches (Lambda entry point).

An operator invokes the function once the cause is fixed, with `sam remote invoke`.
"""

from typing import TYPE_CHECKING, Any

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.failures.failure_store import FailureStore
from feature_events.failures.on_failure_batch import ON_FAILURE_PREFIX
from feature_events.logs import logger
from feature_events.redrives.report import RedriveReport
from feature_events.redrives.request import read_redrive_request
from feature_events.redrives.run import Redrive
from feature_events.tables.table import Tables
from feature_events.wiring import ANSWER_SECONDS, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> RedriveReport:
    """Redrive the objects that the request names (see `RedriveRequest`), and return a report.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong.
        Undelivered: S3 did not respond. Finished work stays finished.

    """
    settings, pipeline = wire()
    if settings.failure_bucket is None:
        raise Misconfigured("no bucket to redrive from: set FAILURE_BUCKET")
    request = read_redrive_request(event, (settings.dead_letter_prefix, ON_FAILURE_PREFIX))
    store = FailureStore(settings.failure_bucket, settings.dead_letter_prefix)
    run = Redrive(request, pipeline, store, Tables())
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    try:
        run.run(Deadline(min(request.seconds, left)), settings.delivery_timeout_ms / 1000)
    finally:
        report = run.report()
        logger.info("redriven", extra={"report": report})
    return report
