"""Runs MiniStack so that it stands in for AWS as this application meets it.

MiniStack starts a Python function on the interpreter it runs on, and that one has every tool of this project installed:
a package missing from the function's layer would be found all the same. AWS's runtime has next to nothing.

MiniStack refuses an alarm on metric math, and with it the whole stack. Here such an alarm is made and never changes its
state: nobody evaluates its expression.

MiniStack knows no Fn::Split in a condition of a template; AWS does.

MiniStack calls every error of a function Runtime.HandlerError. AWS names the exception, and a state machine decides by
the name what is tried again.

MiniStack's Glue has no schema registry; moto's has one, so it answers these requests, in the same process. It compares
a definition to the letter, checks no compatibility, and has a new version AVAILABLE at once.

MiniStack enforces no policies of a function's role. Each function records its calls to AWS (function_calls.py), so that
tests can evaluate them.

Use: aws_server.py PYTHON, where PYTHON is the interpreter for the functions.
"""

import asyncio
import re
import sys
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

RECORDER = Path(__file__).with_name("function_calls.py")


def accept_metric_math(to_alarm: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's own function from an alarm's properties to the alarm, made to take metric math too."""

    def to_any_alarm(name: str, properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- MiniStack has no types
        plain = dict(properties)
        queries = plain.pop("Metrics", None)
        if queries:
            plain |= {"Namespace": "MetricMath", "MetricName": queries[0]["Id"]}
        return to_alarm(name, plain)

    return to_any_alarm


def accept_splits(evaluate: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's own evaluation of a template's conditions, made to take a parameter apart too."""

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


def name_errors(execute: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's own execution of a function, made to name an error by its exception."""

    def execute_and_name(*invocation: Any) -> Any:  # noqa: ANN401 -- MiniStack has no types
        answer = execute(*invocation)
        body = answer.get("body")
        if answer.get("error") and body.get("errorType") == "Runtime.HandlerError":
            raised = re.search(
                rf"^(?:\w+\.)*(\w+): {re.escape(body['errorMessage'])}", answer.get("log", ""), re.MULTILINE
            )
            body["errorType"] = raised[1] if raised else body["errorType"]
        return answer

    return execute_and_name


def add_schema_registry(handle: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's own answer to a request for Glue, made to leave the schema registry's to moto."""

    async def handle_any(method: str, path: str, headers: Mapping[str, str], body: bytes, query: object) -> Any:  # noqa: ANN401 -- MiniStack has no types
        if re.fullmatch(r"AWSGlue\.\w*(Schema|Registr)\w*", headers.get("x-amz-target", "")):
            return await asyncio.to_thread(ask_moto, method, f"https://glue.amazonaws.com{path}", headers, body)
        return await handle(method, path, headers, body, query)

    return handle_any


def ask_moto(method: str, url: str, headers: Mapping[str, str], body: bytes) -> tuple[int, dict[str, str], bytes]:
    """What moto's Glue answers; it is imported when it is first asked, since that takes a second."""
    from moto.core.request import Request  # noqa: PLC0415
    from moto.glue.responses import GlueResponse  # noqa: PLC0415
    from werkzeug.exceptions import HTTPException  # noqa: PLC0415

    try:
        status, sent, answer = GlueResponse.dispatch(Request.from_primitives(method, url, headers, body))
    except HTTPException as refused:
        status, sent, answer = refused.code or 400, refused.get_headers(), refused.get_body()
    return status, dict(sent), answer.encode() if isinstance(answer, str) else answer


def main() -> None:
    """Serves until it is ended."""
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
    lambda_svc._execute_function_warm = name_errors(lambda_svc._execute_function_warm)  # noqa: SLF001
    lambda_runtime._PYTHON_WORKER_SCRIPT = RECORDER.read_text() + lambda_runtime._PYTHON_WORKER_SCRIPT  # noqa: SLF001
    glue.handle_request = add_schema_registry(glue.handle_request)
    serve()


if __name__ == "__main__":
    main()
