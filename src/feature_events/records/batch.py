"""Read what a batch says as a whole: its table, and how old it is. Neither fails, whatever the records are.

Lambda makes a batch of one shard of one stream, and keeps its order, so one record can answer for all.
https://docs.aws.amazon.com/lambda/latest/dg/with-ddb.html
"""

from collections.abc import Sequence
from typing import Any

from feature_events.epoch import LATEST_MS
from feature_events.records.position import StreamRecord, read_position


def read_table(records: Sequence[StreamRecord]) -> str | None:
    """Return the name of the table: that of the first record whose ARN is readable."""
    return next(filter(None, (read_position(record).table for record in records)), None)


def read_oldest_ms(records: Sequence[StreamRecord]) -> float | None:
    """Return the stream time of the first record that has one, in milliseconds since the epoch."""
    for record in records:
        body = record.get("dynamodb") if type(record) is dict else None
        created: Any = body.get("ApproximateCreationDateTime") if type(body) is dict else None
        if type(created) in (int, float) and 0 < created * 1000 <= LATEST_MS:  # NaN fails both comparisons
            return float(created * 1000)
    return None
