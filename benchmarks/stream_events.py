"""Generate stream events of a feature table from a seed, the same for every contender and every run.

They are typical of a feature store: up to 100 features with a few kinds of values, times in microseconds with `+00:00`,
few resources and jobs, and many entities.
"""

import json
import random
from functools import cache
from itertools import product
from typing import Any, NamedTuple

PAYLOAD_BYTES = 6 * 1024 * 1024
"""The largest size of an event, in bytes: https://docs.aws.amazon.com/lambda/latest/dg/gettingstarted-limits.html"""

_MEASURES = ("txn_amount", "login_attempts", "repayment_delay", "balance", "merchant_spend")
_AGGREGATES = ("sum", "avg", "max", "count")
_WINDOWS = ("1d", "7d", "30d", "90d", "180d")
NAMES = tuple("_".join(parts) for parts in product(_MEASURES, _AGGREGATES, _WINDOWS))
"""The names of 100 features."""

TABLE_ARN = "arn:aws:dynamodb:eu-west-1:123456789012:table/user_feature_store"
_STREAM_ARN = f"{TABLE_ARN}/stream/2026-01-01T00:00:00.000"
_RESOURCES = ("d0_unauth_features", "ncr_unauth_features")
_JOBS = 40
_WORDS = ("gold", "silver", "bangalore")
_FIRST_NUMBER = 4421584500000000017450439000
_CREATED = 1_767_225_600

type Json = dict[str, Any]


class StreamEvent(NamedTuple):
    """One event as JSON text, and its number of records."""

    text: str
    records: int

    def parse(self) -> Json:
        """Parse the event as Lambda's runtime does."""
        parsed: Json = json.loads(self.text)
        return parsed


@cache
def make_stream_event(features: int, records: int | None = None) -> StreamEvent:
    """Make an event with these numbers of features and records. Without a number of records, the event is full."""
    rng = random.Random(features)  # noqa: S311  # the events must be the same every time
    texts: list[str] = []
    room = PAYLOAD_BYTES - len('{"Records":[]}')
    while records is None or len(texts) < records:
        text = json.dumps(_make_record(rng, len(texts), features), separators=(",", ":"))
        room -= len(text) + 1
        if room < 0:
            break
        texts.append(text)
    return StreamEvent(f'{{"Records":[{",".join(texts)}]}}', len(texts))


def _make_record(rng: random.Random, number: int, features: int) -> Json:
    keys = {"bright_uid": {"S": f"user-{rng.randrange(10**8):08}"}, "category": {"S": rng.choice(_RESOURCES)}}
    at = {"S": f"2026-01-01T05:{rng.randrange(60):02}:{rng.randrange(60):02}.{rng.randrange(10**6):06}+00:00"}
    job = {"S": f"spark-job-{rng.randrange(_JOBS):04}-2026-01-01"}
    data = {name: _make_value(rng) for name in NAMES[:features]}
    metadata = {"created_at": at, "updated_at": at, "compute_id": job}
    return {
        "eventID": f"{rng.getrandbits(128):032x}",
        "eventName": rng.choice(("INSERT", "MODIFY")),
        "eventVersion": "1.1",
        "eventSource": "aws:dynamodb",
        "awsRegion": "eu-west-1",
        "dynamodb": {
            "ApproximateCreationDateTime": _CREATED + number // 50,
            "Keys": keys,
            "NewImage": {**keys, "features": {"M": {"data": {"M": data}, "meta": {"M": metadata}}}},
            "SequenceNumber": str(_FIRST_NUMBER + number * 7),
            "SizeBytes": 900,
            "StreamViewType": "NEW_IMAGE",
        },
        "eventSourceARN": _STREAM_ARN,
    }


def _make_value(rng: random.Random) -> Json:
    return rng.choice(
        (
            {"N": str(rng.randrange(10**6))},
            {"N": f"{rng.random() * 1000:.4f}"},
            {"S": rng.choice(_WORDS)},
            {"BOOL": rng.random() < 0.5},
        )
    )
