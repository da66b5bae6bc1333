"""Calls to DynamoDB, S3 and CloudWatch Logs that each role must allow, and calls that it must deny."""

from tests.template.document import TABLES
from tests.template.iam_evaluation import BUCKET
from tests.template.iam_resources import (
    ALL_OBJECTS,
    BOTH,
    ELSEWHERE,
    LOGS,
    OTHER_BUCKET,
    OWN,
    READS_STREAM,
    SCANS,
    SENDERS,
    STREAM,
    WRITES,
    Case,
    log,
    objects,
    streams,
    tables,
)

TABLE_CASES = [
    Case(
        BOTH,
        "FunctionRole",
        {
            READS_STREAM: streams(*OWN, "one", "two"),
            "dynamodb:DescribeTable": tables(*OWN, "one", "two"),
            "dynamodb:ListStreams": ("*",),
        },
        {
            READS_STREAM: (*streams("another", "ones", "on"), *(f"{table}{STREAM}" for table in ELSEWHERE)),
            "dynamodb:DescribeTable": (*tables("another", "ones"), *ELSEWHERE),
            f"dynamodb:GetItem dynamodb:Query dynamodb:Scan dynamodb:BatchGetItem {WRITES}": tables(*OWN, "one"),
        },
    ),
    Case(
        BOTH,
        "RedriveRole",
        {"dynamodb:GetItem": tables(*OWN, "one", "two")},
        {
            "dynamodb:GetItem": (*tables("another", "ones"), *ELSEWHERE),
            f"dynamodb:DescribeTable dynamodb:Query dynamodb:Scan dynamodb:BatchGetItem {WRITES}": tables(*OWN, "one"),
            READS_STREAM: streams(*OWN, "one"),
        },
    ),
    Case(
        BOTH,
        "BackfillRole",
        {SCANS: tables(*OWN, "one", "two")},
        {
            SCANS: (*tables("another", "ones"), *ELSEWHERE),
            f"dynamodb:GetItem dynamodb:Query {WRITES}": tables(*OWN, "one"),
            READS_STREAM: streams(*OWN, "one"),
        },
    ),
    *(
        Case("attached tables", role, {action: (f"{TABLES[0]}{more}", *wide)}, {action: other})
        for role, action, more, wide, other in (
            (
                "FunctionRole",
                READS_STREAM,
                STREAM,
                streams("prod_orders", "prod_"),
                streams("production", "preprod_orders", *OWN),
            ),
            ("FunctionRole", "dynamodb:DescribeTable", "", tables("prod_orders"), tables("production", *OWN)),
            ("RedriveRole", "dynamodb:GetItem", "", tables("prod_orders"), tables("production", *OWN)),
            ("BackfillRole", SCANS, "", tables("prod_orders"), tables("production", *OWN)),
        )
    ),
    *(
        Case(
            "pinned id", role, {}, {f"{READS_STREAM} {SCANS} dynamodb:GetItem": (*tables(*OWN, "one"), *streams("one"))}
        )
        for role in SENDERS
    ),
    Case("own tables", "RegistrationRole", {}, {f"{SCANS} dynamodb:GetItem": tables(*OWN)}),
]

BUCKET_CASES = [
    Case(
        BOTH,
        "FunctionRole",
        {"s3:PutObject": objects("dead-letters/one", "aws/lambda/one"), "s3:ListBucket": (f"arn:aws:s3:::{BUCKET}",)},
        {
            "s3:PutObject": (*objects("redriven/one", "backfills/one", "one"), f"{OTHER_BUCKET}/dead-letters/one"),
            "s3:ListBucket": (OTHER_BUCKET,),
            "s3:GetObject s3:DeleteObject": ALL_OBJECTS,
        },
    ),
    Case(
        BOTH,
        "RedriveRole",
        {
            "s3:GetObject s3:DeleteObject": objects("dead-letters/one", "aws/lambda/one"),
            "s3:PutObject": objects("redriven/one", "dead-letters/one"),
            "s3:ListBucket": (f"arn:aws:s3:::{BUCKET}",),
        },
        {
            # Only Lambda writes on-failure batches
            "s3:PutObject": (*objects("aws/lambda/one", "backfills/one"), f"{OTHER_BUCKET}/redriven/one"),
            "s3:GetObject s3:DeleteObject": (
                *objects("redriven/one", "backfills/one"),
                f"{OTHER_BUCKET}/dead-letters/one",
            ),
            "s3:DeleteObjectVersion s3:PutBucketPolicy": ALL_OBJECTS,
            "s3:ListBucket": (OTHER_BUCKET,),
        },
    ),
    Case(
        BOTH,
        "BackfillRole",
        {"s3:GetObject s3:PutObject": objects("backfills/run/plan.json")},
        {
            "s3:GetObject s3:PutObject": (
                *objects("dead-letters/one", "redriven/one"),
                f"{OTHER_BUCKET}/backfills/one",
            ),
            "s3:DeleteObject": ALL_OBJECTS,
            "s3:ListBucket": (f"arn:aws:s3:::{BUCKET}",),
        },
    ),
    *(
        Case(
            BOTH,
            "BackfillRole",
            {"s3:ListBucket": (f"arn:aws:s3:::{BUCKET}",)},
            {"s3:ListBucket": (OTHER_BUCKET,)},
            {"s3:prefix": prefix},
        )
        for prefix in ("backfills/run/plan.json", "backfills/run")
    ),
    Case(BOTH, "BackfillRole", {}, {"s3:ListBucket": (f"arn:aws:s3:::{BUCKET}",)}, {"s3:prefix": "dead-letters/"}),
    Case("own tables", "RegistrationRole", {}, {"s3:GetObject s3:PutObject s3:DeleteObject": ALL_OBJECTS}),
]

LOG_CASES = [
    Case("everything", role, {LOGS: (log(function),)}, {LOGS: (log(other),), "logs:CreateLogGroup": (log(function),)})
    for role, function, other in (
        ("FunctionRole", "", "-redrive"),
        ("RedriveRole", "-redrive", ""),
        ("BackfillRole", "-backfill", ""),
        ("RegistrationRole", "-registration", ""),
    )
]
