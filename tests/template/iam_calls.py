"""Calls to AWS that each role must allow, and calls that it must deny."""

from tests.template.document import (
    CA_SECRET,
    CLUSTER,
    GLUE_REGISTRY,
    KEY,
    PLACE,
    REGISTRY_CA_SECRET,
    REGISTRY_SECRET,
    SECRET,
    SECRETS_KEY,
    TABLE_KEY,
)
from tests.template.expansion import STACK
from tests.template.iam_data_calls import BUCKET_CASES, LOG_CASES, TABLE_CASES
from tests.template.iam_resources import ALL_OBJECTS, OWN, SENDERS, Case, glue, tables, via

OTHER_KEY = KEY.replace("000000000002", "000000000009")
OTHER_SECRET = SECRET.replace("AmazonMSK", "AmazonMSK_other")
GET_VALUE = "secretsmanager:GetSecretValue"
READS_KAFKA = {GET_VALUE: (SECRET, CA_SECRET)}
READS_REGISTRY = {GET_VALUE: (REGISTRY_SECRET, REGISTRY_CA_SECRET)}

SECRET_CASES = [
    # After the registration, the functions that publish do not need the registry
    *(
        Case("everything", role, READS_KAFKA, {GET_VALUE: (*READS_REGISTRY[GET_VALUE], OTHER_SECRET)})
        for role in SENDERS
        if role != "BackfillRole"
    ),
    Case(
        "everything",
        "BackfillRole",
        {GET_VALUE: (*READS_KAFKA[GET_VALUE], *READS_REGISTRY[GET_VALUE])},
        {GET_VALUE: (OTHER_SECRET,)},
    ),
    Case(
        "registry with a key",
        "BackfillRole",
        {**READS_REGISTRY, "kms:Decrypt": (SECRETS_KEY,)},
        {GET_VALUE: (OTHER_SECRET,), "kms:Decrypt": (OTHER_KEY,), "kms:Encrypt": (SECRETS_KEY,)},
        via("secretsmanager"),
    ),
    Case("registry with a key", "BackfillRole", {}, {"kms:Decrypt": (SECRETS_KEY,)}),
    *(Case("registry looked up", role, READS_REGISTRY, {GET_VALUE: (SECRET, OTHER_SECRET)}) for role in SENDERS),
    Case("everything", "RegistrationRole", READS_REGISTRY, {GET_VALUE: (SECRET, CA_SECRET, OTHER_SECRET)}),
    *(
        Case(
            "everything",
            role,
            {"kms:Decrypt": (SECRETS_KEY,)},
            {"kms:Decrypt": (OTHER_KEY,), "kms:GenerateDataKey kms:Encrypt": (SECRETS_KEY,)},
            via("secretsmanager"),
        )
        for role in (*SENDERS, "RegistrationRole")
    ),
    *(
        Case("everything", role, {}, {"kms:Decrypt": (SECRETS_KEY,)}, context)
        for role in (*SENDERS, "RegistrationRole")
        for context in ({}, via("s3"))
    ),
    *(
        Case(
            "everything",
            role,
            {"kms:Decrypt kms:DescribeKey": (TABLE_KEY,)},
            {"kms:Decrypt kms:DescribeKey": (OTHER_KEY,), "kms:GenerateDataKey": (TABLE_KEY,)},
            via("dynamodb"),
        )
        for role in SENDERS
    ),
    *(
        Case("everything", role, {}, {"kms:Decrypt kms:DescribeKey": (TABLE_KEY,)}, context)
        for role in (*SENDERS, "RegistrationRole")
        for context in ({}, via("s3"))
    ),
    *(
        Case("everything", role, {"kms:Decrypt kms:GenerateDataKey": (KEY,)}, {"kms:Decrypt": (OTHER_KEY,)})
        for role in SENDERS
    ),
    Case(
        "everything",
        "RegistrationRole",
        {"kms:Decrypt": (KEY,)},
        {"kms:Decrypt": (OTHER_KEY,), "kms:GenerateDataKey": (KEY,)},
    ),
    Case("everything", "BackfillStateMachineRole", {}, {"kms:Decrypt": (KEY, SECRETS_KEY, TABLE_KEY)}),
]

ON_CLUSTER = "kafka-cluster:Connect kafka-cluster:WriteDataIdempotently"
ON_TOPIC = "kafka-cluster:DescribeTopic kafka-cluster:WriteData"
DESCRIBES_CONFIGURATION = "kafka-cluster:DescribeTopicDynamicConfiguration"
TOPIC = f"{CLUSTER.replace(':cluster/', ':topic/')}/FEATURE_AVAILABILITY_EVENTS"
READS_TOPIC, DESCRIBES_GROUP = "kafka-cluster:ReadData", "kafka-cluster:DescribeGroup"
GROUP = f"{CLUSTER.replace(':cluster/', ':group/')}/feature-events-backfill"
INTERFACES = (
    "ec2:AssignPrivateIpAddresses ec2:CreateNetworkInterface ec2:DeleteNetworkInterface "
    "ec2:DescribeNetworkInterfaces ec2:DescribeSubnets ec2:UnassignPrivateIpAddresses"
)
NETWORK_CASES = [
    *(
        Case(
            "IAM in a VPC",
            role,
            {ON_CLUSTER: (CLUSTER,), ON_TOPIC: (TOPIC,), INTERFACES: ("*",)},
            {
                ON_CLUSTER: (CLUSTER.replace("features", "other"),),
                ON_TOPIC: (f"{TOPIC}2", TOPIC.replace("features", "other")),
                "kafka-cluster:CreateTopic kafka-cluster:AlterTopic": (TOPIC,),
                "ec2:RunInstances": ("*",),
            },
        )
        for role in SENDERS
    ),
    Case(
        "IAM in a VPC",
        "BackfillRole",
        {READS_TOPIC: (TOPIC,), DESCRIBES_GROUP: (GROUP,)},
        {
            READS_TOPIC: (f"{TOPIC}2", TOPIC.replace("features", "other")),
            DESCRIBES_GROUP: (f"{GROUP}2", GROUP.replace("features", "other")),
            "kafka-cluster:AlterGroup": (GROUP,),
        },
    ),
    *(
        Case("IAM in a VPC", role, {}, {READS_TOPIC: (TOPIC,), DESCRIBES_GROUP: (GROUP,)})
        for role in SENDERS
        if role != "BackfillRole"
    ),
    Case(
        "IAM in a VPC",
        "FunctionRole",
        {DESCRIBES_CONFIGURATION: (TOPIC,)},
        {
            DESCRIBES_CONFIGURATION: (f"{TOPIC}2", TOPIC.replace("features", "other")),
            "kafka-cluster:AlterTopicDynamicConfiguration": (TOPIC,),
        },
    ),
    *(Case("IAM in a VPC", role, {}, {DESCRIBES_CONFIGURATION: (TOPIC,)}) for role in ("RedriveRole", "BackfillRole")),
    Case("SCRAM with keys", "FunctionRole", {}, {DESCRIBES_CONFIGURATION: (TOPIC,)}),
    *(
        Case(
            "everything" if role == "RegistrationRole" else "IAM in a VPC",
            role,
            {},
            {INTERFACES: ("*",)},
            {"lambda:SourceFunctionArn": f"arn:aws:lambda:{PLACE}:function:{STACK}"},
        )
        for role in (*SENDERS, "RegistrationRole")
    ),
    Case("everything", "RegistrationRole", {INTERFACES: ("*",)}, {ON_TOPIC: (TOPIC,)}),
    *(
        Case("SCRAM with keys", role, {}, {f"{ON_CLUSTER} {ON_TOPIC}": (CLUSTER, TOPIC), INTERFACES: ("*",)})
        for role in SENDERS
    ),
]

READS_GLUE = "glue:GetSchemaByDefinition glue:GetSchemaVersion"
WRITES_GLUE = "glue:CreateSchema glue:RegisterSchemaVersion"
EVENTS = "FEATURE_AVAILABILITY_EVENTS"
NAMED = GLUE_REGISTRY.rpartition("/")[2]


def _without_ids(role: str) -> str:
    """Return the reads that Glue denies to a role for another schema. The backfill reads any schema by its id."""
    return READS_GLUE.split(maxsplit=1)[0] if role == "BackfillRole" else READS_GLUE


GLUE_CASES = [
    Case("Glue", "BackfillRole", {"glue:GetSchemaVersion": ("*",)}, {f"glue:DeleteSchema {WRITES_GLUE}": ("*",)}),
    *(
        Case(
            f"{registry}{looked_up}",
            role,
            {READS_GLUE: schema} if looked_up else {f"{READS_GLUE} {WRITES_GLUE}": schema},
            {
                f"{_without_ids(role)} {WRITES_GLUE}": glue("other", EVENTS) + glue(name, "other")[1:],
                f"glue:DeleteSchema{f' {WRITES_GLUE}' if looked_up else ''}": schema,
            },
        )
        for registry, name in (("Glue", "default-registry"), ("named Glue registry", NAMED))
        for schema in (glue(name, EVENTS),)
        for looked_up, roles in (("", ("RegistrationRole",)), (" looked up", SENDERS))
        for role in roles
    ),
    *(
        Case(
            parameters,
            role,
            {},
            {
                f"{_without_ids(role) if 'Glue' in parameters else READS_GLUE} {WRITES_GLUE}": (
                    glue("default-registry", EVENTS) + glue(NAMED, EVENTS)
                )
            },
        )
        for parameters, roles in (
            ("Glue", SENDERS),
            ("named Glue registry", SENDERS),
            ("own tables", (*SENDERS, "RegistrationRole")),
            ("pinned id", SENDERS),
        )
        for role in roles
    ),
]

STATES = f"arn:aws:states:{PLACE}"
EXECUTIONS = "states:DescribeExecution states:StopExecution"
INVOKE = "lambda:InvokeFunction"
FUNCTION = f"arn:aws:lambda:{PLACE}:function:{STACK}"
STATE_MACHINE_CASES = [
    Case(
        "own tables",
        "BackfillStateMachineRole",
        {
            INVOKE: (f"{FUNCTION}-backfill",),
            "states:StartExecution": (f"{STATES}:stateMachine:{STACK}-backfill",),
            EXECUTIONS: (f"{STATES}:execution:{STACK}-backfill:run-1",),
            "states:RedriveExecution": tuple(
                f"{STATES}:execution:{STACK}-backfill/{label}:0b1c" for label in ("Segments", "Partitions", "Buckets")
            ),
        },
        {
            INVOKE: (FUNCTION, f"{FUNCTION}-redrive"),
            "states:StartExecution": (f"{STATES}:stateMachine:{STACK}", f"{STATES}:stateMachine:{STACK}-backfill2"),
            EXECUTIONS: (f"{STATES}:execution:other:run-1",),
            "states:RedriveExecution": (f"{STATES}:execution:other/Segments:0b1c",),
            "states:DeleteStateMachine": (f"{STATES}:stateMachine:{STACK}-backfill",),
            "s3:GetObject": ALL_OBJECTS,
            "dynamodb:Scan": tables(*OWN),
        },
    ),
    *(
        Case(
            "own tables", role, {}, {INVOKE: (FUNCTION, f"{FUNCTION}-backfill"), "iam:PassRole sts:AssumeRole": ("*",)}
        )
        for role in (*SENDERS, "RegistrationRole")
    ),
]

CASES = [
    *TABLE_CASES,
    *BUCKET_CASES,
    *LOG_CASES,
    *SECRET_CASES,
    *NETWORK_CASES,
    *GLUE_CASES,
    *STATE_MACHINE_CASES,
]
