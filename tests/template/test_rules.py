"""The template refuses combinations of parameters that cannot work, before anything is made."""

import json
from collections.abc import Iterator
from contextlib import contextmanager
from typing import NamedTuple

import boto3
import pytest
from botocore.exceptions import ClientError

from local.environment import REGION
from local.servers.stack import Stack
from tests.template.document import (
    BROKERS,
    CA_SECRET,
    CLUSTER,
    EVERYTHING,
    GLUE_REGISTRY,
    PINNED,
    REGISTRY,
    SECRET,
    STREAMS,
    TABLE_KEY,
    Parameters,
    read_defaults,
    read_template,
)
from tests.template.rule_functions import find_refusals

TEMPLATE = read_template()
GIVEN = {"SchemaRegistry": REGISTRY}
GLUE = {"SchemaRegistry": "glue"}
LATEST = {**GIVEN, "SchemaVersion": "latest", "RegisterSchema": "false"}


class Case(NamedTuple):
    """One assertion, by its description, with parameters that it refuses and the nearest that it accepts."""

    description: str
    refused: Parameters
    accepted: Parameters


CASES = [
    Case(
        "KafkaAuth scram needs KafkaSecretArn, a secret with username and password.",
        PINNED | {"KafkaAuth": "scram"},
        PINNED | {"KafkaAuth": "scram", "KafkaSecretArn": SECRET},
    ),
    Case(
        "KafkaAuth mtls needs KafkaSecretArn, a secret with certificate and privateKey.",
        PINNED | {"KafkaAuth": "mtls"},
        PINNED | {"KafkaAuth": "mtls", "KafkaSecretArn": SECRET},
    ),
    Case(
        "KafkaAuth iam needs KafkaClusterArn, for the policy.",
        PINNED | {"KafkaAuth": "iam"},
        PINNED | {"KafkaAuth": "iam", "KafkaClusterArn": CLUSTER},
    ),
    Case(
        "KafkaSecretArn is for KafkaAuth scram or mtls.",
        PINNED | {"KafkaAuth": "tls", "KafkaSecretArn": SECRET},
        PINNED | {"KafkaAuth": "tls"},
    ),
    Case(
        "KafkaCaSecretArn is for TLS, so KafkaAuth must not be none.",
        PINNED | {"KafkaCaSecretArn": CA_SECRET},
        PINNED | {"KafkaAuth": "tls", "KafkaCaSecretArn": CA_SECRET},
    ),
    Case(
        "StreamArns is either none or a list of stream ARNs.",
        PINNED | {"StreamArns": f"{STREAMS[0]},none"},
        PINNED | {"StreamArns": ",".join(STREAMS)},
    ),
    Case(
        "TableKmsKeyArns is either none or a list of key ARNs.",
        PINNED | {"StreamArns": STREAMS[0], "TableKmsKeyArns": f"none,{TABLE_KEY},none"},
        PINNED | {"StreamArns": STREAMS[0], "TableKmsKeyArns": TABLE_KEY},
    ),
    Case(
        "TableKmsKeyArns are for existing tables, so StreamArns is needed.",
        PINNED | {"TableKmsKeyArns": TABLE_KEY},
        PINNED | {"TableKmsKeyArns": f"{TABLE_KEY},{TABLE_KEY}", "StreamArns": ",".join(STREAMS)},
    ),
    Case(
        "SubnetIds need SecurityGroupIds.",
        PINNED | {"SubnetIds": "subnet-0a1b2c3d"},
        PINNED | {"SubnetIds": "subnet-0a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"},
    ),
    Case(
        "SecurityGroupIds need SubnetIds.",
        PINNED | {"SecurityGroupIds": "sg-0a1b2c3d"},
        PINNED | {"SubnetIds": "subnet-0a1b2c3d,subnet-1a1b2c3d", "SecurityGroupIds": "sg-0a1b2c3d"},
    ),
    Case("Either SchemaRegistry or SchemaId is needed.", {}, GIVEN),
    Case("SchemaId and SchemaVersion contradict each other.", PINNED | LATEST, LATEST),
    Case(
        "SchemaId pins the schema, so AutoRegisterSchemas must be false.",
        PINNED | {"AutoRegisterSchemas": "true"},
        GIVEN | {"AutoRegisterSchemas": "true"},
    ),
    Case(
        "SchemaId pins the schema, so leave SchemaRegistry empty or set RegisterSchema to false.",
        PINNED | GIVEN,
        PINNED | GIVEN | {"RegisterSchema": "false"},
    ),
    Case(
        "SchemaVersion uses the registry schema, so set RegisterSchema to false.",
        LATEST | {"RegisterSchema": "true"},
        LATEST,
    ),
    Case(
        "SchemaVersion uses the registry schema, so AutoRegisterSchemas must be false.",
        LATEST | {"AutoRegisterSchemas": "true"},
        GIVEN | {"AutoRegisterSchemas": "true", "RegisterSchema": "false"},
    ),
    Case(
        "SchemaVersion uses the registry schema, so leave SchemaFile at its default.",
        LATEST | {"SchemaFile": "feature_trigger_v2.avsc"},
        GIVEN | {"SchemaFile": "feature_trigger_v2.avsc"},
    ),
    Case(
        "SchemaRegistrySecretArn is for SchemaRegistry, which is empty.",
        PINNED | {"SchemaRegistrySecretArn": SECRET},
        GIVEN | {"SchemaRegistrySecretArn": SECRET},
    ),
    Case(
        "SchemaRegistryCaSecretArn is for SchemaRegistry, which is empty.",
        PINNED | {"SchemaRegistryCaSecretArn": SECRET},
        GIVEN | {"SchemaRegistryCaSecretArn": SECRET},
    ),
    Case(
        "SchemaRegistrySecretArn is not for AWS Glue, which authenticates by IAM.",
        GLUE | {"SchemaRegistrySecretArn": SECRET},
        GLUE,
    ),
    Case(
        "SchemaRegistryCaSecretArn is not for AWS Glue, which has a public certificate.",
        GLUE | {"SchemaRegistryCaSecretArn": SECRET},
        {"SchemaRegistry": GLUE_REGISTRY},
    ),
    *(
        Case(
            f"DeliveryTimeoutMs must be at least 10 seconds less than Timeout, which is {timeout} seconds.",
            PINNED | {"Timeout": str(timeout), "DeliveryTimeoutMs": str(too_long)},
            PINNED | {"Timeout": str(timeout), "DeliveryTimeoutMs": str(longest)},
        )
        for timeout, longest, too_long in (
            (30, 20000, 30000),
            (60, 50000, 60000),
            (120, 110000, 180000),
            (300, 290000, 600000),
        )
    ),
    Case(
        "AlarmEmail is for the stack's own topic, so leave AlarmTopicArn empty.",
        PINNED | {"AlarmEmail": "a@example.com", "AlarmTopicArn": "arn:aws:sns:us-east-1:123456789012:alarms"},
        PINNED | {"AlarmEmail": "a@example.com"},
    ),
]
ACCEPTED = [case.accepted for case in CASES] + [GIVEN, EVERYTHING]


def to_values(parameters: Parameters) -> dict[str, str]:
    """All parameters, the defaults included."""
    return {**read_defaults(TEMPLATE), **BROKERS, **parameters}


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.description.partition(",")[0])
def test_rules__refuse_what_cannot_work(case: Case) -> None:
    """Each assertion refuses its bad combination, and says so alone."""
    assert find_refusals(TEMPLATE, to_values(case.refused)) == [case.description]


@pytest.mark.parametrize("parameters", ACCEPTED, ids=str)
def test_rules__accept_what_works(parameters: Parameters) -> None:
    """What differs from a bad combination by its remedy passes every rule."""
    assert find_refusals(TEMPLATE, to_values(parameters)) == []


def test_rules__have_a_case_for_each_assertion() -> None:
    """No assertion of the template is untried."""
    told = [assertion["AssertDescription"] for rule in TEMPLATE["Rules"].values() for assertion in rule["Assertions"]]
    assert sorted(told) == sorted(case.description for case in CASES)


def test_delivery_timeouts__fit_where_the_handler_needs_them_to() -> None:
    """The times that a rule lets pass leave ten seconds of the function's timeout, and no other time does."""
    offered = [int(value) for value in TEMPLATE["Parameters"]["DeliveryTimeoutMs"]["AllowedValues"]]
    for timeout in (int(value) for value in TEMPLATE["Parameters"]["Timeout"]["AllowedValues"]):
        values = [to_values(PINNED | {"Timeout": str(timeout), "DeliveryTimeoutMs": str(time)}) for time in offered]
        passing = [time for time, each in zip(offered, values, strict=True) if not find_refusals(TEMPLATE, each)]
        assert passing == [time for time in offered if time <= timeout * 1000 - 10_000]


@pytest.fixture(scope="module")
def template_url(stack: Stack) -> str:
    """Where CloudFormation reads the template from: it is longer than a request may be."""
    template = read_template()
    for resource in template["Resources"].values():
        if isinstance(resource, dict):
            for place in {"CodeUri", "ContentUri", "DefinitionUri"} & resource["Properties"].keys():
                resource["Properties"][place] = "s3://rules/code.zip"
    stack.clients.s3.create_bucket(Bucket="rules")
    stack.clients.s3.put_object(Bucket="rules", Key="template.json", Body=json.dumps(template).encode())
    return f"{stack.aws}/rules/template.json"


@contextmanager
def raises_refusal(description: str) -> Iterator[None]:
    """CloudFormation's answer names the assertion."""
    with pytest.raises(ClientError) as raised:
        yield
    assert description in str(raised.value)


@pytest.mark.parametrize("case", CASES, ids=lambda case: case.description.partition(",")[0])
def test_rules__are_evaluated_before_anything_is_made(stack: Stack, template_url: str, case: Case) -> None:
    """A stack with a bad combination is not even begun."""
    cloudformation = boto3.client(
        "cloudformation",
        endpoint_url=stack.aws,
        region_name=REGION,
        aws_access_key_id="test",
        aws_secret_access_key="test",  # noqa: S106
    )
    with raises_refusal(case.description):
        cloudformation.create_change_set(
            StackName="refused",
            ChangeSetName="refused",
            ChangeSetType="CREATE",
            TemplateURL=template_url,
            Capabilities=["CAPABILITY_IAM", "CAPABILITY_AUTO_EXPAND"],
            Parameters=[
                {"ParameterKey": name, "ParameterValue": value}
                for name, value in (BROKERS | dict(case.refused)).items()
            ],
        )
