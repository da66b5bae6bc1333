"""Run MiniStack with the behavior of AWS that this application needs: `aws_server.py PYTHON`.

- Functions run on the interpreter PYTHON. MiniStack would run them on its own interpreter, which has all tools of this
  project, so a package missing from the layer would not be noticed.
- Alarms can use metric math. The patched MiniStack creates them but never evaluates them. Without the patch, the
  deployment fails.
- Conditions of a template can use Fn::Split.
- An event source mapping is read after an update. MiniStack stores the parameters' texts as its numbers, and then reads
  no stream at all.
- An error of a function has the name of its exception, because the retries of a state machine depend on it. MiniStack
  names every error Runtime.HandlerError.
- Glue has a schema registry, which MiniStack lacks. moto handles these requests in the same process. It compares
  definitions literally, checks no compatibility, and makes new versions AVAILABLE immediately.
- A stream's records are retried from the first one that a response reports in `batchItemFailures`. MiniStack would drop
  them, so an outage of Kafka would lose records that AWS keeps.
- Functions record their calls to AWS (function_calls.py), so that tests can evaluate the policies of their roles.
  MiniStack does not enforce policies.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from types import FunctionType
from typing import Any

RECORDER = Path(__file__).with_name("function_calls.py")


def accept_metric_math(make_alarm: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's function that makes an alarm from its properties, and accept metric math."""

    def make_any_alarm(name: str, properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- MiniStack has no types
        plain = dict(properties)
        queries = plain.pop("Metrics", None)
        if queries:
            plain |= {"Namespace": "MetricMath", "MetricName": queries[0]["Id"]}
        return make_alarm(name, plain)

    return make_any_alarm


def accept_splits(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's function that evaluates a template's conditions, and accept Fn::Split of a parameter."""

    def evaluate_any(template: Mapping[str, Any], parameters: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- MiniStack has no types
        def split(node: Any) -> Any:  # noqa: ANN401 -- a part of a template
            if isinstance(node, list):
                return [split(each) for each in node]
            if not isinstance(node, dict):
                return node
            if "Fn::Split" in node:
                delimiter, source = node["Fn::Split"]
                return parameters[source["Ref"]]["Value"].split(delimiter)
            return {name: split(each) for name, each in node.items()}

        return evaluate({**template, "Conditions": split(template.get("Conditions", {}))}, parameters)

    return evaluate_any


def convert_numbers(update: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's function that updates an event source mapping, and convert texts of numbers to numbers."""

    def update_with_numbers(
        physical_id: str, old_props: Mapping[str, Any], new_props: Mapping[str, Any], stack_name: str
    ) -> Any:  # noqa: ANN401 -- MiniStack has no types
        texts = {name: value for name, value in new_props.items() if isinstance(value, str)}
        numbers = {name: int(text) for name, text in texts.items() if re.fullmatch(r"-?\d+", text)}
        return update(physical_id, old_props, {**new_props, **numbers}, stack_name)

    return update_with_numbers


def name_errors(execute: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's function that executes a Lambda function, and return the exception's name as the error type."""

    def execute_and_name(*invocation: Any) -> Any:  # noqa: ANN401 -- MiniStack has no types
        response = execute(*invocation)
        body = response.get("body")
        if response.get("error") and body.get("errorType") == "Runtime.HandlerError":
            raised = re.search(
                rf"^(?:\w+\.)*(\w+): {re.escape(body['errorMessage'])}", response.get("log", ""), re.MULTILINE
            )
            body["errorType"] = raised[1] if raised else body["errorType"]
        return response

    return execute_and_name


def retry_reported_records(execute: Callable[..., Any], skip: Callable[[Any, Any, int], None]) -> Callable[..., Any]:
    """Wrap MiniStack's function that passes a batch of a stream to a function, and retry the records that it reports.

    MiniStack retries a batch from its first record after an error. So the wrapper returns an error.

    Args:
        execute: MiniStack's function.
        skip: moves the position in the stream over the records before the first reported one. It receives the function,
            the event and the number of records.

    """

    def execute_and_retry(function: Any, event: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- MiniStack has no types
        result = execute(function, event)
        reported = None if result.get("error") else find_reported(event["Records"], result.get("body"))
        if reported is None:
            return result
        skip(function, event, reported)
        return {**result, "error": True, "body": {"errorType": "PartialBatch", "errorMessage": f"from {reported}"}}

    return execute_and_retry


def find_reported(records: Sequence[Mapping[str, Any]], response: object) -> int | None:
    """Return the position of the first record that a response reports, or None. An unknown identifier reports all."""
    failures = response.get("batchItemFailures") if isinstance(response, dict) else None
    if not failures:
        return None
    identifiers = {failure["itemIdentifier"] for failure in failures}
    numbers = [record["dynamodb"]["SequenceNumber"] for record in records]
    return min((numbers.index(each) if each in numbers else 0) for each in identifiers)


def add_schema_registry(handle: Callable[..., Any]) -> Callable[..., Any]:
    """Wrap MiniStack's handler of Glue requests, and pass those for the schema registry to moto."""

    async def handle_any(method: str, path: str, headers: Mapping[str, str], body: bytes, query: object) -> Any:  # noqa: ANN401 -- MiniStack has no types
        if re.fullmatch(r"AWSGlue\.\w*(Schema|Registr)\w*", headers.get("x-amz-target", "")):
            return await asyncio.to_thread(request_moto, method, f"https://glue.amazonaws.com{path}", headers, body)
        return await handle(method, path, headers, body, query)

    return handle_any


def request_moto(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """Send a request to moto's Glue. The import takes a second, so it happens on first use."""
    from moto.core.request import Request  # noqa: PLC0415
    from moto.glue.responses import GlueResponse  # noqa: PLC0415
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415

    try:
        status, sent, content = GlueResponse.dispatch(Request.from_primitives(method, url, headers, body))
    except HTTPException as error:
        status, sent, content = error.code or 400, error.get_headers(), error.get_body()
    return status, dict(sent), content.encode() if isinstance(content, str) else content


def make_poller(lambda_svc: Any) -> FunctionType:  # noqa: ANN401 -- MiniStack has no types
    """Return MiniStack's function that polls streams, with retries of reported records."""

    def skip(function: Mapping[str, Any], event: Mapping[str, Any], records: int) -> None:
        source = event["Records"][0]["eventSourceARN"]
        name = (function.get("config") or function)["FunctionName"]
        with lambda_svc._dynamodb_stream_positions_lock:  # noqa: SLF001
            for _, _, mapping in lambda_svc._iter_all_esms():  # noqa: SLF001
                if (mapping["EventSourceArn"], mapping["FunctionName"]) == (source, name):
                    lambda_svc._dynamodb_stream_positions[mapping["UUID"]] += records  # noqa: SLF001

    execute = retry_reported_records(lambda_svc._execute_function, skip)  # noqa: SLF001
    return FunctionType(lambda_svc._poll_dynamodb_streams.__code__, {**vars(lambda_svc), "_execute_function": execute})  # noqa: SLF001


def main() -> None:
    """Serve until the process is killed."""
    sys.executable = sys.argv.pop(1)
    from ministack.app import main as serve  # type: ignore[import-untyped]  # noqa: PLC0415 -- reads sys.executable
    from ministack.core import lambda_runtime  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services import glue, lambda_svc  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services.cloudformation import (  # type: ignore[import-untyped]  # noqa: PLC0415
        changesets,
        handlers,
        provisioners,
        stacks,
    )

    provisioners._cw_metric_alarm_record = accept_metric_math(provisioners._cw_metric_alarm_record)  # noqa: SLF001
    for module in (changesets, handlers, stacks):
        module._evaluate_conditions = accept_splits(module._evaluate_conditions)  # noqa: SLF001
    mapping = provisioners._RESOURCE_HANDLERS["AWS::Lambda::EventSourceMapping"]  # noqa: SLF001
    mapping["update"] = convert_numbers(mapping["update"])
    lambda_svc._execute_function_warm = name_errors(lambda_svc._execute_function_warm)  # noqa: SLF001
    lambda_svc._poll_dynamodb_streams = make_poller(lambda_svc)  # noqa: SLF001
    lambda_runtime._PYTHON_WORKER_SCRIPT = RECORDER.read_text() + lambda_runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    glue.handle_request = add_schema_registry(glue.handle_request)
    serve()


if __name__ == "__main__":
    main()
