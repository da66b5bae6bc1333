"""Lambda's entry point: publish a batch of stream records, and return the first undelivered one.

The settings and the pipeline are created once per execution environment, before its first invocation.
"""

import contextlib
import gc
import os
import time
from typing import TYPE_CHECKING, Any

from feature_events import metrics
from feature_events.deadline import Deadline
from feature_events.errors import Misconfigured
from feature_events.logs import logger
from feature_events.outcome import measure_arrival
from feature_events.records.stream_record import read_table
from feature_events.wiring import ANSWER_SECONDS, wire

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

    from feature_events.outcome import BatchResponse
    from feature_events.preflight.run import PreflightReport

_ALLOCATIONS_BETWEEN_COLLECTIONS = 50_000


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> "BatchResponse | PreflightReport":
    """Publish a batch of a DynamoDB stream. The response names the first record that Lambda must retry.

    The event `{"check": true}` runs the preflight check instead and returns its report. `"tables": ["orders"]` in the
    event names the tables to check. By default, these are the application's own tables.
    """
    seconds = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    request = event if type(event) is dict else {}
    if request.get("check") is True:
        return _check(request, seconds)
    records = request.get("Records")
    if type(records) is not list:
        raise Misconfigured("the event has no Records: invoke this function from the stream of a DynamoDB table")
    # Emitted first, so that a batch that fails or times out has an age
    metrics.emit(measure_arrival(records, time.time()), read_table(records))
    settings, pipeline = wire()
    deadline = Deadline(min(settings.delivery_timeout_ms / 1000, seconds))
    return pipeline.run(records, deadline).response()


def _check(event: dict[str, Any], seconds: float) -> "PreflightReport":
    """Run the preflight check, even if the function cannot start."""
    from feature_events.preflight import run

    return run.run_checks(os.environ, Deadline(seconds), event.get("tables"))


# The import must succeed even if there is a bug, so that the preflight check can run. The first invocation wires again
# and raises the error
with contextlib.suppress(Exception):
    wire()

# A batch consists of up to hundreds of thousands of objects, all in use. Collecting garbage after every two thousand
# would take a tenth of the time and find none: the handler leaves no reference cycles
gc.set_threshold(_ALLOCATIONS_BETWEEN_COLLECTIONS)
