"""Runs MiniStack so that it stands in for AWS as this application meets it.

MiniStack starts a Python function on the interpreter it runs on, and that one has every tool of this project installed:
a package missing from the function's layer would be found all the same. AWS's runtime has next to nothing.

MiniStack refuses an alarm on metric math, and with it the whole stack. Here such an alarm is made and never changes its
state: nobody evaluates its expression.

MiniStack calls every error of a function Runtime.HandlerError. AWS names the exception, and a state machine decides by
the name what is tried again.

Use: aws_server.py PYTHON, where PYTHON is the interpreter for the functions.
"""

import re
import sys
from collections.abc import Callable, Mapping
from typing import Any


def accept_metric_math(to_alarm: Callable[..., Any]) -> Callable[..., Any]:
    """MiniStack's own function from an alarm's properties to the alarm, made to take metric math too."""

    def to_any_alarm(name: str, properties: Mapping[str, Any]) -> Any:  # noqa: ANN401 -- MiniStack has no types
        plain = dict(properties)
        queries = plain.pop("Metrics", None)
        if queries:
            plain |= {"Namespace": "MetricMath", "MetricName": queries[0]["Id"]}
        return to_alarm(name, plain)

    return to_any_alarm


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


def main() -> None:
    """Serves until it is ended."""
    sys.executable = sys.argv.pop(1)
    from ministack.app import main as serve  # type: ignore[import-untyped]  # noqa: PLC0415 -- reads sys.executable
    from ministack.services import lambda_svc  # type: ignore[import-untyped]  # noqa: PLC0415
    from ministack.services.cloudformation import provisioners  # type: ignore[import-untyped]  # noqa: PLC0415

    provisioners._cw_metric_alarm_record = accept_metric_math(provisioners._cw_metric_alarm_record)  # noqa: SLF001
    lambda_svc._execute_function_warm = name_errors(lambda_svc._execute_function_warm)  # noqa: SLF001
    serve()


if __name__ == "__main__":
    main()
