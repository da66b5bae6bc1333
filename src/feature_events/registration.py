"""Register the shipped schema during deployment, as a custom resource of the CloudFormation stack.

An incompatible schema then fails the deployment instead of the first batch. The function receives the schema id as a
setting and needs no registry. Deleting the resource does not change the registry, because events outlive the stack.

CloudFormation's requests and responses:
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
from feature_events.registries.schema import make_registry
from feature_events.settings.settings import DEFAULT_TOPIC, read_settings
from feature_events.web.exchange import skip_netrc

if TYPE_CHECKING:
    from aws_lambda_powertools.utilities.typing import LambdaContext

RESPONSE_SECONDS = 10.0
"""The part of the invocation's time reserved for the response. CloudFormation waits an hour for a missing one."""

_PAUSES = (0.0, 0.5, 1.0, 2.0)
"""The seconds before each attempt to send the response."""
_TIMEOUT = (1.0, 1.5)
_ATTEMPT_SECONDS = 3.0
"""The most seconds for one attempt, including a slow resolver."""
_END_SECONDS = 1.0
"""The part of the invocation's time reserved for reporting that no response was accepted."""
_REASON_LENGTH = 1500  # a response may have 4096 bytes
_OK = 200


class ResourceResponse(NamedTuple):
    """The response to CloudFormation."""

    status: Literal["SUCCESS", "FAILED"]
    reason: str
    subject: str
    registered: Registered | None = None

    def to_body(self, event: Mapping[str, Any]) -> bytes:
        """Convert the response to this request to JSON."""
        data = {}
        if self.registered:
            version = "" if self.registered.version is None else str(self.registered.version)
            data = {"SchemaId": str(self.registered.id), "SchemaVersion": version}
        body = {
            "Status": self.status,
            "Reason": self.reason.encode("ascii", "replace").decode()[:_REASON_LENGTH],
            # Each topic is a resource. After an update with another id, CloudFormation deletes the old resource.
            "PhysicalResourceId": self.subject,
            "StackId": event.get("StackId"),
            "RequestId": event.get("RequestId"),
            "LogicalResourceId": event.get("LogicalResourceId"),
            "Data": data,
        }
        return json.dumps(body).encode()


@logger.inject_lambda_context(log_event=False)
def handler(event: dict[str, Any], context: "LambdaContext") -> None:
    """Register the schema on Create and Update, do nothing on Delete, and respond in every case.

    Raises:
        Undelivered: the response was not accepted. Lambda retries the invocation.

    """
    seconds = context.get_remaining_time_in_millis() / 1000 - RESPONSE_SECONDS
    response = _handle(event, max(0.0, seconds))
    logger.info("registration answered", status=response.status, reason=response.reason, subject=response.subject)
    left = Deadline(context.get_remaining_time_in_millis() / 1000 - _END_SECONDS)
    _send(event["ResponseURL"], response.to_body(event), left)


def _handle(event: Mapping[str, Any], seconds: float) -> ResourceResponse:
    """Handle a request. Every error becomes a response."""
    known = event.get("PhysicalResourceId") or to_subject(os.environ.get("TOPIC_NAME") or DEFAULT_TOPIC)
    if event.get("RequestType") == "Delete":
        return ResourceResponse("SUCCESS", "The registry keeps the schema.", known)
    try:
        return run_within(seconds, _register)
    except TimeoutError:
        reason = (
            "The schema registry did not respond within this function's time: check its load and the network path to "
            "it, and deploy again; or pin the id of the schema with Schema=id:NUMBER (for Glue, Schema=id:UUID)."
        )
        return ResourceResponse("FAILED", reason, known)
    except FeatureEventsError as error:
        return ResourceResponse("FAILED", str(error), known)
    except Exception as error:  # noqa: BLE001  # CloudFormation waits for a response
        # The text may contain secrets, and everyone who can view the stack would see it
        logger.exception("registration failed")
        return ResourceResponse("FAILED", f"{type(error).__name__}: see the function's log.", known)


def _register() -> ResourceResponse:
    registry = make_registry(read_settings(os.environ, registers=True))
    registered = registry.ensure_registered()
    return ResourceResponse("SUCCESS", "The schema is registered.", registry.subject, registered)


def _send(url: str, body: bytes, deadline: Deadline, sleep: Callable[[float], None] = time.sleep) -> None:
    """Send the response to CloudFormation's URL."""
    import requests

    problem = "no time was left"
    for pause in _PAUSES:
        sleep(min(pause, deadline.remaining()))
        if not deadline.remaining():
            break
        try:
            status = run_within(min(_ATTEMPT_SECONDS, deadline.remaining()), partial(_put, url, body))
        except (requests.RequestException, TimeoutError) as error:
            problem = type(error).__name__
            continue
        if status == _OK:
            return
        problem = f"HTTP {status}"
    raise Undelivered(
        f"CloudFormation did not receive the response ({problem}): check the network path to S3 (in a VPC: a NAT "
        "gateway or a gateway endpoint for s3, whose policy allows cloudformation-custom-resource-response buckets)"
    )


def _put(url: str, body: bytes) -> int:
    """Put the body and return the response's status, without reading the rest."""
    import requests

    # The URL is signed for an empty content type
    headers = {"Content-Type": ""}
    # S3 would reject a login from .netrc in addition to the signature
    with requests.put(url, data=body, headers=headers, auth=skip_netrc, timeout=_TIMEOUT, stream=True) as response:
        return response.status_code
