"""Registers the shipped schema when the application is deployed, as a custom resource of its CloudFormation stack.

Then a schema that the registry calls incompatible fails the deployment and not the first batch, and the function gets
the schema's id as a setting and needs no registry. Deleting the resource leaves the registry alone: what was written
under the schema outlives the stack.

What CloudFormation asks, and which answers it takes:
https://docs.aws.amazon.com/AWSCloudFormation/latest/UserGuide/crpg-ref-requesttypes.html
"""

import json
import os
import time
from collections.abc import Callable, Mapping
from functools import partial
from typing import TYPE_CHECKING, Any, Literal, NamedTuple

from feature_events.deadline import Deadline, run_within
from feature_events.errors import FeatureEventsError, Undelivered
from feature_events.logs import logger
from feature_events.registries.confluent import to_subject
from feature_events.registries.registry import Registered
from feature_events.registries.schema import register_schema, to_registry
from feature_events.settings.settings import DEFAULT_TOPIC, read_settings
from feature_events.web.exchange import add_no_login

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

ANSWER_SECONDS = 10.0
"""Kept of the invocation's time to answer; CloudFormation would wait an hour for an answer that does not come."""

_PAUSES = (0.0, 0.5, 1.0, 2.0)
"""Seconds before each try to answer."""
_ANSWER_TIMEOUT = (1.0, 1.5)
_TRY_SECONDS = 3.0
"""How long one try may take as a whole, also where a resolver hangs."""
_END_SECONDS = 1.0
"""Kept of the invocation's time to say that no answer was accepted."""
_REASON_LENGTH = 1500  # an answer may have 4096 bytes
_OK = 200


class Answer(NamedTuple):
    """What CloudFormation is told."""

    status: Literal["SUCCESS", "FAILED"]
    reason: str
    subject: str
    registered: Registered | None = None

    def to_body(self, event: Mapping[str, Any]) -> bytes:
        """The answer to this request, as JSON."""
        data = {}
        if self.registered:
            version = "" if self.registered.version is None else str(self.registered.version)
            data = {"SchemaId": str(self.registered.id), "SchemaVersion": version}
        body = {
            "Status": self.status,
            "Reason": self.reason.encode("ascii", "replace").decode()[:_REASON_LENGTH],
            # Another topic is another resource; the same keeps its id, or an update would delete what it has made
            "PhysicalResourceId": self.subject,
            "StackId": event.get("StackId"),
            "RequestId": event.get("RequestId"),
            "LogicalResourceId": event.get("LogicalResourceId"),
            "Data": data,
        }
        return json.dumps(body).encode()


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Registers on Create and Update, does nothing on Delete, and answers whatever happens.

    Raises:
        Undelivered: the answer was not accepted; Lambda invokes again.

    """
    seconds = context.get_remaining_time_in_millis() / 1000 - ANSWER_SECONDS
    answer = _answer(event, max(0.0, seconds))
    logger.info("registration answered", status=answer.status, reason=answer.reason, subject=answer.subject)
    left = Deadline(context.get_remaining_time_in_millis() / 1000 - _END_SECONDS)
    _send(event["ResponseURL"], answer.to_body(event), left)


def _answer(event: Mapping[str, Any], seconds: float) -> Answer:
    """What came of the request; every error is an answer too."""
    known = event.get("PhysicalResourceId") or to_subject(os.environ.get("TOPIC_NAME") or DEFAULT_TOPIC)
    if event.get("RequestType") == "Delete":
        return Answer("SUCCESS", "The registry keeps the schema.", known)
    try:
        return run_within(seconds, _register)
    except TimeoutError:
        reason = (
            "The schema registry did not answer in this function's time: check its load and the network path to it, "
            "and deploy again; or pin the id of the schema with Schema=id:NUMBER (for Glue, Schema=id:UUID)."
        )
        return Answer("FAILED", reason, known)
    except FeatureEventsError as error:
        return Answer("FAILED", str(error), known)
    except Exception as error:  # noqa: BLE001  # CloudFormation waits for an answer
        # Its text may hold anything, and everybody who sees the stack would see it
        logger.exception("registration failed")
        return Answer("FAILED", f"{type(error).__name__}: see the function's log.", known)


def _register() -> Answer:
    settings = read_settings(os.environ, registers=True)
    registered = register_schema(settings)
    return Answer("SUCCESS", "The schema is registered.", to_registry(settings).subject, registered)


def _send(url: str, body: bytes, deadline: Deadline, sleep: Callable[[float], None] = time.sleep) -> None:
    """Puts the answer where CloudFormation looks for it."""
    import requests

    problem = "no time was left"
    for pause in _PAUSES:
        sleep(min(pause, deadline.remaining()))
        if not deadline.remaining():
            break
        try:
            status = run_within(min(_TRY_SECONDS, deadline.remaining()), partial(_put, url, body))
        except (requests.RequestException, TimeoutError) as error:
            problem = type(error).__name__
            continue
        if status == _OK:
            return
        problem = f"HTTP {status}"
    raise Undelivered(
        f"CloudFormation did not accept its answer ({problem}): check the network path to S3 (in a VPC: a NAT "
        "gateway or a gateway endpoint for s3, whose policy allows cloudformation-custom-resource-response buckets)"
    )


def _put(url: str, body: bytes) -> int:
    """The status of the answer, of which nothing more is read."""
    import requests

    # The URL is signed for an empty content type
    headers = {"Content-Type": ""}
    # A login from .netrc beside the URL's signature would be refused by S3
    with requests.put(
        url, data=body, headers=headers, auth=add_no_login, timeout=_ANSWER_TIMEOUT, stream=True
    ) as answer:
        return answer.status_code
