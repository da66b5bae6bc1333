"""Lambda's entry point: sends again what could not be delivered, dead letters and on-failure batches.

A person invokes it when the cause is fixed, with `sam remote invoke`.
"""

from typing import TYPE_CHECKING, Any

from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.failures.failure_store import FailureStore
from feature_events.failures.on_failure_batch import ON_FAILURE_PREFIX
from feature_events.logs import logger
from feature_events.redrives.report import Report
from feature_events.redrives.request import read_request
from feature_events.redrives.run import Redrive
from feature_events.tables.current_items import CurrentItems
from feature_events.wiring import ANSWER_SECONDS, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> Report:
    """Redrives what the request names (the fields of `redrives.request.Request`) and reports what became of it.

    Raises:
        Misconfigured: the request, a permission or a setting is wrong.
        Undelivered: S3 or DynamoDB did not answer. What was done stays done.

    """
    settings, pipeline = wire()
    if settings.failure_bucket is None:
        raise Misconfigured("there is nothing to redrive from: set FAILURE_BUCKET")
    request = read_request(event, (settings.dead_letter_prefix, ON_FAILURE_PREFIX))
    store = FailureStore(settings.failure_bucket, settings.dead_letter_prefix)
    run = Redrive(request, pipeline, store, CurrentItems())
    left = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    try:
        run.run(Deadline(min(request.seconds, left)), settings.delivery_timeout_ms / 1000)
    finally:
        report = run.report()
        logger.info("redriven", extra={"report": report})
    return report
