"""What the deployed function wrote to its log, as CloudWatch Logs gives it."""

import json
from collections import Counter
from collections.abc import Iterable

from local.servers.aws_clients import AwsClients


def read_function_log(clients: AwsClients, function: str) -> list[str]:
    """The function's log lines, oldest first; none where it was never invoked."""
    try:
        pages = clients.logs.get_paginator("filter_log_events").paginate(logGroupName=f"/aws/lambda/{function}")
        events = [event for page in pages for event in page["events"]]
    except clients.logs.exceptions.ResourceNotFoundException:
        return []
    return [line for event in events for line in event["message"].splitlines()]


def count_skipped(lines: Iterable[str]) -> Counter[str]:
    """Records without an event, by reason, as the function's metrics in these lines say."""
    skipped: Counter[str] = Counter()
    for line in lines:
        try:
            entry = json.loads(line)
        except ValueError:
            continue
        if isinstance(entry, dict) and "_aws" in entry and "RecordsSkipped" in entry:
            value = entry["RecordsSkipped"]
            skipped[str(entry.get("reason"))] += int(sum(value) if isinstance(value, list) else value)
    return +skipped  # without the zeros
